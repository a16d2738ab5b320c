//! # http-connect-proxy
//!
//! A host opens tunnels by HTTP CONNECT.
//!
//! ## Sees
//!
//! A CONNECT request with its authority (RFC 9110, section 9.3.6) and the server's answer, on any port, also behind a
//! refusal for want of credentials on the same connection, behind a PROXY protocol header, and with any 2xx status.
//! What follows is probed again: the finding names the protocol inside and further proxies asked for in the tunnel.
//! The same over HTTP/2 in the clear (RFC 9113, section 8.5), and its `connect-udp` and `connect-ip` (RFC 9298, 9484),
//! among the first eight requests of a connection.
//!
//! ## Means
//!
//! *proven* (medium): the server granted the tunnel and the client used it, or the server asked for proxy credentials
//! (407). *probable* (medium): it granted the tunnel and nothing was sent through it, or it refused in the words of a
//! proxy (`Via`, `Proxy-Agent`, `X-Squid-Error` ...), or the answer was not captured and the inner protocol follows
//! the request.
//!
//! ## Quiet when
//!
//! A web server refuses a CONNECT (400, 405, 501, also 403 or 503 without a mark of a proxy): that is a scan. A server
//! answers a CONNECT with a page. An HTTP/2 CONNECT opens a WebSocket. Other protocols have a command of that name
//! (NATS), or the text stands in a body.
//!
//! ## Misses
//!
//! CONNECT inside TLS (an HTTPS proxy, most HTTP/2) and over HTTP/3; over HTTP/2 all tunnels of a connection but one,
//! and of what they carry all but the first frame either way. A session whose handshake was not captured. A proxy
//! that refuses everybody without showing what it is.

use super::tunnel;
use crate::evidence::{Certainty, Evidence, RelayExchange, UNSEEN};
use crate::facts::FlowFacts;
use crate::proto::http::{Http, Response};
use crate::proto::http2::{Http2, Request, Tunnel};
use crate::proto::stack::{Layer, Protocol};

/// The detector's name.
pub const NAME: &str = "http-connect-proxy";

/// Looks for CONNECT exchanges with the other end of the flow itself; the one that got furthest speaks for the flow.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
    inspect1(facts).or_else(|| inspect2(facts))
}

fn inspect1(facts: &FlowFacts) -> Option<Evidence> {
    let (certainty, at, layer, http) = facts
        .layers
        .iter()
        .enumerate()
        .filter(|(_, layer)| layer.depth == 0)
        .filter_map(|(at, layer)| {
            let http = connect(layer)?;
            Some((certainty(http, facts, at)?, at, layer, http))
        })
        .max_by_key(|(certainty, _, _, http)| (http.is_tunnel(), *certainty))?;
    let mut exchange = exchange(http);
    tunnel::describe(&mut exchange, &facts.layers, at);
    Some(tunnel::evidence(NAME, certainty, facts, layer, exchange))
}

/// The same over HTTP/2, where the tunnel is one stream of the connection.
fn inspect2(facts: &FlowFacts) -> Option<Evidence> {
    let (at, layer, http, request) = facts.layers.iter().enumerate().find_map(|(at, layer)| {
        let Protocol::Http2(http) = &layer.protocol else {
            return None;
        };
        let request = http.connect().filter(|_| layer.depth == 0)?;
        Some((at, layer, http, request))
    })?;
    let certainty = certainty2(http, request)?;
    let mut exchange = exchange2(http, request)?;
    tunnel::describe(&mut exchange, &facts.layers, at);
    Some(tunnel::evidence(NAME, certainty, facts, layer, exchange))
}

fn certainty2(http: &Http2, request: &Request) -> Option<Certainty> {
    let used = |tunnel: &Tunnel| tunnel.client_spoke && tunnel.server_spoke;
    let names_proxy = request.server.as_deref().is_some_and(tunnel::names_proxy);
    match (&http.tunnel, request.status?) {
        (Some(tunnel), _) if used(tunnel) => Some(Certainty::Proven),
        (Some(_), _) => Some(Certainty::Probable),
        (None, 407) => Some(Certainty::Proven),
        (None, _) if names_proxy || request.via.is_some() => Some(Certainty::Probable),
        (None, _) => None,
    }
}

/// The exchange of a CONNECT to a host; of those that name a protocol, MASQUE (RFC 9298) has a target.
fn exchange2(http: &Http2, request: &Request) -> Option<RelayExchange> {
    let (command, target) = match request.protocol.as_deref() {
        None => ("connect", request.target()),
        Some("connect-udp") => ("connect-udp", request.udp_target()),
        Some("connect-ip") => ("connect-ip", None),
        Some(_) => return None,
    };
    let via = request.via.iter().map(|via| format!("Via: {via}"));
    Some(RelayExchange {
        protocol: "http2-connect",
        command: Some(command.to_owned()),
        authentication: request.proxy_authorization.then_some("proxy-authorization"),
        outcome: request
            .status
            .map_or(UNSEEN.to_owned(), |status| format!("status {status}")),
        opened: http.tunnel.is_some(),
        target,
        marks: via.collect(),
        ..RelayExchange::default()
    })
}

fn connect(layer: &Layer) -> Option<&Http> {
    match &layer.protocol {
        Protocol::Http(http) if http.is_connect() => Some(http),
        _ => None,
    }
}

fn certainty(http: &Http, facts: &FlowFacts, at: usize) -> Option<Certainty> {
    let inner = facts.layers.len() > at + 1;
    match &http.response {
        Some(response) => answered(http, response, facts, at),
        None if inner && (facts.quality.one_sided || facts.quality.gaps) => {
            Some(Certainty::Probable)
        }
        None => None,
    }
}

fn answered(http: &Http, response: &Response, facts: &FlowFacts, at: usize) -> Option<Certainty> {
    let used = tunnel::carried(facts, at);
    match response.status {
        200..300 if response.page_announced => None,
        200..300 if used.by_client && used.by_server => Some(Certainty::Proven),
        200..300 => Some(Certainty::Probable),
        407 => Some(Certainty::Proven),
        _ if tunnel::has_proxy_mark(http) => Some(Certainty::Probable),
        _ => None,
    }
}

fn exchange(http: &Http) -> RelayExchange {
    RelayExchange {
        protocol: "http-connect",
        command: Some("connect".to_owned()),
        authentication: http.proxy_authorization.then_some("proxy-authorization"),
        outcome: tunnel::outcome(http),
        opened: http.is_tunnel(),
        target: http.target.clone(),
        marks: tunnel::marks(http),
        ..RelayExchange::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Quality;
    use crate::facts::samples::spoken;
    use Certainty::{Probable, Proven};

    type Judgement = Option<(Certainty, &'static str, bool)>;

    fn assert_judged(facts: &FlowFacts, expected: Judgement, case: &str) {
        let evidence = inspect(facts);
        let judged = evidence.as_ref().map(|evidence| {
            let exchange = evidence.exchange().unwrap();
            (
                evidence.certainty,
                exchange.outcome.as_str(),
                exchange.opened,
            )
        });
        assert_eq!(judged, expected, "{case}");
    }

    #[test]
    fn the_answer_decides() {
        let cases: [(&str, &str, Judgement); 19] = [
            ("", "200 OK\r\n\r\n", Some((Probable, "status 200", true))),
            (
                "hello",
                "200 OK\r\n\r\n",
                Some((Probable, "status 200", true)),
            ),
            (
                "",
                "200 OK\r\n\r\nhello",
                Some((Probable, "status 200", true)),
            ),
            (
                "hello",
                "200 OK\r\n\r\nhello",
                Some((Proven, "status 200", true)),
            ),
            (
                "hello",
                "299 Fine\r\n\r\nhello",
                Some((Proven, "status 299", true)),
            ),
            ("hello", "200 OK\r\nContent-Length: 5\r\n\r\nhello", None),
            ("", "407 Who\r\n\r\n", Some((Proven, "status 407", false))),
            ("", "400 Bad Request\r\n\r\n", None),
            ("", "400 Bad Request\r\nServer: nginx\r\n\r\n", None),
            ("", "403 Forbidden\r\n\r\n", None),
            ("", "405 Not Allowed\r\n\r\n", None),
            ("", "501 What\r\n\r\n", None),
            ("", "301 There\r\nLocation: /\r\n\r\n", None),
            (
                "",
                "403 No\r\nVia: 1.1 relay\r\n\r\n",
                Some((Probable, "status 403", false)),
            ),
            (
                "",
                "403 No\r\nX-Cache: MISS from relay\r\n\r\n",
                Some((Probable, "status 403", false)),
            ),
            (
                "",
                "502 No\r\nProxy-Agent: tiny/1\r\n\r\n",
                Some((Probable, "status 502", false)),
            ),
            (
                "",
                "503 No\r\nX-Squid-Error: ERR 0\r\n\r\n",
                Some((Probable, "status 503", false)),
            ),
            (
                "",
                "503 No\r\nProxy-Connection: close\r\n\r\n",
                Some((Probable, "status 503", false)),
            ),
            (
                "",
                "403 No\r\nServer: Squid/5.7\r\n\r\n",
                Some((Probable, "status 403", false)),
            ),
        ];
        for (carried, answer, expected) in cases {
            let client = format!("CONNECT a.test:443 HTTP/1.1\r\n\r\n{carried}");
            let server = format!("HTTP/1.1 {answer}");
            let facts = spoken(client.as_bytes(), server.as_bytes());
            assert_judged(&facts, expected, answer);
        }
    }

    #[test]
    fn without_an_answer_what_follows_decides() {
        const CONNECT: &[u8] = b"CONNECT a.test:22 HTTP/1.1\r\n\r\n";
        const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";
        let [one_sided, gaps] = [(true, false), (false, true)].map(|(one_sided, gaps)| Quality {
            one_sided,
            gaps,
            ..Quality::default()
        });
        let unseen = Some((Probable, "answer not seen", false));
        let cases = [
            ("alone", CONNECT.to_vec(), one_sided, None),
            (
                "SSH, one side",
                [CONNECT, BANNER].concat(),
                one_sided,
                unseen,
            ),
            ("SSH, a gap", [CONNECT, BANNER].concat(), gaps, unseen),
            (
                "SSH, a server that is silent",
                [CONNECT, BANNER].concat(),
                Quality::default(),
                None,
            ),
        ];
        for (case, client, quality, expected) in cases {
            let facts = FlowFacts {
                quality,
                ..spoken(&client, b"")
            };
            assert_judged(&facts, expected, case);
        }
    }

    #[test]
    fn the_request_that_got_furthest_speaks() {
        let asked = "CONNECT a.test:443 HTTP/1.1\r\n";
        let client = format!("{asked}\r\n{asked}Proxy-Authorization: Basic YTpi\r\n\r\n");
        let refused = "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n";
        let server = format!("{refused}HTTP/1.1 200 OK\r\n\r\n");
        let evidence = inspect(&spoken(client.as_bytes(), server.as_bytes())).unwrap();
        assert_eq!(evidence.exchange().unwrap().outcome, "status 200");
        assert_eq!(
            evidence.exchange().unwrap().authentication,
            Some("proxy-authorization")
        );
        assert_eq!(
            evidence
                .exchange()
                .unwrap()
                .target
                .as_ref()
                .unwrap()
                .to_string(),
            "a.test:443"
        );
        assert_eq!(evidence.relay, crate::decode::Address::v4([10, 0, 0, 2]));
    }

    #[test]
    fn other_requests_are_none_of_it() {
        let cases: [(&[u8], &[u8]); 4] = [
            (
                b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
                b"HTTP/1.1 200 OK\r\n\r\n",
            ),
            (
                b"GET http://a.test/ HTTP/1.1\r\n\r\n",
                b"HTTP/1.1 407 Who\r\n\r\n",
            ),
            (
                b"CONNECT {\"verbose\":false}\r\nPING\r\n",
                b"INFO {}\r\n+OK\r\nPONG\r\n",
            ),
            (b"", b""),
        ];
        for (client, server) in cases {
            assert_judged(
                &spoken(client, server),
                None,
                &String::from_utf8_lossy(client),
            );
        }
    }
}
