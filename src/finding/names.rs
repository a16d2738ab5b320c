//! What DNS answers called the hosts of a finding.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::proto::target::{Host, Target};

/// Names by address; the first [`Names::MOST`] that were known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Names(BTreeMap<IpAddr, String>);

impl Names {
    /// Adds the name of an address that has none yet.
    pub fn add(&mut self, ip: IpAddr, name: String) {
        if self.0.len() < Self::MOST {
            self.0.entry(ip).or_insert(name);
        }
    }

    /// The name of an address.
    pub fn of(&self, ip: IpAddr) -> Option<&str> {
        self.0.get(&ip).map(String::as_str)
    }

    /// `192.0.2.80:443 (web.example.test)`, or the target alone.
    pub fn show(&self, target: &Target) -> String {
        let name = match target.host {
            Host::Ip(ip) => self.of(ip),
            Host::Name(_) => None,
        };
        match name {
            Some(name) => format!("{target} ({name})"),
            None => target.to_string(),
        }
    }

    /// Whether no name was known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are at most.
    pub const MOST: usize = 16;
}
