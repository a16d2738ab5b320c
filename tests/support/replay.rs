//! Replays one of the project's captures.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use hopscope::config::Config;
use hopscope::finding::Finding;
use hopscope::pipeline::{self, Run};
use hopscope::source::{Captures, Inputs};

/// The findings of a capture in `testdata/pcaps`.
pub(crate) fn findings(capture: &str, workers: usize, config: &str) -> Vec<Finding> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "testdata/pcaps", capture]
        .iter()
        .collect();
    let mut captures = Captures::open(Inputs::collect(&[path]).unwrap()).unwrap();
    let run = Run {
        config: &config.parse::<Config>().unwrap(),
        workers,
        watch: None,
        stop: &AtomicBool::new(false),
        progress: &mut |_| {},
    };
    pipeline::run(&mut captures, run).unwrap().findings
}
