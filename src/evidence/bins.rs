//! Histograms: a byte for each bin. Where a bin begins and ends is worked out for who looks at it.

/// How many gaps are about how long: each bin begins at a quarter of an octave above the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GapBins {
    /// The gap that bins are told apart by, in seconds; 0 until it is known.
    middle: f32,
    counts: [u8; Self::BINS],
}

impl GapBins {
    /// Bins of a histogram; the outermost hold what lies beyond.
    pub const BINS: usize = 24;

    /// No gap yet, around one of so many seconds.
    pub fn around(middle: f32) -> Self {
        Self {
            middle,
            ..Self::default()
        }
    }

    /// Whether it is known around which gap.
    pub fn has_middle(&self) -> bool {
        self.middle > 0.0
    }

    /// Counts a gap of so many seconds.
    pub fn count(&mut self, gap: f32) {
        if let Some(bin) = self.counts.get_mut(gap_bin(gap / self.middle)) {
            *bin = bin.saturating_add(1);
        }
    }

    /// From how many seconds to how many there were gaps, and how many, where there were any.
    pub fn iter(&self) -> impl Iterator<Item = (f64, f64, u8)> {
        let edge = |bin| f64::from(self.middle) * 2f64.powf((f64::from(bin) - HALF) / PER_OCTAVE);
        let bins = (0u8..).zip(&self.counts).filter(|(_, count)| **count > 0);
        bins.map(move |(bin, count)| (edge(bin), edge(bin + 1), *count))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the bins"
)]
fn gap_bin(ratio: f32) -> usize {
    let bin = f64::from(ratio).log2() * PER_OCTAVE + HALF;
    bin.floor().clamp(0.0, (GapBins::BINS - 1) as f64) as usize
}

/// How many sizes are about how large: below 16 bytes, and then four bins for each doubling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeBins([u8; Self::BINS]);

impl SizeBins {
    /// Bins of a histogram; the last one holds what is larger, too.
    pub const BINS: usize = 64;

    /// Counts a size in bytes.
    pub fn count(&mut self, size: u32) {
        if let Some(bin) = self.0.get_mut(size_bin(size)) {
            *bin = bin.saturating_add(1);
        }
    }

    /// From how many bytes to how many there were some, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, u8)> {
        let bins = (0..).zip(&self.0).filter(|(_, count)| **count > 0);
        bins.map(|(bin, count)| (lowest_of(bin), lowest_of(bin + 1).saturating_sub(1), *count))
    }
}

impl Default for SizeBins {
    fn default() -> Self {
        Self([0; Self::BINS])
    }
}

fn size_bin(size: u32) -> usize {
    let Some(power) = size.checked_ilog2().filter(|power| *power >= FIRST_POWER) else {
        return 0;
    };
    let quarter = (size >> (power - 2)) & 3;
    let bin = (power - FIRST_POWER) * 4 + quarter + 1;
    (bin as usize).min(SizeBins::BINS - 1)
}

fn lowest_of(bin: u32) -> u32 {
    let Some(above) = bin.checked_sub(1) else {
        return 0;
    };
    (4 + above % 4) << (above / 4 + FIRST_POWER - 2)
}

/// Bins of an octave, and where the middle of a histogram of gaps lies.
const PER_OCTAVE: f64 = 4.0;
const HALF: f64 = 12.5;

/// The second bin of sizes begins at 2 to the power of this.
const FIRST_POWER: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_fall_into_bins_around_their_middle() {
        let mut gaps = GapBins::around(60.0);
        let all = [60.0, 60.0, 5.0, 60.0, 9_000.0];
        all.into_iter().for_each(|gap| gaps.count(gap));
        let bins: Vec<_> = gaps.iter().collect();
        let counts: Vec<_> = bins.iter().map(|bin| bin.2).collect();
        assert_eq!(counts, [1, 3, 1]);
        assert!(
            bins[1].0 < 60.0 && 60.0 < bins[1].1 && bins[1].1 < 66.0,
            "{bins:?}"
        );
    }

    #[test]
    fn sizes_fall_into_four_bins_of_each_doubling() {
        let mut sizes = SizeBins::default();
        let all = [0, 1, 3, 172, 200, u32::MAX];
        all.into_iter().for_each(|size| sizes.count(size));
        let last = (786_432, 917_503, 1);
        let told: Vec<_> = sizes.iter().collect();
        assert_eq!(told, [(0, 15, 3), (160, 191, 1), (192, 223, 1), last]);
        for size in [16, 19, 20, 31, 32, 1_279, 1_280, 700_000] {
            let mut one = SizeBins::default();
            one.count(size);
            let (from, to, _) = one.iter().next().unwrap();
            assert!(from <= size && size <= to, "{size}: {from} {to}");
        }
    }
}
