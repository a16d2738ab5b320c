//! Profiles: what was learned of hosts, from captures of their ordinary days.
//!
//! A [`Profile`] grows in the ordered stage, is written to a file ([`mod@file`]) and read again. Two of them merge to the same
//! whichever comes first, and three whichever two come first: lists keep their smallest entries ([`few`]), times their
//! extremes, counts their sum.

pub mod few;
pub mod file;
pub mod fit;
pub mod host;
pub mod learner;
pub mod openings;
mod ranges;
pub mod shape;
pub mod usual;
pub mod went;
pub mod words;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::decode::Address;
use few::{Few, Merge};
use host::Host;

/// What was learned of hosts, by their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    hosts: BTreeMap<IpAddr, Host>,
}

impl Profile {
    /// What was learned of a host.
    pub fn host(&self, address: Address) -> Option<&Host> {
        self.hosts.get(&address.ip())
    }

    /// Its hosts, in the order of their addresses.
    pub fn hosts(&self) -> impl Iterator<Item = (&IpAddr, &Host)> {
        self.hosts.iter()
    }

    /// What of it is needed to tell that payload sizes moved; `None` where it says nothing of them.
    pub fn payloads(&self) -> Option<Self> {
        let known = self.hosts.iter().filter(|(_, host)| !host.calls.is_empty());
        let hosts: BTreeMap<IpAddr, Host> = known
            .map(|(ip, host)| {
                let calls = host.calls.clone();
                (
                    *ip,
                    Host {
                        calls,
                        ..Host::new(host.first, host.last)
                    },
                )
            })
            .collect();
        (!hosts.is_empty()).then_some(Self { hosts })
    }

    /// What of it is needed to tell that a relay is new.
    #[must_use]
    pub fn without_details(mut self) -> Self {
        for host in self.hosts.values_mut() {
            let services = std::mem::take(&mut host.services);
            for (port, service) in services.iter() {
                host.ports.add(*port, service.first);
            }
            host.destinations = Few::default();
            host.rhythm = Few::default();
            host.calls = Few::default();
            host.relays = Few::default();
        }
        self
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}

impl Merge for Profile {
    fn merge(&mut self, other: Self) {
        for (ip, host) in other.hosts {
            match self.hosts.get_mut(&ip) {
                Some(known) => known.merge(host),
                None => {
                    self.hosts.insert(ip, host);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::learner::samples::{learner, relayed, session};
    use super::*;
    use learner::Detail;

    fn day(server: &str, second: i64) -> Profile {
        let mut learner = learner(8, Detail::All);
        session(&mut learner, "10.0.0.1:4000", server, 9);
        relayed(&mut learner, "10.0.0.3:4000", "10.0.0.2:1080", second);
        learner.into_profile()
    }

    #[test]
    fn it_does_not_matter_in_which_order_profiles_merge() {
        let days = [
            day("10.0.0.2:80", 300),
            day("10.0.0.2:22", 250),
            day("10.0.0.9:80", 400),
        ];
        let merged = |order: [usize; 3]| {
            let mut all = Profile::default();
            order.iter().for_each(|day| all.merge(days[*day].clone()));
            all.text().unwrap()
        };
        let first = merged([0, 1, 2]);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(merged(order), first, "{order:?}");
        }
        let mut pair = days[1].clone();
        pair.merge(days[2].clone());
        let mut all = days[0].clone();
        all.merge(pair);
        assert_eq!(all.text().unwrap(), first);
    }
}
