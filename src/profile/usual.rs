//! Which payload sizes are usual: those of a host itself, else those of its peers, which have a role in common.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::Profile;
use super::few::{Few, Merge};
use super::host::{Call, Host, Port};
use crate::decode::Address;

/// What is usual of hosts that were learned, and of others that have a role in common with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usual {
    hosts: Profile,
    roles: Vec<Peers>,
}

/// The hosts of one role, and what those of them that were learned did together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Peers {
    within: Vec<RangeInclusive<Address>>,
    calls: Few<Port, Call, { Host::CALLS }>,
}

impl Usual {
    /// What `known` says of payload sizes; `None` where it says nothing. `roles` are the addresses of each role.
    pub fn of(
        known: &Profile,
        roles: impl IntoIterator<Item = Vec<RangeInclusive<Address>>>,
    ) -> Option<Self> {
        let hosts = known.payloads()?;
        let roles = roles.into_iter().map(|within| Peers::of(&hosts, within));
        Some(Self {
            roles: roles.collect(),
            hosts,
        })
    }

    /// What a host calls at a port: its own where it was learned, else that of its peers.
    pub fn call(&self, port: Port, ip: IpAddr) -> Option<&Call> {
        if let Some(host) = self.hosts.host(ip.into()) {
            return host.calls.get(&port);
        }
        self.roles_of(ip).find_map(|peers| peers.calls.get(&port))
    }

    /// Whether two hosts have a role in common, or none at all.
    pub fn are_peers(&self, one: IpAddr, other: IpAddr) -> bool {
        let mut of_one = self.roles_of(one).peekable();
        match of_one.peek() {
            Some(_) => of_one.any(|peers| peers.has(other)),
            None => self.roles_of(other).next().is_none(),
        }
    }

    fn roles_of(&self, ip: IpAddr) -> impl Iterator<Item = &Peers> {
        self.roles.iter().filter(move |peers| peers.has(ip))
    }

    /// How many hosts were learned.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// How many roles there are.
    pub fn roles(&self) -> usize {
        self.roles.len()
    }
}

impl Peers {
    fn of(hosts: &Profile, within: Vec<RangeInclusive<Address>>) -> Self {
        let mut peers = Self {
            within,
            calls: Few::default(),
        };
        for (ip, host) in hosts.hosts() {
            if peers.has(*ip) {
                peers.calls.merge(host.calls.clone());
            }
        }
        peers
    }

    fn has(&self, ip: IpAddr) -> bool {
        let address = Address::from(ip);
        self.within.iter().any(|within| within.contains(&address))
    }
}
