//! HTTP/1.0 and HTTP/1.1 (RFC 9112) as relays speak it: one request and its response make one layer.
//!
//! Behind a granted CONNECT or a switch of protocols the inner protocol follows on both sides; behind any other
//! response the next request does, where the end of the body is within reach.

mod body;
mod head;
mod line;
pub mod upgrade;

pub use body::Content;
use body::Extent;
use head::{Head, Outline};
use line::{RequestLine, StartLine, StatusLine};
use upgrade::Handshake;

use super::half::{Half, Stop, ensure};
use super::target::{Host, Target};
use super::{Answer, Exchange, Reading, Side};

/// A request and what came of it. Values of header fields are short and printable; credentials are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The method, one of those in use.
    pub method: &'static str,
    /// The form of the request's target, RFC 9112, section 3.2.
    pub form: Form,
    /// Where a relay was asked to go: in the CONNECT and absolute forms, unless the capture cut it.
    pub target: Option<Target>,
    /// Where the capture cut a CONNECT's target: its known start.
    pub cut_name: Option<String>,
    /// `Host`.
    pub host: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Connection`.
    pub connection: Option<String>,
    /// `Upgrade`.
    pub upgrade: Option<String>,
    /// The handshake of a WebSocket, where the server switched to it and both heads are whole.
    pub websocket: Option<Box<Handshake>>,
    /// Whether the client sent `Proxy-Connection`, as clients do that know they talk to a proxy.
    pub proxy_connection: bool,
    /// Whether the client sent `Proxy-Authorization`.
    pub proxy_authorization: bool,
    /// Whether a proxy passed the request on and said so: `Via`, `Forwarded` or `X-Forwarded-For`.
    pub forwarded: bool,
    /// The final response, where one was seen.
    pub response: Option<Response>,
    /// Whether nothing behind this exchange can be read on either side.
    pub ends_stream: bool,
    /// Whether a head was cut, so that fields may be missing.
    pub is_cut: bool,
}

/// The form of a request's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `host:port`, for CONNECT alone.
    Authority,
    /// A whole URI with this scheme, as clients send it to proxies.
    Absolute(Scheme),
    /// A path, as clients send it to origin servers.
    Origin,
    /// `*`, the server itself.
    Asterisk,
}

/// The schemes that HTTP proxies are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
    /// `ftp`
    Ftp,
    /// `ws`
    Ws,
    /// `wss`
    Wss,
}

/// The final response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code, 100 to 999.
    pub status: u16,
    /// `Via`: proxies name themselves.
    pub via: Option<String>,
    /// `X-Cache`: caches say whether they had it.
    pub x_cache: Option<String>,
    /// `Proxy-Agent`: the proxy's software.
    pub proxy_agent: Option<String>,
    /// `Proxy-Connection`: hop-by-hop between a client and its proxy.
    pub proxy_connection: Option<String>,
    /// `X-Squid-Error`: why squid answers itself.
    pub squid_error: Option<String>,
    /// `Server`: the origin's software, or the proxy's where the proxy answers itself.
    pub server: Option<String>,
    /// Whether a proxy asked for credentials.
    pub proxy_authenticate: bool,
    /// Whether the answer to a CONNECT announces content. A tunnel has none (RFC 9110, section 9.3.6), so a server that announces a
    /// page for a CONNECT has not understood it.
    pub page_announced: bool,
    /// How long the content is.
    pub content: Content,
    /// Whether any content came.
    pub content_seen: bool,
}

impl Http {
    /// Whether the proxy opened the way of a CONNECT, so that what follows on both sides is the inner protocol.
    pub fn is_tunnel(&self) -> bool {
        let status = self.response.as_ref().map(|response| response.status);
        status.is_some_and(|status| body::is_tunnel(self.method, status))
    }

    /// Whether a tunnel was granted, or its refusal was not seen.
    pub fn may_be_tunnel(&self) -> bool {
        self.is_connect() && (self.response.is_none() || self.is_tunnel())
    }

    /// Whether the connection goes on as HTTP/2 in the clear (RFC 7540, section 3.2).
    pub fn switches_to_http2(&self) -> bool {
        let switched = self
            .response
            .as_ref()
            .is_some_and(|response| response.status == SWITCHING);
        let upgrade = self.upgrade.as_ref().filter(|_| switched);
        upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("h2c"))
    }

    /// Whether it asks for a tunnel.
    pub fn is_connect(&self) -> bool {
        self.form == Form::Authority
    }

    /// Whether it asks the server to reach somebody else.
    pub fn asks_relay(&self) -> bool {
        matches!(self.form, Form::Authority | Form::Absolute(_))
    }

    /// Whether a WebSocket was asked for and not granted, so that the client may ask again.
    pub fn was_denied_websocket(&self) -> bool {
        let is_asked = self
            .upgrade
            .as_deref()
            .is_some_and(upgrade::names_websocket);
        let status = self.response.as_ref().map(|response| response.status);
        is_asked && status.is_some_and(|status| status != SWITCHING)
    }

    /// Whether `Host` names the target's host, and its port if it names one. `None` where either is missing.
    pub fn host_agrees(&self) -> Option<bool> {
        let (target, host) = (self.target.as_ref()?, self.host.as_ref()?);
        Some(match Target::from_authority(host.as_bytes()) {
            Some(named) => named == *target,
            None => Host::from_authority(host.as_bytes()).as_ref() == Some(&target.host),
        })
    }
}

/// Reads one request and, where it asks for more than a page of the server's own, its response. A response alone is
/// *no*.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Http> {
    answer(read(exchange, is_ordinary))
}

/// Whether the client sent a request for a page of the server's own, which [`parse`] reads to the end of the stream. Some
/// such requests are not recognised, for their fields are not read.
pub fn is_page(exchange: &Exchange<'_>) -> bool {
    let mut client = Half::new(Side::Client, exchange.client);
    let outline = Outline::<RequestLine>::read(&mut client);
    let is_page = |outline: Outline<'_, RequestLine>| {
        outline.line.is_for_page() && outline.has_none_like(b"upgrade:")
    };
    !exchange.client.is_unseen() && outline.is_ok_and(is_page)
}

/// Reads one request and its response, whatever it asks for.
pub fn parse_exchange(exchange: &Exchange<'_>) -> Answer<Http> {
    answer(read(exchange, |_| false))
}

fn answer(read: Result<Reading<Http>, Stop>) -> Answer<Http> {
    match read {
        Ok(reading) => Answer::Yes(reading),
        Err(Stop::More(need)) => Answer::More(need),
        Err(Stop::No | Stop::Ended) => Answer::No,
    }
}

type Request<'a> = Head<'a, RequestLine>;

fn read(
    exchange: &Exchange<'_>,
    is_enough: impl Fn(&Request<'_>) -> bool,
) -> Result<Reading<Http>, Stop> {
    let mut client = Half::new(Side::Client, exchange.client);
    let mut server = Half::new(Side::Server, exchange.server);
    ensure(!exchange.client.is_unseen())?;
    let request = Head::<RequestLine>::read(&mut client)?;
    if is_enough(&request) {
        return Ok(Http::new(&request, None, true).reading(0, 0));
    }
    let answer = head::behind_blank_lines(server.rest());
    ensure(StatusLine::may_begin(answer))?;
    let asked = body::of_request(request.line.method, &request.fields).pass(&mut client)?;
    let response = final_response(&mut server)?;
    ensure(request.line.is_telling || response.is_some())?;
    let passed = response.map(|head| Passed::read(request.line.method, head, &mut server));
    let passed = passed.transpose()?;
    let answers_on = passed.as_ref().is_some_and(Passed::is_endless);
    let ends_stream = !request.end_known || asked == Extent::Endless || answers_on;
    let layer = Http::new(&request, passed, ends_stream);
    Ok(layer.reading(client.position(), server.position()))
}

/// Whether a request is for the server's own pages and stays HTTP. Its answer cannot make it anything else, and there
/// are very many of them.
fn is_ordinary(request: &Request<'_>) -> bool {
    request.line.is_for_page() && !request.fields.has("upgrade")
}

impl RequestLine {
    /// Whether it names a page of the server's own.
    fn is_for_page(&self) -> bool {
        self.is_telling && matches!(self.form, Form::Origin | Form::Asterisk)
    }
}

/// Reads the last head of a response, behind interim ones (RFC 9110, section 15.2); `None` where none will come.
fn final_response<'a>(server: &mut Half<'a>) -> Result<Option<Head<'a, StatusLine>>, Stop> {
    loop {
        match Head::<StatusLine>::read(server) {
            Ok(head) if head.line.is_final() => return Ok(Some(head)),
            Ok(_) => {}
            Err(Stop::Ended) => return Ok(None),
            Err(stop) => return Err(stop),
        }
    }
}

/// A response whose content was passed.
struct Passed<'a> {
    head: Head<'a, StatusLine>,
    content: Content,
    content_seen: bool,
    page_announced: bool,
    extent: Extent,
}

impl<'a> Passed<'a> {
    fn read(method: &str, head: Head<'a, StatusLine>, server: &mut Half<'_>) -> Result<Self, Stop> {
        let content = body::of_response(method, head.line.status, &head.fields);
        let extent = content.pass(server)?;
        let content_seen = match extent {
            Extent::Bounded { empty } => !empty,
            Extent::Endless => sends_more(server)?,
        };
        let granted = body::is_tunnel(method, head.line.status);
        Ok(Self {
            page_announced: granted && body::is_announced(&head.fields),
            head,
            content,
            content_seen,
            extent,
        })
    }

    fn is_endless(&self) -> bool {
        self.extent == Extent::Endless || !self.head.end_known
    }
}

/// Whether a byte follows, known or missing.
fn sends_more(half: &Half<'_>) -> Result<bool, Stop> {
    let mut ahead = *half;
    match ahead.skip(1) {
        Ok(_) => Ok(true),
        Err(Stop::Ended) => Ok(false),
        Err(stop) => Err(stop),
    }
}

impl Http {
    fn new(request: &Head<'_, RequestLine>, passed: Option<Passed<'_>>, ends_stream: bool) -> Self {
        let (line, fields) = (&request.line, &request.fields);
        Self {
            method: line.method,
            form: line.form,
            target: line.target.clone(),
            cut_name: line.cut_name.clone(),
            host: fields.short("host"),
            user_agent: fields.short("user-agent"),
            connection: fields.short("connection"),
            upgrade: fields.short("upgrade"),
            websocket: passed
                .as_ref()
                .and_then(|passed| Handshake::read(request, &passed.head))
                .map(Box::new),
            proxy_connection: fields.has("proxy-connection"),
            proxy_authorization: fields.has("proxy-authorization"),
            forwarded: FORWARDED.iter().any(|name| fields.has(name)),
            is_cut: request.is_cut || passed.as_ref().is_some_and(|passed| passed.head.is_cut),
            response: passed.map(Response::new),
            ends_stream,
        }
    }

    fn reading(self, client: usize, server: usize) -> Reading<Self> {
        let everything = Reading::<Self>::EVERYTHING;
        let ends = self.ends_stream;
        Reading {
            layer: self,
            client: if ends { everything } else { client },
            server: if ends { everything } else { server },
        }
    }
}

impl Response {
    fn new(passed: Passed<'_>) -> Self {
        let fields = &passed.head.fields;
        Self {
            status: passed.head.line.status,
            via: fields.short("via"),
            x_cache: fields.short("x-cache"),
            proxy_agent: fields.short("proxy-agent"),
            proxy_connection: fields.short("proxy-connection"),
            squid_error: fields.short("x-squid-error"),
            server: fields.short("server"),
            page_announced: passed.page_announced,
            proxy_authenticate: fields.has("proxy-authenticate"),
            content: passed.content,
            content_seen: passed.content_seen,
        }
    }
}

/// The status of a server that goes on in another protocol, RFC 9110, section 15.2.2.
const SWITCHING: u16 = 101;
const FORWARDED: [&str; 3] = ["via", "forwarded", "x-forwarded-for"];

#[cfg(test)]
mod tests {
    use super::upgrade::Acceptance;
    use super::*;
    use crate::proto::truncation::{Sample, Settled, exchange};
    use crate::proto::{End, Prefix};

    fn request(method: &'static str, form: Form, target: &str) -> Http {
        Http {
            method,
            form,
            target: Target::from_authority(target.as_bytes()),
            cut_name: None,
            host: None,
            user_agent: None,
            connection: None,
            upgrade: None,
            websocket: None,
            proxy_connection: false,
            proxy_authorization: false,
            forwarded: false,
            response: None,
            ends_stream: false,
            is_cut: false,
        }
    }

    fn response(status: u16, content: Content) -> Response {
        Response {
            status,
            via: None,
            x_cache: None,
            proxy_agent: None,
            server: None,
            proxy_connection: None,
            squid_error: None,
            proxy_authenticate: false,
            page_announced: false,
            content,
            content_seen: !matches!(content, Content::None | Content::Bytes(0)),
        }
    }

    fn tunnel(target: &str) -> Http {
        Http {
            response: Some(response(200, Content::None)),
            ..request("CONNECT", Form::Authority, target)
        }
    }

    fn page(response: Response) -> Http {
        Http {
            host: Some("a".into()),
            response: Some(response),
            ..request("GET", Form::Absolute(Scheme::Http), "a:80")
        }
    }

    /// The last of each side's parts is not the layer's, unless the layer ends the stream.
    fn check(name: &str, client: [&[u8]; 2], server: [&[u8]; 2], layer: Http) {
        check_settled(Settled::AtOnce, name, client, server, layer);
    }

    fn check_settled(
        settled: Settled,
        name: &str,
        client: [&[u8]; 2],
        server: [&[u8]; 2],
        layer: Http,
    ) {
        Sample {
            name,
            client: &client.concat(),
            server: &server.concat(),
            settled,
            reading: layer.reading(client[0].len(), server[0].len()),
        }
        .check(parse);
    }

    const GET: &[u8] = b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n";
    const TLS: &[u8] = b"\x16\x03\x01\x02\0\x01";

    #[test]
    fn reads_every_truncation_of_a_tunnel() {
        check(
            "curl to squid",
            [
                b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nUser-Agent: curl/7.88.1\r\n\
                  Proxy-Connection: Keep-Alive\r\nProxy-Authorization: Basic dTU4NzpwdzF4\r\n\r\n",
                TLS,
            ],
            [b"HTTP/1.1 200 Connection established\r\n\r\n", TLS],
            Http {
                host: Some("a.test:443".into()),
                user_agent: Some("curl/7.88.1".into()),
                proxy_connection: true,
                proxy_authorization: true,
                ..tunnel("a.test:443")
            },
        );
        check(
            "any 2xx, with a length that does not count",
            [b"CONNECT [fd50:1::1e]:22 HTTP/1.0\r\n\r\n", b"SSH-2.0-a\r\n"],
            [
                b"HTTP/1.0 204 \r\nContent-Length: 5\r\nProxy-agent: tinyproxy/1.11.1\r\nVia: 1.1 b\r\n\r\n",
                b"SSH-2.0-b\r\n",
            ],
            Http {
                response: Some(Response {
                    proxy_agent: Some("tinyproxy/1.11.1".into()),
                    via: Some("1.1 b".into()),
                    page_announced: true,
                    ..response(204, Content::None)
                }),
                ..tunnel("[fd50:1::1e]:22")
            },
        );
        check(
            "bare line feeds, blank lines first",
            [b"\r\n\nCONNECT abc:443 HTTP/1.1\n\n", b"\n"],
            [b"\nHTTP/1.1 200\n\n", b"\n"],
            tunnel("abc:443"),
        );
        check(
            "407, then the request again",
            [
                b"CONNECT abc:443 HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
                b"CONNECT abc:443 HTTP/1.1\r\n\r\n",
            ],
            [
                b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\nServer: squid\r\nX-Cache: NONE\r\n\
                  Content-Length: 4\r\n\r\nno!!",
                b"HTTP/1.1 200 OK\r\n",
            ],
            Http {
                response: Some(Response {
                    proxy_authenticate: true,
                    server: Some("squid".into()),
                    x_cache: Some("NONE".into()),
                    ..response(407, Content::Bytes(4))
                }),
                ..tunnel("abc:443")
            },
        );
    }

    #[test]
    fn reads_every_truncation_of_a_forwarded_request() {
        let to_proxy = Http {
            host: Some("a.test".into()),
            forwarded: true,
            ..request("GET", Form::Absolute(Scheme::Http), "a.test:80")
        };
        check(
            "absolute form",
            [
                b"GET http://u:p@A.test/b?c HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 c\r\n\r\n",
                GET,
            ],
            [
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                b"HTTP/1.1 ",
            ],
            Http {
                response: Some(response(200, Content::Bytes(0))),
                ..to_proxy.clone()
            },
        );
        check(
            "a length out of reach",
            [
                b"GET http://a.test HTTP/1.1\r\nHost: a.test\r\nForwarded: for=c\r\n\r\n",
                GET,
            ],
            [
                b"HTTP/1.1 200 OK\r\nContent-Length: 16801\r\n\r\n<",
                b"html>",
            ],
            Http {
                response: Some(response(200, Content::Bytes(16801))),
                ends_stream: true,
                ..to_proxy
            },
        );
        check(
            "a port of its own, no length",
            [
                b"POST https://a.test:8443/ HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc",
                b"",
            ],
            [b"HTTP/1.0 502 Bad Gateway\r\n\r\n<", b"html>"],
            Http {
                response: Some(response(502, Content::Unbounded)),
                ends_stream: true,
                ..request("POST", Form::Absolute(Scheme::Https), "a.test:8443")
            },
        );
    }

    #[test]
    fn reads_every_truncation_of_plain_exchanges() {
        check(
            "chunks both ways, interim responses",
            [
                b"PUT http://a/x HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n",
                GET,
            ],
            [
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n\
                  HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n",
                b"HTTP/1.1 404 ",
            ],
            Http {
                response: Some(response(200, Content::Chunked)),
                ..request("PUT", Form::Absolute(Scheme::Http), "a:80")
            },
        );
        check(
            "not modified",
            [GET, GET],
            [
                b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
                b"HTTP/1.1",
            ],
            page(response(304, Content::None)),
        );
        check(
            "HEAD",
            [b"HEAD http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", GET],
            [
                b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
                b"HTTP/1.1",
            ],
            Http {
                method: "HEAD",
                ..page(response(200, Content::None))
            },
        );
        check(
            "an upgrade",
            [
                b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                b"PRI * HTTP/2.0",
            ],
            [b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", b"\0\0"],
            Http {
                host: Some("a".into()),
                upgrade: Some("h2c".into()),
                connection: Some("Upgrade".into()),
                response: Some(response(101, Content::None)),
                ..request("GET", Form::Origin, "")
            },
        );
        check(
            "broken chunks",
            [GET, b""],
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
                b"",
            ],
            Http {
                ends_stream: true,
                ..page(response(200, Content::Chunked))
            },
        );
    }

    #[test]
    fn an_ordinary_request_needs_no_answer() {
        let cases: [(&str, &[u8], Http); 2] = [
            (
                "a page",
                b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                Http {
                    host: Some("a".into()),
                    ..request("GET", Form::Origin, "")
                },
            ),
            (
                "SSDP's asterisk",
                b"OPTIONS * HTTP/1.1\r\n\r\n",
                request("OPTIONS", Form::Asterisk, ""),
            ),
        ];
        for (name, client, layer) in cases {
            let layer = Http {
                ends_stream: true,
                ..layer
            };
            let whole = Answer::Yes(layer.reading(0, 0));
            let server = b"SSH-2.0-what\r\n";
            for answered in 0..=server.len() {
                let server = Prefix::open(&server[..answered]);
                let asked = |length| parse(&exchange(Prefix::open(&client[..length]), server));
                assert_eq!(asked(client.len()), whole, "{name}");
                assert!(
                    (0..client.len()).all(|length| matches!(asked(length), Answer::More(_))),
                    "{name}"
                );
            }
        }
    }

    /// Whether each is a page at a glance; what is one is read to its end by [`parse`], too.
    #[test]
    fn a_page_is_known_at_a_glance() {
        let cases: [(&[u8], bool); 10] = [
            (b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", true),
            (b"\r\nOPTIONS * HTTP/1.0\n\n", true),
            (
                b"GET /a HTTP/1.1\r\nUser-Agent: a\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
                true,
            ),
            (b"GET /a HTTP/1.1\r\n: no name\r\n\r\n", true),
            (b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\n\r\n", false),
            (b"GET /a HTTP/1.1\nupgrade: b\n\n", false),
            (b"GET /a HTTP/1.1\r\nHost: a\r\n", false),
            (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", false),
            (b"CONNECT a:443 HTTP/1.1\r\n\r\n", false),
            (b"SSH-2.0-a\r\n", false),
        ];
        for (client, expected) in cases {
            let exchange = exchange(Prefix::open(client), Prefix::open(b""));
            assert_eq!(is_page(&exchange), expected, "{client:?}");
            let everything = Reading::<Http>::EVERYTHING;
            let ends = |answer| matches!(answer, Answer::Yes(read) if [read.client, read.server] == [everything; 2]);
            assert!(!expected || ends(parse(&exchange)), "{client:?}");
        }
    }

    const UPGRADE: &[u8] =
        b"GET /ws?a=b HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, b\r\nOrigin: c\r\n\r\n";

    fn handshake(acceptance: Acceptance) -> Handshake {
        Handshake {
            path: "/ws".into(),
            offered: vec!["a".into(), "b".into()],
            chosen: None,
            has_origin: true,
            agent: None,
            deflates: false,
            acceptance,
            route: None,
        }
    }

    #[test]
    fn reads_every_truncation_of_a_websocket_handshake() {
        let switched = |handshake| Http {
            host: Some("a".into()),
            upgrade: Some("WebSocket".into()),
            connection: Some("Upgrade".into()),
            websocket: Some(Box::new(handshake)),
            response: Some(response(101, Content::None)),
            ..request("GET", Form::Origin, "")
        };
        check(
            "the key of the RFC",
            [UPGRADE, b"\x81\x80"],
            [
                b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: b\r\n\
                  Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                b"\x81\x01",
            ],
            switched(Handshake {
                chosen: Some("b".into()),
                deflates: true,
                ..handshake(Acceptance::Right)
            }),
        );
        check(
            "a key of its own",
            [UPGRADE, b"\0"],
            [
                b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
                b"\0",
            ],
            switched(handshake(Acceptance::Wrong)),
        );
        check(
            "no key",
            [UPGRADE, b"\0"],
            [b"HTTP/1.1 101 Switching\r\n\r\n", b"\0"],
            switched(handshake(Acceptance::Missing)),
        );
    }

    #[test]
    fn no_handshake_is_read_where_one_could_be_wrong() {
        let cases: [(&[u8], &[u8]); 4] = [
            (UPGRADE, b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n"),
            (UPGRADE, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            (GET, b"HTTP/1.1 101 Switching\r\n\r\n"),
            (
                b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key1: 1 2\r\n\r\n",
                b"HTTP/1.1 101 Switching\r\n\r\n",
            ),
        ];
        for (client, server) in cases {
            let seen = read(Prefix::closed(client), Prefix::closed(server)).unwrap();
            assert_eq!(seen.layer.websocket, None);
        }
        let cut_answer = cut(b"HTTP/1.1 101 Switching\r\nUpgr", 100, b"\x82");
        let seen = read(Prefix::closed(UPGRADE), cut_answer).unwrap();
        assert_eq!(seen.layer.websocket, None);
        let cut_request = cut(b"GET /ws HTTP/1.1\r\nUpgrade: websock", 100, b"\x82");
        let server = Prefix::closed(b"HTTP/1.1 101 Switching\r\n\r\n");
        assert_eq!(read(cut_request, server).unwrap().layer.websocket, None);
    }

    #[test]
    fn a_websocket_may_be_denied() {
        let cases: [(&[u8], &[u8], bool); 3] = [
            (
                UPGRADE,
                b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
                true,
            ),
            (UPGRADE, b"HTTP/1.1 101 Switching\r\n\r\n", false),
            (GET, b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", false),
        ];
        for (client, server, denied) in cases {
            let seen = read(Prefix::closed(client), Prefix::closed(server)).unwrap();
            assert_eq!(seen.layer.was_denied_websocket(), denied);
        }
    }

    fn cut<'a>(bytes: &'a [u8], missing: usize, then: &'a [u8]) -> Prefix<'a> {
        let end = End::Cut { missing, then };
        Prefix { bytes, end }
    }

    fn read(client: Prefix<'_>, server: Prefix<'_>) -> Option<Reading<Http>> {
        match parse(&exchange(client, server)) {
            Answer::Yes(reading) => Some(reading),
            _ => None,
        }
    }

    #[test]
    fn reads_a_tunnel_over_holes() {
        let granted = cut(b"HTTP/1.1 200 Connection establ", 9, TLS);
        let cases: [(&[u8], &str, Option<&str>); 4] = [
            (
                b"CONNECT shop.vendor-one.test:4",
                "",
                Some("shop.vendor-one.test:4"),
            ),
            (b"CONNECT a.test:443 HTTP/1.1\r\nH", "a.test:443", None),
            (b"CONNECT a.test:443 HTT", "a.test:443", None),
            (b"CONNECT a.test:443 ", "a.test:443", None),
        ];
        for (bytes, target, cut_name) in cases {
            let reading = read(cut(bytes, 100, TLS), granted).unwrap();
            assert_eq!((reading.client, reading.server), (bytes.len() + 100, 39));
            let layer = reading.layer;
            assert_eq!(layer.target, Target::from_authority(target.as_bytes()));
            assert_eq!(layer.cut_name.as_deref(), cut_name);
            assert!(layer.is_cut && layer.is_tunnel() && !layer.ends_stream);
        }
    }

    #[test]
    fn a_cut_request_needs_its_response() {
        type Seen<'a> = Option<(Form, &'a str)>;
        let answer = cut(b"HTTP/1.1 200", 500, b"");
        let cases: [(&[u8], Seen<'_>); 7] = [
            (b"GET /products", Some((Form::Origin, ""))),
            (
                b"GET http://a.test/x",
                Some((Form::Absolute(Scheme::Http), "a.test:80")),
            ),
            (
                b"GET http://a.test:8080?",
                Some((Form::Absolute(Scheme::Http), "a.test:8080")),
            ),
            (b"GET http://a.te", Some((Form::Absolute(Scheme::Http), ""))),
            (b"GET htt", None),
            (b"GET a key", None),
            (b"GE", None),
        ];
        for (bytes, expected) in cases {
            let name = String::from_utf8_lossy(bytes);
            let seen = read(cut(bytes, 50, b""), answer);
            let expected =
                expected.map(|(form, target)| (form, Target::from_authority(target.as_bytes())));
            let seen = seen.map(|seen| (seen.layer.form, seen.layer.target));
            assert_eq!(seen, expected, "{name}");
            let alone = read(cut(bytes, 50, b""), Prefix::closed(b""));
            assert_eq!(alone, None, "{name}");
        }
        let alone = read(cut(b"CONNECT a.te", 50, b""), Prefix::closed(b"")).unwrap();
        assert_eq!(alone.layer.cut_name.as_deref(), Some("a.te"));
    }

    #[test]
    fn a_head_may_be_odd() {
        let many = b"A: b\r\n".repeat(200);
        let long = [b"A: ".as_slice(), &b"b".repeat(20_000)].concat();
        let odd = b"A b\r\n";
        for fields in [many.as_slice(), odd, &long] {
            let client = [b"CONNECT a.test:1 HTTP/1.1\r\n", fields, b"\r\n"].concat();
            let server = Prefix::open(b"HTTP/1.1 200 OK\r\n\r\n");
            let layer = read(Prefix::open(&client), server).unwrap().layer;
            assert_eq!(layer.target, Target::from_authority(b"a.test:1"));
            assert!(layer.is_tunnel());
            assert_eq!(layer.ends_stream, fields.len() > 16_000);
        }
    }

    /// Both sides open, so that *no* is said as early as it can be.
    #[test]
    fn look_alikes_are_no() {
        let cases: [(&str, &[u8], &[u8]); 23] = [
            ("NATS", b"CONNECT {\"verbose\":false}\r\n", b""),
            ("NATS, its first bytes", b"CONNECT {", b"INFO {"),
            ("CONNECT without a port", b"CONNECT abc HTTP/1.1\r\n", b""),
            ("CONNECT to a path", b"CONNECT abc:443/x HTTP/1.1\r\n", b""),
            (
                "CONNECT to a URI",
                b"CONNECT http://abc:443 HTTP/1.1\r\n",
                b"",
            ),
            ("lower case", b"connect abc:443 HTTP/1.1\r\n", b""),
            ("mixed case", b"Connect abc:443 HTTP/1.1\r\n", b""),
            ("STOMP", b"CONNECT\naccept-version:1.2\n", b""),
            ("memcached", b"get key\r\n", b""),
            ("a verb and words", b"GET a key\r\n", b""),
            ("a key", b"GET key\r\n", b""),
            ("HTTP/0.9", b"GET /\r\n", b""),
            ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
            ("RTSP", b"OPTIONS rtsp://a/ RTSP/1.0\r\n", b""),
            ("SIP", b"REGISTER sip:a SIP/2.0\r\n", b""),
            ("another scheme", b"GET sip:a HTTP/1.1\r\n", b""),
            ("two spaces", b"GET  / HTTP/1.1\r\n", b""),
            ("SMTP", b"EHLO a\r\n", b"220 mail"),
            ("SSH answers", GET, b"SSH-2.0-OpenSSH"),
            ("TLS", TLS, b""),
            ("status of four digits", GET, b"HTTP/1.1 2000 OK\r\n"),
            ("status of letters", GET, b"HTTP/1.1 OK \r\n"),
            ("another version answers", GET, b"HTTP/1.2 200 OK\r\n"),
        ];
        for (name, client, server) in cases {
            let answer = parse(&exchange(Prefix::open(client), Prefix::open(server)));
            assert_eq!(answer, Answer::No, "{name}");
        }
        let response = exchange(
            Prefix::closed(b""),
            Prefix::open(b"HTTP/1.1 200 OK\r\n\r\n"),
        );
        assert_eq!(parse(&response), Answer::No);
    }

    #[test]
    fn connect_in_a_body_is_a_body() {
        let client = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 28\r\n\r\nCONNECT abc:443 HTTP/1.1\r\n\r\n";
        let server = b"HTTP/1.1 204 No Content\r\n\r\n";
        let reading = read(Prefix::open(client), Prefix::open(server)).unwrap();
        let everything = Reading::<Http>::EVERYTHING;
        assert_eq!((reading.client, reading.server), (everything, everything));
        assert_eq!(
            (reading.layer.method, reading.layer.form),
            ("POST", Form::Origin)
        );
    }

    #[test]
    fn compares_host_and_target() {
        let cases = [
            ("http://a.test/", "A.test", Some(true)),
            ("http://a.test/", "a.test:80", Some(true)),
            ("http://a.test:8080/", "a.test", Some(true)),
            ("http://a.test/", "a.test:81", Some(false)),
            ("http://a.test/", "b.test", Some(false)),
            ("http://10.0.0.1/", "10.0.0.1", Some(true)),
            ("http://[::1]/", "[::1]:80", Some(true)),
            ("/", "a.test", None),
        ];
        for (uri, host, expected) in cases {
            let head = format!("GET {uri} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let reading = read(Prefix::closed(head.as_bytes()), Prefix::closed(b"")).unwrap();
            assert_eq!(reading.layer.host_agrees(), expected, "{uri} {host}");
        }
    }

    #[test]
    fn values_are_short_and_printable() {
        let head = [
            b"GET / HTTP/1.1\r\nHost: \xc3\xa4b\r\nUser-Agent: ".as_slice(),
            &b"u".repeat(300),
            b"\r\n\r\n",
        ];
        let reading = read(Prefix::closed(&head.concat()), Prefix::closed(b"")).unwrap();
        assert_eq!(reading.layer.host.as_deref(), Some("??b"));
        assert_eq!(reading.layer.user_agent, Some("u".repeat(64)));
    }
}
