//! Correlators: what several flows tell together, in the order of capture time.
//!
//! Everything that crosses flows lives behind the shards, in [`Ordered`], which sees the events of all shards in one
//! order whatever the number of workers.

pub mod associations;
pub mod names;
pub mod proxies;
pub mod recent;

use crate::evidence::{Certainty, Evidence};
use crate::facts::{Answers, FlowEnd, FlowFacts};
use crate::finding::Finding;
use crate::finding::lifecycle::Findings;
use crate::proto::target::Target;
use crate::time::Timestamp;
use associations::Associations;
use names::Names;
use proxies::Proxies;

/// The stage that sees the events of all shards in order of time, and turns them into findings.
#[derive(Debug)]
pub struct Ordered {
    associations: Associations,
    proxies: Proxies,
    names: Names,
    findings: Findings,
    displaced: Vec<Finding>,
}

/// The caps of the ordered stage.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Findings that are still being added to.
    pub findings: usize,
    /// Flows that may be open at once.
    pub flows: usize,
    /// Flows that a correlator remembers for another one to come.
    pub remembered: usize,
    /// Addresses whose names are remembered.
    pub names: usize,
}

impl Ordered {
    /// Nothing seen yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            associations: Associations::new(limits.remembered),
            proxies: Proxies::new(limits.remembered),
            names: Names::new(limits.names),
            findings: Findings::new(limits.findings),
            displaced: Vec::new(),
        }
    }

    /// Takes a flow that was read, with what detectors say of it.
    pub fn flow(&mut self, facts: &FlowFacts, evidence: Vec<Evidence>, now: Timestamp) {
        for evidence in evidence {
            for known in self.proxies.weigh(evidence) {
                self.add(&known.evidence, now);
                if let Some(end) = known.end {
                    self.findings.end(&end);
                }
            }
        }
        self.associations.announce(facts);
        if let Some(control) = self.associations.control_of(facts) {
            let target = associations::target_of(facts);
            self.findings.join(control, &facts.into(), target);
            self.name_target(facts, target, now);
        }
    }

    fn add(&mut self, evidence: &Evidence, now: Timestamp) {
        if evidence.certainty > Certainty::Hint {
            self.displaced.extend(self.findings.add(evidence, now));
            let names = self.names.of(evidence, now);
            self.findings.name(evidence.session.id, names);
        }
    }

    fn name_target(&mut self, facts: &FlowFacts, target: Option<&Target>, now: Timestamp) {
        let address = target.and_then(names::address_of);
        let named = address.and_then(|address| {
            let name = self.names.name_of(address, facts.client.address, now)?;
            Some((address, name.to_owned()))
        });
        self.findings.name(facts.id, named);
    }

    /// Takes a DNS response.
    pub fn answered(&mut self, answers: &Answers, now: Timestamp) {
        self.names.learn(answers, now);
    }

    /// Takes the end of a flow that was read.
    pub fn ended(&mut self, end: &FlowEnd) {
        self.associations.forget(end.id);
        self.proxies.ended(end);
        self.findings.end(end);
    }

    /// Findings that had to make room for newer ones since this was last asked.
    pub fn take_displaced(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.displaced)
    }

    /// Gives all findings, in the order they were raised.
    pub fn finish(self) -> Vec<Finding> {
        self.findings.finish()
    }

    /// An upper bound of the bytes of memory it holds.
    pub fn memory_bound(limits: Limits) -> usize {
        limits.findings * Findings::FINDING_BYTES
            + limits.flows * Findings::OPEN_BYTES
            + limits.names * Names::ENTRY_BYTES
            + limits.remembered * (Associations::ENTRY_BYTES + Proxies::ENTRY_BYTES)
    }
}
