//! Payload sizes of one direction, as a histogram small enough to stand in every flow.

use arrayvec::ArrayVec;

use crate::facts::SizeBin;

/// A log-linear histogram of payload sizes in bytes: exact below 4, then four buckets per octave up to 65,535.
///
/// Most flows use a handful of buckets, which stand in the flow itself; a flow that uses more, or counts beyond 255,
/// gets the full table.
#[derive(Clone, Debug)]
pub struct Sizes(Counts);

#[derive(Clone, Debug)]
enum Counts {
    Few(ArrayVec<(u8, u8), FEW>),
    Many(Box<[u32; BUCKETS]>),
}

impl Sizes {
    /// Counts one payload of `bytes` bytes. Sizes above 65,535 count as that; counts saturate.
    pub fn record(&mut self, bytes: u32) {
        let bucket = bucket_of(bytes);
        if let Counts::Few(few) = &mut self.0
            && !record_few(few, bucket)
        {
            self.widen();
        }
        if let Counts::Many(many) = &mut self.0
            && let Some(count) = many.get_mut(usize::from(bucket))
        {
            *count = count.saturating_add(1);
        }
    }

    fn widen(&mut self) {
        let mut many = Box::new([0; BUCKETS]);
        for bin in self.bins() {
            if let Some(slot) = many.get_mut(usize::from(bucket_of(bin.lowest))) {
                *slot = bin.count;
            }
        }
        self.0 = Counts::Many(many);
    }

    /// The buckets that hold something, smallest first.
    pub fn bins(&self) -> impl Iterator<Item = SizeBin> + '_ {
        (0..BUCKETS)
            .filter_map(|bucket| u8::try_from(bucket).ok())
            .map(|bucket| SizeBin {
                lowest: lowest_of(bucket),
                highest: lowest_of(bucket + 1) - 1,
                count: self.count(bucket),
            })
            .filter(|bin| bin.count > 0)
    }

    fn count(&self, bucket: u8) -> u32 {
        match &self.0 {
            Counts::Few(few) => few
                .iter()
                .find(|(known, _)| *known == bucket)
                .map_or(0, |&(_, count)| count.into()),
            Counts::Many(many) => many.get(usize::from(bucket)).copied().unwrap_or(0),
        }
    }
}

/// Counts in place; false where there is no room.
fn record_few(few: &mut ArrayVec<(u8, u8), FEW>, bucket: u8) -> bool {
    match few.iter_mut().find(|(known, _)| *known == bucket) {
        Some((_, count)) => match count.checked_add(1) {
            Some(more) => {
                *count = more;
                true
            }
            None => false,
        },
        None => few.try_push((bucket, 1)).is_ok(),
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self(Counts::Few(ArrayVec::new()))
    }
}

/// The bucket of a size: its octave and the two bits below its leading bit.
#[expect(clippy::cast_possible_truncation, reason = "a bucket is below 60")]
fn bucket_of(bytes: u32) -> u8 {
    let bytes = bytes.min(LARGEST);
    if bytes < 4 {
        return bytes as u8;
    }
    let octave = bytes.ilog2();
    let quarter = (bytes >> (octave - 2)) & 3;
    ((octave - 1) * 4 + quarter) as u8
}

/// The smallest size that falls into a bucket.
fn lowest_of(bucket: u8) -> u32 {
    let bucket = u32::from(bucket);
    match bucket.checked_sub(4) {
        None => bucket,
        Some(above) => (4 + above % 4) << (above / 4),
    }
}

const LARGEST: u32 = 65_535;
const BUCKETS: usize = 60;
const FEW: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_falls_between_its_bucket_and_the_next() {
        for bytes in 0..=LARGEST {
            let bucket = bucket_of(bytes);
            assert!(usize::from(bucket) < BUCKETS);
            assert!(lowest_of(bucket) <= bytes, "{bytes}");
            let last = usize::from(bucket) + 1 == BUCKETS;
            assert!(last || bytes < lowest_of(bucket + 1), "{bytes}");
        }
        assert_eq!(usize::from(bucket_of(u32::MAX)), BUCKETS - 1);
    }

    #[test]
    fn counts_beyond_a_byte_are_kept() {
        let mut sizes = Sizes::default();
        (0..1_000).for_each(|_| sizes.record(517));
        sizes.record(0);
        assert_eq!(bins(&sizes), [(0, 0, 1), (512, 639, 1_000)]);
    }

    #[test]
    fn many_sizes_are_kept() {
        let mut sizes = Sizes::default();
        (0..16).for_each(|octave| sizes.record(1 << octave));
        let bins = bins(&sizes);
        assert_eq!(bins.len(), 16);
        let expected = |(n, &bin): (usize, &(u32, u32, u32))| (bin.0, bin.2) == (1 << n, 1);
        assert!(bins.iter().enumerate().all(expected));
    }

    #[test]
    fn the_last_bin_ends_at_the_largest_size() {
        let mut sizes = Sizes::default();
        sizes.record(LARGEST);
        assert_eq!(bins(&sizes), [(57_344, LARGEST, 1)]);
    }

    fn bins(sizes: &Sizes) -> Vec<(u32, u32, u32)> {
        let bins = sizes.bins();
        bins.map(|bin| (bin.lowest, bin.highest, bin.count))
            .collect()
    }

    #[test]
    fn a_flow_can_afford_two() {
        assert!(size_of::<Sizes>() <= 24, "{}", size_of::<Sizes>());
    }
}
