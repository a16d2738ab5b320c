//! How alike the sizes of a series are: a fixed piece of memory, the same work for each.

use crate::evidence::bins::SizeBins;

/// Sizes in bytes, summed up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    total: u64,
    count: u32,
    least: u32,
    most: u32,
    kinds: [Kind; KINDS],
    bins: SizeBins,
}

/// A size, and how many are like it.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    size: u32,
    count: u32,
}

impl Sizes {
    /// Takes the next size.
    pub fn add(&mut self, bytes: u64) {
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.least = if self.count == 0 {
            size
        } else {
            self.least.min(size)
        };
        self.most = self.most.max(size);
        self.count = self.count.saturating_add(1);
        self.total = self.total.saturating_add(bytes);
        self.sort_in(size);
        self.bins.count(size);
    }

    /// A size of a new kind takes the place of the rarest.
    fn sort_in(&mut self, size: u32) {
        let is_like = |kind: &&mut Kind| kind.count > 0 && size.abs_diff(kind.size) <= ALIKE;
        if let Some(kind) = self.kinds.iter_mut().find(is_like) {
            kind.count = kind.count.saturating_add(1);
        } else if let Some(rarest) = self.kinds.iter_mut().min_by_key(|kind| kind.count) {
            *rarest = Kind { size, count: 1 };
        }
    }

    /// Bytes of all of them.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Whether they are all about as large.
    pub const fn are_about_alike(&self) -> bool {
        self.most - self.least <= self.least / 16 + 2 * ALIKE
    }

    /// Whether none is twice as large as another.
    pub const fn are_within_edges(&self) -> bool {
        self.most <= self.least.saturating_mul(2)
    }

    /// Whether more than one was about as large.
    pub fn has_often(&self, bytes: u64) -> bool {
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        let like = |kind: &Kind| kind.count > 1 && size.abs_diff(kind.size) <= 2 * ALIKE;
        self.kinds.iter().any(like)
    }

    /// The largest.
    pub const fn most(&self) -> u32 {
        self.most
    }

    /// Whether they are all of one size.
    pub const fn are_alike(&self) -> bool {
        self.most - self.least <= 2 * ALIKE
    }

    /// Whether most are of a few sizes, or of one.
    pub fn come_in_few_sizes(&self) -> bool {
        let usual = self.kinds.iter().map(|kind| kind.count).max().unwrap_or(0);
        self.known() * 20 >= self.count * 17 || usual * 3 >= self.count * 2
    }

    /// Whether hardly two of them are of one size.
    pub fn differ(&self) -> bool {
        self.known() * 2 < self.count
    }

    /// How many are of the sizes that are known.
    fn known(&self) -> u32 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    /// How many are about how large.
    pub const fn bins(&self) -> SizeBins {
        self.bins
    }
}

/// Sizes that differ by so many bytes are alike: counters and identifiers in them grow.
const ALIKE: u32 = 4;

/// Sizes that are told apart.
const KINDS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(all: &[u64]) -> Sizes {
        let mut sizes = Sizes::default();
        all.iter().for_each(|size| sizes.add(*size));
        sizes
    }

    #[test]
    fn sizes_are_alike_or_few_or_differ() {
        let cases: [(&[u64], bool, bool, bool); 6] = [
            (&[172; 9], true, true, false),
            (
                &[172, 172, 385, 172, 172, 173, 516, 172],
                false,
                true,
                false,
            ),
            (&[385, 172, 172, 172, 172], false, true, false),
            (&[2312, 2341, 2312, 2341, 2341, 2312], false, true, false),
            (
                &[2490, 2526, 2638, 2550, 2601, 2611, 2520, 2575, 2560, 2505],
                false,
                false,
                true,
            ),
            (
                &[100, 500, 900, 100, 1300, 1700, 2100, 100],
                false,
                false,
                false,
            ),
        ];
        for (all, alike, few, differ) in cases {
            let sizes = sizes(all);
            let told = (sizes.are_alike(), sizes.come_in_few_sizes(), sizes.differ());
            assert_eq!(told, (alike, few, differ), "{all:?}");
        }
        assert!(sizes(&[1107, 1109, 1150]).are_about_alike());
        assert!(!sizes(&[100, 200]).are_about_alike());
    }
}
