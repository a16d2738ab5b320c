//! `hopscope judge`: new verdicts for findings of old runs, without their captures.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Failure, written};
use crate::config::Config;
use crate::finding::Severity;
use crate::policy::Policy;

/// Judge the findings of an old run anew
///
/// Reads findings as JSON lines, as replay prints them, and prints them with the verdict, rule, severity and roles that
/// the configuration gives them. All else stays as it was. A line that is no finding is told and left out.
#[derive(Debug, Args)]
pub(super) struct Judge {
    /// Findings as JSON lines, or - for standard input
    #[arg(value_name = "FILE|-")]
    findings: PathBuf,

    /// Configuration file
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,

    /// Exit with 1 if a finding is at or above this severity
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
}

impl Judge {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config =
            Config::load(Some(&self.config)).map_err(|error| Failure::new(Exit::Usage, error))?;
        let mut lines = Lines::open(&self.findings)?;
        let tally = self.judge(&mut lines, &config.policy())?;
        Ok(match tally {
            Tally { refused: 1.., .. } => Exit::Input,
            Tally { worst, .. } if self.fail_on.is_some() && worst >= self.fail_on => {
                Exit::Findings
            }
            _ => Exit::Done,
        })
    }

    fn judge(&self, lines: &mut Lines, policy: &Policy) -> Result<Tally, Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut tally = Tally::default();
        while let Some(line) = lines.next()? {
            match line.and_then(|line| policy.judge_line(line)) {
                Ok(judged) => {
                    tally.worst = tally.worst.max(Some(judged.severity));
                    if let Err(error) = writeln!(out, "{}", judged.line) {
                        written(Err(error))?;
                        return Ok(tally);
                    }
                }
                Err(sentence) => {
                    tally.refused += 1;
                    if tally.refused <= TOLD {
                        lines.tell(&sentence);
                    }
                }
            }
        }
        written(out.flush())?;
        if let Some(more @ 1..) = tally.refused.checked_sub(TOLD) {
            let _ = writeln!(
                io::stderr(),
                "hopscope: and {more} more lines are no findings"
            );
        }
        Ok(tally)
    }
}

/// What was judged.
#[derive(Default)]
struct Tally {
    worst: Option<Severity>,
    /// Lines that were no findings.
    refused: u64,
}

/// Findings as lines of a file, which may be of any length and hold anything.
pub(super) struct Lines {
    name: String,
    input: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens a file, or standard input where it is called `-`.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let input: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path)
                .map_err(|error| unreadable(&path.display().to_string(), &error))?;
            Box::new(BufReader::new(file))
        };
        Ok(Self {
            name: path.display().to_string(),
            input,
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line that is not blank, or why it cannot be one; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Result<&[u8], String>>, Failure> {
        loop {
            self.line.clear();
            self.number += 1;
            let read = self
                .read()
                .map_err(|error| unreadable(&self.name, &error))?;
            let is_blank = self.line.trim_ascii().is_empty();
            match read {
                0 => return Ok(None),
                _ if self.line.len() > LONGEST => break,
                _ if is_blank => {}
                _ => return Ok(Some(Ok(self.line.trim_ascii()))),
            }
        }
        Ok(Some(Err(format!("longer than {LONGEST} bytes"))))
    }

    /// Reads a line; of one that is too long, its beginning, and the rest is passed over.
    fn read(&mut self) -> io::Result<usize> {
        let most = LONGEST as u64 + 1;
        let read = self
            .input
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.line)?;
        if self.line.len() > LONGEST && !self.line.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        Ok(read)
    }

    /// Says on standard error why the newest line is no finding.
    pub(super) fn tell(&self, sentence: &str) {
        let (name, number) = (&self.name, self.number);
        // Where nobody listens any more there is nothing left to do.
        let _ = writeln!(
            io::stderr(),
            "hopscope: {name}:{number}: no finding: {sentence}"
        );
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Input, format!("{name} cannot be read: {error}"))
}

/// Of so many lines it is said why they are no findings.
const TOLD: u64 = 5;

/// A finding is 64 KiB at most; whatever writes more writes something else.
const LONGEST: usize = 1 << 20;
