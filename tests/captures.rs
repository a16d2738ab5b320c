//! The project's own captures: what must be found in them is found, and nothing else.
#![cfg(test)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hopscope::check::{self, Checked, Form, Mode, Report};
use hopscope::config::Config;
use hopscope::detect::{self, DETECTORS};
use hopscope::finding::keys::{BY_ADDRESS, KEYS};
use hopscope::finding::{Finding, Severity};
use serde_json::Value;

static REPORT: LazyLock<Report> = LazyLock::new(|| {
    let captures = [PathBuf::from("testdata/pcaps")];
    check::run(&captures, &Config::default(), Mode::Judge, &mut |_| {}).unwrap()
});

#[test]
fn every_expectation_is_met() {
    assert!(REPORT.is_met(), "\n{}", *REPORT);
}

#[test]
fn every_detector_has_something_to_find_and_something_to_leave_alone() {
    for detector in &DETECTORS {
        for kind in ["hit-", "miss-"] {
            let mut captures = REPORT.captures.iter();
            let there_is =
                captures.any(|checked| directory(checked) == detector.name && is(checked, kind));
            assert!(there_is, "{}/{kind}*.pcap", detector.name);
        }
    }
}

#[test]
fn a_hit_expects_its_detector_and_a_miss_no_alarm() {
    for checked in &REPORT.captures {
        let name = checked.subject.display();
        let expectations = checked
            .verdicts()
            .iter()
            .map(|verdict| &verdict.expectation);
        let most = expectations
            .filter(|expectation| expectation.form == Form::MaxFindings)
            .find_map(|expectation| expectation.count.most);
        if is(checked, "miss-") {
            assert_eq!(most, Some(checked.findings.len() as u64), "{name}");
            let mut findings = checked.findings.iter().map(|found| &found.finding);
            assert!(findings.all(is_no_alarm), "{name}");
        } else {
            assert!(is(checked, "hit-"), "{name} is neither hit- nor miss-");
            let mut findings = checked.findings.iter();
            let expects = findings.any(|found| {
                found.finding.detector == directory(checked) && checked.expects(found)
            });
            assert!(expects, "{name}");
            assert_eq!(most, Some(checked.findings.len() as u64), "{name}");
        }
    }
}

#[test]
fn every_key_of_a_finding_is_in_its_schema() {
    let mut keys = BTreeSet::new();
    for found in REPORT.captures.iter().flat_map(|checked| &checked.findings) {
        collect(&found.json, "", &mut keys);
    }
    let known: BTreeSet<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
    let unknown: Vec<_> = keys.difference(&known).collect();
    assert!(unknown.is_empty(), "add to finding::keys: {unknown:?}");
}

/// What correlators say below `medium` is no alarm: that a balancer relays is true.
fn is_no_alarm(finding: &Finding) -> bool {
    let detector = detect::by_name(finding.detector).unwrap();
    detector.mechanism.is_none() && finding.severity < Severity::Medium
}

/// The dotted paths of everything that is neither a table nor a list.
fn collect(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(_) if path == BY_ADDRESS => {
            keys.insert(path.to_owned());
        }
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let path = format!("{path}.{name}");
            collect(value, path.trim_start_matches('.'), keys);
        }),
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| collect(element, path, keys)),
        Value::Null => {}
        _ => {
            keys.insert(path.to_owned());
        }
    }
}

fn directory(checked: &Checked) -> &str {
    let directory = checked.subject.parent().and_then(Path::file_name);
    directory.and_then(|name| name.to_str()).unwrap_or_default()
}

fn is(checked: &Checked, kind: &str) -> bool {
    let name = checked.subject.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(kind)
}
