//! Where each nonce was seen lately: a ring of sightings, and for each nonce the way back through its own.

use hashbrown::HashTable;

use crate::facts::legs::Sighting;
use crate::time::{Span, Timestamp};

/// The sightings of the last [`WINDOW`], up to a cap; the oldest give way.
#[derive(Debug)]
pub struct Nonces {
    ring: Vec<Seen>,
    /// The newest sighting of each nonce, by its number.
    newest: HashTable<u64>,
    /// How many sightings there were.
    count: u64,
    cap: usize,
}

/// A nonce on a flow.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What was seen.
    pub sighting: Sighting,
    /// When.
    pub time: Timestamp,
    /// The number of the sighting of the same nonce before this one.
    before: Option<u64>,
}

impl Nonces {
    /// Nothing seen; at most `cap` sightings are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            ring: Vec::new(),
            newest: HashTable::new(),
            count: 0,
            cap: cap.max(1),
        }
    }

    /// Remembers a sighting. Gives the earlier ones of the same nonce on other flows, newest first; none where it is
    /// the same flow again.
    pub fn insert(&mut self, sighting: &Sighting, now: Timestamp) -> Vec<Seen> {
        let before = self.newest_of(sighting.hash);
        let earlier = self.trail(before, now);
        if earlier
            .iter()
            .any(|seen| seen.sighting.flow == sighting.flow)
        {
            return Vec::new();
        }
        self.remember(Seen {
            sighting: *sighting,
            time: now,
            before,
        });
        earlier
    }

    fn newest_of(&self, hash: u64) -> Option<u64> {
        let same = |&number: &u64| self.hash_of(number) == Some(hash);
        self.newest.find(hash, same).copied()
    }

    fn hash_of(&self, number: u64) -> Option<u64> {
        self.get(number).map(|seen| seen.sighting.hash)
    }

    fn get(&self, number: u64) -> Option<&Seen> {
        let forgotten = number + (self.ring.len() as u64) < self.count;
        (!forgotten).then(|| self.ring.get(self.slot(number)))?
    }

    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a usize")]
    fn slot(&self, number: u64) -> usize {
        (number % self.cap as u64) as usize
    }

    fn trail(&self, from: Option<u64>, now: Timestamp) -> Vec<Seen> {
        let next = |seen: &&Seen| seen.before.and_then(|number| self.get(number));
        let trail = std::iter::successors(from.and_then(|number| self.get(number)), next);
        let recent = trail.take_while(|seen| now - seen.time <= WINDOW);
        recent.take(FOLLOWED).copied().collect()
    }

    fn remember(&mut self, seen: Seen) {
        let (number, hash) = (self.count, seen.sighting.hash);
        self.forget_for(number);
        if let Some(newest) = seen.before
            && let Ok(entry) = self.newest.find_entry(hash, |&other| other == newest)
        {
            entry.remove();
        }
        let slot = self.slot(number);
        match self.ring.get_mut(slot) {
            Some(place) => *place = seen,
            None => self.ring.push(seen),
        }
        self.count += 1;
        let Self {
            ring, newest, cap, ..
        } = self;
        newest.insert_unique(hash, number, |&number| {
            let slot = usize::try_from(number % *cap as u64).unwrap_or(0);
            ring.get(slot).map_or(0, |seen| seen.sighting.hash)
        });
    }

    /// Forgets the sighting whose slot a new one takes.
    fn forget_for(&mut self, number: u64) {
        let Some(oldest) = number.checked_sub(self.cap as u64) else {
            return;
        };
        let Some(hash) = self.hash_of(oldest) else {
            return;
        };
        if let Ok(entry) = self.newest.find_entry(hash, |&other| other == oldest) {
            entry.remove();
        }
    }

    /// How long a nonce is remembered: relays pass on within seconds.
    pub const WINDOW: Span = WINDOW;

    /// Bytes of memory for one sighting, an upper bound.
    pub const ENTRY_BYTES: usize = 2 * size_of::<Seen>() + 3 * size_of::<u64>();
}

const WINDOW: Span = Span::from_seconds(10);
/// Sightings of one nonce that are followed back: more legs of one chain than were ever seen.
const FOLLOWED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::FlowId;
    use crate::proto::Side;
    use crate::proto::nonce::Kind;

    fn sighting(flow: u64, hash: u64) -> Sighting {
        Sighting {
            flow: FlowId(flow),
            from: Side::Client,
            kind: Kind::Handshake,
            hash,
            offset: 0,
            is_framed: false,
            sequence: None,
        }
    }

    fn earlier(nonces: &mut Nonces, flow: u64, hash: u64, seconds: i64) -> Vec<u64> {
        let now = Timestamp::from_parts(seconds, 0);
        let earlier = nonces.insert(&sighting(flow, hash), now);
        earlier.iter().map(|seen| seen.sighting.flow.0).collect()
    }

    #[test]
    fn a_nonce_leads_back_to_the_other_flows_that_carried_it() {
        let mut nonces = Nonces::new(8);
        assert_eq!(earlier(&mut nonces, 1, 7, 0), [0u64; 0]);
        assert_eq!(earlier(&mut nonces, 2, 8, 0), [0u64; 0]);
        assert_eq!(earlier(&mut nonces, 3, 7, 1), [1]);
        assert_eq!(
            earlier(&mut nonces, 3, 7, 2),
            [0u64; 0],
            "the same flow again"
        );
        assert_eq!(earlier(&mut nonces, 4, 7, 10), [3, 1]);
        assert_eq!(earlier(&mut nonces, 5, 7, 12), [4], "after the window");
    }

    #[test]
    fn the_oldest_sighting_gives_way() {
        let mut nonces = Nonces::new(2);
        for (flow, hash, expected) in [
            (1, 7, &[][..]),
            (2, 8, &[]),
            (3, 9, &[]),
            (4, 7, &[]),
            (5, 9, &[3]),
            (6, 9, &[5]),
            (7, 8, &[]),
        ] {
            assert_eq!(earlier(&mut nonces, flow, hash, 0), expected, "{flow}");
            assert!(nonces.ring.len() <= 2 && nonces.newest.len() <= 2);
        }
    }

    /// Whatever the numbers, it answers as a plain list would.
    #[test]
    fn agrees_with_a_list() {
        let (mut nonces, mut list) = (Nonces::new(5), Vec::new());
        let mut state = 1u64;
        for flow in 0..5_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let hash = state >> 61;
            let known = list.iter().rev().take(5);
            let same = known.filter(|(_, other)| *other == hash);
            let expected: Vec<u64> = same.map(|(flow, _)| *flow).collect();
            assert_eq!(earlier(&mut nonces, flow, hash, 0), expected);
            list.push((flow, hash));
        }
    }
}
