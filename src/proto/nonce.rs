//! Nonces: bytes that only one party can have made up, so that a host which repeats them on another flow has relayed
//! them (detection 6.1).

use super::cursor::Cursor;

/// Bytes at the start of a payload that nobody else would send by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce<'a> {
    /// What they are.
    pub kind: Kind,
    /// The bytes themselves; they are only good for comparing.
    pub bytes: &'a [u8],
}

/// A nonce that outlives the bytes it was read in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    kind: Kind,
    bytes: Box<[u8]>,
}

impl Kept {
    /// The nonce.
    pub fn nonce(&self) -> Nonce<'_> {
        Nonce {
            kind: self.kind,
            bytes: &self.bytes,
        }
    }
}

impl From<Nonce<'_>> for Kept {
    fn from(nonce: Nonce<'_>) -> Self {
        Self {
            kind: nonce.kind,
            bytes: nonce.bytes.into(),
        }
    }
}

/// What makes bytes telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Text, long or varied enough to be rare but not random, such as the head of an HTTP request.
    Text,
    /// Bytes of high entropy in a protocol that is not known.
    Binary,
    /// The random of a TLS hello.
    Tls,
    /// The random of a DTLS hello, an SSH cookie or a QUIC connection ID.
    Handshake,
}

impl Kind {
    /// Whether a handshake has it, in which no two sessions are alike.
    pub const fn is_handshake(self) -> bool {
        matches!(self, Self::Tls | Self::Handshake)
    }

    /// Its name in findings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Tls | Self::Handshake => "handshake",
        }
    }
}

/// The nonce at the start of a payload, if there is one.
pub fn find(payload: &[u8]) -> Option<Nonce<'_>> {
    if payload.len() < SHORTEST {
        return None;
    }
    match handshake(payload) {
        Some(nonce) => random(nonce),
        None => text(payload).or_else(|| binary(payload)),
    }
}

/// The nonce of a handshake that stands behind the header of a tunnel, in a datagram that is no place for one: what
/// else is in it is the tunnel's own.
pub fn find_wrapped(payload: &[u8]) -> Option<Nonce<'_>> {
    let mut places = (WORD..=LONGEST_HEADER).step_by(WORD);
    places.find_map(|at| random(handshake(payload.get(at..)?)?))
}

fn random(nonce: Nonce<'_>) -> Option<Nonce<'_>> {
    is_random(nonce.bytes).then_some(nonce)
}

fn handshake(payload: &[u8]) -> Option<Nonce<'_>> {
    let of = |kind| move |bytes| Nonce { kind, bytes };
    let other = || {
        let bytes = dtls(payload).or_else(|| ssh(payload));
        bytes.or_else(|| quic(payload)).map(of(Kind::Handshake))
    };
    tls(payload).map(of(Kind::Tls)).or_else(other)
}

/// The nonce in the random of a TLS hello that was read elsewhere.
pub fn of_tls_random(random: &[u8; 32]) -> Option<Nonce<'_>> {
    self::random(Nonce {
        kind: Kind::Tls,
        bytes: random.get(..COMPARED)?,
    })
}

/// ClientHello or ServerHello at the start of a record (RFC 8446, section 4.1). A HelloRetryRequest has no random: what
/// stands there is empty.
fn tls(payload: &[u8]) -> Option<&[u8]> {
    let [22, 3, _, _, _, 1 | 2, _, _, _, 3, _, ..] = payload else {
        return None;
    };
    hello_random(payload, 11)
}

/// The same in a DTLS record (RFC 6347, sections 4.1 and 4.2.2).
fn dtls(payload: &[u8]) -> Option<&[u8]> {
    let [22, 0xfe, _, ..] = payload else {
        return None;
    };
    matches!(payload.get(13), Some(1 | 2))
        .then(|| hello_random(payload, 27))
        .flatten()
}

fn hello_random(payload: &[u8], at: usize) -> Option<&[u8]> {
    let random = payload.get(at..at + COMPARED)?;
    let is_retry = random == RETRY_RANDOM;
    Some(if is_retry { &[] } else { random })
}

/// The cookie of an SSH_MSG_KEXINIT (RFC 4253, section 7.1), alone or behind the identification line.
fn ssh(payload: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(payload);
    if payload.starts_with(b"SSH-") {
        cursor.until(b'\n')?;
    }
    let (length, padding, message) = (cursor.u32()?, cursor.u8()?, cursor.u8()?);
    let fits = (64..35_000).contains(&length) && padding >= 4 && message == KEXINIT;
    fits.then(|| cursor.take(COMPARED)).flatten()
}

/// The destination connection ID of a QUIC Initial (RFC 9000, section 17.2.2): the client chooses it at random.
fn quic(payload: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(payload);
    let (first, version, length) = (cursor.u8()?, cursor.u32()?, cursor.u8()?);
    let initial = match version {
        1 => 0xc0,
        0x6b33_43cf => 0xd0,
        _ => return None,
    };
    let fits = first & 0xf0 == initial && (8..=20).contains(&length);
    fits.then(|| cursor.take(length.into())).flatten()
}

fn text(payload: &[u8]) -> Option<Nonce<'_>> {
    let bytes = payload.get(..payload.len().min(LONGEST_TEXT))?;
    let start = bytes.get(..SHORTEST_TEXT).unwrap_or(bytes);
    if !is_readable(start) {
        return None;
    }
    (bytes.len() >= SHORTEST_TEXT || is_varied(bytes)).then_some(Nonce {
        kind: Kind::Text,
        bytes,
    })
}

/// Looks at every byte, whatever the first ones are: that way many are looked at at once.
fn is_readable(bytes: &[u8]) -> bool {
    let readable = |byte: u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    bytes.iter().fold(true, |all, &byte| all & readable(byte))
}

fn binary(payload: &[u8]) -> Option<Nonce<'_>> {
    is_varied(payload).then(|| Nonce {
        kind: Kind::Binary,
        bytes: payload.get(..LONGEST_BINARY).unwrap_or(payload),
    })
}

/// Whether the first bytes are as different from each other as random ones are.
fn is_varied(payload: &[u8]) -> bool {
    let start = payload.get(..SHORTEST_VARIED);
    start.is_some_and(|start| distinct(start) >= DISTINCT_VARIED)
}

/// Randoms of broken clients are constant or nearly so.
fn is_random(bytes: &[u8]) -> bool {
    bytes.len() >= SHORTEST_RANDOM && distinct(bytes) >= bytes.len().min(COMPARED) / 2
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [0u64; 4];
    for &byte in bytes {
        if let Some(word) = seen.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
    seen.iter().map(|word| word.count_ones() as usize).sum()
}

/// No byte behind these is looked at.
pub const LONGEST: usize = 256;
/// Bytes of a random or cookie that are compared: 96 bits, so that captures cut at 96 bytes still hold them.
const COMPARED: usize = 12;
/// Headers of tunnels are made of words; that of Ping Tunnel (ptunnel) is 28 bytes long.
const WORD: usize = 4;
const LONGEST_HEADER: usize = 64;
/// A QUIC connection ID of a client's Initial (RFC 9000, section 7.2).
const SHORTEST_RANDOM: usize = 8;
/// An SSH cookie behind its packet header.
const SHORTEST: usize = 6 + COMPARED;
/// Shorter lines repeat by themselves, unless they are varied.
const SHORTEST_TEXT: usize = 64;
const LONGEST_TEXT: usize = LONGEST;
const SHORTEST_VARIED: usize = 24;
const LONGEST_BINARY: usize = 64;
/// Of 24 random bytes, fewer than this many are distinct once in 10^5 times; structured headers have zeros.
const DISTINCT_VARIED: usize = 18;
const KEXINIT: u8 = 20;
/// The random that makes a ServerHello a HelloRetryRequest (RFC 8446, section 4.1.3).
const RETRY_RANDOM: [u8; COMPARED] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02,
];

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u8; 40] = {
        let mut bytes = [0; 40];
        let mut at = 0;
        while at < bytes.len() {
            bytes[at] = (at as u8).wrapping_mul(97).wrapping_add(13);
            at += 1;
        }
        bytes
    };

    fn with(head: &[u8]) -> Vec<u8> {
        [head, &RANDOM].concat()
    }

    fn kind(payload: &[u8]) -> Option<(Kind, usize)> {
        find(payload).map(|nonce| (nonce.kind, nonce.bytes.len()))
    }

    #[test]
    fn finds_what_only_one_party_can_have_made_up() {
        let client_hello = with(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        let server_hello = with(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03");
        let dtls = with(&[
            22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe,
            0xfd,
        ]);
        let kexinit = with(b"\0\0\x05\xcc\x0a\x14");
        let behind_banner = with(b"SSH-2.0-x\r\n\0\0\x05\xcc\x0a\x14");
        let quic = with(b"\xc3\0\0\0\x01\x08");
        let head = b"GET /index.html HTTP/1.1\r\nHost: web.example.test\r\nAccept: */*\r\n\r\n";
        for (payload, expected) in [
            (&client_hello[..], Some((Kind::Tls, 12))),
            (&server_hello, Some((Kind::Tls, 12))),
            (&dtls, Some((Kind::Handshake, 12))),
            (&kexinit, Some((Kind::Handshake, 12))),
            (&behind_banner, Some((Kind::Handshake, 12))),
            (&quic, Some((Kind::Handshake, 8))),
            (&head[..], Some((Kind::Text, 65))),
            (&RANDOM, Some((Kind::Binary, 40))),
        ] {
            assert_eq!(kind(payload), expected, "{payload:02x?}");
        }
    }

    #[test]
    fn finds_nothing_in_what_repeats_by_itself() {
        let retry = [
            &b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"[..],
            &RETRY_RANDOM,
            &[7; 20],
        ]
        .concat();
        let constant = [
            &b"\x16\x03\x03\x00\x7a\x01\x00\x00\x76\x03\x03"[..],
            &[7; 32],
        ]
        .concat();
        for payload in [
            &b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"[..],
            b"\x05\x01\0",
            b"220 mail.example.test ESMTP Postfix\r\n",
            &[0; 200],
            &retry,
            &constant,
        ] {
            assert_eq!(kind(payload), None, "{payload:02x?}");
        }
    }

    #[test]
    fn the_same_random_is_the_same_nonce_wherever_it_was_read() {
        let client_hello = with(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        let random: [u8; 32] = client_hello[11..43].try_into().unwrap();
        assert_eq!(find(&client_hello), of_tls_random(&random));
    }

    #[test]
    fn finds_a_handshake_behind_the_header_of_a_tunnel() {
        let hello = [&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &RANDOM].concat();
        let plain = find(&hello);
        assert!(plain.is_some());
        for (header, found) in [
            (4, true),
            (28, true),
            (64, true),
            (0, false),
            (27, false),
            (68, false),
        ] {
            let wrapped = [&vec![0; header][..], &hello].concat();
            assert_eq!(find_wrapped(&wrapped), plain.filter(|_| found), "{header}");
        }
        assert_eq!(find_wrapped(&[b'x'; 200]), None);
    }

    #[test]
    fn every_cut_of_a_payload_is_looked_at_without_harm() {
        let whole = with(b"SSH-2.0-x\r\n\0\0\x05\xcc\x0a\x14");
        for cut in 0..whole.len() {
            let _ = find(&whole[..cut]);
        }
    }
}
