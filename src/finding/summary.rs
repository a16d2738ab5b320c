//! The evidence of a finding: what many sessions say, summed up under a cap.

pub mod beacon;
mod drifts;
mod joins;
pub mod lasting;
mod shells;
mod ssh;
mod turns;

pub use beacon::BeaconSummary;
pub use drifts::DriftSummary;
pub use joins::{ChainSummary, JoinSummary, SpreadSummary};
pub use lasting::LastingSummary;
pub use shells::ShellSummary;
pub use ssh::SshSummary;
pub use turns::TurnSummary;

use serde::Serialize;

use crate::evidence::{Evidence, Hop, Inner, RelayExchange, Says};
use crate::facts::Traffic;
use crate::proto::target::Target;

/// What a finding stands on.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Summary {
    /// Exchanges with a relay.
    Exchanges(Box<RelaySummary>),
    /// Sessions whose two legs were joined.
    Joins(Box<JoinSummary>),
    /// Sessions that went through several relays.
    Chains(Box<ChainSummary>),
    /// Sessions to many in short succession.
    Spreads(Box<SpreadSummary>),
    /// SSH sessions that carry other connections.
    Ssh(Box<SshSummary>),
    /// A host that never relayed does.
    Turns(Box<TurnSummary>),
    /// A host does something else at a port than it did.
    Drifts(Box<DriftSummary>),
    /// Command shells.
    Shells(Box<ShellSummary>),
    /// A rhythm.
    Beacon(Box<BeaconSummary>),
    /// Sessions that do not end.
    Lasting(Box<LastingSummary>),
}

/// What stands before a line of evidence.
pub type Label = &'static str;

impl Summary {
    /// An empty summary of the kind that evidence needs.
    pub fn of(says: &Says) -> Self {
        match says {
            Says::Exchange(_) => Self::Exchanges(Box::default()),
            Says::Join(_) => Self::Joins(Box::default()),
            Says::Chain(_) => Self::Chains(Box::default()),
            Says::Spread(_) => Self::Spreads(Box::default()),
            Says::Ssh(_) => Self::Ssh(Box::default()),
            Says::Turn(_) => Self::Turns(Box::default()),
            Says::Drift(_) => Self::Drifts(Box::default()),
            Says::Shell(_) => Self::Shells(Box::default()),
            Says::Lasting(_) => Self::Lasting(Box::default()),
            Says::Beacon(_) => Self::Beacon(Box::default()),
        }
    }

    /// Adds evidence of its own kind.
    pub fn add(&mut self, evidence: &Evidence) {
        match (self, &evidence.says) {
            (Self::Exchanges(summary), Says::Exchange(exchange)) => summary.add(exchange),
            (Self::Joins(summary), Says::Join(join)) => summary.add(join),
            (Self::Chains(summary), Says::Chain(chain)) => summary.add(chain),
            (Self::Spreads(summary), Says::Spread(spread)) => summary.add(*spread),
            (Self::Ssh(summary), Says::Ssh(used)) => summary.add(used),
            (Self::Turns(summary), Says::Turn(turn)) => summary.add(turn),
            (Self::Drifts(summary), Says::Drift(drift)) => summary.add(drift),
            (Self::Shells(summary), Says::Shell(shell)) => summary.add(*shell),
            (Self::Lasting(summary), Says::Lasting(lasting)) => summary.add(lasting),
            (Self::Beacon(summary), Says::Beacon(beacon)) => summary.add(beacon),
            _ => {}
        }
    }

    /// Whether it says of a host that it relays.
    pub fn tells_of_a_relay(&self) -> bool {
        !matches!(self, Self::Lasting(_) | Self::Beacon(_))
    }

    /// Adds what a session carried, once it is over.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        match self {
            Self::Exchanges(summary) => summary.add_traffic(traffic),
            Self::Joins(summary) => summary.add_traffic(traffic),
            Self::Chains(summary) => summary.add_traffic(traffic),
            Self::Spreads(summary) => summary.add_traffic(traffic),
            Self::Ssh(summary) => summary.add_traffic(traffic),
            Self::Turns(summary) => summary.add_traffic(traffic),
            Self::Drifts(summary) => summary.add_traffic(traffic),
            Self::Shells(summary) => summary.add_traffic(traffic),
            Self::Lasting(summary) => summary.add_traffic(traffic),
            Self::Beacon(summary) => summary.add_traffic(traffic),
        }
    }

    /// What was exchanged with a relay, if it stands on that.
    pub fn exchanges(&self) -> Option<&RelaySummary> {
        match self {
            Self::Exchanges(summary) => Some(summary),
            _ => None,
        }
    }

    /// The domain below which names are asked for, if it stands on that.
    pub fn domain(&self) -> Option<&str> {
        match self {
            Self::Beacon(summary) => summary.domain.as_deref(),
            _ => None,
        }
    }

    /// Payload bytes from the clients and to them, of sessions that are over.
    pub fn traffic(&self) -> (u64, u64) {
        match self {
            Self::Exchanges(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Joins(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Chains(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Spreads(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Ssh(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Turns(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Drifts(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Shells(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Lasting(summary) => (summary.client_bytes, summary.server_bytes),
            Self::Beacon(summary) => (summary.client_bytes, summary.server_bytes),
        }
    }
}

/// What clients asked of a relay and what came of it, over all sessions of a finding.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RelaySummary {
    /// Protocols spoken with the relay.
    pub protocols: Tally<&'static str>,
    /// What was asked for.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub commands: Tally<String>,
    /// How clients proved who they are. Never a secret.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub authentication: Tally<&'static str>,
    /// How the exchanges ended.
    pub outcomes: Tally<String>,
    /// Sessions in which the relay did what was asked.
    pub opened: u64,
    /// Who was to be reached.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub targets: Tally<Target>,
    /// Further relays asked for through this one.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub hops: Tally<Vec<Hop>>,
    /// What was spoken with the targets.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub inner: Tally<Inner>,
    /// What else tells that it is a relay.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub marks: Tally<String>,
    /// The side that opened the connection is the one that serves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
    /// Payload bytes from the clients, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients, of sessions that are over.
    pub server_bytes: u64,
}

impl RelaySummary {
    /// Adds a session's exchange.
    pub fn add(&mut self, exchange: &RelayExchange) {
        self.protocols.add(exchange.protocol);
        self.outcomes.add(exchange.outcome.clone());
        self.opened += u64::from(exchange.opened);
        self.reverse |= exchange.reverse;
        self.commands.extend(exchange.command.clone());
        self.authentication.extend(exchange.authentication);
        self.targets.extend(exchange.target.clone());
        self.inner.extend(exchange.inner.clone());
        self.marks.extend(exchange.marks.iter().cloned());
        if !exchange.hops.is_empty() {
            self.hops.add(exchange.hops.clone());
        }
    }

    /// Adds what a session carried, once it is over.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }
}

/// Distinct values in the order they were first seen, each with a count; at most [`DISTINCT`] of them.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Tally<T>(Vec<Counted<T>>);

/// A value and how often it was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Counted<T> {
    /// The value; `null` sums up what had no place of its own.
    pub value: Option<T>,
    /// How often.
    pub count: u64,
}

impl<T: PartialEq> Tally<T> {
    /// Counts a value.
    pub fn add(&mut self, value: T) {
        let known = self
            .0
            .iter()
            .position(|counted| counted.value.as_ref() == Some(&value));
        let place = known.or((self.0.len() >= DISTINCT).then_some(DISTINCT));
        match place.and_then(|place| self.0.get_mut(place)) {
            Some(counted) => counted.count += 1,
            None => self.0.push(Counted {
                value: place.is_none().then_some(value),
                count: 1,
            }),
        }
    }

    /// `value ×3`, in the order first seen.
    pub fn show(&self, show: impl Fn(&T) -> String) -> Vec<String> {
        let counted = self.0.iter().map(|counted| {
            let value = counted.value.as_ref().map_or("others".to_owned(), &show);
            match counted.count {
                1 => value,
                count => format!("{value} ×{count}"),
            }
        });
        counted.collect()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values and their counts, in the order they were first seen.
    pub fn iter(&self) -> impl Iterator<Item = &Counted<T>> {
        self.0.iter()
    }
}

impl<T: PartialEq> Extend<T> for Tally<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

const DISTINCT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_cap_are_counted_together() {
        let mut tally = Tally::default();
        tally.extend(0..20);
        tally.extend([3, 19]);
        let counts: Vec<_> = tally.iter().map(|c| (c.value, c.count)).collect();
        assert_eq!(counts.len(), DISTINCT + 1);
        assert_eq!(counts[3], (Some(3), 2));
        assert_eq!(counts[DISTINCT], (None, 5));
    }
}
