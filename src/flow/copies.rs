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
        let copy = self
            .digests
            .iter()
            .zip(self.seen)
            .any(|(&known, seen)| known == digest && now.wrapping_sub(seen) <= WINDOW);
        if !copy {
            self.remember(digest, now);
        }
        copy
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
