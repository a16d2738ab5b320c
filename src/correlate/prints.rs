//! What TLS clients look like, and how many hosts inside look like that.

use std::cell::OnceCell;
use std::num::NonZeroU32;

use super::destinations::{Few, rarity};
use super::recent::Recent;
use crate::decode::Address;
use crate::facts::Print;
use crate::proto::tls::ClientHello;

/// Fingerprints and the hosts inside that have them; the fingerprint seen first gives way.
#[derive(Debug)]
pub struct Prints {
    known: Recent<NonZeroU32, Known>,
    /// Hosts inside that speak TLS.
    hosts: Recent<Address, ()>,
}

#[derive(Debug, Default)]
struct Known {
    /// One of its hellos, from which JA4 is made for the few of which somebody asks.
    hello: Option<Box<ClientHello>>,
    /// Made once.
    ja4: OnceCell<Option<Box<str>>>,
    hosts: Few,
}

impl Prints {
    /// Nobody said hello; at most `cap` fingerprints are remembered, and as many hosts.
    pub fn new(cap: usize) -> Self {
        Self {
            known: Recent::new(cap),
            hosts: Recent::new(cap),
        }
    }

    /// Learns what a fingerprint is of.
    pub fn shown(&mut self, print: Print) {
        if print.hello.bytes() <= MOST_BYTES
            && let Some(known) = self.known.get_or_default(print.digest)
        {
            known.hello = Some(Box::new(print.hello));
        }
    }

    /// Takes the hello of a host inside.
    pub fn greets(&mut self, host: Address, digest: NonZeroU32) {
        self.hosts.get_or_default(host);
        if let Some(known) = self.known.get_or_default(digest) {
            known.hosts.add(host);
        }
    }

    /// The JA4 of a fingerprint.
    pub fn ja4(&self, digest: NonZeroU32) -> Option<&str> {
        let known = self.known.get(&digest)?;
        let hello = known.hello.as_ref()?;
        let make = || Some(hello.fingerprint()?.ja4.into());
        known.ja4.get_or_init(make).as_deref()
    }

    /// How much rarer it is to look like that than to look like one host of four that speaks TLS does, in nats.
    pub fn rarity(&self, digest: NonZeroU32) -> f64 {
        let hosts = self
            .known
            .get(&digest)
            .map_or(0, |known| known.hosts.count());
        rarity(hosts, self.hosts.len())
    }

    /// How many fingerprints and hosts gave way.
    pub fn forgotten(&self) -> u64 {
        self.known.displaced() + self.hosts.displaced()
    }

    /// Bytes of memory for one fingerprint and one host, an upper bound.
    pub const ENTRY_BYTES: usize = 2 * size_of::<(NonZeroU32, (u64, Known))>()
        + MOST_BYTES
        + JA4_BYTES
        + 2 * size_of::<(Address, u64)>()
        + 4 * size_of::<(u64, Address)>()
        + 4 * size_of::<(u64, NonZeroU32)>();
}

/// No hello that takes more is kept. With a key of ML-KEM-768 in it one takes 1,800.
const MOST_BYTES: usize = 2_560;

/// `t13d1516h2_8daaf6152771_e5627efa2ab1`, and what the allocator adds.
const JA4_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::tls::samples::mute;

    #[test]
    fn what_few_hosts_look_like_is_rare() {
        let mut prints = Prints::new(64);
        let [common, rare, unseen] = [1, 2, 3].map(|digest| NonZeroU32::new(digest).unwrap());
        for host in 1..=20 {
            prints.greets(Address::from_bits(host), common);
        }
        prints.greets(Address::from_bits(7), rare);
        assert!(prints.rarity(rare) > 0.9 && prints.rarity(common) < 0.0);
        assert!(prints.rarity(unseen) >= prints.rarity(rare));
        prints.shown(Print {
            digest: rare,
            hello: mute(None).client_hello.unwrap(),
        });
        let ja4 = prints.ja4(rare).unwrap();
        assert!(ja4.starts_with("t12i010000_"), "{ja4}");
        assert_eq!(prints.ja4(common), None);
        assert!(prints.rarity(rare) > 0.9, "its hosts are kept");
    }
}
