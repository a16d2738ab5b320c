//! `hopscope check`: captures against the expectations beside them.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;

use super::{Exit, Failure, written};
use crate::check::{self, CheckError, Mode, Report, junit, sarif, text};
use crate::config::Config;

/// Check captures against the expectations beside them
///
/// `name.expect.toml` beside `name.pcap` says which findings must be there, which must not, and how many at most;
/// `check.toml` in a directory gives a budget to all captures below it. Each capture is a run of its own.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Captures, or directories of captures
    #[arg(required = true, value_name = "FILE|DIR")]
    captures: Vec<PathBuf>,

    /// Write expectations that are missing or not met from what is found, and say what changed
    #[arg(long)]
    bless: bool,

    /// Write the outcome as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,

    /// Configuration file
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = Config::load(self.config.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let report = self.check(&config)?;
        if let Some(path) = &self.junit {
            file(path, |out| junit::write(out, &report))?;
        }
        if let Some(path) = &self.sarif {
            file(path, |out| sarif::write(out, &report))?;
        }
        written(print(&report))?;
        Ok(exit(&report))
    }

    fn check(&self, config: &Config) -> Result<Report, Failure> {
        let mode = if self.bless { Mode::Bless } else { Mode::Judge };
        let bar = progress_bar();
        let report = check::run(&self.captures, config, mode, &mut |progress| {
            bar.set_length(progress.of as u64);
            bar.set_position(progress.done as u64);
        });
        bar.finish_and_clear();
        report.map_err(|error| Failure::new(exit_of(&error), error))
    }
}

fn exit(report: &Report) -> Exit {
    let tally = report.tally();
    match (tally.unusable, tally.failed) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Findings,
        _ => Exit::Usage,
    }
}

fn exit_of(error: &CheckError) -> Exit {
    match error {
        CheckError::NotAFile { .. } => Exit::Usage,
        CheckError::Source(_) | CheckError::Unwritable { .. } => Exit::Input,
        CheckError::Run(_) => Exit::Sensor,
    }
}

fn file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let written = File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    });
    written.map_err(|error| {
        let sentence = format!("{} cannot be written: {error}", path.display());
        Failure::new(Exit::Input, sentence)
    })
}

fn print(report: &Report) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    text::write(&mut out, report, text::Paint::COLOURS)?;
    out.flush()
}

/// Shown on a terminal only.
fn progress_bar() -> ProgressBar {
    if io::stderr().is_terminal() {
        ProgressBar::new(0)
    } else {
        ProgressBar::hidden()
    }
}
