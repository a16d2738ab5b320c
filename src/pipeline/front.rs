//! The front of the pipeline: reading, decoding, and the packet clock.

use std::sync::atomic::{AtomicBool, Ordering};

use arrayvec::ArrayVec;

use super::keep::Keep;
use super::{Account, Audit, Progress};
use crate::config::Config;
use crate::correlate::forgotten::Forgotten;
use crate::decode::{Decoder, FrameCounts, Outcome, Segment, straight};
use crate::finding::lifecycle::FindingCounts;
use crate::shard::{Events, Moment, Route, Shard, ShardCounts};
use crate::source::{Arrival, Frame, Missed, Source, SourceError};
use crate::time::Timestamp;

/// A segment, the flow that it belongs to and when it was seen.
#[derive(Debug)]
pub(super) struct Sighting<'a> {
    pub(super) moment: Moment,
    pub(super) route: Route,
    pub(super) segment: Segment<'a>,
}

/// Which shard owns the flow of a segment, and by which number its frame is known in the run.
pub(super) trait Plan {
    /// The route of a segment.
    fn route(&self, segment: &Segment<'_>) -> Route;

    /// The number in the run of a frame: that which was read as the `frame`th, at that time.
    fn number(&mut self, time: Timestamp, frame: u64) -> u64;

    #[inline]
    fn sight<'s>(&mut self, segment: Segment<'s>, time: Timestamp, frame: u64) -> Sighting<'s> {
        let frame = self.number(time, frame);
        Sighting {
            moment: Moment { time, frame },
            route: self.route(&segment),
            segment,
        }
    }
}

/// One thread reads all frames, and shards are the same on every machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady;

impl Plan for Steady {
    #[inline]
    fn route(&self, segment: &Segment<'_>) -> Route {
        Route::of(segment)
    }

    #[inline]
    fn number(&mut self, _: Timestamp, frame: u64) -> u64 {
        frame
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

impl Round {
    /// The same round, where frames were also lost at that time.
    pub(super) fn and(self, missed: Option<Missed>) -> Self {
        let both = match (self.missed, missed) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
        Self {
            missed: both,
            ..self
        }
    }
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
pub(super) struct Front<'a, S, P = Steady> {
    source: &'a mut S,
    plan: P,
    stop: &'a AtomicBool,
    /// Set when the account is asked for.
    pub(super) audit: Option<&'a AtomicBool>,
    /// Where recent packets are kept.
    pub(super) keep: Keep<'a>,
    decoder: Decoder,
    counts: FrameCounts,
    clock: Timestamp,
    late_frames: u64,
    interrupted: bool,
}

impl<'a, S: Source> Front<'a, S> {
    pub(super) fn new(source: &'a mut S, config: &Config, stop: &'a AtomicBool) -> Self {
        Self::planned(source, Steady, config, stop)
    }
}

impl<'a, S: Source, P: Plan> Front<'a, S, P> {
    /// Reads a source for shards and numbers of another plan.
    pub(super) fn planned(
        source: &'a mut S,
        plan: P,
        config: &Config,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            source,
            plan,
            stop,
            audit: None,
            keep: Keep::default(),
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
        let mut keep = self.keep.lock();
        for mut frame in self.source.frames() {
            if frame.time < self.clock {
                self.late_frames += 1;
                frame.time = self.clock;
            }
            self.clock = frame.time;
            // Each arm pushes for itself: a segment that both gave would be written twice.
            if let Some(segment) = straight(&frame) {
                self.counts.record_segment();
                keep.add(&frame, &segment);
                seen.push(self.plan.sight(segment, self.clock, self.counts.frames));
                continue;
            }
            match self.decoder.look(&frame) {
                Ok(segment) => {
                    self.counts.record_segment();
                    keep.add(&frame, &segment);
                    seen.push(self.plan.sight(segment, self.clock, self.counts.frames));
                }
                Err(stop) => match stop.outcome() {
                    Ok(outcome) => self.counts.record(&outcome),
                    Err(datagram) => {
                        deliver(&seen);
                        seen.clear();
                        let outcome = self.decoder.open(*datagram, self.clock);
                        self.counts.record(&outcome);
                        if let Outcome::Segment(segment) = outcome {
                            deliver(&[self.plan.sight(segment, self.clock, self.counts.frames)]);
                        }
                    }
                },
            }
        }
        drop(keep);
        deliver(&seen);
    }

    /// Takes a frame that another read, at the present time if it is older.
    pub(super) fn take(&mut self, mut frame: Frame<'_>, deliver: impl FnOnce(&[Sighting<'_>])) {
        self.late_frames += u64::from(frame.time < self.clock);
        self.clock = self.clock.max(frame.time);
        frame.time = self.clock;
        let outcome = self.decoder.decode(&frame);
        self.counts.record(&outcome);
        if let Outcome::Segment(segment) = outcome {
            self.keep.lock().add(&frame, &segment);
            deliver(&[self.plan.sight(segment, self.clock, self.counts.frames)]);
        }
    }

    /// The time of the newest frame, or how late it is where none comes.
    pub(super) fn clock(&self) -> Timestamp {
        self.clock
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
        Progress::of(self.source.account())
    }

    /// The present account, but for what others count.
    pub(super) fn audit(&mut self, shards: ShardCounts) -> Audit {
        self.source.settle();
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
            sessions_unfollowed: 0,
            interrupted: self.interrupted,
        }
    }
}

/// Shows segments to the shards that own their flows, where these are here. All flows are looked up before the first of them
/// is met.
#[inline]
pub(super) fn meet(
    sightings: &[Sighting<'_>],
    shards: &mut [Shard],
    place: impl Fn(&Route) -> Option<usize>,
    events: &mut Events,
) {
    let guess = |sighting: &Sighting<'_>| {
        let shard = shards.get(place(&sighting.route)?)?;
        shard.place_of(&sighting.route)
    };
    let guesses: ArrayVec<_, AT_ONCE> = sightings.iter().map(guess).collect();
    for (sighting, guess) in sightings.iter().zip(guesses) {
        let Sighting {
            moment,
            route,
            segment,
        } = sighting;
        if let Some(shard) = place(route).and_then(|place| shards.get_mut(place)) {
            shard.segment(*moment, route, guess, segment, events);
        }
    }
}

/// How many frames are decoded before the first of them meets its flow. Their flows are then looked up one right after
/// the other, so that the memory they lie in is waited for once and not each time. As few as that stay in the first
/// cache.
pub(super) const AT_ONCE: usize = 32;
