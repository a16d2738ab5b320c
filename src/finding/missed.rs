//! When frames were lost before anybody could look at them.

use std::collections::VecDeque;

use crate::time::{Span, Timestamp};

/// Stretches of time with loss, in order. Where there are too many, the oldest are taken together, so that no loss is
/// ever denied.
#[derive(Debug, Default)]
pub(super) struct Losses {
    stretches: VecDeque<(Timestamp, Timestamp)>,
}

impl Losses {
    /// Adds a stretch, which begins no earlier than the last one.
    pub(super) fn add(&mut self, from: Timestamp, to: Timestamp) {
        match self.stretches.back_mut() {
            Some((_, end)) if from <= *end + NEAR => *end = (*end).max(to),
            _ => self.stretches.push_back((from, to)),
        }
        if self.stretches.len() > MOST
            && let Some((from, _)) = self.stretches.pop_front()
            && let Some((next, _)) = self.stretches.front_mut()
        {
            *next = from;
        }
    }

    /// Whether there was loss between two moments.
    pub(super) fn touch(&self, from: Timestamp, to: Timestamp) -> bool {
        let newest = self.stretches.iter().rev();
        newest
            .take_while(|(_, end)| *end >= from)
            .any(|(start, _)| *start <= to)
    }
}

/// Stretches that are nearer than this are one.
const NEAR: Span = Span::from_seconds(1);

const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn losses(stretches: &[(i64, i64)]) -> Losses {
        let mut losses = Losses::default();
        for (from, to) in stretches {
            losses.add(at(*from), at(*to));
        }
        losses
    }

    #[test]
    fn loss_is_found_where_it_was() {
        let losses = losses(&[(10, 11), (12, 13), (20, 21)]);
        assert_eq!(losses.stretches.len(), 2);
        let cases = [
            ((0, 9), false),
            ((0, 10), true),
            ((13, 19), true),
            ((14, 19), false),
            ((12, 12), true),
            ((0, 99), true),
            ((21, 99), true),
            ((22, 99), false),
        ];
        for ((from, to), expected) in cases {
            assert_eq!(losses.touch(at(from), at(to)), expected, "{from} to {to}");
        }
    }

    #[test]
    fn many_losses_are_never_denied() {
        let stretches: Vec<_> = (0..1_000).map(|n| (10 * n, 10 * n + 1)).collect();
        let losses = losses(&stretches);
        assert_eq!(losses.stretches.len(), MOST);
        for (from, to) in stretches {
            assert!(losses.touch(at(from), at(to)));
        }
        assert!(!losses.touch(at(9_995), at(9_999)));
    }
}
