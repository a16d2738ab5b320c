//! Which shard a segment belongs to.

use crate::decode::Segment;
use crate::flow::key::{FlowKey, Sender};

/// How many shards there are. The findings of a run depend on it; it never changes with the number of workers.
pub const SHARDS: u16 = 64;

/// The flow that a segment belongs to, which end sent it, and the shard that owns the flow.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The flow's key.
    pub key: FlowKey,
    /// The end that sent the segment.
    pub sender: Sender,
    /// The number of the shard.
    pub shard: u16,
}

impl Route {
    /// The route of a segment to the shard of that number.
    #[inline]
    pub fn to(shard: u16, segment: &Segment<'_>) -> Self {
        let (key, sender) = FlowKey::of(segment);
        Self { key, sender, shard }
    }

    /// The route of a segment.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 64")]
    pub fn of(segment: &Segment<'_>) -> Self {
        let (key, sender) = FlowKey::of(segment);
        let shard = (key.stable_hash() % u64::from(SHARDS)) as u16;
        Self { key, sender, shard }
    }
}
