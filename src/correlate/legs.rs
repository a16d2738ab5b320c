//! The flows that are alive, by the hosts at their ends: each may be one leg of a relayed session.

use std::collections::{HashMap, VecDeque};

use crate::decode::{Address, Endpoint};
use crate::evidence::Session;
use crate::facts::FlowId;
use crate::facts::legs::Spoke;
use crate::proto::Side;

/// Flows that speak and are not over, up to a cap; the one that spoke first gives way.
#[derive(Debug)]
pub struct Legs {
    flows: HashMap<FlowId, Leg, foldhash::fast::RandomState>,
    hosts: HashMap<Address, Host, foldhash::fast::RandomState>,
    /// Every flow in the order it first spoke, and flows that are over until their turn comes.
    order: VecDeque<FlowId>,
    cap: usize,
}

/// A flow that speaks.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// The flow.
    pub session: Session,
    /// Whether what it carries cannot be read: encrypted, or of high entropy.
    pub is_opaque: bool,
    /// Where it stands in its hosts' lists.
    outbound_slot: u32,
    inbound_slot: u32,
}

/// The flows at one host.
#[derive(Debug, Default)]
struct Host {
    inbound: Vec<FlowId>,
    outbound: Vec<FlowId>,
}

impl Leg {
    /// Who sends on a side.
    pub fn end(&self, side: Side) -> Endpoint {
        match side {
            Side::Client => self.session.client,
            Side::Server => self.session.server,
        }
    }
}

impl Legs {
    /// No flow; at most `cap` are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            flows: HashMap::default(),
            hosts: HashMap::default(),
            order: VecDeque::new(),
            cap,
        }
    }

    /// Remembers a flow that speaks. Says how many had to give way.
    pub fn insert(&mut self, spoke: &Spoke) -> u64 {
        let leg = Leg {
            session: Session::from(spoke),
            is_opaque: false,
            outbound_slot: push(&mut self.host(spoke.client.address).outbound, spoke.id),
            inbound_slot: push(&mut self.host(spoke.server.address).inbound, spoke.id),
        };
        self.flows.insert(spoke.id, leg);
        self.order.push_back(spoke.id);
        self.make_room()
    }

    fn host(&mut self, address: Address) -> &mut Host {
        self.hosts.entry(address).or_default()
    }

    fn make_room(&mut self) -> u64 {
        let mut displaced = 0;
        while self.flows.len() > self.cap || self.order.len() > 2 * self.cap.max(1) {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            displaced += u64::from(self.remove(oldest).is_some());
        }
        displaced
    }

    /// Forgets a flow that is over.
    pub fn remove(&mut self, id: FlowId) -> Option<Leg> {
        let leg = self.flows.remove(&id)?;
        let (client, server) = (leg.session.client.address, leg.session.server.address);
        if let Some(moved) = self.leave(client, |host| &mut host.outbound, leg.outbound_slot)
            && let Some(moved) = self.flows.get_mut(&moved)
        {
            moved.outbound_slot = leg.outbound_slot;
        }
        if let Some(moved) = self.leave(server, |host| &mut host.inbound, leg.inbound_slot)
            && let Some(moved) = self.flows.get_mut(&moved)
        {
            moved.inbound_slot = leg.inbound_slot;
        }
        Some(leg)
    }

    /// Takes a flow out of a host's list; gives the one that moved to its slot.
    fn leave(
        &mut self,
        address: Address,
        list: fn(&mut Host) -> &mut Vec<FlowId>,
        slot: u32,
    ) -> Option<FlowId> {
        let host = self.hosts.get_mut(&address)?;
        let flows = list(host);
        let slot = slot as usize;
        if slot < flows.len() {
            flows.swap_remove(slot);
        }
        let moved = flows.get(slot).copied();
        if host.inbound.is_empty() && host.outbound.is_empty() {
            self.hosts.remove(&address);
        }
        moved
    }

    /// Notes that what a flow carries cannot be read.
    pub fn hide(&mut self, id: FlowId) {
        if let Some(leg) = self.flows.get_mut(&id) {
            leg.is_opaque = true;
        }
    }

    /// A flow that speaks and is not over.
    pub fn get(&self, id: FlowId) -> Option<&Leg> {
        self.flows.get(&id)
    }

    /// The flows that a host opened.
    pub fn outbound(&self, host: Address) -> impl Iterator<Item = &Leg> {
        let flows = self.hosts.get(&host).map(|host| host.outbound.as_slice());
        self.listed(flows)
    }

    /// The flows that were opened to a host.
    pub fn inbound(&self, host: Address) -> impl Iterator<Item = &Leg> {
        let flows = self.hosts.get(&host).map(|host| host.inbound.as_slice());
        self.listed(flows)
    }

    fn listed(&self, flows: Option<&[FlowId]>) -> impl Iterator<Item = &Leg> {
        let newest_first = flows.unwrap_or_default().iter().rev().take(LOOKED_AT);
        newest_first.filter_map(|id| self.flows.get(id))
    }

    /// A flow between two hosts, whoever opened it.
    pub fn between(&self, one: Address, other: Address) -> Option<&Leg> {
        self.called(one, other).or_else(|| self.called(other, one))
    }

    /// A flow that `client` opened to `server`, looked for where fewer are.
    fn called(&self, client: Address, server: Address) -> Option<&Leg> {
        let outbound = self.hosts.get(&client)?.outbound.len();
        let inbound = self.hosts.get(&server)?.inbound.len();
        if outbound <= inbound {
            let goes = |leg: &&Leg| leg.session.server.address == server;
            self.outbound(client).find(goes)
        } else {
            let comes = |leg: &&Leg| leg.session.client.address == client;
            self.inbound(server).find(comes)
        }
    }

    /// How many flows are remembered.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Bytes of memory for one flow, an upper bound: its entry, two hosts with a list each, its place in the order.
    pub const LEG_BYTES: usize = 2 * (size_of::<(FlowId, Leg)>() + 1)
        + 2 * (2 * size_of::<(Address, Host)>() + 4 * size_of::<FlowId>())
        + 4 * size_of::<FlowId>();
}

fn push(flows: &mut Vec<FlowId>, id: FlowId) -> u32 {
    flows.push(id);
    u32::try_from(flows.len() - 1).unwrap_or(u32::MAX)
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
            for leg in self.flows.values_mut() {
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
        assert!(legs.is_empty() && legs.hosts.is_empty());
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
}
