//! Whole checks over copies of the project's captures.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::source::samples::Scratch;

/// A directory with a capture of each kind: one that has a finding, and one that has none.
fn scratch(test: &str) -> Scratch {
    let scratch = Scratch::new(test);
    for (name, capture) in [
        ("hit.pcap", "socks-proxy/hit-qinq.pcap"),
        ("below/miss.pcap", "socks-proxy/miss-dce-rpc.pcap"),
    ] {
        let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/pcaps");
        let bytes = std::fs::read(format!("{captures}/{capture}")).unwrap();
        scratch.file(name, &bytes);
    }
    scratch
}

fn check(scratch: &Scratch, mode: Mode) -> Report {
    let paths = [scratch.path().to_owned()];
    run(&paths, &Config::default(), mode, &mut |_| {}).unwrap()
}

/// The report with the directory's path left out.
fn told(report: &Report, scratch: &Scratch) -> String {
    let root = format!("{}/", scratch.path().display());
    report.to_string().replace(&root, "")
}

fn read(scratch: &Scratch, name: &str) -> String {
    std::fs::read_to_string(scratch.path().join(name)).unwrap()
}

const BLESSED: &str = r#"# Written by `hopscope check --bless`.
max-findings = 1

[[checks]]
filter.count = 1
[checks.filter.match]
detector = "socks-proxy"
severity = "medium"
certainty = "proven"
client.ip = "10.9.1.10"
server.ip = "10.9.2.20"
server.port = 1080
sessions = 2
mechanism = "proxy"
target.host = "web.example.test"
target.port = 80
"#;

#[test]
fn what_is_blessed_is_met() {
    let scratch = scratch("check-bless");
    let report = check(&scratch, Mode::Bless);
    assert!(told(&report, &scratch).starts_with("wrote below/miss.expect.toml\n  + no finding\n"));
    assert_eq!(read(&scratch, "hit.expect.toml"), BLESSED);
    let miss = "# Written by `hopscope check --bless`.\nmax-findings = 0\n";
    assert_eq!(read(&scratch, "below/miss.expect.toml"), miss);
    for mode in [Mode::Judge, Mode::Bless] {
        let report = check(&scratch, mode);
        assert!(report.is_met());
        let summary = "2 captures, 3 expectations: 3 met, 0 failed\n";
        assert_eq!(told(&report, &scratch), summary);
    }
}

#[test]
fn a_failure_shows_the_difference() {
    let scratch = scratch("check-difference");
    scratch.file("below/miss.expect.toml", b"max-findings = 0");
    let text = BLESSED
        .replace("1080", "1081")
        .replace("= 1\n", "= 0\n")
        .replace("= 2\n", "= 0\n");
    let text = text.replace("filter.count = 0", "filter.count = 1");
    scratch.file("hit.expect.toml", text.as_bytes());
    let report = check(&scratch, Mode::Judge);
    assert_eq!(
        told(&report, &scratch),
        "\
FAILED hit.pcap
  hit.expect.toml:4: expected 1 finding, found 0
    the nearest is: 10.9.2.20:1080 serves SOCKS5 to 10.9.1.10, for web.example.test:80 and 1 more target
      detector     socks-proxy
      severity     medium
      certainty    proven
      client.ip    10.9.1.10
      server.ip    10.9.2.20
    - server.port  1081
    + server.port  1080
    - sessions     0
    + sessions     2
      mechanism    proxy
      target.host  web.example.test
      target.port  80
  hit.expect.toml:2: expected no finding, found 1
    + 10.9.2.20:1080 serves SOCKS5 to 10.9.1.10, for web.example.test:80 and 1 more target

2 captures, 3 expectations: 1 met, 2 failed
"
    );
}

#[test]
fn blessing_keeps_what_is_met_and_says_what_it_changes() {
    let scratch = scratch("check-change");
    scratch.file("below/miss.expect.toml", b"max-findings = 0");
    let text = "# Why.\nmax-findings = 0\nabsent = [{ server.port = 1080 }, { server.port = 9 }]\n\
                [[checks]]\nfilter = { count-max = 3, match = { sessions.__gt = 0 } }\n";
    scratch.file("hit.expect.toml", text.as_bytes());
    let report = check(&scratch, Mode::Bless);
    assert!(report.is_met());
    let finding = "1 finding with detector socks-proxy, severity medium, certainty proven, \
                   client.ip 10.9.1.10, server.ip 10.9.2.20, server.port 1080, sessions 2, \
                   mechanism proxy, target.host web.example.test, target.port 80";
    let wanted = format!(
        "changed hit.expect.toml\n  - no finding with server.port 1080\n  - no finding\n  + {finding}\n  \
         + at most 1 finding\n2 captures, 5 expectations: 5 met, 0 failed\n"
    );
    assert_eq!(told(&report, &scratch), wanted);
    let text = read(&scratch, "hit.expect.toml");
    assert!(text.starts_with("# Why.\nmax-findings = 1\n"), "{text}");
    assert_eq!(read(&scratch, "below/miss.expect.toml"), "max-findings = 0");
}

#[test]
fn what_cannot_be_used_is_told_and_left_alone() {
    let scratch = scratch("check-unusable");
    let capture = std::fs::read(scratch.path().join("hit.pcap")).unwrap();
    scratch.file("hit.pcapng", &capture);
    scratch.file("gone.expect.toml", b"max-findings = 0");
    scratch.file("below/miss.expect.toml", b"max-findigns = 0");
    let unusable = |report: &Report| report.tally().unusable;
    assert_eq!(unusable(&check(&scratch, Mode::Judge)), 4);
    let report = check(&scratch, Mode::Bless);
    assert_eq!(unusable(&report), 3);
    let text = told(&report, &scratch);
    for part in [
        "UNUSABLE below/miss.pcap\n",
        "did you mean `max-findings`?",
        "UNUSABLE hit.pcapng\n  its expectations would be those of hit.pcap: rename one",
        "UNUSABLE gone.expect.toml\n  expectations without a capture",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(read(&scratch, "below/miss.expect.toml"), "max-findigns = 0");
}

#[test]
fn what_is_called_as_a_capture_and_is_none_is_told() {
    let scratch = scratch("check-impostor");
    check(&scratch, Mode::Bless);
    scratch.file("below/empty.pcap.gz", b"");
    scratch.file("below/empty.expect.toml", b"max-findings = 0");
    scratch.file(
        "large.pcapng",
        b"version https://git-lfs.github.com/spec/v1\n",
    );
    scratch.file("notes.txt", b"No capture, and nobody says so.");
    for mode in [Mode::Judge, Mode::Bless] {
        let report = check(&scratch, mode);
        assert_eq!(report.tally().unusable, 2);
        let text = told(&report, &scratch);
        for part in [
            "UNUSABLE below/empty.pcap.gz\n  no capture, whatever its name says: ",
            "UNUSABLE large.pcapng\n  no capture, whatever its name says: ",
            "run `git lfs pull`",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn a_budget_is_for_all_captures_below_its_directory() {
    let scratch = scratch("check-budget");
    check(&scratch, Mode::Bless);
    scratch.file(
        "check.toml",
        b"[budget]\ninfo = 1\nmedium = 0\ncritical = 0\n",
    );
    scratch.file("below/check.toml", b"[budget]\ninfo = 0\n");
    let report = check(&scratch, Mode::Judge);
    let wanted = "\
FAILED check.toml
  check.toml:3: expected no finding, found 1
      severity.__gte medium
    + hit.pcap: 10.9.2.20:1080 serves SOCKS5 to 10.9.1.10, for web.example.test:80 and 1 more target

2 captures, 7 expectations: 6 met, 1 failed
";
    assert_eq!(told(&report, &scratch), wanted);
}

#[test]
fn a_cut_capture_is_told() {
    let scratch = scratch("check-cut");
    let capture = std::fs::read(scratch.path().join("hit.pcap")).unwrap();
    scratch.file("hit.pcap", &capture[..capture.len() - 1]);
    check(&scratch, Mode::Bless);
    let text = told(&check(&scratch, Mode::Judge), &scratch);
    assert!(text.starts_with("cut hit.pcap: stopped at byte"), "{text}");
    scratch.file("hit.expect.toml", b"max-findings = 0");
    let mut xml = Vec::new();
    junit::write(&mut xml, &check(&scratch, Mode::Judge)).unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(xml.contains("the capture is cut: "), "{xml}");
}

#[test]
fn junit_has_a_case_for_each_expectation() {
    let scratch = scratch("check-junit");
    scratch.file("hit.expect.toml", b"max-findings = 0\nabsent = [{}]\n");
    scratch.file("gone.expect.toml", b"max-findings = 0\n");
    let mut xml = Vec::new();
    junit::write(&mut xml, &check(&scratch, Mode::Judge)).unwrap();
    let root = format!("{}/", scratch.path().display());
    let xml = String::from_utf8(xml).unwrap().replace(&root, "");
    let lines: Vec<&str> = xml.lines().map(str::trim).collect();
    let counts = r#"tests="4" failures="2" errors="2" skipped="0" time="0""#;
    assert_eq!(
        lines[2],
        format!(r#"<testsuite name="hopscope check" {counts}>"#)
    );
    for line in [
        r#"<testcase classname="hit.pcap" name="no finding" file="hit.expect.toml" time="0">"#,
        r#"<failure message="expected no finding, found 1">hit.expect.toml:1"#,
        r#"<failure message="expected no finding, found 1">hit.expect.toml:2"#,
        r#"<error message="expectations without a capture beside them">expectations without a capture beside them</error>"#,
    ] {
        assert!(lines.contains(&line), "{xml}");
    }
    assert_eq!(xml.matches("</testcase>").count(), 4);
}

#[test]
fn sarif_has_a_result_for_each_finding() {
    let scratch = scratch("check-sarif");
    let report = check(&scratch, Mode::Bless);
    let log = sarif_of(&report);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    let result = &results[0];
    let finding = &report.captures[1].findings[0].finding;
    assert_eq!(result["ruleId"], "socks-proxy");
    assert_eq!(result["level"], "warning");
    assert_eq!(result["baselineState"], "unchanged");
    assert_eq!(result["message"]["text"], finding.title.as_str());
    let fingerprint = &result["partialFingerprints"]["findingId/v1"];
    assert_eq!(fingerprint, finding.id.as_str());
    let rule = &run["tool"]["driver"]["rules"][index(&result["ruleIndex"])];
    assert_eq!(rule["id"], result["ruleId"]);
    let taxon = &result["taxa"][0];
    assert_eq!(
        run["taxonomies"][0]["taxa"][index(&taxon["index"])]["id"],
        taxon["id"]
    );
    let location = &result["locations"][0];
    let artifact = &location["physicalLocation"]["artifactLocation"];
    assert_eq!(
        run["artifacts"][index(&artifact["index"])]["location"]["uri"],
        artifact["uri"]
    );
    let kinds = [0, 1].map(|at| &location["logicalLocations"][at]["kind"]);
    assert_eq!(kinds, ["capture", "flow"]);
    let notifications = &run["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications.as_array().map(Vec::len), Some(0));
}

#[test]
fn sarif_tells_what_is_new_and_what_failed() {
    let scratch = scratch("check-sarif-new");
    scratch.file("hit.expect.toml", b"\nmax-findings = 0\n");
    scratch.file("below/miss.expect.toml", b"max-findings = 0\n");
    let run = sarif_of(&check(&scratch, Mode::Judge))["runs"][0].take();
    assert_eq!(run["results"][0]["baselineState"], "new");
    let notification = &run["invocations"][0]["toolExecutionNotifications"][0];
    let text = "expected no finding, found 1: no finding";
    assert_eq!(notification["message"]["text"], text);
    let region = &notification["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region["startLine"], 2);
}

fn sarif_of(report: &Report) -> Value {
    let mut text = Vec::new();
    sarif::write(&mut text, report).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn index(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
fn what_cannot_be_read_ends_the_check() {
    let scratch = scratch("check-unreadable");
    let cases: [(PathBuf, &str); 2] = [
        (scratch.path().join("none.pcap"), "does not exist"),
        ("-".into(), "standard input has no place beside it"),
    ];
    for (path, part) in cases {
        let error = run(&[path], &Config::default(), Mode::Judge, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn the_examples_of_the_documentation_are_right() {
    let page = include_str!("../../docs/check.md");
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|text| text.split("```").next())
        .collect();
    let scratch = scratch("check-documentation");
    scratch.file("hit.expect.toml", examples[0].as_bytes());
    scratch.file("check.toml", examples[1].as_bytes());
    assert_eq!(examples.len(), 2);
    check(&scratch, Mode::Judge)
        .checked()
        .filter(|checked| checked.subject.parent() == Some(scratch.path()))
        .for_each(|checked| assert!(checked.outcome.is_ok(), "{:?}", checked.outcome));
}
