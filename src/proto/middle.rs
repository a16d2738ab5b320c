//! Sessions of TLS and SSH that are picked up in their middle. All that is left of them in the clear is how long each
//! record is; that one follows another just where it should, on both sides, is proof enough.

use super::half::{Half, Stop, ensure};
use super::ssh::Ssh;
use super::tls::Tls;
use super::{Answer, Exchange, Need, Reading, Side};

/// Recognises TLS by two records of each side (RFC 8446, section 5.1): one chance in 2^80.
pub fn tls(exchange: &Exchange<'_>) -> Answer<Tls> {
    answer(exchange, Tls::default(), tls_record)
}

/// Recognises SSH by two packets of each side, where their lengths are in the clear: with AES-GCM (RFC 5647), and with
/// a MAC over the encrypted packet (OpenSSH's `PROTOCOL`, section 1.5). One chance in 2^70.
pub fn ssh(exchange: &Exchange<'_>) -> Answer<Ssh> {
    TAGS.iter()
        .map(|&tag| answer(exchange, Ssh::default(), |half| ssh_packet(half, tag)))
        .fold(Answer::No, better)
}

fn answer<T>(
    exchange: &Exchange<'_>,
    layer: T,
    header: impl Fn(&mut Half<'_>) -> Result<usize, Stop>,
) -> Answer<T> {
    let client = two(Half::new(Side::Client, exchange.client), &header);
    let server = two(Half::new(Side::Server, exchange.server), &header);
    let is_lost = |read: &Result<(), Stop>| matches!(read, Err(Stop::No | Stop::Ended));
    if is_lost(&client) || is_lost(&server) {
        return Answer::No;
    }
    let need = Need {
        client: need(client),
        server: need(server),
    };
    if need.client == usize::MAX && need.server == usize::MAX {
        return Answer::Yes(Reading {
            layer,
            client: Reading::<T>::EVERYTHING,
            server: Reading::<T>::EVERYTHING,
        });
    }
    Answer::More(need)
}

/// Passes a header, what is behind it, and the next header.
fn two(
    mut half: Half<'_>,
    header: impl Fn(&mut Half<'_>) -> Result<usize, Stop>,
) -> Result<(), Stop> {
    let behind = header(&mut half)?;
    half.skip(behind)?;
    header(&mut half).map(|_| ())
}

fn need(read: Result<(), Stop>) -> usize {
    match read {
        Err(Stop::More(need)) => need.client.min(need.server),
        _ => usize::MAX,
    }
}

fn better<T>(one: Answer<T>, other: Answer<T>) -> Answer<T> {
    match (one, other) {
        (Answer::No, answer) | (answer, Answer::No) => answer,
        (Answer::More(one), Answer::More(other)) => Answer::More(Need {
            client: one.client.min(other.client),
            server: one.server.min(other.server),
        }),
        (Answer::More(_), yes) | (yes, _) => yes,
    }
}

/// Gives the length of what follows.
fn tls_record(half: &mut Half<'_>) -> Result<usize, Stop> {
    ensure(TLS_TYPES.contains(&half.u8()?))?;
    half.tag(TLS_MAJOR)?;
    ensure(half.u8()? <= TLS_MOST_MINOR)?;
    let length = half.u16()?;
    ensure((1..=TLS_LONGEST).contains(&length))?;
    Ok(length.into())
}

fn ssh_packet(half: &mut Half<'_>, tag: usize) -> Result<usize, Stop> {
    half.tag(0)?;
    half.tag(0)?;
    let length = half.u16()?;
    ensure((SSH_BLOCK..=SSH_LONGEST).contains(&length) && length.is_multiple_of(SSH_BLOCK))?;
    Ok(tag.saturating_add(length.into()))
}

/// Change cipher spec, alert, handshake, application data.
const TLS_TYPES: std::ops::RangeInclusive<u8> = 20..=23;
const TLS_MAJOR: u8 = 3;
const TLS_MOST_MINOR: u8 = 4;
/// RFC 5246, section 6.2.3; TLS 1.3 allows less.
const TLS_LONGEST: u16 = (1 << 14) + 2048;
/// Of AES. Other ciphers encrypt the length.
const SSH_BLOCK: u16 = 16;
/// RFC 4253, section 6.1.
const SSH_LONGEST: u16 = 35_000;
/// Bytes of the MAC: AES-GCM and UMAC-128, SHA-256, SHA-512, SHA-1, UMAC-64.
const TAGS: [usize; 5] = [16, 32, 64, 20, 8];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Prefix;
    use crate::proto::truncation::{Sample, Settled, exchange};

    fn ssh_packets(tag: usize) -> Vec<u8> {
        let packet = |length: u16| {
            let header = [&[0, 0][..], &length.to_be_bytes()].concat();
            [header, vec![0xa5; tag + usize::from(length)]].concat()
        };
        [packet(48), packet(16)[..4].to_vec()].concat()
    }

    #[test]
    fn reads_every_truncation() {
        let (client, server) = (
            b"\x17\x03\x03\0\x02ab\x17\x03\x03\x40\0",
            b"\x15\x03\x01\0\x01a\x17\x03\x03\0\x09",
        );
        Sample {
            name: "TLS",
            client,
            server,
            settled: Settled::AtOnce,
            reading: Reading {
                layer: Tls::default(),
                client: usize::MAX,
                server: usize::MAX,
            },
        }
        .check(tls);
        for tag in TAGS {
            let packets = ssh_packets(tag);
            Sample {
                name: "SSH",
                client: &packets,
                server: &packets,
                settled: Settled::AtOnce,
                reading: Reading {
                    layer: Ssh::default(),
                    client: usize::MAX,
                    server: usize::MAX,
                },
            }
            .check(ssh);
        }
    }

    #[test]
    fn look_alikes_are_no() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"{\"a\":1}", b"{"),
            (b"\x17\x03\x05", b""),
            (b"\x17\x03\x03\0\0", b""),
            (b"\x17\x03\x03\0\x01a{", b""),
            (b"\0\0\0\x11", b""),
            (b"\0\0\0\x10", b"\0\0\0\x05hello"),
        ];
        for (client, server) in cases {
            let seen = exchange(Prefix::open(client), Prefix::open(server));
            assert_eq!(tls(&seen), Answer::No, "{client:02x?}");
            assert_eq!(ssh(&seen), Answer::No, "{client:02x?}");
        }
    }
}
