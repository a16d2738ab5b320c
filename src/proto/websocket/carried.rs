//! What the frames of one side carry: their first messages, joined.

use std::iter;

use arrayvec::ArrayVec;

use super::frame::{Frame, Opcode};
use super::{Content, Manner};
use crate::proto::half::{Half, Stop, ensure};
use crate::proto::nonce::{self, Kept};
use crate::proto::{End, Prefix};

/// The first bytes that one side's frames carry, unmasked and joined over messages.
#[derive(Debug)]
pub(super) struct Carried {
    /// At most [`REACH`] bytes.
    bytes: Vec<u8>,
    /// Where in them the first messages end that are whole, [`MOST_MESSAGES`] of them.
    ends: ArrayVec<usize, MOST_MESSAGES>,
    /// How the first frame with a message came.
    manner: Option<Manner>,
    /// Frames that were seen whole.
    pub(super) frames: usize,
    /// Whether frames are masked; all of a side are, or none.
    is_masked: Option<bool>,
    /// Whether a message goes on in the next frame. `None` where that is not known.
    is_fragmented: Option<bool>,
    /// Why no more is known. [`Stop::No`] only where the first bytes are no frame.
    pub(super) stop: Stop,
}

impl Carried {
    /// Walks the frames of a side from its first one.
    pub(super) fn from_start(half: Half<'_>) -> Self {
        Self::walk(half, None, Some(false))
    }

    /// Walks the frames of a side that was picked up between two of them, perhaps inside a message.
    pub(super) fn from_middle(half: Half<'_>, is_masked: bool) -> Self {
        Self::walk(half, Some(is_masked), None)
    }

    /// What only one party can have made up at the start of the first message.
    pub(super) fn nonce(&self) -> Option<Kept> {
        let end = self.ends.first().copied().unwrap_or(self.bytes.len());
        nonce::find(self.bytes.get(..end)?).map(Kept::from)
    }

    /// Whether more bytes would change the nonce.
    pub(super) fn awaits_nonce(&self) -> bool {
        let joins = |manner: Manner| manner.content != Content::Compressed;
        let begun = self.ends.is_empty() && self.bytes.len() < nonce::LONGEST;
        begun && self.is_open() && self.manner().is_some_and(joins)
    }

    fn walk(mut half: Half<'_>, is_masked: Option<bool>, is_fragmented: Option<bool>) -> Self {
        let mut carried = Self {
            bytes: Vec::new(),
            ends: ArrayVec::new(),
            manner: None,
            frames: 0,
            is_masked,
            is_fragmented,
            stop: Stop::Ended,
        };
        while carried.frames < MOST_FRAMES {
            match carried.frame(&mut half) {
                Ok(()) => carried.frames += 1,
                Err(Stop::No) if carried.frames > 0 => break,
                Err(stop) => {
                    carried.stop = stop;
                    break;
                }
            }
        }
        carried
    }

    /// Passes one frame and keeps what it carries.
    fn frame(&mut self, half: &mut Half<'_>) -> Result<(), Stop> {
        let frame = Frame::read(half)?;
        let is_masked = *self.is_masked.get_or_insert(frame.mask.is_some());
        ensure(frame.mask.is_some() == is_masked && self.may_follow(frame))?;
        let known = half.known(frame.length);
        if !frame.opcode.is_control() {
            self.is_fragmented = Some(!frame.is_final);
            self.manner.get_or_insert(Manner::of(frame));
            self.keep(frame, known)?;
        }
        if known.len() < frame.length {
            return Err(half.short(known.len().saturating_add(1)));
        }
        half.skip(frame.length)?;
        match frame.opcode {
            Opcode::Close => return Err(Stop::Ended),
            Opcode::Ping | Opcode::Pong => {}
            _ if frame.is_final => self.end_message(),
            _ => {}
        }
        Ok(())
    }

    fn end_message(&mut self) {
        if !self.ends.is_full() {
            self.ends.push(self.bytes.len());
        }
    }

    /// A message is finished before the next one begins (RFC 6455, section 5.4).
    fn may_follow(&self, frame: Frame) -> bool {
        let continues = frame.opcode == Opcode::Continuation;
        frame.opcode.is_control()
            || self
                .is_fragmented
                .is_none_or(|goes_on| goes_on == continues)
    }

    /// Keeps what is known of a payload. Behind a compressed message nothing can be joined.
    fn keep(&mut self, frame: Frame, known: &[u8]) -> Result<(), Stop> {
        if frame.is_compressed {
            return Err(Stop::Ended);
        }
        let room = REACH.saturating_sub(self.bytes.len());
        let mask = frame.mask.unwrap_or_default();
        let keys = mask.iter().cycle();
        self.bytes.extend(
            known
                .iter()
                .zip(keys)
                .take(room)
                .map(|(byte, key)| byte ^ key),
        );
        if self.bytes.len() < REACH {
            Ok(())
        } else {
            Err(Stop::Ended)
        }
    }

    /// How the first message came, once one was seen.
    pub(super) fn manner(&self) -> Option<Manner> {
        self.manner
    }

    /// The first messages that are whole. Of a side that was picked up, the first one may have lost its start.
    pub(super) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        let starts = iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, &end)| self.bytes.get(start..end))
    }

    /// Where the last of these messages ends.
    pub(super) fn whole(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there will be no more of these messages.
    pub(super) fn has_all_messages(&self) -> bool {
        self.ends.is_full() || !self.is_open()
    }

    /// The joined bytes, from offset `from` on.
    pub(super) fn prefix(&self, from: usize) -> Prefix<'_> {
        Prefix {
            bytes: self.bytes.get(from..).unwrap_or_default(),
            end: if self.is_open() {
                End::Open
            } else {
                End::Closed
            },
        }
    }

    /// Whether more may be known later.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stop, Stop::More(_))
    }
}

impl Manner {
    fn of(frame: Frame) -> Self {
        Self {
            is_masked: frame.mask.is_some(),
            content: match frame.opcode {
                _ if frame.is_compressed => Content::Compressed,
                Opcode::Text => Content::Text,
                _ => Content::Binary,
            },
        }
    }
}

/// How many bytes of a side's messages are looked at.
const REACH: usize = 4096;
/// How many messages of a side are told apart.
const MOST_MESSAGES: usize = 16;
/// How many frames of a side are looked at.
const MOST_FRAMES: usize = 256;
