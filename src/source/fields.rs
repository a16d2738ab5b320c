//! Numbers in the byte order of the capture they stand in.

use crate::proto::cursor::Cursor;

/// The order of the bytes in a capture's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    /// Most significant first.
    Big,
    /// Least significant first.
    Little,
}

impl ByteOrder {
    /// Four 32-bit numbers in a row.
    #[inline]
    pub(super) fn numbers(self, bytes: &[u8; 16]) -> [u32; 4] {
        let [a, b, c, d] = bytes.as_chunks().0 else {
            return [0; 4];
        };
        match self {
            Self::Big => [*a, *b, *c, *d].map(u32::from_be_bytes),
            Self::Little => [*a, *b, *c, *d].map(u32::from_le_bytes),
        }
    }
}

/// Reads the fields of a header one after the other; `None` where they end.
pub(super) struct Fields<'a> {
    cursor: Cursor<'a>,
    order: ByteOrder,
}

impl<'a> Fields<'a> {
    /// The fields of `bytes`.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self {
            cursor: Cursor::new(bytes),
            order,
        }
    }

    /// Takes a 16-bit number.
    #[inline]
    pub(super) fn u16(&mut self) -> Option<u16> {
        let bytes = self.cursor.array()?;
        Some(match self.order {
            ByteOrder::Big => u16::from_be_bytes(bytes),
            ByteOrder::Little => u16::from_le_bytes(bytes),
        })
    }

    /// Takes a 32-bit number.
    #[inline]
    pub(super) fn u32(&mut self) -> Option<u32> {
        let bytes = self.cursor.array()?;
        Some(match self.order {
            ByteOrder::Big => u32::from_be_bytes(bytes),
            ByteOrder::Little => u32::from_le_bytes(bytes),
        })
    }

    /// Takes a 32-bit number as a length in bytes.
    #[inline]
    pub(super) fn length(&mut self) -> Option<usize> {
        self.u32().and_then(|length| usize::try_from(length).ok())
    }

    /// Takes a signed 64-bit number.
    pub(super) fn i64(&mut self) -> Option<i64> {
        let bytes = self.cursor.array()?;
        Some(match self.order {
            ByteOrder::Big => i64::from_be_bytes(bytes),
            ByteOrder::Little => i64::from_le_bytes(bytes),
        })
    }

    /// Takes the next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        self.cursor.take(count)
    }
}
