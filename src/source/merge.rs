//! Several captures as one run.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::account::SourceAccount;
use super::error::SourceError;
use super::file::{Capture, Record};
use super::inputs::{Input, Inputs};
use super::{Arrival, Frame, Source};
use crate::time::Timestamp;

/// The frames of all captures, ordered by time across captures and left in the capture's own order within one.
///
/// Where two captures have a frame at the same time, the capture that starts first comes first, then the one that
/// was named first. A file is open only from its first frame's turn until it is read, so of a rotated set as many
/// files are open as overlap.
pub struct Captures {
    /// The capture that the frame in hand comes from.
    current: Option<Reader>,
    /// Whether the capture in hand stands at a frame that was not handed out yet.
    is_ahead: bool,
    /// The records handed out last, all from the capture in hand.
    batch: Vec<Record>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    account: SourceAccount,
}

/// When a capture is to be read: the time of its next frame, then its rank among the captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    time: Timestamp,
    rank: usize,
}

/// A capture that stands at a frame.
struct Reader {
    turn: Turn,
    capture: Box<Capture>,
}

/// A capture whose turn has not come.
struct Waiting {
    turn: Turn,
    place: Place,
}

/// Where a waiting capture is.
enum Place {
    /// Open, at a frame.
    Open(Box<Capture>),
    /// In a file that is not open now.
    Closed(Input),
}

impl Captures {
    /// Looks at the first frame of each capture and orders them.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read or is not a capture.
    pub fn open(inputs: Inputs) -> Result<Self, SourceError> {
        let mut captures = Self {
            current: None,
            is_ahead: false,
            batch: Vec::new(),
            waiting: BinaryHeap::new(),
            account: SourceAccount {
                captures: inputs.captures.len() as u64,
                strangers: inputs.strangers,
                ..SourceAccount::default()
            },
        };
        captures.rank(inputs.captures, inputs.stop.as_ref())?;
        Ok(captures)
    }

    /// The next frame; none when all captures are read.
    ///
    /// # Errors
    ///
    /// If the operating system fails to read on. What is wrong inside a capture ends that capture and is a line in
    /// the account.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, SourceError> {
        if !self.advance()? {
            return Ok(None);
        }
        let frame = self.current.as_ref().map(Reader::frame);
        if let Some(frame) = &frame {
            self.account.hand_out(frame.bytes.len());
        }
        Ok(frame)
    }

    /// What was read so far, and what could not be.
    pub fn account(&self) -> &SourceAccount {
        &self.account
    }

    fn rank(&mut self, inputs: Vec<Input>, stop: Option<&Arc<OwnedFd>>) -> Result<(), SourceError> {
        let alone = inputs.len() == 1;
        let mut starts = Vec::with_capacity(inputs.len());
        for input in inputs {
            match input {
                Input::File(_) if !alone => starts.push(look_ahead(input)?),
                _ => starts.extend(self.start(&input, stop)?),
            }
        }
        starts.sort_by_key(|(time, _)| *time);
        for (rank, (time, place)) in starts.into_iter().enumerate() {
            let turn = Turn { time, rank };
            self.waiting.push(Reverse(Waiting { turn, place }));
        }
        Ok(())
    }

    /// Opens a capture for good; none where it has no frame.
    fn start(
        &mut self,
        input: &Input,
        stop: Option<&Arc<OwnedFd>>,
    ) -> Result<Option<(Timestamp, Place)>, SourceError> {
        let mut capture = Box::new(input.open(stop)?);
        let stands = capture.advance(&mut self.account)?;
        Ok(stands.then(|| (capture.time(), Place::Open(capture))))
    }

    #[inline]
    fn advance(&mut self) -> Result<bool, SourceError> {
        if std::mem::take(&mut self.is_ahead) {
            return self.switch();
        }
        let Some(reader) = &mut self.current else {
            return self.switch();
        };
        if !reader.capture.advance(&mut self.account)? {
            self.current = None;
            return self.switch();
        }
        reader.turn.time = reader.capture.time();
        if self.is_overtaken() {
            return self.switch();
        }
        Ok(true)
    }

    /// Hands out the frame that the capture in hand stands at and those behind it, as far as they lie in its window and it
    /// is their turn.
    fn hand_out(&mut self, most: usize) {
        let Some(Reader { turn, capture }) = &mut self.current else {
            return;
        };
        let rival = self.waiting.peek().map(|Reverse(next)| next.turn);
        capture.pin(true);
        loop {
            let record = *capture.record();
            self.account.hand_out(record.frame_bytes);
            self.batch.push(record);
            if self.batch.len() >= most || !capture.advance_in_place(&mut self.account) {
                break;
            }
            turn.time = capture.time();
            if rival.is_some_and(|rival| rival < *turn) {
                self.is_ahead = true;
                break;
            }
        }
        capture.pin(false);
    }

    /// Whether it is another capture's turn.
    #[inline]
    fn is_overtaken(&self) -> bool {
        match (self.waiting.peek(), &self.current) {
            (Some(Reverse(next)), Some(reader)) => next.turn < reader.turn,
            _ => false,
        }
    }

    /// Goes on with the capture whose turn it is.
    fn switch(&mut self) -> Result<bool, SourceError> {
        let parked = self.current.take().map(Reader::park);
        self.waiting.extend(parked.map(Reverse));
        while let Some(Reverse(next)) = self.waiting.pop() {
            self.current = next.resume(&mut self.account)?;
            if self.current.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Source for Captures {
    fn proceed(&mut self, most: usize) -> Result<Arrival, SourceError> {
        self.batch.clear();
        if self.advance()? {
            self.hand_out(most);
        }
        Ok(if self.batch.is_empty() {
            Arrival::Over
        } else {
            Arrival::Frames
        })
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let capture = self.current.as_ref().map(|reader| &reader.capture);
        capture
            .into_iter()
            .flat_map(|capture| self.batch.iter().map(|record| capture.frame(record)))
    }

    fn account(&self) -> &SourceAccount {
        &self.account
    }
}

/// Finds the time of a file's first frame and closes it again. A file without a frame comes first of all, so that
/// what is wrong with it is accounted for when it is read.
fn look_ahead(input: Input) -> Result<(Timestamp, Place), SourceError> {
    let mut capture = input.open(None)?;
    let stands = capture.advance(&mut SourceAccount::default())?;
    let time = if stands {
        capture.time()
    } else {
        Timestamp::MIN
    };
    Ok((time, Place::Closed(input)))
}

impl Reader {
    fn frame(&self) -> Frame<'_> {
        self.capture.frame(self.capture.record())
    }

    fn park(self) -> Waiting {
        Waiting {
            turn: self.turn,
            place: Place::Open(self.capture),
        }
    }
}

impl Waiting {
    /// The capture at its next frame, opened if it was closed; none where it has none.
    fn resume(self, account: &mut SourceAccount) -> Result<Option<Reader>, SourceError> {
        let capture = match self.place {
            Place::Open(capture) => capture,
            Place::Closed(input) => {
                let mut capture = Box::new(input.open(None)?);
                if !capture.advance(account)? {
                    return Ok(None);
                }
                capture
            }
        };
        let turn = self.turn;
        Ok(Some(Reader { turn, capture }))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.turn.cmp(&other.turn)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::source::samples::{PcapFile, Scratch};

    type Frames<'a> = &'a [(u32, &'a str)];

    fn pcap(frames: Frames) -> Vec<u8> {
        let add = |file: PcapFile, (seconds, frame): &(u32, &str)| {
            file.record(*seconds, 0, frame.as_bytes(), 0)
        };
        frames.iter().fold(PcapFile::usual(), add).bytes
    }

    fn merged(paths: &[PathBuf]) -> (String, SourceAccount) {
        let mut captures = Captures::open(Inputs::collect(paths).unwrap()).unwrap();
        let mut text = String::new();
        while let Some(frame) = captures.next_frame().unwrap() {
            text.push_str(std::str::from_utf8(frame.bytes).unwrap());
        }
        (text, captures.account().clone())
    }

    #[test]
    fn captures_are_merged_by_time() {
        let cases: [(&str, &[Frames], &str); 7] = [
            ("alone, out of order", &[&[(2, "a"), (1, "b")]], "ab"),
            (
                "one after the other",
                &[&[(3, "c"), (4, "d")], &[(1, "a"), (2, "b")]],
                "abcd",
            ),
            (
                "overlapping",
                &[&[(1, "a"), (3, "c"), (5, "e")], &[(2, "b"), (4, "d")]],
                "abcde",
            ),
            (
                "one inside the other",
                &[&[(1, "a"), (9, "d")], &[(2, "b"), (3, "c")]],
                "abcd",
            ),
            (
                "ties go to the earlier start",
                &[&[(2, "b"), (3, "d")], &[(1, "a"), (2, "B"), (3, "c")]],
                "aBbcd",
            ),
            (
                "ties of starts go to the first named",
                &[&[(1, "a")], &[(1, "b")], &[(1, "c")]],
                "abc",
            ),
            (
                "each keeps its own order",
                &[&[(5, "x"), (1, "y")], &[(2, "a"), (6, "b")]],
                "axyb",
            ),
        ];
        for (name, files, expected) in cases {
            let scratch = Scratch::new("merged-by-time");
            let write =
                |(n, frames): (usize, &Frames)| scratch.file(&format!("{n}.pcap"), &pcap(frames));
            let paths: Vec<_> = files.iter().enumerate().map(write).collect();
            let (text, account) = merged(&paths);
            assert_eq!(text, expected, "{name}");
            assert_eq!(
                (account.captures, account.frames),
                (files.len() as u64, expected.len() as u64)
            );
        }
    }

    #[test]
    fn a_rotated_set_reads_as_the_whole() {
        let scratch = Scratch::new("rotated");
        let frames: Vec<_> = (0..100).map(|n| (n / 3, "x")).collect();
        let texts: Vec<_> = (0..100).map(|n| format!("{n},")).collect();
        let named: Vec<_> = frames
            .iter()
            .zip(&texts)
            .map(|(&(time, _), text)| (time, text.as_str()))
            .collect();
        for (n, part) in named.chunks(10).enumerate() {
            scratch.file(&format!("set/{n}.pcap"), &pcap(part));
        }
        let whole = scratch.file("whole.pcap", &pcap(&named));
        let (text, account) = merged(&[scratch.path().join("set")]);
        assert_eq!(text, merged(&[whole]).0);
        assert_eq!(
            (account.captures, account.frames, account.bytes),
            (10, 100, text.len() as u64)
        );
    }

    #[test]
    fn cuts_and_captures_without_frames_are_accounted_for_once() {
        let scratch = Scratch::new("cuts");
        let good = pcap(&[(1, "a"), (2, "b")]);
        let paths = [
            scratch.file("empty.pcap", &good[..24]),
            scratch.file("no-frame.pcap", &good[..30]),
            scratch.file("one-frame.pcap", &good[..50]),
            scratch.file("good.pcap", &good),
        ];
        let (text, account) = merged(&paths);
        assert_eq!(text, "aab");
        assert_eq!((account.captures, account.cuts.count()), (4, 2));
    }

    #[test]
    fn a_named_file_that_is_no_capture_is_an_error() {
        let scratch = Scratch::new("named-stranger");
        let text = scratch.file("notes.pcap", b"notes");
        let good = scratch.file("good.pcap", &pcap(&[]));
        let inputs = Inputs::collect(&[good, text]).unwrap();
        assert!(matches!(
            Captures::open(inputs),
            Err(SourceError::NotACapture { .. })
        ));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_is_read_once_and_merged() {
        use std::io::Write;
        use std::os::fd::AsRawFd;

        let scratch = Scratch::new("pipe");
        let file = scratch.file("file.pcap", &pcap(&[(1, "a"), (3, "c")]));
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&pcap(&[(2, "b"), (4, "d")])).unwrap();
        drop(writer);
        let pipe = format!("/dev/fd/{}", reader.as_raw_fd()).into();
        assert_eq!(merged(&[pipe, file]).0, "abcd");
    }
}
