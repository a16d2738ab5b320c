//! What is told of a flow when its protocols are known, and when it is over.

use super::heads::conclude;
use super::prints::Prints;
use super::watch::Watching;
use super::{Outbox, Report, dark, legs};
use crate::detect;
use crate::facts::{FlowEnd, FlowFacts, Quality, Traffic};
use crate::flow::Flow;
use crate::flow::nonces::NonceKey;
use crate::proto::Side;
use crate::proto::stack::{Kind, Layer, Protocol};

/// Turns what was read in a flow into facts and evidence, and forgets the heads.
pub(super) fn report(
    flow: &mut Flow,
    tuning: &detect::Tuning,
    nonces: &NonceKey,
    watching: &mut Watching,
    prints: &mut Prints,
    events: &mut Outbox<'_>,
) {
    flow.defects.rewritten |= flow.probe.differs();
    flow.defects.scattered |= flow.probe.is_scattered();
    let layers = flow.probe.settle().unwrap_or_default();
    if layers.is_empty() {
        return;
    }
    flow.protocol = spoken(&layers);
    watching.note_layers(flow, &layers);
    prints.note(flow, &layers, events);
    if layers
        .iter()
        .all(|layer| matches!(layer.protocol, Protocol::Page))
    {
        return;
    }
    legs::tell_inside(flow, &layers, nonces, events);
    let facts = facts_of(flow, layers);
    let evidence = detect::inspect(&facts, tuning);
    let declares = |layer: &Layer| matches!(layer.protocol, Protocol::Proxy(_));
    let is_asked_for = facts.layers.iter().any(declares) || facts.mute_hello().is_some();
    if !evidence.is_empty() || is_asked_for {
        flow.reported = true;
        events.push(Report::Flow(Box::new(facts), evidence));
    }
}

pub(super) fn close(
    flow: &mut Flow,
    tuning: &detect::Tuning,
    nonces: &NonceKey,
    watching: &mut Watching,
    prints: &mut Prints,
    events: &mut Outbox<'_>,
) {
    conclude(flow);
    report(flow, tuning, nonces, watching, prints, events);
    dark::end(flow, tuning, events);
    if let Some(portrait) = watching.portrait(flow) {
        events.push(Report::Portrait(Box::new(portrait)));
    }
    if flow.reported || flow.spoke {
        events.push(Report::Ended(FlowEnd {
            id: flow.id,
            last_seen: flow.last_seen,
            traffic: traffic_of(flow),
            ending: flow.ending(),
            protocol: flow.protocol,
            greeting: flow.greeting,
            quality: quality_of(flow),
        }));
    }
}

/// The outermost protocol that is spoken with the one who was called; a PROXY protocol header only comes before it.
fn spoken(layers: &[Layer]) -> Option<Kind> {
    let is_header = |layer: &&Layer| layer.protocol.kind() == Kind::Proxy;
    let first = layers.iter().find(|layer| !is_header(layer))?;
    (first.server == Side::Server).then(|| first.protocol.kind())
}

pub(super) fn facts_of(flow: &Flow, layers: Vec<Layer>) -> FlowFacts {
    FlowFacts {
        id: flow.id,
        client: flow.endpoint(Side::Client),
        server: flow.endpoint(Side::Server),
        transport: flow.key.transport(),
        opened: flow.opened,
        last_seen: flow.last_seen,
        label: flow.label,
        layers,
        traffic: traffic_of(flow),
        quality: quality_of(flow),
        ssh: None,
    }
}

pub(super) fn traffic_of(flow: &Flow) -> Traffic {
    Traffic {
        client_bytes: flow.sent_by(Side::Client).bytes,
        server_bytes: flow.sent_by(Side::Server).bytes,
        client_flights: flow.flights(Side::Client),
        server_flights: flow.flights(Side::Server),
    }
}

pub(super) fn quality_of(flow: &Flow) -> Quality {
    Quality {
        gaps: flow.defects.gap_bytes > 0 || flow.defects.scattered,
        one_sided: !flow.is_answered(),
        midstream: flow.is_midstream(),
        truncated: flow.defects.truncated,
        fragments: flow.defects.fragments,
        loss: flow.defects.head_lost,
        copies: flow.defects.copies,
        rewritten: flow.defects.rewritten,
        forgotten: flow.defects.forgotten,
    }
}
