//! yamux, HashiCorp's multiplexer of streams (`spec.md` of its repository), as far as it is certain that it is.

use super::half::{Half, Stop, ensure};
use super::{Answer, Exchange, Need, Reading, Side};

/// Streams multiplexed by yamux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yamux;

/// Recognises yamux: *yes* when one side opened a stream, or sent a ping, and the other acknowledged just that.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Yamux> {
    let client = Frames::read(Half::new(Side::Client, exchange.client));
    let server = Frames::read(Half::new(Side::Server, exchange.server));
    if client.answers(&server) || server.answers(&client) {
        return Answer::Yes(Reading {
            layer: Yamux,
            client: Reading::<Yamux>::EVERYTHING,
            server: Reading::<Yamux>::EVERYTHING,
        });
    }
    let need = Need {
        client: client.need(),
        server: server.need(),
    };
    let is_over = need.client == usize::MAX && need.server == usize::MAX;
    if client.is_futile() || server.is_futile() || is_over {
        Answer::No
    } else {
        Answer::More(need)
    }
}

/// The first headers of a side.
struct Frames {
    opened: Vec<Token>,
    acknowledged: Vec<Token>,
    stop: Stop,
}

/// What an acknowledgement has in common with what it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Stream(u32),
    Ping(u32),
}

impl Frames {
    fn read(mut half: Half<'_>) -> Self {
        let mut frames = Self {
            opened: Vec::new(),
            acknowledged: Vec::new(),
            stop: Stop::Ended,
        };
        for _ in 0..MOST_FRAMES {
            if let Err(stop) = frames.frame(&mut half) {
                frames.stop = stop;
                break;
            }
        }
        frames
    }

    fn frame(&mut self, half: &mut Half<'_>) -> Result<(), Stop> {
        half.tag(VERSION)?;
        let kind = half.u8()?;
        ensure(kind <= GO_AWAY)?;
        let flags = half.u16()?;
        ensure(flags <= MOST_FLAGS)?;
        let stream = u32::from_be_bytes(half.array()?);
        ensure((stream == 0) == (kind >= PING))?;
        let length = u32::from_be_bytes(half.array()?);
        ensure(kind != GO_AWAY || length <= MOST_REASONS)?;
        let token = match kind {
            PING => Token::Ping(length),
            _ => Token::Stream(stream),
        };
        if flags & SYN != 0 {
            self.opened.push(token);
        } else if flags & ACK != 0 {
            self.acknowledged.push(token);
        }
        if kind == DATA {
            half.skip(usize::try_from(length).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }

    /// Whether this side acknowledges something of the other's.
    fn answers(&self, other: &Self) -> bool {
        self.acknowledged
            .iter()
            .any(|token| other.opened.contains(token))
    }

    /// Whether it is over and holds nothing to acknowledge and no acknowledgement. What stands before bytes of
    /// another protocol may still be acknowledged, so that these alone do not say no.
    fn is_futile(&self) -> bool {
        let is_over = !matches!(self.stop, Stop::More(_));
        is_over && self.opened.is_empty() && self.acknowledged.is_empty()
    }

    fn need(&self) -> usize {
        match self.stop {
            Stop::More(need) => need.client.min(need.server),
            Stop::No | Stop::Ended => usize::MAX,
        }
    }
}

const VERSION: u8 = 0;
const DATA: u8 = 0;
const PING: u8 = 2;
const GO_AWAY: u8 = 3;
const SYN: u16 = 1;
const ACK: u16 = 2;
/// SYN, ACK, FIN and RST.
const MOST_FLAGS: u16 = 15;
/// Normal, protocol error, internal error.
const MOST_REASONS: u32 = 2;
const MOST_FRAMES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Prefix;
    use crate::proto::truncation::{Sample, Settled, exchange};

    const OPENS: &[u8] = b"\0\x01\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x03abc";
    const ACCEPTS: &[u8] = b"\0\x01\0\x02\0\0\0\x01\0\0\0\0";
    const PINGS: &[u8] = b"\0\x02\0\x01\0\0\0\0\0\0\0\x07";
    const PONGS: &[u8] = b"\0\x02\0\x02\0\0\0\0\0\0\0\x07";

    const READING: Reading<Yamux> = Reading {
        layer: Yamux,
        client: usize::MAX,
        server: usize::MAX,
    };
    const YES: Answer<Yamux> = Answer::Yes(READING);

    #[test]
    fn every_truncation_is_read() {
        for (name, client, server) in [
            ("a stream", OPENS, ACCEPTS),
            ("a ping", PINGS, PONGS),
            ("the server opens", ACCEPTS, &OPENS[..12]),
        ] {
            Sample {
                name,
                client,
                server,
                settled: Settled::AtOnce,
                reading: READING,
            }
            .check(parse);
        }
    }

    #[test]
    fn look_alikes_are_no() {
        let cases: [(&str, &[u8], &[u8]); 8] = [
            ("zeros", &[0; 48], &[0; 48]),
            (
                "another version",
                b"\x01\x01\0\x01\0\0\0\x01\0\0\0\0",
                ACCEPTS,
            ),
            ("another kind", b"\0\x04", ACCEPTS),
            ("too many flags", b"\0\x01\0\x10", ACCEPTS),
            ("data without a stream", b"\0\0\0\x01\0\0\0\0", ACCEPTS),
            ("a ping with a stream", b"\0\x02\0\x01\0\0\0\x01", PONGS),
            ("the server speaks otherwise", OPENS, b"RFB 003.008\n"),
            ("text", b"{\"a\":1}", ACCEPTS),
        ];
        for (name, client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{name}");
        }
    }

    /// So the answer does not depend on which side's bytes came first.
    #[test]
    fn what_stands_before_other_bytes_can_be_acknowledged() {
        let opens = [&OPENS[..12], b"RFB 003.008\n"].concat();
        let cases = [
            (Prefix::open(b""), Answer::More(Need::of(Side::Server, 1))),
            (Prefix::open(ACCEPTS), YES),
            (Prefix::closed(b""), Answer::No),
        ];
        for (server, expected) in cases {
            let answer = parse(&exchange(Prefix::open(&opens), server));
            assert_eq!(answer, expected, "{server:02x?}");
        }
    }

    #[test]
    fn an_acknowledgement_of_something_else_is_no() {
        let other_stream = b"\0\x01\0\x02\0\0\0\x03\0\0\0\0";
        let answer = parse(&exchange(
            Prefix::closed(OPENS),
            Prefix::closed(other_stream),
        ));
        assert_eq!(answer, Answer::No);
    }
}
