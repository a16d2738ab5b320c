//! SSH up to where it goes dark: both identification lines (RFC 4253, section 4.2) and what both sides offer.

pub mod framing;
pub mod kexinit;
pub mod message;
#[cfg(test)]
pub(crate) mod samples;

use super::cursor::Cursor;
use super::half::{Half, Stop};
use super::text::printable;
use super::{Answer, Exchange, Need, Prefix, Reading, Side};
use kexinit::{Kexinit, Negotiated};

/// An SSH session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The client's identification, such as `SSH-2.0-OpenSSH_9.2p1 Debian-2`, without its line end. `None` where it
    /// was not captured; a part of it where the capture cut it.
    pub client_banner: Option<String>,
    /// The server's identification, likewise.
    pub server_banner: Option<String>,
    /// What the client offers, where it was captured whole.
    pub client_offer: Option<Kexinit>,
    /// What the server offers, likewise.
    pub server_offer: Option<Kexinit>,
}

impl Ssh {
    /// HASSH of the client.
    pub fn hassh(&self) -> Option<String> {
        self.client_offer.as_ref().map(Kexinit::hassh)
    }

    /// HASSHServer of the server.
    pub fn hassh_server(&self) -> Option<String> {
        self.server_offer.as_ref().map(Kexinit::hassh_server)
    }

    /// The algorithms that both offers come to, if both are known and have some in common.
    pub fn negotiated(&self) -> Option<Negotiated<'_>> {
        let server = self.server_offer.as_ref()?;
        self.client_offer.as_ref()?.negotiate(server)
    }

    /// An upper bound of the bytes of memory that one needs.
    pub const MOST_BYTES: usize = 2 * (kexinit::LONGEST_PACKET + LONGEST_LINE) + 1024;
}

/// Reads identifications and offers: *yes* when all four are whole, or one identification is known and the rest is
/// not, never will be, or is not SSH 2.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Ssh> {
    let client = Greeting::read(&exchange.client, 0);
    if client == Greeting::Foreign {
        return Answer::No;
    }
    let server = Greeting::read(&exchange.server, LONGEST_PRELUDE);
    match (&client, &server) {
        (_, Greeting::Foreign) | (Greeting::Unknown, Greeting::Unknown) => return Answer::No,
        _ => {}
    }
    let offers = client.may_offer() && server.may_offer();
    let client = Opening::read(Side::Client, &exchange.client, client, offers);
    let server = Opening::read(Side::Server, &exchange.server, server, offers);
    if client.need.is_some() || server.need.is_some() {
        return Answer::More(Need {
            client: client.need.unwrap_or(usize::MAX),
            server: server.need.unwrap_or(usize::MAX),
        });
    }
    Answer::Yes(Reading {
        client: client.end,
        server: server.end,
        layer: Ssh {
            client_banner: client.banner,
            server_banner: server.banner,
            client_offer: client.offer,
            server_offer: server.offer,
        },
    })
}

/// What one side said in the clear.
#[derive(Debug, Default)]
struct Opening {
    banner: Option<String>,
    offer: Option<Kexinit>,
    /// Where it ends.
    end: usize,
    /// How many bytes in total tell more, if they may come.
    need: Option<usize>,
}

impl Opening {
    /// Reads what follows the greeting. Only where both sides speak SSH 2 it is an offer.
    fn read(side: Side, prefix: &Prefix<'_>, greeting: Greeting, offers: bool) -> Self {
        let (banner, end) = match greeting {
            Greeting::Line(banner, end) => (banner, end),
            Greeting::Short(total) => {
                let need = Some(total);
                return Self {
                    need,
                    ..Self::default()
                };
            }
            Greeting::Unknown | Greeting::Foreign => return Self::default(),
        };
        let mut opening = Self {
            banner: Some(banner),
            end,
            ..Self::default()
        };
        if offers {
            opening.offer(Half::new(side, *prefix));
        }
        opening
    }

    fn offer(&mut self, mut half: Half<'_>) {
        let read = half.skip(self.end).and_then(|_| Kexinit::read(half));
        match read {
            Ok((offer, end)) => {
                self.offer = Some(offer);
                self.end = end;
            }
            Err(Stop::More(need)) => self.need = Some(need.client.min(need.server)),
            Err(Stop::No | Stop::Ended) => {}
        }
    }
}

/// How far a side got with its identification.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Greeting {
    /// It is read, and ends here.
    Line(String, usize),
    /// It goes on; this many bytes in total tell more.
    Short(usize),
    /// It will never be known.
    Unknown,
    /// This side speaks something else.
    Foreign,
}

impl Greeting {
    /// Reads a side that may say `prelude` bytes of other lines first.
    fn read(prefix: &Prefix<'_>, prelude: usize) -> Self {
        let mut lines = Cursor::new(prefix.bytes);
        while !may_identify(lines.rest()) {
            let line = lines.until(b'\n');
            let (text, end) = match line {
                Some(line) => (line, lines.position()),
                None => (lines.rest(), prefix.bytes.len()),
            };
            if end > prelude || !text.iter().all(is_text) {
                return Self::Foreign;
            }
            if line.is_none() {
                return Self::unfinished(prefix);
            }
        }
        Self::identification(lines, prefix)
    }

    fn identification(mut lines: Cursor<'_>, prefix: &Prefix<'_>) -> Self {
        let start = lines.rest();
        let line = lines.until(b'\n');
        let (text, end) = match line {
            Some(line) => (line, lines.position()),
            None => (start, prefix.bytes.len()),
        };
        match line {
            _ if text.len() >= LONGEST_LINE => Self::Foreign,
            Some(_) if !names_version(text) => Self::Foreign,
            None if prefix.is_open() || !names_version(text) => Self::unfinished(prefix),
            _ => Self::Line(banner(text), end),
        }
    }

    /// A line goes on behind what is held.
    fn unfinished(prefix: &Prefix<'_>) -> Self {
        if prefix.is_open() {
            Self::Short(prefix.bytes.len().saturating_add(1))
        } else {
            Self::Unknown
        }
    }

    /// Whether an SSH 2 side could follow it up with an offer. 1.99 stands for both (RFC 4253, section 5.1).
    fn may_offer(&self) -> bool {
        match self {
            Self::Line(banner, _) => {
                banner.starts_with("SSH-2.0-") || banner.starts_with("SSH-1.99-")
            }
            Self::Short(_) | Self::Unknown | Self::Foreign => true,
        }
    }
}

/// Whether bytes may be the start of an identification line. No other line may start like one.
fn may_identify(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .zip(b"SSH-")
        .all(|(byte, expected)| byte == expected)
}

/// Whether an identification names SSH 2.0 or an older version, to its last dash.
fn names_version(line: &[u8]) -> bool {
    let mut words = Cursor::new(line);
    words.until(b'-');
    match words.until(b'-') {
        Some(b"2.0") => true,
        // chisel puts its own version where RFC 4253 wants the protocol's.
        Some(b"chisel") => true,
        Some([b'1', b'.', minor @ ..]) => !minor.is_empty() && minor.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn banner(line: &[u8]) -> String {
    printable(line.strip_suffix(b"\r").unwrap_or(line), LONGEST_LINE)
}

fn is_text(byte: &u8) -> bool {
    matches!(byte, b'\t' | b'\r' | b' '..=b'~' | 0x80..)
}

/// With its line end.
const LONGEST_LINE: usize = 255;
/// What a server may say before its identification: a few lines of greeting.
const LONGEST_PRELUDE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::End;
    use crate::proto::truncation::{Sample, Settled};
    use samples::{packet, payload};

    fn exchange<'a>(client: Prefix<'a>, server: Prefix<'a>) -> Exchange<'a> {
        Exchange { client, server }
    }

    fn banners(client: &[u8], server: &[u8]) -> Option<(Option<String>, Option<String>)> {
        match parse(&exchange(Prefix::closed(client), Prefix::closed(server))) {
            Answer::Yes(Reading { layer, .. }) => Some((layer.client_banner, layer.server_banner)),
            Answer::No => None,
            Answer::More(need) => panic!("asks for {need:?} of ended sides"),
        }
    }

    const CLIENT: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n\0\0\x05";
    const SERVER: &[u8] = b"Authorised use only\r\n\r\nSSH-1.99-Cisco-1.25\n\0\0";
    const CLIENT_END: usize = 40;
    const SERVER_END: usize = 43;

    fn session(client: &[u8], server: &[u8]) -> Ssh {
        match parse(&exchange(Prefix::closed(client), Prefix::closed(server))) {
            Answer::Yes(Reading { layer, .. }) => layer,
            answer => panic!("{answer:?}"),
        }
    }

    fn with_offer(banner: &[u8], kex: &str) -> Vec<u8> {
        let lists = [kex, "k", "c", "c", "m", "m", "none", "none", "", ""];
        [banner, &packet(&payload(&lists)), b"\0\0\x05"].concat()
    }

    #[test]
    fn the_contract_is_kept() {
        let client = with_offer(b"SSH-2.0-Go\r\n", "a,b");
        let server = with_offer(b"Hello\r\nSSH-1.99-Cisco-1.25\n", "b");
        let layer = session(&client, &server);
        assert_eq!(layer.client_banner.as_deref(), Some("SSH-2.0-Go"));
        assert_eq!(layer.server_banner.as_deref(), Some("SSH-1.99-Cisco-1.25"));
        assert_eq!(layer.negotiated().map(|n| n.key_exchange), Some("b"));
        Sample {
            name: "a greeting, banners and offers",
            client: &client,
            server: &server,
            settled: Settled::AtOnce,
            reading: Reading {
                layer,
                client: client.len() - 3,
                server: server.len() - 3,
            },
        }
        .check(parse);
    }

    #[test]
    fn without_an_offer_the_banners_are_enough() {
        let later = b"SSH-2.0-Go\r\nGET / HTTP/1.1\r\n";
        let cases: [(&[u8], &[u8]); 3] = [
            (b"SSH-1.5-1.2.27\n", b"SSH-2.0-Go\r\n"),
            (b"SSH-2.0-Go\r\n", b"SSH-1.5-1.2.27\n"),
            (later, later),
        ];
        for (client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            let Answer::Yes(Reading { layer, .. }) = answer else {
                panic!("{answer:?}");
            };
            assert_eq!((layer.client_offer, layer.server_offer), (None, None));
        }
    }

    #[test]
    fn an_end_anywhere_is_decided() {
        for client in 0..=CLIENT.len() {
            for server in 0..=SERVER.len() {
                let seen = banners(&CLIENT[..client], &SERVER[..server]);
                let known =
                    client >= "SSH-2.0-".len() || server >= SERVER_END - "Cisco-1.25\n".len();
                assert_eq!(seen.is_some(), known, "{client} {server}");
            }
        }
    }

    #[test]
    fn a_side_that_ended_is_not_asked() {
        for client in 0..=CLIENT.len() {
            let ended = Prefix::closed(&CLIENT[..client]);
            let answer = parse(&exchange(ended, Prefix::open(b"")));
            assert_eq!(answer, Answer::More(Need::of(Side::Server, 1)), "{client}");
        }
    }

    #[test]
    fn a_hole_ends_a_banner() {
        let end = End::Cut {
            missing: 26,
            then: &CLIENT[CLIENT_END..],
        };
        let client = Prefix {
            bytes: &CLIENT[..14],
            end,
        };
        let layer = Ssh {
            client_banner: Some("SSH-2.0-OpenSS".into()),
            server_banner: Some("SSH-2.0-Go".into()),
            client_offer: None,
            server_offer: None,
        };
        let reading = Reading {
            layer,
            client: 14,
            server: 12,
        };
        let answer = parse(&exchange(client, Prefix::closed(b"SSH-2.0-Go\r\n")));
        assert_eq!(answer, Answer::Yes(reading));
    }

    #[test]
    fn versions_and_line_ends() {
        let cases: [(&[u8], Option<&str>); 10] = [
            (b"SSH-chisel-v3-client\r\n", Some("SSH-chisel-v3-client")),
            (
                b"SSH-2.0-dropbear_2022.83\r\n",
                Some("SSH-2.0-dropbear_2022.83"),
            ),
            (b"SSH-2.0-Go\n", Some("SSH-2.0-Go")),
            (b"SSH-1.5-1.2.27\n", Some("SSH-1.5-1.2.27")),
            (b"SSH-1.99-a b c\r\n", Some("SSH-1.99-a b c")),
            (b"SSH-2.0-a\x1b[2Jb\r\n", Some("SSH-2.0-a?[2Jb")),
            (b"SSH-3.0-x\r\n", None),
            (b"SSH-2.0 x\r\n", None),
            (b"SSH-1.-x\r\n", None),
            (b"SSH-\r\n", None),
        ];
        for (line, banner) in cases {
            let seen = banners(line, b"").and_then(|(client, _)| client);
            assert_eq!(seen.as_deref(), banner, "{line:?}");
        }
    }

    #[test]
    fn look_alikes_are_refused_at_once() {
        let long_line = [b"SSH-2.0-".as_slice(), &[b'a'; 300]].concat();
        let long_prelude = b"a line of greeting\r\n".repeat(60);
        let cases: [(&[u8], &[u8]); 7] = [
            (b"G", b""),
            (b"\x16", b"SSH-2.0-Go\r\n"),
            (b"EHLO a\r\n", b"220 mail ESMTP\r\n"),
            (b"SSx", b""),
            (b"", b"J\0\0\0\x0a8.0.36\0"),
            (&long_line, b""),
            (b"SSH-2.0-Go\r\n", &long_prelude),
        ];
        for (client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{client:?} {server:?}");
        }
    }
}
