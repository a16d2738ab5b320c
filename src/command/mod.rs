//! Commands: what a user types, and what it means.

mod capture;
mod check;
mod config;
mod detectors;
mod explain;
mod generate;
mod judge;
mod learn;
mod replay;
mod selftest;

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
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
    Selftest(selftest::Selftest),
    Generate(generate::Generate),
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
            Command::Selftest(selftest) => selftest.run(),
            Command::Generate(generate) => generate.run(),
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
    /// An interface that is not there, unreadable input (of `judge`: any line), or an output that failed.
    Input = 3,
    /// A worker died, the account of frames did not balance, or no interface can be listened to any more.
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

/// Writes a file beside its place and then moves it there, so that nobody ever meets half of it. What is no ordinary file
/// is written to as it is.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let is_other = fs::metadata(path).is_ok_and(|there| !there.is_file());
    if is_other {
        return fs::write(path, text);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let moved = fill(&part, text).and_then(|()| fs::rename(&part, path));
    if moved.is_err() {
        // What is left of a failed attempt helps nobody; that it cannot be removed either is told by the error above.
        let _ = fs::remove_file(&part);
    }
    moved
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, nothing unexpected
  1  findings at or above --fail-on, or expectations that are not met
  2  unusable arguments, configuration or expectations
  3  an interface that is not there, unreadable input (of judge: any line), or an output that failed
  4  a worker died, the account of frames did not balance, or no interface can be listened to any more";
