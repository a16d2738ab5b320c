//! Watching hosts: a profile that grows while flows go by.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::Profile;
use super::few::FewOf;
use super::host::{
    Call, Destination, Host, Hour, Listener, Port, Relaying, Seen, Service, Sessions,
};
use super::ranges::Ranges;
use super::words::Words;
use crate::decode::{Address, Endpoint, Transport};
use crate::evidence::{Evidence, Says, Session};
use crate::facts::legs::Spoke;
use crate::facts::{FlowEnd, PayloadSizes};
use crate::proto::target::{Host as TargetHost, Target};
use crate::time::Timestamp;

/// A profile that grows, of inside hosts and up to a cap: whoever comes when it is full is not watched.
#[derive(Debug)]
pub struct Learner {
    hosts: Vec<(Address, Host)>,
    places: HashMap<Address, u32, foldhash::fast::RandomState>,
    inside: Ranges,
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
            hosts: Vec::new(),
            places: HashMap::default(),
            inside: Ranges::new(inside),
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
        if answers && let Some(host) = self.watch(server.address, seen.first, seen.last) {
            let port = port(server, session.transport);
            match detail {
                Detail::Least => host.ports.add(port, seen.first),
                Detail::All => host.services.add(port, service(client, seen, end)),
            }
        }
        if knows_ends
            && detail == Detail::All
            && let Some(host) = self.watch(client.address, seen.first, seen.last)
        {
            let destination = Destination::new(server, session.transport);
            host.destinations.add(destination, seen);
            host.rhythm.add(Hour::of(seen.first), Sessions::ONE);
        }
    }

    /// Takes the payload sizes of a flow.
    pub fn sizes(&mut self, sizes: &PayloadSizes) {
        let flow = &sizes.flow;
        if self.detail == Detail::Least {
            return;
        }
        if let Some(host) = self.watch(flow.client.address, flow.opened, sizes.last_seen) {
            let call = Call::of(sizes);
            host.calls.add(port(flow.server, flow.transport), call);
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
        if !self.inside.contains(address) {
            return None;
        }
        let known = self.places.get(&address).copied();
        let place = known.or_else(|| self.take_in(address, Host::new(first, last)))?;
        let (_, host) = self.hosts.get_mut(place as usize)?;
        host.first = host.first.min(first);
        host.last = host.last.max(last);
        Some(host)
    }

    /// The place of a host that was not watched before, if there is room for it.
    fn take_in(&mut self, address: Address, host: Host) -> Option<u32> {
        if self.hosts.len() >= self.limits.hosts {
            self.hosts_refused += 1;
            return None;
        }
        if self.hosts.len() == self.hosts.capacity() {
            self.hosts.reserve_exact(self.hosts.len() / 16 + 16);
        }
        let place = u32::try_from(self.hosts.len()).ok()?;
        self.hosts.push((address, host));
        self.places.insert(address, place);
        Some(place)
    }

    /// What was learned of a host so far.
    pub fn host(&self, address: Address) -> Option<&Host> {
        let place = *self.places.get(&address)?;
        self.hosts.get(place as usize).map(|(_, host)| host)
    }

    /// What was learned.
    pub fn into_profile(self) -> Profile {
        let hosts = self.hosts.into_iter();
        Profile {
            hosts: hosts.map(|(host, known)| (host.ip(), known)).collect(),
        }
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
        blind: told.target.is_none(),
    };
    relaying.means.add(told.word);
    relaying.clients.add(told.client.ip());
    if let Some(target) = &told.target {
        relaying.targets.add(target.to_string());
    }
    relaying
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::facts::FlowId;
    use crate::facts::samples::{end, endpoint};

    pub(crate) fn learner(hosts: usize, detail: Detail) -> Learner {
        let inside = vec![endpoint("10.0.0.0:0").address..=endpoint("10.0.0.255:0").address];
        Learner::new(inside, Limits { hosts, relays: 2 }, detail)
    }

    /// A session of a client with a server, in which so many bytes came back.
    pub(crate) fn session(learner: &mut Learner, client: &str, server: &str, bytes: u64) {
        let told = evidence(1, Certainty::Proven).by(client).at(server);
        let mut end = end(FlowId(1));
        end.traffic.server_bytes = bytes;
        learner.ended(&told.session, &end);
    }

    pub(crate) fn relayed(learner: &mut Learner, client: &str, server: &str, second: i64) {
        let told = evidence(1, Certainty::Proven).by(client).at(server);
        let now = Timestamp::from_parts(second, 0);
        learner.relayed(&Told::of(&told).unwrap(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{learner, relayed, session};
    use super::*;
    use crate::facts::samples::endpoint;

    #[test]
    fn who_serves_and_who_goes_where_is_learned() {
        let mut learner = learner(8, Detail::All);
        session(&mut learner, "10.0.0.1:4000", "10.0.0.2:80", 9);
        session(&mut learner, "10.0.0.1:4001", "10.0.0.2:80", 9);
        session(&mut learner, "10.0.0.1:4002", "10.0.0.2:81", 0);
        session(&mut learner, "192.0.2.1:4003", "10.0.0.2:82", 9);
        let text = learner.into_profile().text().unwrap();
        for part in [
            "[hosts.\"10.0.0.2\".services.\"80/tcp\"]\nsessions = 2\n",
            "[hosts.\"10.0.0.1\".destinations.\"10.0.0.2:80/tcp\"]\nsessions = 2\n",
            "[hosts.\"10.0.0.1\".destinations.\"10.0.0.2:81/tcp\"]\n",
            "clients = [\"192.0.2.1\"]",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        for part in ["services.\"81/tcp\"", "hosts.\"192.0.2.1\""] {
            assert!(!text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn the_least_is_enough_to_tell_that_a_relay_is_new() {
        let mut learner = learner(8, Detail::Least);
        session(&mut learner, "10.0.0.1:4000", "10.0.0.2:80", 9);
        relayed(&mut learner, "10.0.0.1:4000", "10.0.0.2:1080", 300);
        let profile = learner.into_profile();
        let host = profile.host(endpoint("10.0.0.2:0").address).unwrap();
        assert!(host.relayed.is_some() && host.relays.is_empty() && host.services.is_empty());
        let of = |number| Port {
            number,
            transport: Transport::TCP,
        };
        let before = Timestamp::from_parts(101, 0);
        assert!(host.may_have_answered(of(80), before));
        assert!(!host.may_have_answered(of(1080), before));
    }

    #[test]
    fn whoever_comes_late_is_counted() {
        let mut learner = learner(1, Detail::All);
        session(&mut learner, "192.0.2.1:4000", "10.0.0.1:80", 9);
        session(&mut learner, "192.0.2.1:4000", "10.0.0.2:80", 9);
        assert_eq!(learner.hosts_refused(), 1);
        assert_eq!(learner.into_profile().len(), 1);
    }

    #[test]
    fn only_so_many_ways_to_relay_are_kept_and_the_host_is_still_known_to_relay() {
        let mut learner = learner(8, Detail::All);
        for server in ["10.0.0.2:1", "10.0.0.2:2", "10.0.0.3:3"] {
            relayed(&mut learner, "10.0.0.1:4000", server, 300);
        }
        let profile = learner.into_profile();
        let third = profile.host(endpoint("10.0.0.3:0").address).unwrap();
        assert!(third.relayed.is_some() && third.relays.is_empty());
    }
}
