//! A finding as a check sees it.

use serde_json::Value;

use super::verdict::Witness;
use crate::finding::Finding;

/// A finding and its JSON.
#[derive(Clone, Debug)]
pub struct Found {
    /// The finding.
    pub finding: Finding,
    /// Its JSON.
    pub json: Value,
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        let json = serde_json::to_value(&finding).unwrap_or_default();
        Self { finding, json }
    }
}

impl Found {
    /// The finding as it is judged; the capture is named where captures are judged together.
    pub fn witness<'a>(&'a self, capture: Option<&'a str>) -> Witness<'a> {
        Witness {
            title: &self.finding.title,
            capture,
            json: &self.json,
        }
    }
}
