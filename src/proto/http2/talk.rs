//! What one side says in its first frames (RFC 9113, sections 4 and 6).

use std::borrow::Cow;

use super::hpack::Decoder;
use crate::proto::half::{Half, Stop, ensure};
use crate::proto::text::printable;

/// The first frames of one side, sorted by what they bring.
#[derive(Debug, Default)]
pub(super) struct Talk<'a> {
    /// Header fields by stream, in order.
    pub(super) heads: Vec<(u32, Fields)>,
    /// The known bytes of the first DATA of each stream that has any.
    pub(super) data: Vec<(u32, &'a [u8])>,
    /// Streams in which it says nothing more.
    pub(super) closed: Vec<u32>,
    /// Whether its first SETTINGS allow the extended CONNECT (RFC 8441, section 3).
    pub(super) extended_connect: bool,
    /// Why there is no more of it: [`Stop::More`], or it is over.
    pub(super) stop: Option<Stop>,
}

/// The header fields that matter; values are short and printable, credentials are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) method: Option<String>,
    pub(super) authority: Option<String>,
    pub(super) path: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) proxy_authorization: bool,
    pub(super) status: Option<u16>,
    pub(super) server: Option<String>,
    pub(super) via: Option<String>,
}

impl<'a> Talk<'a> {
    /// Reads the frames of a side, the first of which must be SETTINGS.
    pub(super) fn read(mut half: Half<'a>) -> Result<Self, Stop> {
        ensure(may_be_settings(half.known(FRAME_HEADER)))?;
        let (mut talk, mut decoder) = (Self::default(), Decoder::new());
        for number in 0..MOST_FRAMES {
            if let Err(stop) = talk.frame(&mut half, &mut decoder, number == 0) {
                talk.stop = Some(stop);
                break;
            }
        }
        Ok(talk)
    }

    /// Whether more of it may come and would be read: the total length that tells more.
    pub(super) fn need(&self) -> Option<usize> {
        match self.stop {
            Some(Stop::More(need)) => Some(need.client.min(need.server)),
            Some(Stop::No | Stop::Ended) | None => None,
        }
    }

    /// The bytes of its first DATA in a stream; `None` where nothing was said, and nothing will be.
    pub(super) fn said(&self, stream: u32) -> Option<&'a [u8]> {
        let mut data = self.data.iter();
        data.find(|(of, _)| *of == stream).map(|(_, bytes)| *bytes)
    }

    /// Whether it is known if it says something in a stream.
    pub(super) fn is_clear(&self, stream: u32) -> bool {
        self.need().is_none() || self.said(stream).is_some() || self.closed.contains(&stream)
    }

    fn frame(
        &mut self,
        half: &mut Half<'a>,
        decoder: &mut Decoder,
        first: bool,
    ) -> Result<(), Stop> {
        let mut ahead = *half;
        let frame = Frame::read(&mut ahead)?;
        match frame.kind {
            DATA => self.data(&frame, &mut ahead)?,
            HEADERS | PUSH_PROMISE => self.head(&frame, &mut ahead, decoder)?,
            RST_STREAM => {
                self.closed.push(frame.stream);
                ahead.skip(frame.length)?;
            }
            SETTINGS if first => {
                let settings = ahead.take(frame.length)?;
                self.extended_connect = settings
                    .chunks(6)
                    .any(|setting| setting == EXTENDED_CONNECT);
            }
            _ => {
                ahead.skip(frame.length)?;
            }
        }
        *half = ahead;
        Ok(())
    }

    /// Notes the first bytes of a stream. What the capture cut off is left out, but it was there.
    fn data(&mut self, frame: &Frame, half: &mut Half<'a>) -> Result<(), Stop> {
        let start = *half;
        let passed = half.skip(frame.length);
        if let Err(Stop::More(_)) = passed {
            return passed.map(|_| ());
        }
        let known = start.known(frame.length);
        if let Some(content) = frame.content(known).filter(|content| !content.is_empty())
            && self.said(frame.stream).is_none()
        {
            self.data.push((frame.stream, content));
        }
        self.close(frame);
        passed.map(|_| ())
    }

    fn close(&mut self, frame: &Frame) {
        if frame.flags & END_STREAM != 0 {
            self.closed.push(frame.stream);
        }
    }

    /// Reads a header block to its end. That of a push promise matters to the decoder alone.
    fn head(
        &mut self,
        frame: &Frame,
        half: &mut Half<'a>,
        decoder: &mut Decoder,
    ) -> Result<(), Stop> {
        let block = frame.whole_block(half)?;
        let mut fields = Fields::default();
        let decoded = decoder.block(&block, |name, value| fields.note(name, value));
        decoded.ok_or(Stop::Ended)?;
        if frame.kind == HEADERS {
            self.heads.push((frame.stream, fields));
            self.close(frame);
        }
        Ok(())
    }
}

impl Fields {
    fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = || Some(printable(value, LONGEST_VALUE));
        let remark = || Some(printable(value, LONGEST_REMARK));
        match name {
            b":method" => self.method = text(),
            b":authority" => self.authority = text(),
            b":path" => self.path = text(),
            b":protocol" => self.protocol = text(),
            b"user-agent" => self.user_agent = remark(),
            b"proxy-authorization" => self.proxy_authorization = true,
            b":status" => self.status = text().and_then(|status| status.parse().ok()),
            b"server" => self.server = remark(),
            b"via" => self.via = remark(),
            _ => {}
        }
    }
}

/// A frame's header.
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn read(half: &mut Half<'_>) -> Result<Self, Stop> {
        let [a, b, c, kind, flags, stream @ ..] = half.array::<FRAME_HEADER>()?;
        Ok(Self {
            length: usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX),
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & !RESERVED,
        })
    }

    /// A payload without its padding, if it has any; what is known of it, if it was cut.
    fn content<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        if self.flags & PADDED == 0 {
            return Some(payload);
        }
        let (padding, content) = payload.split_first()?;
        let length = self.length.checked_sub(1 + usize::from(*padding))?;
        Some(content.get(..length).unwrap_or(content))
    }

    /// The header block that a HEADERS or PUSH_PROMISE frame begins, joined where it goes on in others.
    fn whole_block<'a>(&self, half: &mut Half<'a>) -> Result<Cow<'a, [u8]>, Stop> {
        let payload = half.take(self.length)?;
        let mut block = Cow::Borrowed(self.fragment(payload).ok_or(Stop::Ended)?);
        let mut flags = self.flags;
        for _ in 0..MOST_FRAMES {
            if flags & END_HEADERS != 0 {
                return Ok(block);
            }
            let next = Self::read(half)?;
            if next.kind != CONTINUATION || next.stream != self.stream {
                break;
            }
            block.to_mut().extend_from_slice(half.take(next.length)?);
            flags = next.flags;
        }
        Err(Stop::Ended)
    }

    /// The part of a header block in a HEADERS or PUSH_PROMISE frame.
    fn fragment<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        let content = self.content(payload)?;
        let before = match self.kind {
            PUSH_PROMISE => 4,
            _ if self.flags & PRIORITY != 0 => 5,
            _ => 0,
        };
        content.get(before..)
    }
}

/// Whether a side may begin like this: with SETTINGS, of whole settings and of the connection (section 6.5). Some
/// clients acknowledge the server's before they send their own.
fn may_be_settings(start: &[u8]) -> bool {
    let length_is_small = start.iter().take(2).zip([0, 1]).all(|(a, most)| *a <= most);
    let whole = match start {
        [_, high, low, ..] => u16::from_be_bytes([*high, *low]) % 6 == 0,
        _ => true,
    };
    let kind = start.get(3).is_none_or(|kind| *kind == SETTINGS);
    let flags = start.get(4).is_none_or(|flags| *flags <= ACK);
    let connection = start.iter().skip(5).all(|byte| *byte == 0);
    length_is_small && whole && kind && flags && connection
}

const FRAME_HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const ACK: u8 = 0x01;
const END_STREAM: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
const RESERVED: u32 = 0x8000_0000;
/// `SETTINGS_ENABLE_CONNECT_PROTOCOL` = 1.
const EXTENDED_CONNECT: [u8; 6] = [0, 8, 0, 0, 0, 1];

/// How many frames of a side are looked at: it is asked again with each.
const MOST_FRAMES: usize = 64;
pub(super) const LONGEST_VALUE: usize = 255;
const LONGEST_REMARK: usize = 64;
