//! How many findings may be told, so that nobody drowns in them.

use crate::time::{Span, Timestamp};

/// A limit of lines a minute, by the time of packets. A minute's worth may come at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How long one line takes.
    each: Span,
    /// When all that was told has been paid for.
    paid: Timestamp,
}

impl Rate {
    /// So many lines a minute, at least one.
    pub fn new(per_minute: usize) -> Self {
        let lines = i64::try_from(per_minute.max(1)).unwrap_or(i64::MAX);
        Self {
            each: Span::from_nanos((MINUTE.nanos() / lines).max(1)),
            paid: Timestamp::MIN,
        }
    }

    /// How many lines may be told at `now`.
    pub fn allows(&self, now: Timestamp) -> usize {
        let credit = (now + MINUTE - self.paid).min(MINUTE);
        usize::try_from(credit.nanos() / self.each.nanos()).unwrap_or(0)
    }

    /// Notes that a line was told at `now`.
    pub fn spend(&mut self, now: Timestamp) {
        self.paid = self.paid.max(now) + self.each;
    }
}

const MINUTE: Span = Span::from_seconds(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_one_at_a_time() {
        let mut rate = Rate::new(6);
        assert_eq!(rate.allows(at(1_000)), 6);
        (0..6).for_each(|_| rate.spend(at(1_000)));
        let cases = [
            (1_000, 0),
            (1_009, 0),
            (1_010, 1),
            (1_025, 2),
            (1_060, 6),
            (9_999, 6),
        ];
        for (second, allowed) in cases {
            assert_eq!(rate.allows(at(second)), allowed, "second {second}");
        }
    }

    #[test]
    fn over_a_long_time_the_rate_holds() {
        for per_minute in [1, 7, 600, 1_000_000] {
            let mut rate = Rate::new(per_minute);
            let mut told = 0;
            for second in 0..600 {
                for _ in 0..rate.allows(at(second)) {
                    rate.spend(at(second));
                    told += 1;
                }
            }
            let most = 11 * per_minute;
            assert!(
                (most - per_minute / 20 - 1..=most).contains(&told),
                "{per_minute}: {told}"
            );
        }
    }
}
