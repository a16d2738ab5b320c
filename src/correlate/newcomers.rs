//! Who came once: eight bytes each, for most never come back.

use crate::time::{Span, Timestamp};

/// When the newest newcomers came, each found by a digest; of a few, the oldest gives way.
#[derive(Debug)]
pub struct Newcomers {
    /// A digest, and the lowest bits of a time in milliseconds; 0 where there is none.
    places: Box<[u64]>,
}

impl Newcomers {
    /// Newcomers of a row.
    const ROW: usize = 8;

    /// Nobody came; about `cap` newcomers are remembered.
    pub fn new(cap: usize) -> Self {
        let places = cap.next_multiple_of(Self::ROW).max(Self::ROW);
        Self {
            places: vec![0; places].into(),
        }
    }

    /// Says when somebody came before, and forgets it; remembers who did not.
    pub fn meet(&mut self, digest: u64, now: Timestamp) -> Option<Timestamp> {
        let (row, digest) = split(digest);
        let digest = digest.max(1);
        let rows = self.places.len() / Self::ROW;
        let begins = row as usize % rows * Self::ROW;
        let row = self.places.get_mut(begins..begins + Self::ROW)?;
        let millis = millis_of(now);
        if let Some(known) = row.iter_mut().find(|known| split(**known).0 == digest) {
            let ago = millis.wrapping_sub(split(*known).1);
            *known = 0;
            return Some(now - span_of(ago));
        }
        let age = |known: &&mut u64| match **known {
            0 => u32::MAX,
            known => millis.wrapping_sub(split(known).1) & LATER,
        };
        *row.iter_mut().max_by_key(age)? = u64::from(digest) << 32 | u64::from(millis);
        None
    }

    /// Bytes of memory for one newcomer.
    pub const ENTRY_BYTES: usize = size_of::<u64>();
}

/// The upper half, and the lower one.
#[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
const fn split(both: u64) -> (u32, u32) {
    ((both >> 32) as u32, both as u32)
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
