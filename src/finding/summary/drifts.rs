//! The evidence of hosts that do something else at a port, summed up under a cap.

use serde::Serialize;

use super::{Label, Tally};
use crate::evidence::{Change, Drift, Fit};
use crate::facts::Traffic;
use crate::facts::opening::Opening;

/// How connections of a host open anew, and how payload sizes moved, over all hours in which they did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DriftSummary {
    /// The ports that it calls.
    pub ports: Tally<u16>,
    /// How connections open that never did so.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub openings: Tally<&'static str>,
    /// How they were learned to open.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub usual_openings: Tally<&'static str>,
    /// `sent` or `received`: which payloads moved.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub directions: Tally<&'static str>,
    /// The highest level of any test, one digit behind the point.
    pub level: f64,
    /// The farthest that sizes moved, in doublings, one digit behind the point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doublings: Option<f64>,
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
        self.level = self.level.max(one_digit(drift.change.level()));
        match &drift.change {
            Change::Sizes { sent, fit } => self.add_sizes(*sent, fit),
            Change::Openings { new, usual, .. } => {
                self.openings.extend(names(new));
                self.usual_openings.extend(names(usual));
            }
        }
        self.flows = self.flows.saturating_add(drift.flows);
        self.of_flows = self.of_flows.saturating_add(drift.among);
    }

    fn add_sizes(&mut self, sent: bool, fit: &Fit) {
        self.directions.add(if sent { "sent" } else { "received" });
        let farthest = one_digit(fit.distance).max(self.doublings.unwrap_or(0.0));
        self.doublings = Some(farthest);
        self.added_bytes.extend(fit.shift);
        self.framings.extend(fit.framing());
    }

    /// Adds what a session carried, once it is over.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }

    /// Its evidence, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        let moved = self.doublings.iter();
        let moved = moved.map(|doublings| format!("{doublings:.1} doublings"));
        vec![
            ("port", self.ports.show(ToString::to_string)),
            ("opens", self.openings.show(ToString::to_string)),
            ("opened", self.usual_openings.show(ToString::to_string)),
            ("payloads", self.directions.show(ToString::to_string)),
            (
                "flows",
                vec![format!("{} of {}", self.flows, self.of_flows)],
            ),
            ("level", vec![format!("{:.1}", self.level)]),
            ("moved", moved.collect()),
            (
                "added",
                self.added_bytes.show(|bytes| format!("{bytes} bytes")),
            ),
            ("as by", self.framings.show(ToString::to_string)),
        ]
    }
}

fn names(openings: &[Opening]) -> impl Iterator<Item = &'static str> {
    openings.iter().map(|opening| opening.name())
}

fn one_digit(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
