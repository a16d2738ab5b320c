//! The client's first message.

use std::borrow::Cow;

use super::Undecided;
use super::hello::Offer;
use super::records::{Messages, Step};
use crate::proto::{Need, Prefix, Side};

/// What was captured of the first message of a client that may speak TLS.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    body: Cow<'a, [u8]>,
    /// Whether that is all of it.
    pub(super) whole: bool,
    /// Whether it is enough to look like a ClientHello.
    pub(super) begun: bool,
    /// The end of its last record.
    pub(super) end: usize,
}

impl<'a> Opening<'a> {
    /// Reads the message; a side that was not captured gives an empty one.
    pub(super) fn read(prefix: &Prefix<'a>) -> Result<Self, Undecided> {
        if !may_open(prefix.bytes) {
            return Err(Undecided::Never);
        }
        let mut messages = Messages::new(prefix);
        let (message, whole) = match messages.next() {
            Step::Message(message) => (Some(message), true),
            Step::Short(total) if messages.is_open() => {
                return Err(Undecided::Short(Need::of(Side::Client, total)));
            }
            Step::Short(_) => (messages.fragment(), false),
            _ => return Err(Undecided::Never),
        };
        let body = message.map(|message| message.body).unwrap_or_default();
        Ok(Self {
            begun: body.len() >= VERSION_BYTES,
            body,
            whole,
            end: messages.position(),
        })
    }

    /// The body of the message, as far as it was captured.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The ClientHello; `None` where the capture cut it too early.
    pub(super) fn hello(&self) -> Result<Option<Offer<'_>>, Undecided> {
        if !self.whole {
            return Ok(Offer::parse_cut(&self.body));
        }
        Offer::parse(&self.body).map(Some).ok_or(Undecided::Never)
    }
}

/// Whether bytes may be the start of a ClientHello: a handshake record with a message of type 1 and a length that
/// a head could hold. Small records may part the message anywhere, so its bytes are looked at only in a larger one.
fn may_open(bytes: &[u8]) -> bool {
    let is = |at: usize, fits: fn(u8) -> bool| bytes.get(at).copied().is_none_or(fits);
    let small = matches!(bytes, [_, _, _, 0, ..6, ..]);
    is(0, |kind| kind == 22)
        && is(1, |major| major == 3)
        && is(2, |minor| minor <= 4)
        && is(5, |message| message == CLIENT_HELLO)
        && (small
            || is(6, |length| length == 0)
                && is(9, |major| major == 3)
                && is(10, |minor| minor <= 4))
}

const CLIENT_HELLO: u8 = 1;
const VERSION_BYTES: usize = 2;
