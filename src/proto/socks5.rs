//! SOCKS version 5: RFC 1928, with RFC 1929 (user name and password) and RFC 1961 (GSSAPI).
//!
//! The grammar is read from the byte stream and not from segments: clients may send the request before the method was
//! chosen, and data before the reply.

pub mod address;
mod message;
mod talk;

use super::target::Target;
use super::{Answer, Exchange, Side};

/// A SOCKS5 exchange, as far as it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Socks5 {
    /// The methods that the client offered, in its order; empty where the client was not seen.
    pub methods: Vec<u8>,
    /// The method that the server chose; [`Socks5::REFUSED`] is none of them. `None` where the server was not seen.
    pub method: Option<u8>,
    /// Whether the client gave a user name. The name itself is not kept, nor is the password.
    pub user_given: bool,
    /// Whether the server accepted the authentication; `None` where there was none, or its end was not seen.
    pub accepted: Option<bool>,
    /// Whether the rest of the stream cannot be read: an unknown method, or GSSAPI with message protection.
    pub opaque: bool,
    /// What the client asked for.
    pub command: Option<Command>,
    /// Where to.
    pub target: Option<Target>,
    /// Where the capture cut the target: the known start of its name.
    pub cut_name: Option<String>,
    /// The server's answer to the request.
    pub reply: Option<Reply>,
    /// The second answer to a BIND: who connected.
    pub second_reply: Option<Reply>,
    /// How far the exchange got.
    pub stage: Stage,
    /// The side that stands alone, where the other was never seen.
    pub one_sided: Option<Side>,
}

/// How far a SOCKS5 exchange got. The evidence grows with the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Greeting and method: a few bytes, which chance may give.
    #[default]
    Chosen,
    /// The server did not accept the authentication.
    AuthFailed,
    /// The server accepted the authentication.
    Authenticated,
    /// The client sent a request.
    Requested,
    /// The server answered the request: beyond doubt.
    Answered,
}

/// RFC 1928, section 4, and Tor's `socks-extensions.txt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// A TCP connection to the target.
    Connect,
    /// A listening port for one connection from the target.
    Bind,
    /// A relay for UDP datagrams; the target is where the client will send from.
    UdpAssociate,
    /// Tor: look up a name.
    Resolve,
    /// Tor: look up an address's name.
    ResolvePtr,
}

/// The server's answer to a request, RFC 1928, section 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 0 for success, 1 to 8 for the RFC's failures, 0xf0 to 0xf7 for Tor's.
    pub code: u8,
    /// The bound address; for UDP ASSOCIATE where the relay listens. `None` where a failing server left it out.
    pub bound: Option<Target>,
}

impl Socks5 {
    /// Where the server listens for somebody to come, if it was asked to (BIND).
    pub fn bound(&self) -> Option<&Target> {
        let reply = self.reply.as_ref()?;
        let listens = self.command == Some(Command::Bind) && reply.code == 0;
        listens.then_some(reply.bound.as_ref())?
    }

    /// The method that says that no offered method is acceptable.
    pub const REFUSED: u8 = 0xff;

    /// Whether the server did what was asked.
    pub fn is_open(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| reply.code == 0)
    }

    /// Whether what follows on both sides is the inner protocol, in the clear.
    pub fn carries_stream(&self) -> bool {
        let stream = matches!(self.command, Some(Command::Connect | Command::Bind));
        stream && self.is_open() && !self.opaque
    }

    /// The name of an authentication method (IANA, SOCKS Methods).
    pub const fn method_name(method: u8) -> &'static str {
        match method {
            0 => "none",
            1 => "gssapi",
            2 => "user-password",
            3 => "chap",
            5 => "challenge-response",
            6 => "tls",
            7 => "nds",
            8 => "multi-authentication",
            9 => "json-parameters",
            Self::REFUSED => "none-acceptable",
            _ => "private",
        }
    }
}

impl Command {
    /// The command's name, as findings give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::UdpAssociate => "udp-associate",
            Self::Resolve => "resolve",
            Self::ResolvePtr => "resolve-ptr",
        }
    }
}

impl Reply {
    /// The meaning of the code: RFC 1928, section 6, in the words of Zeek's `socks.log`.
    pub fn name(&self) -> String {
        match self.code {
            0 => "succeeded",
            1 => "general SOCKS server failure",
            2 => "connection not allowed by ruleset",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "TTL expired",
            7 => "command not supported",
            8 => "address type not supported",
            code => return format!("reply {code}"),
        }
        .to_owned()
    }
}

/// Reads the exchange from the greeting to the last reply.
///
/// One side alone suffices where it shows two messages: the client's greeting and request, or the server's choice and
/// whole reply. A greeting and a choice alone are given when nothing more can come.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Socks5> {
    talk::read(exchange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::truncation::{Sample, Settled, exchange};
    use crate::proto::{End, Need, Prefix, Reading};

    fn target(text: &str) -> Option<Target> {
        Target::from_authority(text.as_bytes())
    }

    fn granted(bound: &str) -> Option<Reply> {
        let code = 0;
        let bound = target(bound);
        Some(Reply { code, bound })
    }

    /// CONNECT without authentication, granted by a server that does not tell its address.
    fn connected(methods: &[u8], to: &str) -> Socks5 {
        let unspecified = Target {
            host: crate::proto::target::Host::from_ip([0; 4]),
            port: 0,
        };
        Socks5 {
            methods: methods.to_vec(),
            method: Some(0),
            command: Some(Command::Connect),
            target: target(to),
            reply: Some(Reply {
                code: 0,
                bound: Some(unspecified),
            }),
            stage: Stage::Answered,
            ..Socks5::default()
        }
    }

    /// The last of each side's parts is the inner protocol's.
    fn check(name: &str, client: [&[u8]; 2], server: [&[u8]; 2], layer: Socks5) {
        check_settled(Settled::AtOnce, name, client, server, layer);
    }

    fn check_settled(
        settled: Settled,
        name: &str,
        client: [&[u8]; 2],
        server: [&[u8]; 2],
        layer: Socks5,
    ) {
        let reading = Reading {
            layer,
            client: client[0].len(),
            server: server[0].len(),
        };
        Sample {
            name,
            client: &client.concat(),
            server: &server.concat(),
            settled,
            reading,
        }
        .check(parse);
    }

    const GRANTED: &[u8] = b"\x05\0\0\x01\0\0\0\0\0\0";
    const INNER: &[u8] = b"\x16\x03\x01\x02\0\x01";

    #[test]
    fn reads_every_truncation_of_a_connect() {
        check(
            "proxychains, PySocks",
            [b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\x0d\x3d", INNER],
            [b"\x05\0\x05\0\0\x01\0\0\0\0\0\0", INNER],
            connected(&[0], "10.0.0.1:3389"),
        );
        check(
            "curl with GSSAPI, and a name",
            [
                b"\x05\x02\0\x01\x05\x01\0\x03\x0dWww.test-1_a.\x01\xbb",
                INNER,
            ],
            [b"\x05\0\x05\0\0\x01\0\0\0\0\0\0", b""],
            connected(&[0, 1], "www.test-1_a:443"),
        );
        check(
            "an IPv6 literal, an IPv6 address bound",
            [
                b"\x05\x01\0\x05\x01\0\x04\xfd\x50\0\x01\0\0\0\0\0\0\0\0\0\0\0\x1e\0\x50",
                INNER,
            ],
            [
                b"\x05\0\x05\0\0\x04\xfd\x50\0\x01\0\0\0\0\0\0\0\0\0\0\0\x0a\xd9\x6c",
                INNER,
            ],
            Socks5 {
                reply: granted("[fd50:1::a]:55660"),
                ..connected(&[0], "[fd50:1::1e]:80")
            },
        );
        check(
            "a literal as a name, a name bound, empty",
            [b"\x05\x01\0\x05\x01\0\x03\x0b203.0.113.8\0\x19", b""],
            [b"\x05\0\x05\0\0\x03\0\0\0", b"220 mail"],
            Socks5 {
                reply: Some(Reply {
                    code: 0,
                    bound: None,
                }),
                ..connected(&[0], "203.0.113.8:25")
            },
        );
        check(
            "a private method with nothing to negotiate",
            [b"\x05\x02\0\x80\x05\x01\0\x01\x0a\0\0\x01\0\x50", INNER],
            [b"\x05\x80\x05\0\0\x01\0\0\0\0\0\0", INNER],
            Socks5 {
                method: Some(0x80),
                ..connected(&[0, 0x80], "10.0.0.1:80")
            },
        );
    }

    #[test]
    fn reads_every_truncation_with_a_password() {
        let client = b"\x05\x03\0\x01\x02\x01\x07labuser\x06s3cret\x05\x01\0\x01\x0a\0\0\x01\0\x50";
        let with_user = Socks5 {
            method: Some(2),
            user_given: true,
            accepted: Some(true),
            ..connected(&[0, 1, 2], "10.0.0.1:80")
        };
        let server = [b"\x05\x02\x01\0", GRANTED].concat();
        check("curl", [client, INNER], [&server, INNER], with_user.clone());
        let server = [b"\x05\x02\x05\0", GRANTED].concat();
        check(
            "a server that says 5 for 1",
            [client, INNER],
            [&server, INNER],
            with_user,
        );
        check(
            "no password, no user, Tor in one flight",
            [
                b"\x05\x01\x02\x01\0\0\x05\x01\0\x01\x0a\0\0\x01\0\x50",
                INNER,
            ],
            [&server, b""],
            Socks5 {
                method: Some(2),
                accepted: Some(true),
                ..connected(&[2], "10.0.0.1:80")
            },
        );
        check(
            "the request in place of the password",
            [b"\x05\x02\0\x02\x05\x01\0\x03\x04name\0\x50", INNER],
            [b"\x05\x02\x05\0\0\x01\0\0\0\0\0\0", INNER],
            Socks5 {
                method: Some(2),
                ..connected(&[0, 2], "name:80")
            },
        );
        check(
            "a wrong password",
            [b"\x05\x02\0\x02\x01\x04user\x02pw", b""],
            [b"\x05\x02\x01\xff", b""],
            Socks5 {
                methods: vec![0, 2],
                method: Some(2),
                user_given: true,
                accepted: Some(false),
                stage: Stage::AuthFailed,
                ..Socks5::default()
            },
        );
    }

    #[test]
    fn reads_every_truncation_with_gssapi() {
        let negotiated = Socks5 {
            method: Some(1),
            accepted: Some(true),
            ..connected(&[0, 1], "10.0.0.1:80")
        };
        let token = b"\x05\x02\0\x01\x01\x01\0\x04\x60\x82\x01\x02\x01\x02\0\x02\xaa\xbb";
        let request = b"\x05\x01\0\x01\x0a\0\0\x01\0\x50";
        let answer = b"\x05\x01\x01\x01\0\x03\x60\x01\x02\x01\x02\0\x01\xcc";
        check(
            "NEC: no protection",
            [&[&token[..], request].concat(), INNER],
            [&[&answer[..], GRANTED].concat(), INNER],
            negotiated.clone(),
        );
        check(
            "protected",
            [token, b"\x01\x03\0\x10\xee\xee\xee"],
            [answer, b"\x01\x03\0\x20\xdd"],
            Socks5 {
                methods: vec![0, 1],
                method: Some(1),
                accepted: Some(true),
                opaque: true,
                stage: Stage::Authenticated,
                ..Socks5::default()
            },
        );
        check(
            "refused",
            [b"\x05\x01\x01\x01\x01\0\x02\x60\x00", b""],
            [b"\x05\x01\x01\xff", b""],
            Socks5 {
                methods: vec![1],
                method: Some(1),
                accepted: Some(false),
                stage: Stage::AuthFailed,
                ..Socks5::default()
            },
        );
    }

    #[test]
    fn reads_every_truncation_of_other_commands() {
        check(
            "a reply of refusal",
            [b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\0\x09", b""],
            [b"\x05\0\x05\x05\0\x01\x0a\0\0\x02\0\x07", b""],
            Socks5 {
                reply: Some(Reply {
                    code: 5,
                    bound: target("10.0.0.2:7"),
                }),
                ..connected(&[0], "10.0.0.1:9")
            },
        );
        let mut udp = connected(&[0], "0.0.0.0:42177");
        udp.command = Some(Command::UdpAssociate);
        udp.reply = granted("203.0.113.10:55660");
        check(
            "UDP ASSOCIATE",
            [b"\x05\x01\0\x05\x03\0\x01\0\0\0\0\xa4\xc1", b""],
            [b"\x05\0\x05\0\0\x01\xcb\0\x71\x0a\xd9\x6c", b""],
            udp,
        );
        let mut resolve = connected(&[0], "example.test:1");
        resolve.command = Some(Command::Resolve);
        resolve.target.as_mut().unwrap().port = 0;
        check(
            "Tor RESOLVE",
            [b"\x05\x01\0\x05\xf0\0\x03\x0cexample.test\0\0", b""],
            [b"\x05\0\x05\0\0\x01\0\0\0\0\0\0", b""],
            resolve,
        );
        let mut bind = connected(&[0], "198.51.100.66:1");
        bind.command = Some(Command::Bind);
        bind.target.as_mut().unwrap().port = 0;
        bind.reply = granted("203.0.113.10:60153");
        bind.second_reply = granted("198.51.100.66:50766");
        check(
            "BIND",
            [b"\x05\x01\0\x05\x02\0\x01\xc6\x33\x64\x42\0\0", b""],
            [
                b"\x05\0\x05\0\0\x01\xcb\0\x71\x0a\xea\xf9\x05\0\0\x01\xc6\x33\x64\x42\xc6\x4e",
                b"\x85\x08",
            ],
            bind,
        );
    }

    #[test]
    fn reads_every_truncation_of_what_stays_short() {
        let chosen = Socks5 {
            methods: vec![0, 1],
            method: Some(0xff),
            ..Socks5::default()
        };
        check_settled(
            Settled::AtTheEnd,
            "refused",
            [b"\x05\x02\0\x01", b""],
            [b"\x05\xff", b""],
            chosen.clone(),
        );
        check_settled(
            Settled::AtTheEnd,
            "greeting and choice",
            [b"\x05\x02\0\x01", b""],
            [b"\x05\0", b""],
            Socks5 {
                method: Some(0),
                ..chosen.clone()
            },
        );
        check(
            "CHAP",
            [b"\x05\x02\0\x03", b"\x01\x01\x11"],
            [b"\x05\x03", b""],
            Socks5 {
                methods: vec![0, 3],
                method: Some(3),
                opaque: true,
                ..chosen
            },
        );
        check_settled(
            Settled::AtTheEnd,
            "a request without an answer",
            [b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\0\x09", b""],
            [b"\x05\0", b""],
            Socks5 {
                reply: None,
                stage: Stage::Requested,
                ..connected(&[0], "10.0.0.1:9")
            },
        );
    }

    fn read(client: Prefix<'_>, server: Prefix<'_>) -> Option<Reading<Socks5>> {
        match parse(&exchange(client, server)) {
            Answer::Yes(reading) => Some(reading),
            _ => None,
        }
    }

    #[test]
    fn one_side_alone_needs_two_messages() {
        let nothing = Prefix::closed(b"");
        let both = b"\x05\x02\0\x02\x01\x01a\x01b\x05\x01\0\x01\x0a\0\0\x01\0\x50rest";
        let reading = read(Prefix::open(both), nothing).unwrap();
        assert_eq!((reading.client, reading.server), (both.len() - 4, 0));
        assert_eq!(reading.layer.one_sided, Some(Side::Client));
        assert_eq!(reading.layer.stage, Stage::Requested);
        assert_eq!(reading.layer.target, target("10.0.0.1:80"));
        assert_eq!(read(Prefix::closed(&both[..4]), nothing), None);

        let replies = b"\x05\x02\x01\0\x05\0\0\x01\x0a\0\0\x01\0\x50rest";
        let reading = read(nothing, Prefix::open(replies)).unwrap();
        assert_eq!((reading.client, reading.server), (0, replies.len() - 4));
        assert_eq!(reading.layer.one_sided, Some(Side::Server));
        assert_eq!(reading.layer.reply, granted("10.0.0.1:80"));
        for partial in [
            &b"\x05\0"[..],
            b"\x05\0\x05\x01",
            b"\x05\xff",
            b"\x05\x02\x01\0",
        ] {
            assert_eq!(read(nothing, Prefix::closed(partial)), None, "{partial:?}");
        }
    }

    #[test]
    fn a_refusal_may_be_cut_short() {
        let client = Prefix::closed(b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\0\x50");
        let cases: [(&[u8], Stage, Option<u8>); 4] = [
            (b"\x05\0\x05\x02", Stage::Answered, Some(2)),
            (b"\x05\0\x05\x02\0", Stage::Answered, Some(2)),
            (b"\x05\0\x05\0", Stage::Requested, None),
            (b"\x05\0\x05", Stage::Requested, None),
        ];
        for (server, stage, code) in cases {
            let layer = read(client, Prefix::closed(server)).unwrap().layer;
            assert_eq!(layer.stage, stage, "{server:?}");
            assert_eq!(layer.reply.map(|reply| reply.code), code, "{server:?}");
        }
    }

    #[test]
    fn reads_over_a_hole() {
        let cut = |bytes, missing| Prefix {
            bytes,
            end: End::Cut {
                missing,
                then: INNER,
            },
        };
        let server = Prefix::open(b"\x05\0\x05\0\0\x01\0\0\0\0\0\0rest");
        let name = b"\x05\x01\0\x05\x01\0\x03\x1dnews.vend";
        let reading = read(cut(name, 22), server).unwrap();
        assert_eq!((reading.client, reading.server), (name.len() + 22, 12));
        assert_eq!(reading.layer.target, None);
        assert_eq!(reading.layer.cut_name.as_deref(), Some("news.vend"));
        assert!(reading.layer.is_open());

        let password = b"\x05\x01\x02\x01\x04us";
        let after = Prefix {
            bytes: password,
            end: End::Cut {
                missing: 9,
                then: b"\x05\x01\0\x01\x0a\0\0\x01\0\x50rest",
            },
        };
        let server = Prefix::open(b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0");
        let reading = read(after, server).unwrap();
        assert_eq!((reading.client, reading.server), (password.len() + 19, 14));
        assert_eq!(reading.layer.target, target("10.0.0.1:80"));
    }

    /// Both sides open, so that *no* is said as early as it can be.
    #[test]
    fn look_alikes_are_no() {
        let greeting = b"\x05\x01\0";
        let request = b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\0\x50";
        let cases: [(&str, &[u8], &[u8]); 25] = [
            ("DCE/RPC bind", b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0", b""),
            ("DCE/RPC, server first", b"", b"\x05\0\x0c\x03\x10\0\0\0"),
            (
                "length-prefixed binary",
                b"\x05\x01\0\x62\xed\x8f\x13\x0f",
                b"",
            ),
            ("two methods of it", b"\x05\x02\0\x02\x8a\xa0\xe1\x4c", b""),
            ("its answer", greeting, b"\x06\x01\0\x51"),
            ("a 400", greeting, b"HTTP/1.1 400 Bad Request\r\n"),
            ("an SSH banner", greeting, b"SSH-2.0-OpenSSH_9.2\r\n"),
            ("a method not offered", greeting, b"\x05\x02"),
            ("MQTT", b"\x10\x0c\0\x04MQTT", b""),
            ("Redis", b"*1\r\n$4\r\nPING\r\n", b""),
            ("no method", b"\x05\0", b""),
            ("methods twice", b"\x05\x02\0\0", b""),
            ("an unassigned method", b"\x05\x01\x04", b""),
            ("a reserved method", b"\x05\x01\xff", b""),
            ("talk behind the refusal", greeting, b"\x05\xff\0"),
            ("command 4", b"\x05\x01\0\x05\x04", b"\x05\0"),
            ("reserved byte", b"\x05\x01\0\x05\x01\x01", b"\x05\0"),
            ("address type 2", b"\x05\x01\0\x05\x01\0\x02", b"\x05\0"),
            ("no name", b"\x05\x01\0\x05\x01\0\x03\0\0\x50", b"\x05\0"),
            (
                "no name but noise",
                b"\x05\x01\0\x05\x01\0\x03\x02\x01\x02\0\x50",
                b"\x05\0",
            ),
            (
                "port 0",
                b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\0\0",
                b"\x05\0",
            ),
            ("reply 9", request, b"\x05\0\x05\x09"),
            ("reply of another version", request, b"\x05\0\x04\0"),
            ("reply's reserved byte", request, b"\x05\0\x05\0\x01"),
            ("both closed and empty", b"", b"\0"),
        ];
        for (name, client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{name}");
        }
        let unanswered = exchange(Prefix::closed(greeting), Prefix::closed(b""));
        assert_eq!(parse(&unanswered), Answer::No);
    }

    /// What the other side still says may speak against a greeting and a choice, whatever ended on this one.
    #[test]
    fn a_greeting_and_a_choice_wait_for_the_end_of_both_sides() {
        let cut = |bytes| Prefix {
            bytes,
            end: End::Cut {
                missing: 10,
                then: b"",
            },
        };
        let greeting = Prefix::open(b"\x05\x01\0");
        let none = Prefix::open(b"\x05\0");
        let more = |side, total| Answer::More(Need::of(side, total));
        let cases = [
            (cut(b"\x05\x01\0"), none, more(Side::Server, 3)),
            (greeting, Prefix::open(b"\x05\xff"), more(Side::Server, 3)),
            (greeting, cut(b"\x05\xff"), more(Side::Client, 4)),
            (greeting, cut(b"\x05\0"), more(Side::Client, 4)),
        ];
        for (client, server, answer) in cases {
            assert_eq!(
                parse(&exchange(client, server)),
                answer,
                "{client:02x?} {server:02x?}"
            );
        }
    }

    #[test]
    fn a_long_greeting_and_a_choice_prove_nothing() {
        let methods: Vec<u8> = (0x80..0x8b).collect();
        let client = [&[5, 11], methods.as_slice()].concat();
        let closed = exchange(Prefix::closed(&client), Prefix::closed(b"\x05\x80"));
        assert_eq!(parse(&closed), Answer::No);
        let closed = exchange(Prefix::closed(b"\x05\x01\0"), Prefix::closed(b"\x05\0\x05"));
        assert_eq!(parse(&closed), Answer::No);
    }
}
