//! `hopscope detectors`: what is looked for.

use std::io::{self, Write};

use clap::Args;

use super::{Exit, Failure, written};
use crate::detect::{DETECTORS, Detector};

/// List the detectors; `hopscope explain detector` tells more of one
#[derive(Debug, Args)]
pub(super) struct Detectors;

impl Detectors {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut out = io::stdout().lock();
        let mut detectors = DETECTORS.iter();
        written(detectors.try_for_each(|detector| line(&mut out, detector)))?;
        Ok(Exit::Done)
    }
}

fn line(out: &mut impl Write, detector: &Detector) -> io::Result<()> {
    let techniques: Vec<&str> = detector.attack.iter().map(|a| a.technique).collect();
    let (name, summary) = (detector.name, detector.summary());
    writeln!(out, "{name:<20} {summary} ({})", techniques.join(", "))
}
