//! # websocket-tunnel
//!
//! A host carries other protocols in a WebSocket: a tunnel that looks like web traffic.
//!
//! ## Sees
//!
//! The handshake (RFC 6455, section 4) with its proof recomputed, the frames of both sides, and what their messages
//! carry: joined to a stream they are probed for SSH, TLS, SOCKS, HTTP, yamux, smux and Mux.Cool. The marks of chisel, wstunnel
//! (whose readable target is given), wstunnel for Node.js (likewise), rusty-penguin and frp. A WebSocket that is picked
//! up in its middle, by eight frames in a row that fit their side; what it carries is then known by the records of TLS
//! or the packets of SSH.
//!
//! ## Means
//!
//! *proven* (medium): a protocol that is relayed was read inside, or the handshake is that of a tunnel's own tool.
//! *probable* (medium): the server did not prove that it speaks WebSocket and the client, which must then hang up, went
//! on; or both sides carry encrypted bytes from the first one on, in binary messages without a subprotocol, and the
//! client is no browser, since browsers name the page's origin; or records of TLS or SSH were found in a WebSocket that
//! was picked up in its middle. *possible* (low): the server did not prove it and nothing followed; a client that is no
//! browser sends binary messages without masking them, which RFC 6455 forbids, or goes to a name under which a tunnel
//! service publishes hosts. If the client is the one that serves, as with reverse wstunnel and frp, the finding is high.
//!
//! ## Quiet when
//!
//! A web application speaks with its page: text, JSON, images, remote screens (RFB), uploads, STOMP, MQTT, GraphQL,
//! whatever is compressed, a terminal, and whatever a server sends back as it came. That is a fact, not a finding.
//!
//! ## Misses
//!
//! WebSockets inside TLS, over HTTP/2 and HTTP/3, and behind a CONNECT. Messages that are compressed. Handshakes of
//! which the capture kept only a part. Encrypted bytes from a browser. A middle that carries neither TLS nor AES-GCM
//! or encrypt-then-MAC SSH. Who is reached through chisel, and through any tunnel that encrypts it.

mod marks;

use super::tunnel;
use crate::evidence::{Certainty, Evidence, RelayExchange, UNSEEN};
use crate::facts::FlowFacts;
use crate::proto::http::Http;
use crate::proto::http::upgrade::{Acceptance, Handshake};
use crate::proto::socks5::Stage;
use crate::proto::stack::{Layer, Protocol};
use crate::proto::target::Target;
use crate::proto::websocket::{Content, WebSocket};
use marks::Mark;

/// The detector's name.
pub const NAME: &str = "websocket-tunnel";

/// Looks for a WebSocket with the other end of the flow itself, and for what makes it a tunnel.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
    let socket = Socket::find(facts)?;
    let mark = socket
        .request
        .and_then(|(http, handshake)| Mark::of(http, handshake));
    let certainty = socket.certainty(mark)?;
    let exchange = socket.exchange(mark);
    let is_reverse = exchange.reverse;
    let mut evidence = tunnel::evidence(NAME, certainty, facts, socket.layer, exchange);
    if is_reverse {
        evidence.relay = evidence.session.client.address;
    }
    Some(evidence)
}

/// A WebSocket, as far as it was read.
#[derive(Clone, Copy)]
struct Socket<'a> {
    facts: &'a FlowFacts,
    /// The layer that speaks for it, and its place: its frames, or else its handshake.
    layer: &'a Layer,
    at: usize,
    request: Option<(&'a Http, &'a Handshake)>,
    frames: Option<&'a WebSocket>,
}

impl<'a> Socket<'a> {
    fn find(facts: &'a FlowFacts) -> Option<Self> {
        let mut layers = facts.layers.iter().enumerate();
        layers.find_map(|(at, layer)| match &layer.protocol {
            _ if layer.depth > 0 => None,
            Protocol::Http(http) => {
                let request = Some((&**http, http.websocket.as_deref()?));
                let next = facts.layers.get(at + 1);
                let frames = next.and_then(frames_of);
                let socket = Self {
                    facts,
                    layer,
                    at,
                    request,
                    frames,
                };
                match (next, frames) {
                    (Some(layer), Some(_)) => Some(Self {
                        layer,
                        at: at + 1,
                        ..socket
                    }),
                    _ => Some(socket),
                }
            }
            Protocol::WebSocket(frames) => Some(Self {
                facts,
                layer,
                at,
                request: None,
                frames: Some(frames),
            }),
            _ => None,
        })
    }

    fn certainty(&self, mark: Option<Mark<'_>>) -> Option<Certainty> {
        [
            self.inside().and_then(|layer| self.weight_of(layer)),
            mark.map(Mark::certainty),
            self.broken_handshake(),
            self.is_encrypted().then_some(Certainty::Probable),
            self.is_unmasked().then_some(Certainty::Possible),
        ]
        .into_iter()
        .flatten()
        .max()
    }

    /// The first layer inside.
    fn inside(&self) -> Option<&'a Layer> {
        self.facts.layers.get(self.at + 1)
    }

    /// What it proves that this protocol is inside. None of them belongs into the messages of a web application.
    fn weight_of(&self, inside: &Layer) -> Option<Certainty> {
        Some(match &inside.protocol {
            Protocol::Tls(tls) if tls.client_hello.is_none() => Certainty::Probable,
            Protocol::Ssh(ssh) if ssh.client_banner.is_none() && ssh.server_banner.is_none() => {
                Certainty::Probable
            }
            Protocol::Socks5(socks) if socks.stage == Stage::Chosen => Certainty::Possible,
            Protocol::Http(http) if http.response.is_none() => return None,
            Protocol::Page => return None,
            // A terminal of a web application, or what reverse-shell tells.
            Protocol::Shell(_) | Protocol::Stage(_) => return None,
            _ => Certainty::Proven,
        })
    }

    /// A client that is not shown the right answer to its key must close the connection (RFC 6455, section 4.1).
    fn broken_handshake(&self) -> Option<Certainty> {
        let (_, handshake) = self.request?;
        let is_used = tunnel::carried(self.facts, self.handshake_at()).by_client;
        match handshake.acceptance {
            Acceptance::Right => None,
            Acceptance::Wrong | Acceptance::Missing if is_used => Some(Certainty::Probable),
            Acceptance::Wrong | Acceptance::Missing => Some(Certainty::Possible),
        }
    }

    fn handshake_at(&self) -> usize {
        self.at - usize::from(self.frames.is_some())
    }

    fn is_encrypted(&self) -> bool {
        let has_no_form = self.frames.is_some_and(|frames| frames.is_noise);
        has_no_form && self.has_anonymous_client()
    }

    fn is_unmasked(&self) -> bool {
        let manner = self.frames.and_then(|frames| frames.client);
        let is_bare = manner.is_some_and(|m| !m.is_masked && m.content == Content::Binary);
        is_bare && self.has_anonymous_client()
    }

    /// Whether the handshake was seen, and its client is no browser and names no subprotocol.
    fn has_anonymous_client(&self) -> bool {
        self.request.is_some_and(|(_, handshake)| {
            !handshake.has_origin && handshake.offered.is_empty() && handshake.chosen.is_none()
        })
    }

    fn exchange(&self, mark: Option<Mark<'_>>) -> RelayExchange {
        let route = self
            .request
            .and_then(|(_, handshake)| handshake.route.as_ref());
        let serves_back = self.inside().is_some_and(|inside| match &inside.protocol {
            Protocol::Penguin(penguin) => penguin.is_reverse,
            _ => inside.server != self.layer.server,
        });
        let mut exchange = RelayExchange {
            protocol: "websocket",
            command: route.map(|route| route.command.clone()),
            outcome: self.outcome(),
            opened: true,
            target: route.and_then(|route| route.target.clone()),
            marks: self.marks(mark),
            reverse: serves_back
                || mark.is_some_and(Mark::is_reverse)
                || route.is_some_and(|route| route.is_reverse()),
            ..RelayExchange::default()
        };
        tunnel::describe(&mut exchange, &self.facts.layers, self.at);
        if exchange.target.is_none() {
            exchange.target = first_target(&exchange);
        }
        exchange
    }

    fn outcome(&self) -> String {
        match self.request {
            Some((http, _)) => tunnel::outcome(http),
            None => UNSEEN.to_owned(),
        }
    }

    fn marks(&self, mark: Option<Mark<'_>>) -> Vec<String> {
        let acceptance = self.request.map(|(_, handshake)| handshake.acceptance);
        let manner = self.frames.and_then(|frames| frames.client);
        [
            mark.map(Mark::describe),
            match acceptance {
                Some(Acceptance::Wrong) => Some("accept key wrong".to_owned()),
                Some(Acceptance::Missing) => Some("accept key missing".to_owned()),
                Some(Acceptance::Right) | None => None,
            },
            self.is_encrypted()
                .then(|| "encrypted from the first byte on".to_owned()),
            manner
                .is_some_and(|manner| !manner.is_masked)
                .then(|| "client does not mask its frames".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn frames_of(layer: &Layer) -> Option<&WebSocket> {
    match &layer.protocol {
        Protocol::WebSocket(frames) => Some(frames),
        _ => None,
    }
}

/// Whom the first relay inside was asked to reach.
fn first_target(exchange: &RelayExchange) -> Option<Target> {
    exchange.hops.iter().find_map(|hop| hop.target.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Address, Endpoint, Label, Transport};
    use crate::facts::{FlowId, Quality, Traffic};
    use crate::proto::stack::{Heads, Stack};
    use crate::proto::{Prefix, Side};
    use crate::time::Timestamp;

    /// Both sides of a flow that is over.
    struct Ended<'a>(&'a [u8], &'a [u8]);

    impl Heads for Ended<'_> {
        fn prefix(&self, side: Side, from: usize) -> Prefix<'_> {
            let bytes = match side {
                Side::Client => self.0,
                Side::Server => self.1,
            };
            Prefix::closed(bytes.get(from..).unwrap_or_default())
        }

        fn preamble(&self) -> Option<usize> {
            Some(0)
        }
    }

    fn inspected(client: &[u8], server: &[u8], midstream: bool) -> Option<Evidence> {
        let mut stack = Stack::new(midstream);
        stack.probe(&Ended(client, server));
        let endpoint = |last, port| Endpoint {
            address: Address::v4([192, 0, 2, last]),
            port,
        };
        inspect(&FlowFacts {
            id: FlowId(1),
            client: endpoint(1, 50_000),
            server: endpoint(2, 80),
            transport: Transport::TCP,
            opened: Timestamp::default(),
            last_seen: Timestamp::default(),
            label: Label::default(),
            layers: stack.into_layers(),
            traffic: Traffic {
                client_bytes: client.len() as u64,
                server_bytes: server.len() as u64,
                ..Traffic::default()
            },
            quality: Quality {
                midstream,
                ..Quality::default()
            },
            ssh: None,
        })
    }

    /// A handshake with further lines in the request, and what follows.
    fn session(path: &str, lines: &str, client: &[u8], server: &[u8]) -> Option<Evidence> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
        );
        let response =
            b"HTTP/1.1 101 S\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        inspected(
            &[request.as_bytes(), client].concat(),
            &[response, server].concat(),
            false,
        )
    }

    /// A frame of binary data.
    fn binary(payload: &[u8], masked: bool) -> Vec<u8> {
        let length = (payload.len() as u16).to_be_bytes();
        let (short, long) = match payload.len() {
            ..126 => (length[1], &[][..]),
            _ => (126, &length[..]),
        };
        // A key of zeros leaves the payload as it is.
        let (bit, key) = if masked {
            (0x80, &[0; 4][..])
        } else {
            (0, &[][..])
        };
        [&[0x82, bit | short], long, key, payload].concat()
    }

    fn client(payload: &[u8]) -> Vec<u8> {
        binary(payload, true)
    }

    fn server(payload: &[u8]) -> Vec<u8> {
        binary(payload, false)
    }

    fn noise(mut state: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < 300 {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            bytes.push((state >> 11) as u8);
        }
        bytes
    }

    fn told(evidence: Option<Evidence>) -> String {
        evidence.map_or("nothing".to_owned(), |evidence| {
            let exchange = evidence.exchange().unwrap();
            let inner = exchange
                .inner
                .as_ref()
                .map(|inner| inner.protocol.to_owned());
            let target = exchange.target.as_ref().map(ToString::to_string);
            let reverse = exchange.reverse.then(|| "reverse".to_owned());
            let certainty = Some(format!("{:?}", evidence.certainty).to_lowercase());
            [certainty, inner, target, reverse]
                .into_iter()
                .flatten()
                .chain(exchange.marks.clone())
                .collect::<Vec<_>>()
                .join("; ")
        })
    }

    #[test]
    fn what_is_inside_tells() {
        const SSH: &[u8] = b"SSH-2.0-Go\r\n";
        const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: b.test\r\n\r\n";
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let cases: [(&[u8], &[u8], &str); 10] = [
            (SSH, SSH, "proven; ssh"),
            (GET, OK, "proven; http"),
            (GET, b"{}", "nothing"),
            (
                b"\0\x0c\0\x01\x01\x01\x01\0\0\x01\x7f\0\0\x01\0\x01",
                b"\0\x04\0\x01\x02\x01\0\x01",
                "proven; mux.cool",
            ),
            (
                b"\x05\x01\0\x05\x01\0\x03\x06c.test\0\x50",
                b"\x05\0\x05\0\0\x01\0\0\0\0\0\0",
                "proven; c.test:80",
            ),
            (
                b"\x05\0\x05\0\0\x01\0\0\0\0\0\0",
                b"\x05\x01\0\x05\x01\0\x03\x06c.test\0\x50",
                "proven; c.test:80; reverse",
            ),
            (
                b"\0\x02\0\x01\0\0\0\0\0\0\0\x07",
                b"\0\x02\0\x02\0\0\0\0\0\0\0\x07",
                "proven; yamux",
            ),
            (
                b"\x70\0\0\0\x09\0\0\x02\0\0\x50c.test",
                b"\x71\0\0\0\x09\0\0\x02\0",
                "proven; c.test:80",
            ),
            (b"RFB 003.008\n", b"RFB 003.008\n", "nothing"),
            (b"id\n", b"me@vm:/$ uid=0(root)\nme@vm:/$ ", "nothing"),
        ];
        for (said, answered, expected) in cases {
            let evidence = session("/", "", &client(said), &server(answered));
            assert_eq!(told(evidence), expected, "{said:?}");
        }
    }

    #[test]
    fn tools_tell_on_themselves() {
        let cases = [
            (
                "/",
                "Sec-WebSocket-Protocol: chisel-v3\r\n",
                "proven; chisel (subprotocol chisel-v3)",
            ),
            (
                "/v1/events",
                "Sec-WebSocket-Protocol: v1, authorization.bearer.e30.\
                 eyJwIjoiUmV2ZXJzZVRjcCIsInIiOiIwLjAuMC4wIiwicnAiOjIyMjJ9.c2ln\r\n",
                "proven; 0.0.0.0:2222; reverse; wstunnel (subprotocol v1 with a route)",
            ),
            (
                "/?dst=10.0.0.1:22",
                "Sec-WebSocket-Protocol: tunnel-protocol\r\n",
                "proven; 10.0.0.1:22; wstunnel for Node.js (subprotocol tunnel-protocol with a route)",
            ),
            (
                "/~!frp",
                "Origin: a\r\n",
                "proven; reverse; frp (path /~!frp)",
            ),
            ("/chat", "Sec-WebSocket-Protocol: v1\r\n", "nothing"),
            ("/", "Host: a.ngrok.io\r\n", "nothing"),
        ];
        for (path, lines, expected) in cases {
            assert_eq!(told(session(path, lines, b"", b"")), expected, "{path}");
        }
    }

    #[test]
    fn a_wrong_key_tells() {
        let request = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n\r\n";
        let wrong = b"HTTP/1.1 101 S\r\nSec-WebSocket-Accept: AAAA\r\n\r\n";
        let cases: [(&[u8], &[u8], &str); 4] = [
            (b"", b"", "possible; accept key wrong"),
            (b"", b"\x81\x02{}", "possible; accept key wrong"),
            (
                b"\x81\x82\0\0\0\0{}",
                b"\x81\x02{}",
                "probable; accept key wrong",
            ),
            (
                b"SSH-2.0-Go\r\n",
                b"SSH-2.0-Go\r\n",
                "proven; ssh; accept key wrong",
            ),
        ];
        for (said, answered, expected) in cases {
            let client = [&request[..], said].concat();
            let server = [&wrong[..], answered].concat();
            assert_eq!(told(inspected(&client, &server, false)), expected);
        }
        let missing = inspected(request, b"HTTP/1.1 101 S\r\n\r\n", false);
        assert_eq!(told(missing), "possible; accept key missing");
    }

    #[test]
    fn noise_and_bare_frames_tell_of_a_client_that_is_no_browser() {
        let (one, other) = (client(&noise(1)), server(&noise(2)));
        let encrypted = "probable; encrypted from the first byte on";
        let bare = "possible; client does not mask its frames";
        let cases = [
            ("", &one, &other, encrypted),
            ("Origin: a\r\n", &one, &other, "nothing"),
            ("Sec-WebSocket-Protocol: mqtt\r\n", &one, &other, "nothing"),
            ("", &one, &server(&noise(1)), "nothing"),
            ("", &server(b"abc"), &server(b"def"), bare),
            ("Origin: a\r\n", &server(b"abc"), &server(b"def"), "nothing"),
        ];
        for (lines, said, answered, expected) in cases {
            assert_eq!(
                told(session("/", lines, said, answered)),
                expected,
                "{lines}"
            );
        }
    }

    #[test]
    fn a_middle_tells_by_its_records() {
        let record = b"\x17\x03\x03\0\x02ab";
        let (said, answered) = (client(record).repeat(4), server(record).repeat(4));
        assert_eq!(told(inspected(&said, &answered, true)), "probable; tls");
        let evidence = inspected(&answered, &said, true).unwrap();
        assert_eq!(evidence.session.server.port, 50_000);
        assert_eq!(told(inspected(&said, &answered, false)), "nothing");
        let (said, answered) = (client(b"{}").repeat(9), server(b"{}").repeat(9));
        assert_eq!(told(inspected(&said, &answered, true)), "nothing");
    }
}
