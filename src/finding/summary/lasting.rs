//! The evidence of sessions that do not end, summed up.

use serde::Serialize;

use super::{Label, Tally};
use crate::evidence::lasting::Lasting;
use crate::evidence::weighed::Weights;
use crate::facts::Traffic;
use crate::time::Span;

/// How long sessions of a client with a server last, and what makes them worth a look.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LastingSummary {
    /// The highest age of the schedule that one of them came to, in seconds.
    pub age_s: i64,
    /// The longest of them, from its first segment to the newest when it was told, in seconds.
    pub longest_s: i64,
    /// What is spoken in them.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub spoken: Tally<&'static str>,
    /// What makes them worth a look, and what does not: of the one that weighs most.
    pub weights: Weights,
    /// What the weights come to, in nats.
    pub log_odds: f64,
    /// Flights that the clients sent, of sessions that are over.
    pub client_flights: u64,
    /// Flights that the servers sent, of sessions that are over.
    pub server_flights: u64,
    /// Payload bytes from the clients, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients, of sessions that are over.
    pub server_bytes: u64,
}

impl LastingSummary {
    /// Adds what is told of a session at one age.
    pub fn add(&mut self, lasting: &Lasting) {
        self.age_s = self.age_s.max(seconds(lasting.age));
        self.longest_s = self.longest_s.max(seconds(lasting.lasted));
        if !lasting.again {
            self.spoken.extend(lasting.protocol);
        }
        let log_odds = lasting.weights.log_odds();
        if self.weights.iter().next().is_none() || log_odds >= self.log_odds {
            self.weights.clone_from(&lasting.weights);
            self.log_odds = log_odds;
        }
    }

    /// Adds what a session carried, once it is over.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        self.client_flights += u64::from(traffic.client_flights);
        self.server_flights += u64::from(traffic.server_flights);
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }

    /// Its evidence, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        let flights = format!(
            "{} by the client, {} by the server",
            self.client_flights, self.server_flights
        );
        vec![
            (
                "lasts",
                vec![format!(
                    "{}, told at {}",
                    words(self.longest_s),
                    words(self.age_s)
                )],
            ),
            ("spoken", self.spoken.show(ToString::to_string)),
            ("flights", vec![flights]),
            ("weighed", self.weights.lines()),
        ]
    }
}

/// `1 h 42 min`
pub fn words(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, ..) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

fn seconds(span: Span) -> i64 {
    span.nanos() / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_words() {
        for (seconds, text) in [
            (42, "42 s"),
            (600, "10 min"),
            (3_600, "1 h"),
            (6_143, "1 h 42 min"),
            (86_400, "1 d"),
            (100_000, "1 d 3 h"),
        ] {
            assert_eq!(words(seconds), text);
        }
    }

    #[test]
    fn what_weighs_most_is_kept() {
        let mut summary = LastingSummary::default();
        for (age, nats, again) in [(600, -4.0, false), (1_800, -5.0, true), (600, -1.0, false)] {
            let mut weights = Weights::default();
            weights.add("reason", nats);
            summary.add(&Lasting {
                age: Span::from_seconds(age),
                lasted: Span::from_seconds(age + 7),
                again,
                protocol: Some("tls"),
                traffic: Traffic::default(),
                weights,
            });
        }
        assert_eq!((summary.age_s, summary.longest_s), (1_800, 1_807));
        assert!((summary.log_odds + 1.0).abs() < 1e-9);
        assert_eq!(summary.spoken.show(ToString::to_string), ["tls ×2"]);
    }
}
