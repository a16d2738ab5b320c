//! The live sensor: what is sent through a network of its own gives the findings that a replay gives.
#![cfg(test)]

#[path = "support/captures.rs"]
mod captures;
#[path = "support/network.rs"]
mod network;
#[path = "support/scratch.rs"]
mod scratch;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use network::Network;
use rustix::process::{Pid, Signal, kill_process};
use scratch::Scratch;
use serde_json::Value;

const HOPSCOPE: &str = env!("CARGO_BIN_EXE_hopscope");

/// Each with Ethernet frames that fit the network: tagged twice, tunnelled, nested, IPv6, and quiet.
const CAPTURES: [&str; 9] = [
    "socks-proxy/hit-microsocks-noauth.pcap",
    "socks-proxy/hit-qinq.pcap",
    "socks-proxy/hit-reverse-socks.pcap",
    "reverse-shell/hit-awk.pcap",
    "http-connect-proxy/hit-nested.pcap",
    "http-forward-proxy/miss-ordinary-web.pcap",
    "socks-proxy/hit-gre.pcap",
    "socks-proxy/hit-vxlan.pcap",
    "socks-proxy/hit-microsocks-ipv6.pcap",
];

#[test]
fn what_is_captured_gives_the_findings_of_a_replay() {
    let Some(network) = Network::make("same") else {
        return;
    };
    let ways = [
        ["--workers", "0"],
        ["--workers", "3"],
        ["--rings", "2"],
        ["--rings", "5"],
    ];
    let pairs = CAPTURES.iter().zip(0..);
    let runs =
        pairs.flat_map(|(name, number)| [(name, ways[number % 2]), (name, ways[2 + number % 2])]);
    for (name, way) in runs {
        let sensor = Sensor::start(&network, &["-i", "hs1", way[0], way[1]]);
        let sent = network.send(&capture(name), |_| "hs0");
        let told = sensor.stop();
        assert_eq!(told.code, 0, "{name}: {}", told.messages);
        assert_eq!(told.last_findings(), replayed(name), "{name}");
        if network.is_silent {
            let passed =
                format!("hs1: {sent} frames passed the filter: {sent} read, 0 dropped, 0 unread");
            assert!(told.messages.contains(&passed), "{name}: {}", told.messages);
        }
    }
}

/// Each leg of the relay on an interface of its own, so that only the order in time joins them. Evidence has both.
#[test]
fn several_interfaces_are_one_run_in_order_of_time() {
    let Some(network) = Network::make("two") else {
        return;
    };
    let name = CAPTURES[0];
    let scratch = Scratch::new("two");
    let (folder, config) = evidence(&scratch);
    let config = config.to_str().unwrap();
    for rings in ["1", "2"] {
        let interfaces = ["-i", "hs1", "-i", "hs3", "-i", "hs1", "--config", config];
        let sensor = Sensor::start(&network, &[&interfaces[..], &["--rings", rings]].concat());
        network.send(&capture(name), |frame| {
            let is_client_leg = frame.windows(4).any(|bytes| bytes == [10, 9, 1, 10]);
            if is_client_leg { "hs0" } else { "hs2" }
        });
        let told = sensor.stop();
        let findings = told.last_findings().into_iter();
        let findings: Vec<Value> = findings.map(|f| found_again(f, &folder)).collect();
        assert_eq!(findings, replayed(name), "{}", told.messages);
        assert!(told.messages.contains(" frames from 2 interfaces: "));
    }
}

/// A finding does not wait for the end, and its last line closes it.
#[test]
fn findings_are_told_while_the_capture_goes_on() {
    let Some(network) = Network::make("early") else {
        return;
    };
    let mut sensor = Sensor::start(&network, &["-i", "hs1"]);
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    let mut first = String::new();
    sensor.output().read_line(&mut first).unwrap();
    assert_eq!(status(&first), "new", "{first}");
    let told = sensor.stop();
    let statuses: Vec<String> = told.output.lines().map(status).collect();
    assert_eq!(statuses, ["new", "closed", "closed"]);
}

#[test]
fn frames_that_the_filter_leaves_out_are_not_seen() {
    let Some(network) = Network::make("filter") else {
        return;
    };
    let sensor = Sensor::start(&network, &["-i", "hs1", "--filter", "arp"]);
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    let told = sensor.stop();
    assert_eq!((told.code, told.output.as_str()), (0, ""));
    assert!(
        told.messages.contains("0 decoded, skipped 4 (arp 4)"),
        "{}",
        told.messages
    );
}

#[test]
fn an_interface_that_is_down_for_a_while_is_survived() {
    let Some(network) = Network::make("down") else {
        return;
    };
    for rings in ["1", "3"] {
        let mut sensor = Sensor::start(&network, &["-i", "hs1", "--rings", rings]);
        network.ip(&["link", "set", "hs1", "down"]);
        assert!(sensor.message().contains("hs1 cannot be read for now: "));
        network.ip(&["link", "set", "hs1", "up"]);
        assert_eq!(sensor.message(), "hopscope: hs1 can be read again\n");
        network.send(&capture(CAPTURES[0]), |_| "hs0");
        let told = sensor.stop();
        assert_eq!(
            told.last_findings(),
            replayed(CAPTURES[0]),
            "{}",
            told.messages
        );
        assert!(told.messages.contains("hs1: 1 time it could not be read"));
    }
}

#[test]
fn a_sensor_without_interfaces_ends_with_what_it_found_and_4() {
    for rings in ["1", "3"] {
        let Some(network) = Network::make(&format!("gone-{rings}")) else {
            return;
        };
        let sensor = Sensor::start(&network, &["-i", "hs1", "--rings", rings]);
        network.send(&capture(CAPTURES[0]), |_| "hs0");
        network.ip(&["link", "del", "hs1"]);
        let told = sensor.wait();
        assert_eq!(told.code, 4, "{}", told.messages);
        assert_eq!(
            told.last_findings(),
            replayed(CAPTURES[0]),
            "{}",
            told.messages
        );
        assert!(told.messages.contains("hs1 is given up: "));
    }
}

#[test]
fn signals_ask_for_the_account_and_for_the_configuration() {
    let Some(network) = Network::make("signals") else {
        return;
    };
    for rings in ["1", "2"] {
        let scratch = Scratch::new("signals");
        let config = scratch.file("site.toml", "");
        let config = config.to_str().unwrap();
        let mut sensor = Sensor::start(
            &network,
            &["-i", "hs1", "--config", config, "--rings", rings],
        );
        network.send(&capture(CAPTURES[5]), |_| "hs0");
        sensor.signal(Signal::USR1);
        assert_eq!(sensor.message(), "hopscope: the account so far\n");
        assert!(sensor.message().contains(" frames from 1 interface: "));
        assert!(sensor.message().starts_with("hs1: "));

        scratch.file("site.toml", "[flows]\nmaks = 1");
        sensor.signal(Signal::HUP);
        let told = sensor.message();
        assert!(
            told.starts_with("hopscope: the configuration stays as it was: "),
            "{told}"
        );
        while !sensor.message().contains("did you mean `max`?") {}

        scratch.file("site.toml", APPROVED);
        sensor.signal(Signal::HUP);
        while !sensor.message().contains("groups.ours.roles is ") {}
        network.send(&capture(CAPTURES[0]), |_| "hs0");
        let told = sensor.stop();
        assert!(
            told.output.contains("\"verdict\":\"approved\""),
            "{}",
            told.output
        );
    }
}

#[test]
fn a_hangup_where_there_is_nothing_to_read_again_says_so() {
    let Some(network) = Network::make("hangup") else {
        return;
    };
    let mut sensor = Sensor::start(&network, &["-i", "hs1"]);
    sensor.signal(Signal::HUP);
    assert_eq!(
        sensor.message(),
        "hopscope: there is no configuration to be read again; --config names one\n"
    );
    assert_eq!(sensor.stop().code, 0);

    let scratch = Scratch::new("hangup");
    let file = scratch.file("findings.jsonl", "");
    let mut sensor = Sensor::spawn(listening(&network, &["--output", file.to_str().unwrap()]));
    sensor.signal(Signal::HUP);
    sensor.signal(Signal::USR1);
    assert_eq!(sensor.message(), "hopscope: the account so far\n");
    assert_eq!(sensor.stop().code, 0);
}

/// What goes out over loopback comes in again, and is counted once.
#[test]
#[cfg(target_os = "linux")]
fn frames_over_loopback_are_counted_once() {
    let Some(network) = Network::make("loopback") else {
        return;
    };
    network.ip(&["link", "set", "lo", "up"]);
    for rings in ["1", "3"] {
        let sensor = Sensor::start(&network, &["-i", "lo", "--rings", rings]);
        network.inside(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let here = socket.local_addr().unwrap();
            for _ in 0..10 {
                socket.send_to(b"over and in", here).unwrap();
            }
        });
        let told = sensor.stop();
        let passed = "lo: 10 frames passed the filter: 10 read, 0 dropped, 0 unread";
        assert!(told.messages.contains(passed), "{}", told.messages);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_sensor_that_listens_has_no_rights_left() {
    let Some(network) = Network::make("rights") else {
        return;
    };
    let sensor = Sensor::start(
        &network,
        &["-i", "hs1", "--user", "nobody", "--workers", "2"],
    );
    let threads = format!("/proc/{}/task", sensor.child.id());
    for thread in std::fs::read_dir(threads).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        for line in [
            "Uid:\t65534\t65534\t65534\t65534",
            "CapInh:\t0000000000000000",
            "CapPrm:\t0000000000000000",
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "CapAmb:\t0000000000000000",
            "NoNewPrivs:\t1",
            "Seccomp:\t2",
        ] {
            assert!(status.lines().any(|told| told == line), "{line}\n{status}");
        }
    }
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    let told = sensor.stop();
    assert_eq!(
        (told.code, told.last_findings()),
        (0, replayed(CAPTURES[0]))
    );
}

#[test]
fn metrics_are_written_while_the_capture_goes_on() {
    let Some(network) = Network::make("metrics") else {
        return;
    };
    let scratch = Scratch::new("metrics");
    let file = scratch.file("hopscope.prom", "");
    let name = file.to_str().unwrap();
    let sensor = Sensor::start(&network, &["-i", "hs1", "--metrics", name]);
    let mut metrics = String::new();
    while metrics.is_empty() {
        metrics = std::fs::read_to_string(&file).unwrap();
        thread::yield_now();
    }
    assert!(metrics.contains("\nhopscope_up 1\n"), "{metrics}");
    assert!(metrics.contains("hopscope_interface_up{interface=\"hs1\"} 1\n"));
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    assert_eq!(sensor.stop().code, 0);
    let metrics = std::fs::read_to_string(&file).unwrap();
    for line in [
        "hopscope_up 0",
        "hopscope_interface_dropped_total{interface=\"hs1\"} 0",
        "hopscope_findings_told_total{severity=\"medium\",status=\"closed\"} 2",
    ] {
        assert!(
            metrics.lines().any(|told| told == line),
            "{line}\n{metrics}"
        );
    }
}

#[test]
fn questions_are_answered_over_http() {
    let Some(network) = Network::make("http") else {
        return;
    };
    network.ip(&["link", "set", "lo", "up"]);
    for way in [["--workers", "2"], ["--rings", "3"]] {
        assert_answers(&network, &way);
    }
}

fn assert_answers(network: &Network, way: &[&str]) {
    let here = ["-i", "hs1", "--http", "127.0.0.1:0", "--user", "nobody"];
    let mut sensor = Sensor::start(network, &[&here[..], way].concat());
    let message = sensor.message();
    let address = message
        .trim()
        .strip_prefix("hopscope: answering at http://");
    let address = address.unwrap_or_else(|| panic!("{message}")).to_owned();
    let ask = |path: &str| {
        let (address, path) = (address.clone(), path.to_owned());
        network.inside(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
    };
    let sent = network.send(&capture(CAPTURES[0]), |_| "hs0");
    let read = format!("\nhopscope_interface_read_total{{interface=\"hs1\"}} {sent}\n");
    let mut metrics = ask("/metrics");
    while network.is_silent && !metrics.contains(&read) {
        metrics = ask("/metrics");
    }
    assert!(metrics.contains("\nhopscope_up 1\n"), "{metrics}");
    for (path, status, part) in [
        ("/healthz", "200 OK", "ok\n"),
        ("/readyz", "200 OK", "ok\n"),
        ("/account", "200 OK", "\"name\":\"hs1\""),
        ("/other", "404 Not Found", "/metrics"),
    ] {
        let answer = ask(path);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert!(answer.contains(part), "{answer}");
    }
    assert_eq!(sensor.stop().code, 0);
}

/// The packets of a finding, as one who gave up his rights writes them, give the finding again.
#[test]
fn evidence_gives_its_finding_again() {
    let Some(network) = Network::make("evidence") else {
        return;
    };
    let scratch = Scratch::new("evidence");
    let (folder, config) = evidence(&scratch);
    let config = config.to_str().unwrap();
    // With so many rings the two legs of the relay come by different ones.
    for way in [["--workers", "2"], ["--rings", "2"], ["--rings", "64"]] {
        let sensor = Sensor::start(&network, &["-i", "hs1", way[0], way[1], "--config", config]);
        network.send(&capture(CAPTURES[5]), |_| "hs0");
        network.send(&capture(CAPTURES[0]), |_| "hs0");
        let told = sensor.stop();
        let findings = last_findings(&told.output);
        assert_eq!(findings.len(), 2, "{way:?}: {}", told.output);
        for finding in findings {
            found_again(finding, &folder);
        }
    }
}

/// A folder for evidence, and a configuration that names it.
fn evidence(scratch: &Scratch) -> (PathBuf, PathBuf) {
    let file = scratch.file("found/none", "");
    let config = scratch.file(
        "site.toml",
        "[evidence]\ndirectory = \"found\"\nseverity = \"medium\"",
    );
    (file.parent().unwrap().to_owned(), config)
}

/// A finding without the name of its file, which is held against what a replay of the file finds.
fn found_again(mut finding: Value, folder: &Path) -> Value {
    let packets = finding.as_object_mut().unwrap().remove("packets").unwrap();
    let (name, id) = (packets.as_str().unwrap(), finding["id"].as_str().unwrap());
    assert!(name.starts_with(id) && name.ends_with(".pcapng"), "{name}");
    let written = folder.join(name);
    let bytes = std::fs::read(&written).unwrap();
    let comment = format!("hopscope finding {id}: ");
    assert!(
        bytes
            .windows(comment.len())
            .any(|part| part == comment.as_bytes())
    );
    let replay = Command::new(HOPSCOPE)
        .arg("replay")
        .arg(&written)
        .output()
        .unwrap();
    let again = last_findings(&String::from_utf8(replay.stdout).unwrap());
    let again = again.iter().find(|again| again["id"] == id).unwrap();
    for key in ["title", "certainty", "evidence", "flows"] {
        assert_eq!(again[key], finding[key], "{name}: {key}");
    }
    std::fs::remove_file(written).unwrap();
    finding
}

/// By UDP, and to a daemon here that begins anew after the sensor gave up its rights.
#[test]
fn findings_are_sent_to_syslog() {
    let Some(network) = Network::make("syslog") else {
        return;
    };
    network.ip(&["link", "set", "lo", "up"]);
    let mut bytes = [0; 4_096];

    let elsewhere = network.inside(|| UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = elsewhere.local_addr().unwrap().to_string();
    let sensor = Sensor::start(
        &network,
        &["-i", "hs1", "--syslog", &address, "--rings", "2"],
    );
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    let length = elsewhere.recv(&mut bytes).unwrap();
    assert_is_a_message(&bytes[..length]);
    assert!(!sensor.stop().messages.contains("syslog"));

    let scratch = Scratch::new("syslog");
    let path = scratch.file("folder/log", "").with_file_name("socket");
    let first = UnixDatagram::bind(&path).unwrap();
    let sensor = Sensor::start(&network, &["-i", "hs1", "--syslog", path.to_str().unwrap()]);
    drop(first);
    std::fs::remove_file(&path).unwrap();
    let second = UnixDatagram::bind(&path).unwrap();
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    let length = second.recv(&mut bytes).unwrap();
    assert_is_a_message(&bytes[..length]);
    assert!(!sensor.stop().messages.contains("syslog"));
}

fn assert_is_a_message(bytes: &[u8]) {
    let message = std::str::from_utf8(bytes).unwrap();
    let parts = [
        "<132>1 ",
        " hopscope ",
        "[finding@32473 id=\"",
        "] \u{feff}10.9.2.20:1080 ",
    ];
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn findings_go_to_a_file_that_may_be_moved_away() {
    let Some(network) = Network::make("file") else {
        return;
    };
    let scratch = Scratch::new("file");
    let file = scratch.file("findings.jsonl", "");
    let moved = file.with_file_name("moved");
    let name = file.to_str().unwrap();
    let mut sensor = Sensor::spawn(listening(&network, &["--output", name]));
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    while std::fs::read_to_string(&file).unwrap().lines().count() < 2 {
        thread::yield_now();
    }
    std::fs::rename(&file, &moved).unwrap();
    sensor.signal(Signal::HUP);
    network.send(&capture(CAPTURES[2]), |_| "hs0");
    while !file.exists() {
        thread::yield_now();
    }
    let told = sensor.stop();
    assert_eq!(
        (told.code, told.output.as_str()),
        (0, ""),
        "{}",
        told.messages
    );
    let [file, moved] = [file, moved].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(
        moved.lines().map(status).collect::<Vec<_>>(),
        ["new", "new"]
    );
    let all = last_findings(&(moved + &file));
    let mut expected = [replayed(CAPTURES[0]), replayed(CAPTURES[2])].concat();
    expected.sort_by_key(|finding| finding["id"].to_string());
    let [all, expected] = [all, expected].map(|findings| ids(&findings));
    assert_eq!(all, expected);
}

/// Killed at one moment or another, a sensor leaves every line that it told, each whole, and metrics of one moment; the next one
/// goes on behind them.
#[test]
fn a_sensor_that_is_killed_breaks_nothing() {
    let Some(network) = Network::make("killed") else {
        return;
    };
    let scratch = Scratch::new("killed");
    let [file, metrics] = ["findings.jsonl", "hopscope.prom"].map(|name| scratch.file(name, ""));
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    let start = |rings: &str| {
        let [file, metrics] = [&file, &metrics].map(|path| path.to_str().unwrap());
        let arguments = ["--rings", rings, "--output", file, "--metrics", metrics];
        Sensor::spawn(listening(&network, &arguments))
    };
    let mut before = String::new();
    for round in 0..12 {
        let mut sensor = start(["1", "2"][round % 2]);
        network.send(&capture(CAPTURES[round % 3]), |_| "hs0");
        let told = before.lines().count() + round / 2 % 2;
        while read(&file).lines().count() < told {
            thread::yield_now();
        }
        sensor.signal(Signal::KILL);
        assert_eq!(sensor.wait().code, -1);
        let now = read(&file);
        assert!(now.starts_with(&before), "what was told is there no more");
        assert!(now.is_empty() || now.ends_with('\n'), "half a line: {now}");
        last_findings(&now);
        let metrics = read(&metrics);
        let is_whole = metrics.contains("\nhopscope_up 1\n") && metrics.ends_with('\n');
        assert!(metrics.is_empty() || is_whole, "half a page: {metrics}");
        before = now;
    }
    let sensor = start("2");
    network.send(&capture(CAPTURES[0]), |_| "hs0");
    assert_eq!(sensor.stop().code, 0);
    let added = read(&file).strip_prefix(&before).unwrap().to_owned();
    assert_eq!(ids(&last_findings(&added)), ids(&replayed(CAPTURES[0])));
}

/// As systemd asks for it: when it listens, and then that it goes on.
#[test]
fn a_service_manager_is_told_how_it_goes() {
    let Some(network) = Network::make("managed") else {
        return;
    };
    let scratch = Scratch::new("managed");
    let path = scratch.file("folder/none", "").with_file_name("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    for rings in ["1", "2"] {
        let mut command = listening(&network, &["--rings", rings]);
        command.env("NOTIFY_SOCKET", &path);
        command.env("WATCHDOG_USEC", "1000");
        let sensor = Sensor::spawn(command);
        for expected in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
            let mut bytes = [0; 64];
            let length = manager.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], expected.as_bytes());
        }
        assert_eq!(sensor.stop().code, 0);
        manager.set_nonblocking(true).unwrap();
        while manager.recv(&mut [0; 64]).is_ok() {}
        manager.set_nonblocking(false).unwrap();
    }
}

#[test]
fn wrong_interfaces_and_filters_end_with_a_sentence_that_helps() {
    let Some(network) = Network::make("wrong") else {
        return;
    };
    let cases: [(&[&str], i32, &str); 4] = [
        (
            &["-i", "hs1", "--http", "0.0.0.0:9479"],
            2,
            "others can reach 0.0.0.0:9479: choose 127.0.0.1 or [::1], or say --http-for-others",
        ),
        (
            &["-i", "hs1", "--user", "nobodyatall"],
            2,
            "there is no user nobodyatall",
        ),
        (&["-i", "hs9"], 3, "there is no interface hs9; there are "),
        (
            &["-i", "hs1", "--filter", "tcp prot 80"],
            2,
            "the filter `tcp prot 80` cannot be used on hs1: ",
        ),
    ];
    for (arguments, code, part) in cases {
        let mut command = network.command(HOPSCOPE);
        let output = command.arg("capture").args(arguments).output().unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{messages}");
        assert!(messages.contains(part), "{messages}");
    }
}

/// A sensor that listens.
struct Sensor {
    child: Child,
    messages: BufReader<ChildStderr>,
    output: BufReader<ChildStdout>,
    /// While it is held, the sensor has not ended yet.
    _alive: Sender<()>,
}

/// What a sensor said.
struct Told {
    code: i32,
    output: String,
    messages: String,
}

impl Sensor {
    fn start(network: &Network, arguments: &[&str]) -> Self {
        let mut command = network.command(HOPSCOPE);
        command
            .args(["capture", "--buffer-size", "4", "--format", "json"])
            .args(arguments);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let messages = BufReader::new(child.stderr.take().unwrap());
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut sensor = Self {
            _alive: end_within_a_minute(Pid::from_child(&child)),
            child,
            messages,
            output,
        };
        while !sensor.message().starts_with("hopscope: listening to ") {}
        sensor
    }

    /// The next line on standard error.
    fn message(&mut self) -> String {
        let mut line = String::new();
        let read = self.messages.read_line(&mut line).unwrap();
        assert!(read > 0, "the sensor has ended");
        line
    }

    fn output(&mut self) -> &mut impl BufRead {
        &mut self.output
    }

    fn stop(mut self) -> Told {
        self.signal(Signal::TERM);
        self.wait()
    }

    fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(mut self) -> Told {
        let [mut output, mut messages] = [String::new(), String::new()];
        self.messages.read_to_string(&mut messages).unwrap();
        self.output.read_to_string(&mut output).unwrap();
        Told {
            code: self.child.wait().unwrap().code().unwrap_or(-1),
            output,
            messages,
        }
    }
}

impl Told {
    fn last_findings(&self) -> Vec<Value> {
        last_findings(&self.output)
    }
}

/// A sensor with a small buffer at one interface.
fn listening(network: &Network, arguments: &[&str]) -> Command {
    let mut command = network.command(HOPSCOPE);
    command
        .args(["capture", "--buffer-size", "4", "-i", "hs1"])
        .args(arguments);
    command
}

/// Ends a process, should it not end by itself.
fn end_within_a_minute(process: Pid) -> Sender<()> {
    let (alive, over) = mpsc::channel();
    thread::spawn(move || {
        if over.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process(process, Signal::KILL);
        }
    });
    alive
}

fn capture(name: &str) -> PathBuf {
    captures::directory().join(name)
}

fn replayed(name: &str) -> Vec<Value> {
    let mut command = Command::new(HOPSCOPE);
    command
        .args(["replay", "--format", "json"])
        .arg(capture(name));
    let output = command.output().unwrap().stdout;
    last_findings(&String::from_utf8(output).unwrap())
}

fn ids(findings: &[Value]) -> Vec<String> {
    let ids = findings.iter().map(|finding| finding["id"].to_string());
    ids.collect()
}

fn status(line: &str) -> String {
    let finding: Value = serde_json::from_str(line).unwrap();
    finding["status"].as_str().unwrap().to_owned()
}

/// The last line about each finding, by id, without times and without where it stands in its life.
fn last_findings(lines: &str) -> Vec<Value> {
    let mut last = std::collections::BTreeMap::new();
    for line in lines.lines() {
        let mut finding: Value = serde_json::from_str(line).unwrap();
        let id = finding["id"].as_str().unwrap().to_owned();
        forget_times(&mut finding);
        last.insert(id, finding);
    }
    last.into_values().collect()
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| !TIMES.contains(&key.as_str()));
            object.values_mut().for_each(forget_times);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_times),
        _ => {}
    }
}

const APPROVED: &str = r#"
[[groups]]
name = "ours"
hosts = ["10.9.2.20"]
roles = ["proxy"]

[[approvals]]
name = "the-way-out"
relays = ["ours"]
clients = ["10.0.0.0/8"]
owner = "network team"
reason = "people reach the web through it"
expires = 2036-03-31
"#;

const TIMES: [&str; 6] = [
    "first_seen",
    "last_seen",
    "raised",
    "status",
    "least_delay_us",
    "most_delay_us",
];
