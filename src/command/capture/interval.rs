//! What is done now and then while a capture goes on.

use std::time::{Duration, Instant};

/// Time between two times that something is done, by a clock that nobody sets: the clock of the packets stands still where the
/// machine's is set back.
#[derive(Debug)]
pub(super) struct Interval {
    length: Duration,
    done: Option<Instant>,
}

impl Interval {
    /// Nothing was done yet, so it is time.
    pub(super) fn new(length: Duration) -> Self {
        Self { length, done: None }
    }

    /// Whether it is time.
    pub(super) fn is_over(&self) -> bool {
        self.is_over_at(now())
    }

    /// Takes that it is done now.
    pub(super) fn begin(&mut self) {
        self.done = Some(now());
    }

    fn is_over_at(&self, now: Instant) -> bool {
        self.done
            .is_none_or(|done| now.saturating_duration_since(done) >= self.length)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "who waits for a sign of life waits by this clock; nothing that is found depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_at_first_and_when_the_interval_is_over() {
        let second = Duration::from_secs(1);
        let mut interval = Interval::new(second);
        assert!(interval.is_over());
        interval.begin();
        let begun = interval.done.unwrap();
        let cases = [
            (begun, false),
            (begun + second / 2, false),
            (begun + second, true),
            (begun + 100 * second, true),
        ];
        for (now, expected) in cases {
            assert_eq!(interval.is_over_at(now), expected, "{now:?}");
        }
    }
}
