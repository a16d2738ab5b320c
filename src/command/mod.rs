//! Commands: what a user types, and what it means.

mod capture;
mod check;
mod config;
mod detectors;
mod explain;
mod judge;
mod learn;
mod replay;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Finds relays in network traffic: proxies, port forwards, tunnels, chains of hops and reverse shells.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(replay::Replay),
    Capture(capture::Capture),
    Check(check::Check),
    Detectors(detectors::Detectors),
    Explain(explain::Explain),
    Judge(judge::Judge),
    Learn(learn::Learn),
    Config(config::Config),
}

impl Arguments {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        let ended = match self.command {
            Command::Replay(replay) => replay.run(),
            Command::Capture(capture) => capture.run(),
            Command::Check(check) => check.run(),
            Command::Detectors(detectors) => detectors.run(),
            Command::Explain(explain) => explain.run(),
            Command::Judge(judge) => judge.run(),
            Command::Learn(learn) => learn.run(),
            Command::Config(config) => config.run(),
        };
        match ended {
            Ok(exit) => exit.into(),
            Err(Failure { exit, sentence }) => {
                // Where nobody listens any more there is nothing left to do.
                let _ = writeln!(io::stderr(), "hopscope: {sentence}");
                exit.into()
            }
        }
    }
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Done, and nothing unexpected.
    Done = 0,
    /// Findings at or above `--fail-on`, or expectations that are not met.
    Findings = 1,
    /// Unusable arguments, configuration or expectations.
    Usage = 2,
    /// Unreadable input, or an output that failed.
    Input = 3,
    /// The sensor lost a worker or its capture.
    Sensor = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not end well: one sentence, and the exit code.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    sentence: String,
}

impl Failure {
    fn new(exit: Exit, sentence: impl Display) -> Self {
        Self {
            exit,
            sentence: sentence.to_string(),
        }
    }
}

/// A reader that has seen enough closes the pipe; that is no error.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let sentence = format!("the output cannot be written: {error}");
            Err(Failure::new(Exit::Input, sentence))
        }
        _ => Ok(()),
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, nothing unexpected
  1  findings at or above --fail-on, or expectations that are not met
  2  unusable arguments, configuration or expectations
  3  unreadable input, or an output that failed
  4  a worker died, or no interface can be listened to any more";
