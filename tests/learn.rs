//! Learning from the project's own captures: what a profile makes of a later capture, what it proposes, and what becomes of
//! its file.
#![cfg(test)]

#[path = "support/replay.rs"]
mod replay;
#[path = "support/scratch.rs"]
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hopscope::config::Config;
use hopscope::finding::Finding;
use scratch::Scratch;

/// A run of the program: its exit code, and what it printed.
fn hopscope(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(arguments)
        .current_dir(pcaps())
        .output()
        .unwrap();
    let [output, messages] =
        [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.code(), output, messages)
}

fn pcaps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pcaps")
}

/// Learns, and gives the profile's place and what was proposed.
fn learn(scratch: &Scratch, name: &str, arguments: &[&str]) -> (String, String) {
    let out = scratch.file(name, "").display().to_string();
    let (code, proposed, messages) = hopscope(&[&["learn", "--out", &out], arguments].concat());
    assert_eq!(code, Some(0), "{messages}");
    (out, proposed)
}

/// The relays that are new in a capture to a profile, as `address detector-that-saw-it`.
fn turned(capture: &str, profile: &str, scratch: &Scratch) -> Vec<String> {
    let config = format!("[baseline]\nprofile = \"{profile}\"\n");
    let config = scratch.file("turned.toml", config);
    let config = Config::load(Some(&config)).unwrap();
    let findings = replay::run(capture, 0, &config, None).findings;
    let new = findings.iter().filter(|one| one.detector == "new-relay");
    let mut relays: Vec<String> = new.map(|one| one.relay.unwrap().to_string()).collect();
    relays.sort();
    relays.dedup();
    relays
}

/// A day on which 10.9.2.20 serves pages and 10.9.1.10 looks at some; nobody relays.
const ORDINARY: &str = "new-relay/miss-new-services.pcap";

#[test]
fn hosts_that_were_learned_and_turn_are_named() {
    let scratch = Scratch::new("learn-turn");
    let (profile, proposed) = learn(&scratch, "p.toml", &[ORDINARY]);
    assert!(proposed.contains("nothing to approve"), "{proposed}");
    let cases = [
        ("socks-proxy/hit-microsocks-noauth.pcap", "10.9.2.20"),
        ("socks-proxy/hit-reverse-socks.pcap", "10.9.1.10"),
        ("http-connect-proxy/hit-squid.pcap", "10.9.2.20"),
        ("http-forward-proxy/hit-privoxy.pcap", "10.9.2.20"),
        ("websocket-tunnel/hit-wstunnel-node.pcap", "10.9.2.20"),
        ("relay/hit-socat.pcap", "10.9.2.20"),
        ("relay/hit-iptables-dnat.pcap", "10.9.2.20"),
        ("relay/hit-ssh-local.pcap", "10.9.2.20"),
        ("multi-hop/hit-proxychains-two-socks.pcap", "10.9.2.20"),
    ];
    for (capture, relay) in cases {
        assert_eq!(turned(capture, &profile, &scratch), [relay], "{capture}");
    }
    for capture in [ORDINARY, "relay/miss-app-api.pcap"] {
        let none: [&str; 0] = [];
        assert_eq!(turned(capture, &profile, &scratch), none, "{capture}");
    }
}

#[test]
fn hosts_that_relayed_when_they_were_learned_are_not_new() {
    let scratch = Scratch::new("learn-known");
    for capture in [
        "socks-proxy/hit-microsocks-noauth.pcap",
        "socks-proxy/hit-reverse-socks.pcap",
        "relay/hit-balancer.pcap",
        "multi-hop/hit-socat-three.pcap",
    ] {
        let (profile, _) = learn(&scratch, "p.toml", &[capture]);
        let none: [&str; 0] = [];
        assert_eq!(turned(capture, &profile, &scratch), none, "{capture}");
    }
}

#[test]
fn a_profile_is_the_same_for_any_number_of_workers_and_in_any_parts() {
    const CAPTURES: [&str; 3] = [
        ORDINARY,
        "multi-hop/hit-socat-three.pcap",
        "socks-proxy/hit-dante-udp.pcap",
    ];
    let scratch = Scratch::new("learn-parts");
    let whole = |workers: &str| {
        let arguments = [&CAPTURES[..], &["--workers", workers]].concat();
        let (profile, proposed) = learn(&scratch, "whole.toml", &arguments);
        (fs::read_to_string(profile).unwrap(), proposed)
    };
    let inline = whole("0");
    for workers in ["1", "2", "4", "8"] {
        assert_eq!(whole(workers), inline, "{workers}");
    }
    let parts = CAPTURES.map(|capture| {
        let name = format!("{}.toml", capture.replace('/', "-"));
        learn(&scratch, &name, &[capture]).0
    });
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let arguments: Vec<&str> = order
            .iter()
            .flat_map(|part: &usize| ["--profile", &parts[*part]])
            .collect();
        let (merged, proposed) = learn(&scratch, "merged.toml", &arguments);
        let merged = fs::read_to_string(merged).unwrap();
        assert_eq!((merged, proposed), inline, "{order:?}");
    }
}

/// What a person adds to a proposal before it is accepted.
fn signed(proposed: &str) -> String {
    let owned = proposed.replace("owner = \"\"", "owner = \"network team\"");
    owned.replace("reason = \"\"", "reason = \"as ordered\"")
}

#[test]
fn a_proposal_approves_nothing_until_somebody_answers_for_it() {
    let scratch = Scratch::new("learn-propose");
    for (capture, _) in TRADES {
        let (_, proposed) = learn(&scratch, "p.toml", &[capture]);
        let fault = proposed.parse::<Config>().unwrap_err().to_string();
        assert!(fault.contains("owner"), "{capture}: {fault}");
        let findings = replay::findings(capture, 0, &signed(&proposed));
        assert!(!findings.is_empty(), "{capture}");
        for finding in &findings {
            assert!(
                told(finding).starts_with("approved by relay-10.9.2.20-"),
                "{}",
                finding.title
            );
            assert!(told(finding).ends_with(", info"), "{}", finding.title);
        }
    }
}

/// Relays by trade, and what a site says of them.
const TRADES: [(&str, &str); 3] = [
    (
        "http-connect-proxy/hit-squid.pcap",
        "listens = [3128]\nclients = [\"10.9.1.0/24\"]\nmeans = [\"connect\"]",
    ),
    (
        "relay/hit-balancer.pcap",
        "listens = [4443]\nclients = [\"outside\"]\ntargets = [\"10.9.0.0/16\"]\nmeans = [\"balancer\"]",
    ),
    (
        "relay/hit-haproxy-proxy-v1.pcap",
        "clients = [\"10.9.1.0/24\"]\ntargets = [\"192.0.2.80\"]\nmeans = [\"balancer\"]",
    ),
];

fn told(finding: &Finding) -> String {
    let rule = finding.rule.as_ref().map(|rule| format!(" by {rule}"));
    let (verdict, rule) = (finding.verdict, rule.unwrap_or_default());
    format!("{verdict}{rule}, {}", finding.severity)
}

/// A corporate proxy, a balancer and a reverse proxy, declared as what they are; then the approval runs out, is narrowed to
/// other clients, and is taken away.
#[test]
fn relays_by_trade_are_approved_as_long_as_somebody_says_so() {
    let ways = [
        ("", "approved by trade, info"),
        ("expires = 2026-11-20", "expired by trade"),
        ("other clients", "unapproved"),
        ("none", "undeclared"),
    ];
    for (capture, says) in TRADES {
        for (way, expected) in ways {
            let config = declared(says, way);
            for finding in replay::findings(capture, 0, &config) {
                let told = told(&finding);
                assert!(told.starts_with(expected), "{capture} {way}: {told}");
                let is_quiet = told.ends_with(", info");
                assert_eq!(is_quiet, way.is_empty(), "{capture} {way}: {told}");
            }
        }
    }
}

fn declared(says: &str, way: &str) -> String {
    let head =
        "[[approvals]]\nname = \"trade\"\nowner = \"o\"\nreason = \"r\"\nrelays = [\"10.9.2.20\"]";
    match way {
        "none" => String::new(),
        "other clients" => {
            let kept = says.lines().filter(|line| !line.starts_with("clients"));
            let kept: Vec<&str> = kept.collect();
            format!(
                "{head}\nclients = [\"10.77.0.0/16\"]\n{}\n",
                kept.join("\n")
            )
        }
        more => format!("{head}\n{says}\n{more}\n"),
    }
}

#[test]
fn a_profile_that_cannot_be_read_is_refused_and_left_alone() {
    let scratch = Scratch::new("learn-refuse");
    let out = scratch
        .file("out.toml", "what was there")
        .display()
        .to_string();
    let cases = [
        ("version = 3\n", "this is a profile of version 3"),
        ("version = 1\n[hosts.\"10.0.0.1\"]\nfirst = \"20", "line 3"),
        ("# empty\n", "the key `version` is missing"),
    ];
    for (text, part) in cases {
        let broken = scratch.file("broken.toml", text).display().to_string();
        let (code, _, messages) =
            hopscope(&["learn", ORDINARY, "--profile", &broken, "--out", &out]);
        assert!(code == Some(2) && messages.contains(part), "{messages}");
        assert!(messages.contains("broken.toml"), "{messages}");
        let config = scratch.file("c.toml", "[baseline]\nprofile = \"broken.toml\"\n");
        let config = config.display().to_string();
        let (code, _, messages) = hopscope(&["replay", ORDINARY, "--config", &config]);
        assert!(code == Some(2) && messages.contains(part), "{messages}");
    }
    assert_eq!(fs::read_to_string(&out).unwrap(), "what was there");
}

#[test]
fn a_profile_of_more_hosts_than_are_watched_is_refused() {
    let scratch = Scratch::new("learn-more");
    learn(&scratch, "p.toml", &[ORDINARY]);
    let config = scratch.file("c.toml", "[baseline]\nhosts = 1\nprofile = \"p.toml\"\n");
    let error = Config::load(Some(&config)).unwrap_err().to_string();
    assert!(error.contains("`baseline.hosts` allows 1"), "{error}");
}

#[test]
fn hosts_that_there_was_no_room_for_are_told() {
    let scratch = Scratch::new("learn-room");
    let config = scratch.file("c.toml", "[baseline]\nhosts = 1\n");
    let config = config.display().to_string();
    let (code, _, messages) = hopscope(&["replay", ORDINARY, "--config", &config]);
    assert_eq!(code, Some(0));
    assert!(messages.contains("raise baseline.hosts"), "{messages}");
}

/// What is soft stays at medium, whoever calls.
#[test]
fn payloads_that_moved_are_medium() {
    let line = r#"{"detector":"payload-anomaly","certainty":"probable","last_seen":"2026-11-21T00:00:00Z","client":{"ip":"10.0.0.5"},"server":{"ip":"192.0.2.9","port":443},"relay":"10.0.0.5","evidence":{}}"#;
    let judged = Config::default()
        .policy()
        .judge_line(line.as_bytes())
        .unwrap();
    assert!(
        judged.line.contains("\"severity\":\"medium\""),
        "{}",
        judged.line
    );
}

#[test]
fn a_profile_is_written_whole_or_not_at_all() {
    let scratch = Scratch::new("learn-write");
    let (profile, _) = learn(&scratch, "d/p.toml", &[ORDINARY]);
    let directory = Path::new(&profile).parent().unwrap();
    let names: Vec<_> = fs::read_dir(directory).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");

    let nowhere = directory.join("none/p.toml").display().to_string();
    let (code, _, messages) = hopscope(&["learn", ORDINARY, "--out", &nowhere]);
    assert!(
        code == Some(3) && messages.contains("cannot be written"),
        "{messages}"
    );
    let (code, output, _) = hopscope(&["learn", ORDINARY, "--out", "/dev/null"]);
    assert!(code == Some(0) && output.contains("nothing to approve"));
}
