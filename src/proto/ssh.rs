//! SSH, as far as its two identification lines (RFC 4253 section 4.2).

use super::cursor::Cursor;
use super::text::printable;
use super::{Answer, Exchange, Need, Prefix, Reading};

/// An SSH session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The client's identification, such as `SSH-2.0-OpenSSH_9.2p1 Debian-2`, without its line end. `None` where it
    /// was not captured; a part of it where the capture cut it.
    pub client_banner: Option<String>,
    /// The server's identification, likewise.
    pub server_banner: Option<String>,
}

/// Reads the identification lines: *yes* when both are whole, or one is known and the other never will be.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Ssh> {
    let client = Greeting::read(&exchange.client, 0);
    if client == Greeting::Foreign {
        return Answer::No;
    }
    let server = Greeting::read(&exchange.server, LONGEST_PRELUDE);
    match (client, server) {
        (_, Greeting::Foreign) => Answer::No,
        (Greeting::Unknown, Greeting::Unknown) => Answer::No,
        (client, server) if client.is_short() || server.is_short() => Answer::More(Need {
            client: client.need(),
            server: server.need(),
        }),
        (client, server) => Answer::Yes(Reading {
            client: client.end(),
            server: server.end(),
            layer: Ssh {
                client_banner: client.banner(),
                server_banner: server.banner(),
            },
        }),
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

    fn is_short(&self) -> bool {
        matches!(self, Self::Short(_))
    }

    fn need(&self) -> usize {
        match self {
            Self::Short(total) => *total,
            Self::Line(..) | Self::Unknown | Self::Foreign => usize::MAX,
        }
    }

    fn end(&self) -> usize {
        match self {
            Self::Line(_, end) => *end,
            Self::Short(_) | Self::Unknown | Self::Foreign => 0,
        }
    }

    fn banner(self) -> Option<String> {
        match self {
            Self::Line(banner, _) => Some(banner),
            Self::Short(_) | Self::Unknown | Self::Foreign => None,
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
    use crate::proto::truncation::{Sample, Settled};
    use crate::proto::{End, Side};

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

    #[test]
    fn the_contract_is_kept() {
        let layer = Ssh {
            client_banner: Some("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7".into()),
            server_banner: Some("SSH-1.99-Cisco-1.25".into()),
        };
        Sample {
            name: "a greeting before the banner",
            client: CLIENT,
            server: SERVER,
            settled: Settled::AtOnce,
            reading: Reading {
                layer,
                client: CLIENT_END,
                server: SERVER_END,
            },
        }
        .check(parse);
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
        };
        let reading = Reading {
            layer,
            client: 14,
            server: 12,
        };
        let answer = parse(&exchange(client, Prefix::open(b"SSH-2.0-Go\r\n")));
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
