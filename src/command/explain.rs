//! `hopscope explain`: why. A detector's page, a finding line by line, a flow's facts.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};

use super::replay::{broken_off, progress_bar, unreadable};
use super::{Exit, Failure, written};
use crate::config::Config;
use crate::detect::{self, DETECTORS};
use crate::finding::Finding;
use crate::pipeline::{self, Outcome, Portraits, Run};
use crate::policy::Policy;
use crate::shard::Watch;
use crate::sink::{account, explain};
use crate::source::{Captures, Inputs};

/// Explain a detector, a finding, or one flow of a capture
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// What a detector sees, what its findings mean, when it is quiet, and what it misses
    Detector {
        /// Its name, as `hopscope detectors` lists it
        name: String,
    },
    /// All that a finding says, why, how well it was seen, and what it cannot know
    Finding {
        /// Its id, or the beginning of it
        id: String,
        #[command(flatten)]
        replay: Replay,
    },
    /// What is known of one flow: who opened it, what each side sent, and what was read in it
    Flow {
        /// A Community ID (1:…), or its first four characters or more behind `1:`, or both ends as IP:PORT-IP:PORT in either
        /// order, with IPv6 in brackets and perhaps /tcp or /udp behind them
        selector: Watch,
        #[command(flatten)]
        replay: Replay,
    },
}

#[derive(Debug, Args)]
struct Replay {
    /// Captures, directories of captures, or - for standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    captures: Vec<PathBuf>,

    /// Configuration file
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Explain {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.subject {
            Subject::Detector { name } => detector(&name)?,
            Subject::Finding { id, replay } => {
                let config = replay.config()?;
                let outcome = replay.run(&config, None)?;
                let found = named(&outcome.findings, &id)?;
                written(print_findings(&found, &config.policy()))?;
            }
            Subject::Flow { selector, replay } => {
                let outcome = replay.run(&replay.config()?, Some(selector))?;
                if outcome.portraits.count == 0 {
                    return Err(no_flow(outcome.account.shards.flows));
                }
                written(print_flows(outcome.portraits))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn detector(name: &str) -> Result<(), Failure> {
    let detector = detect::by_name(name).ok_or_else(|| no_detector(name))?;
    written(write!(io::stdout().lock(), "{}", detector.page()))
}

fn no_detector(name: &str) -> Failure {
    let names: Vec<&str> = DETECTORS.iter().map(|detector| detector.name).collect();
    let names = names.join(", ");
    Failure::new(
        Exit::Usage,
        format!("there is no detector {name}; there are {names}"),
    )
}

impl Replay {
    fn config(&self) -> Result<Config, Failure> {
        Config::load(self.config.as_deref()).map_err(|error| Failure::new(Exit::Usage, error))
    }

    fn run(&self, config: &Config, watch: Option<Watch>) -> Result<Outcome, Failure> {
        let mut captures = Inputs::collect(&self.captures)
            .and_then(Captures::open)
            .map_err(unreadable)?;
        let bar = progress_bar(false);
        let run = Run {
            config,
            workers: config.pipeline.workers.count(),
            watch,
            learn: false,
            stop: &AtomicBool::new(false),
            progress: &mut |progress| bar.set_position(progress.frames),
            follow: None,
        };
        let outcome = pipeline::run(&mut captures, run);
        bar.finish_and_clear();
        let outcome = outcome.map_err(broken_off)?;
        written(account::trouble(
            &mut io::stderr(),
            captures.account(),
            &outcome.account,
        ))?;
        Ok(outcome)
    }
}

/// The findings whose id begins so: one, or several with the same id where one had to make room and came back.
fn named<'a>(findings: &'a [Finding], start: &str) -> Result<Vec<&'a Finding>, Failure> {
    let found: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.id.starts_with(start))
        .collect();
    let ids: BTreeSet<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
    match ids.len() {
        1 => Ok(found),
        0 if findings.is_empty() => Err(Failure::new(
            Exit::Usage,
            "there is no finding in these captures",
        )),
        0 => {
            let sentence = format!("there is no finding `{start}`; there are{}", list(findings));
            Err(Failure::new(Exit::Usage, sentence))
        }
        _ => {
            let sentence = format!("`{start}` may be any of{}", list(found));
            Err(Failure::new(Exit::Usage, sentence))
        }
    }
}

/// Ids and titles, one a line, up to a number that still can be read.
fn list<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let mut lines: Vec<String> = findings
        .into_iter()
        .map(|finding| format!("\n  {}  {}", finding.id, finding.title))
        .collect();
    let more = lines.len().saturating_sub(LISTED);
    if more > 0 {
        lines.truncate(LISTED);
        lines.push(format!(
            "\n  and {more} more; `hopscope replay` shows them all"
        ));
    }
    lines.concat()
}

fn no_flow(flows: u64) -> Failure {
    let sentence = format!(
        "no flow of the {flows} in these captures is that one; Community IDs are compared with seed 0"
    );
    Failure::new(Exit::Usage, sentence)
}

fn print_findings(findings: &[&Finding], policy: &Policy) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    for (place, finding) in findings.iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        let detector = detect::by_name(finding.detector);
        let why = policy.explain(finding);
        explain::finding(&mut out, finding, detector, &why, width())?;
    }
    out.flush()
}

/// In the order in which they began.
fn print_flows(portraits: Portraits) -> io::Result<()> {
    let Portraits { mut first, count } = portraits;
    first.sort_by_key(|portrait| portrait.facts.id);
    let mut out = anstream::stdout().lock();
    for (place, portrait) in first.iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        explain::flow(&mut out, portrait, width())?;
    }
    let more = count.saturating_sub(first.len() as u64);
    if more > 0 {
        writeln!(out, "\nand {more} more")?;
    }
    out.flush()
}

/// As wide as the terminal.
fn width() -> usize {
    let out = io::stdout();
    let size = out
        .is_terminal()
        .then(|| rustix::termios::tcgetwinsize(&out));
    match size {
        Some(Ok(size)) if size.ws_col > 0 => size.ws_col.into(),
        _ => NO_TERMINAL,
    }
}

/// Columns where nobody says how many there are.
const NO_TERMINAL: usize = 80;
/// How many findings are listed for a person to choose from.
const LISTED: usize = 20;
