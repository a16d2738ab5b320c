//! The front of the pipeline: reading, decoding, and the packet clock.

use std::sync::atomic::{AtomicBool, Ordering};

use arrayvec::ArrayVec;

use super::{Account, Audit, Progress};
use crate::config::Config;
use crate::correlate::forgotten::Forgotten;
use crate::decode::{Datagram, Decoder, FrameCounts, Outcome, Segment, straight};
use crate::finding::lifecycle::FindingCounts;
use crate::shard::{Moment, Route, ShardCounts};
use crate::source::{Arrival, Missed, Source, SourceError};
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

/// What ends a round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Round {
    /// The time of the newest frame, or how late it is where none comes.
    pub(super) now: Timestamp,
    /// When frames were lost before they came here, since the round before.
    pub(super) missed: Option<Missed>,
    /// Whether the account is asked for here.
    pub(super) audit: bool,
}

/// How far a step of the front went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more.
    More,
    /// Nothing comes for now: what was read so far deserves to be told.
    Pause,
    /// The source has ended, or the run was stopped.
    Over,
}

/// Reads frames and decodes them, in one thread, so that fragments meet whatever shard their datagram belongs to.
pub(super) struct Front<'a, S> {
    source: &'a mut S,
    stop: &'a AtomicBool,
    /// Set when the account is asked for.
    pub(super) audit: Option<&'a AtomicBool>,
    decoder: Decoder,
    counts: FrameCounts,
    clock: Timestamp,
    late_frames: u64,
    interrupted: bool,
}

impl<'a, S: Source> Front<'a, S> {
    pub(super) fn new(source: &'a mut S, config: &Config, stop: &'a AtomicBool) -> Self {
        Self {
            source,
            stop,
            audit: None,
            decoder: Decoder::new(config.fragment_limits()),
            counts: FrameCounts::default(),
            clock: Timestamp::MIN,
            late_frames: 0,
            interrupted: false,
        }
    }

    /// Reads a few frames and hands on their segments, perhaps in parts. Over at the end of the source, and when the
    /// run is stopped, which also ends a pipe that is waited for.
    pub(super) fn next(
        &mut self,
        deliver: impl FnMut(&[Sighting<'_>]),
    ) -> Result<Step, SourceError> {
        if self.is_stopped() {
            return Ok(Step::Over);
        }
        match self.source.proceed(AT_ONCE)? {
            Arrival::Frames => {
                self.decode(deliver);
                Ok(Step::More)
            }
            Arrival::Idle(time) => {
                self.clock = self.clock.max(time);
                Ok(Step::Pause)
            }
            Arrival::Over => {
                self.is_stopped();
                Ok(Step::Over)
            }
        }
    }

    fn decode(&mut self, mut deliver: impl FnMut(&[Sighting<'_>])) {
        let mut seen = ArrayVec::<Sighting<'_>, AT_ONCE>::new();
        for mut frame in self.source.frames() {
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
    }

    fn is_stopped(&mut self) -> bool {
        self.interrupted = self.stop.load(Ordering::Relaxed);
        self.interrupted
    }

    /// Lets fragments age, also where no other arrives, and tells how far time is.
    pub(super) fn advance(&mut self) -> Round {
        self.decoder.advance(self.clock);
        Round {
            now: self.clock,
            missed: self.source.take_missed(),
            audit: self
                .audit
                .is_some_and(|asked| asked.swap(false, Ordering::Relaxed)),
        }
    }

    pub(super) fn progress(&self) -> Progress {
        let account = self.source.account();
        Progress {
            frames: account.frames,
            bytes: account.bytes,
        }
    }

    /// The present account, but for what others count.
    pub(super) fn audit(&self, shards: ShardCounts) -> Audit {
        Audit {
            source: self.source.account().clone(),
            account: self.account(shards),
        }
    }

    pub(super) fn account(&self, shards: ShardCounts) -> Account {
        Account {
            frames: self.counts,
            fragments: *self.decoder.fragment_counts(),
            waiting_datagrams: self.decoder.waiting_datagrams() as u64,
            shards,
            late_frames: self.late_frames,
            findings: FindingCounts::default(),
            forgotten: Forgotten::default(),
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
