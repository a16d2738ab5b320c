//! Mux.Cool, the multiplexer of v2ray and its plugin for Shadowsocks (`common/mux/frame.go` of v2ray-core), as far as
//! it is certain that it is.

use super::half::{Half, Stop, ensure};
use super::{Answer, Exchange, Need, Reading, Side};

/// Streams multiplexed by Mux.Cool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MuxCool;

/// Recognises Mux.Cool: *yes* when the client opened a session and the server spoke in it.
pub fn parse(exchange: &Exchange<'_>) -> Answer<MuxCool> {
    let client = opened(Half::new(Side::Client, exchange.client));
    let server = spoken(Half::new(Side::Server, exchange.server));
    match (client, server) {
        (Err(Stop::No | Stop::Ended), _) | (_, Err(Stop::No | Stop::Ended)) => Answer::No,
        (Ok(client), Ok(server)) if client == server => Answer::Yes(Reading {
            layer: MuxCool,
            client: Reading::<MuxCool>::EVERYTHING,
            server: Reading::<MuxCool>::EVERYTHING,
        }),
        (Ok(_), Ok(_)) => Answer::No,
        (client, server) => Answer::More(Need {
            client: need(client),
            server: need(server),
        }),
    }
}

fn need(read: Result<u16, Stop>) -> usize {
    match read {
        Err(Stop::More(need)) => need.client.min(need.server),
        _ => usize::MAX,
    }
}

/// The session that a client opens with its first frame: length, session, status, options, network, port, address.
fn opened(mut half: Half<'_>) -> Result<u16, Stop> {
    let length = usize::from(half.u16()?);
    ensure((SHORTEST_OPENING..=LONGEST).contains(&length))?;
    let start = half.position();
    let session = half.u16()?;
    half.tag(NEW)?;
    ensure(half.u8()? <= MOST_OPTIONS)?;
    ensure(NETWORKS.contains(&half.u8()?))?;
    half.take(PORT_BYTES)?;
    let address = match half.u8()? {
        1 => 4,
        2 => half.u8()?.into(),
        3 => 16,
        _ => return Err(Stop::No),
    };
    let end = half.position().saturating_sub(start) + address;
    ensure(end == length)?;
    Ok(session)
}

/// The session in which a server speaks first.
fn spoken(mut half: Half<'_>) -> Result<u16, Stop> {
    ensure(half.u16()? == SHORTEST)?;
    let session = half.u16()?;
    ensure((KEEP..=END).contains(&half.u8()?))?;
    ensure(half.u8()? <= MOST_OPTIONS)?;
    Ok(session)
}

/// Bytes behind the length: session, status, options.
const SHORTEST: u16 = 4;
/// With network, port and the shortest address.
const SHORTEST_OPENING: usize = 10;
const LONGEST: usize = 512;
const PORT_BYTES: usize = 2;
const NEW: u8 = 1;
const KEEP: u8 = 2;
const END: u8 = 3;
/// Data follows, an error.
const MOST_OPTIONS: u8 = 3;
/// TCP and UDP.
const NETWORKS: std::ops::RangeInclusive<u8> = 1..=2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Prefix;
    use crate::proto::truncation::{Sample, Settled, exchange};

    const OPENS: &[u8] = b"\0\x0c\0\x01\x01\x01\x01\0\0\x01\x7f\0\0\x01\x02\x70";
    const ANSWERS: &[u8] = b"\0\x04\0\x01\x02\x01\x03\x7a";

    #[test]
    fn every_truncation_is_read() {
        let named: &[u8] = b"\0\x0f\0\x01\x01\x01\x01\x01\xbb\x02\x06a.test\0\x01";
        for client in [OPENS, named] {
            Sample {
                name: "a session",
                client,
                server: ANSWERS,
                settled: Settled::AtOnce,
                reading: Reading {
                    layer: MuxCool,
                    client: usize::MAX,
                    server: usize::MAX,
                },
            }
            .check(parse);
        }
    }

    #[test]
    fn look_alikes_are_no() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"\0\x05", b""),
            (b"\x02\x01", b""),
            (b"\0\x0c\0\x01\x02", b""),
            (b"\0\x0c\0\x01\x01\x01\x01\0\0\x04", b""),
            (b"\0\x0d\0\x01\x01\x01\x01\0\0\x01\x7f\0\0\x01", b""),
            (OPENS, b"\0\x05"),
            (OPENS, b"\0\x04\0\x02\x02\x01"),
        ];
        for (client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{client:02x?} {server:02x?}");
        }
    }
}
