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
//! is told too, in findings of its own. It is a step more severe than a relay that was always there, unless it is approved.
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

use super::recent::Recent;
use crate::decode::Address;
use crate::evidence::Session;
use crate::evidence::{Certainty, Evidence, First, Mechanism, Says, Turn, Watched};
use crate::facts::legs::Spoke;
use crate::facts::{FlowEnd, FlowId};
use crate::profile::host::{Host, Listener};
use crate::profile::{self, Detail, Learner, Profile, Told};
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
    /// Whether a profile is wanted when the run is over.
    pub learns: bool,
    /// The addresses of hosts that are watched.
    pub inside: Vec<RangeInclusive<Address>>,
    /// The caps of what is learned.
    pub limits: profile::Limits,
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
            first: firsts(evidence, told, &known),
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
        let (profile, warm_up) = match self.baseline.as_ref()? {
            Baseline::Profile(profile) => (profile, None),
            Baseline::Run(warm_up) => (self.learner.as_ref()?.profile(), Some(*warm_up)),
        };
        let addresses = told.addresses.iter();
        let hosts: Vec<&Host> = addresses.filter_map(|one| profile.host(*one)).collect();
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

    /// What was learned, if a profile is wanted or was needed.
    pub fn into_profile(self) -> Option<Profile> {
        self.learner.map(Learner::into_profile)
    }

    /// Bytes of memory for one session that is remembered, an upper bound.
    pub const ENTRY_BYTES: usize = 8 * size_of::<(FlowId, u64)>();
}

/// What the host never did before.
fn firsts(evidence: &Evidence, told: &Told<'_>, known: &[&Host]) -> Vec<First> {
    let port = told.listener.0;
    let listens = port.is_some_and(|port| !known.iter().any(|host| host.may_answer(port)));
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
