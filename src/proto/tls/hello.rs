//! ClientHello and ServerHello (RFC 8446 sections 4.1.2 and 4.1.3, RFC 5246 section 7.4.1).

use tls_parser::{
    TlsCipherSuite, TlsMessageHandshake, parse_tls_handshake_client_hello,
    parse_tls_handshake_msg_server_hello,
};

use crate::proto::cursor::Cursor;
use crate::proto::text::printable;

/// What a ClientHello offers, in the order of the wire and with its GREASE. Fingerprints are functions of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// `legacy_version`.
    pub version: u16,
    /// The client's random.
    pub random: [u8; 32],
    /// Cipher suites.
    pub ciphers: Vec<u16>,
    /// Extensions.
    pub extensions: Vec<Extension<'a>>,
}

/// An extension as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// `ExtensionType`.
    pub kind: u16,
    /// `extension_data`.
    pub body: &'a [u8],
}

impl<'a> Offer<'a> {
    /// Reads the body of a whole ClientHello; `None` where it is malformed.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let (rest, hello) = parse_tls_handshake_client_hello(body).ok()?;
        let block = hello.ext.unwrap_or_default();
        let extensions = extensions(block);
        let well_formed = rest.is_empty() && encoded_length(&extensions) == block.len();
        (well_formed && is_tls(hello.version.0)).then_some(Self {
            version: hello.version.0,
            random: hello.random.try_into().ok()?,
            ciphers: hello.ciphers.iter().map(|cipher| cipher.0).collect(),
            extensions,
        })
    }

    /// Reads what is there of a ClientHello that was cut behind its random; `None` where it was cut before or is
    /// malformed.
    pub fn parse_cut(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let (version, random) = (cursor.u16()?, cursor.array()?);
        let session_id = cursor.u8().unwrap_or_default();
        let ciphers_length = cursor.take(session_id.into()).and_then(|_| cursor.u16());
        let plausible = session_id <= 32 && ciphers_length.is_none_or(|length| length % 2 == 0);
        let (ciphers, extensions) = match parse_tls_handshake_client_hello(body) {
            Ok((cut_block, hello)) => (
                hello.ciphers.iter().map(|cipher| cipher.0).collect(),
                extensions(hello.ext.or(cut_block.get(2..)).unwrap_or_default()),
            ),
            Err(_) => (Vec::new(), Vec::new()),
        };
        (plausible && is_tls(version)).then_some(Self {
            version,
            random,
            ciphers,
            extensions,
        })
    }

    /// The host name of the server name indication (RFC 6066 section 3).
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut entries = Cursor::new(within_u16(self.extension(SERVER_NAME)?)?);
        let host_name = entries.u8()? == 0;
        let name = within_u16(entries.rest())?;
        host_name.then_some(name)
    }

    /// The application protocols, in order of preference (RFC 7301 section 3.1).
    pub fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        protocols(self.extension(ALPN).unwrap_or_default())
    }

    /// `supported_versions` without GREASE (RFC 8446 section 4.2.1).
    pub fn supported_versions(&self) -> impl Iterator<Item = u16> + use<'a> {
        let body = self.extension(SUPPORTED_VERSIONS);
        numbers(body.and_then(within_u8)).filter(|&version| !is_grease(version))
    }

    /// `supported_groups`, once `elliptic_curves`, without GREASE (RFC 8422 section 5.1.1).
    pub fn groups(&self) -> impl Iterator<Item = u16> + use<'a> {
        let body = self.extension(SUPPORTED_GROUPS);
        numbers(body.and_then(within_u16)).filter(|&group| !is_grease(group))
    }

    /// `ec_point_formats` (RFC 8422 section 5.1.2).
    pub fn point_formats(&self) -> &'a [u8] {
        let body = self.extension(EC_POINT_FORMATS);
        body.and_then(within_u8).unwrap_or_default()
    }

    /// `signature_algorithms` without GREASE (RFC 8446 section 4.2.3).
    pub fn signature_algorithms(&self) -> impl Iterator<Item = u16> + use<'a> {
        let body = self.extension(SIGNATURE_ALGORITHMS);
        numbers(body.and_then(within_u16)).filter(|&algorithm| !is_grease(algorithm))
    }

    /// The body of the first extension of this kind.
    pub fn extension(&self, kind: u16) -> Option<&'a [u8]> {
        find(&self.extensions, kind)
    }
}

/// What a ServerHello chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// The version negotiated: `supported_versions` before `legacy_version`.
    pub version: u16,
    /// The cipher suite.
    pub cipher: u16,
    /// The application protocol. TLS 1.3 hides it.
    pub alpn: Option<String>,
    /// The server's random; in a HelloRetryRequest a constant.
    pub random: [u8; 32],
    /// The server asked for another ClientHello (RFC 8446 section 4.1.4) and its ServerHello was not seen.
    pub retry: bool,
}

impl ServerHello {
    /// Reads the body of a ServerHello; `None` where it is malformed.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (version, cipher, random, block) =
            match parse_tls_handshake_msg_server_hello(body).ok()?.1 {
                TlsMessageHandshake::ServerHello(hello) => {
                    (hello.version.0, hello.cipher.0, hello.random, hello.ext)
                }
                TlsMessageHandshake::ServerHelloV13Draft18(hello) => {
                    (hello.version.0, hello.cipher.0, hello.random, hello.ext)
                }
                _ => return None,
            };
        let extensions = extensions(block.unwrap_or_default());
        let selected =
            find(&extensions, SUPPORTED_VERSIONS).and_then(|body| Cursor::new(body).u16());
        let alpn = find(&extensions, ALPN).and_then(|body| protocols(body).next());
        Some(Self {
            version: selected.unwrap_or(version),
            cipher,
            alpn: alpn.map(|name| printable(name, LONGEST_NAME)),
            random: random.try_into().ok()?,
            retry: random == RETRY_RANDOM,
        })
    }

    /// The cipher suite's name (IANA, TLS Cipher Suites), if it has one.
    pub fn cipher_name(&self) -> Option<&'static str> {
        TlsCipherSuite::from_id(self.cipher).map(|suite| suite.name)
    }

    /// How many bytes a record is longer than what it holds, behind the header. `None` where that depends on what it holds:
    /// block ciphers pad.
    pub fn record_growth(&self) -> Option<u32> {
        match (self.version, self.cipher) {
            // A byte for the kind, and the tag (RFC 8446, section 5.2); one suite has a short one.
            (TLS_1_3, 0x1305) => Some(1 + SHORT_TAG),
            (TLS_1_3, 0x1301..=0x1304) => Some(1 + TAG),
            // Eight bytes of a nonce, and the tag: GCM (RFC 5288, RFC 5289, RFC 5487).
            (TLS_1_2, 0x009c..=0x00ad | 0xc02b..=0xc032) => Some(NONCE + TAG),
            // CCM (RFC 6655, RFC 7251).
            (TLS_1_2, 0xc09c..=0xc09f | 0xc0a4..=0xc0a7 | 0xc0ac | 0xc0ad) => Some(NONCE + TAG),
            (TLS_1_2, 0xc0a0..=0xc0a3 | 0xc0a8..=0xc0ab | 0xc0ae | 0xc0af) => {
                Some(NONCE + SHORT_TAG)
            }
            // ChaCha20 derives its nonce (RFC 7905).
            (TLS_1_2, 0xcca8..=0xccae) => Some(TAG),
            _ => None,
        }
    }

    /// Whether what follows the hello is encrypted: TLS 1.3 and its drafts.
    pub fn hides_certificate(&self) -> bool {
        self.version > TLS_1_2
    }
}

/// The name of a version: `TLS 1.2`, or its number where it is a draft or unknown.
pub fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSL 3.0".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        other => format!("{other:#06x}"),
    }
}

/// Whether a number is reserved to keep peers tolerant (RFC 8701): both bytes equal, low nibble A.
pub fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// The most bytes that are kept of a name: a DNS name is no longer (RFC 1035 section 2.3.4).
pub const LONGEST_NAME: usize = 255;

/// SSL 3.0 to TLS 1.3.
fn is_tls(version: u16) -> bool {
    (0x0300..=0x0304).contains(&version)
}

/// The whole extensions of a block.
fn extensions(block: &[u8]) -> Vec<Extension<'_>> {
    let mut cursor = Cursor::new(block);
    let mut extensions = Vec::with_capacity(block.len().min(MOST_SEND));
    extensions.extend(std::iter::from_fn(|| {
        let kind = cursor.u16()?;
        let length = cursor.u16()?;
        let body = cursor.take(length.into())?;
        Some(Extension { kind, body })
    }));
    extensions
}

fn encoded_length(extensions: &[Extension<'_>]) -> usize {
    let lengths = extensions.iter().map(|extension| extension.body.len());
    lengths.map(|length| length.saturating_add(4)).sum()
}

fn find<'a>(extensions: &[Extension<'a>], kind: u16) -> Option<&'a [u8]> {
    let found = extensions.iter().find(|extension| extension.kind == kind);
    found.map(|extension| extension.body)
}

fn protocols(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut names = Cursor::new(within_u16(body).unwrap_or_default());
    std::iter::from_fn(move || {
        let length = names.u8()?;
        names.take(length.into())
    })
}

/// What a vector with a one-byte length holds.
fn within_u8(body: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(body);
    let length = cursor.u8()?;
    cursor.take(length.into())
}

/// What a vector with a two-byte length holds.
fn within_u16(body: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(body);
    let length = cursor.u16()?;
    cursor.take(length.into())
}

fn numbers(list: Option<&[u8]>) -> impl Iterator<Item = u16> {
    let mut cursor = Cursor::new(list.unwrap_or_default());
    std::iter::from_fn(move || cursor.u16())
}

/// `server_name`.
pub const SERVER_NAME: u16 = 0;
/// `application_layer_protocol_negotiation`.
pub const ALPN: u16 = 16;
/// `encrypted_client_hello` (RFC 9849).
pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// As many extensions as most clients send, or fewer.
const MOST_SEND: usize = 16;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SUPPORTED_VERSIONS: u16 = 43;
const TLS_1_2: u16 = 0x0303;
const TLS_1_3: u16 = 0x0304;
const NONCE: u32 = 8;
const TAG: u32 = 16;
const SHORT_TAG: u32 = 8;
/// SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[cfg(test)]
mod tests {
    use super::super::samples::{TLS_1_3_CLIENT, TLS_1_3_SERVER, bytes};
    use super::*;

    const HEADERS: usize = 9;

    #[test]
    fn the_offer_is_in_the_order_of_the_wire() {
        let client = bytes(TLS_1_3_CLIENT);
        let offer = Offer::parse(&client[HEADERS..]).unwrap();
        assert_eq!(offer.version, 0x0303);
        assert_eq!(offer.ciphers[..3], [0x1302, 0x1303, 0x1301]);
        assert_eq!(offer.ciphers.len(), 31);
        let kinds: Vec<_> = offer
            .extensions
            .iter()
            .map(|extension| extension.kind)
            .collect();
        assert_eq!(kinds, [0, 11, 10, 16, 22, 23, 49, 13, 43, 45, 51, 21]);
        assert_eq!(offer.server_name(), Some(&b"localhost"[..]));
        assert_eq!(
            offer.protocols().collect::<Vec<_>>(),
            [&b"h2"[..], b"http/1.1"]
        );
        assert_eq!(
            offer.groups().collect::<Vec<_>>(),
            [29, 23, 30, 25, 24, 256, 257, 258, 259, 260]
        );
        assert_eq!(offer.point_formats(), [0, 1, 2]);
        assert_eq!(
            offer.signature_algorithms().take(2).collect::<Vec<_>>(),
            [0x0403, 0x0503]
        );
    }

    #[test]
    fn a_body_that_is_too_short_or_too_long_is_malformed() {
        let client = bytes(TLS_1_3_CLIENT);
        let body = &client[HEADERS..];
        // Without its extensions it is a whole hello of SSL 3.0 to TLS 1.2.
        let without_extensions = 2 + 32 + 33 + 64 + 2;
        for length in 0..body.len() {
            let whole = length == without_extensions;
            assert_eq!(Offer::parse(&body[..length]).is_some(), whole, "{length}");
            assert_eq!(
                Offer::parse_cut(&body[..length]).is_some(),
                length >= 34,
                "{length}"
            );
        }
        assert_eq!(Offer::parse(&[body, &[0]].concat()), None);
    }

    #[test]
    fn a_cut_offer_has_the_extensions_that_were_seen() {
        let client = bytes(TLS_1_3_CLIENT);
        for length in 34..client.len() - HEADERS {
            let offer = Offer::parse_cut(&client[HEADERS..][..length]).unwrap();
            let name_end = 2 + 32 + 33 + 64 + 2 + 2 + 18;
            assert_eq!(
                offer.server_name().is_some(),
                length >= name_end,
                "{length}"
            );
        }
    }

    #[test]
    fn no_changed_byte_is_fatal() {
        let (client, server) = (bytes(TLS_1_3_CLIENT), bytes(TLS_1_3_SERVER));
        for at in 0..200 {
            for byte in [0x00, 0x01, 0x7f, 0xff] {
                let mut changed = client[HEADERS..].to_vec();
                changed[at] = byte;
                if let Some(offer) = Offer::parse(&changed).or(Offer::parse_cut(&changed)) {
                    offer.server_name();
                    offer.protocols().count();
                }
                let mut changed = server[HEADERS..127].to_vec();
                changed[at % 118] = byte;
                ServerHello::parse(&changed);
            }
        }
    }

    #[test]
    fn the_server_hello_of_old_and_draft_versions() {
        let random = [7; 32];
        let hello = |version: [u8; 2], rest: &[u8]| {
            ServerHello::parse(&[&version[..], &random, rest].concat())
                .map(|hello| (hello.version, hello.cipher))
        };
        assert_eq!(hello([3, 0], &[0, 0, 5, 0]), Some((0x0300, 5)));
        assert_eq!(hello([3, 3], &[0, 0xc0, 0x2f, 0]), Some((0x0303, 0xc02f)));
        assert_eq!(
            hello([3, 3], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 0x7f, 0x1c]),
            Some((0x7f1c, 0x1301))
        );
        assert_eq!(
            hello([0x7f, 0x12], &[0x13, 1, 0, 0]),
            Some((0x7f12, 0x1301))
        );
        assert_eq!(hello([3, 3], &[33]), None);
        assert_eq!(hello([2, 0], &[0, 0, 5, 0]), None);
    }

    #[test]
    fn the_protocol_of_the_server() {
        let alpn = [0, 0xc0, 0x2f, 0, 0, 9, 0, 16, 0, 5, 0, 3, 2, b'h', b'2'];
        let hello = ServerHello::parse(&[&[3, 3][..], &[7; 32], &alpn].concat()).unwrap();
        assert_eq!(hello.alpn.as_deref(), Some("h2"));
    }

    #[test]
    fn grease() {
        let grease = (0..=u16::MAX).filter(|&number| is_grease(number));
        let expected = (0..16).map(|step| 0x0a0a + 0x1010 * step);
        assert!(grease.eq(expected));
    }

    #[test]
    fn what_a_record_grows_by_follows_from_version_and_cipher() {
        for (version, cipher, growth) in [
            (0x0304, 0x1301, Some(17)),
            (0x0304, 0x1303, Some(17)),
            (0x0304, 0x1305, Some(9)),
            (0x0303, 0xc02f, Some(24)),
            (0x0303, 0xc0ac, Some(24)),
            (0x0303, 0xc0ae, Some(16)),
            (0x0303, 0xcca8, Some(16)),
            (0x0303, 0xc013, None),
            (0x0303, 0x1301, None),
            (0x0301, 0xc02f, None),
        ] {
            let hello = ServerHello {
                version,
                cipher,
                alpn: None,
                random: [0; 32],
                retry: false,
            };
            assert_eq!(hello.record_growth(), growth, "{version:x} {cipher:x}");
        }
    }
}
