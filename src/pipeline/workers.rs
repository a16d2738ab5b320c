//! The pipeline with worker threads: each owns the shards whose numbers fall to it.
//!
//! The reader sends one batch to every worker in each round, empty or not, so that time reaches all shards. The
//! ordered stage, in a thread of its own, waits for the round's events of every worker before it goes on.

use std::thread;

use arrayvec::ArrayVec;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::front::{AT_ONCE, Front, Round, Sighting, Step};
use super::{Audit, Found, Run, RunError, Stage, shards_of};
use crate::decode::Segment;
use crate::shard::{Events, Moment, Place, Route, SHARDS, Shard, ShardCounts};
use crate::source::Source;
use crate::time::Timestamp;

pub(super) fn run<S: Source>(
    front: &mut Front<'_, S>,
    stage: Stage<'_>,
    mut run: Run<'_>,
) -> Result<(Found, ShardCounts), RunError> {
    let lane = shards_of(&run);
    pump(front, stage, &mut run, lane)
}

fn pump<S: Source, L: Lane>(
    front: &mut Front<'_, S>,
    stage: Stage<'_>,
    run: &mut Run<'_>,
    lane: impl Fn(u16) -> L,
) -> Result<(Found, ShardCounts), RunError> {
    let lanes = deal(run.workers, lane);
    thread::scope(|scope| {
        let (recycled, spare) = bounded(QUEUED * lanes.len());
        let (mut inlets, mut outlets, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for lanes in lanes {
            let (inlet, batches) = bounded(QUEUED);
            let (rounds, outlet) = bounded(QUEUED);
            let recycled = recycled.clone();
            threads.push(scope.spawn(move || work(lanes, &batches, &rounds, &recycled)));
            inlets.push(inlet);
            outlets.push(outlet);
        }
        let (audits, audited) = bounded(QUEUED + 2);
        let merging = scope.spawn(move || merge(&outlets, &audited, stage));
        let read = read(front, run, inlets, &spare, &audits);
        let merged = merging.join();
        let alive = threads.into_iter().map(|t| t.join()).all(|t| t.is_ok());
        read?;
        match merged {
            Ok(merged) if alive => merged,
            _ => Err(RunError::WorkerDied),
        }
    })
}

/// What a worker does with its shards' segments. A trait so that a test can put a worker in that dies.
pub(super) trait Lane: Send {
    fn segment(
        &mut self,
        moment: Moment,
        route: &Route,
        guess: Option<Place>,
        segment: &Segment<'_>,
        out: &mut Events,
    );
    fn place_of(&self, route: &Route) -> Option<Place>;
    fn advance(&mut self, now: Timestamp, out: &mut Events);
    fn finish(&mut self, now: Timestamp, out: &mut Events);
    fn counts(&self) -> ShardCounts;
}

impl Lane for Shard {
    fn segment(
        &mut self,
        moment: Moment,
        route: &Route,
        guess: Option<Place>,
        segment: &Segment<'_>,
        out: &mut Events,
    ) {
        Shard::segment(self, moment, route, guess, segment, out);
    }

    fn place_of(&self, route: &Route) -> Option<Place> {
        Shard::place_of(self, route)
    }

    fn advance(&mut self, now: Timestamp, out: &mut Events) {
        Shard::advance(self, now, out);
    }

    fn finish(&mut self, now: Timestamp, out: &mut Events) {
        Shard::finish(self, now, out);
    }

    fn counts(&self) -> ShardCounts {
        Shard::counts(self)
    }
}

/// Deals the shards out to the workers in turn: worker `w` of `n` gets `w`, `w + n`, `w + 2n` …
pub(super) fn deal<L>(workers: usize, lane: impl Fn(u16) -> L) -> Vec<Vec<L>> {
    let workers = workers.clamp(1, usize::from(SHARDS));
    (0..workers)
        .map(|worker| {
            (0..SHARDS)
                .skip(worker)
                .step_by(workers)
                .map(&lane)
                .collect()
        })
        .collect()
}

/// Segments of one round for one worker, with their payloads in one buffer.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    segments: Vec<Packed>,
    pub(super) end: Round,
    /// The round ends the run.
    pub(super) last: bool,
}

struct Packed {
    /// Which of the worker's shards.
    lane: usize,
    moment: Moment,
    route: Route,
    /// The segment without its payload.
    segment: Segment<'static>,
    payload: std::ops::Range<usize>,
}

impl Batch {
    pub(super) fn push(&mut self, lane: usize, sighting: &Sighting<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(sighting.segment.payload);
        self.segments.push(Packed {
            lane,
            moment: sighting.moment,
            route: sighting.route,
            segment: sighting.segment.without_payload(),
            payload: start..self.bytes.len(),
        });
    }

    /// An upper bound of the bytes of memory that one with this many segments holds.
    pub(super) const fn bound(segments: usize) -> usize {
        2 * BATCH_BYTES + segments * size_of::<Packed>()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.segments.clear();
    }

    /// Its segments, in the order in which they were pushed.
    pub(super) fn sightings(&self) -> impl Iterator<Item = Sighting<'_>> {
        self.segments.iter().map(|packed| Sighting {
            moment: packed.moment,
            route: packed.route,
            segment: Segment {
                payload: self.bytes.get(packed.payload.clone()).unwrap_or_default(),
                ..packed.segment
            },
        })
    }
}

/// What a worker made of one round.
struct Made {
    events: Events,
    end: Round,
    /// The round ends the run.
    last: bool,
    /// At the end of the run, and where the account is asked for: what its shards counted.
    counts: Option<ShardCounts>,
}

fn read<S: Source>(
    front: &mut Front<'_, S>,
    run: &mut Run<'_>,
    inlets: Vec<Sender<Batch>>,
    spare: &Receiver<Batch>,
    audits: &Sender<Audit>,
) -> Result<(), RunError> {
    let mut last = false;
    while !last {
        let mut round: Vec<Batch> = inlets
            .iter()
            .map(|_| spare.try_recv().unwrap_or_default())
            .collect();
        for _ in 0..ROUND_FRAMES / AT_ONCE {
            let step = front.next(|sightings| hand_out(&mut round, sightings))?;
            last = step == Step::Over;
            if step != Step::More || round.iter().any(Batch::is_full) {
                break;
            }
        }
        let mut end = front.advance();
        // Where the account was asked for more often than it can be told, it is told less often.
        end.audit = end.audit && audits.try_send(front.audit(ShardCounts::default())).is_ok();
        for (mut batch, inlet) in round.into_iter().zip(&inlets) {
            batch.end = end;
            batch.last = last;
            inlet.send(batch).map_err(|_| RunError::WorkerDied)?;
        }
        (run.progress)(front.progress());
    }
    Ok(())
}

fn hand_out(round: &mut [Batch], sightings: &[Sighting<'_>]) {
    let workers = round.len().max(1);
    for sighting in sightings {
        let shard = usize::from(sighting.route.shard);
        if let Some(batch) = round.get_mut(shard % workers) {
            batch.push(shard / workers, sighting);
        }
    }
}

fn work<L: Lane>(
    mut lanes: Vec<L>,
    batches: &Receiver<Batch>,
    rounds: &Sender<Made>,
    recycled: &Sender<Batch>,
) {
    for mut batch in batches {
        let mut events = Events::default();
        for segments in batch.segments.chunks(AT_ONCE) {
            take(&mut lanes, segments, &batch.bytes, &mut events);
        }
        for lane in &mut lanes {
            lane.advance(batch.end.now, &mut events);
        }
        let (end, last) = (batch.end, batch.last);
        if last {
            lanes
                .iter_mut()
                .for_each(|lane| lane.finish(end.now, &mut events));
        }
        let counts = (last || end.audit).then(|| counts_of(&lanes));
        batch.clear();
        let _ = recycled.try_send(batch);
        let made = Made {
            events,
            end,
            last,
            counts,
        };
        if rounds.send(made).is_err() {
            return;
        }
    }
}

/// Looks all flows up before it goes to the first of them.
fn take<L: Lane>(lanes: &mut [L], segments: &[Packed], bytes: &[u8], events: &mut Events) {
    let guess = |packed: &Packed| lanes.get(packed.lane)?.place_of(&packed.route);
    let guesses: ArrayVec<_, AT_ONCE> = segments.iter().map(guess).collect();
    for (packed, guess) in segments.iter().zip(guesses) {
        let segment = Segment {
            payload: bytes.get(packed.payload.clone()).unwrap_or_default(),
            ..packed.segment
        };
        if let Some(lane) = lanes.get_mut(packed.lane) {
            lane.segment(packed.moment, &packed.route, guess, &segment, events);
        }
    }
}

pub(super) fn counts_of<L: Lane>(lanes: &[L]) -> ShardCounts {
    let mut counts = ShardCounts::default();
    lanes.iter().for_each(|lane| counts.add(lane.counts()));
    counts
}

/// Puts the rounds of all workers together. A worker that hangs up before its last round has died.
fn merge(
    outlets: &[Receiver<Made>],
    audits: &Receiver<Audit>,
    mut stage: Stage<'_>,
) -> Result<(Found, ShardCounts), RunError> {
    let mut events = Events::default();
    loop {
        let (mut end, mut last) = (Round::default(), false);
        let mut counts = ShardCounts::default();
        for outlet in outlets {
            let made = outlet.recv().map_err(|_| RunError::WorkerDied)?;
            events.append(made.events);
            (end, last) = (made.end, made.last);
            made.counts.into_iter().for_each(|made| counts.add(made));
        }
        stage.take(&mut events, end);
        if end.audit
            && let Ok(mut audit) = audits.recv()
        {
            audit.account.shards = counts;
            stage.audit(audit);
        }
        if last {
            return Ok((stage.finish(end.now), counts));
        }
    }
}

/// An upper bound of the bytes of memory that the batches of this many workers hold.
pub fn memory_bound(workers: usize) -> usize {
    workers * (QUEUED + 2) * Batch::bound(ROUND_FRAMES)
}

/// Frames of a round: so many that it is worth waking every thread for it.
const ROUND_FRAMES: usize = 1_024;

/// Batches that may wait for one worker.
const QUEUED: usize = 8;

/// Payload bytes that end a round early.
const BATCH_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::source::samples::{PcapFile, Scratch};
    use crate::source::{Captures, Inputs};
    use std::sync::atomic::AtomicBool;

    /// Where a lane dies, if it does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Death {
        Segment,
        Advance,
        Finish,
    }

    /// A lane that counts its segments and dies where it is told to.
    struct Mortal {
        death: Option<Death>,
        segments: u64,
    }

    impl Mortal {
        fn meet(&self, place: Death) {
            assert!(
                self.death != Some(place),
                "a worker dies here, as it is told to"
            );
        }
    }

    impl Lane for Mortal {
        fn segment(
            &mut self,
            _: Moment,
            _: &Route,
            _: Option<Place>,
            _: &Segment<'_>,
            _: &mut Events,
        ) {
            self.meet(Death::Segment);
            self.segments += 1;
        }

        fn place_of(&self, _: &Route) -> Option<Place> {
            None
        }

        fn advance(&mut self, _: Timestamp, _: &mut Events) {
            self.meet(Death::Advance);
        }

        fn finish(&mut self, _: Timestamp, _: &mut Events) {
            self.meet(Death::Finish);
        }

        fn counts(&self) -> ShardCounts {
            ShardCounts {
                flows: self.segments,
                ..ShardCounts::default()
            }
        }
    }

    /// Datagrams between so many pairs of ports that every shard gets some, in more rounds than may be queued.
    const FRAMES: u64 = ROUND_FRAMES as u64 * 4 * QUEUED as u64;

    fn datagrams() -> Vec<u8> {
        let mut file = PcapFile::usual();
        for frame in 0..FRAMES {
            let port = (1_024 + frame % 4_096) as u16;
            let ends = [10, 0, 0, 1, 10, 0, 0, 2];
            let ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
            let udp = [port.to_be_bytes(), 53u16.to_be_bytes(), [0, 8], [0, 0]];
            let bytes = [&[0; 12][..], &[8, 0], &ip, &ends, udp.as_flattened()].concat();
            file = file.record(frame as u32, 0, &bytes, 42);
        }
        file.bytes
    }

    fn run(workers: usize, lane: impl Fn(u16) -> Mortal) -> Result<u64, RunError> {
        let scratch = Scratch::new(&format!("workers-{:?}", thread::current().name()));
        let capture = scratch.file("datagrams.pcap", &datagrams());
        let mut captures = Captures::open(Inputs::collect(&[capture]).unwrap()).unwrap();
        let config = Config::default();
        let stop = AtomicBool::new(false);
        let mut run = Run {
            config: &config,
            workers,
            watch: None,
            learn: false,
            stop: &stop,
            progress: &mut |_| {},
            follow: None,
        };
        let mut front = Front::new(&mut captures, &config, &stop);
        let stage = Stage::new(&config, false, None);
        let (_, counts) = pump(&mut front, stage, &mut run, lane)?;
        Ok(counts.flows)
    }

    fn immortal(_: u16) -> Mortal {
        Mortal {
            death: None,
            segments: 0,
        }
    }

    #[test]
    fn every_segment_reaches_a_lane() {
        for workers in [1, 3, 64, 200] {
            assert_eq!(run(workers, immortal).unwrap(), FRAMES, "{workers} workers");
        }
    }

    #[test]
    fn a_worker_that_dies_ends_the_run_with_an_error() {
        for death in [Death::Segment, Death::Advance, Death::Finish] {
            for (workers, mortal) in [(1, 0), (2, 0), (2, 1), (8, 5), (64, 63)] {
                let ended = run(workers, |number| Mortal {
                    death: (number == mortal).then_some(death),
                    segments: 0,
                });
                assert!(
                    matches!(ended, Err(RunError::WorkerDied)),
                    "{death:?}, {workers} workers"
                );
            }
        }
    }

    #[test]
    fn shards_are_dealt_out_in_turn_and_each_once() {
        for workers in [1, 2, 7, 64] {
            let hands = deal(workers, |number| number);
            assert_eq!(hands.len(), workers);
            for (worker, hand) in hands.iter().enumerate() {
                let numbers: Vec<u16> = (worker as u16..SHARDS).step_by(workers).collect();
                assert_eq!(*hand, numbers);
            }
        }
        assert_eq!(deal(0, |number| number).len(), 1);
        assert_eq!(deal(1_000, |number| number).len(), usize::from(SHARDS));
    }
}
