//! How connections open, and whether a new way is more than chance.

use serde::{Deserialize, Serialize};

use super::few::{Few, Merge};
use super::host::Sessions;
use crate::facts::opening::Opening;

/// How connections open, and how many so. There is room for every way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Openings(Few<Opening, Sessions, { Opening::KINDS }>);

impl Openings {
    /// Adds one that opened so.
    pub fn add(&mut self, opening: Opening) {
        self.0.add(opening, Sessions::ONE);
    }

    /// Whether one opened so.
    pub fn has(&self, opening: Opening) -> bool {
        self.0.get(&opening).is_some()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of `now` that open in a way in which none of these did.
    #[must_use]
    pub fn unheard(&self, now: &Self) -> Self {
        let mut unheard = Self::default();
        for (opening, count) in now.0.iter().filter(|(opening, _)| !self.has(*opening)) {
            unheard.0.add(*opening, *count);
        }
        unheard
    }

    /// How many open in a way in which another's do, too.
    pub fn common(&self, other: &Self) -> u64 {
        let common = self.0.iter().filter(|(opening, _)| other.has(*opening));
        common.map(|(_, count)| u64::from(*count)).sum()
    }

    /// So many of them, as a share of all.
    pub fn share(&self, part: u64) -> f64 {
        precise(part) / precise(self.count().max(1))
    }

    /// The ways, and how many so, the commonest first.
    pub fn ranked(&self) -> Vec<(Opening, u64)> {
        let all = self.0.iter();
        let mut ranked: Vec<_> = all.map(|(one, count)| (*one, (*count).into())).collect();
        ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        ranked
    }

    /// Bytes of memory for its list, an upper bound.
    pub const BYTES: usize = 2 * Opening::KINDS * size_of::<(Opening, Sessions)>();
}

impl Merge for Openings {
    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

/// How unlikely it is by chance that at least `fresh` of `now` connections open in ways in which none of `learned` did: the
/// negative decimal logarithm of a probability. It is what Laplace's rule of succession comes to for more than one: if any
/// chance was as likely as any other before, these are the `fresh` lowest of all `learned + now + 1` draws. Connections of one
/// host come in runs, so that only a half of them counts.
pub fn level(learned: u64, fresh: u64, now: u64) -> f64 {
    let (learned, fresh, now) = (learned / 2, fresh / 2, now / 2);
    let all = learned.saturating_add(now).saturating_add(1);
    let drawn = (0..fresh.min(MOST)).map(|before| {
        let (of_all, of_now) = (all.saturating_sub(before), now.saturating_sub(before));
        precise(of_all.max(1)).log10() - precise(of_now.max(1)).log10()
    });
    drawn.sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2⁵³")]
fn precise(count: u64) -> f64 {
    count as f64
}

/// More than so many make it no surer.
const MOST: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::stack::Kind;

    fn openings(all: &[(Opening, u32)]) -> Openings {
        let mut openings = Openings::default();
        for (opening, count) in all {
            (0..*count).for_each(|_| openings.add(*opening));
        }
        openings
    }

    #[test]
    fn ways_that_were_never_seen_are_told_from_those_that_were() {
        let (tls, ssh) = (Opening::by(Kind::Tls), Opening::by(Kind::Ssh));
        let usual = openings(&[(tls, 90), (Opening::UNREAD, 1)]);
        let now = openings(&[
            (Opening::UNREAD, 5),
            (ssh, 3),
            (tls, 9),
            (Opening::RANDOM, 4),
        ]);
        let unheard = usual.unheard(&now);
        assert_eq!(unheard.ranked(), [(Opening::RANDOM, 4), (ssh, 3)]);
        assert_eq!((unheard.count(), now.count(), usual.count()), (7, 21, 91));
        let other = openings(&[(ssh, 8), (tls, 2)]);
        assert_eq!((unheard.common(&other), other.common(&unheard)), (3, 8));
        assert!(now.unheard(&usual).is_empty());
    }

    #[test]
    fn one_more_is_laplaces_rule_and_more_are_the_lowest_of_all_draws() {
        let close = |level: f64, chance: f64| (level + chance.log10()).abs() < 1e-9;
        assert!(close(level(200, 2, 2), 1.0 / 102.0));
        assert!(close(level(200, 4, 4), 2.0 / (103.0 * 102.0)));
        assert!(close(level(200, 0, 60), 1.0));
        assert!(close(level(0, 2, 2), 0.5));
    }

    #[test]
    fn it_takes_a_dozen_where_hundreds_were_learned() {
        let cases = [
            (300, 15, 15, true),
            (300, 10, 10, false),
            (300, 15, 200, false),
            (300, 60, 120, true),
            (30, 15, 15, false),
            (100_000, 10, 10, true),
        ];
        for (learned, fresh, now, is_sure) in cases {
            let level = level(learned, fresh, now);
            assert_eq!(level >= 9.0, is_sure, "{learned} {fresh} {now}: {level}");
        }
    }
}
