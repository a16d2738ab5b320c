//! smux, the multiplexer of streams that gost and kcptun use (`frame.go` of its repository), as far as it is certain
//! that it is.

use super::half::{Half, Stop, ensure};
use super::{Answer, Exchange, Need, Reading, Side};

/// Streams multiplexed by smux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Smux;

/// Recognises smux: *yes* when the client opened a stream and both sides sent something in it.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Smux> {
    let client = opened(Half::new(Side::Client, exchange.client));
    let server = used(&mut Half::new(Side::Server, exchange.server));
    match (client, server) {
        (Err(Stop::No | Stop::Ended), _) | (_, Err(Stop::No | Stop::Ended)) => Answer::No,
        (Ok(client), Ok(server)) if client == server => Answer::Yes(Reading {
            layer: Smux,
            client: Reading::<Smux>::EVERYTHING,
            server: Reading::<Smux>::EVERYTHING,
        }),
        (Ok(_), Ok(_)) => Answer::No,
        (client, server) => Answer::More(Need {
            client: need(client),
            server: need(server),
        }),
    }
}

fn need(read: Result<u32, Stop>) -> usize {
    match read {
        Err(Stop::More(need)) => need.client.min(need.server),
        _ => usize::MAX,
    }
}

/// The stream that a side opens and uses.
fn opened(mut half: Half<'_>) -> Result<u32, Stop> {
    let (command, stream) = frame(&mut half)?;
    ensure(command == SYN)?;
    ensure(used(&mut half)? == stream)?;
    Ok(stream)
}

/// The stream in which a side sends something.
fn used(half: &mut Half<'_>) -> Result<u32, Stop> {
    let (command, stream) = frame(half)?;
    ensure(command == PSH)?;
    Ok(stream)
}

/// Takes the next header that is not one to keep the connection alive, and passes what is behind those before it.
fn frame(half: &mut Half<'_>) -> Result<(u8, u32), Stop> {
    loop {
        let version = half.u8()?;
        ensure(VERSIONS.contains(&version))?;
        let command = half.u8()?;
        ensure(command <= PSH || command == NOP)?;
        let length = u16::from_le_bytes(half.array()?);
        ensure((command == PSH) == (length > 0))?;
        let stream = u32::from_le_bytes(half.array()?);
        if command != NOP {
            return Ok((command, stream));
        }
    }
}

const VERSIONS: std::ops::RangeInclusive<u8> = 1..=2;
const SYN: u8 = 0;
const PSH: u8 = 2;
const NOP: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Prefix;
    use crate::proto::truncation::{Sample, Settled, exchange};

    const OPENS: &[u8] = b"\x01\x03\0\0\0\0\0\0\x01\0\0\0\x03\0\0\0\x01\x02\x05\0\x03\0\0\0";
    const ANSWERS: &[u8] = b"\x01\x02\x01\0\x03\0\0\0";

    #[test]
    fn every_truncation_is_read() {
        Sample {
            name: "a stream",
            client: OPENS,
            server: ANSWERS,
            settled: Settled::AtOnce,
            reading: Reading {
                layer: Smux,
                client: usize::MAX,
                server: usize::MAX,
            },
        }
        .check(parse);
    }

    #[test]
    fn look_alikes_are_no() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"\x03", b""),
            (b"\x01\x04", b""),
            (b"\x01\0\x01\0", b""),
            (b"\x01\x02\x01\0\x03\0\0\0", b""),
            (OPENS, b"\x01\0\0\0\x03\0\0\0"),
            (OPENS, b"\x01\x02\x01\0\x05\0\0\0"),
        ];
        for (client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{client:02x?} {server:02x?}");
        }
    }
}
