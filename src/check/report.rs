//! What a check came to: for each capture the findings, and a verdict for each expectation.

use std::fmt;
use std::path::PathBuf;

use super::bless::Blessing;
use super::found::Found;
use super::verdict::Verdict;
use crate::source::{Captures, Inputs};
use crate::toml_file::FileError;

/// What a check came to.
#[derive(Debug)]
pub struct Report {
    /// Each capture, sorted by path.
    pub captures: Vec<Checked>,
    /// The budgets of directories, then the expectations that have no capture.
    pub directories: Vec<Checked>,
}

impl Report {
    /// Everything that was checked, in the order it is reported.
    pub fn checked(&self) -> impl Iterator<Item = &Checked> {
        self.captures.iter().chain(&self.directories)
    }

    /// Whether there are expectations for everything, and all are met.
    pub fn is_met(&self) -> bool {
        let Tally {
            failed, unusable, ..
        } = self.tally();
        failed == 0 && unusable == 0
    }

    /// The counts.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            captures: self.captures.len(),
            ..Tally::default()
        };
        for checked in self.checked() {
            let met = checked.verdicts().iter().filter(|verdict| verdict.is_met());
            let met = met.count();
            tally.met += met;
            tally.failed += checked.verdicts().len() - met;
            tally.unusable += usize::from(checked.outcome.is_err());
        }
        tally
    }
}

/// The counts of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Captures that were read.
    pub captures: usize,
    /// Expectations that are met.
    pub met: usize,
    /// Expectations that are not met.
    pub failed: usize,
    /// Files of expectations that cannot be used, or are not there.
    pub unusable: usize,
}

/// `60 captures, 71 expectations: 71 met, 0 failed`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (captures, expectations) = (self.captures, self.met + self.failed);
        write!(f, "{captures} capture{}, ", plural(captures))?;
        write!(f, "{expectations} expectation{}: ", plural(expectations))?;
        write!(f, "{} met, {} failed", self.met, self.failed)?;
        match self.unusable {
            0 => Ok(()),
            unusable => write!(f, ", {unusable} unusable"),
        }
    }
}

/// What a capture or a budget came to.
#[derive(Debug)]
pub struct Checked {
    /// The capture, or the file whose expectations are about several.
    pub subject: PathBuf,
    /// The file with the expectations.
    pub file: PathBuf,
    /// The verdicts, in the order of the file's expectations.
    pub outcome: Result<Vec<Verdict>, Unusable>,
    /// What was found in the capture, in the order it was raised.
    pub findings: Vec<Found>,
    /// Why the capture was not read to its end.
    pub cut: Option<String>,
    /// What was written.
    pub blessing: Option<Blessing>,
}

impl Checked {
    /// What a file came to whose expectations are not about one capture.
    pub(super) fn of_directory(file: PathBuf, outcome: Result<Vec<Verdict>, Unusable>) -> Self {
        Self {
            subject: file.clone(),
            file,
            outcome,
            findings: Vec::new(),
            cut: None,
            blessing: None,
        }
    }

    pub(super) fn orphan(file: PathBuf) -> Self {
        Self::of_directory(file, Err(Unusable::Orphan))
    }

    pub(super) fn impostor(file: PathBuf) -> Self {
        let inputs = Inputs::collect(std::slice::from_ref(&file));
        let why = match inputs.and_then(Captures::open) {
            Err(error) => error.to_string(),
            Ok(_) => "it was no capture a moment ago".to_owned(),
        };
        Self::of_directory(file, Err(Unusable::Impostor(why)))
    }

    /// The verdicts; none where there was nothing to hold findings against.
    pub fn verdicts(&self) -> &[Verdict] {
        self.outcome.as_deref().unwrap_or_default()
    }

    /// Whether a finding is one that must be there.
    pub fn expects(&self, found: &Found) -> bool {
        self.verdicts().iter().any(|verdict| {
            let expectation = &verdict.expectation;
            expectation.wants() && expectation.matching.fits(&found.json)
        })
    }
}

/// Why there is nothing to hold findings against.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Nobody said what is expected.
    #[error("no expectations: write {}, or let --bless write what is found", .0.display())]
    Missing(PathBuf),
    /// Two captures would have the same expectations.
    #[error("its expectations would be those of {}: rename one of the two", .0.display())]
    Shared(PathBuf),
    /// The capture is gone.
    #[error("expectations without a capture beside them")]
    Orphan,
    /// What is called as a capture is none.
    #[error("no capture, whatever its name says: {0}")]
    Impostor(String),
    /// They cannot be read.
    #[error(transparent)]
    Wrong(#[from] FileError),
}
