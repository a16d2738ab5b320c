//! How regular the moments of a series are, told as they come: a fixed piece of memory, the same work for each.

use crate::time::{Span, Timestamp};

/// A series of moments, summed up. Gaps of two or three periods are taken as missing beats, and moments that come at
/// once as one.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    last: Timestamp,
    gaps: u32,
    missing: u16,
    companions: u16,
    /// The mean of the newest gaps, in seconds.
    period: f32,
    least: f32,
    most: f32,
    sum: f64,
    squares: f64,
    bins: [u8; Self::BINS],
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

impl Rhythm {
    /// Bins of the histogram of gaps: each begins at twice the seconds of the one before.
    pub const BINS: usize = 24;

    /// A series of one moment.
    pub const fn new(first: Timestamp) -> Self {
        Self {
            last: first,
            gaps: 0,
            missing: 0,
            companions: 0,
            period: 0.0,
            least: f32::INFINITY,
            most: 0.0,
            sum: 0.0,
            squares: 0.0,
            bins: [0; Self::BINS],
        }
    }

    /// Takes the next moment; says whether it is a beat of its own. One that is older than the last is left out.
    #[expect(clippy::cast_possible_truncation, reason = "gaps are kept as f32")]
    pub fn beat(&mut self, now: Timestamp) -> bool {
        let gap = (now - self.last).as_seconds_f64() as f32;
        if gap < 0.0 {
            return false;
        }
        if gap < (self.period * AT_ONCE).max(LEAST_GAP) {
            self.companions = self.companions.saturating_add(1);
            return false;
        }
        self.last = now;
        let beats = self.beats_in(gap);
        self.missing = self.missing.saturating_add(beats - 1);
        self.take(gap / f32::from(beats));
        true
    }

    /// How many periods lie in a gap: two or three only where they fit.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 3"
    )]
    fn beats_in(&self, gap: f32) -> u16 {
        if self.gaps < SETTLED || self.period <= 0.0 {
            return 1;
        }
        let ratio = gap / self.period;
        let beats = ratio.round().clamp(1.0, MOST_MISSING);
        let fits = (ratio / beats - 1.0).abs() < FITS;
        if fits { beats as u16 } else { 1 }
    }

    fn take(&mut self, gap: f32) {
        self.gaps = self.gaps.saturating_add(1);
        let weight = 1.0 / f32::from(u16::try_from(self.gaps).unwrap_or(u16::MAX)).min(NEWEST);
        self.period += (gap - self.period) * weight;
        self.least = self.least.min(gap);
        self.most = self.most.max(gap);
        self.sum += f64::from(gap);
        self.squares += f64::from(gap) * f64::from(gap);
        if let Some(bin) = self.bins.get_mut(bin_of(gap)) {
            *bin = bin.saturating_add(1);
        }
    }

    /// How many gaps there were.
    pub const fn gaps(&self) -> u32 {
        self.gaps
    }

    /// How many beats were missing.
    pub const fn missing(&self) -> u16 {
        self.missing
    }

    /// The newest moment.
    pub const fn last(&self) -> Timestamp {
        self.last
    }

    /// The mean gap in seconds.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.gaps.max(1))
    }

    /// The smallest and the largest gap in seconds.
    pub fn bounds(&self) -> (f64, f64) {
        (f64::from(self.least), f64::from(self.most))
    }

    /// Variance over mean squared of the gaps (Greenwood's statistic, Moran 1947): 1 for accidents, near 0 for a clock.
    pub fn spread(&self) -> f64 {
        if self.sum <= 0.0 {
            return 1.0;
        }
        (f64::from(self.gaps) * self.squares / (self.sum * self.sum) - 1.0).max(0.0)
    }

    /// How sure it is that the moments are no accident.
    pub fn regularity(&self) -> Regularity {
        let Some(row) = CRITICAL.iter().rev().find(|row| row.0 <= self.gaps) else {
            return Regularity::None;
        };
        match self.spread() {
            spread if spread <= row.1 => Regularity::Sure,
            spread if spread <= row.2 => Regularity::Likely,
            _ => Regularity::None,
        }
    }

    /// Whether gaps differ by more than a network does and keep between hard edges: a clock that hides.
    pub fn is_jittered(&self) -> bool {
        let (least, most) = self.bounds();
        self.spread() >= JITTER && most <= least * EDGES
    }

    /// How many gaps were at least so many seconds and less than twice that, where there were any.
    pub fn histogram(&self) -> impl Iterator<Item = (f64, u8)> {
        let bins = (0..).zip(&self.bins).filter(|(_, count)| **count > 0);
        bins.map(|(bin, count)| (2f64.powi(bin - FIRST_POWER), *count))
    }
}

/// Seconds by powers of two.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the bins"
)]
fn bin_of(gap: f32) -> usize {
    let power = gap.log2().floor() + FIRST_POWER as f32;
    power.clamp(0.0, 23.0) as usize
}

/// The silence after which a series is no longer awaited.
pub fn is_stale(rhythm: &Rhythm, now: Timestamp) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
    let seconds = rhythm.mean() as i64;
    let patience = Span::from_seconds(seconds.saturating_add(1)) * PATIENCE;
    now - rhythm.last() > patience
}

/// Gaps, and the spread that a Poisson process falls below once in a million, and once in ten thousand. From four
/// million series each; between two rows the smaller one holds.
const CRITICAL: [(u32, f64, f64); 6] = [
    (8, 0.0125, 0.0432),
    (12, 0.0401, 0.1044),
    (16, 0.0836, 0.1568),
    (24, 0.1591, 0.2358),
    (32, 0.2153, 0.2911),
    (48, 0.2791, 0.3683),
];

/// The first bin begins at 2 to the power of minus this.
const FIRST_POWER: i32 = 6;

/// Moments within so much of a period, or within so many seconds, are one.
const AT_ONCE: f32 = 0.02;
const LEAST_GAP: f32 = 0.02;

/// From so many gaps on a period is known.
const SETTLED: u32 = 3;
/// A gap fits a number of periods up to this part of one.
const FITS: f32 = 0.25;
const MOST_MISSING: f32 = 3.0;
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
        let cases: [(&str, Vec<f64>, Regularity, bool); 8] = [
            ("too few", vec![60.0; 7], None, false),
            ("a clock", vec![60.0; 8], Sure, false),
            (
                "20 %",
                chance(1).take(20).map(|u| 48.0 + 24.0 * u).collect(),
                Sure,
                true,
            ),
            (
                "50 %",
                chance(2).take(20).map(|u| 30.0 + 30.0 * u).collect(),
                Sure,
                true,
            ),
            (
                "0.1 s",
                chance(3).take(24).map(|u| 0.09 + 0.02 * u).collect(),
                Sure,
                true,
            ),
            (
                "3 d",
                chance(4).take(9).map(|u| 250_000.0 + 9_000.0 * u).collect(),
                Sure,
                false,
            ),
            (
                "Poisson",
                chance(5).take(40).map(|u| -60.0 * (1.0 - u).ln()).collect(),
                None,
                false,
            ),
            (
                "bursts",
                chance(6)
                    .take(40)
                    .map(|u| if u < 0.8 { 1.0 } else { 400.0 * u })
                    .collect(),
                None,
                false,
            ),
        ];
        for (name, gaps, expected, jittered) in cases {
            let rhythm = rhythm(gaps);
            assert_eq!(rhythm.regularity(), expected, "{name}: {}", rhythm.spread());
            let told = rhythm.is_jittered() && expected == Sure;
            assert_eq!(told, jittered, "{name}: {:?}", rhythm.bounds());
        }
        let likely = rhythm([42.0, 60.0, 80.0, 60.0, 75.0, 45.0, 60.0, 60.0]);
        assert_eq!(likely.regularity(), Likely, "{}", likely.spread());
    }

    #[test]
    fn missing_beats_are_folded_and_moments_at_once_are_one() {
        let missing = rhythm([60.0, 60.0, 60.0, 120.0, 60.0, 180.0, 60.0, 60.0, 60.0]);
        assert_eq!((missing.gaps(), missing.missing()), (9, 3));
        assert_eq!(missing.regularity(), Regularity::Sure);
        let twice = rhythm([60.0, 0.1, 60.0, 0.1, 60.0, 0.1, 60.0]);
        assert_eq!(twice.gaps(), 4);
        assert!((twice.mean() - 60.0).abs() < 0.2, "{}", twice.mean());
    }

    #[test]
    fn gaps_fall_into_bins_by_powers_of_two() {
        let rhythm = rhythm([60.0, 60.0, 5.0]);
        assert_eq!(
            rhythm.histogram().collect::<Vec<_>>(),
            [(4.0, 1), (32.0, 2)]
        );
    }
}
