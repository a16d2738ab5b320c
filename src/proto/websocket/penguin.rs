//! Frames of rusty-penguin, a multiplexer that sends each in a message of its own (the dissector in its repository).

use super::carried::Carried;
use crate::proto::cursor::Cursor;
use crate::proto::target::{Host, Target};

/// Streams multiplexed by rusty-penguin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Penguin {
    /// Whom the client's first frame asks to reach, if it asks for somebody.
    pub target: Option<Target>,
    /// Whether it asks the server to listen, so that the client is the side that serves.
    pub is_reverse: bool,
}

/// What a stream of messages is taken for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    No,
    Perhaps,
    Yes(Penguin),
}

impl Penguin {
    /// Recognises it where messages are its frames and both sides speak of the same stream.
    pub(super) fn read(client: &Carried, server: &Carried) -> Verdict {
        let spoken_of: Vec<u32> = frames(client).map(|frame| frame.stream).collect();
        let is_shared = frames(server).any(|frame| spoken_of.contains(&frame.stream));
        match frames(client).next() {
            Some(first) if is_shared => Verdict::Yes(Self {
                target: first.target(),
                is_reverse: first.operation == BIND,
            }),
            _ if may_go_on(client) && may_go_on(server) => Verdict::Perhaps,
            _ => Verdict::No,
        }
    }
}

/// Whether all that a side sent may be frames, and there may be more.
fn may_go_on(carried: &Carried) -> bool {
    let begun = carried.prefix(carried.whole()).bytes;
    let is_frame = |message: &[u8]| Frame::read(message).is_some();
    carried.messages().all(is_frame)
        && !carried.has_all_messages()
        && begun.first().is_none_or(|first| first >> 4 == VERSION)
}

/// One frame.
#[derive(Clone, Copy)]
struct Frame<'a> {
    operation: u8,
    stream: u32,
    rest: &'a [u8],
}

/// The frames of a side, up to the first message that is none.
fn frames(carried: &Carried) -> impl Iterator<Item = Frame<'_>> {
    carried.messages().map_while(Frame::read)
}

impl<'a> Frame<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(message);
        let first = cursor.u8()?;
        let (version, operation) = (first >> 4, first & 0x0f);
        let frame = Self {
            operation,
            stream: cursor.u32()?,
            rest: cursor.rest(),
        };
        (version == VERSION && operation <= DATAGRAM).then_some(frame)
    }

    /// The host and port of a request to connect, to listen, or to pass a datagram on.
    fn target(&self) -> Option<Target> {
        let mut cursor = Cursor::new(self.rest);
        let length = match self.operation {
            CONNECT => cursor.u32().map(|_| usize::MAX)?,
            BIND => cursor.u8().map(|_| usize::MAX)?,
            DATAGRAM => cursor.u8()?.into(),
            _ => return None,
        };
        let port = cursor.u16()?;
        let host = cursor.rest();
        let host = Host::from_text(host.get(..length).unwrap_or(host))?;
        Some(Target { host, port })
    }
}

const VERSION: u8 = 7;
const CONNECT: u8 = 0;
const BIND: u8 = 5;
const DATAGRAM: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::half::Half;
    use crate::proto::{Prefix, Side};

    fn carried(messages: &[&[u8]]) -> Carried {
        let frames = messages.iter().fold(Vec::new(), |mut frames, message| {
            frames.extend([0x82, message.len() as u8]);
            frames.extend(*message);
            frames
        });
        Carried::from_start(Half::new(Side::Server, Prefix::open(&frames)))
    }

    fn read(client: &[&[u8]], server: &[&[u8]]) -> Option<Penguin> {
        match Penguin::read(&carried(client), &carried(server)) {
            Verdict::Yes(penguin) => Some(penguin),
            Verdict::No | Verdict::Perhaps => None,
        }
    }

    #[test]
    fn reads_what_the_client_asks_for() {
        let ack: &[u8] = b"\x71\0\0\0\x09\0\0\x02\0";
        type Seen<'a> = Option<(&'a str, bool)>;
        let cases: [(&[u8], &[u8], Seen<'_>); 8] = [
            (
                b"\x70\0\0\0\x09\0\0\x02\0\x01\xbbA.test",
                ack,
                Some(("a.test:443", false)),
            ),
            (
                b"\x75\0\0\0\x09\x01\x00\x16::1",
                b"\x73\0\0\0\x09",
                Some(("[::1]:22", true)),
            ),
            (
                b"\x76\0\0\0\x09\x05\0\x35a.comxyz",
                b"\x76\0\0\0\x09",
                Some(("a.com:53", false)),
            ),
            (b"\x74\0\0\0\x09abc", ack, Some(("", false))),
            (b"\x74\0\0\0\x08abc", ack, None),
            (b"\x77\0\0\0\x09abc", ack, None),
            (b"\x64\0\0\0\x09abc", ack, None),
            (b"\x74\0\0\0", ack, None),
        ];
        for (client, server, expected) in cases {
            let seen = read(&[client], &[server]).map(|seen| {
                let target = seen.target.map(|target| target.to_string());
                (target.unwrap_or_default(), seen.is_reverse)
            });
            let expected = expected.map(|(target, reverse)| (target.to_owned(), reverse));
            assert_eq!(seen, expected, "{client:02x?}");
        }
    }

    #[test]
    fn a_message_that_is_no_frame_ends_the_reading() {
        let frame: &[u8] = b"\x74\0\0\0\x09abc";
        let other: &[u8] = b"\x72\0\0\0\x01";
        let ack: &[u8] = b"\x71\0\0\0\x09\0\0\0\x01";
        assert!(read(&[other, frame], &[ack]).is_some());
        assert!(read(&[frame, b"{}"], &[ack]).is_some());
        assert!(read(&[b"{}", frame], &[ack]).is_none());
    }

    #[test]
    fn one_side_alone_is_waited_for() {
        let frame: &[u8] = b"\x74\0\0\0\x09abc";
        let waits = |client: &[&[u8]], server: &[&[u8]]| {
            Penguin::read(&carried(client), &carried(server)) == Verdict::Perhaps
        };
        assert!(waits(&[], &[]));
        assert!(waits(&[frame], &[]));
        assert!(!waits(&[frame], &[b"{}"]));
        assert!(!waits(&[b"{}"], &[]));
    }
}
