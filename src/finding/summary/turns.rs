//! The evidence of a host that turned into a relay, summed up under a cap.

use std::net::IpAddr;

use serde::Serialize;

use super::{JoinSummary, Label, Tally};
use crate::evidence::{First, Mechanism, Turn};
use crate::facts::Traffic;
use crate::finding::names::Names;
use crate::proto::target::Target;
use crate::time::Timestamp;

/// How a host relays that never did before, over all sessions at one listener.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TurnSummary {
    /// Since when the host was watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched_since: Option<Timestamp>,
    /// By whom: `profile`, or `run`.
    pub watched_by: &'static str,
    /// What it never did before.
    pub first: Vec<First>,
    /// The detectors that found that it relays.
    pub causes: Tally<&'static str>,
    /// The protocols in which it is asked to.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub protocols: Tally<&'static str>,
    /// How it relays.
    pub mechanisms: Tally<Mechanism>,
    /// For whom.
    pub clients: Tally<IpAddr>,
    /// To where.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub targets: Tally<Target>,
    /// It called the one whom it serves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
    /// Payload bytes from the clients of all its flows, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients of all its flows, of sessions that are over.
    pub server_bytes: u64,
}

impl TurnSummary {
    /// Adds what one detector says of a session.
    pub fn add(&mut self, turn: &Turn) {
        self.watched_since.get_or_insert(turn.watched.since);
        self.watched_by = turn.watched.by;
        self.reverse |= turn.calls_out;
        self.first.extend(&turn.first);
        self.first.sort_unstable();
        self.first.dedup();
        self.causes.add(turn.cause);
        self.protocols.extend(turn.protocol);
        self.mechanisms.add(turn.mechanism);
        if !turn.again {
            self.clients.add(turn.client.ip());
            self.targets.extend(turn.target.clone());
        }
    }

    /// Adds what a session carried, once it is over.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }

    /// How it relays, over all sessions.
    pub fn mechanism(&self) -> Mechanism {
        JoinSummary::chief(&self.mechanisms).unwrap_or(Mechanism::Forward)
    }

    /// Its evidence, line by line.
    pub fn lines(&self, names: &Names) -> Vec<(Label, Vec<String>)> {
        let since = self.watched_since.map(|since| since.to_string());
        let by = match self.watched_by {
            "profile" => "by the profile",
            _ => "in this run",
        };
        let watched = since.map(|since| format!("since {since}, {by}"));
        let first = self.first.iter().map(|first| first.words().to_owned());
        vec![
            ("watched", watched.into_iter().collect()),
            ("new", first.collect()),
            ("found by", self.causes.show(ToString::to_string)),
            ("protocol", self.protocols.show(ToString::to_string)),
            ("by", self.mechanisms.show(|one| one.name().to_owned())),
            ("clients", self.clients.show(ToString::to_string)),
            ("targets", self.targets.show(|target| names.show(target))),
        ]
    }
}
