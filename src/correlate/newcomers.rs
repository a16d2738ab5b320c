//! Who came once: eight bytes each, for most never come back.

use crate::time::{Span, Timestamp};

/// When the newest newcomers came, each found by a digest; of a few, the oldest gives way.
#[derive(Debug)]
pub struct Newcomers {
    rows: Box<[[Newcomer; Self::ROW]]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Newcomer {
    /// 0 where there is none.
    digest: u32,
    /// The lowest bits of a time in milliseconds.
    came: u32,
}

impl Newcomers {
    /// Newcomers of a row.
    const ROW: usize = 8;

    /// Nobody came; about `cap` newcomers are remembered.
    pub fn new(cap: usize) -> Self {
        let rows = cap.div_ceil(Self::ROW).max(1);
        Self {
            rows: vec![[Newcomer::default(); Self::ROW]; rows].into(),
        }
    }

    /// Says when somebody came before, and forgets it; remembers who did not.
    pub fn meet(&mut self, digest: u64, now: Timestamp) -> Option<Timestamp> {
        let (place, digest) = split(digest);
        let place = place as usize % self.rows.len();
        let row = self.rows.get_mut(place)?;
        let millis = millis_of(now);
        if let Some(known) = row.iter_mut().find(|known| known.digest == digest) {
            let ago = millis.wrapping_sub(known.came);
            *known = Newcomer::default();
            return Some(now - span_of(ago));
        }
        let age = |known: &&mut Newcomer| match known.digest {
            0 => u32::MAX,
            _ => millis.wrapping_sub(known.came) & LATER,
        };
        let oldest = row.iter_mut().max_by_key(age)?;
        let came = millis;
        *oldest = Newcomer { digest, came };
        None
    }

    /// Bytes of memory for one newcomer.
    pub const ENTRY_BYTES: usize = size_of::<Newcomer>();
}

/// The row, and what is kept there.
#[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
fn split(digest: u64) -> (u32, u32) {
    ((digest >> 32) as u32, (digest as u32).max(1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the lowest bits are wanted"
)]
fn millis_of(now: Timestamp) -> u32 {
    (now.nanos() / 1_000_000) as u32
}

/// None for what seems to come later: sessions are told when they end.
fn span_of(ago: u32) -> Span {
    let ago = if ago > LATER { 0 } else { ago };
    Span::from_millis(ago.into())
}

/// Half of what the milliseconds can tell apart, about 25 days.
const LATER: u32 = u32::MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_parts(1_800_000_000, 0) + Span::from_millis(millis)
    }

    #[test]
    fn who_comes_again_is_told_when_it_came_first() {
        let mut newcomers = Newcomers::new(64);
        assert_eq!(newcomers.meet(7, at(0)), None);
        assert_eq!(newcomers.meet(7 << 32 | 7, at(10)), None);
        assert_eq!(newcomers.meet(7, at(3_600_000)), Some(at(0)));
        assert_eq!(newcomers.meet(7, at(3_700_000)), None, "it was forgotten");
        assert_eq!(newcomers.meet(7, at(3_600_000)), Some(at(3_600_000)));
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut newcomers = Newcomers::new(8);
        for digest in 1..=9 {
            assert_eq!(newcomers.meet(digest, at(digest.cast_signed())), None);
        }
        assert_eq!(newcomers.meet(1, at(20)), None, "it gave way to the ninth");
        assert_eq!(newcomers.meet(9, at(30)), Some(at(9)));
        assert_eq!(newcomers.meet(3, at(40)), Some(at(3)));
    }
}
