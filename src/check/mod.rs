//! Checks: captures against the expectations that stand beside them, for continuous integration.
//!
//! `plan` finds the captures and the files beside them, `expect` and `budget` read those, `matching` decides which
//! findings fit, and `verdict` what that comes to. Each capture (`case`) is a run of its own. `bless` writes what was
//! found; `text`, `junit` and `sarif` write what came of it.
//!
//! ```no_run
//! use hopscope::check::{self, Mode};
//! use hopscope::config::Config;
//!
//! let report = check::run(&["captures/".into()], &Config::default(), Mode::Judge, &mut |_| {})?;
//! assert!(report.is_met(), "{report}");
//! # Ok::<(), check::CheckError>(())
//! ```

mod bless;
mod budget;
mod case;
mod expect;
mod found;
pub mod junit;
mod matching;
mod operator;
mod path;
mod plan;
mod report;
pub mod sarif;
mod terms;
pub mod text;
mod verdict;
mod words;

pub use bless::Blessing;
pub use expect::{Count, Expectation, Expectations, Form};
pub use found::Found;
pub use matching::{Match, Term};
pub use operator::Operator;
pub use path::Path;
pub use report::{Checked, Report, Tally, Unusable};
pub use verdict::{Compared, Failure, Nearest, Verdict, Witness};

use std::io;
use std::path::PathBuf;

use crate::config::Config;
use crate::pipeline::RunError;
use crate::source::SourceError;
use plan::Plan;

/// Checks captures and directories of captures, one capture after the other, sorted by path. `progress` is told how
/// many captures are done.
///
/// # Errors
///
/// If a capture cannot be read or a file not written. What is wrong with expectations is in the report.
pub fn run(
    paths: &[PathBuf],
    config: &Config,
    mode: Mode,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, CheckError> {
    let plan = Plan::collect(paths)?;
    let of = plan.cases.len();
    let mut captures = Vec::new();
    for case in plan.cases {
        captures.push(case.check(config, mode)?);
        let done = captures.len();
        progress(Progress { done, of });
    }
    let budgets = plan.budgets.into_iter();
    let budgets = budgets.map(|file| budget::check(file, &captures));
    let orphans = plan.orphans.into_iter().map(Checked::orphan);
    let impostors = plan.impostors.into_iter().map(Checked::impostor);
    let directories = budgets.chain(orphans).chain(impostors).collect();
    Ok(Report {
        captures,
        directories,
    })
}

/// What is done with findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are held against the expectations.
    Judge,
    /// They are, and expectations that are missing or not met are written anew.
    Bless,
}

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Captures that are done.
    pub done: usize,
    /// Captures in all.
    pub of: usize,
}

/// Why a check came to no end.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// What was named is no capture, or a capture cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Only a file can have expectations beside it.
    #[error("{name} has no place beside it for expectations; name files and directories")]
    NotAFile {
        /// What was named.
        name: String,
    },
    /// A run came to no end.
    #[error(transparent)]
    Run(RunError),
    /// Expectations cannot be written.
    #[error("{} cannot be written: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
}

impl From<RunError> for CheckError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Source(error) => Self::Source(error),
            other => Self::Run(other),
        }
    }
}

#[cfg(test)]
mod tests;
