//! WebSocket frames (RFC 6455, section 5) behind their handshake, or picked up in their middle, and what they carry.
//!
//! A message has no meaning of its own here: the messages of each side are unmasked, joined to a stream, and the two
//! streams are probed like those of a connection. So a tunnel shows what runs through it. Compressed messages are
//! recognised and left alone.

mod carried;
mod frame;
pub mod noise;
mod penguin;

use super::half::{Half, Stop};
use super::nonce::Kept;
use super::stack::{Heads, Layer, Progress, Protocol, Stack};
use super::{Answer, Exchange, Need, Prefix, Reading, Side};
use carried::Carried;
use noise::Verdict;
pub use penguin::Penguin;

/// What the two sides of a WebSocket send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocket {
    /// How the client's first message came; `None` where none was seen.
    pub client: Option<Manner>,
    /// How the server's first message came, likewise.
    pub server: Option<Manner>,
    /// Whether both sides carry noise from their first byte on, so that it must be encrypted.
    pub is_noise: bool,
    /// Bytes of the first message of the client, and of the server, that only one party can have made up.
    pub nonces: [Option<Kept>; 2],
    /// What was read in the joined messages, outermost first. Moved behind this layer when it joins a stack.
    pub inside: Vec<Layer>,
}

/// How a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Whether its frames are masked, as a client's must be and a server's must not.
    pub is_masked: bool,
    /// What it is made of.
    pub content: Content,
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// Either, compressed.
    Compressed,
}

/// Reads frames behind a handshake: *yes* when both sides sent a message and what is inside is settled.
pub fn parse(exchange: &Exchange<'_>) -> Answer<WebSocket> {
    let client = Carried::from_start(Half::new(Side::Client, exchange.client));
    let server = Carried::from_start(Half::new(Side::Server, exchange.server));
    let both = Both { client, server };
    if both.is_unknown() {
        return Answer::No;
    }
    both.answer(Stack::inside())
}

/// Reads frames without their handshake. A byte at random is the start of a frame that fits its side one time in 38,
/// so that eight frames in a row are one chance in 2^42.
pub fn pick_up(exchange: &Exchange<'_>) -> Answer<WebSocket> {
    let client = Carried::from_middle(Half::new(Side::Client, exchange.client), true);
    let server = Carried::from_middle(Half::new(Side::Server, exchange.server), false);
    let both = Both { client, server };
    if both.is_unknown() {
        return Answer::No;
    }
    if !both.are_sure() {
        return both.need().map_or(Answer::No, Answer::More);
    }
    both.answer(Stack::inside_middle())
}

/// What was found in the messages so far.
struct Inside {
    layers: Vec<Layer>,
    is_noise: bool,
    is_settled: bool,
}

/// What both sides carry.
struct Both {
    client: Carried,
    server: Carried,
}

impl Both {
    /// Whether a side sends something else, or there will never be a frame.
    fn is_unknown(&self) -> bool {
        let sides = [&self.client, &self.server];
        sides.iter().any(|side| side.stop == Stop::No)
            || sides
                .iter()
                .all(|side| side.frames == 0 && !side.is_open() && side.manner().is_none())
    }

    /// Whether enough frames follow each other to be no accident.
    fn are_sure(&self) -> bool {
        let (client, server) = (self.client.frames, self.server.frames);
        client > 0 && server > 0 && client + server >= ENOUGH_FRAMES
    }

    fn answer(self, stack: Stack) -> Answer<WebSocket> {
        let inside = self.inside(stack);
        match self.need() {
            Some(need) if !(inside.is_settled && self.have_spoken()) => Answer::More(need),
            _ => Answer::Yes(Reading {
                layer: WebSocket {
                    client: self.client.manner(),
                    server: self.server.manner(),
                    is_noise: inside.is_noise,
                    nonces: [&self.client, &self.server].map(Carried::nonce),
                    inside: inside.layers,
                },
                client: Reading::<WebSocket>::EVERYTHING,
                server: Reading::<WebSocket>::EVERYTHING,
            }),
        }
    }

    /// Probes the joined messages. What no parser reads may be frames of another kind, or noise.
    fn inside(&self, mut stack: Stack) -> Inside {
        let is_settled = stack.probe(self) == Progress::Settled;
        let layers = stack.into_layers();
        if !layers.is_empty() || !self.are_binary() {
            return Inside {
                layers,
                is_noise: false,
                is_settled,
            };
        }
        let noise = noise::of(self.client.prefix(0), self.server.prefix(0));
        match Penguin::read(&self.client, &self.server) {
            penguin::Verdict::Yes(penguin) => Inside {
                layers: vec![own_layer(Protocol::Penguin(Box::new(penguin)))],
                is_noise: false,
                is_settled: true,
            },
            penguin => Inside {
                layers,
                is_noise: noise == Verdict::Noise,
                is_settled: is_settled
                    && penguin == penguin::Verdict::No
                    && noise != Verdict::Undecided,
            },
        }
    }

    /// Whether each side sent a message, far enough to tell its nonce, or never will.
    fn have_spoken(&self) -> bool {
        let spoke =
            |side: &Carried| !side.awaits_nonce() && (side.manner().is_some() || !side.is_open());
        spoke(&self.client) && spoke(&self.server)
    }

    /// Whether all that was seen are binary messages.
    fn are_binary(&self) -> bool {
        [&self.client, &self.server]
            .iter()
            .filter_map(|side| side.manner())
            .all(|manner| manner.content == Content::Binary)
    }

    /// What would tell more; `None` where nothing does.
    fn need(&self) -> Option<Need> {
        let need = |side: &Carried| match side.stop {
            Stop::More(need) => need.client.min(need.server),
            Stop::No | Stop::Ended => usize::MAX,
        };
        let need = Need {
            client: need(&self.client),
            server: need(&self.server),
        };
        (self.client.is_open() || self.server.is_open()).then_some(need)
    }
}

/// A layer that is all that the messages carry.
fn own_layer(protocol: Protocol) -> Layer {
    let everything = Reading::<WebSocket>::EVERYTHING;
    Layer {
        protocol,
        server: Side::Server,
        depth: 0,
        ends: (everything, everything),
    }
}

impl Heads for Both {
    fn prefix(&self, side: Side, from: usize) -> Prefix<'_> {
        match side {
            Side::Client => self.client.prefix(from),
            Side::Server => self.server.prefix(from),
        }
    }

    /// The order of messages between the sides is not known here.
    fn preamble(&self) -> Option<usize> {
        Some(0)
    }
}

const ENOUGH_FRAMES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ssh::Ssh;
    use crate::proto::tls::Tls;
    use crate::proto::truncation::{Parse, Sample, Settled, exchange};
    use crate::proto::yamux::Yamux;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// A frame by its first byte, masked as a client's.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let keys = MASK.iter().cycle();
        let hidden: Vec<u8> = payload.iter().zip(keys).map(|(b, key)| b ^ key).collect();
        [&[first, 0x80 | payload.len() as u8], &MASK[..], &hidden].concat()
    }

    fn bare(first: u8, payload: &[u8]) -> Vec<u8> {
        [&[first, payload.len() as u8], payload].concat()
    }

    fn manner(is_masked: bool, content: Content) -> Option<Manner> {
        Some(Manner { is_masked, content })
    }

    fn websocket(content: Content, inside: Option<Protocol>) -> WebSocket {
        WebSocket {
            nonces: [None, None],
            client: manner(true, content),
            server: manner(false, content),
            is_noise: false,
            inside: inside.into_iter().map(own_layer).collect(),
        }
    }

    fn check(name: &str, parse: Parse<WebSocket>, sides: [&[u8]; 2], layer: WebSocket) {
        Sample {
            name,
            client: sides[0],
            server: sides[1],
            settled: Settled::AtOnce,
            reading: Reading {
                layer,
                client: usize::MAX,
                server: usize::MAX,
            },
        }
        .check(parse);
    }

    /// With where its layer ends inside.
    fn ssh(banner: &str) -> WebSocket {
        let ssh = Ssh {
            client_banner: Some(banner.into()),
            server_banner: Some(banner.into()),
            ..Ssh::default()
        };
        let mut websocket = websocket(Content::Binary, Some(Protocol::Ssh(Box::new(ssh))));
        let end = banner.len() + 2;
        websocket.inside[0].ends = (end, end);
        websocket
    }

    #[test]
    fn reads_every_truncation_of_a_tunnel() {
        let banner = b"SSH-chisel-v3-a\r\n";
        check(
            "SSH in pieces, a ping between, more behind",
            parse,
            [
                &[
                    masked(0x02, &banner[..5]),
                    masked(0x89, b"?"),
                    masked(0x80, &banner[5..]),
                ]
                .concat(),
                &[bare(0x8a, b"?"), bare(0x82, banner), bare(0x82, b"\0\0")].concat(),
            ],
            ssh("SSH-chisel-v3-a"),
        );
        check(
            "yamux, the server opens",
            parse,
            [
                &masked(0x82, b"\0\x01\0\x02\0\0\0\x01\0\0\0\0"),
                &bare(0x82, b"\0\x01\0\x01\0\0\0\x01\0\0\0\0"),
            ],
            websocket(Content::Binary, Some(Protocol::Yamux(Yamux))),
        );
    }

    #[test]
    fn reads_every_truncation_of_a_web_application() {
        check(
            "JSON, unmasked",
            parse,
            [&bare(0x81, b"{\"a\":1}"), &bare(0x81, b"{\"b\":2}")],
            WebSocket {
                nonces: [None, None],
                client: manner(false, Content::Text),
                ..websocket(Content::Text, None)
            },
        );
        check(
            "compressed",
            parse,
            [&masked(0xc1, b"\xaa\x56"), &bare(0xc1, b"\xaa\x56")],
            websocket(Content::Compressed, None),
        );
        check(
            "RFB",
            parse,
            [
                &masked(0x82, b"RFB 003.008\n\x01\0\0\0\0"),
                &bare(0x82, b"RFB 003.008\n\x01\x01\0\0\0"),
            ],
            websocket(Content::Binary, None),
        );
    }

    #[test]
    fn reads_every_truncation_of_a_middle() {
        let record = b"\x17\x03\x03\0\x02ab";
        let client = masked(0x82, record).repeat(4);
        let server = bare(0x82, record).repeat(4);
        check(
            "TLS",
            pick_up,
            [&client, &server],
            websocket(Content::Binary, Some(Protocol::Tls(Box::default()))),
        );
        assert_eq!(Tls::default().client_hello, None);
    }

    #[test]
    fn a_middle_needs_eight_frames_that_fit_their_side() {
        let (client, server) = (masked(0x81, b"a").repeat(4), bare(0x81, b"a").repeat(4));
        let cases: [(&[u8], &[u8], bool); 6] = [
            (&client, &server, true),
            (&client[..7], &server, false),
            (&client, b"", false),
            (&server, &client, false),
            (&client, b"\x81\x01a\x83", false),
            (&[&client[..], b"\xff"].concat(), &server, true),
        ];
        for (client, server, expected) in cases {
            let answer = pick_up(&exchange(Prefix::closed(client), Prefix::closed(server)));
            assert_eq!(matches!(answer, Answer::Yes(_)), expected, "{client:02x?}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_at_once() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"SSH-2.0-Go\r\n", b""),
            (b"", b"\x16\x03\x03"),
            (b"\x82\x7e\0\x10", b""),
            (b"\x80\x00", b""),
            (b"\x09\x80", b""),
        ];
        for (client, server) in cases {
            let seen = exchange(Prefix::open(client), Prefix::open(server));
            assert_eq!(parse(&seen), Answer::No, "{client:02x?} {server:02x?}");
        }
    }

    #[test]
    fn a_side_that_breaks_the_rules_later_has_ended_there() {
        let begun = bare(0x02, b"SSH-2.0-Go");
        for foul in [bare(0x82, b"x"), masked(0x80, b"x"), bare(0x83, b"x")] {
            let server = [&begun[..], &foul].concat();
            let client = masked(0x82, b"SSH-2.0-Go\r\n");
            let answer = parse(&exchange(Prefix::closed(&client), Prefix::open(&server)));
            let Answer::Yes(reading) = answer else {
                panic!("{answer:?} for {foul:02x?}");
            };
            assert_eq!(reading.layer.inside.len(), 1, "{foul:02x?}");
        }
    }
}
