//! # multi-hop
//!
//! Several hosts relay one session one after the other, so that its target does not see where it comes from.
//!
//! ## Sees
//!
//! Relayed sessions whose second leg is the first leg of another one: the joins of the `relay` detector, put together
//! into the way from the first client to the last target. The hosts stand in the order in which the session passes them.
//! A tunnel between two relays in which nothing can be read is crossed where the same content enters one end and leaves
//! the other.
//!
//! ## Means
//!
//! Two or more intermediate hosts (`relays`, a setting) between a client and its target: proxychains, `ssh -J`, port
//! forwards behind port forwards, a tunnel into a network and a proxy behind it. MITRE ATT&CK calls it Multi-hop Proxy.
//!
//! ## Quiet when
//!
//! Only one host relays; that is a finding of `relay`. The agent of a reverse tunnel counts as a relay of its own, because
//! what it receives is not for itself.
//!
//! ## Misses
//!
//! Hops whose legs the sensor does not see, relays that hold content back for longer than ten seconds, and steps where
//! neither content nor timing and size survive, such as padded or multiplexed covers.

use super::recent::Recent;
use crate::decode::Address;
use crate::evidence::{Certainty, Chain, Evidence, Mechanism, Says, Session};
use crate::facts::FlowId;

/// One joined step of a way: a session that comes in and goes out again.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The leg that comes in, a connection between two relays if there is one, and the leg that goes out.
    pub legs: Vec<Session>,
    /// Where it comes from.
    pub client: Address,
    /// The hosts that relay: one, or both ends of the connection between.
    pub relays: Vec<Address>,
    /// Where it goes.
    pub target: Address,
    /// Whether the target is known to pass on what comes, as the agent of a reverse tunnel does.
    pub passes_on: bool,
    /// How it relays.
    pub mechanism: Mechanism,
    /// How sure that is.
    pub certainty: Certainty,
}

impl Hop {
    fn inbound(&self) -> Option<FlowId> {
        self.legs.first().map(|leg| leg.id)
    }

    fn outbound(&self) -> Option<FlowId> {
        self.legs.last().map(|leg| leg.id)
    }
}

/// The hops known of flows that are alive or were lately; at most a given number.
#[derive(Debug)]
pub struct Hops {
    /// The hop that goes out on a flow.
    into: Recent<FlowId, Hop>,
    /// The flows on which what came in on a flow goes out.
    onto: Recent<FlowId, Vec<FlowId>>,
    /// Intermediate hosts that make a way worth telling.
    relays: usize,
}

impl Hops {
    /// No hop known; at most `cap` are remembered. Ways through `relays` hosts or more are told.
    pub fn new(cap: usize, relays: usize) -> Self {
        Self {
            into: Recent::new(cap),
            onto: Recent::new(cap),
            relays,
        }
    }

    /// Adds a hop. Gives the ways that it completes.
    pub fn add(&mut self, hop: Hop) -> Vec<Evidence> {
        let (Some(inbound), Some(outbound)) = (hop.inbound(), hop.outbound()) else {
            return Vec::new();
        };
        let mut onward = self.onto.remove(&inbound).unwrap_or_default();
        if onward.len() < FOLLOWED {
            onward.push(outbound);
        }
        self.onto.insert(inbound, onward);
        self.into.insert(outbound, hop);
        let ends = self.ends_behind(outbound);
        ends.into_iter()
            .filter_map(|end| self.way_to(end))
            .collect()
    }

    /// The last flows of the ways that lead over a flow.
    fn ends_behind(&self, flow: FlowId) -> Vec<FlowId> {
        let mut ends = vec![flow];
        for _ in 0..LONGEST {
            let step = |end: FlowId| match self.onto.get(&end) {
                Some(onward) if !onward.is_empty() => onward.clone(),
                _ => vec![end],
            };
            let next: Vec<FlowId> = ends.iter().copied().flat_map(step).take(FOLLOWED).collect();
            if next == ends {
                break;
            }
            ends = next;
        }
        ends
    }

    /// The way that ends with a flow, if it leads over hosts enough.
    fn way_to(&self, end: FlowId) -> Option<Evidence> {
        let last = self.into.get(&end)?;
        let before = |hop: &&Hop| self.into.get(&hop.inbound()?);
        let mut hops: Vec<&Hop> = std::iter::successors(Some(last), before)
            .take(LONGEST)
            .collect();
        hops.reverse();
        let relays =
            hops.iter().map(|hop| hop.relays.len()).sum::<usize>() + usize::from(last.passes_on);
        (relays >= self.relays).then(|| way(&hops, relays))?
    }

    /// Bytes of memory for one hop, an upper bound.
    pub const ENTRY_BYTES: usize = 4 * size_of::<(FlowId, Hop)>()
        + 4 * size_of::<Session>()
        + 4 * size_of::<(FlowId, Vec<FlowId>)>()
        + FOLLOWED * size_of::<FlowId>();
}

fn way(hops: &[&Hop], relays: usize) -> Option<Evidence> {
    let (first, last) = (hops.first()?, hops.last()?);
    let relaying = hops.iter().flat_map(|hop| hop.relays.iter().copied());
    let hosts: Vec<Address> = std::iter::once(first.client)
        .chain(relaying)
        .chain([last.target])
        .collect();
    if repeats(&hosts) {
        return None;
    }
    let further = hops.iter().flat_map(|hop| hop.legs.iter().skip(1).copied());
    Some(Evidence {
        detector: "multi-hop",
        certainty: hops.iter().map(|hop| hop.certainty).min()?,
        session: *first.legs.first()?,
        further: further.collect(),
        relay: *first.relays.first()?,
        says: Says::Chain(Chain {
            hosts,
            relays,
            mechanisms: hops.iter().map(|hop| hop.mechanism).collect(),
        }),
    })
}

/// A way that comes back to a host is two ways that meet there.
fn repeats(hosts: &[Address]) -> bool {
    let mut sorted = hosts.to_vec();
    sorted.sort_unstable();
    sorted
        .windows(2)
        .any(|pair| matches!(pair, [one, other] if one == other))
}

/// Hops of a way, and ways that go on from one flow.
const LONGEST: usize = 8;
const FOLLOWED: usize = 8;
