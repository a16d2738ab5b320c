//! MPLS: labels, and what the labels do not say is behind them.

use super::ethernet::is_familiar;
use super::label::Label;
use super::outcome::{Drop, Skip};
use super::part::Part;
use super::walk::{Path, Walk, Walked};
use crate::proto::cursor::Cursor;

impl Walk<'_> {
    /// A label stack (RFC 3032, 2.1) and its payload.
    pub(super) fn mpls<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let path = path.into_tunnel(Label::MPLS)?;
        skip_labels(&mut part)?;
        match Payload::guess(&part) {
            Payload::Ip => self.ip(part, path),
            Payload::ControlWord => {
                part.skip(CONTROL_WORD)?;
                self.ethernet(part, path)
            }
            Payload::Ethernet => self.ethernet(part, path),
            Payload::Unknown => Err(Skip::MplsPayload.into()),
        }
    }
}

fn skip_labels(part: &mut Part<'_>) -> Result<(), Drop> {
    for _ in 0..MAX_LABELS {
        if part.u32()? & BOTTOM_OF_STACK != 0 {
            return Ok(());
        }
    }
    Err(Drop::TooDeep)
}

/// What a label stack ends in.
enum Payload {
    Ip,
    ControlWord,
    Ethernet,
    Unknown,
}

impl Payload {
    /// Tells by the first nibble (RFC 4928), and by an EtherType in its place where a MAC address could start so too.
    fn guess(part: &Part<'_>) -> Self {
        let bytes = part.bytes();
        match bytes.first().map(|first| first >> 4) {
            Some(4 | 6) if ip_fits(part) => Self::Ip,
            Some(0) if has_ether_type(bytes.get(CONTROL_WORD..)) => Self::ControlWord,
            _ if has_ether_type(Some(bytes)) => Self::Ethernet,
            Some(4 | 6) => Self::Ip,
            _ => Self::Unknown,
        }
    }
}

/// Whether the length in an IP header fits the packet: in a MAC address that starts alike it seldom does.
fn ip_fits(part: &Part<'_>) -> bool {
    match *part.bytes() {
        [first, _, high, low, ..] if first >> 4 == 4 => {
            first & 0x0f >= 5 && usize::from(u16::from_be_bytes([high, low])) <= part.wire()
        }
        [_, _, _, _, high, low, ..] => usize::from(u16::from_be_bytes([high, low])) <= part.wire(),
        _ => false,
    }
}

fn has_ether_type(frame: Option<&[u8]>) -> bool {
    let mut cursor = Cursor::new(frame.unwrap_or_default());
    cursor.take(12).is_some() && cursor.u16().is_some_and(is_familiar)
}

const MAX_LABELS: usize = 16;
const BOTTOM_OF_STACK: u32 = 0x100;
const CONTROL_WORD: usize = 4;
