//! The one sentence of a finding.

use crate::decode::Address;
use crate::evidence::{Session, UNSEEN};
use crate::finding::names::Names;
use crate::finding::summary::RelaySummary;
use crate::proto::target::Target;

/// Who relays for whom, by what, and to where.
pub(super) fn of(
    first: &Session,
    relay: Address,
    evidence: &RelaySummary,
    target: Option<&Target>,
    names: &Names,
) -> String {
    let protocols = spoken(evidence);
    let (relay, client) = if evidence.reverse {
        let (outside, port) = (first.server.address.ip(), first.server.port);
        let relay = format!("{} connects out and", relay.ip());
        (relay, format!("{outside} on port {port}"))
    } else {
        let relay = Target {
            host: crate::proto::target::Host::from_ip(relay.ip()),
            port: first.server.port,
        };
        (names.show(&relay), first.client.address.ip().to_string())
    };
    let where_to = destinations(evidence, target.map(|target| names.show(target)));
    if evidence.opened > 0 {
        format!("{relay} serves {protocols} to {client}{where_to}")
    } else if evidence
        .outcomes
        .iter()
        .all(|outcome| is_unseen(outcome.value.as_deref()))
    {
        format!("{relay} is asked for {protocols} by {client}{where_to}")
    } else {
        format!("{relay} refuses {protocols} to {client}{where_to}")
    }
}

fn is_unseen(outcome: Option<&str>) -> bool {
    outcome == Some(UNSEEN)
}

fn spoken(evidence: &RelaySummary) -> String {
    let names: Vec<&str> = evidence
        .protocols
        .iter()
        .filter_map(|counted| counted.value)
        .map(word)
        .collect();
    names.join(" and ")
}

/// The protocol as people write it.
fn word(protocol: &str) -> &str {
    match protocol {
        "socks4" => "SOCKS4",
        "socks4a" => "SOCKS4a",
        "socks5" => "SOCKS5",
        "http-connect" => "HTTP CONNECT",
        "http2-connect" => "HTTP/2 CONNECT",
        "http-forward" => "HTTP forward proxying",
        "websocket" => "a WebSocket tunnel",
        other => other,
    }
}

fn destinations(evidence: &RelaySummary, target: Option<String>) -> String {
    let Some(target) = target else {
        return String::new();
    };
    match evidence.targets.iter().count().saturating_sub(1) {
        0 => format!(", for {target}"),
        1 => format!(", for {target} and 1 more target"),
        more => format!(", for {target} and {more} more targets"),
    }
}
