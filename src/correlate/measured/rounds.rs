//! Whether the rounds between matched beats carry as much on one side as on the other.

use super::fit::{LEAST_CHANCE, divergence};
use super::log::{Beat, Carried};

/// What was conserved of the rounds between matched beats.
pub(super) struct Conservation {
    pub(super) rounds: usize,
    pub(super) conserved: usize,
    /// Rounds that are as long on one side as on the other, to the byte and in both directions.
    pub(super) exact: usize,
    /// Rounds in which something went each way on both sides.
    pub(super) answered: usize,
    /// What rounds differ by in the middle of all: onward and back.
    pub(super) framing: (i64, i64),
    /// Negative logarithm of the bound of its chance; zero where it is like no tunnel.
    pub(super) score: f64,
}

impl Conservation {
    /// Of causes and their effects, in order of time.
    pub(super) fn of(matched: &[(&Beat, &Beat)]) -> Self {
        let pairs = matched.iter().zip(matched.iter().skip(1));
        let rounds: Vec<Round> = pairs.map(Round::between).collect();
        let framing = framing(&rounds);
        let scales = Scales::new(&rounds, framing);
        let mut conservation = Self {
            rounds: rounds.len(),
            conserved: scales.conserved(0),
            exact: rounds.iter().filter(|round| round.is_exact()).count(),
            answered: rounds.iter().filter(|round| round.is_answered()).count(),
            framing,
            score: 0.0,
        };
        // Most sides end here: the other orders are not looked at where they would make no difference.
        if conservation.is_tunnel_like() {
            conservation.score = conservation.score_against(scales.exchanged());
        }
        conservation
    }

    /// Whether enough was conserved, and both directions are longer on the same leg, as far as they differ: a tunnel wraps
    /// what goes through it both ways, an application asks longer questions for shorter answers.
    pub(super) fn is_tunnel_like(&self) -> bool {
        let slack = i64::try_from(SLACK).unwrap_or(i64::MAX);
        let (onward, back) = self.framing;
        let differ = onward.abs() > slack && back.abs() > slack;
        let framed_once = !differ || (onward > 0) == (back > 0);
        self.rounds > 0 && 5 * self.conserved >= 2 * self.rounds && framed_once
    }

    fn score_against(&self, chance: f64) -> f64 {
        let m = self.rounds as f64;
        m * divergence(self.conserved as f64 / m, chance.max(LEAST_CHANCE))
    }
}

/// What rounds differ by in the middle of all: onward and back.
fn framing(rounds: &[Round]) -> (i64, i64) {
    let onward = |round: &Round| difference(round.one.received, round.other.sent);
    let back = |round: &Round| difference(round.one.sent, round.other.received);
    (
        median(rounds.iter().map(onward)),
        median(rounds.iter().map(back)),
    )
}

/// What both sides carried from one matched beat to the next.
struct Round {
    one: Carried,
    other: Carried,
}

impl Round {
    fn between((this, next): (&(&Beat, &Beat), &(&Beat, &Beat))) -> Self {
        let ((cause, effect), (next_cause, next_effect)) = (this, next);
        Self {
            one: next_cause.before.since(cause.before),
            other: next_effect.before.since(effect.before),
        }
    }

    fn is_exact(&self) -> bool {
        self.one.received == self.other.sent && self.one.sent == self.other.received
    }

    fn is_answered(&self) -> bool {
        let least = |one: &Carried| one.received.min(one.sent);
        least(&self.one).min(least(&self.other)) > 0
    }
}

/// The rounds of both sides apart, so that each can be held against any of the other side's.
struct Scales {
    ones: Vec<Weight>,
    others: Vec<Weight>,
}

/// What a side carried in a round.
struct Weight {
    onward: Load,
    back: Load,
}

/// Bytes that went one way.
struct Load {
    /// With the framing that the other side has.
    bytes: i64,
    /// How many bytes the other side may differ by, beside [`SLACK`]: a part of these, and of what went the other way.
    twelfth: u64,
    turned: u64,
}

impl Scales {
    fn new(rounds: &[Round], (onward, back): (i64, i64)) -> Self {
        let one = |round: &Round| {
            let Carried { received, sent } = round.one;
            Weight {
                onward: Load::new(received, 0, sent),
                back: Load::new(sent, 0, received),
            }
        };
        let other = |round: &Round| Weight {
            onward: Load::new(round.other.sent, onward, 0),
            back: Load::new(round.other.received, back, 0),
        };
        Self {
            ones: rounds.iter().map(one).collect(),
            others: rounds.iter().map(other).collect(),
        }
    }

    /// How many rounds are conserved, if those of the other side had come by so many later.
    fn conserved(&self, by: usize) -> usize {
        let (first, later) = self.others.split_at_checked(by).unwrap_or_default();
        let pairs = self.ones.iter().zip(later.iter().chain(first));
        pairs.filter(|(one, other)| one.weighs(other)).count()
    }

    /// The part of rounds that would be conserved if those of one side had come in another order.
    fn exchanged(&self) -> f64 {
        let m = self.ones.len();
        let orders = 1..m.min(1 + EXCHANGED);
        let all = 1 + m * orders.len();
        let conserved = 1 + orders.map(|by| self.conserved(by)).sum::<usize>();
        conserved as f64 / all as f64
    }
}

impl Weight {
    /// Whether both directions of both sides carried as much.
    fn weighs(&self, other: &Self) -> bool {
        self.onward.weighs(&other.onward) && self.back.weighs(&other.back)
    }
}

impl Load {
    fn new(bytes: u64, framing: i64, turned: u64) -> Self {
        Self {
            bytes: i64::try_from(bytes)
                .unwrap_or(i64::MAX)
                .saturating_add(framing),
            twelfth: bytes / 12,
            turned: turned / 24,
        }
    }

    fn weighs(&self, other: &Self) -> bool {
        let allowed = SLACK + self.twelfth.max(other.twelfth) + self.turned;
        self.bytes.abs_diff(other.bytes) <= allowed
    }
}

fn difference(one: u64, other: u64) -> i64 {
    i64::try_from(one).unwrap_or(i64::MAX) - i64::try_from(other).unwrap_or(i64::MAX)
}

fn median(values: impl Iterator<Item = i64>) -> i64 {
    let mut values: Vec<i64> = values.collect();
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0;
    }
    *values.select_nth_unstable(middle).1
}

/// Bytes of framing by which rounds may differ from the median, beside a twelfth of the round for records and headers and
/// a 24th of the other direction for its acknowledgements.
const SLACK: u64 = 48;
/// In how many other orders rounds are looked at.
const EXCHANGED: usize = 8;
