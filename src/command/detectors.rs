//! `hopscope detectors`: what is looked for, and what a detector's finding means.

use std::io::{self, Write};

use clap::Args;

use super::{Exit, Failure, written};
use crate::detect::{self, DETECTORS, Detector};

/// List the detectors, or explain one
#[derive(Debug, Args)]
pub(super) struct Detectors {
    /// The detector to explain
    name: Option<String>,
}

impl Detectors {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut out = io::stdout().lock();
        match self.name {
            None => written(
                DETECTORS
                    .iter()
                    .try_for_each(|detector| line(&mut out, detector)),
            )?,
            Some(name) => {
                let detector = detect::by_name(&name).ok_or_else(|| unknown(&name))?;
                written(write!(out, "{}", detector.page()))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn line(out: &mut impl Write, detector: &Detector) -> io::Result<()> {
    let techniques: Vec<&str> = detector.attack.iter().map(|a| a.technique).collect();
    let (name, summary) = (detector.name, detector.summary());
    writeln!(out, "{name:<20} {summary} ({})", techniques.join(", "))
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = DETECTORS.iter().map(|detector| detector.name).collect();
    let sentence = format!(
        "there is no detector {name}; there are {}",
        names.join(", ")
    );
    Failure::new(Exit::Usage, sentence)
}
