//! Who goes where: how many hosts inside speak with each address, and whether any did before.

use super::recent::Recent;
use crate::decode::{Address, Endpoint, Transport};
use crate::facts::legs::Spoke;
use crate::profile::host::Destination;
use crate::profile::went::Went;
use crate::time::{Span, Timestamp};

/// The clients of each address, as far as they are inside; the address seen first gives way.
#[derive(Debug)]
pub struct Destinations {
    inside: Inside,
    before: Before,
    clients: Recent<Address, Visitors>,
    /// Since when each is watched.
    hosts: Recent<Address, Timestamp>,
}

/// What tells whether hosts went somewhere before.
#[derive(Clone, Debug)]
pub enum Before {
    /// What was learned of them.
    Learned(Went),
    /// This run, of hosts that were watched for so long.
    Run(Span),
}

/// Since when a destination is one, and of whom.
#[derive(Clone, Copy, Debug, Default)]
struct Visitors {
    since: Timestamp,
    hosts: Few,
}

/// The addresses of whoever listens.
#[derive(Clone, Debug, Default)]
pub struct Inside(Vec<std::ops::RangeInclusive<Address>>);

/// Some distinct hosts, and whether there are more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Few {
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
    pub(super) fn add(&mut self, host: Address) {
        let digest = digest_of(host);
        let mut places = self.digests.iter_mut();
        let place = places.find(|known| **known == digest || **known == 0);
        if let Some(place) = place {
            *place = digest;
        }
    }

    pub(super) fn count(&self) -> usize {
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
    pub fn new(inside: Inside, before: Before, cap: usize) -> Self {
        Self {
            inside,
            before,
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
            self.hosts.insert(client, spoke.opened);
        }
        if !self.clients.contains(&server) {
            let visitors = Visitors {
                since: spoke.opened,
                hosts: Few::default(),
            };
            self.clients.insert(server, visitors);
        }
        if let Some(visitors) = self.clients.get_mut(&server) {
            visitors.hosts.add(client);
        }
    }

    /// Whether any host inside went to a service before: when they were learned, or as long as this client was watched.
    /// `None` where that cannot be told.
    pub fn was_gone_to(
        &self,
        client: Address,
        server: Endpoint,
        transport: Transport,
    ) -> Option<bool> {
        match &self.before {
            Before::Learned(went) => went.to(client.ip(), Destination::new(server, transport)),
            Before::Run(warm_up) => {
                let watched = *self.hosts.get(&client)?;
                let is_new = self.clients.get(&server.address)?.since - watched >= *warm_up;
                // Who calls home since before anybody watched seems to go where hosts always went.
                (is_new && self.clients.displaced() == 0).then_some(false)
            }
        }
    }

    /// Whether an address is inside.
    pub fn is_inside(&self, address: Address) -> bool {
        self.inside.has(address)
    }

    /// How many hosts inside speak with an address; no more than [`MOST_CLIENTS`] are told apart.
    pub fn clients_of(&self, address: Address) -> usize {
        let visitors = self.clients.get(&address);
        visitors.map_or(0, |visitors| visitors.hosts.count())
    }

    /// How much rarer it is to speak with an address than to speak with what one host of four does, in nats; below zero
    /// where it is more usual. Of few hosts nothing can be told.
    pub fn rarity(&self, address: Address) -> f64 {
        rarity(self.clients_of(address), self.hosts.len())
    }

    /// How many addresses gave way.
    pub fn forgotten(&self) -> u64 {
        self.clients.displaced()
    }

    /// Bytes of memory for one address, an upper bound.
    pub const ENTRY_BYTES: usize = 2 * size_of::<(Address, (u64, Visitors))>()
        + 2 * size_of::<(Address, (u64, Timestamp))>()
        + 8 * size_of::<(u64, Address)>();
}

/// How much rarer it is that `some` hosts of so many do a thing than that one of four does, in nats; below zero where it is
/// more usual.
#[expect(clippy::cast_precision_loss, reason = "counts of hosts")]
pub(super) fn rarity(some: usize, hosts: usize) -> f64 {
    let (some, hosts) = (some.max(1) as f64, hosts as f64);
    if hosts < FEW_HOSTS {
        return 0.0;
    }
    let rarity = ((hosts + 1.0) / (some + 1.0)).ln() - USUAL;
    rarity.clamp(LEAST_RARITY, MOST_RARITY)
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
pub(super) mod samples {
    use super::*;
    use crate::facts::samples::endpoint;
    use crate::facts::{FlowId, Quality};

    /// A client that speaks to a server.
    pub(crate) fn spoke(client: Endpoint, server: Endpoint) -> Spoke {
        Spoke {
            id: FlowId(1),
            client,
            server,
            transport: Transport::TCP,
            opened: Timestamp::from_parts(0, 0),
            vlan: None,
            quality: Quality::default(),
            flight: None,
            nonce: None,
        }
    }

    /// Nobody in 10.0.0.0/8 went anywhere.
    pub(crate) fn of_ten(cap: usize) -> Destinations {
        let ten = endpoint("10.0.0.0:0").address..=endpoint("10.255.255.255:0").address;
        let a_day = Before::Run(Span::from_seconds(86_400));
        Destinations::new(Inside::new(vec![ten]), a_day, cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::endpoint;

    fn spoke(client: &str, server: &str) -> Spoke {
        samples::spoke(endpoint(client), endpoint(server))
    }

    #[test]
    fn what_few_hosts_do_is_rare() {
        let mut seen = samples::of_ten(64);
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

    #[test]
    fn where_no_host_went_is_new_once_the_client_is_known() {
        let (home, fresh) = ("192.0.2.80:443", "192.0.2.66:443");
        let hour = |hours: i64| Timestamp::from_parts(hours * 3_600, 0);
        let mut seen = samples::of_ten(2);
        let go = |seen: &mut Destinations, server, hours| {
            seen.spoke(&Spoke {
                opened: hour(hours),
                ..spoke("10.0.0.1:5", server)
            });
        };
        go(&mut seen, home, 0);
        go(&mut seen, fresh, 30);
        let told = |seen: &Destinations, server| {
            let client = endpoint("10.0.0.1:5").address;
            seen.was_gone_to(client, endpoint(server), Transport::TCP)
        };
        let cases = [(home, None), (fresh, Some(false)), ("192.0.2.99:443", None)];
        for (server, expected) in cases {
            assert_eq!(told(&seen, server), expected, "{server}");
        }
        go(&mut seen, "192.0.2.98:443", 32);
        assert_eq!(told(&seen, fresh), None, "an address had to give way");
    }
}
