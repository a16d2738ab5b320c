//! Who goes where: how many hosts inside speak with each address.

use super::recent::Recent;
use crate::decode::{Address, Transport};
use crate::facts::legs::Spoke;

/// The clients of each address, as far as they are inside; the address seen first gives way.
#[derive(Debug)]
pub struct Destinations {
    inside: Inside,
    clients: Recent<Address, Few>,
    hosts: Recent<Address, ()>,
}

/// The addresses of whoever listens.
#[derive(Clone, Debug, Default)]
pub struct Inside(Vec<std::ops::RangeInclusive<Address>>);

/// Some distinct hosts, and whether there are more.
#[derive(Clone, Copy, Debug, Default)]
struct Few {
    /// Each host by a digest, 0 where there is none: two that share one count once.
    digests: [u32; MOST_CLIENTS],
}

impl Inside {
    /// These ranges of addresses.
    pub fn new(ranges: Vec<std::ops::RangeInclusive<Address>>) -> Self {
        Self(ranges)
    }

    /// Whether an address is inside.
    pub fn has(&self, address: Address) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

impl Few {
    fn add(&mut self, host: Address) {
        let digest = digest_of(host);
        let mut places = self.digests.iter_mut();
        let place = places.find(|known| **known == digest || **known == 0);
        if let Some(place) = place {
            *place = digest;
        }
    }

    fn count(&self) -> usize {
        self.digests.iter().filter(|digest| **digest != 0).count()
    }
}

/// An address folded to 32 bits; IPv4 addresses keep all of theirs.
#[expect(clippy::cast_possible_truncation, reason = "folding")]
fn digest_of(host: Address) -> u32 {
    let bits = host.bits();
    let folded = (bits >> 96) ^ (bits >> 64) ^ (bits >> 32) ^ bits;
    (folded as u32).max(1)
}

impl Destinations {
    /// Nobody went anywhere; at most `cap` addresses and hosts are remembered.
    pub fn new(inside: Inside, cap: usize) -> Self {
        Self {
            inside,
            clients: Recent::new(cap),
            hosts: Recent::new(cap),
        }
    }

    /// Takes a flow that speaks.
    pub fn spoke(&mut self, spoke: &Spoke) {
        let (client, server) = (spoke.client.address, spoke.server.address);
        let is_asked = matches!(spoke.transport, Transport::TCP | Transport::UDP);
        if !is_asked || !self.inside.has(client) {
            return;
        }
        if !self.hosts.contains(&client) {
            self.hosts.insert(client, ());
        }
        if !self.clients.contains(&server) {
            self.clients.insert(server, Few::default());
        }
        if let Some(few) = self.clients.get_mut(&server) {
            few.add(client);
        }
    }

    /// Whether an address is inside.
    pub fn is_inside(&self, address: Address) -> bool {
        self.inside.has(address)
    }

    /// How many hosts inside speak with an address; no more than [`MOST_CLIENTS`] are told apart.
    pub fn clients_of(&self, address: Address) -> usize {
        self.clients.get(&address).map_or(0, Few::count)
    }

    /// How much rarer it is to speak with an address than to speak with what one host of four does, in nats; below zero
    /// where it is more usual. Of few hosts nothing can be told.
    #[expect(clippy::cast_precision_loss, reason = "counts of hosts")]
    pub fn rarity(&self, address: Address) -> f64 {
        let clients = self.clients_of(address).max(1) as f64;
        let hosts = self.hosts.len() as f64;
        if hosts < FEW_HOSTS {
            return 0.0;
        }
        let rarity = ((hosts + 1.0) / (clients + 1.0)).ln() - USUAL;
        rarity.clamp(LEAST_RARITY, MOST_RARITY)
    }

    /// How many addresses gave way.
    pub fn forgotten(&self) -> u64 {
        self.clients.displaced()
    }

    /// Bytes of memory for one address, an upper bound.
    pub const ENTRY_BYTES: usize = 2 * size_of::<(Address, (u64, Few))>()
        + 2 * size_of::<(Address, u64)>()
        + 8 * size_of::<(u64, Address)>();
}

/// Clients of one address that are told apart.
pub const MOST_CLIENTS: usize = 8;

/// Below this nothing is told of what is usual.
const FEW_HOSTS: f64 = 8.0;
/// The logarithm of four.
const USUAL: f64 = 1.386;
/// No destination is rarer than this says, in nats: who is seen for the first time may be anybody.
const MOST_RARITY: f64 = 2.0;
const LEAST_RARITY: f64 = -1.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::endpoint;
    use crate::facts::{FlowId, Quality};
    use crate::time::Timestamp;

    fn spoke(client: &str, server: &str) -> Spoke {
        Spoke {
            id: FlowId(1),
            client: endpoint(client),
            server: endpoint(server),
            transport: Transport::TCP,
            opened: Timestamp::from_parts(0, 0),
            vlan: None,
            quality: Quality::default(),
            flight: None,
            nonce: None,
        }
    }

    #[test]
    fn what_few_hosts_do_is_rare() {
        let ten = endpoint("10.0.0.0:0").address..=endpoint("10.255.255.255:0").address;
        let mut seen = Destinations::new(Inside::new(vec![ten]), 64);
        for host in 1..=20 {
            seen.spoke(&spoke(&format!("10.0.0.{host}:5"), "192.0.2.80:443"));
        }
        seen.spoke(&spoke("10.0.0.7:5", "192.0.2.66:443"));
        seen.spoke(&spoke("198.51.100.7:5", "192.0.2.66:443"));
        let address = |text| endpoint(text).address;
        assert_eq!(seen.clients_of(address("192.0.2.66:0")), 1);
        assert_eq!(seen.clients_of(address("192.0.2.80:0")), MOST_CLIENTS);
        assert!(seen.rarity(address("192.0.2.66:0")) > 0.9);
        assert!(seen.rarity(address("192.0.2.80:0")) < 0.0);
        assert!(seen.is_inside(address("10.0.0.7:0")) && !seen.is_inside(address("192.0.2.80:0")));
    }
}
