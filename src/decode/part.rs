//! A stretch of a frame, captured in full or not.

use super::outcome::Drop;

/// What is left of a frame: the bytes that were captured of it, and how long it was on the wire.
///
/// Reading takes bytes off its front. A read that does not fit says whether the capture or the wire fell short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    bytes: &'a [u8],
    /// Never below `bytes.len()`.
    wire: usize,
}

impl<'a> Part<'a> {
    /// `bytes`, which were `wire` bytes long on the wire, or as long as they are if that is more.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], wire: usize) -> Self {
        Self {
            bytes,
            wire: wire.max(bytes.len()),
        }
    }

    /// The captured bytes.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The length on the wire.
    pub(super) const fn wire(&self) -> usize {
        self.wire
    }

    /// Whether all of it was captured.
    pub(super) const fn is_whole(&self) -> bool {
        self.bytes.len() == self.wire
    }

    /// The next `N` bytes, left where they are.
    #[inline]
    pub(super) fn peek<const N: usize>(&self) -> Result<[u8; N], Drop> {
        let bytes = self.bytes.first_chunk();
        bytes.copied().ok_or_else(|| self.shortage(N))
    }

    /// Takes the next `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Drop> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else {
            return Err(self.shortage(N));
        };
        self.bytes = rest;
        self.wire = self.wire.saturating_sub(N);
        Ok(*taken)
    }

    /// Takes one byte.
    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, Drop> {
        self.array().map(|[byte]| byte)
    }

    /// Takes a big-endian 16-bit number.
    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, Drop> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes a big-endian 32-bit number.
    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, Drop> {
        self.array().map(u32::from_be_bytes)
    }

    /// Leaves out the next `count` bytes, all of which were captured.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) -> Result<(), Drop> {
        self.bytes = self
            .bytes
            .get(count..)
            .ok_or_else(|| self.shortage(count))?;
        self.wire = self.wire.saturating_sub(count);
        Ok(())
    }

    /// Leaves out the next `count` bytes, or what was captured of them; `None` if the wire did not have them either.
    #[inline]
    pub(super) fn skip_uncaptured(&mut self, count: usize) -> Option<()> {
        self.wire = self.wire.checked_sub(count)?;
        self.bytes = self.bytes.get(count..).unwrap_or_default();
        Some(())
    }

    /// The part as a length field describes it that is to be believed even beyond the frame (IP).
    #[inline]
    pub(super) fn with_length(self, length: usize) -> Self {
        Self {
            bytes: self.bytes.get(..length).unwrap_or(self.bytes),
            wire: length,
        }
    }

    /// At most `length` bytes of the part: a length field inside a packet that is bounded already.
    #[inline]
    pub(super) fn at_most(self, length: usize) -> Self {
        self.with_length(length.min(self.wire))
    }

    /// The reason that `needed` bytes are not there.
    #[inline]
    pub(super) const fn shortage(&self, needed: usize) -> Drop {
        if self.wire >= needed {
            Drop::Cut
        } else {
            Drop::Short
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_says_who_fell_short_and_moves_nothing() {
        let mut part = Part::new(&[1, 2, 3], 5);
        assert_eq!(part.u16(), Ok(0x0102));
        assert_eq!(part.u16(), Err(Drop::Cut));
        assert_eq!(part.u32(), Err(Drop::Short));
        assert_eq!((part.bytes(), part.wire()), (&[3][..], 3));
    }

    #[test]
    fn lengths() {
        let part = Part::new(&[1, 2, 3], 5);
        let cases = [
            (part.with_length(2), 2, 2),
            (part.with_length(4), 3, 4),
            (part.with_length(9), 3, 9),
            (part.at_most(4), 3, 4),
            (part.at_most(9), 3, 5),
            (Part::new(&[1, 2, 3], 0), 3, 3),
        ];
        for (part, captured, wire) in cases {
            assert_eq!((part.bytes().len(), part.wire()), (captured, wire));
        }
    }

    #[test]
    fn a_header_may_be_passed_though_it_was_not_captured() {
        let mut part = Part::new(&[1, 2, 3], 5);
        assert_eq!(part.skip_uncaptured(4), Some(()));
        assert_eq!((part.bytes(), part.wire()), (&[][..], 1));
        assert_eq!(part.skip_uncaptured(2), None);
        assert_eq!(part.wire(), 1);
    }
}
