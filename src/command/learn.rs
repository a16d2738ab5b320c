//! `hopscope learn`: what hosts do on ordinary days, from captures.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::replay::{self, Opened};
use super::{Exit, Failure, write_whole, written};
use crate::config::Config;
use crate::pipeline::{self, Run};
use crate::policy::propose::proposals;
use crate::profile::Profile;
use crate::profile::few::Merge;
use crate::sink::account;

/// Learn what hosts do, and propose approvals for those that relay
///
/// Writes a profile of each inside host: what it serves and to whom, where it goes, and how it relays. With the profile in
/// the configuration (baseline.profile), replay tells of each host in it that never relayed and now does. Prints an approval
/// for each relay that was seen, for a person to edit; learning approves nothing.
#[derive(Debug, Args)]
pub(super) struct Learn {
    /// Captures, directories of captures, or - for standard input
    #[arg(required_unless_present = "profile", value_name = "FILE|DIR|-")]
    captures: Vec<PathBuf>,

    /// Write the profile to this file, whole or not at all
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,

    /// Add what was learned before; may be given several times
    #[arg(long, value_name = "FILE")]
    profile: Vec<PathBuf>,

    /// Write the proposed approvals to this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    propose: Option<PathBuf>,

    /// Worker threads; 0 does everything in one. The profile is the same [default: from the configuration, 0]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=64))]
    workers: Option<u8>,

    /// Configuration file; networks.inside says who is watched
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Learn {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = Config::load(self.config.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let mut profile = self.known()?;
        if !self.captures.is_empty() {
            profile.merge(self.learn(&config)?);
        }
        let text = profile
            .text()
            .map_err(|error| unwritable(&self.out, &error))?;
        write_whole(&self.out, &text).map_err(|error| unwritable(&self.out, &error))?;
        let proposed = proposals(&profile);
        match &self.propose {
            Some(path) => write_whole(path, &proposed).map_err(|error| unwritable(path, &error))?,
            None => written(print(&proposed))?,
        }
        let (hosts, out) = (profile.len(), self.out.display());
        // Where nobody listens there is nobody to tell.
        let _ = writeln!(io::stderr(), "hopscope: {out} tells of {hosts} hosts");
        Ok(Exit::Done)
    }

    /// What was learned before.
    fn known(&self) -> Result<Profile, Failure> {
        let mut known = Profile::default();
        for path in &self.profile {
            let old = Profile::load(path, usize::MAX)
                .map_err(|error| Failure::new(Exit::Usage, error))?;
            known.merge(old);
        }
        Ok(known)
    }

    fn learn(&self, config: &Config) -> Result<Profile, Failure> {
        let Opened { mut captures, stop } = replay::open(&self.captures)?;
        let bar = replay::progress_bar(false);
        let workers = config.pipeline.workers.count();
        let outcome = pipeline::run(
            &mut captures,
            Run {
                config,
                workers: self.workers.map_or(workers, usize::from),
                watch: None,
                learn: true,
                stop: &stop,
                progress: &mut |progress| bar.set_position(progress.frames),
                follow: None,
            },
        );
        bar.finish_and_clear();
        let outcome = outcome.map_err(replay::broken_off)?;
        let told = account::trouble(&mut io::stderr(), captures.account(), &outcome.account);
        written(told)?;
        Ok(outcome.profile.unwrap_or_default())
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let sentence = format!("{} cannot be written: {error}", path.display());
    Failure::new(Exit::Input, sentence)
}
