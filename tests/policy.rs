//! Verdicts on the project's own captures: what is approved, what is not, what has run out, what cannot be judged; and
//! that a run, a run with threads, and `hopscope judge` say the same.
#![cfg(test)]

#[path = "support/replay.rs"]
mod replay;
#[path = "support/scratch.rs"]
mod scratch;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hopscope::config::Config;
use hopscope::finding::Finding;
use scratch::Scratch;

/// The relay of the lab serves whom the lines say.
fn approval(lines: &str) -> String {
    format!("[[approvals]]\nname = \"lab\"\nowner = \"lab\"\nreason = \"a test\"\n{lines}\n")
}

fn of_relay(lines: &str) -> String {
    approval(&format!(
        "relays = [\"10.9.2.20\"]\nclients = [\"10.9.1.0/24\"]\n{lines}"
    ))
}

/// `approved by lab, info`, of the finding whose relay is the lab's.
fn told(finding: &Finding) -> String {
    let rule = finding.rule.as_ref().map(|rule| format!(" by {rule}"));
    let (verdict, rule) = (finding.verdict, rule.unwrap_or_default());
    format!("{verdict}{rule}, {}", finding.severity)
}

fn assert_told(capture: &str, config: &str, expected: &str) {
    let findings = replay::findings(capture, 0, config);
    let told = findings.first().map(told);
    assert_eq!(told.as_deref(), Some(expected), "{capture}\n{config}");
}

/// One client, web.example.test at ports 80 and 443, through SOCKS at port 1080, on 2026-11-21.
#[test]
fn an_approval_holds_for_what_it_says() {
    let cases = [
        ("", "approved by lab, info"),
        ("means = [\"socks\"]", "approved by lab, info"),
        (
            "listens = [1080]\nports = [80, 443]",
            "approved by lab, info",
        ),
        ("targets = [\".example.test\"]", "approved by lab, info"),
        ("expires = 2026-11-21", "approved by lab, info"),
        ("expires = 2026-11-20", "expired by lab, medium"),
        ("means = [\"connect\"]", "unapproved, medium"),
        ("listens = [3128]", "unapproved, medium"),
        ("ports = [443]", "unapproved, medium"),
        ("targets = [\"www.example.test\"]", "unapproved, medium"),
        ("targets = [\"192.0.2.0/24\"]", "cannot-judge, medium"),
    ];
    for (lines, expected) in cases {
        assert_told(SOCKS, &of_relay(lines), expected);
    }
}

#[test]
fn a_host_is_judged_by_what_is_said_of_it() {
    let workstation =
        "[[groups]]\nname = \"g\"\nhosts = [\"10.9.2.20\"]\nroles = [\"workstation\"]";
    let other_relay = approval("relays = [\"10.9.9.9\"]\nclients = [\"inside\"]");
    let other_clients = approval("relays = [\"10.9.2.20\"]\nclients = [\"outside\"]");
    let cases = [
        ("", "undeclared, medium"),
        (&other_relay, "undeclared, medium"),
        (&other_clients, "unapproved, medium"),
        (workstation, "unapproved, high"),
    ];
    for (config, expected) in cases {
        assert_told(SOCKS, config, expected);
    }
}

#[test]
fn a_host_that_connects_out_needs_an_approval_that_says_so() {
    const REVERSE: &str = "socks-proxy/hit-reverse-socks.pcap";
    let of_agent = |lines: &str| approval(&format!("relays = [\"10.9.1.10\"]\n{lines}"));
    let out = "clients = [\"198.51.100.77\"]";
    let cases = [
        (String::new(), "undeclared, high"),
        (of_agent("clients = [\"inside\"]"), "unapproved, high"),
        (
            of_agent(&format!("{out}\nmeans = [\"socks\"]")),
            "unapproved, high",
        ),
        (
            of_agent(&format!("{out}\nmeans = [\"socks\", \"back-connect\"]")),
            "approved by lab, info",
        ),
    ];
    for (config, expected) in cases {
        assert_told(REVERSE, &config, expected);
    }
}

#[test]
fn what_an_approval_speaks_of_must_have_been_seen() {
    const TUNNEL: &str = "websocket-tunnel/hit-websocat-ssh.pcap";
    const MIDSTREAM: &str = "websocket-tunnel/hit-wstunnel-node-midstream.pcap";
    const ONE_SIDED: &str = "http-connect-proxy/hit-one-sided.pcap";
    const REFUSED: &str = "http-forward-proxy/hit-auth-407.pcap";
    let cases = [
        (TUNNEL, "means = [\"websocket\"]", "approved by lab, info"),
        (
            TUNNEL,
            "targets = [\".example.test\"]",
            "cannot-judge, medium",
        ),
        (TUNNEL, "ports = [22]", "cannot-judge, medium"),
        (MIDSTREAM, "", "cannot-judge, medium"),
        (ONE_SIDED, "", "approved by lab, info"),
        (ONE_SIDED, "ports = [80, 443]", "approved by lab, info"),
        (REFUSED, "means = [\"forward\"]", "approved by lab, info"),
    ];
    for (capture, lines, expected) in cases {
        assert_told(capture, &of_relay(lines), expected);
    }
}

const SOCKS: &str = "socks-proxy/hit-microsocks-noauth.pcap";

/// Every capture, under a policy that has something to say about most of them.
const SOME: &str = include_str!("../testdata/policy/approved.toml");

fn json(findings: &[Finding]) -> Vec<String> {
    let lines = findings.iter().map(serde_json::to_string);
    lines.collect::<Result<_, _>>().unwrap()
}

fn pcaps() -> PathBuf {
    root().join("testdata/pcaps")
}

fn captures() -> Vec<String> {
    let below = |folder: &Path| {
        let mut files: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    };
    let folders = below(&pcaps()).into_iter().filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| below(&folder));
    let hits = files.filter(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("hit-")
    });
    let hits = hits.filter(|path| path.extension().is_some_and(|ending| ending == "pcap"));
    let names = hits.map(|path| {
        path.strip_prefix(pcaps())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    });
    names.collect()
}

/// What is judged in a run is what is judged of the lines of another run, whatever that one thought of it.
#[test]
fn a_line_is_judged_as_the_finding_is() {
    let none = Config::default().policy();
    let some = SOME.parse::<Config>().unwrap().policy();
    let mut approved = 0;
    for capture in captures() {
        let without = json(&replay::findings(&capture, 0, ""));
        let with = json(&replay::findings(&capture, 0, SOME));
        approved += with
            .iter()
            .filter(|line| line.contains("\"approved\""))
            .count();
        for (without, with) in without.iter().zip(&with) {
            let judged = |policy: &hopscope::policy::Policy, line: &String| {
                policy.judge_line(line.as_bytes()).unwrap().line
            };
            assert_eq!(&judged(&some, without), with, "{capture}");
            assert_eq!(&judged(&none, with), without, "{capture}");
            assert_eq!(&judged(&some, with), with, "{capture}");
        }
    }
    assert!(approved > 5, "{approved}");
}

#[test]
fn verdicts_are_the_same_for_any_number_of_workers() {
    for capture in [
        "socks-proxy/hit-microsocks-noauth.pcap",
        "http-connect-proxy/hit-nested.pcap",
    ] {
        let inline = json(&replay::findings(capture, 0, SOME));
        for workers in [1, 2, 4, 8] {
            assert_eq!(
                json(&replay::findings(capture, workers, SOME)),
                inline,
                "{capture} {workers}"
            );
        }
    }
}

fn hopscope(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let [output, messages] =
        [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.code(), output, messages)
}

fn first_finding(arguments: &[&str]) -> String {
    let (_, output, _) = hopscope(root(), arguments);
    output.lines().next().unwrap().to_owned() + "\n"
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const CAPTURE: &str = "testdata/pcaps/socks-proxy/hit-microsocks-noauth.pcap";
const CONFIG: &str = "testdata/policy/approved.toml";

#[test]
fn old_findings_get_new_verdicts() {
    let scratch = Scratch::new("judge");
    let old = first_finding(&["replay", CAPTURE]);
    let new = first_finding(&["replay", CAPTURE, "--config", CONFIG]);
    let line = old.trim_end();
    let file = |text: &str| scratch.file("old.jsonl", text).display().to_string();
    let judge = |text: &str, more: &[&str]| {
        let path = file(text);
        hopscope(
            root(),
            &[&["judge", &path, "--config", CONFIG], more].concat(),
        )
    };
    assert_eq!(judge(&old, &[]), (Some(0), new.clone(), String::new()));
    assert_eq!(
        judge(line, &["--fail-on", "low"]),
        (Some(0), new.clone(), String::new())
    );
    assert_eq!(judge(&old, &["--fail-on", "info"]).0, Some(1));
    assert_eq!(judge("\n\n", &[]), (Some(0), String::new(), String::new()));

    let (code, output, messages) = judge(&format!("{line}\nhello\n\n{{}}\n{line}\n"), &[]);
    assert_eq!((code, output), (Some(3), new.repeat(2)));
    let lines: Vec<&str> = messages.lines().collect();
    assert!(
        lines[0].contains("old.jsonl:2: no finding: expected"),
        "{messages}"
    );
    assert!(
        lines[1].contains("old.jsonl:4: no finding: missing field `detector`"),
        "{messages}"
    );

    let long = format!("{{\"x\":\"{}\"}}\n{line}\n", "y".repeat(1 << 20));
    let (code, output, messages) = judge(&long, &[]);
    assert_eq!((code, output), (Some(3), new));
    assert!(
        messages.contains("old.jsonl:1: no finding: longer than 1048576 bytes"),
        "{messages}"
    );
}

#[test]
fn a_file_of_something_else_is_told_in_a_few_lines() {
    let scratch = Scratch::new("something-else");
    let path = scratch.file("notes.txt", "no finding\n".repeat(40));
    let path = path.display().to_string();
    let (code, output, messages) = hopscope(root(), &["judge", &path, "--config", CONFIG]);
    assert_eq!((code, output.as_str()), (Some(3), ""));
    assert_eq!(messages.lines().count(), 6, "{messages}");
    assert!(
        messages.ends_with("and 35 more lines are no findings\n"),
        "{messages}"
    );
}

#[test]
fn judge_answers_wrong_arguments() {
    let cases: [(&[&str], i32, &str); 4] = [
        (&["judge", "x.jsonl"], 2, "--config <FILE>"),
        (
            &["judge", "none.jsonl", "--config", CONFIG],
            3,
            "none.jsonl cannot be read",
        ),
        (
            &["judge", "-", "--config", "none.toml"],
            2,
            "the configuration none.toml cannot be read",
        ),
        (
            &["judge", "-", "--config", "Cargo.toml"],
            2,
            "there is no key `bench` here",
        ),
    ];
    for (arguments, code, part) in cases {
        let (found, _, messages) = hopscope(root(), arguments);
        assert!(
            found == Some(code) && messages.contains(part),
            "{arguments:?}: {messages}"
        );
    }
}

#[test]
fn a_configuration_is_checked_for_approvals_that_deserve_a_look() {
    let scratch = Scratch::new("review");
    let findings = first_finding(&["replay", CAPTURE]);
    let findings = scratch
        .file("f.jsonl", findings + "no\n")
        .display()
        .to_string();
    let more = "[[approvals]]\nname = \"again\"\nrelays = [\"relays\"]\nlistens = [1080]\nclients = [\"10.9.1.7\"]\n\
                targets = [\"a.example.test\"]\nports = [80]\nmeans = [\"socks\"]\nowner = \"o\"\nreason = \"r\"\nexpires = 2026-12-31\n";
    let config = scratch
        .file("c.toml", SOME.to_owned() + more)
        .display()
        .to_string();
    let remarks = |arguments: &[&str]| {
        let (code, output, messages) =
            hopscope(root(), &[&["config", "check", &config], arguments].concat());
        assert_eq!(code, Some(0), "{messages}");
        let lines = output
            .lines()
            .filter_map(|line| line.strip_prefix("# look: approval "));
        (lines.map(str::to_owned).collect::<Vec<_>>(), messages)
    };
    let covered = "again never decides: the-way-out stands before it and allows the same or more";
    assert_eq!(remarks(&["--on", "2026-11-30"]).0, [covered]);
    let (soon, _) = remarks(&["--on", "2026-12-01"]);
    assert_eq!(soon[0], "the-way-out runs out on 2026-12-31: in 30 days");
    let (told, messages) = remarks(&["--on", "2027-01-01", "--findings", &findings]);
    let expected = [
        "the-way-out ran out on 2026-12-31",
        covered,
        "again ran out on 2026-12-31",
        "again met none of the findings",
    ];
    assert_eq!(told, expected);
    assert!(
        messages.contains("f.jsonl:2: no finding: expected"),
        "{messages}"
    );
    let (code, _, messages) = hopscope(root(), &["config", "check", "--on", "tomorrow"]);
    assert!(
        code == Some(2) && messages.contains("`tomorrow` is no day, such as 2026-11-21"),
        "{messages}"
    );
}

#[test]
fn a_finding_is_explained_by_the_approval_that_decided() {
    let (code, output, _) = hopscope(
        root(),
        &[
            "explain",
            "finding",
            "52045460b3bc116c",
            CAPTURE,
            "--config",
            CONFIG,
        ],
    );
    let parts = [
        "severity     info: what is approved is no alarm\n",
        "verdict      approved: the-way-out, until 2026-12-31; network team answers for",
        "approvals    the-way-out applies\n",
        "client       10.9.1.10, workstation\n",
        "server       10.9.2.20:1080, proxy, tcp\n",
    ];
    for part in parts {
        assert!(code == Some(0) && output.contains(part), "{part}{output}");
    }
}
