//! Compressed captures, recognised by their first bytes and never by their name.

use std::fmt;
use std::io;

use super::window::Window;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, of one member or many.
    Gzip,
    /// RFC 8878, of one frame or many.
    Zstd,
}

impl Compression {
    /// What the first bytes of a file say.
    pub(super) fn recognise(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The unpacked bytes of `packed`.
    pub(super) fn unpack(self, packed: Window) -> io::Result<Window> {
        Ok(match self {
            Self::Gzip => Window::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Zstd => Window::new(zstd::stream::read::Decoder::with_buffer(packed)?),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_bytes_decide() {
        let cases: [(&[u8], Option<Compression>); 6] = [
            (&[0x1f, 0x8b, 8, 0], Some(Compression::Gzip)),
            (&[0x28, 0xb5, 0x2f, 0xfd], Some(Compression::Zstd)),
            (&[0x50, 0x2a, 0x4d, 0x18], Some(Compression::Zstd)),
            (&[0x28, 0xb5, 0x2f], None),
            (&[0xd4, 0xc3, 0xb2, 0xa1], None),
            (&[], None),
        ];
        for (bytes, compression) in cases {
            assert_eq!(Compression::recognise(bytes), compression, "{bytes:x?}");
        }
    }
}
