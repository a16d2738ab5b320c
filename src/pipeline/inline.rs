//! The whole pipeline in the calling thread.

use super::front::{AT_ONCE, Front, Step, meet};
use super::{BATCH_FRAMES, Found, Run, RunError, Stage, shards_of};
use crate::shard::{Events, Route, SHARDS, Shard, ShardCounts};
use crate::source::Source;
use crate::time::Timestamp;

pub(super) fn run<S: Source>(
    front: &mut Front<'_, S>,
    mut stage: Stage<'_>,
    run: Run<'_>,
) -> Result<(Found, ShardCounts), RunError> {
    let mut shards = Shards::new(&run);
    loop {
        let step = shards.batch(front)?;
        let round = front.advance();
        shards.advance(round.now);
        stage.take(&mut shards.events, round);
        if round.audit {
            stage.audit(front.audit(shards.counts()));
        }
        (run.progress)(front.progress());
        if step == Step::Over {
            let counts = shards.finish(round.now);
            stage.take(&mut shards.events, round);
            return Ok((stage.finish(round.now), counts));
        }
    }
}

/// All shards, in order of their number.
struct Shards {
    shards: Vec<Shard>,
    events: Events,
}

impl Shards {
    fn new(run: &Run<'_>) -> Self {
        Self {
            shards: (0..SHARDS).map(shards_of(run)).collect(),
            events: Events::default(),
        }
    }

    fn batch<S: Source>(&mut self, front: &mut Front<'_, S>) -> Result<Step, RunError> {
        let Self { shards, events } = self;
        let number = |route: &Route| Some(usize::from(route.shard));
        for _ in 0..BATCH_FRAMES / AT_ONCE {
            let step = front.next(|sightings| meet(sightings, shards, number, events))?;
            if step != Step::More {
                return Ok(step);
            }
        }
        Ok(Step::More)
    }

    fn advance(&mut self, now: Timestamp) {
        for shard in &mut self.shards {
            shard.advance(now, &mut self.events);
        }
    }

    fn finish(&mut self, now: Timestamp) -> ShardCounts {
        for shard in &mut self.shards {
            shard.finish(now, &mut self.events);
        }
        self.counts()
    }

    fn counts(&self) -> ShardCounts {
        let mut counts = ShardCounts::default();
        for shard in &self.shards {
            counts.add(shard.counts());
        }
        counts
    }
}
