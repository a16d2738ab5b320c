//! Several rings tell what one reader tells, byte for byte, however the kernel divides frames.
#![cfg(test)]

#[path = "support/bpf.rs"]
mod bpf;
#[path = "support/captures.rs"]
mod captures;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use hopscope::config::Config;
use hopscope::pipeline::{self, Outcome, Progress, Run, RunError, rings};
use hopscope::sink::jsonl;
use hopscope::source::{
    Arrival, Captures, Frame, Inputs, LinkType, Ring, Source, SourceAccount, SourceError,
};
use hopscope::time::Timestamp;

/// A part of a capture.
struct Part {
    frames: Vec<Owned>,
    /// The frames that were got ready last.
    batch: std::ops::Range<usize>,
    end: Timestamp,
    is_told: bool,
    /// Who reads it dies.
    is_deadly: bool,
    account: SourceAccount,
}

#[derive(Clone)]
struct Owned {
    time: Timestamp,
    link: LinkType,
    bytes: Vec<u8>,
    wire_bytes: u32,
}

impl Part {
    fn next(&mut self, most: usize, until: Timestamp) -> bool {
        let start = self.batch.end;
        let rest = self.frames[start..].iter();
        let ready = rest.take(most).take_while(|frame| frame.time <= until);
        self.batch = start..start + ready.count();
        let batch = &self.frames[self.batch.clone()];
        self.account.frames += batch.len() as u64;
        !batch.is_empty()
    }
}

impl Source for Part {
    fn proceed(&mut self, most: usize) -> Result<Arrival, SourceError> {
        Ok(if self.next(most, Timestamp::MAX) {
            Arrival::Frames
        } else if std::mem::replace(&mut self.is_told, true) {
            Arrival::Over
        } else {
            Arrival::Idle(self.end)
        })
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.frames[self.batch.clone()].iter().map(|frame| Frame {
            time: frame.time,
            link: frame.link,
            bytes: &frame.bytes,
            wire_bytes: frame.wire_bytes,
        })
    }

    fn account(&self) -> &SourceAccount {
        &self.account
    }
}

impl Ring for Part {
    fn proceed_until(&mut self, most: usize, until: Timestamp) -> Result<Arrival, SourceError> {
        assert!(!self.is_deadly, "as a worker dies that met a bug");
        let is_more = self.next(most, until);
        Ok(if is_more {
            Arrival::Frames
        } else {
            Arrival::Idle(until)
        })
    }
}

#[test]
fn rings_tell_what_one_reader_tells() {
    for path in all() {
        let frames = frames(&path);
        let whole = replay(&path);
        for count in [1, 2, 7] {
            let program = rings::program(count);
            let told = run(divide(&frames, count, |frame| {
                bpf::run(&program, &frame.bytes) as usize
            }));
            assert_eq!(text(&told), text(&whole), "{} {count}", path.display());
            assert_eq!(
                accounts(&told),
                accounts(&whole),
                "{} {count}",
                path.display()
            );
        }
    }
}

/// A ring that gets what belongs to another one hands it on, later than it came.
#[test]
fn a_frame_in_the_wrong_ring_is_not_lost() {
    for path in all() {
        let frames = frames(&path);
        let whole = replay(&path);
        let divisions: [fn(usize) -> usize; 3] = [|_| 0, |_| 1, |number| number];
        for choose in divisions {
            let mut number = 0;
            let told = run(divide(&frames, 3, |_| {
                number += 1;
                choose(number)
            }));
            let [stray_free, frames] = [&told, &whole].map(|told| told.account.frames.frames);
            assert_eq!(stray_free, frames, "{}", path.display());
        }
        let told = run(divide(&frames, 3, |_| 0));
        assert_eq!(text(&told), text(&whole), "{}", path.display());
    }
}

/// Whoever looks on sees in the end what all rings have read.
#[test]
fn progress_counts_what_every_ring_read() {
    let path = captures::directory().join("socks-proxy/hit-microsocks-noauth.pcap");
    let frames = frames(&path);
    for count in [1, 2, 3] {
        let mut number = 0;
        let mut parts = divide(&frames, count, |_| {
            number += 1;
            number
        });
        let mut newest = 0;
        let mut progress = |progress: Progress| newest = progress.frames;
        watched(&mut progress, |run| rings::run(&mut parts, run).unwrap());
        assert_eq!(newest, frames.len() as u64, "{count}");
    }
}

#[test]
fn a_ring_whose_worker_dies_ends_the_run_with_an_error() {
    let path = captures::directory().join("socks-proxy/hit-microsocks-noauth.pcap");
    let frames = frames(&path);
    for place in [1, 2] {
        let mut number = 0;
        let mut parts = divide(&frames, 3, |_| {
            number += 1;
            number
        });
        parts[place].is_deadly = true;
        let ended = watched(&mut |_| {}, |run| rings::run(&mut parts, run));
        assert!(matches!(ended, Err(RunError::WorkerDied)), "{ended:?}");
    }
}

fn divide(frames: &[Owned], rings: u8, mut choose: impl FnMut(&Owned) -> usize) -> Vec<Part> {
    let end = frames
        .iter()
        .map(|frame| frame.time)
        .max()
        .unwrap_or(Timestamp::MIN);
    let empty = |_| Part {
        frames: Vec::new(),
        batch: 0..0,
        end,
        is_told: false,
        is_deadly: false,
        account: SourceAccount::default(),
    };
    let mut parts: Vec<Part> = (0..rings).map(empty).collect();
    for frame in frames {
        parts[choose(frame) % usize::from(rings)]
            .frames
            .push(frame.clone());
    }
    parts
}

fn run(mut parts: Vec<Part>) -> Outcome {
    with(|run| rings::run(&mut parts, run).unwrap())
}

fn replay(path: &Path) -> Outcome {
    let mut captures = Captures::open(Inputs::collect(&[path.into()]).unwrap()).unwrap();
    with(|run| pipeline::run(&mut captures, run).unwrap())
}

fn with(start: impl FnOnce(Run<'_>) -> Outcome) -> Outcome {
    watched(&mut |_| {}, start)
}

fn watched<T>(progress: &mut dyn FnMut(Progress), start: impl FnOnce(Run<'_>) -> T) -> T {
    start(Run {
        config: &Config::default(),
        workers: 0,
        watch: None,
        learn: false,
        stop: &AtomicBool::new(false),
        progress,
        follow: None,
    })
}

fn text(outcome: &Outcome) -> String {
    let mut text = Vec::new();
    jsonl::write(&mut text, &outcome.findings).unwrap();
    String::from_utf8(text).unwrap()
}

fn accounts(outcome: &Outcome) -> String {
    format!("{:?}", outcome.account)
}

fn frames(path: &Path) -> Vec<Owned> {
    let mut captures = Captures::open(Inputs::collect(&[path.into()]).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = captures.next_frame().unwrap() {
        frames.push(Owned {
            time: frame.time,
            link: frame.link,
            bytes: frame.bytes.to_vec(),
            wire_bytes: frame.wire_bytes,
        });
    }
    frames
}

/// Every plain capture of `testdata/pcaps`.
fn all() -> Vec<PathBuf> {
    let detectors = captures::directory().read_dir().unwrap();
    let mut captures: Vec<PathBuf> = detectors
        .map(|detector| detector.unwrap().path())
        .filter(|detector| detector.is_dir())
        .flat_map(|detector| detector.read_dir().unwrap())
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|end| end == "pcap"))
        .collect();
    captures.sort();
    assert!(captures.len() >= 50, "captures are missing from testdata");
    captures
}
