//! The shape of traffic: how large its payloads are.

use serde::{Deserialize, Serialize};

use super::few::{Few, Merge};
use super::host::Sessions;
use crate::facts::Sent;

/// The payload sizes of one direction, over many flows. Each flow has a thousand votes and divides them among the sizes of
/// its payloads: packets of one flow depend on each other, so a flow that is long says no more than a short one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Flows that sent anything.
    pub flows: Sessions,
    /// The sum of their mean payload sizes, in tenths of a byte.
    pub means: u64,
    /// Votes, by the smallest size of a bin in bytes.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub sizes: Few<Size, Votes, BINS>,
}

/// The smallest payload size of a bin, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u32);

/// Thousandths of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes(pub u64);

impl Shape {
    /// Adds what one side of a flow sent.
    pub fn add(&mut self, sent: &Sent) {
        let payloads: u64 = sent.sizes.iter().map(|bin| u64::from(bin.count)).sum();
        if payloads == 0 {
            return;
        }
        self.flows.merge(Sessions::ONE);
        let mean = sent.bytes.saturating_mul(10) / payloads;
        self.means = self.means.saturating_add(mean).min(MOST);
        for bin in &sent.sizes {
            let votes = u64::from(bin.count) * WHOLE / payloads;
            self.sizes.add(Size(bin.lowest), Votes(votes));
        }
    }
}

impl Shape {
    /// Bytes of memory for its list, an upper bound.
    pub const BYTES: usize = 2 * BINS * size_of::<(Size, Votes)>();
}

impl Merge for Shape {
    fn merge(&mut self, other: Self) {
        self.flows.merge(other.flows);
        self.means = self.means.saturating_add(other.means).min(MOST);
        self.sizes.merge(other.sizes);
    }
}

impl Merge for Votes {
    fn merge(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0).min(MOST);
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.0.to_string()
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let size = text.parse().map(Self);
        size.map_err(|_| format!("`{text}` is no size in bytes"))
    }
}

/// As many bins as `flow::sizes` has.
const BINS: usize = 60;

/// The votes of one flow.
pub const WHOLE: u64 = 1_000;

/// So that any reader of TOML or JSON can hold it.
const MOST: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::SizeBin;

    fn sent(bytes: u64, bins: &[(u32, u32)]) -> Sent {
        let bin = |&(lowest, count): &(u32, u32)| SizeBin {
            lowest,
            highest: lowest,
            count,
        };
        Sent {
            bytes,
            sizes: bins.iter().map(bin).collect(),
        }
    }

    #[test]
    fn a_long_flow_says_no_more_than_a_short_one() {
        let mut shape = Shape::default();
        shape.add(&sent(100, &[(100, 1)]));
        shape.add(&sent(1_000_000, &[(100, 2_500), (300, 2_500)]));
        shape.add(&sent(0, &[]));
        let votes: Vec<(u32, u64)> = shape
            .sizes
            .iter()
            .map(|(size, votes)| (size.0, votes.0))
            .collect();
        assert_eq!(votes, [(100, 1_500), (300, 500)]);
        assert_eq!(
            (shape.flows.to_string(), shape.means),
            ("2".to_owned(), 3_000)
        );
    }
}
