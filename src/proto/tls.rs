//! TLS over TCP, SSL 3.0 to TLS 1.3: the hellos, and what the server shows before it encrypts.
//!
//! What is behind the reading belongs to the same session and is encrypted or about to be: it need not be probed.

pub mod certificate;
mod flight;
pub mod greeting;
pub mod hello;
mod opening;
mod records;
#[cfg(test)]
pub(crate) mod samples;

use super::ja3::ja3;
use super::ja4::{Carrier, ja4};
use super::text::printable;
use super::{Answer, Exchange, Need, Reading};
use certificate::Certificate;
use flight::Flight;
use greeting::Greeting;
use hello::{LONGEST_NAME, Offer, ServerHello};
use opening::Opening;

/// A TLS handshake, as far as it was seen in the clear. Where the capture kept a few bytes a packet, nothing may be
/// left of it but the fact that both sides began one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The first ClientHello. `None` where it was not captured as far as its random.
    pub client_hello: Option<ClientHello>,
    /// The ServerHello, or a HelloRetryRequest that none followed.
    pub server_hello: Option<ServerHello>,
    /// The server's certificate, up to TLS 1.2. A resumed session has none.
    pub certificate: Option<Certificate>,
    /// The description of the alert with which the server broke off (RFC 8446 section 6).
    pub alert: Option<u8>,
}

impl Tls {
    /// An upper bound of the bytes of memory that one needs: a hello, a certificate, and names out of them.
    pub const MOST_BYTES: usize = 2 * records::HEAD + 1024;

    /// The name of the alert with which the server broke off, or its number.
    pub fn alert_name(&self) -> Option<String> {
        Some(match self.alert? {
            0 => "close notify".to_owned(),
            10 => "unexpected message".to_owned(),
            40 => "handshake failure".to_owned(),
            42 => "bad certificate".to_owned(),
            47 => "illegal parameter".to_owned(),
            48 => "unknown authority".to_owned(),
            49 => "access denied".to_owned(),
            50 => "decode error".to_owned(),
            70 => "protocol version".to_owned(),
            71 => "insufficient security".to_owned(),
            80 => "internal error".to_owned(),
            112 => "unrecognized name".to_owned(),
            116 => "certificate required".to_owned(),
            120 => "no application protocol".to_owned(),
            other => format!("alert {other}"),
        })
    }
}

/// What a client offered. The body is kept and read again when somebody asks: few hellos are ever shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The client's random.
    pub random: [u8; 32],
    /// The server's name.
    pub sni: Option<String>,
    /// The body of the message, as far as it was captured.
    body: Box<[u8]>,
    /// What it comes to; `None` where the capture cut it.
    pub greeting: Option<Greeting>,
    is_mute: bool,
}

/// What a client's TLS library looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// JA3, in hexadecimal.
    pub ja3: String,
    /// JA4.
    pub ja4: String,
}

/// Reads a TLS handshake: *yes* once the server's part in the clear is over, or cannot be known.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Tls> {
    match read(exchange) {
        Ok(reading) => Answer::Yes(reading),
        Err(Undecided::Short(need)) => Answer::More(need),
        Err(Undecided::Never) => Answer::No,
    }
}

/// Why there is no reading.
enum Undecided {
    Short(Need),
    Never,
}

fn read(exchange: &Exchange<'_>) -> Result<Reading<Tls>, Undecided> {
    let opening = Opening::read(&exchange.client)?;
    let client_hello = opening.hello()?;
    let flight = Flight::read(&exchange.server)?;
    let both_begun = opening.begun && flight.begun;
    if client_hello.is_none() && flight.hello.is_none() && !both_begun {
        return Err(Undecided::Never);
    }
    Ok(Reading {
        layer: Tls {
            client_hello: client_hello.map(|offer| ClientHello::new(&offer, &opening)),
            server_hello: flight.hello,
            certificate: flight.certificate,
            alert: flight.alert,
        },
        client: opening.end,
        server: flight.end,
    })
}

impl ClientHello {
    fn new(offer: &Offer<'_>, opening: &Opening<'_>) -> Self {
        Self {
            random: offer.random,
            sni: offer
                .server_name()
                .map(|name| printable(name, LONGEST_NAME)),
            body: opening.body().into(),
            greeting: opening.whole.then(|| Greeting::of(offer)),
            is_mute: offer.protocols().next().is_none(),
        }
    }

    /// All that it offers; what was captured of it where the capture cut it.
    pub fn offer(&self) -> Option<Offer<'_>> {
        if self.is_whole() {
            Offer::parse(&self.body)
        } else {
            Offer::parse_cut(&self.body)
        }
    }

    /// Whether it does not say which protocol is to be spoken inside (RFC 7301); `None` where the capture cut it.
    pub fn is_mute(&self) -> Option<bool> {
        self.is_whole().then_some(self.is_mute)
    }

    fn is_whole(&self) -> bool {
        self.greeting.is_some()
    }

    /// Whether it names the server, and not by an address, which RFC 6066 (section 3) does not allow.
    pub fn names_a_host(&self) -> bool {
        let name = self.sni.as_deref();
        name.is_some_and(|name| name.parse::<std::net::IpAddr>().is_err())
    }

    /// How many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let name = self.sni.as_ref().map_or(0, String::capacity);
        size_of::<Self>() + self.body.len() + name
    }

    /// Its fingerprint; `None` where the capture cut it.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let offer = Offer::parse(&self.body).filter(|_| self.is_whole())?;
        Some(Fingerprint {
            ja3: ja3(&offer),
            ja4: ja4(&offer, Carrier::Tcp),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::samples::*;
    use super::*;
    use crate::proto::truncation::{Sample, Settled};
    use crate::proto::{End, Prefix, Side};

    fn exchange<'a>(client: Prefix<'a>, server: Prefix<'a>) -> Exchange<'a> {
        Exchange { client, server }
    }

    fn ended(client: &[u8], server: &[u8]) -> Answer<Tls> {
        parse(&exchange(Prefix::closed(client), Prefix::closed(server)))
    }

    fn holed(bytes: &[u8], at: usize, missing: usize) -> Prefix<'_> {
        let (bytes, then) = bytes.split_at(at);
        let end = End::Cut { missing, then };
        Prefix { bytes, end }
    }

    fn reading(client: &[u8], server: &[u8]) -> Reading<Tls> {
        match ended(client, server) {
            Answer::Yes(reading) => reading,
            answer => panic!("{answer:?}"),
        }
    }

    /// Every pair of truncations with open ends (and, while the client's side is not whole, each `stride`th) asks for what it lacks, or gives the reading of the whole.
    fn check_truncations(client: &[u8], server: &[u8], stride: usize) {
        let whole = Answer::Yes(reading(client, server));
        for i in 0..=client.len() {
            let stride = if i == client.len() { 1 } else { stride };
            for j in (0..=server.len()).step_by(stride) {
                let open = |i, j| exchange(Prefix::open(&client[..i]), Prefix::open(&server[..j]));
                match parse(&open(i, j)) {
                    Answer::More(need) => {
                        assert!(need.client > i && need.server > j, "{i} {j} {need:?}");
                        let (next, limit) = if need.client == usize::MAX {
                            (open(i, need.server - 1), need.server <= server.len())
                        } else {
                            (open(need.client - 1, j), need.client <= client.len())
                        };
                        assert!(limit, "{i} {j} {need:?}");
                        assert!(matches!(parse(&next), Answer::More(_)), "{i} {j} {need:?}");
                    }
                    answer => assert_eq!(answer, whole, "{i} {j}"),
                }
            }
        }
    }

    /// No side that ended is asked, and no hole anywhere is fatal.
    fn check_ends(client: &[u8], server: &[u8]) {
        for i in 0..=client.len() {
            for j in (0..=server.len()).step_by(41).chain([server.len()]) {
                assert!(
                    !matches!(ended(&client[..i], &server[..j]), Answer::More(_)),
                    "{i} {j}"
                );
                for missing in [0, 9, usize::MAX] {
                    let cut = holed(client, i, missing);
                    let both = parse(&exchange(cut, holed(server, j, missing)));
                    assert!(!matches!(both, Answer::More(_)), "{i} {j}");
                    match parse(&exchange(cut, Prefix::open(&server[..j]))) {
                        Answer::More(need) => assert!(need.client == usize::MAX && need.server > j),
                        Answer::Yes(reading) => assert!(reading.server <= j),
                        Answer::No => assert!(i < RANDOM_END, "{i} {j}"),
                    }
                }
            }
        }
    }

    /// Record header, message header, version and random.
    const RANDOM_END: usize = 43;

    fn exchanges() -> [(Vec<u8>, Vec<u8>); 6] {
        [
            (bytes(TLS_1_3_CLIENT), bytes(TLS_1_3_SERVER)),
            (bytes(TLS_1_2_CLIENT), bytes(TLS_1_2_SERVER)),
            (bytes(SPLIT_CLIENT), bytes(CHAIN_SERVER)),
            (bytes(TLS_1_2_CLIENT), bytes(RESUMED_SERVER)),
            (bytes(RETRY_CLIENT), bytes(RETRY_SERVER)),
            (bytes(TLS_1_2_CLIENT), bytes(ALERT_SERVER)),
        ]
    }

    #[test]
    fn truncations_keep_the_contract() {
        for ((client, server), stride) in exchanges().into_iter().zip([1, 17, 17, 17, 17, 1]) {
            check_truncations(&client, &server, stride);
        }
    }

    #[test]
    fn a_short_exchange_keeps_the_contract_everywhere() {
        let (client, server) = (bytes(SPLIT_CLIENT), bytes(ALERT_SERVER));
        Sample {
            name: "a hello in five records and an alert",
            client: &client,
            server: &server,
            settled: Settled::AtOnce,
            reading: reading(&client, &server),
        }
        .check(parse);
    }

    #[test]
    fn ends_and_holes_keep_the_contract() {
        for (client, server) in exchanges() {
            check_ends(&client, &server);
        }
    }

    #[test]
    fn tls_1_3_shows_both_hellos() {
        let Reading {
            layer,
            client,
            server,
        } = reading(&bytes(TLS_1_3_CLIENT), &bytes(TLS_1_3_SERVER));
        assert_eq!((client, server), (517, 127));
        let hello = layer.client_hello.unwrap();
        let offer = hello.offer().unwrap();
        assert_eq!(offer.version, 0x0303);
        assert_eq!(hello.random[..4], [0xda, 0x7b, 0x00, 0xe6]);
        assert_eq!(hello.sni.as_deref(), Some("localhost"));
        assert!(offer.protocols().eq([&b"h2"[..], b"http/1.1"]));
        assert!(
            offer
                .supported_versions()
                .eq([0x0304, 0x0303, 0x0302, 0x0301])
        );
        assert_eq!(offer.extension(hello::ENCRYPTED_CLIENT_HELLO), None);
        let hello = layer.server_hello.unwrap();
        assert_eq!((hello.version, hello.cipher), (0x0304, 0x1302));
        assert_eq!(hello.random[..4], [0xe4, 0xc0, 0x20, 0xa4]);
        assert!(hello.alpn.is_none() && !hello.retry);
        assert!(layer.certificate.is_none() && layer.alert.is_none());
    }

    #[test]
    fn tls_1_2_shows_its_certificate() {
        let Reading {
            layer,
            client,
            server,
        } = reading(&bytes(TLS_1_2_CLIENT), &bytes(TLS_1_2_SERVER));
        assert_eq!((client, server), (202, 560));
        let hello = layer.client_hello.unwrap();
        assert_eq!(hello.sni, None);
        let hello = layer.server_hello.unwrap();
        assert_eq!((hello.version, hello.cipher), (0x0303, 0xc02c));
        let certificate = layer.certificate.unwrap();
        assert_eq!((certificate.chain, certificate.chain_bytes), (1, 447));
        assert!(certificate.self_signed);
    }

    #[test]
    fn fingerprints_are_those_of_other_programs() {
        // JA3 as tshark prints it; JA4 from another implementation, written from the description in Python.
        let cases = [
            (
                TLS_1_3_CLIENT,
                "0149f47eabf9a20d0893e2a44e5a6323",
                "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
            ),
            (
                TLS_1_2_CLIENT,
                "a800670a9e75f9768d052dd7f0be5728",
                "t12i2806h2_d943125447b4_a44c6288192a",
            ),
            (
                SPLIT_CLIENT,
                "eb28ec148ca5e2e906234d15d3a1d3f0",
                "t13i3110h2_e8f1e7e78f70_1f22a2ca17c4",
            ),
            (
                RETRY_CLIENT,
                "115e0df7254a2ded721fe6b21c093750",
                "t13d3111h2_e8f1e7e78f70_1f22a2ca17c4",
            ),
        ];
        for (client, ja3, ja4) in cases {
            let fingerprint = reading(&bytes(client), b"")
                .layer
                .client_hello
                .unwrap()
                .fingerprint()
                .unwrap();
            assert_eq!(
                (fingerprint.ja3.as_str(), fingerprint.ja4.as_str()),
                (ja3, ja4)
            );
        }
    }

    #[test]
    fn a_retry_is_followed_to_the_hello() {
        let (client, server) = (bytes(RETRY_CLIENT), bytes(RETRY_SERVER));
        let whole = reading(&client, &server);
        let hello = whole.layer.server_hello.unwrap();
        assert_eq!(
            (hello.retry, hello.version, hello.random[0]),
            (false, 0x0304, 0xe9)
        );
        assert_eq!(whole.server, 327);
        let stopped = reading(&client, &server[..99]);
        let hello = stopped.layer.server_hello.unwrap();
        assert_eq!(
            (hello.retry, hello.version, hello.random[0]),
            (true, 0x0304, 0xcf)
        );
        assert_eq!(stopped.server, 99);
    }

    #[test]
    fn a_resumed_session_has_no_certificate() {
        let reading = reading(&bytes(TLS_1_2_CLIENT), &bytes(RESUMED_SERVER));
        assert_eq!(reading.server, 90);
        assert!(reading.layer.server_hello.is_some() && reading.layer.certificate.is_none());
    }

    #[test]
    fn a_refusal_is_told() {
        let reading = reading(&bytes(RETRY_CLIENT), &bytes(ALERT_SERVER));
        assert_eq!((reading.layer.alert, reading.server), (Some(40), 7));
        assert_eq!(reading.layer.server_hello, None);
    }

    #[test]
    fn the_server_alone_is_enough() {
        let Reading {
            layer,
            client,
            server,
        } = reading(b"", &bytes(TLS_1_2_SERVER));
        assert_eq!((client, server), (0, 560));
        assert!(layer.client_hello.is_none() && layer.certificate.is_some());
        let waiting = exchange(Prefix::closed(b""), Prefix::open(b""));
        assert_eq!(parse(&waiting), Answer::More(Need::of(Side::Server, 5)));
        assert_eq!(ended(b"", b""), Answer::No);
    }

    #[test]
    fn a_server_that_speaks_no_tls_leaves_the_client_hello() {
        let client = bytes(TLS_1_3_CLIENT);
        let answer = parse(&exchange(
            Prefix::open(&client),
            Prefix::open(b"HTTP/1.1 400 "),
        ));
        let Answer::Yes(reading) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!((reading.client, reading.server), (517, 0));
        assert!(reading.layer.client_hello.is_some() && reading.layer.server_hello.is_none());
    }

    #[test]
    fn a_cut_hello_tells_what_was_seen_and_has_no_fingerprint() {
        let client = bytes(TLS_1_3_CLIENT);
        let hello = |seen: usize| {
            let end = End::Cut {
                missing: client.len() - seen,
                then: b"",
            };
            let cut = Prefix {
                bytes: &client[..seen],
                end,
            };
            match parse(&exchange(cut, Prefix::closed(b""))) {
                Answer::Yes(reading) => Some((reading.layer.client_hello.unwrap(), reading.client)),
                _ => None,
            }
        };
        assert_eq!(hello(RANDOM_END - 1), None);
        let (random_only, end) = hello(RANDOM_END).unwrap();
        assert_eq!((random_only.random[31], end), (0x0c, 517));
        assert!(random_only.sni.is_none() && random_only.fingerprint().is_none());
        let (named, end) = hello(174).unwrap();
        assert_eq!((named.sni.as_deref(), end), (Some("localhost"), 517));
        assert!(
            named.offer().unwrap().protocols().next().is_none() && named.fingerprint().is_none()
        );
    }

    /// With 96 bytes a packet, 30 of the payload are left behind Ethernet, IPv4 and TCP with timestamps.
    #[test]
    fn two_sides_that_began_are_enough() {
        let (client, server) = (bytes(TLS_1_3_CLIENT), bytes(TLS_1_3_SERVER));
        let cut = exchange(holed(&client, 30, 487), holed(&server, 30, 97));
        let Answer::Yes(reading) = parse(&cut) else {
            panic!("{:?}", parse(&cut));
        };
        assert_eq!((reading.client, reading.server), (517, 127));
        assert_eq!(
            (reading.layer.client_hello, reading.layer.server_hello),
            (None, None)
        );
        let other = parse(&exchange(
            holed(&client, 30, 487),
            Prefix::closed(b"HTTP/1.1 400 "),
        ));
        assert_eq!(other, Answer::No);
    }

    /// As browsers send it with a post-quantum key share: about 1.8 KB, over two segments and, here, two records.
    #[test]
    fn a_large_hello_is_joined() {
        let mut body = bytes(TLS_1_3_CLIENT)[5..].to_vec();
        let padding = 1300;
        let extensions_at = body.len() - 0x175 - 2;
        body.extend([0x0a, 0x0a, (padding >> 8) as u8, padding as u8]);
        body.extend(vec![0; padding]);
        let longer = |at: usize, body: &mut Vec<u8>| {
            let length = u16::from_be_bytes([body[at], body[at + 1]]) + padding as u16 + 4;
            body[at..at + 2].copy_from_slice(&length.to_be_bytes());
        };
        longer(extensions_at, &mut body);
        longer(2, &mut body);
        let client: Vec<u8> = [&body[..900], &body[900..]]
            .into_iter()
            .flat_map(|part| [&[22, 3, 1], &(part.len() as u16).to_be_bytes()[..], part].concat())
            .collect();
        let segment = parse(&exchange(Prefix::open(&client[..1448]), Prefix::open(b"")));
        assert_eq!(segment, Answer::More(Need::of(Side::Client, client.len())));
        let hello = reading(&client, b"").layer.client_hello.unwrap();
        assert_eq!(hello.sni.as_deref(), Some("localhost"));
        assert_eq!(
            hello.fingerprint().unwrap().ja4,
            "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"
        );
    }

    #[test]
    fn nothing_behind_a_head_is_asked_for() {
        let hello = [&[22, 3, 1, 0x40, 0, 1, 0, 0x80, 0, 3, 3][..], &[6; 20_000]].concat();
        let asked = parse(&exchange(Prefix::open(&hello[..100]), Prefix::open(b"")));
        assert_eq!(asked, Answer::More(Need::of(Side::Client, 16_384)));
        let full = parse(&exchange(Prefix::open(&hello[..16_384]), Prefix::open(b"")));
        assert_eq!(full, Answer::More(Need::of(Side::Server, 5)));
        let past = reading(&hello, b"");
        assert_eq!(
            (past.client, past.layer.client_hello.unwrap().fingerprint()),
            (16_384, None)
        );
    }

    #[test]
    fn look_alikes_are_refused() {
        let cases: [&[u8]; 10] = [
            b"GET / HTTP/1.1\r\n",
            b"EHLO client\r\nSTARTTLS\r\n",
            b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00",
            b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x50\x01",
            b"\x17\x03\x03\x00\x20",
            b"\x16\x03\x05",
            b"\x16\x03\x01\x00\x50\x02",
            b"\x16\x03\x01\x02\x00\x01\x01",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x02",
            b"\x16\x03\x01\x00\x00\x01",
        ];
        for client in cases {
            let open = parse(&exchange(Prefix::open(client), Prefix::open(b"")));
            assert_eq!(open, Answer::No, "{client:x?}");
        }
    }

    #[test]
    fn noise_behind_a_good_start_is_refused() {
        let mut state = 0x9e37_79b9_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let noise: Vec<u8> = noise.take(512).collect();
        let start = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
        for kept in 1..=start.len() {
            let client = [&start[..kept], &noise[kept..]].concat();
            let open = parse(&exchange(Prefix::open(&client), Prefix::open(b"")));
            assert!(!matches!(open, Answer::Yes(_)), "{kept}");
            assert_eq!(ended(&client, b""), Answer::No, "{kept}");
        }
    }
}
