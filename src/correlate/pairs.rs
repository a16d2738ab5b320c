//! Who comes back to whom, up to a cap: the pair of the least use gives way. Who came once takes eight bytes.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::newcomers::Newcomers;
use super::rhythm::{self, Rhythm};
use super::sizes::Sizes;
use crate::decode::{Address, Endpoint, Transport};
use crate::time::{Span, Timestamp};

/// Pairs of a client and a server, each with its rhythm.
#[derive(Debug)]
pub struct Pairs {
    places: HashMap<Key, u32, foldhash::fast::RandomState>,
    pairs: Vec<Pair>,
    newcomers: Newcomers,
    /// Where the next pair that may give way is looked for.
    hand: usize,
    displaced: u64,
    cap: usize,
}

/// A client and the port of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    client: Address,
    server: Whom,
    port: u16,
    transport: Transport,
}

/// Whom a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whom {
    /// An address.
    Address(Address),
    /// Whoever has a name, which is told by a digest: servers may take turns.
    Named(u64),
    /// Whoever is greeted by a TLS client that looks like this.
    Greeted(NonZeroU32),
}

/// What is known of one pair.
#[derive(Clone, Debug)]
pub struct Pair {
    key: Key,
    /// The server that the client came to first.
    pub home: Endpoint,
    /// When the client came.
    pub rhythm: Rhythm,
    /// For how long the client stayed, all times together, in seconds.
    stayed: f64,
    /// What the client sent each time.
    pub requests: Sizes,
    /// What the server sent each time.
    pub answers: Sizes,
    /// How often it was asked for what was asked for before.
    pub again: u32,
    /// With whom it was: each sets one bit.
    partners: u32,
    /// Whether it was told.
    pub told: bool,
}

/// One session of a pair.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// Whom the client came to.
    pub server: Endpoint,
    /// Who may be another one each time: most often the server.
    pub partner: Address,
    /// When it began.
    pub opened: Timestamp,
    /// How long it took.
    pub stayed: Span,
    /// Payload bytes of the client.
    pub client_bytes: u64,
    /// Payload bytes of the server.
    pub server_bytes: u64,
}

impl Key {
    /// A client that calls somebody at a port.
    pub const fn new(client: Address, server: Whom, port: u16, transport: Transport) -> Self {
        Self {
            client,
            server,
            port,
            transport,
        }
    }

    /// The same of another client.
    #[must_use]
    pub const fn of(self, client: Address) -> Self {
        Self { client, ..self }
    }

    /// The same on every machine, for it decides who is forgotten.
    pub fn digest(&self) -> u64 {
        let server = match self.server {
            Whom::Address(address) => fold(address.bits()),
            Whom::Named(name) => !name,
            Whom::Greeted(digest) => u64::from(digest.get()) << 32,
        };
        let port = u64::from(self.port) << 8 | u64::from(self.transport.0);
        mix(mix(mix(fold(self.client.bits())) ^ server) ^ port)
    }
}

impl Whom {
    /// Whoever has this name.
    pub fn named(name: &str) -> Self {
        Self::Named(digest_of(name))
    }
}

/// The same for the same name, on every machine.
pub fn digest_of(name: &str) -> u64 {
    let add = |sum, byte: &u8| mix(sum ^ u64::from(*byte));
    name.as_bytes().iter().fold(0, add)
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
const fn fold(bits: u128) -> u64 {
    mix((bits >> 64) as u64) ^ bits as u64
}

/// Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014).
const fn mix(number: u64) -> u64 {
    let one = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let two = (one ^ (one >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let three = (two ^ (two >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    three ^ (three >> 31)
}

impl Pairs {
    /// Nobody came back; at most `cap` pairs are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            places: HashMap::default(),
            pairs: Vec::new(),
            newcomers: Newcomers::new(cap * NEWCOMERS),
            hand: 0,
            displaced: 0,
            cap: cap.max(1),
        }
    }

    /// Takes a session of a pair. Gives the pair if it was there before, and when.
    pub fn come(&mut self, key: Key, visit: &Visit) -> Option<(&mut Pair, Timestamp)> {
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let first = self.newcomers.meet(key.digest(), visit.opened)?;
                self.insert(key, visit.server, first)
            }
        };
        let pair = self.pairs.get_mut(place as usize)?;
        let before = pair.rhythm.last();
        pair.rhythm.beat(visit.opened);
        pair.count(visit);
        Some((pair, before))
    }

    /// Takes a session of somebody who came `before`, among those of others: what is counted is the time since then.
    pub fn join(&mut self, key: Key, visit: &Visit, before: Timestamp) -> Option<&mut Pair> {
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => self.insert(key, visit.server, before),
        };
        let pair = self.pairs.get_mut(place as usize)?;
        pair.rhythm.follow(visit.opened - before, visit.opened);
        pair.count(visit);
        Some(pair)
    }

    fn insert(&mut self, key: Key, home: Endpoint, opened: Timestamp) -> u32 {
        let pair = Pair {
            key,
            home,
            rhythm: Rhythm::new(opened),
            stayed: 0.0,
            requests: Sizes::default(),
            answers: Sizes::default(),
            again: 0,
            partners: 0,
            told: false,
        };
        let place = if self.pairs.len() < self.cap {
            if self.pairs.len() == self.pairs.capacity() {
                self.pairs.reserve_exact(self.pairs.len() / 16 + 16);
            }
            self.pairs.push(pair);
            self.pairs.len() - 1
        } else {
            self.replace(pair, opened)
        };
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.places.insert(key, place);
        place
    }

    /// Puts a pair where the least useful of the next few was.
    fn replace(&mut self, pair: Pair, now: Timestamp) -> usize {
        let looked_at = (0..LOOKED_AT).map(|ahead| (self.hand + ahead) % self.pairs.len());
        let use_of = |place: &usize| self.pairs.get(*place).map(|pair| pair.usefulness(now));
        let place = looked_at.min_by_key(use_of).unwrap_or(0);
        self.hand = (self.hand + LOOKED_AT) % self.pairs.len();
        if let Some(old) = self.pairs.get_mut(place) {
            self.displaced += 1;
            self.places.remove(&old.key);
            *old = pair;
        }
        place
    }

    /// How many pairs gave way.
    pub fn forgotten(&self) -> u64 {
        self.displaced
    }

    /// How many pairs are remembered.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Bytes of memory for one pair, an upper bound.
    pub const PAIR_BYTES: usize = size_of::<Pair>() * 17 / 16
        + 2 * (size_of::<(Key, u32)>() + 1)
        + NEWCOMERS * Newcomers::ENTRY_BYTES;
}

impl Pair {
    fn count(&mut self, visit: &Visit) {
        self.requests.add(visit.client_bytes);
        self.answers.add(visit.server_bytes);
        self.stayed += visit.stayed.as_seconds_f64();
        self.partners |= 1 << (mix(fold(visit.partner.bits())) >> 59);
    }

    /// With how many it was, or more: of 32 that are not told apart each counts once.
    pub const fn partners(&self) -> u32 {
        self.partners.count_ones()
    }

    /// Whether the client is there nearly all the time: it comes back as soon as it has its answer, and the rhythm is
    /// that of the server.
    pub fn hardly_leaves(&self) -> bool {
        self.rhythm.gaps() > 0 && self.stayed > MOSTLY * self.rhythm.sum()
    }

    /// Who does not come back any more of little; then the newest is of most.
    fn usefulness(&self, now: Timestamp) -> (u32, Timestamp) {
        let gaps = self.rhythm.gaps();
        let stale = gaps > 0 && rhythm::is_stale(&self.rhythm, now);
        let beats = if stale { gaps / 8 } else { gaps };
        (beats, self.rhythm.last())
    }
}

/// So many who came once are remembered for each pair.
const NEWCOMERS: usize = 16;

/// This part of the time.
const MOSTLY: f64 = 0.75;

/// Pairs that are looked at to find one that gives way.
const LOOKED_AT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::endpoint;

    fn key(client: u32) -> Key {
        let client = Address::from_bits(client.into());
        let server = Whom::Address(endpoint("192.0.2.80:0").address);
        Key::new(client, server, 443, Transport::TCP)
    }

    fn visit(second: i64, bytes: u64) -> Visit {
        Visit {
            server: endpoint("192.0.2.80:443"),
            partner: endpoint("192.0.2.80:443").address,
            opened: at(second),
            stayed: Span::from_seconds(1),
            client_bytes: bytes,
            server_bytes: 2 * bytes,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(second, 0)
    }

    #[test]
    fn who_comes_back_outlives_who_came_twice() {
        let mut pairs = Pairs::new(8);
        for second in 0..6 {
            pairs.come(key(1), &visit(60 * second, 100));
        }
        for stranger in 100..200 {
            assert!(pairs.come(key(stranger), &visit(400, 1)).is_none());
            assert!(pairs.come(key(stranger), &visit(401, 1)).is_some());
        }
        assert_eq!((pairs.len(), pairs.places.len()), (8, 8));
        let (pair, before) = pairs.come(key(1), &visit(420, 100)).unwrap();
        assert_eq!(before, at(300));
        assert_eq!(pair.rhythm.gaps(), 6);
        assert_eq!(pair.requests.total(), 600, "the first is not counted");
    }

    #[test]
    fn who_came_once_takes_no_place_and_is_remembered() {
        let mut pairs = Pairs::new(64);
        for stranger in 0..500 {
            assert!(
                pairs
                    .come(key(stranger), &visit(i64::from(stranger), 1))
                    .is_none()
            );
        }
        assert!(pairs.is_empty());
        let (pair, _) = pairs.come(key(3), &visit(3_603, 1)).unwrap();
        assert!((pair.rhythm.mean() - 3_600.0).abs() < 0.01);
    }

    #[test]
    fn who_stays_away_gives_way_at_last() {
        let mut pairs = Pairs::new(2);
        for second in 0..4 {
            pairs.come(key(1), &visit(second, 1));
            pairs.come(key(2), &visit(60 * second, 1));
        }
        pairs.come(key(3), &visit(300, 1));
        pairs.come(key(3), &visit(300, 1));
        assert!(pairs.come(key(2), &visit(301, 1)).is_some());
        assert!(pairs.come(key(1), &visit(302, 1)).is_none());
    }

    #[test]
    fn who_comes_back_at_once_hardly_leaves() {
        for (pause, hardly) in [(60, false), (1, true)] {
            let mut pairs = Pairs::new(2);
            for number in 0..9 {
                pairs.come(key(1), &visit(number * pause, 1));
            }
            let (pair, _) = pairs.come(key(1), &visit(9 * pause, 1)).unwrap();
            assert_eq!(pair.hardly_leaves(), hardly, "{pause}");
        }
    }

    #[test]
    fn servers_take_turns_under_a_name() {
        let name = |text| {
            Key::new(
                Address::from_bits(1),
                Whom::named(text),
                443,
                Transport::TCP,
            )
        };
        assert_eq!(name("c2.example.test"), name("c2.example.test"));
        let all = [
            name("c2.example.test"),
            name("c3.example.test"),
            key(1),
            key(2),
        ];
        let digests: std::collections::BTreeSet<u64> = all.iter().map(Key::digest).collect();
        assert_eq!(digests.len(), all.len());
    }
}
