//! The ages at which a flow that is still open is told of.

use super::Flow;
use crate::time::{Span, Timestamp};

/// Ages, the smallest first; at most [`Schedule::MOST`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    ages: [Span; Self::MOST],
}

impl Schedule {
    /// How many ages there may be.
    pub const MOST: usize = 12;

    /// No flow is ever told of.
    pub const NEVER: Self = Self {
        ages: [FOREVER; Self::MOST],
    };

    /// The smallest of these ages, in order.
    pub fn new(ages: impl IntoIterator<Item = Span>) -> Self {
        let mut sorted: Vec<Span> = ages.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut schedule = Self::NEVER;
        for (slot, age) in schedule.ages.iter_mut().zip(sorted) {
            *slot = age;
        }
        schedule
    }

    /// How many of the ages a flow has reached by its newest segment.
    fn reached(&self, flow: &Flow) -> u8 {
        let age = flow.last_seen - flow.opened;
        let reached = self.ages.iter().take_while(|&&step| step <= age);
        u8::try_from(reached.count()).unwrap_or(u8::MAX)
    }

    /// Takes a flow to the highest age that it has reached. Says whether it was told of before; `None` where it has
    /// reached no further one.
    pub fn advance(&self, flow: &mut Flow) -> Option<bool> {
        let reached = self.reached(flow);
        let before = std::mem::replace(&mut flow.ages_told, reached);
        (reached > before).then_some(before > 0)
    }

    /// The highest of the ages that a flow was told of.
    pub fn told(&self, flow: &Flow) -> Option<Span> {
        let newest = usize::from(flow.ages_told).checked_sub(1)?;
        self.ages.get(newest).copied()
    }

    /// When a flow is to be looked at next: when it comes to its next age, or a while after `now` where it has been
    /// silent since before that: the longer it was, the later.
    pub fn looks_at(&self, flow: &Flow, now: Timestamp) -> Option<Timestamp> {
        let age = self.ages.get(usize::from(flow.ages_told));
        let age = age.copied().filter(|&age| age != FOREVER)?;
        let mark = flow.opened + age;
        let silence = (now - flow.last_seen).clamp(SOON, LATER);
        Some(if mark > now { mark } else { now + silence })
    }
}

const FOREVER: Span = Span::from_seconds(i64::MAX);

/// A flow that was silent at its mark is looked at again after as long a silence, within these bounds.
const SOON: Span = Span::from_seconds(1);
const LATER: Span = Span::from_seconds(300);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::samples::tcp;
    use crate::facts::FlowId;
    use crate::flow::key::FlowKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(second, 0)
    }

    /// A flow that was opened at 0 and was last seen then.
    fn flow(last_seen: i64, told: u8) -> Flow {
        let segment = tcp("10.0.0.1:4000", "10.0.0.2:80", 16, 1, b"");
        let (key, sender) = FlowKey::of(&segment);
        let mut flow = Flow::open(FlowId(1), key, sender, &segment, at(0));
        flow.last_seen = at(last_seen);
        flow.ages_told = told;
        flow
    }

    #[test]
    fn a_flow_is_told_of_at_each_age_by_its_newest_segment() {
        let schedule = Schedule::new([60, 10, 10].map(Span::from_seconds));
        for (last_seen, reached) in [(0, 0), (9, 0), (10, 1), (59, 1), (60, 2), (900, 2)] {
            assert_eq!(
                schedule.reached(&flow(last_seen, 0)),
                reached,
                "{last_seen}"
            );
        }
        for (told, age) in [(0, None), (1, Some(10)), (2, Some(60)), (3, None)] {
            let expected = age.map(Span::from_seconds);
            let shown = schedule.told(&flow(0, told)).filter(|&age| age != FOREVER);
            assert_eq!(shown, expected, "{told}");
        }
    }

    #[test]
    fn a_flow_is_looked_at_when_it_comes_of_age() {
        let schedule = Schedule::new([10, 600].map(Span::from_seconds));
        for (told, now, next) in [
            (0, 3, Some(10)),
            (0, 10, Some(20)),
            (0, 500, Some(800)),
            (1, 10, Some(600)),
            (2, 600, None),
        ] {
            let looks_at = schedule.looks_at(&flow(0, told), at(now));
            assert_eq!(looks_at, next.map(at), "{told} {now}");
        }
        assert_eq!(Schedule::NEVER.looks_at(&flow(0, 0), at(3)), None);
    }
}
