//! Requests that only a proxy would serve, at a server that is known to be one.
//!
//! A request in absolute form proves nothing where the answer was cut from the capture or bears no mark of a proxy. At
//! an endpoint that was proven to be an HTTP proxy by another exchange it counts, whichever came first.

use super::recent::Recent;
use crate::decode::Endpoint;
use crate::evidence::{Certainty, Evidence, Proof, Says};
use crate::facts::{FlowEnd, FlowId};

/// Endpoints that are proven HTTP proxies, and hints that wait for such a proof; each up to a cap, oldest first out.
#[derive(Debug)]
pub struct Proxies {
    proven: Recent<Endpoint, ()>,
    waiting: Recent<Endpoint, Vec<Weighed>>,
    /// The servers of the hints that wait and whose flows are not over.
    flows: Recent<FlowId, Endpoint>,
}

/// Evidence of a request, which is proven where one of these joins shows that it was carried out: the server went where it
/// was asked to.
pub fn carried_out(evidence: Evidence, joins: &[Evidence]) -> Evidence {
    let is_hint = evidence.certainty == Certainty::Hint;
    let carries_out = |join: &Evidence| {
        let by_target = matches!(&join.says, Says::Join(join) if join.proof == Proof::Target);
        by_target && join.session.id == evidence.session.id
    };
    if is_hint && joins.iter().any(carries_out) {
        let certainty = Certainty::Proven;
        return Evidence {
            certainty,
            ..evidence
        };
    }
    evidence
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
            let waited = self.waiting.remove(&server).unwrap_or_default();
            self.forget_flows(&waited);
            counts.extend(waited);
        }
        counts.iter_mut().for_each(back);
        counts
    }

    fn wait(&mut self, server: Endpoint, evidence: Evidence) {
        if !self.waiting.contains(&server)
            && let Some((_, displaced)) = self.waiting.insert(server, Vec::new())
        {
            self.forget_flows(&displaced);
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

    /// So that no flow is looked up whose hint is gone, and none that waits is displaced by one.
    fn forget_flows(&mut self, hints: &[Weighed]) {
        for hint in hints {
            self.flows.remove(&hint.evidence.session.id);
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

    /// How many endpoints gave way.
    pub fn forgotten(&self) -> u64 {
        self.proven.displaced() + self.waiting.displaced()
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
    let exchange = evidence.exchange();
    exchange.is_some_and(|exchange| exchange.protocol.starts_with("http"))
}

const HINTS_EACH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::samples::evidence;
    use crate::evidence::{Join, Mechanism};
    use crate::facts::samples::end;
    use crate::time::Span;
    use Certainty::{Hint, Possible, Probable, Proven};

    fn forward(flow: u64, certainty: Certainty) -> Evidence {
        evidence(flow, certainty).over("http-forward")
    }

    /// The flows that count now, and how sure they are.
    fn weighed(proxies: &mut Proxies, evidence: Evidence) -> Vec<(u64, Certainty)> {
        let counts = proxies.weigh(evidence);
        let counts = counts.iter().map(|weighed| &weighed.evidence);
        counts
            .map(|evidence| (evidence.session.id.0, evidence.certainty))
            .collect()
    }

    #[test]
    fn a_hint_counts_where_the_server_is_a_proven_proxy() {
        let elsewhere = || forward(1, Proven).at("10.0.0.9:1080");
        let cases: [(Evidence, &[(u64, Certainty)]); 6] = [
            (forward(1, Proven), &[(2, Probable)]),
            (forward(1, Probable), &[(2, Probable)]),
            (evidence(1, Proven).over("http-connect"), &[(2, Probable)]),
            (forward(1, Possible), &[]),
            (evidence(1, Proven).over("socks5"), &[]),
            (elsewhere(), &[]),
        ];
        for (first, expected) in cases {
            let case = format!("{first:?}");
            let (known, itself) = (first.clone(), (1, first.certainty));
            let mut proxies = Proxies::new(4);
            assert_eq!(weighed(&mut proxies, first), [itself], "{case}");
            assert_eq!(weighed(&mut proxies, forward(2, Hint)), expected, "{case}");

            let mut the_other_way_round = Proxies::new(4);
            assert_eq!(weighed(&mut the_other_way_round, forward(2, Hint)), []);
            let together = [&[itself], expected].concat();
            assert_eq!(weighed(&mut the_other_way_round, known), together, "{case}");
        }
    }

    #[test]
    fn a_request_that_is_carried_out_is_proven() {
        let join = |flow: u64, proof: Proof| Evidence {
            says: Says::Join(Box::new(Join {
                mechanism: Mechanism::Proxy,
                proof,
                client: forward(1, Hint).session.client,
                target: forward(1, Hint).session.server,
                delay: Span::from_millis(1),
                preamble: 0,
                again: false,
            })),
            ..evidence(flow, Proven)
        };
        let cases = [
            (forward(1, Hint), vec![], Hint),
            (forward(1, Hint), vec![join(1, Proof::Target)], Proven),
            (forward(1, Hint), vec![join(1, Proof::Proxied)], Hint),
            (forward(1, Hint), vec![join(2, Proof::Target)], Hint),
            (forward(1, Possible), vec![join(1, Proof::Target)], Possible),
        ];
        for (evidence, joins, certainty) in cases {
            assert_eq!(
                carried_out(evidence, &joins).certainty,
                certainty,
                "{joins:?}"
            );
        }
    }

    #[test]
    fn hints_count_once() {
        let mut proxies = Proxies::new(4);
        weighed(&mut proxies, forward(2, Hint));
        assert_eq!(weighed(&mut proxies, forward(1, Proven)).len(), 2);
        assert_eq!(weighed(&mut proxies, forward(3, Proven)).len(), 1);
    }

    #[test]
    fn a_hint_brings_the_end_of_its_flow() {
        let mut proxies = Proxies::new(4);
        for flow in 1..=3 {
            weighed(&mut proxies, forward(flow, Hint));
        }
        proxies.ended(&end(FlowId(2)));
        let counts = proxies.weigh(forward(4, Proven));
        let ends = counts.iter().map(|weighed| weighed.end.map(|end| end.id.0));
        assert_eq!(ends.collect::<Vec<_>>(), [None, None, Some(2), None]);
    }

    #[test]
    fn so_many_hints_wait_and_no_more() {
        let mut proxies = Proxies::new(1);
        for flow in 0..20 {
            weighed(&mut proxies, forward(flow, Hint));
        }
        assert_eq!(
            weighed(&mut proxies, forward(99, Proven)).len(),
            1 + HINTS_EACH
        );

        let mut proxies = Proxies::new(1);
        weighed(&mut proxies, forward(1, Hint));
        weighed(&mut proxies, forward(2, Hint).at("10.0.0.9:1080"));
        assert_eq!(weighed(&mut proxies, forward(3, Proven)), [(3, Proven)]);
    }

    /// A hint whose flow is forgotten would never hear of its end, and its finding would never close.
    #[test]
    fn flows_are_remembered_as_long_as_their_hints() {
        let mut proxies = Proxies::new(1);
        for flow in 0..100 {
            let server = format!("10.0.0.9:{}", flow / 4);
            weighed(&mut proxies, forward(flow, Hint).at(&server));
            assert_eq!(proxies.flows.len() as u64, flow % 4 + 1);
        }
        weighed(&mut proxies, forward(100, Proven).at("10.0.0.9:24"));
        assert!(proxies.flows.is_empty());
    }

    #[test]
    fn so_many_proofs_are_remembered_and_no_more() {
        let mut proxies = Proxies::new(1);
        weighed(&mut proxies, forward(1, Proven));
        weighed(&mut proxies, forward(2, Proven).at("10.0.0.9:1080"));
        assert_eq!(weighed(&mut proxies, forward(3, Hint)), []);
        let other = forward(4, Hint).at("10.0.0.9:1080");
        assert_eq!(weighed(&mut proxies, other), [(4, Probable)]);
    }
}
