//! The pipeline with several rings: each is read by a thread of its own, which owns the shards whose flows come by it.
//!
//! The kernel sends plain frames to the ring of their flow (`spread`), so they cross no thread. All else comes by the first ring:
//! its thread leads, decodes it and hands the segments on to the worker that owns their flow. Whatever comes by a wrong ring all the
//! same, as while an interface goes up, is a stray: the leader gets the frame.
//!
//! The leader ends rounds. With each it tells every follower how far time is; these take what their ring has up to then, and
//! between it the segments that were handed on, in order of time. So no event of a round is older than one of a round before, and
//! the ordered stage goes on when each worker has made the round.

mod follower;
mod lead;
mod spread;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, bounded};

use super::front::{AT_ONCE, Front, Round, Sighting, meet};
use super::keep::Keep;
use super::workers::{Batch, counts_of, deal};
use super::{Audit, Found, Outcome, Progress, Run, RunError, Stage, outcome_of, shards_of};
use crate::decode;
use crate::shard::{Events, Shard, ShardCounts};
use crate::source::{Frame, LinkType, Ring, SourceError};
use crate::time::Timestamp;
use follower::Follower;
use lead::Lead;
use spread::Spread;

pub use spread::program;

/// Reads the rings of a source, each in a thread of its own, until the first of them ends.
///
/// # Errors
///
/// As [`super::run`].
pub fn run<R: Ring>(rings: &mut [R], mut run: Run<'_>) -> Result<Outcome, RunError> {
    let Some((first, others)) = rings.split_first_mut() else {
        return Err(SourceError::Nothing.into());
    };
    let rings = u8::try_from(others.len() + 1).unwrap_or(u8::MAX);
    let spread = |ring| Spread::new(rings, ring);
    let mut front = Front::planned(first, spread(0), run.config, run.stop);
    let follow = run.follow.take().map(|following| {
        front.audit = Some(following.audit);
        front.keep = Keep(following.keep);
        following.by
    });
    let stage = Stage::new(run.config, run.learn, follow);
    let (found, audit) = pump(front, others, stage, &mut run, spread)?;
    outcome_of(found, &audit.source, audit.account)
}

fn pump<R: Ring>(
    front: Front<'_, R, Spread>,
    others: &mut [R],
    stage: Stage<'_>,
    run: &mut Run<'_>,
    spread: impl Fn(u8) -> Spread,
) -> Result<(Found, Audit), RunError> {
    let mut hands = deal(others.len() + 1, shards_of(run)).into_iter();
    let elsewhere = Elsewhere::default();
    thread::scope(|scope| {
        let (stray, strays) = bounded(STRAYS);
        let (recycled, spare) = bounded(QUEUED * others.len());
        let (rounds, outlet) = bounded(QUEUED);
        let (mut inlets, mut outlets, mut threads) = (Vec::new(), vec![outlet], Vec::new());
        let mut worker = |number| Worker {
            spread: spread(number),
            lanes: hands.next().unwrap_or_default(),
        };
        let lead_worker = worker(0);
        for (ring, number) in others.iter_mut().zip(1..) {
            let follower = Follower::new(
                ring,
                worker(number),
                stray.clone(),
                recycled.clone(),
                &elsewhere,
            )
            .keeping(front.keep);
            let (inlet, batches) = bounded(QUEUED);
            let (rounds, outlet) = bounded(QUEUED);
            threads.push(scope.spawn(move || follower.run(&batches, &rounds)));
            inlets.push(inlet);
            outlets.push(outlet);
        }
        let merging = scope.spawn(move || merge(&outlets, stage));
        let lead = Lead {
            front,
            worker: lead_worker,
            inlets,
            spare,
            strays: strays.clone(),
            rounds,
            elsewhere: &elsewhere,
        };
        let led = lead.run(run.progress);
        let merged = merging.join();
        for thread in threads {
            thread.join().map_err(|_| RunError::WorkerDied)??;
        }
        (run.progress)(elsewhere.and(led?));
        let (found, mut audit) = merged.map_err(|_| RunError::WorkerDied)??;
        // What the leader did not come to in its last round.
        for _ in strays.try_iter() {
            audit.account.frames.record(&LOST);
        }
        Ok((found, audit))
    })
}

/// The shards of one ring.
struct Worker {
    spread: Spread,
    lanes: Vec<Shard>,
}

impl Worker {
    /// Takes those of its flows.
    fn take(&mut self, sightings: &[Sighting<'_>], events: &mut Events) {
        let Self { spread, lanes } = self;
        meet(sightings, lanes, |route| spread.lane(route), events);
    }

    fn counts(&self) -> ShardCounts {
        counts_of(&self.lanes)
    }

    /// Ends a round.
    fn advance(&mut self, now: Timestamp, is_last: bool, events: &mut Events) {
        for lane in &mut self.lanes {
            lane.advance(now, events);
        }
        if is_last {
            self.lanes
                .iter_mut()
                .for_each(|lane| lane.finish(now, events));
        }
    }
}

/// What the followers have read, for whoever looks how far the run is.
#[derive(Default)]
struct Elsewhere {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Elsewhere {
    /// Takes that one of them had read so much, and has read more.
    fn add(&self, before: Progress, now: Progress) {
        self.frames
            .fetch_add(now.frames - before.frames, Ordering::Relaxed);
        self.bytes
            .fetch_add(now.bytes - before.bytes, Ordering::Relaxed);
    }

    /// This and what the leader has read.
    fn and(&self, lead: Progress) -> Progress {
        Progress {
            frames: lead.frames + self.frames.load(Ordering::Relaxed),
            bytes: lead.bytes + self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// A frame that came by the ring of another worker.
struct Stray {
    time: Timestamp,
    link: LinkType,
    bytes: Vec<u8>,
    wire_bytes: u32,
}

impl Stray {
    fn of(frame: &Frame<'_>) -> Self {
        Self {
            time: frame.time,
            link: frame.link,
            bytes: frame.bytes.to_vec(),
            wire_bytes: frame.wire_bytes,
        }
    }

    fn frame(&self) -> Frame<'_> {
        Frame {
            time: self.time,
            link: self.link,
            bytes: &self.bytes,
            wire_bytes: self.wire_bytes,
        }
    }
}

/// What a worker made of one round.
struct Made {
    events: Events,
    end: Round,
    is_last: bool,
    /// At the end of the run, and where the account is asked for.
    audit: Option<Audit>,
}

/// Puts the rounds of all workers together. A worker that hangs up before its last round has died.
fn merge(outlets: &[Receiver<Made>], mut stage: Stage<'_>) -> Result<(Found, Audit), RunError> {
    let mut events = Events::default();
    loop {
        let (mut end, mut is_last) = (Round::default(), false);
        let mut audit: Option<Audit> = None;
        for outlet in outlets {
            let made = outlet.recv().map_err(|_| RunError::WorkerDied)?;
            events.append(made.events);
            end = made.end.and(end.missed);
            is_last = made.is_last;
            audit = match (audit, made.audit) {
                (Some(audit), Some(more)) => Some(audit.and(&more)),
                (_, audit) => audit,
            };
        }
        stage.take(&mut events, end);
        match audit {
            Some(audit) if is_last => return Ok((stage.finish(end.now), audit)),
            Some(audit) => stage.audit(audit),
            None => {}
        }
    }
}

/// An upper bound of the bytes of memory that is under way between the threads of this many rings.
pub fn memory_bound(rings: usize) -> usize {
    let followers = rings.saturating_sub(1);
    let batches = followers * (QUEUED + 2) * Batch::bound(ROUND_STEPS * AT_ONCE);
    batches + followers.min(1) * STRAYS * LONGEST_FRAME
}

const LOST: decode::Outcome<'static> = decode::Outcome::Dropped(decode::Drop::Stray);

/// Rounds that the leader may be ahead of a follower. A ring where little comes gives a frame up to a tenth of a second late, and for so
/// long the leader must not wait.
const QUEUED: usize = 32;

/// Steps of the leader that end a round early.
const ROUND_STEPS: usize = 128;

/// Frames that may wait for the leader.
const STRAYS: usize = 256;

/// What the snaplen allows.
const LONGEST_FRAME: usize = 262_144;
