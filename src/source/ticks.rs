//! The clock of a pcapng interface: from ticks to nanoseconds.

use crate::time::Timestamp;

/// How an interface counts time: draft-ietf-opsawg-pcapng, `if_tsresol` and `if_tsoffset`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    tick: Tick,
    offset_nanos: i128,
}

/// The length of a tick.
#[derive(Clone, Copy, Debug)]
enum Tick {
    /// This many nanoseconds.
    Nanos(i128),
    /// This many to a nanosecond.
    PerNano(i128),
    /// Two to the power of this many to a second.
    PowerOfTwo(u32),
}

impl Clock {
    /// Sets the tick from an `if_tsresol` octet: the top bit chooses base 2 over base 10, the rest is the exponent.
    pub(super) fn set_resolution(&mut self, octet: u8) {
        let exponent = u32::from(octet & 0x7f);
        self.tick = match (octet & 0x80, exponent) {
            (0, 0..=9) => Tick::Nanos(power_of_ten(9_u32.saturating_sub(exponent))),
            (0, _) => Tick::PerNano(power_of_ten(exponent.saturating_sub(9))),
            _ => Tick::PowerOfTwo(exponent),
        };
    }

    /// Sets the seconds that are added to each timestamp, an `if_tsoffset`.
    pub(super) fn set_offset(&mut self, seconds: i64) {
        self.offset_nanos = i128::from(seconds).saturating_mul(NANOS_PER_SECOND);
    }

    /// The moment that `ticks` names, rounded down to a nanosecond; saturates.
    #[inline]
    pub(super) fn moment(self, ticks: u64) -> Timestamp {
        let nanos = self
            .tick
            .nanos(ticks)
            .saturating_add(self.offset_nanos)
            .clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or_default())
    }
}

/// Microseconds since the epoch, as the draft says for an interface without the options.
impl Default for Clock {
    fn default() -> Self {
        Self {
            tick: Tick::Nanos(1_000),
            offset_nanos: 0,
        }
    }
}

impl Tick {
    #[inline]
    fn nanos(self, ticks: u64) -> i128 {
        let wide = i128::from(ticks);
        match self {
            Self::Nanos(nanos) => wide.saturating_mul(nanos),
            Self::PerNano(ticks_per_nano) => wide.checked_div(ticks_per_nano).unwrap_or(0),
            Self::PowerOfTwo(exponent) => wide
                .saturating_mul(NANOS_PER_SECOND)
                .checked_shr(exponent)
                .unwrap_or(0),
        }
    }
}

/// Saturates, which is right for a divisor: no count of ticks reaches it.
const fn power_of_ten(exponent: u32) -> i128 {
    10_i128.saturating_pow(exponent)
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution_is_exact_to_the_nanosecond() {
        let cases = [
            (0, 0, 3, 3_000_000_000),
            (3, 0, 1_234, 1_234_000_000),
            (6, 0, 1_600_000_000_123_456, 1_600_000_000_123_456_000),
            (9, 0, 1_600_000_000_123_456_789, 1_600_000_000_123_456_789),
            (12, 0, 1_999, 1),
            (28, 0, u64::MAX, 1),
            (29, 0, u64::MAX, 0),
            (127, 0, u64::MAX, 0),
            (0x80, 0, 3, 3_000_000_000),
            (0x8a, 0, 1_024 + 512, 1_500_000_000),
            (0xa0, 0, 1 << 31, 500_000_000),
            (0xbf, 0, 1 << 62, 500_000_000),
            (0xff, 0, u64::MAX, 0),
            (6, 5, 1, 5_000_001_000),
            (6, -1, 999_999, -1_000),
            (0, -10_000_000_000, 10_000_000_001, 1_000_000_000),
            (0, 0, u64::MAX, i64::MAX),
            (9, i64::MIN, u64::MAX, i64::MIN),
        ];
        for (resolution, offset, ticks, nanos) in cases {
            let mut clock = Clock::default();
            clock.set_resolution(resolution);
            clock.set_offset(offset);
            assert_eq!(
                clock.moment(ticks),
                Timestamp::from_nanos(nanos),
                "{resolution:#x} {offset} {ticks}"
            );
        }
    }
}
