//! The evidence of a rhythm, as it stands.

use serde::{Serialize, Serializer};

use super::lasting::words;
use super::{Label, Tally};
use crate::evidence::beacon::Beacon;
use crate::evidence::bins::{GapBins, SizeBins};
use crate::evidence::weighed::Weights;
use crate::facts::{SizeBin, Traffic};

/// The rhythm in which a client comes back to a server, and what makes it worth a look.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BeaconSummary {
    /// In what the rhythm is: `connections`, `session`, or `names` that are asked for.
    pub within: &'static str,
    /// The domain below which names are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Box<str>>,
    /// How many servers take turns, at least.
    #[serde(skip_serializing_if = "is_one")]
    pub servers_in_turn: u32,
    /// How many clients beat together, at least.
    #[serde(skip_serializing_if = "is_one")]
    pub clients_together: u32,
    /// Exchanges of other sizes that the server began, in a session.
    #[serde(skip_serializing_if = "is_none")]
    pub tasks: u32,
    /// How often it came back.
    pub beats: u32,
    /// Beats that are missing among the newest.
    pub missing: u32,
    /// The time from one beat to the next, in seconds.
    pub period_s: f64,
    /// The smallest gap, in seconds.
    pub least_s: f64,
    /// The largest gap, in seconds.
    pub most_s: f64,
    /// Variance over mean squared of the gaps: 1 for accidents, 0 for a clock.
    pub spread: f64,
    /// What is spoken.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub spoken: Tally<&'static str>,
    /// What its TLS clients look like, as JA4.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub ja4: Tally<Box<str>>,
    /// How long the gaps were.
    #[serde(serialize_with = "serialize_gaps")]
    pub gaps: GapBins,
    /// Sizes of what the client sent.
    #[serde(serialize_with = "serialize_sizes")]
    pub requests: SizeBins,
    /// Sizes of what the server sent.
    #[serde(serialize_with = "serialize_sizes")]
    pub answers: SizeBins,
    /// What makes it worth a look, and what does not, when that weighed most.
    pub weights: Weights,
    /// What the weights come to, in nats.
    pub log_odds: f64,
    /// Payload bytes from the clients, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients, of sessions that are over.
    pub server_bytes: u64,
}

/// Gaps of about the same length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gaps {
    /// From so many seconds.
    pub from_s: f64,
    /// Up to so many.
    pub to_s: f64,
    /// How many; no more than 255 are counted.
    pub count: u8,
}

/// Payloads of about the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bin {
    /// From so many bytes.
    pub from_bytes: u32,
    /// Up to so many.
    pub to_bytes: u32,
    /// How many; no more than 255 are counted.
    pub count: u8,
}

impl BeaconSummary {
    /// Takes the rhythm as it stands after one more beat.
    pub fn add(&mut self, beacon: &Beacon) {
        self.within = beacon.within;
        let domain = beacon.domain.as_ref();
        self.domain = domain.map(|domain| domain.name.clone());
        self.servers_in_turn = beacon.servers;
        self.clients_together = beacon.clients;
        self.tasks = beacon.tasks;
        self.beats = beacon.beats;
        self.missing = beacon.missing;
        self.period_s = rounded(beacon.period);
        self.least_s = rounded(beacon.bounds.0);
        self.most_s = rounded(beacon.bounds.1);
        self.spread = rounded(beacon.spread);
        self.spoken.extend(beacon.protocol);
        self.ja4.extend(beacon.ja4.clone());
        self.gaps = beacon.gaps;
        self.requests = beacon.requests;
        self.answers = beacon.answers;
        let log_odds = beacon.weights.log_odds();
        if self.weights.iter().next().is_none() || log_odds >= self.log_odds {
            self.weights.clone_from(&beacon.weights);
            self.log_odds = log_odds;
        }
    }

    /// Adds what a session carried, once it is over.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }

    /// How often, in words: `every 60.0 s`, `every 2 h`.
    pub fn period(&self) -> String {
        #[expect(clippy::cast_possible_truncation, reason = "seconds")]
        let whole = self.period_s as i64;
        if whole < 600 {
            format!("every {:.1} s", self.period_s)
        } else {
            format!("every {}", words(whole))
        }
    }

    /// `, of 3 clients`, `, at 4 servers`.
    fn with(&self) -> String {
        let more = |count: u32, words: String| if count > 1 { words } else { String::new() };
        let (clients, servers) = (self.clients_together, self.servers_in_turn);
        more(clients, format!(", of {clients} clients"))
            + &more(servers, format!(", at {servers} servers"))
    }

    /// Its evidence, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        let (least, most) = (self.least_s, self.most_s);
        let missing = match self.missing {
            0 => String::new(),
            missing => format!(", {missing} missing"),
        };
        let with = self.with();
        let rhythm = format!(
            "{} beats{missing}{with}, {}, from {least:.3} to {most:.3} s, spread {:.4}",
            self.beats,
            self.period(),
            self.spread
        );
        vec![
            ("rhythm", vec![rhythm]),
            ("spoken", self.spoken.show(ToString::to_string)),
            ("ja4", self.ja4.show(ToString::to_string)),
            ("weighed", self.weights.lines()),
        ]
    }
}

impl Gaps {
    /// The bins of a histogram.
    pub fn of(gaps: &GapBins) -> impl Iterator<Item = Self> {
        gaps.iter().map(|(from, to, count)| Self {
            from_s: rounded(from),
            to_s: rounded(to),
            count,
        })
    }
}

impl Bin {
    /// The bins of a histogram.
    pub fn of(sizes: &SizeBins) -> impl Iterator<Item = Self> {
        sizes.iter().map(|(from_bytes, to_bytes, count)| Self {
            from_bytes,
            to_bytes,
            count,
        })
    }
}

impl From<Bin> for SizeBin {
    fn from(bin: Bin) -> Self {
        Self {
            lowest: bin.from_bytes,
            highest: bin.to_bytes,
            count: bin.count.into(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_one(count: &u32) -> bool {
    *count <= 1
}

fn serialize_gaps<S: Serializer>(gaps: &GapBins, out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(Gaps::of(gaps))
}

fn serialize_sizes<S: Serializer>(sizes: &SizeBins, out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(Bin::of(sizes))
}

/// To a ten thousandth.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_is_told_as_it_stands() {
        let mut summary = BeaconSummary::default();
        let mut requests = SizeBins::default();
        requests.count(172);
        for beats in [9, 10] {
            summary.add(&Beacon {
                within: "connections",
                domain: None,
                servers: 1,
                clients: 1,
                tasks: 0,
                again: false,
                home: crate::facts::samples::endpoint("192.0.2.80:443"),
                beats,
                missing: 1,
                period: 60.000_04,
                bounds: (58.9, 61.2),
                spread: 0.000_4,
                gaps: GapBins::around(60.0),
                requests,
                answers: SizeBins::default(),
                protocol: Some("tls"),
                ja4: None,
                weights: Weights::default(),
            });
        }
        let lines = summary.lines();
        let rhythm = "10 beats, 1 missing, every 60.0 s, from 58.900 to 61.200 s, spread 0.0004";
        assert_eq!(lines.first().unwrap().1, [rhythm]);
        assert_eq!(Bin::of(&summary.requests).next().unwrap().to_bytes, 191);
        summary.period_s = 7_200.4;
        assert_eq!(summary.period(), "every 2 h");
    }
}
