//! # new-relay
//!
//! A host that was watched and never relayed begins to relay.
//!
//! ## Sees
//!
//! What `socks-proxy`, `http-connect-proxy`, `http-forward-proxy`, `websocket-tunnel` and `relay` find, from *probable* on,
//! held against what is known of the relay: the profile that `hopscope learn` wrote (`baseline.profile`), or without one
//! the time for which the host was watched in this run, once that is longer than the warm-up.
//!
//! ## Means
//!
//! The host left its role. What is new is told: the first listener on a port (nothing was ever answered there), the first
//! proxy exchange, the first forwarded leg; and since when the host was watched. It is as certain as what it stands on, which
//! is told too, in findings of its own. A host that relays from one address to another is named by one of them, and called at
//! the other. It is a step more severe than a relay that was always there, unless it is approved.
//! MITRE ATT&CK calls it Proxy.
//!
//! ## Quiet when
//!
//! The host relayed before, by whatever means and at whatever port; nobody watched it, or not for long enough; it
//! is outside of `networks.inside` and in no profile.
//!
//! ## Misses
//!
//! Hosts that relayed while they were learned: read the proposals of `hopscope learn`, they name each. A second relay on a host
//! that had one. A host that gets an address which another one had before is taken for that one. Relays that the other
//! detectors miss.

use std::ops::RangeInclusive;

use super::destinations::Before;
use super::recent::Recent;
use crate::decode::Address;
use crate::evidence::Session;
use crate::evidence::{Certainty, Evidence, First, Mechanism, Says, Turn, Watched};
use crate::facts::legs::Spoke;
use crate::facts::{FlowEnd, FlowId, PayloadSizes};
use crate::profile::Profile;
use crate::profile::host::{Host, Listener};
use crate::profile::learner::{Detail, Learner, Limits, Told};
use crate::profile::usual::Usual;
use crate::time::{Span, Timestamp};

/// Holds relays against what is known of their hosts, and learns of hosts.
#[derive(Debug)]
pub struct NewRelays {
    baseline: Option<Baseline>,
    learner: Option<Learner>,
    /// Sessions that were told, so that each counts once whoever tells of it.
    told: Recent<FlowId, ()>,
}

/// What is known of hosts before they relay.
#[derive(Clone, Debug)]
pub enum Baseline {
    /// What was learned before this run.
    Profile(Profile),
    /// What was learned in this run, of hosts that were watched for so long.
    Run(Span),
}

/// What a run knows and learns of hosts.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What relays are held against; `None` where nobody asks.
    pub baseline: Option<Baseline>,
    /// What payload sizes are held against; `None` where nobody asks, or nobody knows.
    pub payloads: Option<Usual>,
    /// What tells whether hosts went somewhere before.
    pub before: Before,
    /// Whether a profile is wanted when the run is over.
    pub learns: bool,
    /// The addresses of hosts that are watched.
    pub inside: Vec<RangeInclusive<Address>>,
    /// The caps of what is learned.
    pub limits: Limits,
    /// Sessions that are remembered.
    pub remembered: usize,
}

impl NewRelays {
    /// Nothing seen.
    pub fn new(watch: Watch) -> Self {
        let detail = if watch.learns {
            Detail::All
        } else {
            Detail::Least
        };
        let learns = watch.learns || matches!(watch.baseline, Some(Baseline::Run(_)));
        Self {
            baseline: watch.baseline,
            learner: learns.then(|| Learner::new(watch.inside, watch.limits, detail)),
            told: Recent::new(watch.remembered),
        }
    }

    /// Takes a flow that speaks.
    pub fn spoke(&mut self, spoke: &Spoke) {
        if let Some(learner) = &mut self.learner {
            learner.spoke(spoke);
        }
    }

    /// Takes a flow that spoke and is over.
    pub fn ended(&mut self, session: &Session, end: &FlowEnd) {
        if let Some(learner) = &mut self.learner {
            learner.ended(session, end);
        }
    }

    /// Takes the payload sizes of a flow.
    pub fn sizes(&mut self, sizes: &PayloadSizes) {
        if let Some(learner) = &mut self.learner {
            learner.sizes(sizes);
        }
    }

    /// Takes what others found. Gives it as the turn of a host that never relayed, if it is one.
    pub fn relayed(&mut self, evidence: &Evidence, now: Timestamp) -> Option<Evidence> {
        if evidence.certainty < Certainty::Possible || !CAUSES.contains(&evidence.detector) {
            return None;
        }
        let mut told = Told::of(evidence)?;
        told.again |= self.told.contains(&evidence.session.id);
        self.told.insert(evidence.session.id, ());
        let turn = self.turn(evidence, &told, now);
        if let Some(learner) = &mut self.learner {
            learner.relayed(&told, now);
        }
        turn
    }

    fn turn(&self, evidence: &Evidence, told: &Told<'_>, now: Timestamp) -> Option<Evidence> {
        let (known, watched) = self.known(told, now)?;
        if evidence.certainty < Certainty::Probable {
            return None;
        }
        let exchange = evidence.exchange();
        let turn = Turn {
            watched,
            cause: evidence.detector,
            first: firsts(evidence, told, &known, self.warm_up()),
            protocol: exchange.map(|exchange| exchange.protocol),
            mechanism: mechanism(evidence),
            client: told.client,
            target: told.target.clone(),
            calls_out: told.listener == Listener(None),
            again: told.again,
        };
        Some(Evidence {
            detector: "new-relay",
            says: Says::Turn(Box::new(turn)),
            ..evidence.clone()
        })
    }

    /// What is known of a relay by each of its addresses, and for how long; `None` where it relayed before, or was not
    /// watched for long enough.
    fn known(&self, told: &Told<'_>, now: Timestamp) -> Option<(Vec<&Host>, Watched)> {
        let warm_up = self.warm_up();
        let host = |address: &Address| match self.baseline.as_ref()? {
            Baseline::Profile(profile) => profile.host(*address),
            Baseline::Run(_) => self.learner.as_ref()?.host(*address),
        };
        let hosts: Vec<&Host> = told.addresses.iter().filter_map(host).collect();
        let since = hosts.iter().map(|host| host.first).min()?;
        let relayed_before = |host: &&Host| match (host.relayed, warm_up) {
            (Some(first), Some(warm_up)) => first - host.first < warm_up,
            (relayed, _) => relayed.is_some(),
        };
        let is_too_early = warm_up.is_some_and(|warm_up| now - since < warm_up);
        if is_too_early || hosts.iter().any(relayed_before) {
            return None;
        }
        let by = if warm_up.is_some() { "run" } else { "profile" };
        Some((hosts, Watched { since, by }))
    }

    /// For how long a host is watched in this run before it counts as known.
    fn warm_up(&self) -> Option<Span> {
        match self.baseline {
            Some(Baseline::Run(warm_up)) => Some(warm_up),
            _ => None,
        }
    }

    /// How often a host came that is not watched because too many are.
    pub fn hosts_unwatched(&self) -> u64 {
        let learner = self.learner.as_ref();
        learner.map_or(0, Learner::hosts_refused)
    }

    /// What was learned, if a profile is wanted or was needed.
    pub fn into_profile(self) -> Option<Profile> {
        self.learner.map(Learner::into_profile)
    }

    /// Bytes of memory for one session that is remembered, an upper bound.
    pub const ENTRY_BYTES: usize = 8 * size_of::<(FlowId, u64)>();
}

/// What the host never did before.
fn firsts(
    evidence: &Evidence,
    told: &Told<'_>,
    known: &[&Host],
    warm_up: Option<Span>,
) -> Vec<First> {
    let warm = |host: &Host| warm_up.map_or(Timestamp::MAX, |warm_up| host.first + warm_up);
    let answered = |port| {
        known
            .iter()
            .any(|host| host.may_have_answered(port, warm(host)))
    };
    let listens = told.listener.0.is_some_and(|port| !answered(port));
    let does = match evidence.says {
        Says::Exchange(_) => First::ProxyExchange,
        _ => First::ForwardedLeg,
    };
    let listens = listens.then_some(First::Listener);
    listens.into_iter().chain([does]).collect()
}

fn mechanism(evidence: &Evidence) -> Mechanism {
    match &evidence.says {
        Says::Join(join) => join.mechanism,
        _ if evidence.detector == "websocket-tunnel" => Mechanism::Tunnel,
        _ => Mechanism::Proxy,
    }
}

/// The detectors that tell of a relay.
const CAUSES: [&str; 5] = [
    "socks-proxy",
    "http-connect-proxy",
    "http-forward-proxy",
    "websocket-tunnel",
    "relay",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::samples::evidence;
    use crate::facts::samples::endpoint;
    use Certainty::{Possible, Probable, Proven};

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(second, 0)
    }

    fn everywhere() -> RangeInclusive<Address> {
        Address::from_bits(0)..=Address::from_bits(u128::MAX)
    }

    fn watch(baseline: Baseline) -> NewRelays {
        NewRelays::new(Watch {
            before: Before::Run(Span::from_seconds(86_400)),
            baseline: Some(baseline),
            payloads: None,
            learns: true,
            inside: vec![everywhere()],
            limits: Limits {
                hosts: 8,
                relays: 8,
            },
            remembered: 8,
        })
    }

    /// The relay of samples, 10.0.0.2, was called at a port at a time, and answered.
    fn answered(watch: &mut NewRelays, port: u16, second: i64) {
        let mut session = evidence(7, Proven).session;
        session.server.port = port;
        session.opened = at(second);
        let mut end = crate::facts::samples::end(session.id);
        end.traffic.server_bytes = 1;
        end.last_seen = at(second);
        watch.ended(&session, &end);
    }

    fn relays(watch: &mut NewRelays, number: u64, certainty: Certainty, second: i64) -> bool {
        let mut relay = evidence(number, certainty);
        relay.session.opened = at(second);
        watch.relayed(&relay, at(second)).is_some()
    }

    /// Seen first at 0; relays then, and now.
    #[test]
    fn a_relay_is_new_where_its_host_was_watched_and_did_not_relay() {
        let cases = [
            (None, Proven, DAY - 1, false),
            (None, Proven, DAY, true),
            (None, Probable, DAY, true),
            (None, Possible, DAY, false),
            (Some((Proven, HOUR)), Proven, 2 * DAY, false),
            (Some((Possible, HOUR)), Proven, 2 * DAY, false),
            (Some((Proven, DAY)), Proven, 2 * DAY, true),
        ];
        for (before, certainty, now, expected) in cases {
            let mut watch = watch(Baseline::Run(Span::from_seconds(DAY)));
            answered(&mut watch, 80, 0);
            if let Some((certainty, second)) = before {
                relays(&mut watch, 1, certainty, second);
            }
            let told = relays(&mut watch, 2, certainty, now);
            assert_eq!(told, expected, "{before:?} {certainty:?} {now}");
        }
    }

    #[test]
    fn a_host_that_nobody_watched_is_not_judged() {
        let mut fresh = watch(Baseline::Run(Span::from_seconds(HOUR)));
        assert!(!relays(&mut fresh, 1, Proven, 9 * DAY));
        let mut outside = NewRelays::new(Watch {
            before: Before::Run(Span::from_seconds(86_400)),
            baseline: Some(Baseline::Run(Span::from_seconds(HOUR))),
            payloads: None,
            learns: false,
            inside: Vec::new(),
            limits: Limits {
                hosts: 8,
                relays: 8,
            },
            remembered: 8,
        });
        answered(&mut outside, 80, 0);
        assert!(!relays(&mut outside, 1, Proven, 9 * DAY));
    }

    /// What a profile knows of 10.0.0.2.
    fn learned(second: i64, port: u16, relayed: Option<i64>) -> Profile {
        let mut learns = watch(Baseline::Run(Span::from_seconds(DAY)));
        answered(&mut learns, port, second);
        if let Some(second) = relayed {
            relays(&mut learns, 1, Possible, second);
        }
        learns.into_profile().unwrap().without_details()
    }

    #[test]
    fn a_profile_needs_no_time_to_warm_up() {
        let turn = |profile: Profile| relays(&mut watch(Baseline::Profile(profile)), 2, Proven, 9);
        assert!(turn(learned(8, 80, None)));
        assert!(!turn(learned(8, 80, Some(8))));
        assert!(!turn(Profile::default()));
    }

    #[test]
    fn what_is_new_is_told() {
        use First::{Listener, ProxyExchange};
        let cases: [(u16, &[First]); 2] =
            [(80, &[Listener, ProxyExchange]), (1080, &[ProxyExchange])];
        for (port, first) in cases {
            let mut watch = watch(Baseline::Profile(learned(8, port, None)));
            let told = watch.relayed(&evidence(2, Proven), at(9)).unwrap();
            let Says::Turn(turn) = told.says else {
                panic!("{told:?}");
            };
            assert_eq!(turn.first, first, "{port}");
            assert_eq!((turn.cause, turn.protocol), ("socks-proxy", Some("socks5")));
            assert_eq!((turn.watched.since, turn.watched.by), (at(8), "profile"));
            assert_eq!(turn.client, endpoint("10.0.0.1:40000").address);
        }
    }

    /// A port that is answered for the first time when the warm-up is over is new, also to whoever finds the relay later.
    #[test]
    fn a_listener_is_new_where_it_came_after_the_warm_up() {
        for (second, expected) in [(HOUR, false), (DAY, true)] {
            let mut watch = watch(Baseline::Run(Span::from_seconds(DAY)));
            answered(&mut watch, 80, 0);
            answered(&mut watch, 1080, second);
            let told = watch.relayed(&evidence(2, Proven), at(2 * DAY)).unwrap();
            let Says::Turn(turn) = told.says else {
                panic!("{told:?}");
            };
            assert_eq!(turn.first.contains(&First::Listener), expected, "{second}");
        }
    }

    #[test]
    fn a_session_that_two_detectors_tell_of_counts_once() {
        let mut watch = watch(Baseline::Profile(learned(8, 80, None)));
        let again = |watch: &mut NewRelays| match watch.relayed(&evidence(2, Proven), at(9)) {
            Some(Evidence {
                says: Says::Turn(turn),
                ..
            }) => Some(turn.again),
            _ => None,
        };
        assert_eq!(again(&mut watch), Some(false));
        assert_eq!(again(&mut watch), Some(true));
    }

    #[test]
    fn who_tells_of_no_relay_is_not_heard() {
        let mut watch = watch(Baseline::Profile(learned(8, 80, None)));
        let mut other = evidence(2, Proven);
        other.detector = "fan-out";
        assert!(watch.relayed(&other, at(9)).is_none());
    }
}
