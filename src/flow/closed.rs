//! TCP that is over: late segments must not open a flow again.

use super::key::FlowKey;
use crate::time::{Span, Timestamp};

/// The keys of connections that ended lately, by hash, in a cache of fixed size: a newer one takes an older one's slot.
#[derive(Debug)]
pub struct Closed {
    slots: Vec<Slot>,
    patience: Span,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    until: Timestamp,
}

impl Closed {
    /// Remembers connections for `patience` after their end.
    pub fn new(patience: Span) -> Self {
        let empty = Slot {
            hash: 0,
            until: Timestamp::MIN,
        };
        Self {
            slots: vec![empty; SLOTS],
            patience,
        }
    }

    /// Remembers that a connection ended.
    pub fn insert(&mut self, key: &FlowKey, now: Timestamp) {
        let hash = key.stable_hash();
        let until = now + self.patience;
        if let Some(slot) = self.slots.get_mut(place(hash)) {
            *slot = Slot { hash, until };
        }
    }

    /// Whether a segment of this key comes late to a connection that ended.
    pub fn is_late(&self, key: &FlowKey, now: Timestamp) -> bool {
        let hash = key.stable_hash();
        self.slots
            .get(place(hash))
            .is_some_and(|slot| slot.hash == hash && now <= slot.until)
    }

    /// Bytes of memory that it holds.
    pub const BYTES: usize = SLOTS * size_of::<Slot>();
}

/// The low bits have picked the shard; the high ones pick the slot.
fn place(hash: u64) -> usize {
    (hash >> (u64::BITS - SLOT_BITS)) as usize
}

const SLOT_BITS: u32 = 10;
const SLOTS: usize = 1 << SLOT_BITS;
