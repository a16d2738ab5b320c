//! The flows that are alive, by the hosts at their ends: each may be one leg of a relayed session.

use std::collections::{HashMap, VecDeque};

use super::slab::Slab;
use crate::decode::{Address, Endpoint};
use crate::evidence::Session;
use crate::facts::FlowId;
use crate::facts::legs::{Sighting, Spoke};
use crate::proto::Side;
use crate::proto::nonce::Kind;

/// Flows that speak and are not over, up to a cap; the one that spoke first gives way.
#[derive(Debug)]
pub struct Legs {
    legs: Slab<Leg>,
    hosts: Slab<Host>,
    places: HashMap<FlowId, u32, foldhash::fast::RandomState>,
    host_places: HashMap<Address, u32, foldhash::fast::RandomState>,
    /// Every flow in the order it first spoke, and flows that are over until their turn comes.
    order: VecDeque<FlowId>,
    cap: usize,
}

/// A flow that speaks.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// The flow.
    pub session: Session,
    /// Why what it carries cannot be read, if it cannot.
    pub veil: Option<Veil>,
    client: Seat,
    server: Seat,
}

/// Why nobody can read what a flow carries; what says more comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Veil {
    /// It is encrypted, or of high entropy.
    Unknown,
    /// TLS stands around it.
    Tls,
}

impl Veil {
    /// What a nonce says of the flow on which it was seen.
    pub fn of(sighting: &Sighting) -> Option<Self> {
        match sighting.kind {
            Kind::Text => None,
            Kind::Tls if sighting.offset == 0 => Some(Self::Tls),
            Kind::Tls | Kind::Handshake | Kind::Binary => Some(Self::Unknown),
        }
    }
}

/// Where a flow stands in the list of a host.
#[derive(Clone, Copy, Debug)]
struct Seat {
    host: u32,
    slot: u32,
}

/// The flows at one host, each by its place.
#[derive(Debug)]
struct Host {
    address: Address,
    inbound: Vec<u32>,
    outbound: Vec<u32>,
}

impl Leg {
    /// Who sends on a side.
    pub fn end(&self, side: Side) -> Endpoint {
        match side {
            Side::Client => self.session.client,
            Side::Server => self.session.server,
        }
    }

    fn seat(&self, side: Side) -> Seat {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    fn seat_mut(&mut self, side: Side) -> &mut Seat {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Host {
    fn new(address: Address) -> Self {
        Self {
            address,
            inbound: Vec::new(),
            outbound: Vec::new(),
        }
    }

    /// The flows in which it has a side.
    fn flows(&self, side: Side) -> &[u32] {
        match side {
            Side::Client => &self.outbound,
            Side::Server => &self.inbound,
        }
    }

    fn flows_mut(&mut self, side: Side) -> &mut Vec<u32> {
        match side {
            Side::Client => &mut self.outbound,
            Side::Server => &mut self.inbound,
        }
    }
}

impl Legs {
    /// No flow; at most `cap` are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            legs: Slab::new(),
            hosts: Slab::new(),
            places: HashMap::default(),
            host_places: HashMap::default(),
            order: VecDeque::new(),
            cap,
        }
    }

    /// Remembers a flow that speaks. Says how many had to give way.
    pub fn insert(&mut self, spoke: &Spoke) -> u64 {
        let hosts = [spoke.client, spoke.server].map(|end| self.host(end.address));
        let [client, server] = hosts.map(|host| Seat { host, slot: 0 });
        let place = self.legs.insert(Leg {
            session: Session::from(spoke),
            veil: None,
            client,
            server,
        });
        self.sit_down(place, Side::Client);
        self.sit_down(place, Side::Server);
        self.places.insert(spoke.id, place);
        self.order.push_back(spoke.id);
        self.make_room()
    }

    /// The place of a host, which may be new.
    fn host(&mut self, address: Address) -> u32 {
        let Self {
            hosts, host_places, ..
        } = self;
        let place = host_places.entry(address);
        *place.or_insert_with(|| hosts.insert(Host::new(address)))
    }

    /// Puts a flow at the end of the list of its host.
    fn sit_down(&mut self, place: u32, side: Side) {
        if let Some(leg) = self.legs.get_mut(place)
            && let Some(host) = self.hosts.get_mut(leg.seat(side).host)
        {
            let flows = host.flows_mut(side);
            leg.seat_mut(side).slot = u32::try_from(flows.len()).unwrap_or(u32::MAX);
            flows.push(place);
        }
    }

    fn make_room(&mut self) -> u64 {
        self.tidy();
        let mut displaced = 0;
        while self.legs.len() > self.cap {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            displaced += u64::from(self.remove(oldest).is_some());
        }
        displaced
    }

    /// Forgets the turns of flows that are over, once they are more than what is there.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.cap.max(1) {
            let places = &self.places;
            self.order.retain(|id| places.contains_key(id));
        }
    }

    /// Forgets a flow that is over.
    pub fn remove(&mut self, id: FlowId) -> Option<Leg> {
        let place = self.places.remove(&id)?;
        let leg = self.legs.remove(place)?;
        self.stand_up(leg.client, Side::Client);
        self.stand_up(leg.server, Side::Server);
        Some(leg)
    }

    /// Frees a seat: the flow that sits last takes it.
    fn stand_up(&mut self, seat: Seat, side: Side) {
        let Some(host) = self.hosts.get_mut(seat.host) else {
            return;
        };
        let (flows, slot) = (host.flows_mut(side), seat.slot as usize);
        if slot < flows.len() {
            flows.swap_remove(slot);
        }
        let moved = flows.get(slot).copied();
        if let Some(moved) = moved.and_then(|moved| self.legs.get_mut(moved)) {
            *moved.seat_mut(side) = seat;
        }
        if host.inbound.is_empty() && host.outbound.is_empty() {
            self.host_places.remove(&host.address);
            self.hosts.remove(seat.host);
        }
    }

    /// Notes that what a flow carries cannot be read.
    pub fn hide(&mut self, id: FlowId, veil: Veil) {
        if let Some(&place) = self.places.get(&id)
            && let Some(leg) = self.legs.get_mut(place)
        {
            leg.veil = leg.veil.max(Some(veil));
        }
    }

    /// A flow that speaks and is not over.
    pub fn get(&self, id: FlowId) -> Option<&Leg> {
        self.legs.get(*self.places.get(&id)?)
    }

    /// The flows that a host opened.
    pub fn outbound(&self, host: Address) -> impl Iterator<Item = &Leg> {
        self.listed(self.known(host), Side::Client)
    }

    /// The flows that were opened to a host.
    pub fn inbound(&self, host: Address) -> impl Iterator<Item = &Leg> {
        self.listed(self.known(host), Side::Server)
    }

    /// The flows in which the host at one `end` of a leg has a side, that leg perhaps among them.
    pub fn beside(&self, leg: &Leg, end: Side, side: Side) -> impl Iterator<Item = &Leg> {
        self.listed(self.hosts.get(leg.seat(end).host), side)
    }

    fn known(&self, host: Address) -> Option<&Host> {
        self.hosts.get(*self.host_places.get(&host)?)
    }

    fn listed(&self, host: Option<&Host>, side: Side) -> impl Iterator<Item = &Leg> {
        let flows = host.map(|host| host.flows(side)).unwrap_or_default();
        let newest_first = flows.iter().rev().take(LOOKED_AT);
        newest_first.filter_map(|&place| self.legs.get(place))
    }

    /// A flow between two hosts, whoever opened it.
    pub fn between(&self, one: Address, other: Address) -> Option<&Leg> {
        let (one, other) = (self.known(one)?, self.known(other)?);
        let called = self.called(one, other);
        called.or_else(|| self.called(other, one))
    }

    /// A flow that `client` opened to `server`, looked for where fewer are.
    fn called(&self, client: &Host, server: &Host) -> Option<&Leg> {
        if client.outbound.len() <= server.inbound.len() {
            let goes = |leg: &&Leg| leg.session.server.address == server.address;
            self.listed(Some(client), Side::Client).find(goes)
        } else {
            let comes = |leg: &&Leg| leg.session.client.address == client.address;
            self.listed(Some(server), Side::Server).find(comes)
        }
    }

    /// How many flows are remembered.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Bytes of memory for one flow, an upper bound: its entry, two hosts with a list each, its place in the order.
    pub const LEG_BYTES: usize = Slab::<Leg>::ENTRY_BYTES
        + 2 * (size_of::<(FlowId, u32)>() + 1)
        + 2 * (Slab::<Host>::ENTRY_BYTES + 2 * size_of::<(Address, u32)>() + 4 * size_of::<u32>())
        + 4 * size_of::<FlowId>();
}

/// Flows of one host that are looked at for one question: the cost of a busy host stays bounded.
const LOOKED_AT: usize = 1_024;

#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::decode::Transport;
    use crate::facts::Quality;
    use crate::facts::samples::endpoint;
    use crate::time::Timestamp;

    /// A TCP flow of this number that speaks.
    pub(crate) fn spoke(number: u64, client: &str, server: &str) -> Spoke {
        Spoke {
            id: FlowId(number),
            client: endpoint(client),
            server: endpoint(server),
            transport: Transport::TCP,
            opened: Timestamp::from_parts(100, 0),
            vlan: None,
            quality: Quality::default(),
            flight: None,
            nonce: None,
        }
    }

    /// Flows between these ends, numbered from 1.
    pub(crate) fn legs(flows: &[(&str, &str)]) -> Legs {
        let mut legs = Legs::new(64);
        for (number, (client, server)) in (1..).zip(flows) {
            legs.insert(&spoke(number, client, server));
        }
        legs
    }

    impl Legs {
        /// As if none had been seen from its beginning.
        pub(crate) fn pick_up_in_the_middle(&mut self) {
            for &place in self.places.values() {
                let leg = self.legs.get_mut(place).unwrap();
                leg.session.quality.midstream = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::spoke;
    use super::*;
    use crate::facts::samples::endpoint;

    fn ids<'a>(legs: impl Iterator<Item = &'a Leg>) -> Vec<u64> {
        legs.map(|leg| leg.session.id.0).collect()
    }

    fn host(text: &str) -> Address {
        endpoint(&format!("{text}:1")).address
    }

    #[test]
    fn tls_is_told_where_nothing_stands_before_it() {
        let cases = [
            (Kind::Tls, 0, Some(Veil::Tls)),
            (Kind::Tls, 10, Some(Veil::Unknown)),
            (Kind::Handshake, 0, Some(Veil::Unknown)),
            (Kind::Binary, 0, Some(Veil::Unknown)),
            (Kind::Text, 0, None),
        ];
        for (kind, offset, veil) in cases {
            let sighting = Sighting {
                flow: FlowId(1),
                from: Side::Client,
                kind,
                hash: 7,
                offset,
                is_framed: false,
                sequence: None,
            };
            assert_eq!(Veil::of(&sighting), veil, "{kind:?} at {offset}");
        }
    }

    #[test]
    fn flows_are_found_by_the_hosts_at_their_ends() {
        let mut legs = Legs::new(8);
        legs.insert(&spoke(1, "10.0.0.1:1", "10.0.0.2:80"));
        legs.insert(&spoke(2, "10.0.0.2:2", "10.0.0.3:80"));
        legs.insert(&spoke(3, "10.0.0.2:3", "10.0.0.4:80"));
        assert_eq!(ids(legs.outbound(host("10.0.0.2"))), [3, 2]);
        assert_eq!(ids(legs.inbound(host("10.0.0.2"))), [1]);
        assert_eq!(ids(legs.inbound(host("10.0.0.9"))), [0u64; 0]);
        let between = |one, other| {
            let leg = legs.between(host(one), host(other));
            leg.map(|leg| leg.session.id.0)
        };
        assert_eq!(between("10.0.0.1", "10.0.0.2"), Some(1));
        assert_eq!(between("10.0.0.2", "10.0.0.1"), Some(1));
        assert_eq!(between("10.0.0.1", "10.0.0.3"), None);
    }

    /// Whatever is removed in whatever order, the lists hold what is left.
    #[test]
    fn what_is_over_leaves_every_list() {
        let order = [3, 1, 5, 2, 4, 0];
        let mut legs = Legs::new(8);
        for number in 0..6 {
            let client = format!("10.0.0.1:{}", number + 1);
            legs.insert(&spoke(number, &client, "10.0.0.2:80"));
        }
        for (gone, number) in order.into_iter().enumerate() {
            assert!(legs.remove(FlowId(number)).is_some());
            assert!(legs.remove(FlowId(number)).is_none());
            let mut left = order[gone + 1..].to_vec();
            left.sort_unstable();
            for listed in [
                ids(legs.outbound(host("10.0.0.1"))),
                ids(legs.inbound(host("10.0.0.2"))),
            ] {
                let mut listed = listed;
                listed.sort_unstable();
                assert_eq!(listed, left);
            }
        }
        assert!(legs.is_empty() && legs.hosts.is_empty() && legs.host_places.is_empty());
    }

    #[test]
    fn the_flow_that_spoke_first_gives_way() {
        let mut legs = Legs::new(2);
        let displaced: Vec<u64> = (0..4)
            .map(|number| legs.insert(&spoke(number, "10.0.0.1:1", "10.0.0.2:80")))
            .collect();
        assert_eq!((displaced, legs.len()), (vec![0, 0, 1, 1], 2));
        assert_eq!(ids(legs.inbound(host("10.0.0.2"))), [3, 2]);
    }

    #[test]
    fn flows_that_come_and_go_leave_nothing_behind() {
        let mut legs = Legs::new(2);
        for number in 0..100 {
            legs.insert(&spoke(number, "10.0.0.1:1", "10.0.0.2:80"));
            legs.remove(FlowId(number));
        }
        assert!(legs.order.len() <= 4 && legs.hosts.is_empty());
    }

    #[test]
    fn a_flow_that_stays_outlives_any_number_of_others() {
        let mut legs = Legs::new(2);
        legs.insert(&spoke(0, "10.0.0.1:1", "10.0.0.2:80"));
        let mut displaced = 0;
        for number in 1..100 {
            displaced += legs.insert(&spoke(number, "10.0.0.1:2", "10.0.0.2:80"));
            legs.remove(FlowId(number));
        }
        assert!(displaced == 0 && legs.get(FlowId(0)).is_some());
    }
}
