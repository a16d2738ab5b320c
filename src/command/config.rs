//! `hopscope config check`: what is in force, and how much memory it allows.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Exit, Failure, written};

/// Check a configuration
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what is in force and the memory bound; exit with 2 if the configuration is wrong
    Check {
        /// Configuration file [default: the built-in defaults]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

impl Config {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Action::Check { file } = self.action;
        let config = crate::config::Config::load(file.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        written(print(&mut io::stdout().lock(), &config))?;
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
    for (what, bytes) in bounds {
        writeln!(out, "#   {:>6} MiB  {what}", mebibytes(bytes))?;
    }
    Ok(())
}

fn mebibytes(bytes: usize) -> usize {
    bytes.div_ceil(1 << 20)
}
