//! What speaks for a command channel and what against it, each reason with its weight.

use super::{Beats, CONNECTIONS};
use crate::correlate::rhythm::{Reading, Regularity};
use crate::evidence::Certainty;
use crate::evidence::weighed::Weights;

/// The odds before anything is known.
pub(super) fn begin() -> Weights {
    let mut weights = Weights::default();
    weights.add("what comes by the clock is mostly harmless", BEFOREHAND);
    weights
}

pub(super) fn weigh_rhythm(weights: &mut Weights, beats: Beats<'_>, reading: Reading) {
    match reading.regularity {
        Regularity::Sure => weights.add("as regular as chance is once in a million", 2.0),
        Regularity::Likely => weights.add("as regular as chance is once in ten thousand", 1.0),
        Regularity::None => {}
    }
    weights.add_if(
        reading.regularity == Regularity::Sure && reading.is_jittered(),
        "jitter within hard edges",
        1.5,
    );
    weights.add_if(
        beats.hardly_pauses,
        "asks again as soon as it is answered",
        -2.0,
    );
}

pub(super) fn weigh_sizes(weights: &mut Weights, beats: Beats<'_>) {
    let Beats {
        requests, answers, ..
    } = beats;
    let in_session = beats.within != CONNECTIONS && requests.are_within_edges();
    weights.add_if(
        requests.are_about_alike() || in_session,
        "requests are alike",
        0.5,
    );
    weights.add_if(answers.are_alike(), "answers are alike", 0.5);
    weights.add_if(
        !answers.are_alike() && answers.come_in_few_sizes(),
        "answers come in few sizes",
        1.5,
    );
    weights.add_if(answers.differ(), "answers differ each time", -1.5);
    weights.add_if(
        requests.total() > answers.total(),
        "more goes out than comes in",
        1.0,
    );
}

/// From what odds on it is worth telling; what was told is told on.
pub(super) fn certainty(weights: &Weights, again: bool) -> Option<Certainty> {
    match weights.log_odds() {
        odds if odds >= 0.0 => Some(Certainty::Probable),
        odds if odds >= WORTH_A_LINE || again => Some(Certainty::Possible),
        _ => None,
    }
}

/// Who is called begins: a command channel has tasks for its client.
pub(super) fn weigh_tasks(weights: &mut Weights, beats: Beats<'_>) {
    weights.add_if(
        beats.tasks > 0,
        "the server begins exchanges of other sizes (tasks)",
        2.0,
    );
}

/// Agents that somebody rolled out beat alike on many hosts.
pub(super) fn weigh_crowd(weights: &mut Weights, beats: Beats<'_>) {
    weights.add_if(beats.clients >= ROLLED_OUT, "many hosts beat alike", -2.0);
}

/// How many of the hosts seen go there, for a beacon or against it.
pub(in crate::correlate) fn weigh_rarity(weights: &mut Weights, rarity: f64) {
    weights.add_if(rarity > 0.0, "few of the hosts seen go there", rarity);
    weights.add_if(rarity < 0.0, "many of the hosts seen go there", rarity);
}

/// Whether hosts went there before, for a beacon or against it.
pub(in crate::correlate) fn weigh_history(weights: &mut Weights, before: Option<bool>) {
    let (known, new) = ("hosts went there before", "no host went there before");
    weights.add_if(before == Some(true), known, -2.0);
    weights.add_if(before == Some(false), new, 1.5);
}

/// The logarithm of the odds that what comes by the clock is a command channel, before anything is known of it.
const BEFOREHAND: f64 = -5.25;

/// So many hosts and more.
const ROLLED_OUT: u32 = 5;

/// From these odds on a rhythm is worth a line.
const WORTH_A_LINE: f64 = -0.25;
