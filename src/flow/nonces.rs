//! Which payloads of a flow are searched for nonces, and how a nonce is hashed.

use std::hash::BuildHasher;

use crate::proto::Side;
use crate::proto::nonce::Nonce;

/// The key of a run's nonce hashes. Its hashes are only compared with one another, so nothing that is found depends
/// on it.
#[derive(Clone, Debug, Default)]
pub struct NonceKey(foldhash::quality::RandomState);

impl NonceKey {
    /// The hash of a nonce: 64 bits, so that a billion nonces a day within ten seconds of each other meet by accident
    /// less than once in 10^7 days.
    pub fn hash(&self, nonce: &Nonce<'_>) -> u64 {
        self.0.hash_one((nonce.kind, nonce.bytes))
    }
}

/// How many payloads of each side were searched, and how many nonces were found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looks {
    client: Look,
    server: Look,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    searched: u8,
    found: u8,
}

impl Looks {
    /// Whether a side's next payload is to be searched.
    #[inline]
    pub fn is_open(&self, from: Side) -> bool {
        let look = match from {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        look.is_open()
    }

    /// Searches a payload for a nonce by `find`, unless enough of its side's were searched or found.
    pub fn search<'a>(
        &mut self,
        from: Side,
        payload: &'a [u8],
        find: fn(&'a [u8]) -> Option<Nonce<'a>>,
    ) -> Option<Nonce<'a>> {
        let look = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        if !look.is_open() {
            return None;
        }
        look.searched += 1;
        let nonce = find(payload)?;
        look.found += 1;
        Some(nonce)
    }
}

impl Look {
    #[inline]
    fn is_open(self) -> bool {
        self.searched < SEARCHED && self.found < FOUND
    }
}

/// Payloads of a side that are searched: a chain of proxies is asked for in one payload or two each.
const SEARCHED: u8 = 16;
/// Nonces of a side: the first ones are what a relay passes on first.
const FOUND: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::nonce::find;

    #[test]
    fn searches_the_first_payloads_and_keeps_the_first_nonces() {
        let line = [b'a'; 64];
        let mut looks = Looks::default();
        let found = (0..9).filter(|_| looks.search(Side::Client, &line, find).is_some());
        assert_eq!(found.count(), usize::from(FOUND));
        assert!(looks.search(Side::Server, &line, find).is_some());

        let mut looks = Looks::default();
        for _ in 0..SEARCHED {
            assert!(looks.search(Side::Client, b"short", find).is_none());
        }
        assert!(looks.search(Side::Client, &line, find).is_none());
    }

    #[test]
    fn the_same_nonce_has_the_same_hash_under_one_key() {
        let line = [b'a'; 64];
        let nonce = find(&line).unwrap();
        let (key, other) = (NonceKey::default(), NonceKey::default());
        assert_eq!(key.hash(&nonce), key.clone().hash(&nonce));
        assert_ne!(key.hash(&nonce), other.hash(&nonce));
    }
}
