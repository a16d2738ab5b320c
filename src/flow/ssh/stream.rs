//! One direction of an SSH session: packets in the clear, then what is written at once.

use std::ops::ControlFlow;

use super::header::{Header, Step};
use super::sealed::Records;
use crate::flow::probing::Piece;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::message;
use crate::time::{Span, Timestamp};

/// One direction, as far as it can be followed.
#[derive(Debug)]
pub(super) struct Stream {
    mode: Mode,
    framing: Option<Framing>,
    /// The longest payload of a segment so far: one that is as long was filled, and goes on in the next.
    longest: u32,
    open: Option<Open>,
    has_spoken: bool,
}

/// Bytes that were written at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrote {
    pub(super) bytes: u32,
    pub(super) time: Timestamp,
}

/// What a payload brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The first message of the client behind the offers.
    FirstMessage,
    /// What follows is encrypted.
    NewKeys,
    /// Something encrypted.
    Wrote(Wrote),
    /// Something is missing.
    Gap,
    /// Nothing that matters.
    Nothing,
}

/// A payload with bytes that were not seen before.
#[derive(Clone, Copy, Debug)]
pub struct NewPayload<'a> {
    /// Where it stands in its direction.
    pub piece: Piece<'a>,
    /// How many of its bytes, the last ones, are new.
    pub new_bytes: u32,
    /// Whether something before it is missing.
    pub gap: bool,
    /// When it was seen.
    pub time: Timestamp,
}

impl NewPayload<'_> {
    /// The offset behind it.
    fn end(&self) -> u64 {
        self.piece.offset.saturating_add(self.piece.sent.into())
    }
}

#[derive(Debug)]
enum Mode {
    /// The identification line.
    Line,
    /// Packets whose lengths are in the clear, of the key exchange or of a cipher that leaves them so.
    Packets(Walk),
    /// The key exchange, of which something is missing.
    Adrift,
    /// Sizes of payloads, behind this offset of the stream.
    Sizes { from: u64 },
    /// Records of TLS around it.
    Records(Records),
    /// Records whose beginning is not known any more.
    Lost,
}

/// Following packets by their headers.
#[derive(Debug)]
struct Walk {
    header: Header<CLEAR_HEADER>,
    encrypted: bool,
}

/// A write that may go on.
#[derive(Clone, Copy, Debug)]
struct Open {
    bytes: u32,
    time: Timestamp,
    filled: bool,
    broken: bool,
}

impl Stream {
    /// One that begins with its identification line.
    pub(super) fn beginning() -> Self {
        Self {
            mode: Mode::Line,
            ..Self::clear(0)
        }
    }

    /// One inside TLS, whose next record begins at an offset and is so many bytes longer than what it holds.
    pub(super) fn sealed(at: usize, added: u32) -> Self {
        Self {
            mode: Mode::Records(Records::new(at, added)),
            ..Self::clear(at)
        }
    }

    /// One that is in the clear, and whose next packet begins at an offset.
    pub(super) fn clear(at: usize) -> Self {
        Self {
            mode: Mode::Packets(Walk::new(at as u64, false)),
            framing: None,
            longest: 0,
            open: None,
            has_spoken: false,
        }
    }

    /// One that is picked up in its middle.
    pub(super) fn dark() -> Self {
        Self {
            mode: Mode::Sizes { from: 0 },
            framing: None,
            longest: 0,
            open: None,
            has_spoken: true,
        }
    }

    /// Says how its packets will be framed.
    pub(super) fn frame(&mut self, framing: Framing) {
        self.framing = Some(framing);
    }

    pub(super) fn is_clear(&self) -> bool {
        match &self.mode {
            Mode::Packets(walk) => !walk.encrypted,
            Mode::Line | Mode::Adrift => true,
            Mode::Sizes { .. } | Mode::Records(_) | Mode::Lost => false,
        }
    }

    /// The other side shows that keys are in use.
    pub(super) fn go_dark(&mut self) {
        self.mode = Mode::Sizes { from: 0 };
    }

    /// Ends a write: the other side speaks.
    pub(super) fn pause(&mut self) -> Option<Wrote> {
        let open = self.open.take()?;
        (!open.broken).then_some(Wrote {
            bytes: open.bytes,
            time: open.time,
        })
    }

    /// What a payload brings next; `None` where it brings nothing more. `step` is kept between the calls for one payload.
    pub(super) fn next(&mut self, payload: &NewPayload<'_>, step: &mut u32) -> Option<Seen> {
        let end = payload.end();
        let is_first = *step == 0;
        *step = step.saturating_add(1);
        if is_first {
            self.longest = self.longest.max(payload.new_bytes);
        }
        match &mut self.mode {
            Mode::Line => {
                self.mode = match line_end(payload.piece)? {
                    Some(end) => Mode::Packets(Walk::new(end, false)),
                    None => Mode::Adrift,
                };
                Some(Seen::Nothing)
            }
            Mode::Packets(walk) => match walk.next(payload.piece, end, self.framing) {
                Step::Nothing => None,
                Step::Packet { kind, bytes } => self.packet(kind, bytes, payload.time),
                Step::Lost => {
                    let is_encrypted = walk.encrypted;
                    self.lose(is_encrypted, payload.piece.offset);
                    Some(Seen::Nothing)
                }
            },
            Mode::Adrift if payload.new_bytes == message::NEWKEYS_PACKET => {
                self.mode = Mode::Sizes { from: end };
                Some(Seen::NewKeys)
            }
            Mode::Adrift | Mode::Lost => None,
            Mode::Records(records) => match records.next(payload.piece, end) {
                Step::Nothing => None,
                Step::Packet { kind: Some(_), .. } => Some(Seen::Nothing),
                Step::Packet { kind: None, bytes } => Some(Seen::Wrote(Wrote {
                    bytes,
                    time: payload.time,
                })),
                Step::Lost => {
                    self.mode = Mode::Lost;
                    Some(Seen::Gap)
                }
            },
            Mode::Sizes { from } => {
                let behind = end.saturating_sub(*from);
                *from = end.max(*from);
                let bytes = u32::try_from(behind).unwrap_or(u32::MAX);
                self.add(bytes.min(payload.new_bytes), payload)
            }
        }
    }

    fn lose(&mut self, is_encrypted: bool, offset: u64) {
        self.mode = if is_encrypted {
            Mode::Sizes { from: offset }
        } else {
            Mode::Adrift
        };
    }

    /// A packet was found by its header.
    fn packet(&mut self, kind: Option<u8>, bytes: u32, now: Timestamp) -> Option<Seen> {
        let Some(kind) = kind else {
            return Some(Seen::Wrote(Wrote { bytes, time: now }));
        };
        let is_first = !std::mem::replace(&mut self.has_spoken, true);
        match kind {
            NEWKEYS => {
                self.begin_encryption();
                Some(Seen::NewKeys)
            }
            KEXINIT => {
                self.has_spoken = false;
                Some(Seen::Nothing)
            }
            FIRST_OF_CLIENT | REQUEST_OF_GROUP if is_first => Some(Seen::FirstMessage),
            _ => Some(Seen::Nothing),
        }
    }

    fn begin_encryption(&mut self) {
        if let Mode::Packets(walk) = &self.mode {
            let at = walk.header.at;
            self.mode = if self.framing.is_some_and(Framing::is_clear) {
                Mode::Packets(Walk::new(at, true))
            } else {
                Mode::Sizes { from: at }
            };
        }
    }

    /// Adds bytes to the write that is open, or begins another.
    fn add(&mut self, bytes: u32, payload: &NewPayload<'_>) -> Option<Seen> {
        let (gap, now) = (payload.gap, payload.time);
        if bytes == 0 {
            return None;
        }
        let filled = bytes >= self.longest && bytes >= LEAST_FILLED;
        if let Some(open) = &mut self.open
            && (open.time == now || open.filled && now - open.time < PAUSE)
        {
            open.bytes = open.bytes.saturating_add(bytes);
            open.filled = filled;
            open.broken |= gap;
            open.time = now;
            return None;
        }
        let before = self.pause();
        self.open = Some(Open {
            bytes,
            time: now,
            filled,
            broken: gap,
        });
        before.map(Seen::Wrote).or(gap.then_some(Seen::Gap))
    }
}

/// Where the identification line ends, if that is known; `None` while it may end in a later payload.
fn line_end(piece: Piece<'_>) -> Option<Option<u64>> {
    let end = piece.captured.iter().position(|&byte| byte == b'\n');
    let behind = end.map(|end| piece.offset.saturating_add(end as u64).saturating_add(1));
    let is_cut = (piece.captured.len() as u64) < piece.sent.into();
    (behind.is_some() || is_cut).then_some(behind)
}

impl Walk {
    fn new(at: u64, encrypted: bool) -> Self {
        Self {
            header: Header::new(at),
            encrypted,
        }
    }

    fn next(&mut self, piece: Piece<'_>, end: u64, framing: Option<Framing>) -> Step {
        let wanted = if self.encrypted { LENGTH } else { CLEAR_HEADER };
        let [a, b, c, d, _, kind] = match self.header.read(wanted, piece, end) {
            ControlFlow::Continue(header) => header,
            ControlFlow::Break(step) => return step,
        };
        let whole = if self.encrypted {
            framing.and_then(|framing| framing.stated([a, b, c, d]))
        } else {
            let length = u32::from_be_bytes([a, b, c, d]);
            (LEAST_LENGTH..=MOST_LENGTH)
                .contains(&length)
                .then(|| length.saturating_add(4))
        };
        let Some(bytes) = whole else {
            return Step::Lost;
        };
        let behind = u64::from(bytes).saturating_sub(wanted as u64);
        self.header.skip(behind);
        let kind = (!self.encrypted).then_some(kind);
        Step::Packet { kind, bytes }
    }
}

const LENGTH: usize = 4;
/// Length, padding length, and the number of the message.
const CLEAR_HEADER: usize = 6;
const LEAST_LENGTH: u32 = 5;
const MOST_LENGTH: u32 = 256 * 1024;
/// `SSH_MSG_KEXINIT`.
const KEXINIT: u8 = 20;
/// `SSH_MSG_NEWKEYS`.
const NEWKEYS: u8 = 21;
/// `SSH_MSG_KEXDH_INIT`, and that of every newer method.
const FIRST_OF_CLIENT: u8 = 30;
/// `SSH_MSG_KEX_DH_GEX_REQUEST`; the older request of RFC 4419 has the number above.
const REQUEST_OF_GROUP: u8 = 34;
/// A write that fills segments does not pause for so long.
const PAUSE: Span = Span::from_millis(50);
/// No path carries less in a segment that is filled.
const LEAST_FILLED: u32 = 500;
