//! One side of an exchange, read front to back, across the hole it may have.
//!
//! A parser that walks two halves message by message writes the contract of [`super`] with `?`: a read that does not
//! fit stops the walk with the reason, and the reason is either the answer or "decide with what you have".

use super::{End, Need, Prefix, Side};

/// Why a walk stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bytes are not the protocol's.
    No,
    /// More bytes may come and are needed.
    More(Need),
    /// Nothing more of the layer will ever be known, or there is nothing more to know.
    Ended,
}

/// Stops the walk where the bytes contradict the protocol.
pub fn ensure(holds: bool) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::No) }
}

/// A place in one side of an exchange. Positions count holes as the bytes that are missing.
///
/// It is `Copy`: a message is read on a copy, which takes the original's place when the message was whole.
#[derive(Clone, Copy, Debug)]
pub struct Half<'a> {
    side: Side,
    prefix: Prefix<'a>,
    at: usize,
}

impl<'a> Half<'a> {
    /// The start of `side`.
    pub const fn new(side: Side, prefix: Prefix<'a>) -> Self {
        let at = 0;
        Self { side, prefix, at }
    }

    /// Bytes passed so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The known bytes from here to the hole or the end; nothing inside a hole.
    pub fn rest(&self) -> &'a [u8] {
        match self.prefix.bytes.get(self.at..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => self.behind_hole(),
        }
    }

    /// At most `count` known bytes from here, without passing them.
    pub fn known(&self, count: usize) -> &'a [u8] {
        let rest = self.rest();
        rest.get(..count).unwrap_or(rest)
    }

    /// The next byte, without passing it.
    pub fn peek(&self) -> Result<u8, Stop> {
        self.rest().first().copied().ok_or_else(|| self.short(1))
    }

    /// Takes the next `count` bytes, all of them known.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        let taken = self.rest().get(..count).ok_or_else(|| self.short(count))?;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    /// Takes the next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.take(N)?.try_into().map_err(|_| Stop::Ended)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Result<u8, Stop> {
        self.array().map(|[byte]| byte)
    }

    /// Takes a big-endian 16-bit number.
    pub fn u16(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes one byte that must be `byte`.
    pub fn tag(&mut self, byte: u8) -> Result<(), Stop> {
        ensure(self.u8()? == byte)
    }

    /// Passes `count` bytes, known or missing; gives those known before a hole.
    pub fn skip(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.saturating_add(count);
        if end > self.extent() {
            return Err(self.short(count));
        }
        let known = self.known(count);
        self.at = end;
        Ok(known)
    }

    /// Passes what is known before the hole and the hole, where it is here or ahead; says whether it did.
    pub fn skip_hole(&mut self) -> bool {
        let End::Cut { missing, .. } = self.prefix.end else {
            return false;
        };
        let end = self.prefix.bytes.len().saturating_add(missing);
        let ahead = self.at < end;
        self.at = self.at.max(end);
        ahead
    }

    /// The reason why `count` bytes from here are not to be had.
    pub fn short(&self, count: usize) -> Stop {
        match self.prefix.end {
            End::Open => Stop::More(Need::of(self.side, self.at.saturating_add(count))),
            End::Closed | End::Cut { .. } => Stop::Ended,
        }
    }

    /// The end of all that is known, in bytes from the start of the layer.
    fn extent(&self) -> usize {
        let known = self.prefix.bytes.len();
        match self.prefix.end {
            End::Cut { missing, then } => known.saturating_add(missing).saturating_add(then.len()),
            End::Open | End::Closed => known,
        }
    }

    fn behind_hole(&self) -> &'a [u8] {
        let End::Cut { missing, then } = self.prefix.end else {
            return &[];
        };
        self.at
            .checked_sub(self.prefix.bytes.len().saturating_add(missing))
            .and_then(|passed| then.get(passed..))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(bytes: &'static [u8], end: End<'static>) -> Half<'static> {
        Half::new(Side::Client, Prefix { bytes, end })
    }

    #[test]
    fn a_read_that_does_not_fit_says_why_and_moves_nothing() {
        let cut = End::Cut {
            missing: 4,
            then: b"xy",
        };
        let cases = [
            (End::Open, Stop::More(Need::of(Side::Client, 4))),
            (End::Closed, Stop::Ended),
            (cut, Stop::Ended),
        ];
        for (end, stop) in cases {
            let mut half = half(b"abc", end);
            assert_eq!(half.u8(), Ok(b'a'));
            assert_eq!(half.take(3), Err(stop));
            assert_eq!(half.position(), 1);
            assert_eq!(half.rest(), b"bc");
        }
    }

    #[test]
    fn a_hole_is_passed_by_its_length() {
        let end = End::Cut {
            missing: 4,
            then: b"xyz",
        };
        let mut half = half(b"abc", end);
        assert_eq!(half.skip(5), Ok(&b"abc"[..]));
        assert_eq!(half.rest(), b"");
        assert_eq!(half.u8(), Err(Stop::Ended));
        assert_eq!(half.skip(3), Ok(&b""[..]));
        assert_eq!(half.take(2), Ok(&b"yz"[..]));
        assert_eq!(half.skip(1), Err(Stop::Ended));
        assert!(!half.skip_hole());
    }

    #[test]
    fn skip_hole_lands_behind_it() {
        let end = End::Cut {
            missing: 4,
            then: b"xyz",
        };
        let mut cut = half(b"abc", end);
        assert!(cut.skip_hole());
        assert_eq!((cut.position(), cut.rest()), (7, &b"xyz"[..]));
        assert!(!half(b"abc", End::Closed).skip_hole());
    }
}
