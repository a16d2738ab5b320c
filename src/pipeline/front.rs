//! The front of the pipeline: reading, decoding, and the packet clock.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Account, Progress};
use crate::config::Config;
use crate::decode::{Decoder, FrameCounts, Outcome, Segment};
use crate::shard::{Moment, ShardCounts};
use crate::source::{Captures, SourceError};
use crate::time::Timestamp;

/// Reads frames and decodes them, in one thread, so that fragments meet whatever shard their datagram belongs to.
pub(super) struct Front<'a> {
    captures: &'a mut Captures,
    stop: &'a AtomicBool,
    decoder: Decoder,
    counts: FrameCounts,
    clock: Timestamp,
    late_frames: u64,
    interrupted: bool,
}

impl<'a> Front<'a> {
    pub(super) fn new(captures: &'a mut Captures, config: &Config, stop: &'a AtomicBool) -> Self {
        Self {
            captures,
            stop,
            decoder: Decoder::new(config.fragment_limits()),
            counts: FrameCounts::default(),
            clock: Timestamp::MIN,
            late_frames: 0,
            interrupted: false,
        }
    }

    /// Reads one frame and hands on its segment, if it carries one. False at the end of the captures, and when the
    /// run is stopped, which also ends a pipe that is waited for.
    pub(super) fn next(
        &mut self,
        deliver: impl FnOnce(Moment, &Segment<'_>),
    ) -> Result<bool, SourceError> {
        if self.is_stopped() {
            return Ok(false);
        }
        let Some(mut frame) = self.captures.next_frame()? else {
            self.is_stopped();
            return Ok(false);
        };
        if frame.time < self.clock {
            self.late_frames += 1;
            frame.time = self.clock;
        }
        self.clock = frame.time;
        let outcome = self.decoder.decode(&frame);
        self.counts.record(&outcome);
        if let Outcome::Segment(segment) = &outcome {
            let moment = Moment {
                time: self.clock,
                frame: self.counts.frames,
            };
            deliver(moment, segment);
        }
        Ok(true)
    }

    fn is_stopped(&mut self) -> bool {
        self.interrupted = self.stop.load(Ordering::Relaxed);
        self.interrupted
    }

    /// The time of the newest frame.
    pub(super) fn now(&self) -> Timestamp {
        self.clock
    }

    pub(super) fn progress(&self) -> Progress {
        let account = self.captures.account();
        Progress {
            frames: account.frames,
            bytes: account.bytes,
        }
    }

    pub(super) fn account(self, shards: ShardCounts) -> Account {
        Account {
            frames: self.counts,
            fragments: *self.decoder.fragment_counts(),
            shards,
            late_frames: self.late_frames,
            interrupted: self.interrupted,
        }
    }
}
