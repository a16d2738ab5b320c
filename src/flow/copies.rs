//! Packets that a mirror port delivered twice.
//!
//! A SPAN session that watches both sides of a router, or both directions of a port, hands out each packet once per
//! place. A copy shares identification, checksum and sequence numbers with the packet; a retransmission does not.

use crate::decode::Segment;
use crate::time::{Span, Timestamp};

/// The last few packets of a flow, by digest and time.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    digests: [u32; REMEMBERED],
    seen: [Tick; REMEMBERED],
    at: u8,
}

/// A moment in units of 2²⁰ ns, about a millisecond, wrapped to 16 bits.
type Tick = u16;

impl Copies {
    /// Remembers a segment; says whether it is a copy of one remembered.
    pub fn is_copy(&mut self, segment: &Segment<'_>, time: Timestamp) -> bool {
        if !segment.copy_telling {
            return false;
        }
        let digest = segment.copy_digest | 1;
        let now = tick(time);
        let copy = self.digests.contains(&digest) && self.was_lately(digest, now);
        if !copy {
            self.remember(digest, now);
        }
        copy
    }

    fn was_lately(&self, digest: u32, now: Tick) -> bool {
        let mut remembered = self.digests.iter().zip(self.seen);
        remembered.any(|(&known, seen)| known == digest && now.wrapping_sub(seen) <= WINDOW)
    }

    fn remember(&mut self, digest: u32, now: Tick) {
        let at = usize::from(self.at) % REMEMBERED;
        if let (Some(known), Some(seen)) = (self.digests.get_mut(at), self.seen.get_mut(at)) {
            *known = digest;
            *seen = now;
        }
        self.at = self.at.wrapping_add(1);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ticks wrap, and are only compared within a window"
)]
const fn tick(time: Timestamp) -> Tick {
    (time.nanos() >> 20) as Tick
}

const REMEMBERED: usize = 4;

/// A copy takes the length of a queue; a retransmission waits for the least timeout in use, 200 ms (Linux).
const WINDOW: Tick = tick(Timestamp::from_nanos(Span::from_millis(50).nanos()));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::samples::udp;

    const MILLISECOND: i64 = 1_000_000;

    fn segment(copy_digest: u32) -> Segment<'static> {
        Segment {
            copy_digest,
            copy_telling: true,
            ..udp("10.0.0.1:1", "10.0.0.2:2", b"")
        }
    }

    /// Digest and milliseconds of each segment, and whether it is a copy.
    #[test]
    fn a_copy_comes_soon_and_a_retransmission_does_not() {
        let cases: [&[(u32, i64, bool)]; 8] = [
            &[(2, 0, false), (2, 0, true)],
            &[(2, 0, false), (2, 49, true)],
            &[(2, 0, false), (2, 60, false)],
            &[(2, 0, false), (2, 49, true), (2, 60, false), (2, 70, true)],
            &[(2, 0, false), (4, 0, false), (2, 1, true), (4, 1, true)],
            &[(0, 0, false), (0, 1, true)],
            &[(2, -10, false), (2, 10, true)],
            // The clock of ticks turns over every three days.
            &[
                (2, (1 << 48) / MILLISECOND - 20, false),
                (2, (1 << 48) / MILLISECOND + 20, true),
            ],
        ];
        for segments in cases {
            let mut copies = Copies::default();
            for (at, &(digest, millis, expected)) in segments.iter().enumerate() {
                let time = Timestamp::from_nanos(millis * MILLISECOND);
                let copy = copies.is_copy(&segment(digest), time);
                assert_eq!(copy, expected, "segment {at} of {segments:?}");
            }
        }
    }

    #[test]
    fn as_many_packets_are_remembered_as_there_are_places() {
        for (between, expected) in [(REMEMBERED - 1, true), (REMEMBERED, false)] {
            let mut copies = Copies::default();
            let now = Timestamp::from_nanos(0);
            assert!(!copies.is_copy(&segment(2), now));
            for other in 0..between {
                assert!(!copies.is_copy(&segment(100 + 2 * other as u32), now));
            }
            assert_eq!(copies.is_copy(&segment(2), now), expected, "{between}");
        }
    }

    #[test]
    fn a_digest_that_tells_nothing_makes_no_copy() {
        let silent = Segment {
            copy_telling: false,
            ..segment(2)
        };
        let mut copies = Copies::default();
        let now = Timestamp::from_nanos(0);
        assert!(!copies.is_copy(&silent, now) && !copies.is_copy(&silent, now));
    }

    #[test]
    fn an_empty_memory_knows_no_digest() {
        let now = Timestamp::from_nanos(0);
        assert!((0..16).all(|digest| !Copies::default().is_copy(&segment(digest), now)));
    }
}
