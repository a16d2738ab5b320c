//! The caps of a shard, and the memory that they allow.

use super::measuring::Measuring;
use super::{Event, SHARDS, Shard};
use crate::flow::closed::Closed;
use crate::flow::head::Head;
use crate::flow::lasting::Schedule;
use crate::flow::rings::Rings;
use crate::flow::ssh::Reader;
use crate::flow::table::{FlowTable, Timeouts};

/// The caps of one shard.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows.
    pub flows: usize,
    /// Bytes of stream heads and what was read in them.
    pub head_bytes: usize,
    /// Patience with silent flows.
    pub timeouts: Timeouts,
    /// The ages at which flows are told of while they are open.
    pub lasting: Schedule,
}

impl Shard {
    /// An upper bound of the bytes of memory that shards with these limits hold together.
    pub fn memory_bound(limits: Limits) -> usize {
        let flows = limits.flows * (FlowTable::FLOW_BYTES + Rings::NODE_BYTES);
        let overshoot = 2 * Head::CAPACITY;
        let readers = most_readers(limits) * Reader::MOST_BYTES;
        usize::from(SHARDS) * (flows + readers + limits.head_bytes + overshoot + Closed::BYTES)
    }

    /// Of so many flows the payload sizes of one are counted at once, where somebody asks for them.
    pub const MEASURED: usize = 16;

    /// An upper bound of the bytes of memory that it takes to count payload sizes.
    pub fn measured_bound(limits: Limits) -> usize {
        usize::from(SHARDS) * limits.flows.div_ceil(Self::MEASURED) * Measuring::FLOW_BYTES
    }

    /// An upper bound of the bytes of memory that the events of these shards hold at once: every flow may end in the
    /// same moment.
    pub fn events_bound(limits: Limits) -> usize {
        usize::from(SHARDS) * limits.flows * size_of::<Event>() * 17 / 16
    }
}

/// How many SSH sessions are read behind their key exchange at once: one flow in so many.
pub(super) fn most_readers(limits: Limits) -> usize {
    limits.flows / FLOWS_FOR_A_READER + 1
}

const FLOWS_FOR_A_READER: usize = 128;
