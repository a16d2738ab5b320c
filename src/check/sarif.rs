//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>): the findings as results.
//!
//! The expectations are the baseline: a finding that an expectation asks for is `unchanged`, another one is `new`.
//! Expectations that are not met are notifications of the run.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::found::Found;
use super::report::{Checked, Report};
use crate::detect::{DETECTORS, Detector};
use crate::finding::attack::Attack;
use crate::finding::{FlowLine, Party, Severity};

/// Writes a report.
///
/// # Errors
///
/// If the output fails.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &log(report))?;
    writeln!(out)
}

fn log(report: &Report) -> Value {
    let artifacts: Vec<Value> = report.captures.iter().map(artifact).collect();
    let captures = report.captures.iter().zip(0..);
    let results: Vec<Value> = captures
        .flat_map(|(checked, index)| {
            let findings = checked.findings.iter();
            findings.map(move |found| result(checked, index, found))
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver()},
            "taxonomies": [taxonomy()],
            "invocations": [invocation(report)],
            "artifacts": artifacts,
            "results": results,
        }],
    })
}

fn driver() -> Value {
    let rules: Vec<Value> = DETECTORS.iter().map(rule).collect();
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "shortDescription": {"text": env!("CARGO_PKG_DESCRIPTION")},
        "rules": rules,
        "supportedTaxonomies": [{"name": ATTACK, "index": 0}],
    })
}

fn rule(detector: &Detector) -> Value {
    let page = detector.page();
    let relationships: Vec<Value> = detector.attack.iter().map(relationship).collect();
    json!({
        "id": detector.name,
        "shortDescription": {"text": detector.summary()},
        "fullDescription": {"text": section(&page, "Sees")},
        "help": {"text": &page, "markdown": &page},
        "relationships": relationships,
    })
}

/// The text under a heading of a detector's page, in one line.
fn section(page: &str, heading: &str) -> String {
    let heading = format!("## {heading}\n");
    let text = page.split_once(&heading).map_or("", |(_, text)| text);
    let text = text.split("\n## ").next().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn relationship(attack: &Attack) -> Value {
    json!({"target": reference(attack), "kinds": ["relevant"]})
}

fn reference(attack: &Attack) -> Value {
    let index = techniques()
        .iter()
        .position(|known| known.technique == attack.technique);
    json!({
        "id": attack.technique,
        "index": index,
        "toolComponent": {"name": ATTACK, "index": 0},
    })
}

/// Every technique that a detector names, sorted.
fn techniques() -> Vec<Attack> {
    let all = DETECTORS.iter().flat_map(|detector| detector.attack);
    let mut techniques: Vec<Attack> = all.copied().collect();
    techniques.sort_by_key(|attack| attack.technique);
    techniques.dedup_by_key(|attack| attack.technique);
    techniques
}

fn taxonomy() -> Value {
    let taxa: Vec<Value> = techniques().iter().map(taxon).collect();
    json!({
        "name": ATTACK,
        "organization": "MITRE",
        "informationUri": "https://attack.mitre.org/",
        "shortDescription": {"text": "Adversary tactics and techniques; here the techniques that detectors name."},
        "isComprehensive": false,
        "taxa": taxa,
    })
}

fn taxon(attack: &Attack) -> Value {
    let path = attack.technique.replace('.', "/");
    json!({
        "id": attack.technique,
        "helpUri": format!("https://attack.mitre.org/techniques/{path}/"),
        "properties": attack,
    })
}

/// How the run ended, and what is not as expected.
fn invocation(report: &Report) -> Value {
    let notifications: Vec<Value> = report.checked().flat_map(notifications).collect();
    json!({
        "executionSuccessful": true,
        "toolExecutionNotifications": notifications,
    })
}

fn notifications(checked: &Checked) -> Vec<Value> {
    let notification = |text: String, line: usize| {
        json!({
            "level": "error",
            "message": {"text": text},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": uri(&checked.file)},
                "region": {"startLine": line.max(1)},
            }}],
        })
    };
    match &checked.outcome {
        Err(unusable) => vec![notification(unusable.to_string(), 1)],
        Ok(verdicts) => verdicts
            .iter()
            .filter(|verdict| !verdict.is_met())
            .map(|verdict| {
                let text = format!("{}: {}", verdict.message(), verdict.expectation);
                notification(text, verdict.expectation.line)
            })
            .collect(),
    }
}

fn artifact(checked: &Checked) -> Value {
    json!({
        "location": {"uri": uri(&checked.subject)},
        "roles": ["analysisTarget"],
    })
}

fn result(checked: &Checked, artifact: u64, found: &Found) -> Value {
    let finding = &found.finding;
    let rule = DETECTORS
        .iter()
        .position(|detector| detector.name == finding.detector);
    let taxa: Vec<Value> = finding.attack.iter().map(reference).collect();
    let related: Vec<Value> = finding.flows.iter().skip(1).map(related).collect();
    let baseline = if checked.expects(found) {
        "unchanged"
    } else {
        "new"
    };
    json!({
        "ruleId": finding.detector,
        "ruleIndex": rule,
        "level": level(finding.severity),
        "rank": finding.confidence * 100.0,
        "message": {"text": finding.title},
        "baselineState": baseline,
        "partialFingerprints": {"findingId/v1": finding.id},
        "taxa": taxa,
        "locations": [location(checked, artifact, finding.flows.first())],
        "relatedLocations": related,
        "properties": {
            "severity": finding.severity,
            "certainty": finding.certainty,
            "sessions": finding.sessions,
            "communityId": found.json.get("community_id"),
        },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info | Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// The capture, and in it the first flow.
fn location(checked: &Checked, artifact: u64, flow: Option<&FlowLine>) -> Value {
    let capture = checked.subject.display().to_string();
    let flow = flow.map(|flow| {
        let name = name(flow);
        let qualified = format!("{capture}: {name}");
        json!({"name": name, "fullyQualifiedName": qualified, "kind": "flow"})
    });
    let capture = json!({"name": &capture, "fullyQualifiedName": &capture, "kind": "capture"});
    let logical: Vec<Value> = [Some(capture), flow].into_iter().flatten().collect();
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&checked.subject), "index": artifact},
        },
        "logicalLocations": logical,
    })
}

/// A further flow of the finding.
fn related(flow: &FlowLine) -> Value {
    json!({"logicalLocations": [{"name": name(flow), "kind": "flow"}]})
}

/// `tcp 10.9.1.10:42000 > 10.9.2.20:1080`.
fn name(flow: &FlowLine) -> String {
    let (client, server) = (party(&flow.client), party(&flow.server));
    format!("{} {client} > {server}", flow.transport)
}

fn party(party: &Party) -> String {
    match (party.ip, party.port) {
        (ip, Some(port)) => std::net::SocketAddr::new(ip, port).to_string(),
        (ip, None) => ip.to_string(),
    }
}

/// A path as a URI reference (RFC 3986): relative where the path is, else a file URI.
fn uri(path: &Path) -> String {
    let path = path.display().to_string();
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    path.bytes().fold(scheme.to_owned(), |uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri + char::from(byte).encode_utf8(&mut [0; 4])
        } else {
            uri + &format!("%{byte:02X}")
        }
    })
}

const ATTACK: &str = "MITRE ATT&CK";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uri_references() {
        let cases = [
            ("a/b-1.pcap", "a/b-1.pcap"),
            ("a b/c%.pcap", "a%20b/c%25.pcap"),
            ("c:d.pcap", "c%3Ad.pcap"),
            ("/r/\u{e9}.pcap", "file:///r/%C3%A9.pcap"),
        ];
        for (path, reference) in cases {
            assert_eq!(uri(Path::new(path)), reference);
        }
    }

    #[test]
    fn rules_refer_to_taxa_that_are_there() {
        let (driver, taxonomy) = (driver(), taxonomy());
        let relationships = driver["rules"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|rule| rule["relationships"].as_array().into_iter().flatten());
        let mut count = 0;
        for relationship in relationships {
            let target = &relationship["target"];
            let index = usize::try_from(target["index"].as_u64().unwrap()).unwrap();
            assert_eq!(taxonomy["taxa"][index]["id"], target["id"]);
            count += 1;
        }
        assert!(count >= DETECTORS.len());
    }
}
