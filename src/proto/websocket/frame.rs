//! Headers of frames: RFC 6455, section 5.2.

use crate::proto::half::{Half, Stop, ensure};

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    /// Whether it is the last of its message.
    pub(super) is_final: bool,
    /// Whether its message is compressed (RFC 7692, section 6).
    pub(super) is_compressed: bool,
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of payload, as far as a head could hold them.
    pub(super) length: usize,
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Frame {
    /// Takes one header; stops at the first byte that no header could have.
    pub(super) fn read(half: &mut Half<'_>) -> Result<Self, Stop> {
        let first = half.u8()?;
        let opcode = Opcode::of(first & OPCODE).ok_or(Stop::No)?;
        let (is_final, is_compressed) = (first & FINAL != 0, first & RESERVED_1 != 0);
        ensure(first & RESERVED_2_AND_3 == 0)?;
        ensure(!opcode.is_control() || (is_final && !is_compressed))?;
        ensure(opcode != Opcode::Continuation || !is_compressed)?;
        let second = half.u8()?;
        let short = second & LENGTH;
        ensure(!opcode.is_control() || short <= LONGEST_CONTROL)?;
        let length = length(half, short)?;
        let mask = match second & MASKED {
            0 => None,
            _ => Some(half.array()?),
        };
        Ok(Self {
            opcode,
            is_final,
            is_compressed,
            mask,
            length,
        })
    }
}

/// A length takes as few bytes as it can.
fn length(half: &mut Half<'_>, short: u8) -> Result<usize, Stop> {
    match short {
        126 => {
            let length = half.u16()?;
            ensure(length >= 126)?;
            Ok(length.into())
        }
        127 => {
            let length = u64::from_be_bytes(half.array()?);
            ensure((1 << 16..1 << 63).contains(&length))?;
            Ok(usize::try_from(length).unwrap_or(usize::MAX))
        }
        _ => Ok(short.into()),
    }
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

const FINAL: u8 = 0x80;
const RESERVED_1: u8 = 0x40;
const RESERVED_2_AND_3: u8 = 0x30;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LONGEST_CONTROL: u8 = 125;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Need, Prefix, Side};

    fn read(bytes: &[u8]) -> Result<Frame, Stop> {
        Frame::read(&mut Half::new(Side::Client, Prefix::open(bytes)))
    }

    fn frame(opcode: Opcode, length: usize) -> Frame {
        Frame {
            opcode,
            is_final: true,
            is_compressed: false,
            mask: None,
            length,
        }
    }

    #[test]
    fn reads_headers() {
        let cases: [(&[u8], Frame); 8] = [
            (b"\x82\x05", frame(Opcode::Binary, 5)),
            (b"\x81\x7e\x00\x7e", frame(Opcode::Text, 126)),
            (
                b"\x82\x7f\0\0\0\0\0\x01\0\0",
                frame(Opcode::Binary, 1 << 16),
            ),
            (b"\x88\x02", frame(Opcode::Close, 2)),
            (b"\x89\x00", frame(Opcode::Ping, 0)),
            (b"\x8a\x7d", frame(Opcode::Pong, 125)),
            (
                b"\x00\x81\x01\x02\x03\x04",
                Frame {
                    is_final: false,
                    mask: Some([1, 2, 3, 4]),
                    ..frame(Opcode::Continuation, 1)
                },
            ),
            (
                b"\xc1\x01",
                Frame {
                    is_compressed: true,
                    ..frame(Opcode::Text, 1)
                },
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), Ok(expected), "{bytes:02x?}");
            for end in 0..bytes.len() {
                let short = Stop::More(Need::of(Side::Client, end + 1));
                let waits = matches!(read(&bytes[..end]), Err(Stop::More(_)));
                assert!(waits, "{bytes:02x?} to {end}, not {short:?}");
            }
        }
    }

    #[test]
    fn refuses_what_no_header_could_be() {
        let cases: [&[u8]; 10] = [
            b"\x83",
            b"\x8b",
            b"\xa2",
            b"\x92",
            b"\x08",
            b"\xc9",
            b"\xc0",
            b"\x89\x7e",
            b"\x82\x7e\x00\x7d",
            b"\x82\x7f\0\0\0\0\0\0\xff\xff",
        ];
        for bytes in cases {
            assert_eq!(read(bytes), Err(Stop::No), "{bytes:02x?}");
        }
        let negative = b"\x82\x7f\x80\0\0\0\0\0\0\0";
        assert_eq!(read(negative), Err(Stop::No));
    }
}
