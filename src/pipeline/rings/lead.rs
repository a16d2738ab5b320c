//! The worker of the first ring, which leads.

use crossbeam_channel::{Receiver, Sender};

use super::spread::Spread;
use super::{Elsewhere, Made, ROUND_STEPS, Stray, Worker};
use crate::pipeline::front::{Front, Round, Sighting, Step};
use crate::pipeline::workers::Batch;
use crate::pipeline::{Progress, RunError};
use crate::shard::Events;
use crate::source::{Ring, SourceError};
use crate::time::Span;

/// Reads the first ring, takes the flows of its own shards and hands the others on.
pub(super) struct Lead<'a, R> {
    pub(super) front: Front<'a, R, Spread>,
    pub(super) worker: Worker,
    pub(super) inlets: Vec<Sender<Batch>>,
    pub(super) spare: Receiver<Batch>,
    pub(super) strays: Receiver<Stray>,
    pub(super) rounds: Sender<Made>,
    /// What the followers have read.
    pub(super) elsewhere: &'a Elsewhere,
}

impl<R: Ring> Lead<'_, R> {
    /// Leads to the end, and says how far it is itself by then.
    pub(super) fn run(mut self, progress: &mut dyn FnMut(Progress)) -> Result<Progress, RunError> {
        loop {
            let spare = || self.spare.try_recv().unwrap_or_default();
            let mut round = Open {
                batches: self.inlets.iter().map(|_| spare()).collect(),
                events: Events::default(),
            };
            let is_last = self.fill(&mut round)?;
            self.end(round, is_last)?;
            progress(self.elsewhere.and(self.front.progress()));
            if is_last {
                return Ok(self.front.progress());
            }
        }
    }

    /// Reads for a round, and says whether it is the last.
    fn fill(&mut self, round: &mut Open) -> Result<bool, SourceError> {
        let until = self.front.clock() + ROUND;
        let Self {
            front,
            worker,
            strays,
            ..
        } = self;
        for _ in 0..ROUND_STEPS {
            for stray in strays.try_iter() {
                front.take(stray.frame(), |sightings| round.take(worker, sightings));
            }
            let step = front.next(|sightings| round.take(worker, sightings))?;
            if step != Step::More {
                return Ok(step == Step::Over);
            }
            if round.is_full() || front.clock() >= until {
                break;
            }
        }
        Ok(false)
    }

    /// Tells the followers first, so that they can begin.
    fn end(&mut self, mut round: Open, is_last: bool) -> Result<(), RunError> {
        let end = self.front.advance();
        for (mut batch, inlet) in round.batches.into_iter().zip(&self.inlets) {
            batch.end = Round {
                missed: None,
                ..end
            };
            batch.last = is_last;
            inlet.send(batch).map_err(|_| RunError::WorkerDied)?;
        }
        self.worker.advance(end.now, is_last, &mut round.events);
        let is_asked = is_last || end.audit;
        let made = Made {
            events: round.events,
            end,
            is_last,
            audit: is_asked.then(|| self.front.audit(self.worker.counts())),
        };
        self.rounds.send(made).map_err(|_| RunError::WorkerDied)
    }
}

/// A round that is being made.
struct Open {
    /// For each follower, what is handed on to it.
    batches: Vec<Batch>,
    events: Events,
}

impl Open {
    fn take(&mut self, worker: &mut Worker, sightings: &[Sighting<'_>]) {
        worker.take(sightings, &mut self.events);
        for sighting in sightings {
            let (ring, lane) = worker.spread.place_of(&sighting.route);
            let batch = ring
                .checked_sub(1)
                .and_then(|place| self.batches.get_mut(place));
            if let Some(batch) = batch {
                batch.push(lane, sighting);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.batches.iter().any(Batch::is_full)
    }
}

/// How much time a round covers where frames come all the time.
const ROUND: Span = Span::from_millis(5);
