//! Replays one of the project's captures.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use hopscope::config::Config;
use hopscope::finding::Finding;
use hopscope::pipeline::{self, Outcome, Run};
use hopscope::shard::Watch;
use hopscope::source::{Captures, Inputs};

/// The findings of a capture in `testdata/pcaps`.
pub(crate) fn findings(capture: &str, workers: usize, config: &str) -> Vec<Finding> {
    outcome(capture, workers, config, None).findings
}

/// What one detector finds in a capture in `testdata/pcaps`.
#[allow(dead_code, reason = "not every test asks for one detector")]
pub(crate) fn findings_of(
    detector: &str,
    capture: &str,
    workers: usize,
    config: &str,
) -> Vec<Finding> {
    let mut findings = findings(capture, workers, config);
    findings.retain(|finding| finding.detector == detector);
    findings
}

/// All that a run over a capture in `testdata/pcaps` brings.
pub(crate) fn outcome(
    capture: &str,
    workers: usize,
    config: &str,
    watch: Option<Watch>,
) -> Outcome {
    run(capture, workers, &config.parse().unwrap(), watch)
}

/// The same under a configuration that was loaded.
pub(crate) fn run(capture: &str, workers: usize, config: &Config, watch: Option<Watch>) -> Outcome {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "testdata/pcaps", capture]
        .iter()
        .collect();
    let mut captures = Captures::open(Inputs::collect(&[path]).unwrap()).unwrap();
    let run = Run {
        config,
        workers,
        watch,
        learn: false,
        stop: &AtomicBool::new(false),
        progress: &mut |_| {},
        follow: None,
    };
    pipeline::run(&mut captures, run).unwrap()
}
