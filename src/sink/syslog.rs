//! A finding as a message of syslog (RFC 5424): structured data for a machine, the title for a person.

use std::fmt::{Display, Write};

use crate::finding::{Finding, Severity};
use crate::time::Timestamp;

/// Who sends messages.
#[derive(Clone, Debug)]
pub struct Sender {
    host: String,
    process: u32,
    enterprise: u32,
}

impl Sender {
    /// Most bytes of a message: what every receiver over UDP should take (RFC 5426, section 3.2).
    pub const MOST_BYTES: usize = 2_048;

    /// The number that RFC 5612 keeps for examples, as hopscope has none of its own.
    pub const EXAMPLE: u32 = 32_473;

    /// A sender on a host, which names structured data by a private enterprise number (RFC 5424, section 6.3.2).
    pub fn new(host: &str, process: u32, enterprise: u32) -> Self {
        let host: String = host.chars().filter(char::is_ascii_graphic).collect();
        Self {
            host: if host.is_empty() {
                NIL.into()
            } else {
                host.chars().take(255).collect()
            },
            process,
            enterprise,
        }
    }

    /// The message about a finding at a moment, the `number`th of this sender. It has [`Sender::MOST_BYTES`] at most:
    /// long values are cut, and what has no room is left out, the least telling first.
    pub fn message(&self, finding: &Finding, number: u32, now: Timestamp) -> String {
        let Self {
            host,
            process,
            enterprise,
        } = self;
        let priority = 8 * FACILITY + level(finding.severity);
        let detector = finding.detector;
        let mut message = format!(
            "<{priority}>1 {now} {host} hopscope {process} {detector} \
             [meta sequenceId=\"{number}\"][finding@{enterprise}"
        );
        for (name, value) in parameters(finding) {
            add(&mut message, name, &value);
        }
        let room = Self::MOST_BYTES - message.len() - "] \u{feff}".len();
        let _ = write!(message, "] \u{feff}{}", cut(&finding.title, room));
        message
    }
}

/// Adds a parameter, where there is room for it and for a title of some length.
fn add(message: &mut String, name: &str, value: &str) {
    let value = escaped(&cut(value, LONGEST_VALUE));
    let parameter = format!(" {name}=\"{value}\"");
    if message.len() + parameter.len() + TITLE_BYTES <= Sender::MOST_BYTES {
        message.push_str(&parameter);
    }
}

/// What a machine asks for, the most telling first.
fn parameters(finding: &Finding) -> Vec<(&'static str, String)> {
    let (client, server) = (&finding.client, &finding.server);
    let text = |value: Option<&dyn Display>| value.map(ToString::to_string);
    let attack = finding.attack.iter().map(|attack| attack.technique);
    let all = [
        ("id", Some(finding.id.clone())),
        ("status", Some(name_of(&finding.status))),
        ("severity", Some(finding.severity.to_string())),
        ("certainty", Some(name_of(&finding.certainty))),
        ("verdict", Some(finding.verdict.to_string())),
        ("client", Some(client.ip.to_string())),
        (
            "client_port",
            text(client.port.as_ref().map(|port| port as _)),
        ),
        ("server", Some(server.ip.to_string())),
        (
            "server_port",
            text(server.port.as_ref().map(|port| port as _)),
        ),
        ("transport", Some(finding.transport.to_owned())),
        (
            "relay",
            text(finding.relay.as_ref().map(|relay| relay as _)),
        ),
        ("mechanism", finding.mechanism.map(str::to_owned)),
        ("target", finding.target.as_ref().map(ToString::to_string)),
        ("sessions", Some(finding.sessions.to_string())),
        ("first_seen", Some(finding.first_seen.to_string())),
        ("last_seen", Some(finding.last_seen.to_string())),
        ("rule", finding.rule.clone()),
        ("attack", Some(listed(attack))),
        ("chain", Some(listed(finding.chain.iter()))),
        ("community_id", finding.community_id.clone()),
    ];
    let there = all
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    there.filter(|(_, value)| !value.is_empty()).collect()
}

/// The name that a value has in JSON.
fn name_of(value: &impl serde::Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn listed(values: impl Iterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    values.join(",")
}

/// The text, or as much of it as has room, with a sign that it was cut. Nothing in it ends a line.
fn cut(text: &str, most_bytes: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.len() <= most_bytes {
        return text;
    }
    let room = most_bytes.saturating_sub(CUT.len());
    let fits = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=room).rev().find(fits).unwrap_or(0);
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

/// RFC 5424, section 6.3.3.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace(']', "\\]")
}

/// RFC 5424, section 6.2.1.
const fn level(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 6,
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 3,
        Severity::Critical => 2,
    }
}

/// `local0` (RFC 5424, section 6.2.1).
const FACILITY: u8 = 16;
const NIL: &str = "-";
const CUT: &str = "…";
const LONGEST_VALUE: usize = 200;
/// So much is kept for the title.
const TITLE_BYTES: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::finding::lifecycle::Findings;
    use crate::proto::target::Target;

    const NOW: Timestamp = Timestamp::from_parts(150, 0);

    fn finding() -> Finding {
        let mut findings = Findings::new(1, 1);
        findings.add(&evidence(1, Certainty::Proven), NOW);
        findings.finish().remove(0)
    }

    fn sender() -> Sender {
        Sender::new("sensor1", 77, Sender::EXAMPLE)
    }

    #[test]
    fn a_finding_is_a_message() {
        let message = sender().message(&finding(), 3, NOW);
        let (head, rest) = message.split_once(" id=").unwrap();
        assert_eq!(
            head,
            "<132>1 1970-01-01T00:02:30.000000Z sensor1 hopscope 77 socks-proxy \
             [meta sequenceId=\"3\"][finding@32473"
        );
        let (data, title) = rest.split_once("] \u{feff}").unwrap();
        assert!(
            data.starts_with("\"6ce7fc502e3c42a0\" status=\"new\" severity=\"medium\" "),
            "{data}"
        );
        assert!(
            data.contains(" certainty=\"proven\" verdict=\"undeclared\" client=\"10.0.0.1\" "),
            "{data}"
        );
        assert_eq!(title, finding().title);
    }

    #[test]
    fn what_ends_a_value_or_a_line_is_escaped() {
        let mut finding = finding();
        finding.rule = Some("a\"b]c\\d\ne".to_owned());
        finding.title = "one\r\ntwo".to_owned();
        let message = sender().message(&finding, 1, NOW);
        assert!(message.contains(" rule=\"a\\\"b\\]c\\\\d e\""), "{message}");
        assert!(message.ends_with("\u{feff}one  two"), "{message}");
    }

    #[test]
    fn no_message_is_longer_than_receivers_take() {
        for length in [10, 100, 199, 200, 201, 3_000] {
            let mut finding = finding();
            let long = "ä]".repeat(length);
            (finding.rule, finding.title) = (Some(long.clone()), long.clone());
            finding.target =
                Target::from_authority(format!("{}:80", "a".repeat(length)).as_bytes());
            finding.chain = vec![std::net::Ipv6Addr::LOCALHOST.into(); length];
            finding.community_id = Some(long);
            let message = sender().message(&finding, u32::MAX, NOW);
            assert!(
                message.len() <= Sender::MOST_BYTES,
                "{length}: {}",
                message.len()
            );
            assert!(message.contains("] \u{feff}ä"), "{message}");
        }
    }

    #[test]
    fn severities_are_those_of_syslog() {
        let priority = |severity| {
            let finding = Finding {
                severity,
                ..finding()
            };
            let message = sender().message(&finding, 1, NOW);
            message.split('>').next().unwrap().to_owned()
        };
        let priorities = Severity::ALL.map(priority);
        assert_eq!(priorities, ["<134", "<133", "<132", "<131", "<130"]);
    }

    #[test]
    fn a_host_without_a_name_has_the_nil_value() {
        for (host, expected) in [
            ("", " - hopscope"),
            ("a b\n", " ab hopscope"),
            ("ö", " - hopscope"),
        ] {
            let message = Sender::new(host, 1, 1).message(&finding(), 1, NOW);
            assert!(message.contains(expected), "{message}");
        }
    }
}
