//! Payload sizes of flows, counted where somebody learns of hosts or holds them against what was learned.

use std::collections::BTreeMap;

use super::legs;
use crate::facts::{FlowId, PayloadSizes, Sent};
use crate::flow::Flow;
use crate::flow::sizes::Sizes;
use crate::proto::Side;

/// The payload sizes of the flows of one shard that are measured and not over.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    /// How many there may be at once; none where nobody asks.
    room: usize,
    flows: BTreeMap<FlowId, [Sizes; 2]>,
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

    /// Counts the size of a payload.
    #[cold]
    pub(super) fn note(&mut self, flow: FlowId, from: Side, bytes: u32) {
        if let Some([client, server]) = self.flows.get_mut(&flow) {
            let sizes = if from == Side::Client { client } else { server };
            sizes.record(bytes);
        }
    }

    /// What both sides of a flow that is over sent, if it was measured and seen from its beginning.
    pub(super) fn end(&mut self, flow: &Flow) -> Option<PayloadSizes> {
        let [client, server] = self.flows.remove(&flow.id)?;
        let is_whole = flow.spoke && !flow.is_midstream() && flow.defects.gap_bytes == 0;
        is_whole.then(|| PayloadSizes {
            flow: legs::spoke(flow),
            last_seen: flow.last_seen,
            client: sent(flow, Side::Client, &client),
            server: sent(flow, Side::Server, &server),
        })
    }

    /// Bytes of memory for one flow that is measured, an upper bound: full histograms of both sides.
    pub(super) const FLOW_BYTES: usize = 2 * (size_of::<(FlowId, [Sizes; 2])>() + 256);
}

fn sent(flow: &Flow, side: Side, sizes: &Sizes) -> Sent {
    Sent {
        bytes: flow.sent_by(side).bytes,
        sizes: sizes.bins().collect(),
    }
}
