//! Findings that had to make room and wait for the end of a replay, inside a budget.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Finding;
use crate::evidence::Certainty;

/// Findings that wait, up to a budget of memory. Of the least sure the newest gives way.
#[derive(Debug)]
pub struct Waiting {
    findings: BTreeMap<(Certainty, Reverse<u64>), Held>,
    budget_bytes: usize,
    bytes: usize,
    taken: u64,
    refused: u64,
}

#[derive(Debug)]
struct Held {
    finding: Finding,
    bytes: usize,
}

impl Waiting {
    /// None waits; those that will may need so many bytes of memory together.
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            findings: BTreeMap::new(),
            budget_bytes,
            bytes: 0,
            taken: 0,
            refused: 0,
        }
    }

    /// Takes a finding. What is less sure gives way where the budget is used up, and is counted.
    pub fn add(&mut self, finding: Finding) {
        self.taken += 1;
        let bytes = finding.memory_bytes();
        let place = (finding.certainty, Reverse(self.taken));
        self.bytes += bytes;
        self.findings.insert(place, Held { finding, bytes });
        while self.bytes > self.budget_bytes {
            let Some((_, least)) = self.findings.pop_first() else {
                return;
            };
            self.bytes -= least.bytes;
            self.refused += 1;
        }
    }

    /// How many gave way and are not told.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Gives what waited, in the order it came.
    pub fn take(&mut self) -> Vec<Finding> {
        self.bytes = 0;
        let mut all: Vec<_> = std::mem::take(&mut self.findings).into_iter().collect();
        all.sort_unstable_by_key(|((_, Reverse(number)), _)| *number);
        all.into_iter().map(|(_, held)| held.finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::samples::evidence;
    use crate::finding::lifecycle::Findings;
    use crate::time::Timestamp;
    use Certainty::{Possible, Probable, Proven};

    fn finding(host: u8, certainty: Certainty) -> Finding {
        let mut findings = Findings::new(1, 1);
        let evidence = evidence(1, certainty).by(&format!("10.0.0.{host}:9"));
        findings.add(&evidence, Timestamp::from_parts(150, 0));
        findings.finish().remove(0)
    }

    /// Which of these findings are left where three have room, by the last number of their clients.
    fn left(certainties: &[Certainty]) -> (Vec<u8>, u64) {
        let each = finding(1, Proven).memory_bytes();
        let mut waiting = Waiting::new(3 * each + each / 2);
        for (host, certainty) in (1..).zip(certainties) {
            waiting.add(finding(host, *certainty));
            assert!(waiting.bytes <= waiting.budget_bytes);
        }
        let refused = waiting.refused();
        let left = waiting
            .take()
            .into_iter()
            .map(|finding| match finding.client.ip {
                std::net::IpAddr::V4(ip) => ip.octets()[3],
                std::net::IpAddr::V6(_) => 0,
            });
        (left.collect(), refused)
    }

    #[test]
    fn the_surer_stay_in_the_order_they_came() {
        let cases: [(&[Certainty], &[u8], u64); 5] = [
            (&[], &[], 0),
            (&[Possible, Proven, Probable], &[1, 2, 3], 0),
            (&[Possible, Proven, Probable, Proven], &[2, 3, 4], 1),
            (&[Proven; 5], &[1, 2, 3], 2),
            (
                &[Proven, Possible, Proven, Possible, Probable],
                &[1, 3, 5],
                2,
            ),
        ];
        for (certainties, expected, refused) in cases {
            assert_eq!(
                left(certainties),
                (expected.to_vec(), refused),
                "{certainties:?}"
            );
        }
    }

    #[test]
    fn what_is_larger_than_the_budget_is_counted() {
        let mut waiting = Waiting::new(10);
        waiting.add(finding(1, Proven));
        assert_eq!((waiting.take().len(), waiting.refused()), (0, 1));
    }
}
