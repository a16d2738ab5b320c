//! Blessing: what was found becomes what is expected.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::CheckError;
use super::expect::{Count, Expectation, Expectations, Form};
use super::found::Found;
use super::matching::{Match, Term};
use super::operator::{HAS_KEY, NOT_HAS_KEY};
use crate::finding::keys::BY_ADDRESS;

/// What was written beside a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blessing {
    /// The file.
    pub file: PathBuf,
    /// Whether there was none before.
    pub is_new: bool,
    /// Expectations that were taken out.
    pub removed: Vec<String>,
    /// Expectations that were added.
    pub added: Vec<String>,
}

impl Blessing {
    /// Writes expectations in the place of older ones, if there are any.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(
        file: &Path,
        old: Option<&Expectations>,
        new: &Expectations,
    ) -> Result<Self, CheckError> {
        std::fs::write(file, new.to_toml()).map_err(|cause| CheckError::Unwritable {
            path: file.to_owned(),
            cause,
        })?;
        let lines = |expectations: &Expectations| -> Vec<String> {
            let all = expectations.all.iter();
            all.map(Expectation::to_string).collect()
        };
        let (removed, added) = (old.map(lines).unwrap_or_default(), lines(new));
        let only = |these: &[String], those: &[String]| {
            let new = these.iter().filter(|line| !those.contains(line));
            new.cloned().collect()
        };
        Ok(Self {
            file: file.to_owned(),
            is_new: old.is_none(),
            removed: only(&removed, &added),
            added: only(&added, &removed),
        })
    }
}

impl Expectations {
    /// Expects what was found, and nothing else.
    pub fn of(findings: &[Found]) -> Self {
        let nothing = Self {
            all: Vec::new(),
            config: None,
            preface: PREFACE.to_owned(),
        };
        let mut all = nothing.blessed(findings).all;
        all.push(Expectation::max_findings(findings.len() as u64, 0));
        Self { all, ..nothing }
    }

    /// Keeps what is met. Takes out what is not, and expects each finding that nothing asks for any more.
    pub fn blessed(&self, findings: &[Found]) -> Self {
        let is_met = |expectation: &Expectation| {
            let fits = |found: &&Found| expectation.matching.fits(&found.json);
            let count = findings.iter().filter(fits).count();
            expectation.count.allows(count as u64)
        };
        let (mut all, unmet): (Vec<_>, Vec<_>) = self.all.iter().cloned().partition(is_met);
        for found in findings {
            let matching = portrait(found);
            let known = |expectation: &Expectation| {
                expectation.wants() && expectation.matching.fits(&found.json)
            };
            if !all.iter().any(known) {
                let same = |other: &&Found| matching.fits(&other.json);
                let count = findings.iter().filter(same).count() as u64;
                all.push(Expectation::check(Count::exactly(count), matching, 0));
            }
        }
        if unmet.iter().any(|unmet| unmet.form == Form::MaxFindings) {
            all.push(Expectation::max_findings(findings.len() as u64, 0));
        }
        all.sort_by_key(|expectation| expectation.form);
        Self {
            all,
            config: self.config.clone(),
            preface: self.preface.clone(),
        }
    }

    /// The text of a file that says the same.
    pub fn to_toml(&self) -> String {
        let mut text = self.preface.clone();
        if let Some(config) = &self.config {
            let _ = writeln!(
                text,
                "config = {}",
                inline(&config.to_string_lossy().into())
            );
        }
        let of = |form| move |expectation: &&Expectation| expectation.form == form;
        for expectation in self.all.iter().filter(of(Form::MaxFindings)) {
            let most = expectation.count.most.unwrap_or(u64::MAX);
            let _ = writeln!(text, "max-findings = {most}");
        }
        for expectation in self.all.iter().filter(of(Form::Check)) {
            text += "\n[[checks]]\n";
            text += &count_lines(expectation.count);
            text += "[checks.filter.match]\n";
            text += &match_lines(&expectation.matching);
        }
        for expectation in self.all.iter().filter(of(Form::Absent)) {
            text += "\n[[absent]]\n";
            text += &match_lines(&expectation.matching);
        }
        text
    }
}

/// What a finding is recognised by: who, by what, how sure, whereto, how often; no times and no client ports.
fn portrait(found: &Found) -> Match {
    let keys = [
        ("detector", "/detector"),
        ("severity", "/severity"),
        ("certainty", "/certainty"),
        ("mechanism", "/mechanism"),
        ("client.ip", "/client/ip"),
        ("server.ip", "/server/ip"),
        ("server.port", "/server/port"),
        ("sessions", "/sessions"),
        ("target.host", "/target/host"),
        ("target.ip", "/target/ip"),
        ("target.port", "/target/port"),
    ];
    let terms = keys.into_iter().filter_map(|(key, pointer)| {
        let value = found.json.pointer(pointer)?;
        Term::equals(key, value.clone()).ok()
    });
    Match::new(terms.collect())
}

fn count_lines(count: Count) -> String {
    let lines = match count {
        Count { least, most } if most == Some(least) => [Some(("count", least)), None],
        Count { least, most } => [
            Some(("count-min", least)),
            most.map(|most| ("count-max", most)),
        ],
    };
    let lines = lines.into_iter().flatten();
    lines.fold(String::new(), |text, (key, value)| {
        text + &format!("filter.{key} = {value}\n")
    })
}

fn match_lines(matching: &Match) -> String {
    let terms = matching.terms().iter();
    let (keys, others): (Vec<&Term>, Vec<&Term>) =
        terms.partition(|term| [HAS_KEY, NOT_HAS_KEY].contains(&term.key().as_str()));
    let mut lines: Vec<(String, Value)> = others
        .into_iter()
        .map(|term| (term.key(), term.value()))
        .collect();
    for key in [HAS_KEY, NOT_HAS_KEY] {
        let paths = keys.iter().filter(|term| term.key() == key);
        let paths: Vec<Value> = paths.map(|term| term.value()).collect();
        if !paths.is_empty() {
            lines.push((key.to_owned(), paths.into()));
        }
    }
    lines.into_iter().fold(String::new(), |text, (key, value)| {
        text + &format!("{} = {}\n", written(&key, &value), inline(&value))
    })
}

/// A key as TOML: in quotes, to stand for itself, where tables in tables might not say the same.
fn written(key: &str, value: &Value) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let by_address = key.split('.').next() == Some(BY_ADDRESS);
    let is_plain = key.bytes().all(bare) && !key.contains("__") && !by_address && !value.is_array();
    if is_plain || [HAS_KEY, NOT_HAS_KEY].contains(&key) {
        key.to_owned()
    } else {
        format!("\"{key}\"")
    }
}

/// A value as TOML, in one line.
fn inline(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}

const PREFACE: &str = "# Written by `hopscope check --bless`.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let text = r#"# Why it is expected.
config = "site.toml"
max-findings = 3

[[checks]]
filter.count = 1
[checks.filter.match]
detector = "socks-proxy"
server.port = 1080
"names.192.0.2.80" = "web.example.test"
"target.host.__find" = "a 'b' \\\u001B"
"attack" = [{ technique = "T1090" }]
"attack[0].technique" = "T1090"
"evidence.targets.__contains" = [{ value = { host = "web", port = 80 } }]
has-key = ["target"]
not-has-key = ["client.port", "quality"]

[[checks]]
filter.count-min = 1
filter.count-max = 2
[checks.filter.match]

[[absent]]
"confidence.__lt" = 0.5
"#;
        let read: Expectations = text.parse().unwrap();
        assert_eq!(read.to_toml(), text);
    }
}
