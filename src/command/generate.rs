//! `hopscope generate`: what a package has beside the program. For those who make packages, so `--help` does not show it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Exit, Failure};

/// Write the man pages, and the completions of shells
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Generate {
    /// Folder for them: it gets a folder `man` and a folder `completions`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Generate {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        write(&self.folder).map_err(|error| {
            let sentence = format!("{} cannot be written: {error}", self.folder.display());
            Failure::new(Exit::Input, sentence)
        })?;
        Ok(Exit::Done)
    }
}

fn write(folder: &Path) -> io::Result<()> {
    let [man, completions] = ["man", "completions"].map(|name| folder.join(name));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(Arguments::command(), man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Arguments::command(), PROGRAM, &completions)?;
    }
    Ok(())
}

const PROGRAM: &str = "hopscope";
