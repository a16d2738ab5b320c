//! `hopscope replay`: findings from captures.

use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::{Exit, Failure, written};
use crate::config::Config;
use crate::finding::{Finding, Severity, story};
use crate::pipeline::{self, Outcome, Run, RunError};
use crate::sink::{account, jsonl, text};
use crate::source::{Captures, Inputs, SourceAccount, SourceError};

/// Find relays in captures
///
/// Reads pcap and pcapng, plain, gzip or zstd. Several captures, such as a rotated set or a directory, are merged by
/// time into one run.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Captures, directories of captures, or - for standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    captures: Vec<PathBuf>,

    /// How to print findings [default: text on a terminal, json otherwise]
    #[arg(long, short)]
    format: Option<Format>,

    /// Exit with 1 if a finding is at or above this severity
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,

    /// Worker threads; 0 does everything in one. The findings are the same [default: from the configuration, 0]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=64))]
    workers: Option<u8>,

    /// Configuration file
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print what each host did instead of findings; the host that deserves a look first stands first
    #[arg(long)]
    hosts: bool,

    /// Print findings only: no summary, no account of what was read
    #[arg(long, short)]
    quiet: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl Format {
    /// Text where a person reads it.
    pub(super) fn by_terminal() -> Self {
        if io::stdout().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = Config::load(self.config.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let Opened { mut captures, stop } = open(&self.captures)?;
        let outcome = self.replay(&config, &mut captures, &stop)?;
        written(self.print(captures.account(), &outcome))?;
        Ok(self.exit(&outcome.findings))
    }

    fn replay(
        &self,
        config: &Config,
        captures: &mut Captures,
        stop: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let bar = progress_bar(self.quiet);
        let outcome = pipeline::run(
            captures,
            Run {
                config,
                workers: self
                    .workers
                    .map_or(config.pipeline.workers.count(), usize::from),
                watch: None,
                learn: false,
                stop,
                progress: &mut |progress| {
                    bar.set_position(progress.frames);
                },
                follow: None,
            },
        );
        bar.finish_and_clear();
        outcome.map_err(broken_off)
    }

    fn print(&self, source: &SourceAccount, outcome: &Outcome) -> io::Result<()> {
        let findings = &outcome.findings;
        match self.format() {
            Format::Json if self.hosts => {
                jsonl::write_hosts(&mut io::stdout().lock(), &story::tell(findings))?;
            }
            Format::Json => jsonl::write(&mut io::stdout().lock(), findings)?,
            Format::Text => self.print_text(&mut anstream::stdout().lock(), findings)?,
        }
        match (self.quiet, self.format()) {
            (true, _) => Ok(()),
            (false, Format::Text) => account::write(&mut io::stderr(), source, &outcome.account),
            (false, Format::Json) => account::trouble(&mut io::stderr(), source, &outcome.account),
        }
    }

    fn print_text(&self, out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
        let stories = story::tell(findings);
        if self.hosts {
            text::write_stories(out, &stories)?;
        } else {
            text::write(out, findings)?;
        }
        if !self.hosts && !self.quiet {
            text::write_hosts(out, &stories)?;
        }
        if findings.is_empty() && !self.quiet {
            writeln!(out, "no relay found")?;
        }
        out.flush()
    }

    fn format(&self) -> Format {
        self.format.unwrap_or_else(Format::by_terminal)
    }

    fn exit(&self, findings: &[Finding]) -> Exit {
        let worst = findings.iter().map(|finding| finding.severity).max();
        if worst >= self.fail_on && self.fail_on.is_some() {
            Exit::Findings
        } else {
            Exit::Done
        }
    }
}

/// Captures, and what is set when a signal ends their reading.
pub(super) struct Opened {
    pub(super) captures: Captures,
    pub(super) stop: Arc<AtomicBool>,
}

/// Opens what was named; SIGINT and SIGTERM end the reading early.
pub(super) fn open(named: &[PathBuf]) -> Result<Opened, Failure> {
    let (wake, waiting) = UnixStream::pair().map_err(unsignalled)?;
    let mut inputs = Inputs::collect(named).map_err(unreadable)?;
    inputs.stop = Some(Arc::new(waiting.into()));
    let captures = Captures::open(inputs).map_err(unreadable)?;
    let stop = stop_by_signal(wake).map_err(unsignalled)?;
    Ok(Opened { captures, stop })
}

impl ValueEnum for Severity {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(match self {
            Self::Info => "Known and approved, or a fact worth a line",
            Self::Low => "Weak or incomplete",
            Self::Medium => "A person should look",
            Self::High => "A person should look first",
            Self::Critical => "A person should be woken",
        }))
    }
}

/// Set by SIGINT and SIGTERM, which also write to `wake` so that a silent pipe is no longer waited for. A second
/// signal ends the process at once.
pub(super) fn stop_by_signal(wake: UnixStream) -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
        low_level::pipe::register(signal, wake.try_clone()?)?;
    }
    Ok(stop)
}

pub(super) fn unsignalled(error: io::Error) -> Failure {
    Failure::new(
        Exit::Sensor,
        format!("signals cannot be listened to: {error}"),
    )
}

/// Captures that were named wrongly are wrong arguments; the others could not be read.
pub(super) fn unreadable(error: SourceError) -> Failure {
    let exit = match error {
        SourceError::Nothing | SourceError::StandardInputTwice | SourceError::Filter { .. } => {
            Exit::Usage
        }
        _ => Exit::Input,
    };
    Failure::new(exit, error)
}

/// Why a run came to no end.
pub(super) fn broken_off(error: RunError) -> Failure {
    match error {
        RunError::Source(error) => unreadable(error),
        RunError::WorkerDied | RunError::Unbalanced { .. } => Failure::new(Exit::Sensor, error),
    }
}

/// Shown on a terminal only.
pub(super) fn progress_bar(quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} frames, {per_sec}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
