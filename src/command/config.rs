//! `hopscope config check`: what is in force, how much memory it allows, and which approvals deserve a look.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::judge::Lines;
use super::{Exit, Failure, written};
use crate::policy::Policy;
use crate::policy::review::Remark;
use crate::policy::usage::Use;
use crate::time::{Day, Timestamp};

/// Check a configuration
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what is in force and the memory bound; exit with 2 if the configuration is wrong
    ///
    /// Below stand the approvals that deserve a look: those that never decide, because one before them allows the same
    /// or more, and those that have run out or will within 30 days.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// Configuration file [default: the built-in defaults]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The day on which approvals are looked at [default: today]
    #[arg(long, value_name = "DATE")]
    on: Option<Day>,

    /// Point at approvals that meet none of these findings, JSON lines or - for standard input
    #[arg(long, value_name = "FILE|-")]
    findings: Option<PathBuf>,
}

impl Config {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Action::Check(check) = self.action;
        check.run()
    }
}

impl Check {
    fn run(self) -> Result<Exit, Failure> {
        let config = crate::config::Config::load(self.file.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let policy = config.policy();
        let mut remarks = policy.review(self.on.unwrap_or_else(today));
        if let Some(findings) = &self.findings {
            remarks.extend(unmet(&policy, findings)?);
        }
        let mut out = io::stdout().lock();
        written(print(&mut out, &config).and_then(|()| point(&mut out, &remarks)))?;
        Ok(Exit::Done)
    }
}

fn print(out: &mut impl Write, config: &crate::config::Config) -> io::Result<()> {
    let text = toml::to_string(config).map_err(io::Error::other)?;
    writeln!(out, "{text}")?;
    let bounds = config.memory_bounds();
    let total: usize = bounds.iter().map(|(_, bytes)| bytes).sum();
    writeln!(
        out,
        "# memory is bounded by {} MiB, whatever is read:",
        mebibytes(total)
    )?;
    writeln!(
        out,
        "# and for each capture that is open at once 17 MiB, or 145 MiB where it is zstd"
    )?;
    let learning = mebibytes(config.learning_bound());
    writeln!(out, "# and {learning} MiB where hosts are learned of")?;
    for (what, bytes) in bounds {
        writeln!(out, "#   {:>6} MiB  {what}", mebibytes(bytes))?;
    }
    Ok(())
}

fn mebibytes(bytes: usize) -> usize {
    bytes.div_ceil(1 << 20)
}

/// What deserves a look, and the verdict at last.
fn point(out: &mut impl Write, remarks: &[Remark<'_>]) -> io::Result<()> {
    for remark in remarks {
        writeln!(out, "# look: {remark}")?;
    }
    let deserves = match remarks.len() {
        0 => "nothing deserves a look".to_owned(),
        1 => "one thing deserves a look".to_owned(),
        more => format!("{more} things deserve a look"),
    };
    writeln!(out, "# the configuration is valid; {deserves}")?;
    out.flush()
}

/// The approvals that meet none of the findings in a file.
fn unmet<'p>(policy: &'p Policy, findings: &Path) -> Result<Vec<Remark<'p>>, Failure> {
    let mut lines = Lines::open(findings)?;
    let mut met = vec![false; policy.approvals().len()];
    while let Some(line) = lines.next()? {
        match line.and_then(read) {
            Ok(used) => {
                let meets = policy.meets(&used);
                met.iter_mut()
                    .zip(meets)
                    .for_each(|(met, meets)| *met |= meets);
            }
            Err(sentence) => lines.tell(&sentence),
        }
    }
    let unmet = policy.approvals().iter().zip(met).filter(|(_, met)| !met);
    let remark = |approval| Remark::Unmet { approval };
    Ok(unmet.map(|(approval, _)| remark(approval.name())).collect())
}

fn read(line: &[u8]) -> Result<Use, String> {
    let finding = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Use::read(&finding)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person asks what runs out from today; nothing that is found depends on it"
)]
fn today() -> Day {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    Day::of(Timestamp::from_parts(
        i64::try_from(seconds).unwrap_or(0),
        0,
    ))
}
