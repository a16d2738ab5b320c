//! When flows are forgotten: a lazy wheel of one-second slots, turned by packet time.
//!
//! Nothing is done per packet. A flow stands in the slot of its deadline as it was when it was put there; when the slot
//! comes up the caller looks at the deadline again and puts the flow back if it has moved.

use super::rings::Rings;
use crate::time::Timestamp;

/// Deadlines of flows, in slots of one second.
#[derive(Debug)]
pub struct Wheel {
    slots: Rings,
    /// The slots that may hold a flow, a bit each.
    taken: [u64; WORDS],
    /// The next second to come up. `None` before time was told or anything scheduled.
    current: Option<i64>,
    /// The beginning of that second: before it, nothing is due.
    next: Timestamp,
    waiting: usize,
}

/// A flow whose slot has come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The flow's place in the table.
    pub node: u32,
    /// The moment of the slot.
    pub moment: Timestamp,
}

impl Wheel {
    /// An empty wheel.
    pub fn new() -> Self {
        Self {
            slots: Rings::new(SLOTS),
            taken: [0; WORDS],
            current: None,
            next: Timestamp::MIN,
            waiting: 0,
        }
    }

    /// Puts a flow that is not on the wheel into the slot of `deadline`: the first whole second at or after it.
    pub fn schedule(&mut self, node: u32, deadline: Timestamp) {
        self.waiting += 1;
        self.place(node, deadline);
    }

    /// Moves a flow that is on the wheel.
    pub fn reschedule(&mut self, node: u32, deadline: Timestamp) {
        self.place(node, deadline);
    }

    fn place(&mut self, node: u32, deadline: Timestamp) {
        let second = deadline.second_after();
        let current = *self.current.get_or_insert(second);
        let second = second.clamp(current, current.saturating_add(i64::from(SLOTS) - 1));
        let slot = slot_of(second);
        self.slots.push(slot, node);
        if let Some(word) = self.taken.get_mut(slot as usize / 64) {
            *word |= 1 << (slot % 64);
        }
    }

    /// Takes a flow off the wheel.
    pub fn cancel(&mut self, node: u32) {
        self.waiting = self.waiting.saturating_sub(1);
        self.slots.remove(node);
    }

    /// Whether nothing can be due yet at `now`.
    #[inline]
    pub fn is_early(&self, now: Timestamp) -> bool {
        now < self.next
    }

    /// The next flow whose slot lies at or before `now`, taken off the wheel. Slots come up in order of time.
    #[inline]
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Due> {
        if self.is_early(now) {
            return None;
        }
        self.turn(now)
    }

    fn turn(&mut self, now: Timestamp) -> Option<Due> {
        let now = now.seconds();
        let mut current = self.current.unwrap_or(now);
        while current <= now && self.waiting > 0 {
            let slot = slot_of(current);
            if let Some(node) = self.slots.first(slot) {
                self.current = Some(current);
                self.cancel(node);
                return Some(Due {
                    node,
                    moment: Timestamp::from_parts(current, 0),
                });
            }
            let pause = self.pass(slot);
            current = current.saturating_add(pause).min(now.saturating_add(1));
        }
        let current = current.max(now.saturating_add(1));
        self.current = Some(current);
        self.next = Timestamp::from_parts(current, 0);
        None
    }

    /// Passes an empty slot; gives how many seconds it is to the next that may hold a flow, or to the end of its word.
    fn pass(&mut self, slot: u32) -> i64 {
        let Some(word) = self.taken.get_mut(slot as usize / 64) else {
            return 1;
        };
        let bit = slot % 64;
        *word &= !(1 << bit);
        let behind = (*word >> bit).trailing_zeros();
        behind.min(64 - bit).into()
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

fn slot_of(second: i64) -> u32 {
    u32::try_from(second.rem_euclid(i64::from(SLOTS))).unwrap_or(0)
}

const SLOTS: u32 = 1024;
const WORDS: usize = SLOTS as usize / 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: u32) -> Timestamp {
        Timestamp::from_parts(seconds, nanos)
    }

    fn drain(wheel: &mut Wheel, now: Timestamp) -> Vec<(u32, i64)> {
        std::iter::from_fn(|| wheel.pop_due(now))
            .map(|due| (due.node, due.moment.seconds()))
            .collect()
    }

    #[test]
    fn empty_slots_are_passed_no_further_than_now() {
        let mut wheel = Wheel::new();
        assert_eq!(drain(&mut wheel, at(10, 0)), []);
        wheel.schedule(1, at(60, 0));
        assert_eq!(drain(&mut wheel, at(12, 0)), []);
        wheel.schedule(2, at(13, 0));
        assert_eq!(drain(&mut wheel, at(70, 0)), [(2, 13), (1, 60)]);
    }

    #[test]
    fn flows_come_up_in_order_and_not_before_their_second() {
        let mut wheel = Wheel::new();
        wheel.schedule(0, at(100, 0));
        wheel.schedule(1, at(102, 1));
        wheel.schedule(2, at(101, 0));
        assert_eq!(drain(&mut wheel, at(102, 999)), [(0, 100), (2, 101)]);
        assert_eq!(drain(&mut wheel, at(103, 0)), [(1, 103)]);
    }

    #[test]
    fn how_often_time_is_told_changes_nothing() {
        let deadlines = [5, 900, 3_000, 7, 5, 1_024, 1_025, 2_048];
        let run = |step: i64| {
            let mut wheel = Wheel::new();
            wheel.schedule(99, at(0, 0));
            (0..8).for_each(|n| wheel.schedule(n as u32, at(deadlines[n], 0)));
            let mut seen = Vec::new();
            for now in (0..=4_000).step_by(step as usize) {
                while let Some(due) = wheel.pop_due(at(now, 0)) {
                    match deadlines.get(due.node as usize) {
                        Some(&d) if d > due.moment.seconds() => {
                            wheel.schedule(due.node, at(d, 0));
                        }
                        _ => seen.push((due.node, due.moment)),
                    }
                }
            }
            seen
        };
        assert_eq!(run(1), run(4_000));
        assert_eq!(run(1), run(37).into_iter().collect::<Vec<_>>());
        assert_eq!(run(1).len(), 9);
    }

    #[test]
    fn a_later_flow_may_come_up_before_the_first_one() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.pop_due(at(100, 0)), None);
        wheel.schedule(0, at(130, 0));
        wheel.schedule(1, at(110, 0));
        assert_eq!(drain(&mut wheel, at(140, 0)), [(1, 110), (0, 130)]);
    }

    #[test]
    fn a_leap_of_centuries_ends_at_once() {
        let mut wheel = Wheel::new();
        wheel.schedule(0, Timestamp::MIN);
        assert_eq!(drain(&mut wheel, Timestamp::MAX).len(), 1);
        wheel.schedule(1, Timestamp::MAX);
        assert_eq!(wheel.pop_due(at(0, 0)), None);
    }
}
