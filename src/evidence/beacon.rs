//! What a rhythm says of whoever keeps it.

use super::weighed::Weights;

/// A client comes back to a server, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Beacon {
    /// In what the rhythm is: `connections`, or `session`.
    pub within: &'static str,
    /// How often it came back.
    pub beats: u32,
    /// Beats that were missing, and whose place shows.
    pub missing: u16,
    /// The mean gap in seconds.
    pub period: f64,
    /// The smallest and the largest gap in seconds.
    pub bounds: (f64, f64),
    /// Variance over mean squared of the gaps.
    pub spread: f64,
    /// How many gaps there were from so many seconds up to twice that.
    pub gaps: Vec<(f64, u8)>,
    /// How many requests there were from so many bytes up to twice that.
    pub requests: Vec<(u32, u8)>,
    /// How many answers there were from so many bytes up to twice that.
    pub answers: Vec<(u32, u8)>,
    /// What is spoken, if that was read.
    pub protocol: Option<&'static str>,
    /// What makes it worth a look, and what does not.
    pub weights: Weights,
}
