//! SOCKS version 4 and its extension 4a (Ying-Da Lee, `SOCKS4.protocol`, `SOCKS4A.protocol`).
//!
//! The exchange has few fixed bytes, so both sides must be seen, the request must ask for something that can be, and
//! the server must answer in its eight bytes.

use std::net::Ipv4Addr;

use super::half::{Half, Stop, ensure};
use super::target::{Host, Target, name_start};
use super::{Answer, Exchange, Reading, Side};

/// A SOCKS4 request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socks4 {
    /// What the client asked for.
    pub command: Command,
    /// Where to; `None` where the capture cut a name.
    pub target: Option<Target>,
    /// Where the capture cut a name: its known start.
    pub cut_name: Option<String>,
    /// Whether the client sent a name for the server to look up: version 4a.
    pub is_4a: bool,
    /// Whether the client gave a user. The user's name is not kept.
    pub user_given: bool,
    /// The server's answer: 0x5a granted, 0x5b refused, 0x5c and 0x5d refused for want of identd.
    pub reply: u8,
    /// The second answer to a BIND, when someone connected.
    pub second_reply: Option<u8>,
}

impl Socks4 {
    /// Whether the server opened the way, so that what follows on both sides is the inner protocol.
    pub const fn is_open(&self) -> bool {
        self.reply == GRANTED
    }

    /// The meaning of a server's answer.
    pub const fn reply_name(reply: u8) -> &'static str {
        match reply {
            GRANTED => "succeeded",
            0x5b => "refused or failed",
            0x5c => "client is not running identd",
            _ => "identd does not confirm the user",
        }
    }
}

/// What a SOCKS4 client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// A TCP connection to the target.
    Connect,
    /// A listening port for one connection from the target.
    Bind,
}

impl Command {
    /// The command's name, as findings give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
        }
    }
}

/// Reads the exchange from the request to the last reply.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Socks4> {
    let mut client = Half::new(Side::Client, exchange.client);
    let mut server = Half::new(Side::Server, exchange.server);
    if !may_answer(exchange.server.bytes) || exchange.server.is_unseen() {
        return Answer::No;
    }
    match read(&mut client, &mut server) {
        Ok(layer) => Answer::Yes(Reading {
            layer,
            client: client.position(),
            server: server.position(),
        }),
        Err(Stop::More(need)) => Answer::More(need),
        Err(Stop::No | Stop::Ended) => Answer::No,
    }
}

/// The server's first bytes speak before the request is whole.
fn may_answer(bytes: &[u8]) -> bool {
    let mut bytes = bytes.iter();
    bytes.next().is_none_or(|&byte| byte == 0)
        && bytes.next().is_none_or(|code| REPLIES.contains(code))
}

fn read(client: &mut Half<'_>, server: &mut Half<'_>) -> Result<Socks4, Stop> {
    let request = Request::read(client)?;
    let reply = reply(server)?;
    let waits = request.command == Command::Bind && reply == GRANTED;
    let second_reply = if waits { second_reply(server)? } else { None };
    Ok(Socks4 {
        command: request.command,
        target: request.host.map(|host| Target {
            host,
            port: request.port,
        }),
        cut_name: request.cut_name,
        is_4a: request.is_4a,
        user_given: request.user_given,
        reply,
        second_reply,
    })
}

fn reply(server: &mut Half<'_>) -> Result<u8, Stop> {
    let mut half = *server;
    half.tag(0)?;
    let code = half.u8()?;
    ensure(REPLIES.contains(&code))?;
    half.skip(6)?;
    *server = half;
    Ok(code)
}

/// What does not read as a second reply is the inner protocol already.
fn second_reply(server: &mut Half<'_>) -> Result<Option<u8>, Stop> {
    match reply(server) {
        Ok(code) => Ok(Some(code)),
        Err(Stop::No | Stop::Ended) => Ok(None),
        Err(more) => Err(more),
    }
}

struct Request {
    command: Command,
    host: Option<Host>,
    port: u16,
    is_4a: bool,
    user_given: bool,
    cut_name: Option<String>,
}

impl Request {
    fn read(half: &mut Half<'_>) -> Result<Self, Stop> {
        half.tag(VERSION)?;
        let command = command(half.u8()?)?;
        let port = half.u16()?;
        let octets = half.array::<4>()?;
        let is_4a = octets.starts_with(&[0, 0, 0]);
        ensure(port != 0 && (is_4a || is_reachable(octets)))?;
        let user = text(half, LONGEST_USER, |byte| (b' '..=b'~').contains(&byte))?;
        let mut request = Self {
            command,
            host: (!is_4a).then(|| Host::from_ip(Ipv4Addr::from(octets))),
            port,
            is_4a,
            user_given: !user.known.is_empty() || user.is_cut,
            cut_name: None,
        };
        if is_4a && !user.is_cut {
            request.name(half)?;
        }
        Ok(request)
    }

    fn name(&mut self, half: &mut Half<'_>) -> Result<(), Stop> {
        let name = text(half, LONGEST_NAME, |byte| byte > b' ')?;
        if name.is_cut {
            self.cut_name = name_start(name.known);
            ensure(name.known.is_empty() || self.cut_name.is_some())
        } else {
            self.host = Host::from_text(name.known);
            ensure(self.host.is_some())
        }
    }
}

fn command(code: u8) -> Result<Command, Stop> {
    match code {
        1 => Ok(Command::Connect),
        2 => Ok(Command::Bind),
        _ => Err(Stop::No),
    }
}

/// Nobody asks for "this network", multicast or the reserved classes.
fn is_reachable([first, ..]: [u8; 4]) -> bool {
    (1..224).contains(&first)
}

struct Text<'a> {
    known: &'a [u8],
    is_cut: bool,
}

/// Reads up to a NUL. A cut message ends where its hole does.
fn text<'a>(half: &mut Half<'a>, longest: usize, allows: fn(u8) -> bool) -> Result<Text<'a>, Stop> {
    let rest = half.rest();
    let end = rest.iter().position(|&byte| byte == 0);
    let known = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    ensure(known.len() <= longest && known.iter().all(|&byte| allows(byte)))?;
    let is_cut = end.is_none();
    if is_cut && !half.skip_hole() {
        return Err(half.short(known.len().saturating_add(1)));
    }
    if !is_cut {
        half.skip(known.len().saturating_add(1))?;
    }
    Ok(Text { known, is_cut })
}

const VERSION: u8 = 4;
const GRANTED: u8 = 0x5a;
const REPLIES: std::ops::RangeInclusive<u8> = GRANTED..=0x5d;
const LONGEST_USER: usize = 64;
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::truncation::{Sample, Settled, exchange};
    use crate::proto::{End, Prefix};

    fn good(target: &str) -> Socks4 {
        Socks4 {
            command: Command::Connect,
            target: Target::from_authority(target.as_bytes()),
            cut_name: None,
            is_4a: false,
            user_given: false,
            reply: 0x5a,
            second_reply: None,
        }
    }

    /// `client` and `server` belong to the layer; what is put behind them does not.
    fn check(name: &str, client: &[u8], server: &[u8], layer: Socks4) {
        let reading = Reading {
            layer,
            client: client.len(),
            server: server.len(),
        };
        Sample {
            name,
            client: &[client, b"\x16\x03\x01\x02"].concat(),
            server: &[server, b"\x16\x03\x03"].concat(),
            settled: Settled::AtOnce,
            reading,
        }
        .check(parse);
    }

    #[test]
    fn reads_every_truncation() {
        check(
            "curl to dante",
            b"\x04\x01\x01\xbb\xcb\0\x71\x51\0",
            b"\0\x5a\xaa\x10\xcb\0\x71\x0a",
            good("203.0.113.81:443"),
        );
        check(
            "a user",
            b"\x04\x01\0\x50\x7f\0\0\x01labuser\0",
            b"\0\x5a\0\0\0\0\0\0",
            Socks4 {
                user_given: true,
                ..good("127.0.0.1:80")
            },
        );
        check(
            "4a",
            b"\x04\x01\x01\xbb\0\0\0\x01\0download.vendor-one.test\0",
            b"\0\x5a\0\0\0\0\0\0",
            Socks4 {
                is_4a: true,
                ..good("download.vendor-one.test:443")
            },
        );
        check(
            "4a by 0.0.0.0, as some malware writes it",
            b"\x04\x01\x01\xbb\0\0\0\0fd7bcf7b5c9e1d\0login.live.com\0",
            b"\0\x5a\x01\xbb\x83\xfd\x3d\x50",
            Socks4 {
                is_4a: true,
                user_given: true,
                ..good("login.live.com:443")
            },
        );
        check(
            "refused",
            b"\x04\x01\x01\xbb\xcb\0\x71\x51\0",
            b"\0\x5b\0\0\0\0\0\0",
            Socks4 {
                reply: 0x5b,
                ..good("203.0.113.81:443")
            },
        );
        check(
            "bind",
            b"\x04\x02\0\x15\xcb\0\x71\x51\0",
            b"\0\x5a\x30\x39\x0a\0\0\x01\0\x5a\0\x14\xcb\0\x71\x51",
            Socks4 {
                command: Command::Bind,
                second_reply: Some(0x5a),
                ..good("203.0.113.81:21")
            },
        );
    }

    #[test]
    fn reads_over_a_hole() {
        let cut = |bytes, missing| Prefix {
            bytes,
            end: End::Cut {
                missing,
                then: b"GET",
            },
        };
        let server = Prefix::open(b"\0\x5a\0\0\0\0\0\0SSH-2.0");
        let name = b"\x04\x01\x01\xbb\0\0\0\x01\0downlo";
        let Answer::Yes(reading) = parse(&exchange(cut(name, 30), server)) else {
            panic!("a cut name");
        };
        assert_eq!((reading.client, reading.server), (name.len() + 30, 8));
        assert_eq!(reading.layer.target, None);
        assert_eq!(reading.layer.cut_name.as_deref(), Some("downlo"));

        let user = b"\x04\x01\x01\xbb\x0a\0\0\x01us";
        let Answer::Yes(reading) = parse(&exchange(cut(user, 3), server)) else {
            panic!("a cut user");
        };
        assert_eq!((reading.client, reading.server), (user.len() + 3, 8));
        assert_eq!(
            reading.layer.target,
            Target::from_authority(b"10.0.0.1:443")
        );
    }

    /// Both sides open, so that *no* is said as early as it can be.
    #[test]
    fn look_alikes_are_no() {
        let granted = b"\0\x5a\0\0\0\0\0\0";
        let request = b"\x04\x01\x01\xbb\xcb\0\x71\x51\0";
        let cases: [(&str, &[u8], &[u8]); 14] = [
            ("length-prefixed binary", b"\x04\x01\0\x50\x58\xe0\x73\x6e\x68\xdf\x88\x05", b""),
            ("its answer", request, b"\x06\x01\0\x19"),
            ("ENIP", b"\x04\0\0\0\x78\x56\x34\x12", b""),
            ("TDS response", b"\x04\x01\0\x25\0\0\x01\0", b""),
            ("port 0", b"\x04\x01\0\0\xcb\0\x71\x51\0", granted),
            ("command 3", b"\x04\x03\0\x50\xcb\0\x71\x51\0", granted),
            ("this network", b"\x04\x01\0\x50\0\0\x71\x51\0", granted),
            ("multicast", b"\x04\x01\0\x50\xe0\0\x71\x51\0", granted),
            ("an unprintable user", b"\x04\x01\0\x50\xcb\0\x71\x51\x07", b""),
            ("a long user", b"\x04\x01\0\x50\xcb\0\x71\x51aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b""),
            ("no name", b"\x04\x01\0\x50\0\0\0\x01\0\0", granted),
            ("SSH answers", request, b"SSH-2.0-OpenSSH"),
            ("no such reply", request, b"\0\x59"),
            ("the server speaks first", b"", b"220 mail"),
        ];
        for (name, client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{name}");
        }
    }

    #[test]
    fn one_side_alone_is_no() {
        let request = Prefix::closed(b"\x04\x01\x01\xbb\xcb\0\x71\x51\0");
        let reply = Prefix::closed(b"\0\x5a\0\0\0\0\0\0");
        let nothing = Prefix::closed(b"");
        assert_eq!(parse(&exchange(request, nothing)), Answer::No);
        assert_eq!(parse(&exchange(nothing, reply)), Answer::No);
    }
}
