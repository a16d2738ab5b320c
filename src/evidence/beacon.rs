//! What a rhythm says of whoever keeps it.

use super::bins::{GapBins, SizeBins};
use super::weighed::Weights;
use crate::decode::Endpoint;

/// A client comes back to a server, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Beacon {
    /// In what the rhythm is: `connections`, `session`, or `names` that are asked for.
    pub within: &'static str,
    /// The server that it came to first; servers with one name may take turns.
    pub home: Endpoint,
    /// The domain below which names are asked for.
    pub domain: Option<Domain>,
    /// How many servers took turns, or more.
    pub servers: u32,
    /// How many clients beat together, or more.
    pub clients: u32,
    /// Exchanges that the server began, in a session.
    pub tasks: u32,
    /// Whether it was told before of the same session.
    pub again: bool,
    /// How often it came back.
    pub beats: u32,
    /// Beats that are missing among the newest.
    pub missing: u32,
    /// The seconds from one beat to the next.
    pub period: f64,
    /// The smallest and the largest gap in seconds.
    pub bounds: (f64, f64),
    /// Variance over mean squared of the gaps.
    pub spread: f64,
    /// How many gaps were about how long.
    pub gaps: GapBins,
    /// How many requests were about how large.
    pub requests: SizeBins,
    /// How many answers were about how large.
    pub answers: SizeBins,
    /// What is spoken, if that was read.
    pub protocol: Option<&'static str>,
    /// The JA4 of its TLS client.
    pub ja4: Option<Box<str>>,
    /// What makes it worth a look, and what does not.
    pub weights: Weights,
}

/// A domain below which names are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: Box<str>,
    /// The same for the same name.
    pub digest: u64,
}
