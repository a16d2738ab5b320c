//! Payload sizes of one direction, as a histogram small enough to stand in every flow.

/// A log-linear histogram of payload sizes in bytes: exact below 4, then four buckets per octave up to 65,535.
///
/// A flow starts with one byte per bucket; the first bucket that would pass 255 moves the whole to 32-bit counts.
#[derive(Clone, Debug)]
pub struct Sizes(Counts);

#[derive(Clone, Debug)]
enum Counts {
    Few([u8; BUCKETS]),
    Many(Box<[u32; BUCKETS]>),
}

impl Sizes {
    /// Counts one payload of `bytes` bytes. Sizes above 65,535 count as that; counts saturate.
    pub fn record(&mut self, bytes: u32) {
        let bucket = bucket_of(bytes);
        if let Counts::Few(few) = &mut self.0 {
            match few.get_mut(bucket) {
                Some(count) if *count < u8::MAX => {
                    *count += 1;
                    return;
                }
                _ => self.widen(),
            }
        }
        if let Counts::Many(many) = &mut self.0
            && let Some(count) = many.get_mut(bucket)
        {
            *count = count.saturating_add(1);
        }
    }

    fn widen(&mut self) {
        if let Counts::Few(few) = &self.0 {
            self.0 = Counts::Many(Box::new(few.map(u32::from)));
        }
    }

    /// The buckets that hold something: smallest size of the bucket in bytes, and how many payloads.
    pub fn bins(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..BUCKETS)
            .map(|bucket| (lowest_of(bucket), self.count(bucket)))
            .filter(|&(_, count)| count > 0)
    }

    fn count(&self, bucket: usize) -> u32 {
        match &self.0 {
            Counts::Few(few) => few.get(bucket).copied().map_or(0, u32::from),
            Counts::Many(many) => many.get(bucket).copied().unwrap_or(0),
        }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self(Counts::Few([0; BUCKETS]))
    }
}

/// The bucket of a size: its octave and the two bits below its leading bit.
fn bucket_of(bytes: u32) -> usize {
    let bytes = bytes.min(LARGEST);
    if bytes < 4 {
        return bytes as usize;
    }
    let octave = bytes.ilog2();
    let quarter = (bytes >> (octave - 2)) & 3;
    ((octave - 1) * 4 + quarter) as usize
}

/// The smallest size that falls into a bucket.
#[expect(clippy::cast_possible_truncation, reason = "a bucket is below 60")]
fn lowest_of(bucket: usize) -> u32 {
    let bucket = bucket as u32;
    match bucket.checked_sub(4) {
        None => bucket,
        Some(above) => (4 + above % 4) << (above / 4),
    }
}

const LARGEST: u32 = 65_535;
const BUCKETS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_falls_between_its_bucket_and_the_next() {
        for bytes in 0..=LARGEST {
            let bucket = bucket_of(bytes);
            assert!(bucket < BUCKETS);
            assert!(lowest_of(bucket) <= bytes, "{bytes}");
            assert!(
                bucket + 1 == BUCKETS || bytes < lowest_of(bucket + 1),
                "{bytes}"
            );
        }
        assert_eq!(bucket_of(u32::MAX), BUCKETS - 1);
    }

    #[test]
    fn counts_beyond_a_byte_are_kept() {
        let mut sizes = Sizes::default();
        (0..1_000).for_each(|_| sizes.record(517));
        sizes.record(0);
        assert_eq!(sizes.bins().collect::<Vec<_>>(), [(0, 1), (512, 1_000)]);
    }

    #[test]
    fn a_flow_can_afford_two() {
        assert!(size_of::<Sizes>() <= 64);
    }
}
