//! # http-forward-proxy
//!
//! A host fetches other hosts' pages for its clients: an HTTP forward proxy.
//!
//! ## Sees
//!
//! Requests in absolute form (`GET http://host/ HTTP/1.1`, RFC 9112, section 3.2.2) on any port, and whether the answer
//! bears the mark of a proxy: `Via`, `X-Cache`, `Proxy-Agent`, `Proxy-Connection`, `X-Squid-Error`, or a demand for proxy
//! credentials (407).
//!
//! ## Means
//!
//! *proven* (medium): the answer came through a proxy, the proxy asked for credentials, or it was seen to open a connection to
//! where it was asked to. *probable* (medium): the proxy
//! answered itself, with an error; or the answer's head was cut from the capture, and the same server was proven an
//! HTTP proxy by another exchange.
//!
//! ## Quiet when
//!
//! The URI names the server itself, which every origin server must accept. The answer bears no mark of a proxy: a web
//! server answers scanners with a page of its own whatever they ask for. A CDN's `Via` or `X-Cache` is no mark, nor
//! are they on an error: reverse proxies set them too.
//!
//! ## Misses
//!
//! A proxy that leaves no mark in its answers, unless it was proven by a CONNECT or the leg that goes out is seen. Requests inside TLS, and over HTTP/2.
//! `ws://` and `ftp://` URIs are read as any other.

use super::tunnel;
use crate::evidence::{Certainty, Evidence, RelayExchange};
use crate::facts::FlowFacts;
use crate::proto::http::{Form, Http};
use crate::proto::stack::{Layer, Protocol};
use crate::proto::target::Host;

/// The detector's name.
pub const NAME: &str = "http-forward-proxy";

/// Looks for requests in absolute form to the other end of the flow itself; the surest one speaks for the flow.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
    let (certainty, layer, http) = facts
        .layers
        .iter()
        .filter(|layer| layer.depth == 0)
        .filter_map(|layer| {
            let http = absolute(layer)?;
            let asked_elsewhere = !names_server(http, facts);
            asked_elsewhere.then(|| (certainty(http), layer, http))
        })
        .max_by_key(|(certainty, ..)| *certainty)?;
    Some(tunnel::evidence(
        NAME,
        certainty,
        facts,
        layer,
        exchange(http),
    ))
}

fn absolute(layer: &Layer) -> Option<&Http> {
    match &layer.protocol {
        Protocol::Http(http) if matches!(http.form, Form::Absolute(_)) => Some(http),
        _ => None,
    }
}

/// Whether the URI names the server by its address. By its name it cannot be told from here.
fn names_server(http: &Http, facts: &FlowFacts) -> bool {
    let host = http.target.as_ref().map(|target| &target.host);
    host == Some(&Host::from_ip(facts.server.address.ip()))
}

fn certainty(http: &Http) -> Certainty {
    let Some(response) = &http.response else {
        return Certainty::Hint;
    };
    match response.status {
        407 => Certainty::Proven,
        200..400 if tunnel::has_proxy_mark(http) => Certainty::Proven,
        _ if tunnel::answers_as_proxy(response) => Certainty::Probable,
        _ => Certainty::Hint,
    }
}

fn exchange(http: &Http) -> RelayExchange {
    let status = http.response.as_ref().map(|response| response.status);
    RelayExchange {
        protocol: "http-forward",
        command: Some(http.method.to_ascii_lowercase()),
        authentication: http.proxy_authorization.then_some("proxy-authorization"),
        outcome: tunnel::outcome(http),
        opened: status.is_some_and(|status| (200..400).contains(&status)),
        target: http.target.clone(),
        marks: tunnel::marks(http),
        ..RelayExchange::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::spoken;
    use Certainty::{Hint, Probable, Proven};

    #[test]
    fn the_answer_decides() {
        let cases: [(&str, Certainty, bool); 14] = [
            ("", Hint, false),
            ("200 OK\r\n\r\n", Hint, true),
            ("200 OK\r\nVia: 1.1 relay\r\n\r\n", Proven, true),
            ("200 OK\r\nX-Cache: HIT from relay\r\n\r\n", Proven, true),
            (
                "200 OK\r\nProxy-Connection: keep-alive\r\n\r\n",
                Proven,
                true,
            ),
            ("304 Not Modified\r\nVia: 1.1 relay\r\n\r\n", Proven, true),
            ("407 Who\r\n\r\n", Proven, false),
            ("404 No\r\n\r\n", Hint, false),
            ("404 No\r\nVia: 1.1 cdn\r\n\r\n", Hint, false),
            ("502 No\r\nX-Cache: Error from cdn\r\n\r\n", Hint, false),
            ("503 No\r\nX-Squid-Error: ERR 0\r\n\r\n", Probable, false),
            ("502 No\r\nProxy-Agent: tiny/1\r\n\r\n", Probable, false),
            (
                "401 Who\r\nProxy-Authenticate: Basic\r\n\r\n",
                Probable,
                false,
            ),
            ("500 No\r\nServer: tinyproxy/1.11\r\n\r\n", Probable, false),
        ];
        for (answer, certainty, opened) in cases {
            let server = format!("HTTP/1.1 {answer}");
            let server = if answer.is_empty() { "" } else { &server };
            let facts = spoken(b"GET http://a.test/ HTTP/1.1\r\n\r\n", server.as_bytes());
            let evidence = inspect(&facts).unwrap();
            let judged = (evidence.certainty, evidence.exchange().unwrap().opened);
            assert_eq!(judged, (certainty, opened), "{answer}");
        }
    }

    #[test]
    fn the_request_decides_whether_there_is_a_case() {
        const MARKED: &[u8] = b"HTTP/1.1 200 OK\r\nVia: 1.1 relay\r\n\r\n";
        let cases = [
            ("GET http://a.test/ HTTP/1.1", Some(("get", "a.test:80"))),
            (
                "POST http://a.test:8080/x HTTP/1.1",
                Some(("post", "a.test:8080")),
            ),
            ("GET https://a.test/ HTTP/1.1", Some(("get", "a.test:443"))),
            (
                "GET http://10.0.0.3/ HTTP/1.1",
                Some(("get", "10.0.0.3:80")),
            ),
            ("GET http://10.0.0.2/ HTTP/1.1", None),
            ("GET http://10.0.0.2:99/ HTTP/1.1", None),
            ("GET / HTTP/1.1", None),
            ("OPTIONS * HTTP/1.1", None),
            ("CONNECT a.test:443 HTTP/1.1", None),
        ];
        for (line, expected) in cases {
            let client = format!("{line}\r\n\r\n");
            let exchange =
                inspect(&spoken(client.as_bytes(), MARKED)).map(|e| e.exchange().unwrap().clone());
            let asked = exchange.map(|exchange| {
                let target = exchange.target.map(|target| target.to_string());
                (exchange.command.unwrap(), target.unwrap())
            });
            let expected =
                expected.map(|(command, target)| (command.to_owned(), target.to_owned()));
            assert_eq!(asked, expected, "{line}");
        }
    }

    #[test]
    fn the_surest_request_speaks_and_quotes_its_marks() {
        let asked = "GET http://a.test/ HTTP/1.1\r\nProxy-Connection: keep-alive\r\n";
        let client = format!("{asked}\r\n{asked}Proxy-Authorization: Basic YTpi\r\n\r\n");
        let server = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n\
                      HTTP/1.1 200 OK\r\nVia: 1.1 relay\r\nX-Cache: MISS\r\nContent-Length: 0\r\n\r\n";
        let evidence = inspect(&spoken(client.as_bytes(), server.as_bytes())).unwrap();
        assert_eq!(evidence.certainty, Proven);
        assert_eq!(evidence.exchange().unwrap().outcome, "status 200");
        assert_eq!(
            evidence.exchange().unwrap().authentication,
            Some("proxy-authorization")
        );
        let marks = [
            "client sent Proxy-Connection",
            "Via: 1.1 relay",
            "X-Cache: MISS",
        ];
        assert_eq!(evidence.exchange().unwrap().marks, marks);
    }
}
