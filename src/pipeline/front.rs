//! The front of the pipeline: reading, decoding, and the packet clock.

use std::sync::atomic::{AtomicBool, Ordering};

use arrayvec::ArrayVec;

use super::{Account, Progress};
use crate::config::Config;
use crate::decode::{Datagram, Decoder, FrameCounts, Outcome, Segment, straight};
use crate::shard::{Moment, Route, ShardCounts};
use crate::source::{Captures, SourceError};
use crate::time::Timestamp;

/// A segment, the flow that it belongs to and when it was seen.
#[derive(Debug)]
pub(super) struct Sighting<'a> {
    pub(super) moment: Moment,
    pub(super) route: Route,
    pub(super) segment: Segment<'a>,
}

impl<'a> Sighting<'a> {
    #[inline]
    fn new(segment: Segment<'a>, time: Timestamp, frame: u64) -> Self {
        Self {
            moment: Moment { time, frame },
            route: Route::of(&segment),
            segment,
        }
    }
}

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

    /// Reads a few frames and hands on their segments, perhaps in parts. False at the end of the captures, and when the
    /// run is stopped, which also ends a pipe that is waited for.
    pub(super) fn next(
        &mut self,
        mut deliver: impl FnMut(&[Sighting<'_>]),
    ) -> Result<bool, SourceError> {
        if self.is_stopped() {
            return Ok(false);
        }
        let before = self.counts.frames;
        let mut seen = ArrayVec::<Sighting<'_>, AT_ONCE>::new();
        for mut frame in self.captures.next_frames(AT_ONCE)? {
            if frame.time < self.clock {
                self.late_frames += 1;
                frame.time = self.clock;
            }
            self.clock = frame.time;
            // Each arm pushes for itself: a segment that both gave would be written twice.
            if let Some(segment) = straight(&frame) {
                self.counts.record_segment();
                seen.push(Sighting::new(segment, self.clock, self.counts.frames));
                continue;
            }
            match self.decoder.look(&frame) {
                Ok(segment) => {
                    self.counts.record_segment();
                    seen.push(Sighting::new(segment, self.clock, self.counts.frames));
                }
                Err(stop) => match stop.outcome() {
                    Ok(outcome) => self.counts.record(&outcome),
                    Err(datagram) => {
                        deliver(&seen);
                        seen.clear();
                        open(
                            &mut self.decoder,
                            *datagram,
                            self.clock,
                            &mut self.counts,
                            &mut deliver,
                        );
                    }
                },
            }
        }
        deliver(&seen);
        drop(seen);
        let is_over = self.counts.frames == before;
        if is_over {
            self.is_stopped();
        }
        Ok(!is_over)
    }

    fn is_stopped(&mut self) -> bool {
        self.interrupted = self.stop.load(Ordering::Relaxed);
        self.interrupted
    }

    /// Lets fragments age, also where no other arrives.
    pub(super) fn advance(&mut self) {
        self.decoder.advance(self.clock);
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
            waiting_datagrams: self.decoder.waiting_datagrams() as u64,
            shards,
            late_frames: self.late_frames,
            hosts_unwatched: 0,
            interrupted: self.interrupted,
        }
    }
}

/// Hands on what a datagram carries that the newest frame completed.
#[cold]
fn open(
    decoder: &mut Decoder,
    datagram: Datagram,
    now: Timestamp,
    counts: &mut FrameCounts,
    deliver: &mut impl FnMut(&[Sighting<'_>]),
) {
    let outcome = decoder.open(datagram, now);
    counts.record(&outcome);
    if let Outcome::Segment(segment) = outcome {
        deliver(&[Sighting::new(segment, now, counts.frames)]);
    }
}

/// How many frames are decoded before the first of them meets its flow. Their flows are then looked up one right after
/// the other, so that the memory they lie in is waited for once and not each time. As few as that stay in the first
/// cache.
pub(super) const AT_ONCE: usize = 32;
