//! The workers of the other rings, which follow.

use std::iter::Peekable;

use arrayvec::ArrayVec;
use crossbeam_channel::{Receiver, Sender};

use super::{Elsewhere, LOST, Made, Stray, Worker};
use crate::decode::{FrameCounts, Outcome, alone, straight};
use crate::pipeline::front::{AT_ONCE, Plan, Sighting};
use crate::pipeline::keep::Keep;
use crate::pipeline::workers::Batch;
use crate::pipeline::{Account, Audit, Progress};
use crate::shard::Events;
use crate::source::{Arrival, Frame, Ring, SourceError};
use crate::time::Timestamp;

/// Reads a ring, round by round, and takes the flows of its shards.
pub(super) struct Follower<'a, R> {
    ring: &'a mut R,
    worker: Worker,
    clock: Timestamp,
    counts: FrameCounts,
    late_frames: u64,
    strays: Sender<Stray>,
    recycled: Sender<Batch>,
    keep: Keep<'a>,
    elsewhere: &'a Elsewhere,
    /// How much of what it read stands there.
    shown: Progress,
}

impl<'a, R: Ring> Follower<'a, R> {
    pub(super) fn new(
        ring: &'a mut R,
        worker: Worker,
        strays: Sender<Stray>,
        recycled: Sender<Batch>,
        elsewhere: &'a Elsewhere,
    ) -> Self {
        Self {
            ring,
            worker,
            clock: Timestamp::MIN,
            counts: FrameCounts::default(),
            late_frames: 0,
            strays,
            recycled,
            keep: Keep::default(),
            elsewhere,
            shown: Progress::default(),
        }
    }

    /// The same follower; it keeps packets there.
    pub(super) fn keeping(mut self, keep: Keep<'a>) -> Self {
        self.keep = keep;
        self
    }

    pub(super) fn run(
        mut self,
        batches: &Receiver<Batch>,
        rounds: &Sender<Made>,
    ) -> Result<(), SourceError> {
        for batch in batches {
            let made = self.make(batch)?;
            if rounds.send(made).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn make(&mut self, mut batch: Batch) -> Result<Made, SourceError> {
        let mut events = Events::default();
        self.take(&batch, &mut events)?;
        self.show();
        let (end, is_last) = (batch.end, batch.last);
        batch.clear();
        // Where there are enough, it is let go.
        let _ = self.recycled.try_send(batch);
        self.clock = self.clock.max(end.now);
        self.worker.advance(end.now, is_last, &mut events);
        let audit = (is_last || end.audit).then(|| self.audit());
        Ok(Made {
            events,
            end: end.and(self.ring.take_missed()),
            is_last,
            audit,
        })
    }

    /// Adds what it read in this round to what all followers have read.
    fn show(&mut self) {
        let now = Progress::of(self.ring.account());
        let before = std::mem::replace(&mut self.shown, now);
        self.elsewhere.add(before, now);
    }

    /// Takes the frames of the ring up to the end of the round, and what was handed on between them.
    fn take(&mut self, batch: &Batch, events: &mut Events) -> Result<(), SourceError> {
        let mut handed = batch.sightings().peekable();
        while self.ring.proceed_until(AT_ONCE, batch.end.now)? == Arrival::Frames {
            self.take_frames(&mut handed, events);
        }
        let mut seen = Seen::default();
        for sighting in handed {
            seen.push(sighting, &mut self.worker, events);
        }
        self.worker.take(&seen.0, events);
        Ok(())
    }

    fn take_frames<'b>(
        &mut self,
        handed: &mut Peekable<impl Iterator<Item = Sighting<'b>>>,
        events: &mut Events,
    ) {
        let Self {
            ring,
            worker,
            clock,
            counts,
            late_frames,
            strays,
            keep,
            ..
        } = self;
        let mut seen = Seen::default();
        let mut keep = keep.lock();
        for mut frame in ring.frames() {
            *late_frames += u64::from(frame.time < *clock);
            *clock = frame.time.max(*clock);
            frame.time = *clock;
            while let Some(sighting) = handed.next_if(|next| next.moment.time <= frame.time) {
                seen.push(sighting, worker, events);
            }
            let own = match look(&frame) {
                Some(Outcome::Segment(segment)) => {
                    let sighting = worker.spread.sight(segment, *clock, counts.frames);
                    let lane = worker.spread.lane(&sighting.route);
                    lane.map(|_| {
                        keep.add(&frame, &sighting.segment);
                        sighting
                    })
                }
                Some(outcome) => {
                    counts.record(&outcome);
                    continue;
                }
                None => None,
            };
            if let Some(sighting) = own {
                counts.record_segment();
                seen.push(sighting, worker, events);
            } else if strays.try_send(Stray::of(&frame)).is_err() {
                counts.record(&LOST);
            }
        }
        drop(keep);
        worker.take(&seen.0, events);
    }

    fn audit(&mut self) -> Audit {
        self.ring.settle();
        Audit {
            source: self.ring.account().clone(),
            account: Account {
                frames: self.counts,
                shards: self.worker.counts(),
                late_frames: self.late_frames,
                ..Account::default()
            },
        }
    }
}

/// What a frame carries that needs no other.
fn look<'a>(frame: &Frame<'a>) -> Option<Outcome<'a>> {
    straight(frame).map_or_else(|| alone(frame), |segment| Some(Outcome::Segment(segment)))
}

/// Segments that are about to meet their flows.
#[derive(Default)]
struct Seen<'a>(ArrayVec<Sighting<'a>, AT_ONCE>);

impl<'a> Seen<'a> {
    fn push(&mut self, sighting: Sighting<'a>, worker: &mut Worker, events: &mut Events) {
        if self.0.is_full() {
            worker.take(&self.0, events);
            self.0.clear();
        }
        self.0.push(sighting);
    }
}
