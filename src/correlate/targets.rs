//! Whom a relay was asked to reach, and the flow on which it does.

use super::legs::{Leg, Legs};
use super::names::Names;
use super::recent::Recent;
use crate::decode::{Address, Endpoint};
use crate::evidence::{Evidence, Session};
use crate::facts::{FlowFacts, FlowId};
use crate::proto::target::{Host, Target};
use crate::time::{Span, Timestamp};

/// Requests whose second leg was not seen yet, up to a cap; the oldest give way.
#[derive(Debug)]
pub struct Requests {
    waiting: Recent<(Address, u16), Vec<Request>>,
    /// The flows that were bound already: a leg serves one request.
    bound: Recent<FlowId, ()>,
}

/// A relay was asked for a target.
#[derive(Clone, Debug)]
pub struct Request {
    /// The session that asked.
    pub session: Session,
    /// Who asked.
    pub client: Endpoint,
    relay: Address,
    target: Target,
}

impl Request {
    /// The request in evidence, if a client asked its server for a target.
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let exchange = evidence.exchange()?;
        let session = evidence.session;
        (!exchange.reverse).then_some(Self {
            session,
            client: session.client,
            relay: evidence.relay,
            target: exchange.target.clone()?,
        })
    }

    /// The request in the header of relayed datagrams.
    pub fn new(facts: &FlowFacts, target: &Target) -> Self {
        Self {
            session: facts.into(),
            client: facts.client,
            relay: facts.server.address,
            target: target.clone(),
        }
    }

    /// Whether a flow of the relay goes where it was asked to go: to the address, or to one that the relay was told for
    /// the name.
    fn is_met_by(&self, leg: &Leg, names: &Names, now: Timestamp) -> bool {
        let Session { server, opened, .. } = leg.session;
        let since = opened - self.session.opened;
        let timely = !since.is_negative() && since <= PATIENCE;
        let reaches = || match &self.target.host {
            Host::Ip(ip) => server.address == Address::from(*ip),
            Host::Name(name) => names.is_name_of(name, server.address, now),
        };
        leg.session.id != self.session.id && server.port == self.target.port && timely && reaches()
    }
}

impl Requests {
    /// No request; at most `cap` targets and as many bound flows are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            waiting: Recent::new(cap),
            bound: Recent::new(cap),
        }
    }

    /// Finds the flow that a request brought about, or else waits for it.
    pub fn ask(
        &mut self,
        request: Request,
        legs: &Legs,
        names: &Names,
        now: Timestamp,
    ) -> Option<Session> {
        let of_relay = legs.outbound(request.relay);
        let met = of_relay.filter(|leg| request.is_met_by(leg, names, now));
        let free = met.filter(|leg| !self.bound.contains(&leg.session.id));
        let first = free.min_by_key(|leg| (leg.session.opened, leg.session.id));
        match first.map(|leg| leg.session) {
            Some(session) => {
                self.bound.insert(session.id, ());
                Some(session)
            }
            None => {
                self.wait(request);
                None
            }
        }
    }

    fn wait(&mut self, request: Request) {
        let key = (request.relay, request.target.port);
        let mut waiting = self.waiting.remove(&key).unwrap_or_default();
        // A proxy that answers from its store leaves requests behind for which no leg comes.
        if waiting.len() >= WAITING_EACH {
            waiting.remove(0);
        }
        waiting.push(request);
        self.waiting.insert(key, waiting);
    }

    /// The request that a new flow meets, if one waits for it: of a client that is still there, or was a moment ago.
    pub fn spoke(
        &mut self,
        leg: &Leg,
        legs: &Legs,
        names: &Names,
        now: Timestamp,
    ) -> Option<Request> {
        let key = (leg.session.client.address, leg.session.server.port);
        let waiting = self.waiting.get_mut(&key)?;
        waiting.retain(|request| leg.session.opened - request.session.opened <= PATIENCE);
        let met = |request: &Request| request.is_met_by(leg, names, now);
        let waits = |request: &Request| {
            let is_there = legs.get(request.session.id).is_some();
            is_there || leg.session.opened - request.session.opened <= AT_ONCE
        };
        let place = waiting
            .iter()
            .position(|request| waits(request) && met(request))?;
        self.bound.insert(leg.session.id, ());
        Some(waiting.remove(place))
    }

    /// How many targets that were waited for gave way.
    pub fn forgotten(&self) -> u64 {
        self.waiting.displaced()
    }

    /// Bytes of memory for one target, an upper bound.
    pub const ENTRY_BYTES: usize = 4 * size_of::<((Address, u16), Vec<Request>)>()
        + WAITING_EACH * (size_of::<Request>() + 256)
        + 4 * size_of::<FlowId>();
}

/// From the opening of a session to the opening of the leg that it asked for: a name is looked up, and perhaps a
/// connection is tried again.
const PATIENCE: Span = Span::from_seconds(30);
/// Who leaves before may have been answered from a store, and what comes later is for somebody else.
const AT_ONCE: Span = Span::from_seconds(2);
const WAITING_EACH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::legs::samples::spoke;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::facts::Answers;
    use crate::facts::samples::endpoint;
    use crate::proto::dns::Named;

    const NOW: Timestamp = Timestamp::from_parts(150, 0);

    /// 10.0.0.1 asked 10.0.0.2:1080 for a target.
    fn request(target: &str) -> Request {
        let mut evidence = evidence(1, Certainty::Proven);
        evidence.exchange_mut().target = Target::from_authority(target.as_bytes());
        Request::of(&evidence).unwrap()
    }

    fn names() -> Names {
        let mut names = Names::new(8);
        let named = vec![Named {
            name: "web.test".to_owned(),
            ip: "192.0.2.80".parse().unwrap(),
            ttl: 60,
        }];
        let asker = endpoint("10.0.0.2:5353");
        names.learn(&Answers { asker, named }, NOW);
        names
    }

    #[test]
    fn a_request_is_bound_to_the_flow_that_reaches_its_target() {
        let cases = [
            ("192.0.2.80:443", "10.0.0.2:5", "192.0.2.80:443", true),
            ("web.test:443", "10.0.0.2:5", "192.0.2.80:443", true),
            ("other.test:443", "10.0.0.2:5", "192.0.2.80:443", false),
            ("192.0.2.80:443", "10.0.0.2:5", "192.0.2.80:80", false),
            ("192.0.2.80:443", "10.0.0.2:5", "192.0.2.81:443", false),
            ("192.0.2.80:443", "10.0.0.3:5", "192.0.2.80:443", false),
        ];
        for (target, client, server, expected) in cases {
            let flow = spoke(2, client, server);
            let mut before = Legs::new(4);
            before.insert(&flow);
            let mut requests = Requests::new(4);
            let bound = requests.ask(request(target), &before, &names(), NOW);
            assert_eq!(bound.is_some(), expected, "{target} {client} {server}");

            let mut requests = Requests::new(4);
            assert!(
                requests
                    .ask(request(target), &Legs::new(4), &names(), NOW)
                    .is_none()
            );
            let leg = *before.get(FlowId(2)).unwrap();
            let bound = requests.spoke(&leg, &before, &names(), NOW);
            assert_eq!(
                bound.is_some(),
                expected,
                "later: {target} {client} {server}"
            );
        }
    }

    #[test]
    fn a_leg_serves_one_request_and_a_request_has_one_leg() {
        let mut legs = Legs::new(4);
        legs.insert(&spoke(2, "10.0.0.2:5", "192.0.2.80:443"));
        legs.insert(&spoke(3, "10.0.0.2:6", "192.0.2.80:443"));
        let mut requests = Requests::new(4);
        let mut ask = || requests.ask(request("192.0.2.80:443"), &legs, &names(), NOW);
        let bound = [ask(), ask(), ask()].map(|bound| bound.map(|leg| leg.id.0));
        assert_eq!(bound, [Some(2), Some(3), None]);
    }

    #[test]
    fn who_is_gone_waits_no_more_and_the_oldest_gives_way() {
        let met_of = |asked: &[u64], after: i64, there: u64| {
            let mut leg = spoke(99, "10.0.0.2:5", "192.0.2.80:443");
            leg.opened = leg.opened + Span::from_seconds(after);
            let mut legs = Legs::new(4);
            legs.insert(&leg);
            legs.insert(&spoke(there, "10.0.0.1:5", "10.0.0.2:1080"));
            let mut requests = Requests::new(4);
            for &session in asked {
                let mut request = request("192.0.2.80:443");
                request.session.id = FlowId(session);
                requests.ask(request, &Legs::new(4), &names(), NOW);
            }
            let leg = *legs.get(FlowId(99)).unwrap();
            let request = requests.spoke(&leg, &legs, &names(), NOW);
            request.map(|request| request.session.id.0)
        };
        assert_eq!(met_of(&[1, 2, 3], 10, 2), Some(2));
        assert_eq!(met_of(&[1, 2, 3], 10, 7), None);
        assert_eq!(met_of(&[1, 2, 3], 0, 7), Some(1), "a moment ago");
        assert_eq!(met_of(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 0, 50), Some(2));
    }

    #[test]
    fn who_waits_too_long_waits_in_vain() {
        let mut requests = Requests::new(4);
        requests.ask(request("192.0.2.80:443"), &Legs::new(4), &names(), NOW);
        let mut late = spoke(2, "10.0.0.2:5", "192.0.2.80:443");
        late.opened = late.opened + Span::from_seconds(31);
        let mut legs = Legs::new(4);
        legs.insert(&late);
        let leg = *legs.get(FlowId(2)).unwrap();
        assert!(requests.spoke(&leg, &legs, &names(), NOW).is_none());
    }
}
