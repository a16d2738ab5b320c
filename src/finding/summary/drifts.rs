//! The evidence of payload sizes that moved, summed up under a cap.

use serde::Serialize;

use super::{Label, Tally};
use crate::evidence::Drift;
use crate::facts::Traffic;

/// How the payload sizes of a host moved, over all hours in which they did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DriftSummary {
    /// The ports that it calls.
    pub ports: Tally<u16>,
    /// `sent` or `received`: which payloads moved.
    pub directions: Tally<&'static str>,
    /// The highest level of the G-test, one digit behind the point.
    pub level: f64,
    /// The farthest that sizes moved, in doublings, one digit behind the point.
    pub doublings: f64,
    /// Bytes that every payload of them was larger by.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub added_bytes: Tally<i64>,
    /// What adds so many bytes.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub framings: Tally<&'static str>,
    /// Flows that show it.
    pub flows: u64,
    /// All flows of those hours.
    pub of_flows: u64,
    /// Payload bytes from the host, of the first session of each hour.
    pub client_bytes: u64,
    /// Payload bytes to it.
    pub server_bytes: u64,
}

impl DriftSummary {
    /// Adds an hour.
    pub fn add(&mut self, drift: &Drift) {
        self.ports.add(drift.port);
        self.directions.add(drift.direction());
        self.level = self.level.max(one_digit(drift.fit.level));
        self.doublings = self.doublings.max(one_digit(drift.fit.distance));
        self.added_bytes.extend(drift.fit.shift);
        self.framings.extend(drift.framing());
        self.flows = self.flows.saturating_add(drift.flows);
        self.of_flows = self.of_flows.saturating_add(drift.among);
    }

    /// Adds what a session carried, once it is over.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }

    /// Its evidence, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        vec![
            ("port", self.ports.show(ToString::to_string)),
            ("payloads", self.directions.show(ToString::to_string)),
            (
                "flows",
                vec![format!("{} of {}", self.flows, self.of_flows)],
            ),
            ("level", vec![format!("{:.1}", self.level)]),
            ("moved", vec![format!("{:.1} doublings", self.doublings)]),
            (
                "added",
                self.added_bytes.show(|bytes| format!("{bytes} bytes")),
            ),
            ("as by", self.framings.show(ToString::to_string)),
        ]
    }
}

fn one_digit(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
