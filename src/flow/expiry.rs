//! When flows are forgotten: a lazy wheel of one-second slots, turned by packet time.
//!
//! Nothing is done per packet. A flow stands in the slot of its deadline as it was when it was put there; when the slot
//! comes up the caller looks at the deadline again and puts the flow back if it has moved.

use super::rings::Rings;
use crate::time::Timestamp;

/// The slots of one shard.
#[derive(Debug)]
pub struct Wheel {
    slots: Rings,
    /// One bit for each slot that a flow was put into since it was found empty.
    taken: [u64; WORDS],
    /// No flow stands in the slot of an earlier second.
    current: i64,
    /// When the next slot may come up.
    next: Timestamp,
}

/// What a turn of the wheel brings up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The place of the flow.
    pub node: u32,
    /// The beginning of the slot: at or after the deadline that the flow had when it was put there.
    pub moment: Timestamp,
}

impl Wheel {
    /// An empty wheel.
    pub fn new() -> Self {
        Self {
            slots: Rings::new(SLOTS),
            taken: [0; WORDS],
            current: i64::MIN,
            next: Timestamp::MAX,
        }
    }

    /// Puts a flow into the slot of its deadline, or into the last slot there is; takes it out of any other. All that was
    /// due before `now` must have been brought up.
    pub fn schedule(&mut self, node: u32, deadline: Timestamp, now: Timestamp) {
        self.current = self.current.max(now.seconds());
        let last = self.current.saturating_add(i64::from(SLOTS) - 1);
        let second = deadline.second_after().clamp(self.current, last);
        let slot = slot_of(second);
        self.slots.push(slot, node);
        if let Some(word) = self.taken.get_mut(slot as usize / 64) {
            *word |= 1 << (slot % 64);
        }
        self.next = self.next.min(Timestamp::from_parts(second, 0));
    }

    /// Takes a flow out.
    pub fn cancel(&mut self, node: u32) {
        self.slots.remove(node);
    }

    /// Whether no slot has come up by `now`.
    #[inline]
    pub fn is_early(&self, now: Timestamp) -> bool {
        now < self.next
    }

    /// Brings up the next flow whose slot begins no later than `now`, and takes it out.
    #[inline]
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Due> {
        if self.is_early(now) {
            return None;
        }
        self.turn(now)
    }

    fn turn(&mut self, now: Timestamp) -> Option<Due> {
        let mut first = self.first_taken();
        while let Some(second) = first.filter(|&second| second <= now.seconds()) {
            self.current = second;
            if let Some(node) = self.slots.first(slot_of(second)) {
                self.slots.remove(node);
                let moment = Timestamp::from_parts(second, 0);
                return Some(Due { node, moment });
            }
            self.clear(slot_of(second));
            first = self.first_taken();
        }
        self.next = first.map_or(Timestamp::MAX, |second| Timestamp::from_parts(second, 0));
        None
    }

    /// The second of the first slot that may hold a flow.
    fn first_taken(&self) -> Option<i64> {
        let begins = slot_of(self.current);
        let (word, bit) = (begins / 64, begins % 64);
        let ahead = self.taken.get(word as usize)? & (u64::MAX << bit);
        let slot = match ahead {
            0 => self.first_behind(word)?,
            _ => word * 64 + ahead.trailing_zeros(),
        };
        Some(self.current + i64::from((slot + SLOTS - begins) % SLOTS))
    }

    /// The first slot taken in the words behind one, around to that word itself.
    fn first_behind(&self, word: u32) -> Option<u32> {
        let (before, behind) = self.taken.split_at_checked(word as usize + 1)?;
        let mut words = (word + 1..).zip(behind).chain((0..).zip(before));
        let (word, taken) = words.find(|(_, taken)| **taken != 0)?;
        Some(word * 64 + taken.trailing_zeros())
    }

    fn clear(&mut self, slot: u32) {
        if let Some(word) = self.taken.get_mut(slot as usize / 64) {
            *word &= !(1 << (slot % 64));
        }
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
        wheel.schedule(1, at(60, 0), at(10, 0));
        assert_eq!(drain(&mut wheel, at(12, 0)), []);
        wheel.schedule(2, at(13, 0), at(12, 0));
        assert_eq!(drain(&mut wheel, at(70, 0)), [(2, 13), (1, 60)]);
    }

    #[test]
    fn flows_come_up_in_order_and_not_before_their_second() {
        let mut wheel = Wheel::new();
        wheel.schedule(0, at(100, 0), at(90, 0));
        wheel.schedule(1, at(102, 1), at(90, 0));
        wheel.schedule(2, at(101, 0), at(90, 0));
        assert_eq!(drain(&mut wheel, at(102, 999)), [(0, 100), (2, 101)]);
        assert_eq!(drain(&mut wheel, at(103, 0)), [(1, 103)]);
    }

    #[test]
    fn how_often_time_is_told_changes_nothing() {
        let deadlines = [5, 900, 3_000, 7, 5, 1_024, 1_025, 2_048];
        let run = |step: i64| {
            let mut wheel = Wheel::new();
            wheel.schedule(99, at(0, 0), at(0, 0));
            (0..8).for_each(|n| wheel.schedule(n as u32, at(deadlines[n], 0), at(0, 0)));
            let mut seen = Vec::new();
            for now in (0..=4_000).step_by(step as usize) {
                while let Some(due) = wheel.pop_due(at(now, 0)) {
                    match deadlines.get(due.node as usize) {
                        Some(&d) if d > due.moment.seconds() => {
                            wheel.schedule(due.node, at(d, 0), due.moment);
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
        wheel.schedule(0, at(130, 0), at(100, 0));
        wheel.schedule(1, at(110, 0), at(100, 0));
        assert_eq!(drain(&mut wheel, at(140, 0)), [(1, 110), (0, 130)]);
    }

    #[test]
    fn a_leap_of_centuries_ends_at_once() {
        let mut wheel = Wheel::new();
        wheel.schedule(0, Timestamp::MIN, Timestamp::MIN);
        assert_eq!(drain(&mut wheel, Timestamp::MAX).len(), 1);
        wheel.schedule(1, Timestamp::MAX, Timestamp::MAX);
        assert_eq!(wheel.pop_due(at(0, 0)), None);
    }

    /// Every slot in turn, also where the words of the wheel wrap around.
    #[test]
    fn the_first_slot_taken_is_found_wherever_it_is() {
        for begins in [0, 1, 63, 64, 1_000, 1_023, 1_024, 5_000] {
            for ahead in [0, 1, 62, 63, 64, 65, 500, 1_022, 1_023] {
                let mut wheel = Wheel::new();
                wheel.schedule(7, at(begins + ahead, 0), at(begins, 0));
                assert_eq!(
                    wheel.first_taken(),
                    Some(begins + ahead),
                    "{begins} {ahead}"
                );
            }
        }
    }
}
