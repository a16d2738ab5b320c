//! The one reader of wire bytes.
//!
//! Every length that came from the wire meets the end of the buffer here and nowhere else.

use memchr::memchr;

/// A place in a byte slice. Reads advance it; a read that does not fit leaves it where it was and gives `None`.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first byte of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes the next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..count)?;
        self.at = self.at.saturating_add(count);
        Some(taken)
    }

    /// Takes the next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Takes a big-endian 16-bit number.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes a big-endian 24-bit number.
    pub fn u24(&mut self) -> Option<u32> {
        self.array()
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Takes a big-endian 32-bit number.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes everything before the first `byte` and the byte itself; gives what was before it.
    pub fn until(&mut self, byte: u8) -> Option<&'a [u8]> {
        let length = memchr(byte, self.rest())?;
        let taken = self.take(length)?;
        self.take(1)?;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_does_not_fit_moves_nothing() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u16(), Some(0x0102));
        assert_eq!(cursor.u32(), None);
        assert_eq!(cursor.take(usize::MAX), None);
        assert_eq!(cursor.position(), 2);
        assert_eq!(cursor.rest(), [3]);
    }

    #[test]
    fn until_stops_behind_the_byte() {
        let mut cursor = Cursor::new(b"user\0host");
        assert_eq!(cursor.until(0), Some(&b"user"[..]));
        assert_eq!(cursor.until(0), None);
        assert_eq!(cursor.rest(), b"host");
    }
}
