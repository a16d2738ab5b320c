//! Which finding gives way when another needs its place.

use std::collections::BTreeSet;

use crate::evidence::Certainty;

/// Findings in the order in which they give way.
#[derive(Debug)]
pub(super) struct Order<K>(BTreeSet<(Rank, K)>);

/// What a finding stands for among the others: the least gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// A session of it is open, or there is something to tell of it.
    pub(super) matters: bool,
    /// How sure it is.
    pub(super) certainty: Certainty,
    /// When it was raised: which one of the run it is.
    pub(super) number: u64,
}

impl<K: Copy + Ord> Order<K> {
    pub(super) fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Puts a finding in its place, which may have been another one before.
    pub(super) fn put(&mut self, key: K, before: Option<Rank>, now: Rank) {
        if before != Some(now) {
            self.remove(key, before);
            self.0.insert((now, key));
        }
    }

    pub(super) fn remove(&mut self, key: K, rank: Option<Rank>) {
        if let Some(rank) = rank {
            self.0.remove(&(rank, key));
        }
    }

    /// The finding that can best be spared.
    pub(super) fn least(&self) -> Option<K> {
        self.0.first().map(|(_, key)| *key)
    }

    /// All findings, in the order they were raised.
    pub(super) fn raised(&self) -> Vec<K> {
        let mut all: Vec<&(Rank, K)> = self.0.iter().collect();
        all.sort_unstable_by_key(|(rank, _)| rank.number);
        all.into_iter().map(|(_, key)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Certainty::{Possible, Proven};

    fn rank(matters: bool, certainty: Certainty, number: u64) -> Rank {
        Rank {
            matters,
            certainty,
            number,
        }
    }

    #[test]
    fn what_is_over_goes_first_then_what_is_least_sure_then_the_oldest() {
        let mut order = Order::new();
        order.put('e', None, rank(true, Proven, 1));
        order.put('d', None, rank(true, Possible, 5));
        order.put('c', None, rank(true, Possible, 3));
        order.put('b', None, rank(false, Proven, 4));
        order.put('a', None, rank(false, Possible, 6));
        order.put('f', None, rank(false, Possible, 2));
        order.put('f', Some(rank(false, Possible, 2)), rank(true, Proven, 2));
        assert_eq!(order.raised(), ['e', 'f', 'c', 'b', 'd', 'a']);
        let mut went = Vec::new();
        let places = [
            rank(false, Possible, 6),
            rank(false, Proven, 4),
            rank(true, Possible, 3),
            rank(true, Possible, 5),
            rank(true, Proven, 1),
            rank(true, Proven, 2),
        ];
        for place in places {
            let least = order.least().unwrap();
            order.remove(least, Some(place));
            went.push(least);
        }
        assert_eq!(
            (went.iter().collect::<String>(), order.least()),
            ("abcdef".into(), None)
        );
    }
}
