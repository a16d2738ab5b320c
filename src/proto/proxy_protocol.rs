//! The PROXY protocol, versions 1 and 2 (HAProxy, `proxy-protocol.txt`): a relay says whom it relays.
//!
//! Only the client side speaks; the relayed protocol follows right behind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::cursor::Cursor;
use super::half::{Half, Stop, ensure};
use super::{Answer, Exchange, Reading, Side};

/// What a relay declared of the connection that it relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// 1 for the text header, 2 for the binary one.
    pub version: u8,
    /// Address and port of the client that is relayed, where the header tells.
    pub source: Option<(IpAddr, u16)>,
    /// Address and port that this client called, where the header tells.
    pub destination: Option<(IpAddr, u16)>,
    /// Whether the relay speaks for itself (a health check) and relays nobody.
    pub local: bool,
}

/// Reads the header at the start of the client's side.
pub fn parse(exchange: &Exchange<'_>) -> Answer<ProxyProtocol> {
    let mut client = Half::new(Side::Client, exchange.client);
    match read(&mut client) {
        Ok(layer) => Answer::Yes(Reading {
            layer,
            client: client.position(),
            server: 0,
        }),
        Err(Stop::More(need)) => Answer::More(need),
        Err(Stop::No | Stop::Ended) => Answer::No,
    }
}

fn read(client: &mut Half<'_>) -> Result<ProxyProtocol, Stop> {
    match client.peek()? {
        b'P' => read_text(client),
        b'\r' => read_binary(client),
        _ => Err(Stop::No),
    }
}

/// Passes `signature`, and says *no* at its first byte that differs.
fn signature(client: &mut Half<'_>, signature: &[u8]) -> Result<(), Stop> {
    ensure(signature.starts_with(client.known(signature.len())))?;
    client.take(signature.len()).map(|_| ())
}

/// Version 1: one line of at most 107 bytes.
fn read_text(client: &mut Half<'_>) -> Result<ProxyProtocol, Stop> {
    signature(client, TEXT_SIGNATURE)?;
    let known = client.known(LONGEST_LINE);
    let Some(length) = known.windows(2).position(|pair| pair == b"\r\n") else {
        ensure(known.len() < LONGEST_LINE && known.is_ascii())?;
        return Err(client.short(known.len().saturating_add(1)));
    };
    let line = client.take(length)?;
    client.take(2)?;
    let line = std::str::from_utf8(line).map_err(|_| Stop::No)?;
    text_header(line).ok_or(Stop::No)
}

fn text_header(line: &str) -> Option<ProxyProtocol> {
    let mut words = line.split(' ');
    let ends = match words.next()? {
        "TCP4" => addresses::<Ipv4Addr>(words)?,
        "TCP6" => addresses::<Ipv6Addr>(words)?,
        "UNKNOWN" => return Some(header(1, None)),
        _ => return None,
    };
    Some(header(1, Some(ends)))
}

fn addresses<'a, A: FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'a str>,
) -> Option<[End; 2]> {
    let mut ip = || Some(words.next()?.parse::<A>().ok()?.into());
    let (source, destination): (IpAddr, IpAddr) = (ip()?, ip()?);
    let mut port = || words.next()?.parse().ok();
    let ends = [(source, port()?), (destination, port()?)];
    words.next().is_none().then_some(ends)
}

/// Version 2: 16 bytes, then as many as they say: addresses, then extensions that are passed by their length.
fn read_binary(client: &mut Half<'_>) -> Result<ProxyProtocol, Stop> {
    signature(client, BINARY_SIGNATURE)?;
    let command = client.u8()?;
    ensure(command == LOCAL || command == PROXY)?;
    let family = client.u8()?;
    let length = usize::from(client.u16()?);
    ensure(length >= address_bytes(family)? && length <= LONGEST_BODY)?;
    let known = client.skip(length)?;
    let ends = ends(family, known).filter(|_| command == PROXY);
    Ok(ProxyProtocol {
        local: command == LOCAL,
        ..header(2, ends)
    })
}

/// Address family and transport in one byte: IPv4, IPv6, UNIX, and UNSPEC, which may carry anything.
fn address_bytes(family: u8) -> Result<usize, Stop> {
    match family {
        0x00 => Ok(0),
        0x11 | 0x12 => Ok(12),
        0x21 | 0x22 => Ok(36),
        0x31 | 0x32 => Ok(216),
        _ => Err(Stop::No),
    }
}

fn ends(family: u8, body: &[u8]) -> Option<[End; 2]> {
    match family {
        0x11 | 0x12 => octets::<4>(body),
        0x21 | 0x22 => octets::<16>(body),
        _ => None,
    }
}

fn octets<const N: usize>(body: &[u8]) -> Option<[End; 2]>
where
    IpAddr: From<[u8; N]>,
{
    let mut cursor = Cursor::new(body);
    let (source, destination) = (cursor.array::<N>()?, cursor.array::<N>()?);
    Some([
        (source.into(), cursor.u16()?),
        (destination.into(), cursor.u16()?),
    ])
}

fn header(version: u8, ends: Option<[End; 2]>) -> ProxyProtocol {
    let canonical = |(ip, port): End| Some((ip.to_canonical(), port));
    let [source, destination] = ends.map_or([None, None], |ends| ends.map(canonical));
    ProxyProtocol {
        version,
        source,
        destination,
        local: false,
    }
}

type End = (IpAddr, u16);

const TEXT_SIGNATURE: &[u8] = b"PROXY ";
/// What the longest line holds behind the signature.
const LONGEST_LINE: usize = 107 - TEXT_SIGNATURE.len();
const BINARY_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
/// Receivers hold the header in one buffer; none is known to take a longer one.
const LONGEST_BODY: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Prefix;
    use crate::proto::truncation::{Sample, Settled, exchange};

    fn end(ip: &str, port: u16) -> Option<End> {
        Some((ip.parse().unwrap(), port))
    }

    fn check(name: &str, header: &[u8], version: u8, ends: [Option<End>; 2], local: bool) {
        let [source, destination] = ends;
        let layer = ProxyProtocol {
            version,
            source,
            destination,
            local,
        };
        Sample {
            name,
            client: &[header, b"GET / HTTP/1.1\r\n"].concat(),
            server: b"HTTP/1.1 200",
            settled: Settled::AtOnce,
            reading: Reading {
                layer,
                client: header.len(),
                server: 0,
            },
        }
        .check(parse);
    }

    fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [BINARY_SIGNATURE, &[command, family], &length, body].concat()
    }

    #[test]
    fn reads_the_text_header_at_every_truncation() {
        let v4 = [end("192.0.2.1", 56324), end("203.0.113.80", 443)];
        let v6 = [end("2001:db8::1", 1), end("2001:db8::2", 65535)];
        check(
            "tcp4",
            b"PROXY TCP4 192.0.2.1 203.0.113.80 56324 443\r\n",
            1,
            v4,
            false,
        );
        check(
            "tcp6",
            b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
            1,
            v6,
            false,
        );
        check("unknown", b"PROXY UNKNOWN\r\n", 1, [None, None], false);
        check(
            "unknown, more",
            b"PROXY UNKNOWN ff::1 ff::2 1 2\r\n",
            1,
            [None, None],
            false,
        );
    }

    #[test]
    fn reads_the_binary_header_at_every_truncation() {
        let v4 = [end("10.50.1.10", 0x1234), end("203.0.113.80", 443)];
        let body = b"\x0a\x32\x01\x0a\xcb\0\x71\x50\x12\x34\x01\xbb";
        let extended = [&body[..], b"\x03\0\x04\xaa\xbb\xcc\xdd"].concat();
        check("ipv4", &binary(PROXY, 0x11, body), 2, v4, false);
        check(
            "ipv4 with a checksum",
            &binary(PROXY, 0x11, &extended),
            2,
            v4,
            false,
        );
        check("local", &binary(LOCAL, 0x00, b""), 2, [None, None], true);
        let mut body = [0; 36];
        body[15] = 1;
        body[31] = 2;
        body[35] = 80;
        check(
            "ipv6",
            &binary(PROXY, 0x21, &body),
            2,
            [end("::1", 0), end("::2", 80)],
            false,
        );
        check(
            "unix",
            &binary(PROXY, 0x31, &[b'/'; 216]),
            2,
            [None, None],
            false,
        );
    }

    #[test]
    fn is_no_at_once_for_anything_else() {
        let cases: [&[u8]; 12] = [
            b"POST / HTTP/1.1\r\n",
            b"PROXY TCP5 192.0.2.1 203.0.113.80 56324 443\r\n",
            b"PROXY TCP4 192.0.2.1 203.0.113.80 56324\r\n",
            b"PROXY TCP4 192.0.2.1 203.0.113.80 56324 443 7\r\n",
            b"PROXY TCP4 192.0.2.256 203.0.113.80 56324 443\r\n",
            b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 203.0.113.80 66324 443\r\n",
            &[b'P', b'R', b'O', b'X', b'Y', b' '].repeat(20),
            b"\r\n\r\n\0\r\nQUIT\r",
            &binary(0x22, 0x11, &[1; 12]),
            &binary(PROXY, 0x11, &[1; 11]),
            &binary(PROXY, 0x41, &[1; 40]),
        ];
        for bytes in cases {
            let answer = parse(&exchange(Prefix::open(bytes), Prefix::open(&[])));
            assert_eq!(answer, Answer::No, "{bytes:02x?}");
        }
    }
}
