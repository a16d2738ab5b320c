//! What `hopscope explain` tells of a finding and of a flow, word by word, and what it answers to wrong names.
#![cfg(test)]

#[path = "support/replay.rs"]
mod replay;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const CHAIN: &str = "socks-proxy/hit-proxychains-two-hops.pcap";
const DATAGRAMS: &str = "socks-proxy/hit-dante-udp.pcap";
const QUIET: &str = "http-forward-proxy/miss-ordinary-web.pcap";

#[test]
fn a_finding_is_explained_line_by_line() {
    assert_eq!(
        explain(&["finding", "52045460b3bc116c"], CHAIN),
        told(FINDING)
    );
    assert_eq!(explain(&["finding", "52"], CHAIN), told(FINDING));
}

#[test]
fn a_flow_is_explained_with_its_sizes_drawn() {
    for selector in [
        "1:SNVR1LZmWYmbGlDPnAEfsXYAcJE=",
        "10.9.1.10:54566-10.9.2.20:1080",
        "10.9.2.20:1080-10.9.1.10:54566/tcp",
    ] {
        assert_eq!(
            explain(&["flow", selector], CHAIN),
            told(FLOW),
            "{selector}"
        );
    }
}

#[test]
fn datagrams_are_explained_by_what_they_name() {
    let cases = [
        (
            "10.9.1.10:57630-10.9.2.20:58631/udp",
            "target       192.0.2.53:53\n",
        ),
        (
            "10.9.2.20:57630-192.0.2.53:53",
            "dns answers  web.example.test is 192.0.2.80\n",
        ),
    ];
    for (selector, part) in cases {
        let (code, output, _) = explain(&["flow", selector], DATAGRAMS);
        assert!(
            code == 0 && output.starts_with("udp ") && output.contains(part),
            "{output}"
        );
        assert!(output.contains(": a guess, from the ports"), "{output}");
    }
}

#[test]
fn every_use_of_the_same_ends_is_shown_in_order() {
    let day = std::fs::read(path(CHAIN)).unwrap();
    let mut command = command(&["flow", "10.9.1.10:54566-10.9.2.20:1080", "-"]);
    let mut running = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(&with_an_hour_later(&day)).unwrap();
    drop(stdin);
    let (code, output, _) = answer(running.wait_with_output().unwrap());
    let again = FLOW.replace("T08:14", "T09:14");
    assert_eq!((code, output), (0, format!("{FLOW}\n{again}")));
}

/// A pcap file, and all its frames once more, an hour later.
fn with_an_hour_later(file: &[u8]) -> Vec<u8> {
    let (header, mut frames) = file.split_at(24);
    let mut later = Vec::new();
    while let [s0, s1, s2, s3, _, _, _, _, l0, l1, l2, l3, ..] = *frames {
        let seconds = u32::from_le_bytes([s0, s1, s2, s3]) + 3_600;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let (frame, rest) = frames.split_at(16 + length);
        later.extend(seconds.to_le_bytes());
        later.extend(&frame[4..]);
        frames = rest;
    }
    [header, &file[24..], &later].concat()
}

#[test]
fn portraits_are_the_same_for_any_number_of_workers() {
    let selector = "1:SNVR1LZmWYmbGlDPnAEfsXYAcJE=";
    let portraits = |workers| {
        let outcome = replay::outcome(CHAIN, workers, "", selector.parse().ok());
        assert_eq!(outcome.portraits.count, 1);
        format!("{:?}", outcome.portraits)
    };
    let inline = portraits(0);
    for workers in [1, 2, 4, 8] {
        assert_eq!(portraits(workers), inline, "{workers} workers");
    }
}

#[test]
fn who_watches_changes_no_finding() {
    let selector = "1:SNVR1LZmWYmbGlDPnAEfsXYAcJE=";
    let watched = replay::outcome(CHAIN, 0, "", selector.parse().ok()).findings;
    let unwatched = replay::findings(CHAIN, 0, "");
    let [watched, unwatched] = [watched, unwatched].map(|f| serde_json::to_string(&f).unwrap());
    assert_eq!(watched, unwatched);
}

#[test]
fn wrong_names_end_with_2_and_a_sentence_that_helps() {
    let cases: [(&[&str], &str, &str); 9] = [
        (
            &["finding", "zz"],
            CHAIN,
            "hopscope: there is no finding `zz`; there are\n  264f635336ecd5fb  10.9.2.20:1080 passes on",
        ),
        (
            &["finding", "zz"],
            QUIET,
            "hopscope: there is no finding in these captures\n",
        ),
        (
            &["finding", ""],
            CHAIN,
            "hopscope: `` may be any of\n  264f635336ecd5fb  10.9",
        ),
        (
            &["flow", "x"],
            CHAIN,
            "give a Community ID (1:…) or both ends (IP:PORT-IP:PORT)",
        ),
        (
            &["flow", "1:x"],
            CHAIN,
            "a Community ID is 1: and 28 characters of base64",
        ),
        (
            &["flow", "10.0.0.1:1-::1:2"],
            CHAIN,
            "`::1:2` is no end of a flow; write",
        ),
        (
            &["flow", "10.0.0.1:1-10.0.0.2:2/sctp"],
            CHAIN,
            "it is /tcp or /udp",
        ),
        (
            &["flow", "[2001:db8::1]:1-[2001:db8::2]:2"],
            CHAIN,
            "hopscope: no flow of the 16 in these captures is that one",
        ),
        (
            &["flow", "10.9.1.10:54566-10.9.2.20:1080/udp"],
            CHAIN,
            "hopscope: no flow of the 16 in these captures is that one",
        ),
    ];
    for (arguments, capture, part) in cases {
        let (code, output, messages) = explain(arguments, capture);
        assert_eq!((code, output.as_str()), (2, ""), "{arguments:?}");
        assert!(messages.contains(part), "{arguments:?}: {messages}");
    }
}

fn explain(arguments: &[&str], capture: &str) -> (i32, String, String) {
    let mut command = command(arguments);
    answer(command.arg(path(capture)).output().unwrap())
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command
        .arg("explain")
        .args(arguments)
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Exit code, output, messages.
fn answer(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

fn path(capture: &str) -> PathBuf {
    let pcaps = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/pcaps");
    Path::new(pcaps).join(capture)
}

fn told(output: &str) -> (i32, String, String) {
    (0, output.to_owned(), String::new())
}

const FINDING: &str = "\
medium  10.9.2.20:1080 serves SOCKS5 to 10.9.1.10, for 10.9.3.30:8888

finding      52045460b3bc116c
detector     socks-proxy: A host serves SOCKS4, SOCKS4a or SOCKS5.
certainty    proven (0.99): a protocol exchange was parsed to its end
proof        the relay did what it was asked for in 2 of 2 sessions
severity     medium: a relay that nobody declared is worth a look
verdict      undeclared: nobody has said whether it may relay

first seen   2026-11-21T08:14:28.641390Z
raised       2026-11-21T08:14:28.667994Z, 26.604 ms later
last seen    2026-11-21T08:14:28.728005Z, 86.615 ms later
status       closed: every session is over

relay        10.9.2.20, by proxy
client       10.9.1.10
server       10.9.2.20:1080, tcp
sessions     2
             2026-11-21T08:14:28.641390Z  1:VIGLH+R3MldoTB0WUzNifTGX1TU=
               tcp 10.9.1.10:54558 to 10.9.2.20:1080
             2026-11-21T08:14:28.686576Z  1:SNVR1LZmWYmbGlDPnAEfsXYAcJE=
               tcp 10.9.1.10:54566 to 10.9.2.20:1080
payload      965 bytes from the client, 1.9 kB to it, in sessions that are over

protocol     socks5 ×2
asked        connect ×2
identity     none ×2
outcome      succeeded ×2
target       10.9.3.30:8888 ×2
then         http-connect to web.example.test:80
             http-connect to web.example.test:443
inside       http web.example.test
             tls web.example.test
               JA4 t13d3112h2_e8f1e7e78f70_b26ce05bbdd6
               JA3 0149f47eabf9a20d0893e2a44e5a6323

quality      whole: nothing was missing or odd
ATT&CK       T1090     Proxy (DET0445, AN1230)
             T1090.001 Proxy: Internal Proxy (DET0075, AN0205)
             T1090.002 Proxy: External Proxy (DET0325, AN0923)
misses       SOCKS inside TLS, SSH, WebSocket or an encrypted proxy, where only
             the outer protocol is seen. A session whose handshake was not
             captured. Behind NAT the client is the translator's address. Which
             process serves is not in the packets: the five-tuple, the times and
             the Community ID are the key for endpoint telemetry.
";

const FLOW: &str = "\
tcp 10.9.1.10:54566 to 10.9.2.20:1080

community id 1:SNVR1LZmWYmbGlDPnAEfsXYAcJE=
opened by    10.9.1.10:54566: the handshake was seen
time         2026-11-21T08:14:28.686576Z to 2026-11-21T08:14:28.728005Z
duration     41.429 ms
tcp          finished: both sides sent a FIN
round trip   44 µs, from the SYN to the client's first acknowledgement
quality      whole: nothing was missing or odd

              by the client  by the server
segments                 11             10
bytes                   805           1709
flights                   7              6

sizes        by the client                      by the server
           2                                    ██████████████████████████████ 1
           3 ██████████████████████████████ 1
           ⋮
       10–11 ██████████████████████████████ 1   ██████████████████████████████ 1
           ⋮
       24–27 ██████████████████████████████ 1
           ⋮
       64–79 ██████████████████████████████ 1   ██████████████████████████████ 1
       80–95 ██████████████████████████████ 1
      96–111 ██████████████████████████████ 1
           ⋮
     192–223                                    ██████████████████████████████ 1
           ⋮
     512–639 ██████████████████████████████ 1   ██████████████████████████████ 1
           ⋮
     768–895                                    ██████████████████████████████ 1

layers       socks5, served by 10.9.2.20:1080
               auth offered none
               auth chosen  none
               request      connect 10.9.3.30:8888
               reply        succeeded, bound to 0.0.0.0:0
             http through the tunnel, served by 10.9.3.30:8888
               request      CONNECT web.example.test:443
               host         web.example.test:443
               answer       status 200
               marks        Proxy-Agent: tinyproxy/1.11.1
             tls through 2 tunnels, served by web.example.test:443
               name         web.example.test
               alpn         h2, http/1.1
               versions     TLS 1.3, TLS 1.2, TLS 1.1, TLS 1.0
               JA4          t13d3112h2_e8f1e7e78f70_b26ce05bbdd6
               JA3          0149f47eabf9a20d0893e2a44e5a6323
               chosen       TLS 1.3, TLS_AES_256_GCM_SHA384
               certificate  encrypted
";
