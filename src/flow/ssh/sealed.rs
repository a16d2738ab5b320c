//! SSH inside TLS: the key exchange, told by the lengths of records.
//!
//! A program that puts a stream into TLS (stunnel, socat, ncat, `openssl s_client`) puts each write into a record of its own,
//! and what TLS adds to a record is fixed. So the lengths of records are those of what SSH writes: two lines, two offers, a
//! key exchange of whole blocks of eight (RFC 4253, section 6), sixteen bytes that say that keys are taken into use, and a
//! request for a service that is as long as its acceptance.

use std::ops::ControlFlow;

use arrayvec::ArrayVec;

use super::header::{Header, Step};
use crate::facts::ssh::Wrapping;
use crate::flow::probing::Piece;
use crate::proto::Side;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::message;

/// Following the records of one direction by their headers (RFC 8446, section 5.1).
#[derive(Debug)]
pub(super) struct Records {
    header: Header<HEADER>,
    /// Bytes that TLS adds to what a record holds.
    added: u32,
}

/// What may be SSH: the newest lengths of both sides, until they tell.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    client: Sizes,
    server: Sizes,
    seen: u32,
}

type Sizes = ArrayVec<u32, KEPT>;

/// What lengths tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Open,
    /// It is something else.
    Foreign,
    /// It is SSH.
    Ssh(Found),
}

/// An SSH session that was recognised when the server accepted to prove who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The side of the flow that acts as the client.
    pub(super) client: Side,
    pub(super) wrapping: Wrapping,
    pub(super) framing: Framing,
    /// An empty `SSH_MSG_IGNORE` stands before each write.
    pub(super) ignores: bool,
    /// The size of what the client asked together with the service.
    pub(super) asked: Option<u32>,
}

impl Records {
    /// Of a direction whose next record begins at an offset.
    pub(super) fn new(at: usize, added: u32) -> Self {
        Self {
            header: Header::new(at as u64),
            added,
        }
    }

    /// The next record of a payload that ends at an offset.
    pub(super) fn next(&mut self, piece: Piece<'_>, end: u64) -> Step {
        let [kind, major, _, high, low] = match self.header.read(HEADER, piece, end) {
            ControlFlow::Continue(header) => header,
            ControlFlow::Break(step) => return step,
        };
        let length = u32::from(u16::from_be_bytes([high, low]));
        if !KINDS.contains(&kind) || major != MAJOR || length > LONGEST {
            return Step::Lost;
        }
        self.header.skip(length.into());
        let bytes = length.saturating_sub(self.added);
        let holds = kind == APPLICATION && bytes > 0;
        Step::Packet {
            kind: (!holds).then_some(kind),
            bytes,
        }
    }
}

impl Suspicion {
    /// Takes what a side wrote.
    pub(super) fn take(&mut self, from: Side, bytes: u32) -> Verdict {
        let sizes = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        if sizes.is_full() {
            sizes.remove(0);
        }
        sizes.push(bytes);
        self.seen = self.seen.saturating_add(1);
        let found = Wrapping::ALL
            .into_iter()
            .find_map(|how| self.found(from, how));
        match found {
            Some(found) => Verdict::Ssh(found),
            None if self.seen > MOST_SEEN => Verdict::Foreign,
            None => Verdict::Open,
        }
    }

    /// Whether the newest write accepts a request for a service, and all before it fits.
    fn found(&self, server: Side, wrapping: Wrapping) -> Option<Found> {
        let accepted = content(wrapping, server, *self.of(server).last()?)?;
        let fits = |known: &Framing| known.packet(message::SERVICE) == accepted;
        let framing = Framing::COMMON.into_iter().find(fits)?;
        let offered = answers(&self.plain(wrapping, server))?;
        let client = server.other();
        let (asked, other) = asks(&self.plain(wrapping, client), framing)?;
        offered.fits(other).then_some(Found {
            client,
            wrapping,
            framing: framing.hidden(),
            ignores: asked.ignores,
            asked: asked.more,
        })
    }

    /// What the newest writes of a side hold.
    fn plain(&self, wrapping: Wrapping, side: Side) -> Sizes {
        let sizes = self.of(side).iter();
        let plain = sizes.map(|bytes| content(wrapping, side, *bytes).unwrap_or_default());
        plain.collect()
    }

    fn of(&self, side: Side) -> &Sizes {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

/// How many bytes of SSH what a side wrote holds: a WebSocket puts a header before them (RFC 6455, section 5.2), with a
/// mask where the side opened it.
pub(super) fn content(wrapping: Wrapping, side: Side, bytes: u32) -> Option<u32> {
    if wrapping == Wrapping::Tls {
        return Some(bytes);
    }
    let mask = match side {
        Side::Client => MASK,
        Side::Server => 0,
    };
    let short = bytes.checked_sub(FRAME.saturating_add(mask))?;
    let long = short.checked_sub(LONG_FRAME);
    match long.filter(|long| *long > SHORT) {
        Some(long) => Some(long),
        None => (1..=SHORT).contains(&short).then_some(short),
    }
}

/// How a client asked for a service.
struct Asks {
    /// It wrote an empty `SSH_MSG_IGNORE` before.
    ignores: bool,
    /// The size of what it asked with it.
    more: Option<u32>,
}

/// Whether a client's newest writes are its line, its offer, its part of the exchange, that it takes the keys into use, and
/// a request for a service.
fn asks(sizes: &[u32], framing: Framing) -> Option<(Asks, Offer)> {
    (1..=MOST_TAIL).find_map(|count| {
        let (before, tail) = split_last(sizes, count)?;
        Some((takes_keys(tail, framing)?, exchanges(before)?))
    })
}

/// Whether writes are that the keys are taken into use, and a request for a service: one of them, or one for each packet.
/// One packet may stand between the two, and the first request of the service behind them.
fn takes_keys(tail: &[u32], framing: Framing) -> Option<Asks> {
    let service = framing.packet(message::SERVICE);
    let ignore = framing.packet(message::NUMBERED);
    let between = [0, framing.packet(message::EXTENSIONS_OF_CLIENT), ignore];
    let (last, first) = tail.split_last()?;
    between.into_iter().find_map(|between| {
        let until = message::NEWKEYS_PACKET.saturating_add(between);
        let mut sum = 0_u32;
        let mut parts = first.iter().map(|part| {
            sum = sum.saturating_add(*part);
            sum
        });
        let is_parted = parts.all(|end| end == message::NEWKEYS_PACKET || end == until);
        let behind = sum
            .saturating_add(*last)
            .checked_sub(until.saturating_add(service))?;
        let is_request = between == 0 && may_be_first_request(behind, framing);
        (is_parted && (behind == 0 || is_request)).then_some(Asks {
            ignores: between == ignore,
            more: is_request.then_some(behind),
        })
    })
}

/// Whether a packet may ask which methods a user may prove who they are by (RFC 4252, section 5.2).
fn may_be_first_request(bytes: u32, framing: Framing) -> bool {
    let (least, most) = (*message::METHODS.start(), *message::METHODS.end());
    framing.most_payload(bytes).is_some()
        && (framing.packet(least)..=framing.packet(most)).contains(&bytes)
}

/// Whether writes end with a line, an offer, and one or two packets of the exchange.
fn exchanges(sizes: &[u32]) -> Option<Offer> {
    let are_whole = |packets: &[u32]| packets.iter().all(|bytes| is_whole(*bytes, LEAST_PACKET));
    (1..=2).find_map(|count| {
        let (before, packets) = split_last(sizes, count)?;
        offers(before).filter(|_| are_whole(packets))
    })
}

/// Whether a server's newest writes are its line, its offer, its part of the exchange, and the acceptance. What it takes into
/// use, and says of itself then, is part of the exchange or follows it.
fn answers(sizes: &[u32]) -> Option<Offer> {
    let (_, before) = sizes.split_last()?;
    (1..=MOST_REPLIES).find_map(|count| {
        let (before, replies) = split_last(before, count)?;
        let is_long = *replies.first()? >= LEAST_REPLY;
        let are_whole = replies.iter().all(|bytes| bytes.is_multiple_of(4));
        offers(before).filter(|_| is_long && are_whole)
    })
}

/// The last so many sizes, and those before them.
fn split_last(sizes: &[u32], count: usize) -> Option<(&[u32], &[u32])> {
    sizes.split_at_checked(sizes.len().checked_sub(count)?)
}

/// How a line and an offer stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Offer {
    /// In one write, which could be anything.
    Joined,
    /// In one write, the first of all.
    First,
    /// In two.
    Apart,
}

impl Offer {
    /// Whether what both sides wrote may be lines and offers.
    fn fits(self, other: Self) -> bool {
        self.max(other) == Self::Apart || self == Self::First && other == Self::First
    }
}

/// How writes end with a line and an offer. Before both in one is the handshake of TLS 1.3 at most, which ends with a hash or
/// with tickets, or that of a WebSocket.
fn offers(sizes: &[u32]) -> Option<Offer> {
    let may_be_both = |bytes| (LEAST_OFFER + *LINE.start()..=MOST_OFFER).contains(bytes);
    match sizes {
        [.., line, offer] if is_whole(*offer, LEAST_OFFER) && LINE.contains(line) => {
            Some(Offer::Apart)
        }
        [both] | [FINISHED | LONG_FINISHED, both] if may_be_both(both) => Some(Offer::First),
        [.., before, both] if *before >= LEAST_TICKET && may_be_both(both) => Some(Offer::Joined),
        _ => None,
    }
}

/// Whether a packet in the clear may be as long: whole blocks of eight.
fn is_whole(bytes: u32, least: u32) -> bool {
    bytes.is_multiple_of(8) && (least..=MOST_OFFER).contains(&bytes)
}

const HEADER: usize = 5;
/// Change of cipher, alert, handshake, application data, heartbeat.
const KINDS: std::ops::RangeInclusive<u8> = 20..=24;
const APPLICATION: u8 = 23;
const MAJOR: u8 = 3;
/// 2^14 bytes and what encryption may add (RFC 5246, section 6.2.3).
const LONGEST: u32 = (1 << 14) + 2048;
/// Writes of a side that are looked at: a line, an offer, three packets of the exchange, an ignored one, an acceptance.
const KEPT: usize = 8;
/// Records of both sides, those of the handshake of TLS and of a WebSocket among them, before SSH must be known.
const MOST_SEEN: u32 = 40;
/// `SSH-2.0-` and a name, the line's end, and no more than RFC 4253 (section 4.2) allows.
const LINE: std::ops::RangeInclusive<u32> = 10..=255;
/// One name in each of the lists that may not be empty.
const LEAST_OFFER: u32 = 160;
const MOST_OFFER: u32 = 8192;
/// Four bytes and a hash (RFC 8446, section 4.4.4).
const FINISHED: u32 = 4 + 32;
const LONG_FINISHED: u32 = 4 + 48;
/// A ticket with the state of a session in it (RFC 8446, section 4.6.1), or the end of an upgrade to WebSocket.
const LEAST_TICKET: u32 = 100;
/// A public key of 32 bytes; a request for a group is as long as its three numbers.
const LEAST_PACKET: u32 = 24;
/// A host key, a public key and a signature.
const LEAST_REPLY: u32 = 160;
const MOST_REPLIES: usize = 4;
/// Keys taken into use, one packet between, and the request.
const MOST_TAIL: usize = 3;
/// The header of a frame, what it grows by where it holds more than so many bytes, and a mask.
const FRAME: u32 = 2;
const LONG_FRAME: u32 = 2;
const SHORT: u32 = 125;
const MASK: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(line: &str) -> Verdict {
        let mut suspicion = Suspicion::default();
        let mut verdict = Verdict::Open;
        for word in line.split_whitespace() {
            let (way, bytes) = word.split_at(1);
            let from = if way == "+" {
                Side::Client
            } else {
                Side::Server
            };
            assert_eq!(verdict, Verdict::Open, "{line}");
            verdict = suspicion.take(from, bytes.parse().unwrap());
        }
        verdict
    }

    #[test]
    fn what_is_written_one_after_the_other_is_ssh() {
        let usual = Found {
            client: Side::Client,
            wrapping: Wrapping::Tls,
            framing: Framing::CHACHA,
            ignores: false,
            asked: None,
        };
        #[rustfmt::skip]
        let cases = [
            // OpenSSH 9.2 in TLS 1.3, whose tickets come first.
            ("-1605 -264 -52 +52 -265 -265 +41 -41 -1088 +1560 +1208 -1564 +16 +44 -44", usual),
            // Line and offer at once, as the first of all; keys taken together with the request.
            ("+36 +1601 -1129 +1208 -1564 +60 -44", usual),
            // The same by one side only, anywhere.
            ("-1605 -264 -52 +52 -265 -265 +41 -1129 +1560 +1208 -1564 +16 +44 -44", usual),
            // OpenSSH 10 says what it knows of before the request.
            ("+41 -41 +1416 -960 +1232 -1580 +84 +44 -44", usual),
            // PuTTY, AES-CTR with HMAC-SHA2-256; a group that is asked for.
            ("+28 -41 -1088 +1528 +1208 -1584 +80 -64", usual),
            ("+41 -41 -1088 +1560 +24 -280 +272 -848 +16 +44 -44", usual),
            // Dropbear asks for the methods at once, AsyncSSH ignores itself.
            ("+690 -41 -1056 +48 -524 +120 -44", Found { asked: Some(60), ..usual }),
            ("+25 -41 -1056 +1960 +48 -524 +16 +36 +44 -36 -44", Found { ignores: true, ..usual }),
            // The side that was called is the client.
            ("-41 +41 +1088 -1560 -1208 +1564 -16 -44 +44", Found { client: Side::Server, ..usual }),
            // In a WebSocket, of which the opener masks what it says.
            ("+263 -229 +47 -43 +1568 -1092 +1216 -1568 +66 -46", Found { wrapping: Wrapping::WebSocket, ..usual }),
        ];
        for (line, expected) in cases {
            let Verdict::Ssh(found) = verdict(line) else {
                panic!("{line}");
            };
            let framing = found.framing;
            assert!(!framing.is_clear());
            assert_eq!(
                Found {
                    framing,
                    ..expected
                },
                found,
                "{line}"
            );
        }
    }

    #[test]
    fn one_thing_that_does_not_fit_is_enough() {
        for line in [
            "+41 -41 -1088 +1560 +1208 -1564 +17 +44 -44",
            "+41 -41 -1088 +1560 +1208 -1564 +16 +45 -45",
            "+41 -41 -1088 +1560 +1208 -1564 +16 +44 -52",
            "+41 -41 -1088 +1560 +1209 -1564 +16 +44 -44",
            "+41 -41 -1088 +1560 +1208 -1563 +16 +44 -44",
            "+41 -41 -1088 +1563 +1208 -1564 +16 +44 -44",
            "+41 -41 -1088 +1560 +1208 -100 +16 +44 -44",
            "+41 -5 -1088 +1560 +1208 -1564 +16 +44 -44",
            "+9 -41 -1088 +1560 +1208 -1564 +16 +44 -44",
            "+41 -41 -88 +1560 +1208 -1564 +16 +44 -44",
            "+100 +1601 -1129 +1208 -1564 +60 -44",
            "+100 +1601 -265 -1129 +1208 -1564 +60 -44",
            "+16 +44 -44",
        ] {
            assert_eq!(verdict(line), Verdict::Open, "{line}");
        }
        let long = "+200 -900 ".repeat(20);
        assert_eq!(verdict(&long), Verdict::Open);
        assert_eq!(verdict(&format!("{long} +1")), Verdict::Foreign);
    }

    #[test]
    fn a_websocket_puts_a_header_before_what_it_holds() {
        let (client, server) = (Side::Client, Side::Server);
        for (wrapping, side, bytes, held) in [
            (Wrapping::Tls, client, 6, Some(6)),
            (Wrapping::WebSocket, client, 6, None),
            (Wrapping::WebSocket, client, 7, Some(1)),
            (Wrapping::WebSocket, client, 131, Some(125)),
            (Wrapping::WebSocket, client, 132, None),
            (Wrapping::WebSocket, client, 134, Some(126)),
            (Wrapping::WebSocket, server, 2, None),
            (Wrapping::WebSocket, server, 127, Some(125)),
            (Wrapping::WebSocket, server, 1092, Some(1088)),
        ] {
            assert_eq!(content(wrapping, side, bytes), held, "{side:?} {bytes}");
        }
    }

    #[test]
    fn records_are_followed_through_any_segments() {
        let record = |kind: u8, length: u16| {
            let mut record = vec![kind, 3, 3];
            record.extend(length.to_be_bytes());
            record.resize(5 + usize::from(length), 0);
            record
        };
        let stream = [
            record(22, 40),
            record(23, 58),
            record(23, 17),
            record(23, 61),
        ]
        .concat();
        for most in [1, 4, 64, 1000] {
            let mut records = Records::new(0, 17);
            let (mut offset, mut held) = (0, Vec::new());
            for captured in stream.chunks(most) {
                let piece = Piece {
                    from: Side::Client,
                    offset,
                    captured,
                    sent: captured.len() as u32,
                };
                offset += captured.len() as u64;
                loop {
                    match records.next(piece, offset) {
                        Step::Nothing => break,
                        Step::Packet { kind: None, bytes } => held.push(bytes),
                        Step::Packet { kind: Some(_), .. } => {}
                        Step::Lost => panic!("lost at {offset}"),
                    }
                }
            }
            assert_eq!(held, [41, 44], "{most}");
        }
        let piece = |captured| Piece {
            from: Side::Client,
            offset: 7,
            captured,
            sent: 9,
        };
        for (at, bytes) in [(7, &b"SSH-2.0-x"[..]), (6, &[23; 9]), (7, &[23, 3])] {
            let step = Records::new(at, 17).next(piece(bytes), 16);
            assert!(matches!(step, Step::Lost), "{at} {bytes:?}");
        }
    }
}
