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
