//! A replay is a function of its captures and its configuration: the findings and the account are the same, byte for
//! byte, for any number of workers and however the captures are cut into files and packed.
#![cfg(test)]

#[path = "support/captures.rs"]
mod captures;
#[path = "support/pcap.rs"]
mod pcap;
#[path = "support/scratch.rs"]
mod scratch;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use hopscope::config::Config;
use hopscope::pipeline::{self, Outcome, Run};
use hopscope::sink::jsonl;
use hopscope::source::{Captures, Inputs};
use pcap::Pcap;
use scratch::Scratch;

const WORKERS: [usize; 5] = [0, 1, 2, 4, 8];

/// Tables that overflow, and the default ones. A table that is full must forget the same flows on every machine.
const CONFIGS: [&str; 9] = [
    "",
    "flows.max = 64",
    "heads.budget_mebibytes = 1",
    "rhythms.pairs = 64\nrhythms.destinations = 64",
    "findings.max = 1",
    "findings.max = 3\nfindings.remembered = 1",
    "flows.half_open_seconds = 1\nflows.tcp_seconds = 1\nflows.datagram_seconds = 1\nflows.closed_seconds = 1",
    "fragments.max_datagrams = 1\nfragments.timeout_seconds = 1",
    TIGHTEST,
];

const TIGHTEST: &str = "
    flows.max = 64
    heads.budget_mebibytes = 1
    findings.max = 1
    findings.remembered = 1
    fragments.max_datagrams = 1";

#[test]
fn each_capture_tells_the_same_alone() {
    let scratch = Scratch::new("alone");
    for path in plain() {
        let forms = forms(&scratch, &Pcap::read(&path));
        assert_same(&forms[..1], "", &WORKERS);
        assert_same(&forms, TIGHTEST, &[0, 4]);
    }
}

#[test]
fn a_directory_tells_the_same_as_one_run() {
    let forms = [vec![captures::directory().to_owned()], all()];
    assert_same(&forms, "", &WORKERS);
    assert_same(&forms[..1], TIGHTEST, &WORKERS);
}

#[test]
fn overlapping_captures_tell_the_same_however_they_are_packed() {
    let scratch = Scratch::new("at-once");
    let forms = forms(&scratch, &everything());
    for config in CONFIGS {
        assert_same(&forms[..1], config, &WORKERS);
    }
    assert_same(&forms, "", &[0, 4]);
    assert_same(&forms, TIGHTEST, &[0, 4]);
}

#[test]
fn tables_that_are_full_forget_the_same() {
    let scratch = Scratch::new("crowd");
    let crowd = (0..8).map(|network| everything().in_network(20 + network));
    let crowd = [scratch.file("crowd.pcap", Pcap::at_once(crowd).bytes())];
    for (config, forgotten) in [
        ("", [false, false]),
        ("flows.max = 64", [true, false]),
        ("heads.budget_mebibytes = 1", [false, true]),
    ] {
        let shards = replay(&crowd, config, 0).account.shards;
        let counts = [shards.flows_evicted, shards.heads_given_up];
        assert_eq!(counts.map(|count| count > 0), forgotten, "{config}");
        assert_same(&[crowd.to_vec()], config, &WORKERS[1..]);
    }
}

/// Rhythms and sessions that last reach over the files of a day.
#[test]
fn what_lasts_tells_the_same_whole_and_in_pieces() {
    let scratch = Scratch::new("day");
    let lasts = |path: &PathBuf| {
        let folder = path.parent().and_then(|folder| folder.file_name());
        folder.is_some_and(|folder| folder == "beacon" || folder == "long-lived-session")
    };
    let day = Pcap::at_once(
        plain()
            .iter()
            .filter(|path| lasts(path))
            .map(|path| Pcap::read(path)),
    );
    let piece = |(number, bytes)| scratch.file(&format!("hour-{number}.pcap"), bytes);
    let hours: Vec<PathBuf> = day.pieces(24).into_iter().enumerate().map(piece).collect();
    assert_eq!(hours.len(), 24);
    let forms = [vec![scratch.file("day.pcap", day.bytes())], hours];
    assert!(
        replay(&forms[0], "", 0)
            .findings
            .iter()
            .any(|found| found.detector == "beacon")
    );
    for config in ["", "rhythms.pairs = 64\nrhythms.destinations = 64"] {
        assert_same(&forms, config, &WORKERS);
    }
}

#[test]
fn one_finding_at_a_time_is_given_out_early() {
    let scratch = Scratch::new("early");
    let whole = [scratch.file("whole.pcap", everything().bytes())];
    let [ample, tight] = ["", "findings.max = 1"].map(|config| replay(&whole, config, 0));
    let [ample, tight] = [ample.findings.len(), tight.findings.len()];
    assert!(1 < ample && ample < tight, "{ample} {tight}");
}

/// Every capture of `testdata/pcaps`, by path.
fn all() -> Vec<PathBuf> {
    let detectors = captures::directory().read_dir().unwrap();
    let mut captures: Vec<PathBuf> = detectors
        .map(|detector| detector.unwrap().path())
        .filter(|detector| detector.is_dir())
        .flat_map(|detector| detector.read_dir().unwrap())
        .map(|file| file.unwrap().path())
        .filter(|file| is_plain(file) || file.extension().is_some_and(|end| end == "gz"))
        .collect();
    captures.sort();
    assert!(captures.len() >= 50, "captures are missing from testdata");
    captures
}

fn everything() -> Pcap {
    Pcap::at_once(plain().iter().map(|path| Pcap::read(path)))
}

/// Those that are not packed.
fn plain() -> Vec<PathBuf> {
    let mut captures = all();
    captures.retain(|path| is_plain(path));
    captures
}

fn is_plain(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "pcap")
}

/// The same frames in one file, in ten, and packed.
fn forms(scratch: &Scratch, capture: &Pcap) -> [Vec<PathBuf>; 4] {
    let bytes = capture.bytes();
    let piece = |(number, bytes)| scratch.file(&format!("piece-{number}.pcap"), bytes);
    [
        vec![scratch.file("whole.pcap", &bytes)],
        capture
            .pieces(10)
            .into_iter()
            .enumerate()
            .map(piece)
            .collect(),
        vec![scratch.file("whole.pcap.gz", captures::gzip(&bytes))],
        vec![scratch.file(
            "whole.pcap.zst",
            zstd::encode_all(bytes.as_slice(), 1).unwrap(),
        )],
    ]
}

fn assert_same(forms: &[Vec<PathBuf>], config: &str, workers: &[usize]) {
    let expected = told(&replay(&forms[0], config, WORKERS[0]));
    for form in forms {
        for &workers in workers {
            let told = told(&replay(form, config, workers));
            assert!(
                told == expected,
                "{workers} workers, {form:?}, config {config:?}:\n{told}\ninstead of\n{expected}"
            );
        }
    }
}

fn replay(paths: &[PathBuf], config: &str, workers: usize) -> Outcome {
    let config: Config = config.parse().unwrap();
    let mut captures = Captures::open(Inputs::collect(paths).unwrap()).unwrap();
    let run = Run {
        config: &config,
        workers,
        watch: None,
        learn: false,
        stop: &AtomicBool::new(false),
        progress: &mut |_| {},
        follow: None,
    };
    pipeline::run(&mut captures, run).unwrap()
}

/// The findings as they are printed, and the books.
fn told(outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    jsonl::write(&mut lines, &outcome.findings).unwrap();
    format!("{}{:?}", String::from_utf8(lines).unwrap(), outcome.account)
}
