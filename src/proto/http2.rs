//! HTTP/2 with prior knowledge (RFC 9113, section 3.3): the first requests of a connection in the clear, and the
//! tunnel that one of them opens.
//!
//! CONNECT (section 8.5) turns one stream of the connection into a tunnel; the extended CONNECT (RFC 8441) names a
//! protocol for it, such as `websocket` or `connect-udp`.

mod hpack;
mod huffman;
mod talk;

use super::half::{Half, Stop, ensure};
use super::target::Target;
use super::{Answer, Exchange, Need, Reading, Side};
use talk::{Fields, Talk};

/// The beginning of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// The first requests, in order. Where one opened a tunnel, this one alone.
    pub requests: Vec<Request>,
    /// The tunnel, if the server granted one.
    pub tunnel: Option<Tunnel>,
    /// Whether the server allows the extended CONNECT.
    pub extended_connect: bool,
}

/// A request and what came of it. Values of header fields are short and printable; credentials are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The stream's number.
    pub stream: u32,
    /// `:method`
    pub method: String,
    /// `:authority`
    pub authority: Option<String>,
    /// `:path`; none for a CONNECT that names no protocol.
    pub path: Option<String>,
    /// `:protocol` of an extended CONNECT.
    pub protocol: Option<String>,
    /// `user-agent`
    pub user_agent: Option<String>,
    /// Whether the client sent `proxy-authorization`.
    pub proxy_authorization: bool,
    /// The final `:status`, where one was seen.
    pub status: Option<u16>,
    /// `server` of the response.
    pub server: Option<String>,
    /// `via` of the response.
    pub via: Option<String>,
}

/// A tunnel through one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Whether the client sent something through it.
    pub client_spoke: bool,
    /// Whether the server sent something through it.
    pub server_spoke: bool,
    /// What either side said in its first frame, until somebody takes it.
    first: Option<Box<First>>,
}

/// The first bytes of both sides of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// From the client.
    pub client: Vec<u8>,
    /// From the server.
    pub server: Vec<u8>,
}

impl Http2 {
    /// The CONNECT that opened the tunnel, or the first one.
    pub fn connect(&self) -> Option<&Request> {
        self.requests.iter().find(|request| request.is_connect())
    }

    /// Takes the first bytes out of a tunnel for a protocol that was not named.
    pub fn take_first(&mut self) -> Option<First> {
        let is_named = |request: &Request| request.protocol.is_some();
        if self.connect().is_none_or(is_named) {
            return None;
        }
        Some(*self.tunnel.as_mut()?.first.take()?)
    }

    /// An upper bound of the bytes of memory that one needs.
    pub const MOST_BYTES: usize = 1024 + MOST_REQUESTS * 7 * (talk::LONGEST_VALUE + 64);
}

impl Request {
    /// Whether it asks for a tunnel, to a host or by a named protocol.
    pub fn is_connect(&self) -> bool {
        self.method == "CONNECT"
    }

    /// Where a CONNECT that names no protocol leads to.
    pub fn target(&self) -> Option<Target> {
        let plain = self.is_connect() && self.protocol.is_none();
        let authority = self.authority.as_ref().filter(|_| plain)?;
        Target::from_authority(authority.as_bytes())
    }

    /// Where a `connect-udp` leads to, by the path that clients and proxies agree on if they say nothing else
    /// (RFC 9298, section 2): `/.well-known/masque/udp/HOST/PORT/`.
    pub fn udp_target(&self) -> Option<Target> {
        let rest = self.path.as_ref()?.split_once("/masque/udp/")?.1;
        let mut parts = rest.split('/');
        let (host, port) = (parts.next()?.replace("%3A", ":"), parts.next()?);
        let authority = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        Target::from_authority(authority.as_bytes())
    }

    fn new(stream: u32, fields: &Fields) -> Option<Self> {
        Some(Self {
            stream,
            method: fields.method.clone()?,
            authority: fields.authority.clone(),
            path: fields.path.clone(),
            protocol: fields.protocol.clone(),
            user_agent: fields.user_agent.clone(),
            proxy_authorization: fields.proxy_authorization,
            status: None,
            server: None,
            via: None,
        })
    }

    fn answer(&mut self, fields: &Fields) {
        self.status = fields.status;
        self.server.clone_from(&fields.server);
        self.via.clone_from(&fields.via);
    }
}

/// Reads the first frames: *yes* when a tunnel was granted and it is known whether both sides use it, when
/// [`MOST_REQUESTS`] were answered, or when nothing more can be read. No other protocol follows.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Http2> {
    match read(exchange) {
        Ok(layer) => Answer::Yes(Reading {
            layer,
            client: Reading::<Http2>::EVERYTHING,
            server: Reading::<Http2>::EVERYTHING,
        }),
        Err(Stop::More(need)) => Answer::More(need),
        Err(Stop::No | Stop::Ended) => Answer::No,
    }
}

fn read(exchange: &Exchange<'_>) -> Result<Http2, Stop> {
    let mut client = Half::new(Side::Client, exchange.client);
    let start = client.known(PREFACE.len());
    ensure(PREFACE.starts_with(start))?;
    let server = Talk::read(Half::new(Side::Server, exchange.server))?;
    client.take(PREFACE.len())?;
    let client = Talk::read(client)?;
    Conversation { client, server }.decide()
}

/// Both sides of a connection.
struct Conversation<'a> {
    client: Talk<'a>,
    server: Talk<'a>,
}

impl Conversation<'_> {
    fn decide(&self) -> Result<Http2, Stop> {
        if let Some(request) = self.granted()? {
            let tunnel = self.tunnel(request.stream)?;
            return Ok(self.layer(vec![request], Some(tunnel)));
        }
        let requests = self.requests();
        let answered = requests.iter().all(|request| request.status.is_some());
        if requests.len() < MOST_REQUESTS || !answered {
            self.wait()?;
        }
        Ok(self.layer(requests, None))
    }

    fn layer(&self, requests: Vec<Request>, tunnel: Option<Tunnel>) -> Http2 {
        Http2 {
            requests,
            tunnel,
            extended_connect: self.server.extended_connect,
        }
    }

    /// The CONNECT that the server granted first. So it stays the same whatever either side says later.
    fn granted(&self) -> Result<Option<Request>, Stop> {
        let grants = |fields: &Fields| fields.status.is_some_and(|s| (200..300).contains(&s));
        for (stream, fields) in self.server.heads.iter().filter(|(_, f)| grants(f)) {
            match self.request(*stream)? {
                Some(mut request) if request.is_connect() => {
                    request.answer(fields);
                    return Ok(Some(request));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The request of a stream that was answered; `None` if it is not among the first. Clients number their streams
    /// upwards, so one that was passed over does not come any more.
    fn request(&self, stream: u32) -> Result<Option<Request>, Stop> {
        let mut asked = self.client.heads.iter().take(MOST_REQUESTS);
        if let Some((_, fields)) = asked.find(|(of, _)| *of == stream) {
            return Ok(Request::new(stream, fields));
        }
        let passed = self.client.heads.iter().any(|(of, _)| *of > stream);
        match self.client.need() {
            Some(need) if !passed && self.client.heads.len() < MOST_REQUESTS => {
                Err(Stop::More(Need::of(Side::Client, need)))
            }
            _ => Ok(None),
        }
    }

    fn tunnel(&self, stream: u32) -> Result<Tunnel, Stop> {
        if !self.client.is_clear(stream) || !self.server.is_clear(stream) {
            let unless_clear = |talk: &Talk<'_>| talk.need().filter(|_| !talk.is_clear(stream));
            return Err(Stop::More(Need {
                client: unless_clear(&self.client).unwrap_or(usize::MAX),
                server: unless_clear(&self.server).unwrap_or(usize::MAX),
            }));
        }
        let (client, server) = (self.client.said(stream), self.server.said(stream));
        Ok(Tunnel {
            client_spoke: client.is_some(),
            server_spoke: server.is_some(),
            first: Some(Box::new(First {
                client: client.unwrap_or_default().to_vec(),
                server: server.unwrap_or_default().to_vec(),
            })),
        })
    }

    /// The first requests with their final answers.
    fn requests(&self) -> Vec<Request> {
        let heads = self.client.heads.iter().take(MOST_REQUESTS);
        let mut requests: Vec<Request> = heads
            .filter_map(|(stream, fields)| Request::new(*stream, fields))
            .collect();
        for request in &mut requests {
            let is_final = |fields: &Fields| fields.status.is_some_and(|status| status >= 200);
            let mut answers = self.server.heads.iter();
            if let Some((_, fields)) = answers.find(|(s, f)| *s == request.stream && is_final(f)) {
                request.answer(fields);
            }
        }
        requests
    }

    /// Stops unless both sides are over.
    fn wait(&self) -> Result<(), Stop> {
        match (self.client.need(), self.server.need()) {
            (None, None) => Ok(()),
            (client, server) => Err(Stop::More(Need {
                client: client.unwrap_or(usize::MAX),
                server: server.unwrap_or(usize::MAX),
            })),
        }
    }
}

/// RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const MOST_REQUESTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Prefix;
    use crate::proto::truncation::{Sample, Settled, exchange};

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len() as u16;
        let mut frame = vec![
            0,
            (length >> 8) as u8,
            length as u8,
            kind,
            flags,
            0,
            0,
            0,
            stream,
        ];
        frame.extend(payload);
        frame
    }

    /// Fields as literals that are not kept, with new names.
    fn block(fields: &[(&str, &str)]) -> Vec<u8> {
        let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
        fields
            .iter()
            .flat_map(|(name, value)| [vec![0], text(name), text(value)].concat())
            .collect()
    }

    fn head(stream: u8, fields: &[(&str, &str)]) -> Vec<u8> {
        frame(1, 0x04, stream, &block(fields))
    }

    fn data(stream: u8, bytes: &[u8]) -> Vec<u8> {
        frame(0, 0, stream, bytes)
    }

    fn connect(stream: u8, authority: &str) -> Vec<u8> {
        head(stream, &[(":method", "CONNECT"), (":authority", authority)])
    }

    fn status(stream: u8, status: &str) -> Vec<u8> {
        head(stream, &[(":status", status)])
    }

    fn settings(settings: &[u8]) -> Vec<u8> {
        frame(4, 0, 0, settings)
    }

    fn client(frames: &[Vec<u8>]) -> Vec<u8> {
        [PREFACE, &settings(&[]), &frames.concat()].concat()
    }

    fn server(frames: &[Vec<u8>]) -> Vec<u8> {
        [settings(&[0, 8, 0, 0, 0, 1]), frames.concat()].concat()
    }

    fn closed(client: &[u8], server: &[u8]) -> Option<Http2> {
        match parse(&exchange(Prefix::closed(client), Prefix::closed(server))) {
            Answer::Yes(reading) => Some(reading.layer),
            Answer::No => None,
            Answer::More(need) => panic!("asks for {need:?} of ended sides"),
        }
    }

    #[test]
    fn the_contract_is_kept() {
        let get = head(1, &[(":method", "GET"), (":path", "/")]);
        let padded = frame(0, 0x08, 3, b"\x02SSH-2.0-Go\r\n\0\0");
        let split = [
            frame(1, 0, 3, &block(&[(":method", "CONNECT")])),
            frame(9, 0x04, 3, &block(&[(":authority", "a.test:22")])),
        ];
        let asked = client(&[get, split.concat(), padded, data(3, b"more")]);
        let answered = server(&[
            status(1, "404"),
            status(3, "103"),
            status(3, "200"),
            data(3, b"SSH-2.0-OpenSSH_9.2\r\n"),
        ]);
        let layer = closed(&asked, &answered).unwrap();
        assert_eq!(layer.requests.len(), 1);
        assert_eq!(layer.requests[0].status, Some(200));
        assert_eq!(
            layer
                .connect()
                .and_then(Request::target)
                .unwrap()
                .to_string(),
            "a.test:22"
        );
        assert!(layer.extended_connect);
        let first = layer.clone().take_first().unwrap();
        assert_eq!(first.client, b"SSH-2.0-Go\r\n");
        assert_eq!(first.server, b"SSH-2.0-OpenSSH_9.2\r\n");
        Sample {
            name: "a tunnel on the second stream",
            client: &asked,
            server: &answered,
            settled: Settled::AtOnce,
            reading: Reading {
                layer,
                client: Reading::<Http2>::EVERYTHING,
                server: Reading::<Http2>::EVERYTHING,
            },
        }
        .check(parse);
    }

    #[test]
    fn without_a_tunnel_it_is_read_to_its_end() {
        let asked = client(&[connect(1, "a.test:443"), connect(3, "b.test:443")]);
        let answered = server(&[status(1, "403"), frame(3, 0, 3, &[0; 4])]);
        let layer = closed(&asked, &answered).unwrap();
        let statuses: Vec<_> = layer.requests.iter().map(|r| r.status).collect();
        assert_eq!(statuses, [Some(403), None]);
        assert_eq!(layer.tunnel, None);
        Sample {
            name: "two refusals",
            client: &asked,
            server: &answered,
            settled: Settled::AtTheEnd,
            reading: Reading {
                layer,
                client: Reading::<Http2>::EVERYTHING,
                server: Reading::<Http2>::EVERYTHING,
            },
        }
        .check(parse);
    }

    #[test]
    fn eight_answered_requests_are_enough() {
        let streams = [1, 3, 5, 7, 9, 11, 13, 15];
        let get = |stream| head(stream, &[(":method", "GET")]);
        let asked = client(&streams.map(get));
        let answered = server(&streams.map(|stream| status(stream, "200")));
        let answer = parse(&exchange(Prefix::open(&asked), Prefix::open(&answered)));
        assert!(matches!(answer, Answer::Yes(reading) if reading.layer.requests.len() == 8));
    }

    #[test]
    fn a_tunnel_that_is_not_used_is_one() {
        let asked = client(&[connect(1, "a.test:443"), frame(3, 0, 1, &[0; 4])]);
        let answered = server(&[status(1, "200"), data(1, b"220 mail\r\n")]);
        let answer = parse(&exchange(Prefix::open(&asked), Prefix::open(&answered)));
        let Answer::Yes(Reading { layer, .. }) = answer else {
            panic!("{answer:?}");
        };
        let tunnel = layer.tunnel.unwrap();
        assert_eq!((tunnel.client_spoke, tunnel.server_spoke), (false, true));
    }

    #[test]
    fn masque_names_its_target_in_the_path() {
        let cases = [
            (
                "/.well-known/masque/udp/192.0.2.53/53/",
                Some("192.0.2.53:53"),
            ),
            ("/.well-known/masque/udp/a.test/443/", Some("a.test:443")),
            (
                "/.well-known/masque/udp/2001%3Adb8%3A%3A1/443/",
                Some("[2001:db8::1]:443"),
            ),
            ("/.well-known/masque/udp/a.test/0/", None),
            ("/chat", None),
        ];
        for (path, target) in cases {
            let fields = [
                (":method", "CONNECT"),
                (":protocol", "connect-udp"),
                (":path", path),
            ];
            let asked = client(&[head(1, &fields)]);
            let layer = closed(&asked, &server(&[])).unwrap();
            let seen = layer.requests[0]
                .udp_target()
                .map(|target| target.to_string());
            assert_eq!(seen.as_deref(), target, "{path}");
            assert_eq!(layer.requests[0].target(), None);
        }
    }

    #[test]
    fn look_alikes_are_refused_at_once() {
        let ours = client(&[]);
        let cases: [(&[u8], &[u8]); 7] = [
            (b"PRI / ", b""),
            (b"POST / HTTP/1.1\r\n", b""),
            (&ours, b"HTTP/1.1 400 Bad Request\r\n"),
            (b"", b"SSH-2.0-Go\r\n"),
            (b"", b"\0\0\0\x01"),
            (b"", b"\0\0\x07\x04"),
            (&[PREFACE, b"\0\0\0\0\0\0\0\0\x01"].concat(), b""),
        ];
        for (client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{client:?} {server:?}");
        }
    }

    #[test]
    fn any_bytes_end() {
        let asked = client(&[connect(1, "a.test:22"), data(1, b"SSH-2.0-Go\r\n")]);
        let answered = server(&[status(1, "200"), data(1, b"SSH-2.0-Go\r\n")]);
        for at in 0..asked.len() {
            for byte in [0, 1, 5, 0x0f, 0x20, 0x3f, 0x7f, 0x80, 0xff] {
                let mut changed = asked.clone();
                changed[at] = byte;
                closed(&changed, &answered);
                closed(&asked, &changed[PREFACE.len()..]);
            }
        }
    }

    #[test]
    fn what_hpack_cannot_decode_ends_the_side() {
        let asked = client(&[frame(1, 0x04, 1, &[0xff; 9]), connect(3, "a.test:22")]);
        let layer = closed(&asked, &server(&[status(3, "200")])).unwrap();
        assert_eq!((layer.requests, layer.tunnel), (vec![], None));
    }
}
