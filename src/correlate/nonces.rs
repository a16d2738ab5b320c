//! Where each nonce was seen lately: a ring of sightings, and for each nonce the way back through its own.

use std::collections::VecDeque;

use hashbrown::HashTable;

use crate::decode::{Address, Endpoint};
use crate::evidence::Session;
use crate::facts::legs::Sighting;
use crate::proto::Side;
use crate::proto::nonce::Kind;
use crate::time::{Span, Timestamp};

/// The sightings of the last [`WINDOW`], up to a cap; the oldest give way.
#[derive(Debug)]
pub struct Nonces {
    ring: VecDeque<Seen>,
    /// The newest sighting of each nonce, by its number.
    newest: HashTable<u64>,
    /// How many sightings were forgotten: the number of the oldest in the ring.
    forgotten: u64,
    /// How many of them had to make room.
    displaced: u64,
    cap: usize,
}

/// A nonce on a flow.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What was seen.
    pub sighting: Sighting,
    /// Who opened the flow.
    pub client: Endpoint,
    /// Who was called.
    pub server: Endpoint,
    /// When.
    pub time: Timestamp,
    /// The number of the sighting of the same nonce before this one.
    before: Option<u64>,
}

/// What was seen of a nonce before, on other flows.
#[derive(Clone, Copy, Debug)]
pub struct Earlier {
    /// The newest sighting on a flow that meets this one at a host, or else the newest one.
    pub seen: Seen,
    /// Whether it meets.
    pub meets: bool,
}

impl Seen {
    /// A sighting at `time` on the flow of a session.
    pub fn new(sighting: Sighting, session: &Session, time: Timestamp) -> Self {
        Self {
            sighting,
            client: session.client,
            server: session.server,
            time,
            before: None,
        }
    }

    fn sender(&self) -> Address {
        match self.sighting.from {
            Side::Client => self.client.address,
            Side::Server => self.server.address,
        }
    }

    fn receiver(&self) -> Address {
        match self.sighting.from {
            Side::Client => self.server.address,
            Side::Server => self.client.address,
        }
    }

    /// Whether who receives on one flow sends on the other.
    fn meets(&self, other: &Self) -> bool {
        self.receiver() == other.sender() || other.receiver() == self.sender()
    }

    /// Whether both go to the same server: one flow whose sender's address was rewritten, or two clients that say the
    /// same.
    fn is_same_way(&self, other: &Self) -> bool {
        self.server == other.server
    }

    /// How many earlier sightings are worth a look: a text that many say is no nonce.
    fn followed(&self) -> usize {
        match self.sighting.kind {
            Kind::Text => FOLLOWED_TEXTS,
            Kind::Binary | Kind::Tls | Kind::Handshake => FOLLOWED,
        }
    }
}

impl Nonces {
    /// Nothing seen; at most `cap` sightings are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            ring: VecDeque::new(),
            newest: HashTable::new(),
            forgotten: 0,
            displaced: 0,
            cap: cap.max(1),
        }
    }

    /// Remembers a sighting. Gives the earlier one that tells most; none where it is the same flow again.
    pub fn insert(&mut self, mut seen: Seen) -> Option<Earlier> {
        while self.is_oldest_out_of(seen.time) {
            self.forget_oldest();
        }
        seen.before = self.newest_of(seen.sighting.hash);
        let mut earlier: Option<Earlier> = None;
        for other in self.trail(&seen).take(seen.followed()) {
            if other.sighting.flow == seen.sighting.flow {
                return None;
            }
            let meets = seen.meets(other);
            let tells_more = earlier.is_none_or(|known| meets && !known.meets);
            if tells_more && !seen.is_same_way(other) {
                earlier = Some(Earlier {
                    seen: *other,
                    meets,
                });
            }
        }
        self.remember(seen);
        earlier
    }

    fn is_oldest_out_of(&self, now: Timestamp) -> bool {
        let oldest = self.ring.front();
        oldest.is_some_and(|seen| now - seen.time > WINDOW)
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.ring.pop_front() else {
            return;
        };
        let number = self.forgotten;
        self.forgotten += 1;
        let hash = oldest.sighting.hash;
        if let Ok(entry) = self.newest.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
    }

    fn newest_of(&self, hash: u64) -> Option<u64> {
        let same = |&number: &u64| {
            let seen = self.get(number);
            seen.is_some_and(|seen| seen.sighting.hash == hash)
        };
        self.newest.find(hash, same).copied()
    }

    fn get(&self, number: u64) -> Option<&Seen> {
        let slot = number.checked_sub(self.forgotten)?;
        self.ring.get(usize::try_from(slot).ok()?)
    }

    /// The sightings of the same nonce that are remembered, newest first.
    fn trail(&self, seen: &Seen) -> impl Iterator<Item = &Seen> {
        let at = |number: Option<u64>| number.and_then(|number| self.get(number));
        std::iter::successors(at(seen.before), move |seen| at(seen.before))
    }

    fn remember(&mut self, seen: Seen) {
        if self.ring.len() >= self.cap {
            self.displaced += 1;
            self.forget_oldest();
        }
        let number = self.forgotten + self.ring.len() as u64;
        let (before, hash) = (seen.before, seen.sighting.hash);
        self.push(seen);
        let is_newest = |other: &u64| Some(*other) == before;
        if let Some(newest) = self.newest.find_mut(hash, is_newest) {
            *newest = number;
            return;
        }
        let Self {
            ring,
            newest,
            forgotten,
            ..
        } = self;
        newest.insert_unique(hash, number, |number| {
            let slot = usize::try_from(number - *forgotten).unwrap_or(usize::MAX);
            ring.get(slot).map_or(0, |seen| seen.sighting.hash)
        });
    }

    fn push(&mut self, seen: Seen) {
        if self.ring.len() == self.ring.capacity() {
            self.ring.reserve_exact(self.ring.len() / 8 + 16);
        }
        self.ring.push_back(seen);
    }

    /// How many sightings had to make room before their time was over.
    pub fn displaced(&self) -> u64 {
        self.displaced
    }

    /// How long a nonce is remembered: relays pass on within seconds.
    pub const WINDOW: Span = WINDOW;

    /// Bytes of memory for one sighting, an upper bound.
    pub const ENTRY_BYTES: usize = size_of::<Seen>() * 9 / 8 + 3 * size_of::<u64>();
}

const WINDOW: Span = Span::from_seconds(10);
/// Sightings of one nonce that are followed back: more legs of one chain than were ever seen.
const FOLLOWED: usize = 16;
/// The same for texts: the legs of one session speak within moments of each other.
const FOLLOWED_TEXTS: usize = 4;

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

    fn seen(flow: u64, hash: u64, kind: Kind, [client, server]: [u128; 2], seconds: i64) -> Seen {
        let end = |host| Endpoint {
            address: Address::from_bits(host),
            port: 1,
        };
        let sighting = Sighting {
            kind,
            ..sighting(flow, hash)
        };
        let time = Timestamp::from_parts(seconds, 0);
        Seen {
            sighting,
            client: end(client),
            server: end(server),
            time,
            before: None,
        }
    }

    /// The earlier flow that tells most of a nonce on a flow of its own hosts, and whether they meet.
    fn earlier(nonces: &mut Nonces, flow: u64, hash: u64, seconds: i64) -> Option<u64> {
        let hosts = [1_000 + u128::from(flow), 2_000 + u128::from(flow)];
        let earlier = nonces.insert(seen(flow, hash, Kind::Handshake, hosts, seconds))?;
        assert!(!earlier.meets);
        Some(earlier.seen.sighting.flow.0)
    }

    #[test]
    fn a_nonce_leads_back_to_the_flow_that_carried_it() {
        let mut nonces = Nonces::new(8);
        assert_eq!(earlier(&mut nonces, 1, 7, 0), None);
        assert_eq!(earlier(&mut nonces, 2, 8, 0), None);
        assert_eq!(earlier(&mut nonces, 3, 7, 1), Some(1));
        assert_eq!(earlier(&mut nonces, 3, 7, 2), None, "the same flow again");
        assert_eq!(earlier(&mut nonces, 4, 7, 10), Some(3));
        assert_eq!(earlier(&mut nonces, 5, 7, 30), None, "after the window");
    }

    #[test]
    fn the_flow_that_meets_tells_most_and_the_same_way_nothing() {
        let mut nonces = Nonces::new(8);
        let mut told = |flow, hosts| {
            let earlier = nonces.insert(seen(flow, 7, Kind::Handshake, hosts, 0));
            earlier.map(|earlier| (earlier.seen.sighting.flow.0, earlier.meets))
        };
        assert_eq!(told(1, [1, 2]), None);
        assert_eq!(told(2, [5, 6]), Some((1, false)));
        assert_eq!(told(3, [2, 3]), Some((1, true)), "in at 2, out of 2");
        assert_eq!(told(4, [9, 3]), Some((2, false)), "not the way of 3");
        assert_eq!(told(5, [3, 4]), Some((4, true)));
    }

    #[test]
    fn a_text_that_many_say_is_followed_back_a_little() {
        for (kind, expected) in [(Kind::Text, false), (Kind::Binary, true)] {
            let mut nonces = Nonces::new(64);
            nonces.insert(seen(1, 7, kind, [1, 2], 0));
            for flow in 2..8 {
                nonces.insert(seen(flow, 7, kind, [50 + u128::from(flow), 60], 0));
            }
            let last = nonces.insert(seen(9, 7, kind, [2, 3], 0));
            assert_eq!(last.is_some_and(|earlier| earlier.meets), expected);
        }
    }

    #[test]
    fn the_oldest_sighting_gives_way() {
        let mut nonces = Nonces::new(2);
        for (flow, hash, expected) in [
            (1, 7, None),
            (2, 8, None),
            (3, 9, None),
            (4, 7, None),
            (5, 9, Some(3)),
            (6, 9, Some(5)),
            (7, 8, None),
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
            let mut known = list.iter().rev().take(5);
            let expected = known
                .find(|(_, other)| *other == hash)
                .map(|(flow, _)| *flow);
            assert_eq!(earlier(&mut nonces, flow, hash, 0), expected);
            list.push((flow, hash));
        }
    }
}
