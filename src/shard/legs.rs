//! What a shard tells correlators of each flow that speaks: it may be one leg of a relay.

use super::{Outbox, Report, quality_of};
use crate::decode::{Segment, Transport};
use crate::facts::legs::{Flight, Sighting, Spoke};
use crate::flow::Flow;
use crate::flow::nonces::NonceKey;
use crate::flow::probing::Probe;
use crate::flow::tcp::Payload;
use crate::proto::Side;
use crate::proto::nonce;
use crate::proto::stack::{Layer, Protocol};

/// New payload of a flow, and where it stands.
pub(super) struct Piece<'a> {
    pub(super) from: Side,
    pub(super) segment: &'a Segment<'a>,
    pub(super) payload: Payload,
    /// Whether a flight begins with it.
    pub(super) turns: bool,
}

/// Tells of new payload. Of flows that ask resolvers for names it is enough to know that they are there.
#[inline]
pub(super) fn tell(flow: &mut Flow, piece: &Piece<'_>, key: &NonceKey, events: &mut Outbox<'_>) {
    if !flow.spoke || piece.turns || flow.looks.is_open(piece.from) {
        tell_news(flow, piece, key, events);
    }
}

fn tell_news(flow: &mut Flow, piece: &Piece<'_>, key: &NonceKey, events: &mut Outbox<'_>) {
    let is_read = !matches!(flow.probe, Probe::Names);
    let flight = (is_read && piece.turns).then(|| flight(flow, piece));
    let nonce = if is_read {
        sighting(flow, piece, key)
    } else {
        None
    };
    if flow.spoke {
        flight
            .into_iter()
            .for_each(|f| events.push(Report::Flight(f)));
        nonce
            .into_iter()
            .for_each(|n| events.push(Report::Nonce(n)));
    } else {
        flow.spoke = true;
        events.push(Report::Spoke(Box::new(Spoke {
            flight,
            nonce,
            ..spoke(flow)
        })));
    }
}

/// Tells of nonces in places where no payload begins: behind the framing of a tunnel, or behind a proxy's handshake in
/// the same payload.
pub(super) fn tell_inside(flow: &Flow, layers: &[Layer], key: &NonceKey, events: &mut Outbox<'_>) {
    let mut begins = (0, 0);
    let mut is_framed = false;
    for layer in layers {
        is_framed |= matches!(layer.protocol, Protocol::WebSocket(_));
        if layer.depth > 0 || is_framed {
            for (side, nonce) in layer.protocol.nonces() {
                events.push(Report::Nonce(Sighting {
                    flow: flow.id,
                    from: if layer.server == Side::Server {
                        side
                    } else {
                        side.other()
                    },
                    kind: nonce.kind,
                    hash: key.hash(&nonce),
                    offset: if side == Side::Client {
                        begins.0
                    } else {
                        begins.1
                    },
                    is_framed,
                    sequence: None,
                }));
            }
        }
        if !is_framed {
            begins = (layer.ends.0 as u64, layer.ends.1 as u64);
        }
    }
}

pub(super) fn spoke(flow: &Flow) -> Spoke {
    Spoke {
        id: flow.id,
        client: flow.endpoint(Side::Client),
        server: flow.endpoint(Side::Server),
        transport: flow.key.transport(),
        opened: flow.opened,
        vlan: flow.label.vlan,
        quality: quality_of(flow),
        flight: None,
        nonce: None,
    }
}

fn flight(flow: &Flow, piece: &Piece<'_>) -> Flight {
    let before = |side: Side| {
        let begun = if side == piece.from {
            piece.payload.new_bytes
        } else {
            0
        };
        flow.sent_by(side).bytes.saturating_sub(begun.into())
    };
    Flight {
        flow: flow.id,
        opened: flow.opened,
        from: piece.from,
        client_bytes: before(Side::Client),
        server_bytes: before(Side::Server),
        one_sided: !flow.is_answered(),
    }
}

fn sighting(flow: &mut Flow, piece: &Piece<'_>, key: &NonceKey) -> Option<Sighting> {
    let is_wrapped = is_echo(piece.segment);
    let find = if is_wrapped {
        nonce::find_wrapped
    } else {
        nonce::find
    };
    let nonce = flow.looks.search(piece.from, piece.segment.payload, find)?;
    Some(Sighting {
        flow: flow.id,
        from: piece.from,
        kind: nonce.kind,
        hash: key.hash(&nonce),
        offset: piece.payload.offset.unwrap_or(0),
        is_framed: is_wrapped,
        sequence: piece.segment.tcp.map(|tcp| tcp.sequence),
    })
}

/// Whether it is an echo request or reply (RFC 792, RFC 4443), whose data are nobody's stream.
fn is_echo(segment: &Segment<'_>) -> bool {
    matches!(
        (segment.transport, segment.icmp),
        (Transport::ICMP, Some((0 | 8, _))) | (Transport::ICMPV6, Some((128 | 129, _)))
    )
}
