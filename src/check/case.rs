//! One capture: what is found in it, held against what is expected of it.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::bless::Blessing;
use super::expect::Expectations;
use super::found::Found;
use super::plan::Case;
use super::report::{Checked, Unusable};
use super::verdict::{Verdict, Witness};
use super::{CheckError, Mode};
use crate::config::Config;
use crate::pipeline::{self, Run};
use crate::source::{Captures, Inputs};

impl Case {
    /// Reads the capture in a run of its own and judges what is found.
    ///
    /// # Errors
    ///
    /// If the capture cannot be read, or its expectations not be written.
    pub(super) fn check(self, config: &Config, mode: Mode) -> Result<Checked, CheckError> {
        let written = self.expectations().and_then(|written| {
            let own = self.own_config(&written)?;
            Ok((written, own))
        });
        let (written, own) = match written {
            Ok((written, own)) => (Ok(written), own),
            Err(unusable) => (Err(unusable), None),
        };
        let (findings, cut) = replay(&self.capture, own.as_ref().unwrap_or(config))?;
        let mut blessing = None;
        let outcome = match (written, mode) {
            (Ok(written), _) if is_met(&written, &findings) => Ok(written),
            (Ok(written), Mode::Bless) => {
                let new = written.blessed(&findings);
                blessing = Some(Blessing::write(&self.expectations, Some(&written), &new)?);
                Ok(new)
            }
            (Err(Unusable::Missing(_)), Mode::Bless) => {
                let new = Expectations::of(&findings);
                blessing = Some(Blessing::write(&self.expectations, None, &new)?);
                Ok(new)
            }
            (outcome, _) => outcome,
        };
        Ok(Checked {
            outcome: outcome.map(|expectations| judge(expectations, &findings)),
            subject: self.capture,
            file: self.expectations,
            findings,
            cut,
            blessing,
        })
    }

    fn expectations(&self) -> Result<Expectations, Unusable> {
        if let Some(rival) = &self.rival {
            return Err(Unusable::Shared(rival.clone()));
        }
        if !self.expectations.exists() {
            return Err(Unusable::Missing(self.expectations.clone()));
        }
        Ok(Expectations::load(&self.expectations)?)
    }

    /// The configuration that the expectations name.
    fn own_config(&self, written: &Expectations) -> Result<Option<Config>, Unusable> {
        let beside = self.expectations.parent().unwrap_or(Path::new(""));
        let path = written.config.as_ref().map(|path| beside.join(path));
        Ok(path.map(|path| Config::load(Some(&path))).transpose()?)
    }
}

/// What is found in a capture, and why it was not read to its end.
fn replay(capture: &Path, config: &Config) -> Result<(Vec<Found>, Option<String>), CheckError> {
    let mut captures = Captures::open(Inputs::collect(&[capture.to_owned()])?)?;
    let run = Run {
        config,
        workers: config.pipeline.workers.count(),
        watch: None,
        learn: false,
        stop: &AtomicBool::new(false),
        progress: &mut |_| {},
        follow: None,
    };
    let outcome = pipeline::run(&mut captures, run)?;
    let findings = outcome.findings.into_iter().map(Found::from).collect();
    let cut = captures.account().cuts.first().first();
    Ok((findings, cut.map(ToString::to_string)))
}

fn is_met(expectations: &Expectations, findings: &[Found]) -> bool {
    let verdicts = judge(expectations.clone(), findings);
    verdicts.iter().all(Verdict::is_met)
}

fn judge(expectations: Expectations, findings: &[Found]) -> Vec<Verdict> {
    let witnesses: Vec<Witness<'_>> = findings.iter().map(|found| found.witness(None)).collect();
    let all = expectations.all.into_iter();
    all.map(|expectation| expectation.judge(&witnesses))
        .collect()
}
