//! The evidence of findings that stand on several flows: relays and chains of them, summed up under a cap.

use std::net::IpAddr;

use serde::Serialize;

use super::{Label, Tally};
use crate::evidence::{Chain, Join, Mechanism, Proof, Spread};
use crate::facts::Traffic;
use crate::finding::names::Names;
use crate::proto::target::{Host, Target};

/// How one host relayed: over all sessions whose two legs were joined.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JoinSummary {
    /// How it relays.
    pub mechanisms: Tally<Mechanism>,
    /// What joined the legs.
    pub proofs: Tally<&'static str>,
    /// What the bytes are that both legs carried.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub content: Tally<&'static str>,
    /// For whom it relays.
    pub clients: Tally<IpAddr>,
    /// Where it relays to.
    pub targets: Tally<Target>,
    /// The shortest time from a proof's appearance on the first leg to that on the second one, in microseconds.
    pub least_delay_us: i64,
    /// The longest one.
    pub most_delay_us: i64,
    /// Bytes of the relay's own handshake on the first leg.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub preambles: Tally<u64>,
    /// Flights that had a partner on the other leg, of measured joins.
    #[serde(skip_serializing_if = "is_zero")]
    pub matched_flights: u64,
    /// Flights that could have had one.
    #[serde(skip_serializing_if = "is_zero")]
    pub flights: u64,
    /// An upper bound of the chance that unrelated flows fit as well as the best measured join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Payload bytes from the clients of both legs, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients of both legs, of sessions that are over.
    pub server_bytes: u64,
}

/// Sessions that went through several relays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChainSummary {
    /// How many hosts relayed one after the other.
    pub relays: usize,
    /// How they relay, in order.
    pub mechanisms: Vec<Mechanism>,
    /// The last hosts seen.
    pub targets: Tally<IpAddr>,
    /// Payload bytes from the clients of all legs, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients of all legs, of sessions that are over.
    pub server_bytes: u64,
}

impl JoinSummary {
    /// Adds a session.
    pub fn add(&mut self, join: &Join) {
        self.mechanisms.add(join.mechanism);
        self.proofs.add(join.proof.name());
        if join.again {
            return;
        }
        self.clients.add(join.client.address.ip());
        self.targets.add(Target {
            host: Host::from_ip(join.target.address.ip()),
            port: join.target.port,
        });
        self.delay(join.delay.nanos() / 1_000);
        if join.preamble > 0 {
            self.preambles.add(join.preamble);
        }
        match join.proof {
            Proof::Content(kind) => self.content.add(kind.name()),
            Proof::Measured(measured) => {
                self.matched_flights += u64::from(measured.matched);
                self.flights += u64::from(measured.flights);
                let chance = two_digits(measured.chance);
                self.chance = Some(self.chance.map_or(chance, |least| least.min(chance)));
            }
            Proof::Target | Proof::Proxied => {}
        }
    }

    fn delay(&mut self, micros: i64) {
        let first = self.proofs.iter().map(|counted| counted.count).sum::<u64>() == 1;
        if first || micros < self.least_delay_us {
            self.least_delay_us = micros;
        }
        self.most_delay_us = self.most_delay_us.max(micros);
    }

    /// How it relays, over all sessions: a host that forwards to the same port of several servers balances.
    pub fn mechanism(&self) -> Mechanism {
        match Self::chief(&self.mechanisms) {
            Some(mechanism) => mechanism,
            None if self.spreads() => Mechanism::Balancer,
            None => Mechanism::Forward,
        }
    }

    /// Of several mechanisms, the one that says most; `None` where nothing but forwarding was seen, or hardly anything else.
    pub(super) fn chief(mechanisms: &Tally<Mechanism>) -> Option<Mechanism> {
        let count = |mechanism| {
            let mut values = mechanisms.iter();
            let counted = values.find(|counted| counted.value == Some(mechanism));
            counted.map_or(0, |counted| counted.count)
        };
        let is_chief = |mechanism: &Mechanism| match *mechanism {
            // What merely looks like balancing says less than that most sessions go on as they are.
            Mechanism::Balancer => count(Mechanism::Balancer) >= count(Mechanism::Forward).max(1),
            mechanism => count(mechanism) > 0,
        };
        let telling = [
            Mechanism::Tunnel,
            Mechanism::Proxy,
            Mechanism::Balancer,
            Mechanism::Dnat,
        ];
        telling.into_iter().find(is_chief)
    }

    /// Whether it reached one port of several servers.
    fn spreads(&self) -> bool {
        let mut targets = self
            .targets
            .iter()
            .filter_map(|counted| counted.value.as_ref());
        let first = targets.next().map(|target| target.port);
        let others: Vec<u16> = targets.map(|target| target.port).collect();
        !others.is_empty() && others.iter().all(|&port| Some(port) == first)
    }

    /// What it says, line by line.
    pub fn lines(&self, names: &Names) -> Vec<(Label, Vec<String>)> {
        let delay = match (self.least_delay_us, self.most_delay_us) {
            (least, most) if least == most => format!("{} ms", millis(least)),
            (least, most) => format!("{} to {} ms", millis(least), millis(most)),
        };
        let mut lines = vec![
            ("proof", self.proofs.show(ToString::to_string)),
            ("content", self.content.show(ToString::to_string)),
            ("clients", self.clients.show(ToString::to_string)),
            ("targets", self.targets.show(|target| names.show(target))),
            ("delay", vec![delay]),
            (
                "preamble",
                self.preambles
                    .show(|bytes| format!("{bytes} bytes before it")),
            ),
        ];
        if let Some(chance) = self.chance {
            let fit = format!(
                "{} of {} flights fit; by accident at most {chance:.1e}",
                self.matched_flights, self.flights
            );
            lines.push(("fit", vec![fit]));
        }
        lines
    }

    pub(super) fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }
}

impl ChainSummary {
    /// Adds a session that went this way.
    pub fn add(&mut self, chain: &Chain) {
        self.relays = chain.relays;
        self.mechanisms.clone_from(&chain.mechanisms);
        self.targets
            .extend(chain.hosts.last().map(|host| host.ip()));
    }

    /// What it says, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        let mechanisms: Vec<&str> = self.mechanisms.iter().map(|m| m.name()).collect();
        vec![
            ("relays", vec![self.relays.to_string()]),
            ("by", vec![mechanisms.join(", then ")]),
            ("targets", self.targets.show(ToString::to_string)),
        ]
    }

    pub(super) fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }
}

/// Sessions to many in short succession.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SpreadSummary {
    /// The most targets of the relay within the window.
    pub most_targets: usize,
    /// The most relays of the client within the window.
    pub most_relays: usize,
    /// Who was reached when they were many.
    pub targets: Tally<IpAddr>,
    /// Payload bytes from the client, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the client, of sessions that are over.
    pub server_bytes: u64,
}

impl SpreadSummary {
    /// Adds one more session.
    pub fn add(&mut self, spread: Spread) {
        self.most_targets = self.most_targets.max(spread.targets);
        self.most_relays = self.most_relays.max(spread.relays);
        self.targets.add(spread.target.ip());
    }

    /// What it says, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        let most = format!(
            "{} targets, {} relays within a minute",
            self.most_targets, self.most_relays
        );
        vec![
            ("reached", vec![most]),
            ("targets", self.targets.show(ToString::to_string)),
        ]
    }

    pub(super) fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }
}

/// Logarithms differ in their last bits from machine to machine; findings may not.
fn two_digits(chance: f64) -> f64 {
    format!("{chance:.1e}").parse().unwrap_or(chance)
}

/// Milliseconds with three digits behind the point.
fn millis(micros: i64) -> String {
    format!("{}.{:03}", micros / 1_000, (micros % 1_000).abs())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mostly_goes_on_as_it_is_is_no_balancing() {
        use Mechanism::{Balancer, Forward, Tunnel};
        let cases = [
            ([3, 0, 0], None),
            ([14, 1, 0], None),
            ([3, 3, 0], Some(Balancer)),
            ([0, 1, 0], Some(Balancer)),
            ([9, 9, 1], Some(Tunnel)),
        ];
        for (counts, chief) in cases {
            let mut mechanisms = Tally::default();
            for (mechanism, count) in [Forward, Balancer, Tunnel].into_iter().zip(counts) {
                (0..count).for_each(|_| mechanisms.add(mechanism));
            }
            assert_eq!(JoinSummary::chief(&mechanisms), chief, "{counts:?}");
        }
    }
}
