//! Profiles: what was learned of hosts, from captures of their ordinary days.
//!
//! A [`Profile`] grows in the ordered stage, is written to a file ([`file`]) and read again. Two of them merge to the same
//! whichever comes first, and three whichever two come first: lists keep their smallest entries ([`few`]), times their
//! extremes, counts their sum.

pub mod few;
pub mod file;
pub mod host;
pub mod words;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::decode::{Address, Endpoint, Transport};
use crate::evidence::{Evidence, Says, Session};
use crate::facts::FlowEnd;
use crate::facts::legs::Spoke;
use crate::proto::target::{Host as TargetHost, Target};
use crate::time::Timestamp;
use few::{Few, FewOf, Merge};
use host::{Destination, Host, Listener, Port, Relaying, Seen, Service, Sessions};
use words::Words;

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

    /// What of it is needed to tell that a relay is new.
    #[must_use]
    pub fn without_details(mut self) -> Self {
        for host in self.hosts.values_mut() {
            let services = std::mem::take(&mut host.services);
            services.iter().for_each(|(port, _)| host.ports.add(*port));
            host.destinations = Few::default();
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

/// A profile that grows, of inside hosts and up to a cap: whoever comes when it is full is not watched.
#[derive(Debug)]
pub struct Learner {
    profile: Profile,
    inside: Vec<RangeInclusive<Address>>,
    limits: Limits,
    detail: Detail,
    relays: usize,
    hosts_refused: u64,
}

/// How much is kept of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What is needed to tell that a relay is new: since when it is watched, its ports, whether it relayed.
    Least,
    /// All that a profile says.
    All,
}

/// The caps of a [`Learner`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Hosts that are watched.
    pub hosts: usize,
    /// Listeners of relays of which more is kept than that they are there.
    pub relays: usize,
}

/// One relay, as evidence tells it.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Every address that it is known by, the one that faces its client first.
    pub addresses: Vec<Address>,
    /// Where it is called.
    pub listener: Listener,
    /// Whom it serves.
    pub client: Address,
    /// Where it was to go.
    pub target: Option<Target>,
    /// The protocol, or the mechanism where none is read.
    pub word: &'static str,
    /// The session that comes first.
    pub session: &'a Session,
    /// Whether it was told before.
    pub again: bool,
}

impl<'a> Told<'a> {
    /// The relay of evidence, if it speaks of one.
    pub fn of(evidence: &'a Evidence) -> Option<Self> {
        let session = &evidence.session;
        let (calls, word, client, target) = match &evidence.says {
            Says::Exchange(exchange) => (
                exchange.reverse,
                exchange.protocol,
                None,
                exchange.target.clone(),
            ),
            Says::Join(join) => (
                join.client != session.client,
                join.mechanism.name(),
                Some(join.client.address),
                Some(target_of(join.target)),
            ),
            _ => return None,
        };
        let again = matches!(&evidence.says, Says::Join(join) if join.again);
        let (near, far) = if calls {
            (session.client, session.server)
        } else {
            (session.server, session.client)
        };
        let mut addresses = vec![near.address, evidence.relay];
        addresses.dedup();
        let port = port(near, session.transport);
        Some(Self {
            addresses,
            listener: Listener((!calls).then_some(port)),
            client: client.unwrap_or(far.address),
            target,
            word,
            session,
            again,
        })
    }
}

fn target_of(end: Endpoint) -> Target {
    Target {
        host: TargetHost::from_ip(end.address.ip()),
        port: end.port,
    }
}

impl Learner {
    /// Nothing seen; hosts with these addresses will be watched.
    pub fn new(inside: Vec<RangeInclusive<Address>>, limits: Limits, detail: Detail) -> Self {
        Self {
            profile: Profile::default(),
            inside,
            limits,
            detail,
            relays: 0,
            hosts_refused: 0,
        }
    }

    /// Takes a flow that speaks: from now on its hosts are watched.
    pub fn spoke(&mut self, spoke: &Spoke) {
        for end in [spoke.client, spoke.server] {
            self.watch(end.address, spoke.opened, spoke.opened);
        }
    }

    /// Takes a flow that spoke and is over. Who opened one that was picked up midstream is a guess, so it tells nothing of
    /// who serves.
    pub fn ended(&mut self, session: &Session, end: &FlowEnd) {
        let (client, server) = (session.client, session.server);
        let seen = Seen {
            sessions: Sessions::ONE,
            first: session.opened,
            last: end.last_seen,
        };
        let knows_ends = !end.quality.midstream;
        let answers = knows_ends && end.traffic.server_bytes > 0;
        let detail = self.detail;
        if let Some(host) = self.watch(server.address, seen.first, seen.last)
            && answers
        {
            let port = port(server, session.transport);
            match detail {
                Detail::Least => host.ports.add(port),
                Detail::All => host.services.add(port, service(client, seen, end)),
            }
        }
        if let Some(host) = self.watch(client.address, seen.first, seen.last)
            && knows_ends
            && detail == Detail::All
        {
            let destination = Destination::new(server, session.transport);
            host.destinations.add(destination, seen);
        }
    }

    /// Takes a relay that somebody found.
    pub fn relayed(&mut self, told: &Told<'_>, now: Timestamp) {
        for &address in &told.addresses {
            let has_room = self.detail == Detail::All && self.relays < self.limits.relays;
            let Some(host) = self.watch(address, told.session.opened, now) else {
                continue;
            };
            host.relayed = host.relayed.into_iter().chain([now]).min();
            let is_new = host.relays.get(&told.listener).is_none();
            if is_new && (!has_room || host.relays.is_full()) {
                continue;
            }
            host.relays.add(told.listener, relaying(told, now));
            self.relays += usize::from(is_new);
        }
    }

    /// The host of an address, if it is watched; it was seen at these times.
    fn watch(&mut self, address: Address, first: Timestamp, last: Timestamp) -> Option<&mut Host> {
        let inside = self.inside.iter().any(|range| range.contains(&address));
        if !inside {
            return None;
        }
        let ip = address.ip();
        let is_full = self.profile.hosts.len() >= self.limits.hosts;
        if is_full && !self.profile.hosts.contains_key(&ip) {
            self.hosts_refused += 1;
            return None;
        }
        let fresh = || Host::new(first, last);
        let host = self.profile.hosts.entry(ip).or_insert_with(fresh);
        host.first = host.first.min(first);
        host.last = host.last.max(last);
        Some(host)
    }

    /// What was learned so far.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What was learned.
    pub fn into_profile(self) -> Profile {
        self.profile
    }

    /// How often a host was seen that there was no room for.
    pub fn hosts_refused(&self) -> u64 {
        self.hosts_refused
    }

    /// An upper bound of the bytes of memory it holds.
    pub const fn memory_bound(limits: Limits, detail: Detail) -> usize {
        let least = limits.hosts * Host::LEAST_BYTES;
        match detail {
            Detail::Least => least,
            Detail::All => {
                least + limits.hosts * Host::MORE_BYTES + limits.relays * Relaying::BYTES
            }
        }
    }
}

fn port(end: Endpoint, transport: Transport) -> Port {
    Port {
        number: end.port,
        transport,
    }
}

fn service(client: Endpoint, seen: Seen, end: &FlowEnd) -> Service {
    let Seen {
        sessions,
        first,
        last,
    } = seen;
    let mut service = Service {
        sessions,
        first,
        last,
        protocols: Words::default(),
        clients: FewOf::default(),
    };
    service.clients.add(client.address.ip());
    if let Some(protocol) = end.protocol {
        service.protocols.add(protocol.name());
    }
    service
}

fn relaying(told: &Told<'_>, now: Timestamp) -> Relaying {
    let counted = if told.again {
        Sessions::NONE
    } else {
        Sessions::ONE
    };
    let mut relaying = Relaying {
        sessions: counted,
        first: told.session.opened,
        last: now,
        means: Words::default(),
        clients: FewOf::default(),
        targets: FewOf::default(),
    };
    relaying.means.add(told.word);
    relaying.clients.add(told.client.ip());
    if let Some(target) = &told.target {
        relaying.targets.add(target.to_string());
    }
    relaying
}
