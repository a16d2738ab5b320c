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
//! *proven* (medium): the answer came through a proxy, or the proxy asked for credentials. *probable* (medium): the proxy
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
//! A proxy that leaves no mark in its answers, unless it was proven by a CONNECT. Requests inside TLS, and over HTTP/2.
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
