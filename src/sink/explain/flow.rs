//! One flow: its ends, its time, what each side sent, and the protocols that were read in it.

use std::io::{self, Write};

use super::page::{BOLD, DIM, LABEL, Page, span};
use super::{histogram, layers, quality};
use crate::decode::Label;
use crate::facts::{self, Ending, FlowFacts, FlowPortrait, Phase};
use crate::proto::Side;
use crate::proto::stack::Layer;

/// Writes all that is known of a flow.
///
/// # Errors
///
/// If the output fails; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn flow(out: &mut impl Write, portrait: &FlowPortrait, width: usize) -> io::Result<()> {
    let mut page = Page::new(out, width);
    let facts = &portrait.facts;
    let (transport, client, server) = (facts.transport.name(), facts.client, facts.server);
    writeln!(page.out, "{BOLD}{transport} {client} to {server}{BOLD:#}")?;
    page.gap()?;
    course(&mut page, portrait)?;
    page.gap()?;
    sent(&mut page, portrait)?;
    page.gap()?;
    read(&mut page, portrait)
}

fn course<W: Write>(page: &mut Page<'_, W>, portrait: &FlowPortrait) -> io::Result<()> {
    let facts = &portrait.facts;
    let id = facts::community_id(facts.client, facts.server, facts.transport);
    let (first, last) = (facts.opened, facts.last_seen);
    let round_trip = portrait.round_trip.map(|time| {
        format!(
            "{}, from the SYN to the client's first acknowledgement",
            span(time)
        )
    });
    page.lines("community id", id)?;
    page.line("opened by", &opener(portrait))?;
    page.line("time", &format!("{first} to {last}"))?;
    page.line("duration", &span(last - first))?;
    page.lines("tcp", portrait.phase.map(|phase| ending(phase).to_owned()))?;
    page.lines("round trip", round_trip)?;
    page.line("wrapped in", &wrapping(facts.label))?;
    page.lines("quality", quality::words(facts.quality))
}

fn opener(portrait: &FlowPortrait) -> String {
    let FlowFacts {
        client,
        layers,
        quality,
        ..
    } = &portrait.facts;
    let serves = layers
        .first()
        .is_some_and(|layer| layer.server == Side::Client);
    let sure = portrait.phase.is_some() && !quality.midstream;
    let how = match (sure, serves) {
        (true, false) => "the handshake was seen",
        (true, true) => "the handshake was seen; it is also the one that serves",
        (false, false) => "a guess, from the ports or from who spoke first",
        (false, true) => "a guess that is likely wrong, for it is the one that serves",
    };
    format!("{client}: {how}")
}

fn ending(phase: Phase) -> &'static str {
    match phase {
        Phase::Opening => "a SYN without an answer",
        Phase::Open => "open; its end was not seen",
        Phase::Closed(Ending::Finished) => "finished: both sides sent a FIN",
        Phase::Closed(Ending::Reset) => "reset by one side",
        Phase::Closed(Ending::Rejected) => "rejected: the SYN was answered by a reset",
    }
}

fn wrapping(label: Label) -> String {
    let vlan = label.vlan.map(|id| format!("vlan {id}"));
    let tunnels = label.names().map(str::to_owned);
    vlan.into_iter()
        .chain(tunnels)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A table of both sides, and their payload sizes.
fn sent<W: Write>(page: &mut Page<'_, W>, portrait: &FlowPortrait) -> io::Result<()> {
    let (client, server) = (&portrait.client, &portrait.server);
    let traffic = portrait.facts.traffic;
    let rows: [(&str, u64, u64); 3] = [
        ("segments", client.segments.into(), server.segments.into()),
        ("bytes", traffic.client_bytes, traffic.server_bytes),
        (
            "flights",
            traffic.client_flights.into(),
            traffic.server_flights.into(),
        ),
    ];
    writeln!(
        page.out,
        "{:LABEL$} {DIM}{:>14} {:>14}{DIM:#}",
        "", "by the client", "by the server"
    )?;
    for (label, client, server) in rows {
        writeln!(
            page.out,
            "{DIM}{label:<LABEL$}{DIM:#} {client:>14} {server:>14}"
        )?;
    }
    page.gap()?;
    if client.sizes.is_empty() && server.sizes.is_empty() {
        return page.line("sizes", "no payload was seen");
    }
    histogram::draw(page, &client.sizes, &server.sizes)
}

fn read<W: Write>(page: &mut Page<'_, W>, portrait: &FlowPortrait) -> io::Result<()> {
    let facts = &portrait.facts;
    if facts.layers.is_empty() && portrait.names.is_empty() {
        return page.line("layers", "nothing that is read here");
    }
    let mut label = "layers";
    for (at, layer) in facts.layers.iter().enumerate() {
        page.line(label, &heading(facts, at, layer))?;
        for (name, text) in layers::details(&layer.protocol) {
            page.detail(name, &text)?;
        }
        label = "";
    }
    let names = portrait.names.iter();
    page.lines(
        "dns answers",
        names.map(|named| format!("{} is {}", named.name, named.ip)),
    )
}

/// The protocol, who serves it, and through what it is spoken.
fn heading(facts: &FlowFacts, at: usize, layer: &Layer) -> String {
    let name = layer.protocol.name();
    if layer.depth == 0 {
        let server = match layer.server {
            Side::Client => facts.client,
            Side::Server => facts.server,
        };
        return format!("{name}, served by {server}");
    }
    let tunnels = match layer.depth {
        1 => "the tunnel".to_owned(),
        depth => format!("{depth} tunnels"),
    };
    let before = facts.layers.get(..at).unwrap_or_default();
    let target = before
        .iter()
        .rev()
        .filter(|outer| outer.depth + 1 == layer.depth)
        .find_map(|outer| layers::target(&outer.protocol));
    match target {
        Some(target) => format!("{name} through {tunnels}, served by {target}"),
        None => format!("{name} through {tunnels}"),
    }
}
