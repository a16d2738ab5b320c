//! Capture files with anything in them: through the source alone and through the whole program.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use hopscope::config::Config;
use hopscope::finding::story;
use hopscope::pipeline::{self, Run, RunError};
use hopscope::sink::{account, jsonl, text};
use hopscope::source::{Captures, Input, Inputs, SourceAccount};

/// Reads the input as a capture: twice the same capture gives each frame twice, a part of a capture gives the first
/// frames of the whole, and all frames are accounted for.
pub(super) fn source(input: &[u8]) {
    let file = Scratch::new("source");
    file.write(input);
    let whole = frames(&file, 1);
    let twice = frames(&file, 2);
    if whole.len() < MOST_FRAMES / 2 {
        assert_eq!(twice.len(), 2 * whole.len());
    }
    file.write(&input[..input.len() / 2]);
    let half = frames(&file, 1);
    assert!(
        whole.starts_with(&half) || is_packed(input),
        "a part is not a part"
    );
}

/// Where packing is damaged, a decompressor may give less than where it is cut off.
fn is_packed(input: &[u8]) -> bool {
    matches!(
        input,
        [0x1f, 0x8b, ..] | [0x28, 0xb5, ..] | [_, 0x2a, 0x4d, 0x18, ..]
    )
}

/// What tells one frame from another: time, link type, length on the wire and the bytes' length and sum.
type FrameDigest = (i64, u16, u32, usize, u64);

/// The first frames of a file that is named so many times; none where it is not a capture.
fn frames(file: &Scratch, times: usize) -> Vec<FrameDigest> {
    let mut frames = Vec::new();
    let Some(mut captures) = file.captures(times) else {
        return frames;
    };
    let mut bytes = 0;
    while frames.len() < MOST_FRAMES {
        let Ok(Some(frame)) = captures.next_frame() else {
            break;
        };
        let length = frame.bytes.len();
        let sum = frame.bytes.iter().fold(0, |sum: u64, &byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        assert!(length <= frame.wire_bytes as usize);
        bytes += length as u64;
        frames.push((
            frame.time.nanos(),
            frame.link.0,
            frame.wire_bytes,
            length,
            sum,
        ));
    }
    let account = captures.account();
    assert_eq!(account.frames, frames.len() as u64);
    assert_eq!(account.bytes, bytes);
    assert!(account.cuts.count() <= times as u64);
    frames
}

/// Replays the input as a capture, with room for many flows and for few, with and without workers: the findings are
/// the same, the books balance, and all can be printed.
pub(super) fn replay(input: &[u8]) {
    let file = Scratch::new("replay");
    file.write(input);
    for config in [Config::default(), tiny()] {
        assert_eq!(findings(&file, &config, 0), findings(&file, &config, 2));
    }
}

/// Room for one flow a shard, one finding and one remembered endpoint.
fn tiny() -> Config {
    let text =
        "[flows]\nmax = 64\n[fragments]\nmax_datagrams = 1\n[findings]\nmax = 1\nremembered = 1\n";
    text.parse().unwrap_or_default()
}

/// Findings and account as they are printed; nothing where the file is not a capture.
fn findings(file: &Scratch, config: &Config, workers: usize) -> Option<(String, String)> {
    let mut captures = file.captures(1)?;
    let stop = AtomicBool::new(false);
    let outcome = pipeline::run(
        &mut captures,
        Run {
            config,
            watch: None,
            learn: false,
            workers,
            stop: &stop,
            progress: &mut |progress| {
                stop.fetch_or(progress.frames > MOST_FRAMES as u64, Ordering::Relaxed);
            },
            follow: None,
        },
    );
    match outcome {
        Ok(outcome) => Some(print(captures.account(), &outcome)),
        Err(RunError::Source(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

fn print(source: &SourceAccount, outcome: &pipeline::Outcome) -> (String, String) {
    let (mut found, mut read) = (Vec::new(), Vec::new());
    let printed = jsonl::write(&mut found, &outcome.findings)
        .and_then(|()| text::write(&mut found, &outcome.findings))
        .and_then(|()| text::write_hosts(&mut found, &story::tell(&outcome.findings)))
        .and_then(|()| account::write(&mut read, source, &outcome.account));
    assert!(printed.is_ok(), "{printed:?}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
    (text(found), text(read))
}

/// A file of this thread's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let (process, thread) = (std::process::id(), std::thread::current().id());
        let name = format!("hopscope-{name}-{process}-{thread:?}");
        Self(std::env::temp_dir().join(name))
    }

    fn write(&self, bytes: &[u8]) {
        let written = std::fs::write(&self.0, bytes);
        assert!(written.is_ok(), "{}: {written:?}", self.0.display());
    }

    /// The file as a run of captures; none where it is not a capture.
    fn captures(&self, times: usize) -> Option<Captures> {
        let mut inputs = Inputs::default();
        inputs.captures = vec![Input::File(self.0.clone()); times];
        Captures::open(inputs).ok()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A file that stays behind in the system's own place for such files does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A small file that unpacks to millions of frames shows nothing that its first ones do not.
const MOST_FRAMES: usize = 4_096;
