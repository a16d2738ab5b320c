//! How well two sides of a host fit: whether what comes on one leaves on the other, in time and in size.
//!
//! # Timing
//!
//! Each beat that leaves is a trial, except that trials of one direction stand [`REST`] apart, because what follows at
//! once is not independent. A trial is matched if something came on the other side within a delay before it. Under the null
//! the beat could as well have stood anywhere within [`JITTER`] around it (the interval jitter of neuroscience), so that
//! it is matched with a chance p which is the part of that window that lies within the delay behind something that came.
//! Bursts of both sides at about the same time, for whatever reason, are thus no evidence; only their fine alignment is.
//! With k of n trials matched and p their mean chance, P(K >= k) <= exp(-n KL(k/n, p)) (Chernoff; it holds for unequal
//! chances with their mean).
//!
//! # Bytes
//!
//! Between one matched trial and the next (a round) the sides carried X and Y. The round is conserved if in both
//! directions X and Y differ by no more than framing does, once the median difference, which is the framing of a round, is
//! taken off. Under the null the rounds of one side would fit those of the other in any order: q is the part of such
//! exchanged rounds that is conserved, and the bound is exp(-m KL(c/m, q)) for c of m. Sides whose rounds look all the same
//! prove nothing that way.

use super::cover::Cover;
use super::log::{Beat, JITTER, Log, Way};
use super::rounds::Conservation;
use crate::facts::FlowId;
use crate::time::{Span, Timestamp};

/// How well two sides fit.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Beats that left the second side, or the first, and could have been caused by the other side.
    pub trials: u32,
    /// Those that were.
    pub matched: u32,
    /// Rounds between them.
    pub rounds: u32,
    /// Rounds whose bytes were conserved.
    pub conserved: u32,
    /// Rounds that are as long on one side as on the other, to the byte.
    pub exact: u32,
    /// Rounds in which something went each way.
    pub answered: u32,
    /// Negative logarithm of a bound of the chance that the timing is an accident.
    pub timing: f64,
    /// Negative logarithm of a bound of the chance that the bytes are an accident.
    pub bytes: f64,
    /// What rounds differ by in the middle of all: onward and back.
    pub framing: (i64, i64),
    /// Whether what goes onward comes on the second side.
    pub turned: bool,
    /// The shortest delay.
    pub delay: Span,
    /// The matched flows: what one of the first side belongs to on the second.
    pub flows: Vec<(FlowId, FlowId)>,
}

/// Measures both directions, from both sides, at several delays, and keeps what fits best.
pub fn fit(one: &Log, other: &Log) -> Option<Fit> {
    if !are_alike(one, other) {
        return None;
    }
    let mut looks = Looks {
        is_itself: std::ptr::eq(one, other),
        ..Looks::default()
    };
    looks.take(one, other, false);
    looks.take(other, one, true);
    looks.best()
}

/// What was looked for, in both directions.
#[derive(Default)]
struct Looks {
    fits: Vec<Fit>,
    /// Whether a side is fitted with itself.
    is_itself: bool,
    /// Looks among openings, which few sides have.
    among_openings: usize,
}

impl Looks {
    /// What comes on one side and leaves on the other, from both ends: what a beat that leaves may have been caused by, and
    /// what a beat that comes may have caused.
    fn take(&mut self, from: &Log, to: &Log, turned: bool) {
        let (causes, effects) = (from.going(Way::In), to.going(Way::Out));
        if causes.len().min(effects.len()) < LEAST_BEATS {
            return;
        }
        self.look(from, &causes, &effects, (false, &FLIGHTS), turned);
        self.look(from, &causes, &effects, (true, &OPENINGS), turned);
        let [causes, effects] = [causes, effects].map(openings);
        if causes.len().min(effects.len()) >= LEAST_MATCHED {
            self.look(from, &causes, &effects, (true, &AMONG_OPENINGS), turned);
            self.among_openings += 2 * AMONG_OPENINGS.len();
        }
    }

    fn look(
        &mut self,
        from: &Log,
        causes: &[&Beat],
        effects: &[&Beat],
        (openings, delays): (bool, &[Span]),
        turned: bool,
    ) {
        let Some(&longest) = delays.iter().max() else {
            return;
        };
        let is_itself = self.is_itself;
        let worth = |anchors, partners, causing| {
            let trials = Trials::worth(anchors, partners, causing, openings, longest)?;
            Some(Trials {
                is_itself,
                ..trials
            })
        };
        let (backward, forward) = (
            worth(effects, causes, Some(from)),
            worth(causes, effects, None),
        );
        for &delay in delays {
            let fit = |trials: &Option<Trials<'_, '_>>| trials.as_ref()?.fit(delay, turned);
            self.fits.extend(fit(&backward));
            self.fits.extend(fit(&forward));
        }
    }

    /// The best of all. The choice costs its logarithm (Bonferroni).
    fn best(self) -> Option<Fit> {
        let chosen = (LOOKS + self.among_openings as f64).ln();
        let best = self
            .fits
            .into_iter()
            .max_by(|a, b| a.score().total_cmp(&b.score()));
        best.map(|fit| Fit {
            timing: (fit.timing - chosen).max(0.0),
            ..fit
        })
    }
}

fn openings(mut beats: Vec<&Beat>) -> Vec<&Beat> {
    beats.retain(|beat| beat.opens);
    beats
}

/// Whether the sides carried something of the same order since both are known, in one direction at least: most that have
/// nothing to do with each other did not, and measuring them is not worth its time.
fn are_alike(one: &Log, other: &Log) -> bool {
    let Some(since) = one.begins().max(other.begins()) else {
        return false;
    };
    let (one, other) = (one.carried_since(since), other.carried_since(since));
    let alike = |one: u64, other: u64| one.max(other) <= ALIKE * one.min(other) && one > 0;
    alike(one.received, other.sent) || alike(one.sent, other.received)
}

/// The beats of one side that stand apart and have anything of the other side near. Of a side that is fitted with itself
/// only the beats of other flows count.
struct Trials<'a, 'b> {
    all: Vec<Trial<'a>>,
    /// The beats of the other side.
    partners: &'b [&'a Beat],
    /// Whether the partner of a beat is looked for before it; else behind it.
    backward: bool,
    /// Whether a beat may have its own flow among the partners.
    is_itself: bool,
}

/// A beat, and the nearest one on the other side that may be its cause, or effect, with the time between them.
struct Trial<'a> {
    anchor: &'a Beat,
    partner: Option<(&'a Beat, Span)>,
    /// The part of the time around it in which a partner could stand.
    there: f64,
}

impl<'a, 'b> Trials<'a, 'b> {
    /// The trials, where they may fit within the `longest` delay: most do not.
    fn worth(
        anchors: &[&'a Beat],
        partners: &'b [&'a Beat],
        causing: Option<&Log>,
        openings: bool,
        longest: Span,
    ) -> Option<Self> {
        let open = anchors.iter().filter(|beat| beat.opens);
        if openings && open.take(LEAST_MATCHED).count() < LEAST_MATCHED {
            return None;
        }
        let trials = Self::new(anchors, partners, causing, openings);
        trials.may_fit(trials.seen(longest)).then_some(trials)
    }

    /// Partners are looked for before the anchors, on the side that is `causing` them, if it was there; else behind them.
    /// With `openings` they are looked for of openings only.
    fn new(
        anchors: &[&'a Beat],
        partners: &'b [&'a Beat],
        causing: Option<&Log>,
        openings: bool,
    ) -> Self {
        let backward = causing.is_some();
        let mut all = Vec::with_capacity(if openings { 0 } else { anchors.len() });
        let (mut earlier, mut last) = (0, None::<Timestamp>);
        for &anchor in anchors {
            let rests = last.is_some_and(|last| anchor.time - last < REST);
            if rests || (openings && !anchor.opens) {
                continue;
            }
            let is_earlier = |beat: &&&Beat| beat.time < anchor.time;
            let known = partners.iter().skip(earlier);
            earlier += known.take_while(is_earlier).count();
            let (before, behind) = around(anchor, partners, earlier);
            let is_near = |beat: Option<&Beat>| beat.is_some_and(|beat| beat.is_near(anchor));
            if !is_near(before) && !is_near(behind) {
                continue;
            }
            let there = causing.map_or(1.0, |side| side.there_around(anchor.time));
            if there >= 0.5 {
                last = Some(anchor.time);
                let partner = if backward { before } else { behind };
                all.push(Trial::new(anchor, partner, there));
            }
        }
        Self {
            all,
            partners,
            backward,
            is_itself: true,
        }
    }

    /// Whether they may fit where so many are `seen` to have a partner, or fewer: the least chance costs nothing to know,
    /// and most sides fail under it.
    fn may_fit(&self, seen: usize) -> bool {
        seen >= LEAST_MATCHED && is_enough(self.score(seen, LEAST_CHANCE))
    }

    /// How many have a partner that is no farther away than `delay`.
    fn seen(&self, delay: Span) -> usize {
        let partners = self.all.iter();
        partners
            .filter_map(|trial| trial.partner_within(delay))
            .count()
    }

    fn score(&self, seen: usize, chance: f64) -> f64 {
        let n = self.all.len() as f64;
        n * divergence(seen as f64 / n, chance.max(LEAST_CHANCE))
    }

    /// How well they fit where a partner counts that is no farther away than `delay`.
    fn fit(&self, delay: Span, turned: bool) -> Option<Fit> {
        let seen = self.seen(delay);
        if !self.may_fit(seen) {
            return None;
        }
        let timing = self.score(seen, self.chance(delay));
        if !is_enough(timing) {
            return None;
        }
        let matched = self.matched(delay, seen);
        let conservation = Conservation::of(&matched);
        let delays = matched
            .iter()
            .map(|(cause, effect)| effect.time - cause.time);
        let ordered = |(cause, effect): &(&Beat, &Beat)| match turned {
            false => (cause.flow, effect.flow),
            true => (effect.flow, cause.flow),
        };
        Some(Fit {
            trials: count(self.all.len()),
            matched: count(matched.len()),
            rounds: count(conservation.rounds),
            conserved: count(conservation.conserved),
            exact: count(conservation.exact),
            answered: count(conservation.answered),
            timing,
            bytes: conservation.score,
            framing: conservation.framing,
            turned,
            delay: delays.min()?,
            flows: matched.iter().map(ordered).collect(),
        })
    }

    /// Causes and their effects, of which so many are seen.
    fn matched(&self, delay: Span, seen: usize) -> Vec<(&'a Beat, &'a Beat)> {
        let pair = |trial: &Trial<'a>| {
            let partner = trial.partner_within(delay)?;
            Some(match self.backward {
                true => (partner, trial.anchor),
                false => (trial.anchor, partner),
            })
        };
        let mut matched = Vec::with_capacity(seen);
        matched.extend(self.all.iter().filter_map(pair));
        matched
    }

    /// The mean chance of a beat to have a partner: the part of the window around it in which it would have one.
    fn chance(&self, delay: Span) -> f64 {
        if self.is_itself {
            return self.chance_among_others(delay);
        }
        let mut cover = Cover::new(self.partners, delay, self.backward);
        let all = self.all.iter();
        let covered = all.map(|trial| cover.around(trial.anchor) / trial.there);
        covered.sum::<f64>() / self.all.len() as f64
    }

    /// The same, where the beats of a trial's own flow do not count.
    fn chance_among_others(&self, delay: Span) -> f64 {
        let mut partners = self.partners;
        let covered = self.all.iter().map(|trial| {
            let is_early = |beat: &&&Beat| trial.anchor.time - beat.time > JITTER;
            let early = partners.iter().take_while(is_early).count();
            partners = partners.get(early..).unwrap_or_default();
            self.covered(trial.anchor, partners, delay) / trial.there
        });
        covered.sum::<f64>() / self.all.len() as f64
    }

    /// The part of the window around a beat that lies within the delay of the first `partners`.
    fn covered(&self, anchor: &Beat, partners: &[&Beat], delay: Span) -> f64 {
        let (jitter, delay) = (JITTER.nanos(), delay.nanos());
        let time = anchor.time.nanos();
        let (from, to) = (time - jitter, time + jitter);
        let (mut covered, mut reached) = (0, from);
        let near = partners.iter().take_while(|beat| beat.is_near(anchor));
        for partner in near.filter(|beat| beat.flow != anchor.flow) {
            let begins = partner.time.nanos() - if self.backward { 0 } else { delay };
            let (begins, ends) = (begins.max(reached), (begins + delay).min(to));
            if ends > begins {
                covered += ends - begins;
                reached = ends;
            }
        }
        covered as f64 / (2 * jitter) as f64
    }
}

fn is_enough(timing: f64) -> bool {
    timing >= LEAST_EACH + LOOKS.ln()
}

/// The beats of other flows before and behind a beat, where so many are `earlier`. What stands at the same time is both.
fn around<'a>(
    anchor: &Beat,
    partners: &[&'a Beat],
    earlier: usize,
) -> (Option<&'a Beat>, Option<&'a Beat>) {
    let is_other = |beat: &&&Beat| beat.flow != anchor.flow;
    let (earlier, later) = partners.split_at_checked(earlier).unwrap_or_default();
    let at_once = later.iter().filter(is_other);
    let at_once = at_once.take_while(|beat| beat.time == anchor.time).last();
    let before = at_once.or_else(|| earlier.iter().rev().find(is_other));
    (before.copied(), later.iter().find(is_other).copied())
}

impl<'a> Trial<'a> {
    fn new(anchor: &'a Beat, partner: Option<&'a Beat>, there: f64) -> Self {
        let apart = |beat: &'a Beat| (beat, beat.time.apart(anchor.time));
        Self {
            anchor,
            partner: partner.map(apart),
            there,
        }
    }

    fn partner_within(&self, delay: Span) -> Option<&'a Beat> {
        let (beat, apart) = self.partner?;
        (apart <= delay).then_some(beat)
    }
}

impl Fit {
    fn score(&self) -> f64 {
        self.timing + self.bytes
    }

    /// Whether it is told, where so many pairs of sides were tried in all: a relay fits in time and in size, neither of
    /// them alone is enough, and much of what comes must leave.
    pub fn is_told(&self, tried: u64) -> bool {
        self.corrected(tried) <= CHANCE && self.is_relay_like()
    }

    /// Whether both time and size fit to some degree: much of what comes leaves, most of its bytes are kept (detection
    /// 6.4 asks for three in five) or more are than chance explains by far. Bytes of what is like no tunnel weigh nothing.
    pub fn is_relay_like(&self) -> bool {
        let most_kept = 5 * self.conserved >= 3 * self.rounds || self.bytes >= BEYOND_CHANCE;
        self.timing >= LEAST_EACH
            && self.bytes >= LEAST_EACH
            && 5 * self.matched >= 2 * self.trials
            && most_kept
    }

    /// Whether rounds are as long on one leg as on the other: nothing is put around what is passed on.
    pub fn is_bare(&self) -> bool {
        self.framing == (0, 0)
    }

    /// By how much rounds are longer on the first side than on the second: what comes there, and what leaves there.
    pub fn longer(&self) -> (i64, i64) {
        let (onward, back) = self.framing;
        match self.turned {
            true => (-back, -onward),
            false => (onward, back),
        }
    }

    /// Whether rounds are no shorter on the first side than on the second, but for some bytes, either way: what goes on is
    /// unwrapped there, and nothing is put around it on the second.
    pub fn is_unwrapped(&self) -> bool {
        let (comes, leaves) = self.longer();
        comes.min(leaves) >= -SHORTER
    }

    /// Whether every round is as long on one leg as on the other, to the byte.
    pub fn is_exact(&self) -> bool {
        self.exact == self.rounds
    }

    /// Whether something goes both ways in one round of four at least. What only flows on, as logs and measurements do, is
    /// handed on by brokers as messages, at the same time and in the same size.
    pub fn is_answered(&self) -> bool {
        4 * self.answered >= self.rounds
    }

    /// The bound of the chance that any of so many pairs fits as well.
    pub fn corrected(&self, tried: u64) -> f64 {
        corrected(self.chance(), tried)
    }

    /// The pairs of flows: each flow of the side that has more of them with the one that it fits most often.
    pub fn pairs(&self) -> Vec<(FlowId, FlowId)> {
        let mut counted: Vec<((FlowId, FlowId), u32)> = Vec::new();
        let mut flows = self.flows.clone();
        flows.sort_unstable();
        for pair in flows {
            match counted.last_mut() {
                Some((last, count)) if *last == pair => *count += 1,
                _ => counted.push((pair, 1)),
            }
        }
        counted.sort_by_key(|&((one, other), count)| (one.max(other), std::cmp::Reverse(count)));
        counted.dedup_by_key(|((one, other), _)| *one.max(other));
        counted.into_iter().map(|(pair, _)| pair).collect()
    }

    /// An upper bound of the chance that unrelated sides fit as well: the tail of the product of two uniform chances
    /// (Fisher).
    pub fn chance(&self) -> f64 {
        let score = self.score();
        ((1.0 + score) * (-score).exp()).min(1.0)
    }
}

/// Whether a pair with this chance would be told in a short run.
pub fn is_enough_alone(chance: f64) -> bool {
    corrected(chance, 1) <= CHANCE
}

/// The bound of a chance, for any of the pairs that were tried.
pub(super) fn corrected(chance: f64, tried: u64) -> f64 {
    chance * tried.max(LEAST_TRIED) as f64
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

/// The Kullback-Leibler divergence of Bernoulli chances, where more than `p` was seen; else zero.
pub(super) fn divergence(seen: f64, p: f64) -> f64 {
    if !(seen > p && p < 1.0) {
        return 0.0;
    }
    let term = |a: f64, b: f64| if a > 0.0 { a * (a / b).ln() } else { 0.0 };
    term(seen, p) + term(1.0 - seen, 1.0 - p)
}

/// How far away the partner of a beat may stand: at a relay that passes on at once, and at one that waits for its program or
/// its other leg.
const FLIGHTS: [Span; 2] = [Span::from_millis(8), Span::from_millis(80)];
/// The same for openings among all beats of the other side, at a relay that looks a name up first.
const OPENINGS: [Span; 1] = [Span::from_millis(250)];
/// Looks in both directions and from both ends, those among openings apart.
const LOOKS: f64 = 4.0 * (FLIGHTS.len() + OPENINGS.len()) as f64;
/// The same for openings among openings.
const AMONG_OPENINGS: [Span; 3] = [
    Span::from_millis(8),
    Span::from_millis(80),
    Span::from_millis(250),
];
/// Trials stand apart by this, which is longer than most round trips: what a session does at once is one trial.
const REST: Span = Span::from_millis(300);
/// A join is told if by accident fewer than one in a hundred runs of two days would tell a wrong one: the bound of its
/// chance, times the pairs that were tried in that time (Bonferroni), of which a short run is charged with a thousand. Pairs of
/// sides answer for each other, and connections inside tunnels do.
pub(super) const CHANCE: f64 = 1e-2;
const LEAST_TRIED: u64 = 1_000;
/// What each of timing and bytes must bring: a chance of e^-4, about one in fifty.
const LEAST_EACH: f64 = 4.0;
/// What bytes must bring where fewer rounds than three in five are conserved: a chance of one in eight thousand.
const BEYOND_CHANCE: f64 = 9.0;
/// By so many bytes a leg may be shorter than the one on which the same is wrapped.
const SHORTER: i64 = 48;
/// Matched trials without which no timing is enough, however few trials there are: one of one has a chance of one in fifty.
const LEAST_MATCHED: usize = 2;
/// No chance is taken for smaller, whatever few trials say.
pub(super) const LEAST_CHANCE: f64 = 0.02;
/// How many times more one side may have carried than the other.
const ALIKE: u64 = 4;
/// Beats that each side needs.
const LEAST_BEATS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::measured::log::Carried;

    /// What happens to each exchange between the sides of a made-up host.
    #[derive(Clone, Copy)]
    struct Relay {
        /// Milliseconds that it takes.
        delay: i64,
        /// One exchange in so many does not show on the other side; 0 for none.
        loses: usize,
        /// Bytes that framing adds to each flight on the first side.
        padding: u64,
        /// Whether the second side's flights begin twice.
        splits: bool,
    }

    const PLAIN: Relay = Relay {
        delay: 2,
        loses: 0,
        padding: 0,
        splits: false,
    };

    /// One exchange: the pause before it in milliseconds, and the bytes of request and answer.
    type Exchange = (i64, u64, u64);

    /// Numbers that look like chance and are always the same.
    fn numbers(seed: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(seed), |n| {
            Some(
                n.wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407),
            )
        })
        .map(|n| n >> 33)
        .skip(1)
    }

    fn exchanges(seed: u64, count: usize, most: u64) -> Vec<Exchange> {
        let mut numbers = numbers(seed);
        let mut next = |below: u64| numbers.next().unwrap() % below;
        let exchange = |_| (400 + next(3_000) as i64, 60 + next(900), 200 + next(most));
        (0..count).map(exchange).collect()
    }

    /// The side of a host that clients ask.
    fn asked(exchanges: &[Exchange], padding: u64, answered_after: i64) -> Log {
        let mut log = Log::default();
        let mut now = Timestamp::from_parts(1_000, 0);
        for &(pause, request, answer) in exchanges {
            now = now + Span::from_millis(pause);
            log.record(now, FlowId(1), Way::In);
            let received = request + padding;
            log.carry(Carried { received, sent: 0 });
            log.record(now + Span::from_millis(answered_after), FlowId(1), Way::Out);
            let sent = answer + padding;
            log.carry(Carried { received: 0, sent });
        }
        log
    }

    /// The side on which it asks others.
    fn asking(exchanges: &[Exchange], relay: Relay) -> Log {
        let mut log = Log::default();
        let mut now = Timestamp::from_parts(1_000, 0);
        for (at, &(pause, sent, received)) in exchanges.iter().enumerate() {
            now = now + Span::from_millis(pause);
            let begins = now + Span::from_millis(relay.delay);
            let lost = relay.loses > 0 && at % relay.loses == 0;
            let beat = |log: &mut Log, after: i64, way: Way| {
                if !lost {
                    log.record(begins + Span::from_millis(after), FlowId(2), way);
                }
            };
            beat(&mut log, 0, Way::Out);
            if relay.splits {
                beat(&mut log, 1, Way::Out);
            }
            log.carry(Carried { sent, received: 0 });
            beat(&mut log, 40, Way::In);
            log.carry(Carried { sent: 0, received });
        }
        log
    }

    fn relayed(exchanges: &[Exchange], relay: Relay) -> Option<Fit> {
        let after = 2 * relay.delay + 40;
        fit(
            &asked(exchanges, relay.padding, after),
            &asking(exchanges, relay),
        )
    }

    #[test]
    fn relays_fit() {
        let cases = [
            ("at once", PLAIN),
            ("with patience", Relay { delay: 60, ..PLAIN }),
            ("losing flights", Relay { loses: 5, ..PLAIN }),
            (
                "framed",
                Relay {
                    padding: 37,
                    ..PLAIN
                },
            ),
            (
                "segmented anew",
                Relay {
                    splits: true,
                    ..PLAIN
                },
            ),
        ];
        for (name, relay) in cases {
            for most in [2_000, 200_000] {
                let fit = relayed(&exchanges(7, 24, most), relay).unwrap();
                assert!(fit.is_told(1_000_000), "{name}: {fit:?}");
            }
        }
    }

    #[test]
    fn a_few_exchanges_are_not_enough() {
        let told = (1..16).map(|count| {
            let fit = relayed(&exchanges(7, count, 20_000), PLAIN);
            fit.is_some_and(|fit| fit.is_told(1))
        });
        let told: Vec<bool> = told.collect();
        assert!(told[..4].iter().all(|told| !told), "{told:?}");
        assert!(told[12..].iter().all(|told| *told), "{told:?}");
    }

    /// An application asks its database when it is asked, and says something of its own.
    #[test]
    fn an_application_fits_in_time_only() {
        let asked_of_it = exchanges(7, 60, 20_000);
        let of_its_own = exchanges(8, 60, 20_000);
        let same_times = asked_of_it.iter().zip(&of_its_own);
        let database: Vec<Exchange> = same_times.map(|(at, own)| (at.0, own.1, own.2)).collect();
        let fit = fit(&asked(&asked_of_it, 0, 44), &asking(&database, PLAIN)).unwrap();
        assert!(fit.timing > 100.0 && fit.bytes < LEAST_EACH, "{fit:?}");
        assert!(!fit.is_told(1));
    }

    /// Two monitors in step ask the same of a host and of another one through no fault of theirs.
    #[test]
    fn what_always_looks_the_same_proves_nothing() {
        let beats = vec![(5_000, 90, 2_000); 60];
        let fit = relayed(&beats, PLAIN).unwrap();
        assert!(fit.bytes < 0.1 && !fit.is_told(1), "{fit:?}");
    }

    #[test]
    fn sides_that_have_nothing_to_do_with_each_other_do_not_fit() {
        for seed in 1..200 {
            let one = asked(&exchanges(seed, 60, 20_000), 0, 44);
            let other = asking(&exchanges(seed + 1_000, 60, 20_000), PLAIN);
            assert!(
                !fit(&one, &other).is_some_and(|fit| fit.is_told(1)),
                "{seed}"
            );
        }
    }

    #[test]
    fn a_tunnel_is_longer_than_what_goes_on() {
        let exchanges = exchanges(7, 24, 2_000);
        for (padding, tunnel_first, is_unwrapped) in [
            (0, true, true),
            (0, false, true),
            (90, true, true),
            (90, false, false),
        ] {
            let tunnel = asked(&exchanges, padding, 44);
            let beyond = asking(&exchanges, PLAIN);
            let fit = match tunnel_first {
                true => fit(&tunnel, &beyond),
                false => fit(&beyond, &tunnel),
            };
            let is_so = fit.unwrap().is_unwrapped();
            assert_eq!(is_so, is_unwrapped, "{padding} {tunnel_first}");
        }
    }

    #[test]
    fn divergence_is_that_of_coins() {
        for (seen, p, expected) in [
            (1.0, 0.5, std::f64::consts::LN_2),
            (0.5, 0.5, 0.0),
            (0.2, 0.5, 0.0),
            (1.0, 1.0, 0.0),
        ] {
            assert!((divergence(seen, p) - expected).abs() < 1e-12);
        }
    }

    /// In bursts and in pauses, for delays shorter and longer than either.
    #[test]
    fn what_is_covered_is_the_same_summed_up_and_walked() {
        let mut pauses = numbers(7).map(|n| (n % 400 * (n % 5)) as i64);
        let mut beats = |flow| {
            let mut time = Timestamp::from_parts(1_000, 0);
            let mut log = Log::default();
            for _ in 0..120 {
                time = time + Span::from_millis(pauses.next().unwrap());
                log.record(time, FlowId(flow), Way::In);
            }
            log
        };
        let (one, other) = (beats(1), beats(2));
        let (anchors, partners) = (one.going(Way::In), other.going(Way::In));
        for (backward, millis) in [
            (true, 8),
            (true, 80),
            (true, 2_500),
            (false, 8),
            (false, 250),
        ] {
            let causing = backward.then_some(&other);
            let walked = Trials::new(&anchors, &partners, causing, false);
            let summed = Trials {
                is_itself: false,
                ..Trials::new(&anchors, &partners, causing, false)
            };
            let delay = Span::from_millis(millis);
            let chance = walked.chance(delay);
            assert!(chance > 0.0, "{millis}");
            assert_eq!(summed.chance(delay).to_bits(), chance.to_bits(), "{millis}");
        }
    }
}
