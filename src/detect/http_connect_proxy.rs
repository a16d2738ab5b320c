//! # http-connect-proxy
//!
//! A host opens tunnels by HTTP CONNECT.
//!
//! ## Sees
//!
//! A CONNECT request with its authority (RFC 9110, section 9.3.6) and the server's answer, on any port, also behind a
//! refusal for want of credentials on the same connection, behind a PROXY protocol header, and with any 2xx status.
//! What follows is probed again: the finding names the protocol inside and further proxies asked for in the tunnel.
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
//! answers a CONNECT with a page. Other protocols have a command of that name (NATS), or the text stands in a body.
//!
//! ## Misses
//!
//! CONNECT inside TLS (an HTTPS proxy), and over HTTP/2 and HTTP/3. A session whose handshake was not captured. A proxy
//! that refuses everybody without showing what it is.

use super::tunnel;
use crate::evidence::{Certainty, Evidence, RelayExchange};
use crate::facts::FlowFacts;
use crate::proto::http::{Http, Response};
use crate::proto::stack::{Layer, Protocol};

/// The detector's name.
pub const NAME: &str = "http-connect-proxy";

/// Looks for CONNECT exchanges with the other end of the flow itself; the one that got furthest speaks for the flow.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
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
