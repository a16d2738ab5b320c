//! How many pairs were tried lately, any of which may fit by accident.

use crate::time::Timestamp;

/// The pairs that were tried on the day that goes on, and on the one before: what a chance is corrected for. A sensor that
/// runs for months tells as much as on its second day, and has as many accidents each day.
#[derive(Debug, Default)]
pub(super) struct Tries {
    day: i64,
    today: u64,
    before: u64,
}

impl Tries {
    /// Counts pairs that are tried now.
    pub(super) fn add(&mut self, tried: u64, now: Timestamp) {
        let day = now.seconds().div_euclid(DAY);
        if day > self.day {
            self.before = if day == self.day + 1 { self.today } else { 0 };
            (self.day, self.today) = (day, 0);
        }
        self.today = self.today.saturating_add(tried);
    }

    /// How many there were lately.
    pub(super) fn lately(&self) -> u64 {
        self.today.saturating_add(self.before)
    }
}

/// In seconds.
const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yesterday_counts_and_the_day_before_does_not() {
        let mut tries = Tries::default();
        let cases = [
            (3, 0, 3, "the first"),
            (1, 0, 4, "the same day"),
            (1, -1, 5, "late"),
            (2, 1, 7, "another day"),
            (1, 2, 3, "the day behind that"),
            (7, 9, 7, "long behind"),
        ];
        for (tried, day, lately, what) in cases {
            tries.add(tried, Timestamp::from_parts(day * DAY + 7, 0));
            assert_eq!(tries.lately(), lately, "{what}");
        }
    }
}
