//! Budgets: how many findings all captures below a directory may have together, from its `check.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::expect::{Count, Expectation, Form, line};
use super::matching::{Match, Term};
use super::operator::Operator;
use super::path::Path as Key;
use super::plan::true_path;
use super::report::{Checked, Unusable};
use super::verdict::Witness;
use crate::finding::Severity;
use crate::toml_file::{FileError, TomlFile};

/// Holds the budget in `file` against the findings of all captures below its directory.
pub(super) fn check(file: PathBuf, captures: &[Checked]) -> Checked {
    let captures: Vec<(String, &Checked)> = below(&file, captures)
        .map(|checked| (checked.subject.display().to_string(), checked))
        .collect();
    let witnesses: Vec<Witness<'_>> = captures
        .iter()
        .flat_map(|(name, checked)| checked.findings.iter().map(|f| f.witness(Some(name))))
        .collect();
    let verdicts = load(&file).map(|budget| {
        let expectations = budget.into_iter();
        expectations.map(|one| one.judge(&witnesses)).collect()
    });
    Checked::of_directory(file, verdicts.map_err(Unusable::from))
}

fn below<'c>(file: &Path, captures: &'c [Checked]) -> impl Iterator<Item = &'c Checked> {
    let file = true_path(file);
    captures.iter().filter(move |checked| {
        let capture = true_path(&checked.subject);
        file.parent()
            .is_some_and(|directory| capture.starts_with(directory))
    })
}

/// Reads a budget: one expectation for each severity that is named.
fn load(path: &Path) -> Result<Vec<Expectation>, FileError> {
    let file = TomlFile::read("the budget", path)?;
    let Keys { budget } = file.parse()?;
    Ok(budget.expectations(file.text()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    budget: Budget,
}

/// The most findings at or above each severity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    info: Option<Spanned<u64>>,
    low: Option<Spanned<u64>>,
    medium: Option<Spanned<u64>>,
    high: Option<Spanned<u64>>,
    critical: Option<Spanned<u64>>,
}

impl Budget {
    fn expectations(self, text: &str) -> Vec<Expectation> {
        let lines = [
            (Severity::Info, self.info),
            (Severity::Low, self.low),
            (Severity::Medium, self.medium),
            (Severity::High, self.high),
            (Severity::Critical, self.critical),
        ];
        let given = lines
            .into_iter()
            .filter_map(|(severity, most)| Some((severity, most?)));
        given
            .map(|(severity, most)| Expectation {
                form: Form::Budget,
                line: line(text, &most),
                count: Count::up_to(most.into_inner()),
                matching: at_or_above(severity),
            })
            .collect()
    }
}

fn at_or_above(severity: Severity) -> Match {
    let term = Key::new("severity")
        .and_then(|key| Term::new(key, Operator::AtLeast, severity.to_string().into()));
    Match::new(term.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let keys: Keys = crate::toml_file::parse(text).map_err(|fault| fault.to_string())?;
        let told = |expectation: &Expectation| format!("{} {expectation}", expectation.line);
        Ok(keys.budget.expectations(text).iter().map(told).collect())
    }

    #[test]
    fn reads_a_line_for_each_severity() {
        let read = read("[budget]\nhigh = 0\nlow = 7\n").unwrap();
        let wanted = [
            "3 at most 7 findings with severity.__gte low",
            "2 no finding with severity.__gte high",
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn faults_name_the_nearest_key() {
        let cases = [
            ("", "the key `budget` is missing"),
            ("[budgets]", "it may be `budget`"),
            ("[budget]\nmedum = 1", "did you mean `medium`?"),
            ("[budget]\nhigh = -1", "line 2"),
        ];
        for (text, part) in cases {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}
