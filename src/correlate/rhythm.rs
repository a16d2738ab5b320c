//! How regular the moments of a series are, told as they come: a fixed piece of memory, the same work for each.

mod newest;

use crate::evidence::bins::GapBins;
use crate::time::{Span, Timestamp};
use newest::Newest;

/// A series of moments, summed up. Moments that come at once are taken as one, and long pauses are left out.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    last: Timestamp,
    gaps: u32,
    rests: u16,
    /// The mean of the newest gaps, in seconds.
    period: f32,
    least: f32,
    most: f32,
    sum: f64,
    squares: f64,
    newest: Newest,
    /// Around the period, once that is known.
    bins: GapBins,
}

/// How sure it is that moments are no accident: the chance that a Poisson process is as regular.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Regularity {
    /// It may be one.
    None,
    /// At most one in ten thousand.
    Likely,
    /// At most one in a million.
    Sure,
}

/// What a series tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// How sure it is that it is no accident.
    pub regularity: Regularity,
    /// The seconds from one beat to the next.
    pub period: f64,
    /// The smallest and the largest gap in seconds, where beats are missing for one of them.
    pub bounds: (f64, f64),
    /// Variance over mean squared of the gaps: 1 for accidents, near 0 for a clock.
    pub spread: f64,
    /// Beats that are missing among the newest gaps.
    pub missing: u32,
}

impl Rhythm {
    /// A series of one moment.
    pub fn new(first: Timestamp) -> Self {
        Self {
            last: first,
            gaps: 0,
            rests: 0,
            period: 0.0,
            least: f32::INFINITY,
            most: 0.0,
            sum: 0.0,
            squares: 0.0,
            newest: Newest::new(),
            bins: GapBins::default(),
        }
    }

    /// Takes the next moment; says whether it is a beat of its own. One that is older than the last is left out.
    #[expect(clippy::cast_possible_truncation, reason = "gaps are kept as f32")]
    pub fn beat(&mut self, now: Timestamp) -> bool {
        let gap = (now - self.last).as_seconds_f64() as f32;
        if gap < (self.period * AT_ONCE).max(LEAST_GAP) {
            return false;
        }
        self.last = now;
        self.take_or_rest(gap);
        true
    }

    /// Takes the gap of one of several series that are summed up together, and the moment at which it ended.
    #[expect(clippy::cast_possible_truncation, reason = "gaps are kept as f32")]
    pub fn follow(&mut self, gap: Span, now: Timestamp) {
        let gap = gap.as_seconds_f64() as f32;
        self.last = now;
        if gap >= LEAST_GAP {
            self.take_or_rest(gap);
        }
    }

    fn take_or_rest(&mut self, gap: f32) {
        if self.is_rest(gap) {
            self.rests = self.rests.saturating_add(1);
        } else {
            self.take(gap);
        }
    }

    /// Nights and weekends: few, and far longer than what is known of the series.
    fn is_rest(&self, gap: f32) -> bool {
        self.gaps >= SETTLED
            && gap > self.period * REST
            && u32::from(self.rests) < 1 + self.gaps / GAPS_FOR_A_REST
    }

    fn take(&mut self, gap: f32) {
        self.newest.add(self.gaps, gap);
        self.gaps = self.gaps.saturating_add(1);
        let weight = 1.0 / f32::from(u16::try_from(self.gaps).unwrap_or(u16::MAX)).min(NEWEST);
        self.period += (gap - self.period) * weight;
        self.least = self.least.min(gap);
        self.most = self.most.max(gap);
        self.sum += f64::from(gap);
        self.squares += f64::from(gap) * f64::from(gap);
        if self.bins.has_middle() {
            self.bins.count(gap);
        } else if self.gaps == ENOUGH {
            self.bins = GapBins::around(self.newest.median(self.gaps));
            let newest = self.newest.gaps(self.gaps);
            newest.iter().for_each(|gap| self.bins.count(*gap));
        }
    }

    /// How many gaps there were, rests left out.
    pub const fn gaps(&self) -> u32 {
        self.gaps
    }

    /// The newest moment.
    pub const fn last(&self) -> Timestamp {
        self.last
    }

    /// All gaps together, in seconds.
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// The mean gap in seconds.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.gaps.max(1))
    }

    /// The largest gap in seconds.
    pub fn most(&self) -> f64 {
        f64::from(self.most)
    }

    /// How regular it is: all gaps together, or the newest where beats are missing.
    pub fn read(&self) -> Reading {
        let whole = self.whole();
        if self.gaps < ENOUGH || whole.spread < CLEAR {
            return whole;
        }
        let newest = self.newest.read(self.gaps);
        if newest.is_clearer(&whole) {
            newest
        } else {
            whole
        }
    }

    fn whole(&self) -> Reading {
        let spread = self.spread();
        Reading {
            regularity: Regularity::of(&CRITICAL, self.gaps, spread),
            period: self.mean(),
            bounds: (f64::from(self.least), f64::from(self.most)),
            spread,
            missing: 0,
        }
    }

    /// Greenwood's statistic (Moran 1947).
    fn spread(&self) -> f64 {
        if self.sum <= 0.0 {
            return 1.0;
        }
        (f64::from(self.gaps) * self.squares / (self.sum * self.sum) - 1.0).max(0.0)
    }

    /// How many gaps are about how long.
    pub const fn bins(&self) -> GapBins {
        self.bins
    }
}

impl Reading {
    fn is_clearer(&self, other: &Self) -> bool {
        let is_sharper = self.regularity > Regularity::None && self.spread * SHARPER < other.spread;
        self.regularity > other.regularity || (self.missing > 0 && is_sharper)
    }

    /// Whether gaps differ by more than a network does and keep between hard edges: a clock that hides.
    pub fn is_jittered(&self) -> bool {
        let (least, most) = self.bounds;
        self.spread >= JITTER && most <= least * EDGES
    }
}

impl Regularity {
    /// Of a spread of so many gaps, by the last row of a table that has no more gaps.
    fn of(table: &[Row], gaps: u32, spread: f64) -> Self {
        match table.iter().rev().find(|row| row.0 <= gaps) {
            Some(row) if spread <= row.1 => Self::Sure,
            Some(row) if spread <= row.2 => Self::Likely,
            _ => Self::None,
        }
    }
}

/// The silence after which a series is no longer awaited.
pub fn is_stale(rhythm: &Rhythm, now: Timestamp) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
    let seconds = rhythm.mean() as i64;
    let patience = Span::from_seconds(seconds.saturating_add(1)) * PATIENCE;
    now - rhythm.last() > patience
}

/// Gaps, and the spread that a Poisson process falls below once in a million, and once in ten thousand.
type Row = (u32, f64, f64);

/// From six million series each, with moments at once and rests left out as here; between two rows the smaller one holds.
const CRITICAL: [Row; 13] = [
    (8, 0.0114, 0.0416),
    (9, 0.0156, 0.0558),
    (10, 0.0282, 0.0719),
    (12, 0.0473, 0.0990),
    (14, 0.0660, 0.1257),
    (16, 0.0821, 0.1514),
    (20, 0.1175, 0.1895),
    (24, 0.1502, 0.2243),
    (28, 0.1667, 0.2514),
    (32, 0.1975, 0.2774),
    (40, 0.2342, 0.3192),
    (48, 0.2708, 0.3536),
    (64, 0.3278, 0.4039),
];

/// A spread at which no beat can be missing.
const CLEAR: f64 = 0.01;

/// A spread that is so many times smaller tells of beats that are missing.
const SHARPER: f64 = 4.0;

/// Fewer gaps tell nothing.
const ENOUGH: u32 = 8;

/// Moments within so much of a period, or within so many seconds, are one.
const AT_ONCE: f32 = 0.02;
const LEAST_GAP: f32 = 0.02;

/// From so many gaps on a period is known.
const SETTLED: u32 = 6;
/// A rest is longer than so many periods; there is one, and one more for so many gaps.
const REST: f32 = 8.0;
const GAPS_FOR_A_REST: u32 = 16;
/// The period follows the newest gaps, about so many.
const NEWEST: f32 = 16.0;

/// Gaps that are spread by less than this (8 % to either side) are a clock seen through a network.
const JITTER: f64 = 0.002;
/// Jitter of 60 % to either side.
const EDGES: f64 = 4.0;

/// Periods.
const PATIENCE: i64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(gaps: impl IntoIterator<Item = f64>) -> Rhythm {
        let mut now = Timestamp::from_parts(1_000, 0);
        let mut rhythm = Rhythm::new(now);
        for gap in gaps {
            #[expect(clippy::cast_possible_truncation, reason = "a test")]
            let span = Span::from_micros((gap * 1e6) as i64);
            now = now + span;
            rhythm.beat(now);
        }
        rhythm
    }

    /// Numbers between 0 and 1 that look like chance (splitmix64).
    #[expect(clippy::cast_precision_loss, reason = "a test")]
    fn chance(seed: u64) -> impl Iterator<Item = f64> {
        let step = 0x9E37_79B9_7F4A_7C15_u64;
        let mix = move |n: u64| {
            let mut z = seed.wrapping_add(n.wrapping_mul(step));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        (1..).map(mix)
    }

    #[test]
    fn a_clock_is_sure_and_an_accident_is_none() {
        use Regularity::{Likely, None, Sure};
        let jitter = |seed, count, least: f64, more: f64| -> Vec<f64> {
            chance(seed).take(count).map(|u| least + more * u).collect()
        };
        let bursts = chance(6).take(40);
        let cases: [(&str, Vec<f64>, Regularity, bool); 9] = [
            ("too few", vec![60.0; 7], None, false),
            ("a clock", vec![60.0; 8], Sure, false),
            ("20 %", jitter(1, 20, 48.0, 24.0), Sure, true),
            ("50 %", jitter(2, 20, 30.0, 30.0), Sure, true),
            ("100 %", jitter(7, 80, 0.0, 60.0), Sure, false),
            ("0.1 s", jitter(3, 24, 0.09, 0.02), Sure, true),
            ("3 d", jitter(4, 9, 250_000.0, 9_000.0), Sure, false),
            (
                "Poisson",
                chance(5).take(40).map(|u| -60.0 * (1.0 - u).ln()).collect(),
                None,
                false,
            ),
            (
                "bursts",
                bursts
                    .map(|u| if u < 0.8 { 1.0 } else { 400.0 * u })
                    .collect(),
                None,
                false,
            ),
        ];
        for (name, gaps, expected, jittered) in cases {
            let reading = rhythm(gaps).read();
            assert_eq!(reading.regularity, expected, "{name}: {reading:?}");
            let told = reading.is_jittered() && expected == Sure;
            assert_eq!(told, jittered, "{name}: {reading:?}");
        }
        let likely = rhythm([42.0, 60.0, 80.0, 60.0, 75.0, 45.0, 60.0, 60.0]).read();
        assert_eq!(likely.regularity, Likely, "{likely:?}");
    }

    #[test]
    fn beats_may_be_missing() {
        let beats = chance(8).zip(chance(9)).take(80);
        let mut waited = 0.0;
        let sleeps = beats.filter_map(|(u, missing)| {
            waited += 57.0 + 6.0 * u;
            (missing > 0.4).then(|| std::mem::take(&mut waited))
        });
        let reading = rhythm(sleeps).read();
        assert_eq!(reading.regularity, Regularity::Sure, "{reading:?}");
        assert!(
            (reading.period - 60.0).abs() < 2.0 && reading.missing > 4,
            "{reading:?}"
        );
    }

    #[test]
    fn moments_at_once_are_one_and_nights_are_left_out() {
        let twice = rhythm([60.0, 0.1, 60.0, 0.1, 60.0, 0.1, 60.0]);
        assert_eq!(twice.gaps(), 4);
        assert!((twice.mean() - 60.0).abs() < 0.2, "{}", twice.mean());
        let day = [60.0; 20];
        let nights = [day.as_slice(), &[57_600.0], &day, &[57_600.0], &day].concat();
        let rhythm = rhythm(nights);
        assert_eq!((rhythm.gaps(), rhythm.rests), (60, 2));
        assert_eq!(rhythm.read().regularity, Regularity::Sure);
    }

    #[test]
    fn gaps_are_counted_once_their_middle_is_known() {
        let few = rhythm([60.0; 7]);
        assert_eq!(few.bins().iter().count(), 0);
        let told = rhythm([60.0, 60.0, 60.0, 5.0, 60.0, 60.0, 60.0, 60.0, 60.0, 9_000.0]);
        let counts: Vec<_> = told.bins().iter().map(|bin| bin.2).collect();
        assert_eq!(counts, [1, 8], "the last one was a rest");
    }
}
