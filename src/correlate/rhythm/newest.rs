//! The newest gaps of a series, one by one: whether they are whole numbers of one period, beats missing here and there.

use super::{Reading, Regularity, Row};

/// Gaps in seconds, the newest take the places of the oldest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newest([f32; KEPT]);

impl Newest {
    /// No gap yet.
    pub(super) const fn new() -> Self {
        Self([0.0; KEPT])
    }

    /// Takes the next gap, after so many others.
    pub(super) fn add(&mut self, before: u32, gap: f32) {
        if let Some(place) = self.0.get_mut(before as usize % KEPT) {
            *place = gap;
        }
    }

    /// The gaps that are kept of so many, in no order of time.
    pub(super) fn gaps(&self, count: u32) -> &[f32] {
        self.0.get(..count as usize).unwrap_or(&self.0)
    }

    fn sorted(&self, count: u32) -> ([f32; KEPT], usize) {
        let mut sorted = self.0;
        let kept = self.gaps(count).len();
        if let Some(kept) = sorted.get_mut(..kept) {
            kept.sort_unstable_by(f32::total_cmp);
        }
        (sorted, kept)
    }

    /// The one in the middle.
    pub(super) fn median(&self, count: u32) -> f32 {
        let (sorted, kept) = self.sorted(count);
        sorted.get(kept / 2).copied().unwrap_or_default()
    }

    /// How far they are from whole numbers of one period.
    pub(super) fn read(&self, count: u32) -> Reading {
        let (sorted, kept) = self.sorted(count);
        let sorted = sorted.get(..kept).unwrap_or_default();
        let period = period(sorted);
        let mut reading = Reading {
            regularity: Regularity::None,
            period: f64::from(period),
            bounds: (f64::INFINITY, 0.0),
            spread: 0.0,
            missing: 0,
        };
        for gap in sorted {
            reading.fit(gap / period);
        }
        let kept = u32::try_from(kept).unwrap_or(u32::MAX);
        reading.spread /= f64::from(kept.max(1));
        reading.regularity = Regularity::of(&CRITICAL, kept, reading.spread);
        reading
    }
}

impl Reading {
    /// Takes a gap of so many periods.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 8"
    )]
    fn fit(&mut self, ratio: f32) {
        let beats = ratio.round().max(1.0);
        if beats > MOST_BEATS {
            self.spread += f64::from(OFF * OFF);
            return;
        }
        let off = (ratio - beats).abs().min(OFF);
        self.spread += f64::from(off * off);
        self.missing += beats as u32 - 1;
        let folded = self.period * f64::from(ratio / beats);
        self.bounds = (self.bounds.0.min(folded), self.bounds.1.max(folded));
    }
}

/// Gaps without a missing beat are among the shorter ones: the mean of those about as long as the one at a quarter.
fn period(sorted: &[f32]) -> f32 {
    let quarter = sorted.get(sorted.len() / 4).copied().unwrap_or_default();
    let like = |gap: &&f32| (**gap / quarter - 1.0).abs() <= LIKE;
    let (sum, count) = sorted
        .iter()
        .filter(like)
        .fold((0.0, 0.0), |(sum, count), gap| (sum + gap, count + 1.0));
    if count > 0.0 { sum / count } else { quarter }
}

/// Gaps, and how far (squared, in periods) those of a Poisson process are from whole numbers on average, once in a million
/// and once in a hundred thousand; from six million series each.
const CRITICAL: [Row; 6] = [
    (8, 0.0025, 0.0048),
    (9, 0.0042, 0.0067),
    (10, 0.0051, 0.0090),
    (12, 0.0107, 0.0150),
    (14, 0.0139, 0.0197),
    (16, 0.0192, 0.0248),
];

/// Gaps that are kept.
const KEPT: usize = 16;
/// Up to this part of a period.
const LIKE: f32 = 0.25;
/// A gap of more periods fits none.
const MOST_BEATS: f32 = 8.0;
/// What fits nowhere is so much of a period off.
const OFF: f32 = 0.5;
