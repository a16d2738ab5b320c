//! Payload sizes of flows and how these open, noted where somebody learns of hosts or holds them against what was learned.

use std::collections::BTreeMap;

use super::legs::{self, Piece};
use crate::facts::opening::Opening;
use crate::facts::{FlowId, PayloadSizes, Sent};
use crate::flow::Flow;
use crate::flow::first::First;
use crate::flow::sizes::Sizes;
use crate::proto::Side;

/// The payload sizes of the flows of one shard that are measured and not over.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    /// How many there may be at once; none where nobody asks.
    room: usize,
    flows: BTreeMap<FlowId, Measures>,
}

/// What is measured of a flow: of its client and of its server.
#[derive(Debug, Default)]
struct Measures {
    sizes: [Sizes; 2],
    firsts: [First; 2],
}

impl Measuring {
    pub(super) fn new(room: usize) -> Self {
        let flows = BTreeMap::new();
        Self { room, flows }
    }

    /// Begins to measure a new flow, if there is room.
    pub(super) fn begin(&mut self, flow: FlowId) -> bool {
        let has_room = self.flows.len() < self.room;
        if has_room {
            self.flows.insert(flow, Default::default());
        }
        has_room
    }

    /// Counts the size of a payload, and looks at the first one of a side.
    #[cold]
    pub(super) fn note(&mut self, flow: FlowId, piece: &Piece<'_>) {
        let Some(measures) = self.flows.get_mut(&flow) else {
            return;
        };
        let (from, segment) = (piece.from, piece.segment);
        let [client, server] = &mut measures.sizes;
        let sizes = if from == Side::Client { client } else { server };
        sizes.record(piece.payload.new_bytes);
        if piece.payload.offset == Some(0) {
            let [client, server] = &mut measures.firsts;
            let first = if from == Side::Client { client } else { server };
            *first = First::of(from, segment.payload, segment.payload_bytes);
        }
    }

    /// What both sides of a flow that is over sent, if it was measured, seen from its beginning, and not refused: what a
    /// server says to who speaks another protocol is no service of it.
    pub(super) fn end(&mut self, flow: &Flow) -> Option<PayloadSizes> {
        let measures = self.flows.remove(&flow.id)?;
        let [client, server] = &measures.sizes;
        let is_whole = flow.spoke && !flow.is_midstream() && flow.defects.gap_bytes == 0;
        let is_refused = measures.firsts.contains(&First::Refusal);
        (is_whole && !is_refused).then(|| PayloadSizes {
            flow: legs::spoke(flow),
            last_seen: flow.last_seen,
            opening: opening(flow, measures.firsts),
            client: sent(flow, Side::Client, client),
            server: sent(flow, Side::Server, server),
        })
    }

    /// Bytes of memory for one flow that is measured, an upper bound: full histograms of both sides.
    pub(super) const FLOW_BYTES: usize = 2 * (size_of::<(FlowId, Measures)>() + 256);
}

fn sent(flow: &Flow, side: Side, sizes: &Sizes) -> Sent {
    Sent {
        bytes: flow.sent_by(side).bytes,
        sizes: sizes.bins().collect(),
    }
}

/// How a connection in which both sides spoke opened. What no parser knows counts where all that parsers need was seen.
fn opening(flow: &Flow, [client, server]: [First; 2]) -> Option<Opening> {
    let flights = |side: Side| flow.flights(side);
    if flow.tcp.is_none() || flights(Side::Client) == 0 || flights(Side::Server) == 0 {
        return None;
    }
    if let Some(kind) = flow.protocol {
        return Some(Opening::by(kind));
    }
    let defects = flow.defects;
    let is_told = !defects.truncated && !defects.head_lost && !defects.rewritten;
    match (client, server) {
        (First::OpenVpn, First::OpenVpn) => Some(Opening::OPENVPN),
        (First::Random, First::Random) if is_told => Some(Opening::RANDOM),
        _ if is_told && flights(Side::Client) > 1 => Some(Opening::UNREAD),
        _ => None,
    }
}
