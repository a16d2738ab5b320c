//! Requests that only a proxy would serve, at a server that is known to be one.
//!
//! A request in absolute form proves nothing where the answer was cut from the capture or bears no mark of a proxy. At
//! an endpoint that was proven to be an HTTP proxy by another exchange it counts, whichever came first.

use super::recent::Recent;
use crate::decode::Endpoint;
use crate::evidence::{Certainty, Evidence};
use crate::facts::{FlowEnd, FlowId};

/// Endpoints that are proven HTTP proxies, and hints that wait for such a proof; each up to a cap, oldest first out.
#[derive(Debug)]
pub struct Proxies {
    proven: Recent<Endpoint, ()>,
    waiting: Recent<Endpoint, Vec<Weighed>>,
    flows: Recent<FlowId, Endpoint>,
}

/// Evidence that counts now, and the end of its flow where that was seen before.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// The evidence.
    pub evidence: Evidence,
    /// How its flow ended.
    pub end: Option<FlowEnd>,
}

impl Proxies {
    /// No proxy known; at most `cap` endpoints are remembered of either kind.
    pub fn new(cap: usize) -> Self {
        Self {
            proven: Recent::new(cap),
            waiting: Recent::new(cap),
            flows: Recent::new(cap.saturating_mul(HINTS_EACH)),
        }
    }

    /// Gives the evidence that counts now: this one, if it stands alone or is backed by an earlier proof, and the
    /// hints that waited for it.
    pub fn weigh(&mut self, evidence: Evidence) -> Vec<Weighed> {
        let server = evidence.session.server;
        if evidence.certainty == Certainty::Hint && !self.proven.contains(&server) {
            self.wait(server, evidence);
            return Vec::new();
        }
        let proves = evidence.certainty >= Certainty::Probable && is_http(&evidence);
        let mut counts = vec![Weighed {
            evidence,
            end: None,
        }];
        if proves {
            self.proven.insert(server, ());
            counts.extend(self.waiting.remove(&server).unwrap_or_default());
        }
        counts.iter_mut().for_each(back);
        counts
    }

    fn wait(&mut self, server: Endpoint, evidence: Evidence) {
        if !self.waiting.contains(&server) {
            self.waiting.insert(server, Vec::new());
        }
        let Some(hints) = self.waiting.get_mut(&server) else {
            return;
        };
        if hints.len() < HINTS_EACH {
            self.flows.insert(evidence.session.id, server);
            hints.push(Weighed {
                evidence,
                end: None,
            });
        }
    }

    /// Notes the end of a flow whose hint still waits.
    pub fn ended(&mut self, end: &FlowEnd) {
        let server = self.flows.remove(&end.id);
        if let Some(hints) = server.and_then(|server| self.waiting.get_mut(&server)) {
            hints
                .iter_mut()
                .filter(|hint| hint.evidence.session.id == end.id)
                .for_each(|hint| hint.end = Some(*end));
        }
    }

    /// Bytes of memory for one endpoint of either kind, an upper bound.
    pub const ENTRY_BYTES: usize =
        8 * size_of::<Endpoint>() + HINTS_EACH * (size_of::<Weighed>() + 1024);
}

/// A hint at a proven proxy is probable.
fn back(weighed: &mut Weighed) {
    let certainty = &mut weighed.evidence.certainty;
    if *certainty == Certainty::Hint {
        *certainty = Certainty::Probable;
    }
}

fn is_http(evidence: &Evidence) -> bool {
    evidence.exchange.protocol.starts_with("http")
}

const HINTS_EACH: usize = 8;
