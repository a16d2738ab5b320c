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

use std::collections::VecDeque;

use super::recent::Recent;
use crate::decode::Address;
use crate::evidence::{Certainty, Chain, Evidence, Mechanism, Says, Session};
use crate::facts::FlowId;
use crate::time::{Span, Timestamp};

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
    /// The flows on which hops go out that were added lately, with the moment at which their ways are told: legs are
    /// joined in any order, and a way is told when it is whole.
    due: VecDeque<(Timestamp, FlowId)>,
    /// The flows whose ways were told.
    told: Recent<FlowId, ()>,
    /// Intermediate hosts that make a way worth telling.
    relays: usize,
}

impl Hops {
    /// No hop known; at most `cap` are remembered. Ways through `relays` hosts or more are told.
    pub fn new(cap: usize, relays: usize) -> Self {
        Self {
            into: Recent::new(cap),
            onto: Recent::new(cap),
            due: VecDeque::new(),
            told: Recent::new(cap),
            relays,
        }
    }

    /// Adds a hop.
    pub fn add(&mut self, hop: Hop, now: Timestamp) {
        let (Some(inbound), Some(outbound)) = (hop.inbound(), hop.outbound()) else {
            return;
        };
        let mut onward = self.onto.remove(&inbound).unwrap_or_default();
        if onward.len() < FOLLOWED {
            onward.push(outbound);
        }
        self.onto.insert(inbound, onward);
        self.into.insert(outbound, hop);
        self.due.push_back((now + SETTLING, outbound));
    }

    /// Whether [`Hops::settled`] has something to look at.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due.front().is_some_and(|&(due, _)| due <= now)
    }

    /// The ways to which nothing was joined for a while, or every way where no `now` is given.
    pub fn settled(&mut self, now: Option<Timestamp>) -> Vec<Evidence> {
        let mut ways = Vec::new();
        while let Some(&(_, flow)) = self.due.front() {
            if now.is_some_and(|now| !self.is_due(now)) {
                break;
            }
            self.due.pop_front();
            ways.extend(self.ways_over(flow));
        }
        ways
    }

    fn ways_over(&mut self, flow: FlowId) -> Vec<Evidence> {
        let ends = self.ends_behind(flow);
        let fresh: Vec<FlowId> = ends
            .into_iter()
            .filter(|end| !self.told.contains(end))
            .collect();
        let mut ways = Vec::new();
        for end in fresh {
            if let Some(way) = self.way_to(end) {
                self.told.insert(end, ());
                ways.push(way);
            }
        }
        ways
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

    /// How many hops gave way.
    pub fn forgotten(&self) -> u64 {
        self.into.displaced()
    }

    /// Bytes of memory for one hop, an upper bound.
    pub const ENTRY_BYTES: usize = 4 * size_of::<(FlowId, Hop)>()
        + 4 * size_of::<Session>()
        + 4 * size_of::<(FlowId, Vec<FlowId>)>()
        + FOLLOWED * size_of::<FlowId>()
        + 8 * size_of::<(Timestamp, FlowId)>();
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

/// Legs of one session are joined within moments of each other; what is held back longer tells a second way.
const SETTLING: Span = Span::from_seconds(2);
/// Hops of a way, and ways that go on from one flow.
const LONGEST: usize = 8;
const FOLLOWED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::legs::samples::spoke;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn session(number: u64, client: u8, server: u8) -> Session {
        let end = |host| format!("10.0.0.{host}:1");
        Session::from(&spoke(number, &end(client), &end(server)))
    }

    /// The hop through `hosts[1]` from a leg to another one, each by its number.
    fn hop(legs: [u64; 2], hosts: [u8; 3]) -> Hop {
        let [client, relay, target] = hosts;
        let address = |host| session(0, host, host).client.address;
        Hop {
            legs: vec![
                session(legs[0], client, relay),
                session(legs[1], relay, target),
            ],
            client: address(client),
            relays: vec![address(relay)],
            target: address(target),
            passes_on: false,
            mechanism: Mechanism::Forward,
            certainty: Certainty::Proven,
        }
    }

    fn ways(hops: &mut Hops, now: Option<Timestamp>) -> Vec<String> {
        let ways = hops.settled(now);
        let chains = ways.iter().filter_map(|evidence| match &evidence.says {
            Says::Chain(chain) => Some(chain),
            _ => None,
        });
        let last = |host: &Address| host.ip().to_string().replace("10.0.0.", "");
        chains
            .map(|chain| chain.hosts.iter().map(last).collect::<Vec<_>>().join(">"))
            .collect()
    }

    fn told(added: &[([u64; 2], [u8; 3])], relays: usize) -> Vec<String> {
        let mut hops = Hops::new(16, relays);
        for (legs, hosts) in added {
            hops.add(hop(*legs, *hosts), at(1));
        }
        ways(&mut hops, None)
    }

    #[test]
    fn hops_make_a_way_in_whatever_order_they_are_found() {
        let [a, b, c] = [
            ([1, 2], [1, 2, 3]),
            ([2, 3], [2, 3, 4]),
            ([3, 4], [3, 4, 5]),
        ];
        for order in [[a, b, c], [c, b, a], [b, a, c], [a, c, b]] {
            assert_eq!(told(&order, 2), ["1>2>3>4>5"], "{order:?}");
        }
        assert_eq!(told(&[a, b], 2), ["1>2>3>4"]);
        assert_eq!(told(&[a, b], 3), [""; 0]);
        assert_eq!(told(&[a], 2), [""; 0]);
        assert_eq!(told(&[a], 1), ["1>2>3"]);
        assert_eq!(
            told(&[a, ([9, 10], [2, 3, 4])], 2),
            [""; 0],
            "another session"
        );
    }

    #[test]
    fn one_leg_may_go_on_to_several_targets() {
        let hops = [
            ([1, 2], [1, 2, 3]),
            ([2, 3], [2, 3, 4]),
            ([2, 4], [2, 3, 5]),
        ];
        assert_eq!(told(&hops, 2), ["1>2>3>4", "1>2>3>5"]);
    }

    #[test]
    fn a_way_that_returns_is_none() {
        assert_eq!(
            told(&[([1, 2], [1, 2, 3]), ([2, 3], [2, 3, 1])], 2),
            [""; 0]
        );
        let circle = [([1, 2], [1, 2, 3]), ([2, 1], [3, 1, 2])];
        assert_eq!(told(&circle, 2), [""; 0]);
    }

    #[test]
    fn a_way_is_told_once_and_when_it_is_whole() {
        let mut hops = Hops::new(16, 2);
        hops.add(hop([2, 3], [2, 3, 4]), at(1));
        assert_eq!(ways(&mut hops, Some(at(2))), [""; 0]);
        hops.add(hop([1, 2], [1, 2, 3]), at(2));
        assert_eq!(ways(&mut hops, Some(at(3))), ["1>2>3>4"]);
        assert_eq!(ways(&mut hops, None), [""; 0]);
    }

    #[test]
    fn the_agent_of_a_reverse_tunnel_counts() {
        let mut hops = Hops::new(16, 2);
        let reverse = Hop {
            passes_on: true,
            ..hop([1, 2], [1, 2, 3])
        };
        hops.add(reverse, at(1));
        assert_eq!(ways(&mut hops, None), ["1>2>3"]);
    }
}
