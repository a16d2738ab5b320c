//! What speaks for a conclusion and what against it, each with its weight.

use serde::Serialize;

/// One reason, and how much it counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Weight {
    /// What was seen, in words.
    pub why: &'static str,
    /// How much more likely that makes the conclusion, in nats; below zero, how much less.
    pub nats: f64,
}

/// Reasons for a conclusion and against it, in the order they were weighed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Weights(Vec<Weight>);

impl Weights {
    /// Weighs one reason; one that does not count is left out.
    pub fn add(&mut self, why: &'static str, nats: f64) {
        let nats = (nats * 100.0).round() / 100.0;
        if nats != 0.0 {
            self.0.push(Weight { why, nats });
        }
    }

    /// Weighs one reason where it holds.
    pub fn add_if(&mut self, holds: bool, why: &'static str, nats: f64) {
        if holds {
            self.add(why, nats);
        }
    }

    /// The logarithm of the odds of the conclusion: the sum of all weights.
    pub fn log_odds(&self) -> f64 {
        let sum: f64 = self.0.iter().map(|weight| weight.nats).sum();
        (sum * 100.0).round() / 100.0
    }

    /// The reasons, in the order they were weighed.
    pub fn iter(&self) -> impl Iterator<Item = &Weight> {
        self.0.iter()
    }

    /// `+1.50 speaks nothing that is known`, one line each, and what they come to.
    pub fn lines(&self) -> Vec<String> {
        let lines = self
            .iter()
            .map(|one| format!("{:+.2} {}", one.nats, one.why));
        let sum = format!("{:+.2} together", self.log_odds());
        lines.chain([sum]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_show_their_sign() {
        let mut weights = Weights::default();
        weights.add("the odds beforehand", -4.0);
        weights.add_if(true, "odd port", 1.004);
        weights.add_if(false, "never", 9.0);
        weights.add("nothing", 0.001);
        let lines = [
            "-4.00 the odds beforehand",
            "+1.00 odd port",
            "-3.00 together",
        ];
        assert_eq!(weights.lines(), lines);
        assert!((weights.log_odds() + 3.0).abs() < 1e-9);
    }
}
