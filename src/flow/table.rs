//! The flow table of one logical shard: a cap, an order of expiry and an order of eviction.

use hashbrown::HashTable;

use super::Flow;
use super::expiry::Wheel;
use super::key::FlowKey;
use super::lasting::Schedule;
use super::rings::Rings;
use crate::facts::FlowId;
use crate::time::{Span, Timestamp};

/// Flows by key, up to a cap.
#[derive(Debug)]
pub struct FlowTable {
    places: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    flows: Vec<Option<Flow>>,
    free: Vec<u32>,
    order: Rings,
    wheel: Wheel,
    timeouts: Timeouts,
    schedule: Schedule,
    cap: usize,
}

/// How long a flow may be silent before it is forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// TCP that one side has not answered.
    pub half_open: Span,
    /// Established TCP.
    pub tcp: Span,
    /// Every other transport.
    pub datagram: Span,
    /// TCP that is over: time for late segments.
    pub closed: Span,
}

/// Why a flow came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Its time is over. It is for the caller to remove it.
    Over,
    /// It has come to an age at which it is told of, perhaps not the first one.
    Lasted {
        /// Whether it was told of before.
        again: bool,
    },
}

/// Where a flow lives in the table.
pub type Place = u32;

impl FlowTable {
    /// An empty table for at most `cap` flows (at least one).
    pub fn new(cap: usize, timeouts: Timeouts) -> Self {
        Self {
            places: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            flows: Vec::new(),
            free: Vec::new(),
            order: Rings::new(CLASSES),
            wheel: Wheel::new(),
            timeouts,
            schedule: Schedule::NEVER,
            cap: cap.max(1),
        }
    }

    /// The same table, in which flows come up at these ages.
    #[must_use]
    pub fn telling_at(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Where the flow of a key lives.
    #[inline]
    pub fn find(&self, key: &FlowKey) -> Option<Place> {
        let same = |place: &Place| self.flow(*place).is_some_and(|flow| flow.key == *key);
        self.places.find(self.hash(key), same).copied()
    }

    /// Where the flow of a key lives; perhaps still where it lived before.
    #[inline]
    pub fn find_again(&self, key: &FlowKey, before: Option<Place>) -> Option<Place> {
        let still = before.filter(|&place| self.flow(place).is_some_and(|flow| flow.key == *key));
        still.or_else(|| self.find(key))
    }

    /// Adds a flow whose key is not in the table. The caller has made room with [`FlowTable::victim`].
    pub fn insert(&mut self, flow: Flow) -> Place {
        let (key, deadline, now) = (flow.key, self.deadline(&flow), flow.last_seen);
        let place = self.vacant_place();
        if let Some(slot) = self.flows.get_mut(place as usize) {
            *slot = Some(flow);
        }
        let Self {
            places,
            hasher,
            flows,
            ..
        } = self;
        places.insert_unique(hash(hasher, &key), place, |place| {
            flows
                .get(*place as usize)
                .and_then(Option::as_ref)
                .map_or(0, |flow| hash(hasher, &flow.key))
        });
        self.order.push(HALF_OPEN, place);
        self.wheel.schedule(place, deadline, now);
        place
    }

    fn vacant_place(&mut self) -> Place {
        self.free.pop().unwrap_or_else(|| {
            if self.flows.len() == self.flows.capacity() {
                self.flows.reserve_exact(self.flows.len() / 16 + 16);
            }
            self.flows.push(None);
            u32::try_from(self.flows.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Forgets a flow.
    pub fn remove(&mut self, place: Place) {
        let Some(flow) = self.flow(place) else {
            return;
        };
        let hash = self.hash(&flow.key);
        if let Ok(entry) = self.places.find_entry(hash, |&other| other == place) {
            entry.remove();
        }
        if let Some(slot) = self.flows.get_mut(place as usize) {
            *slot = None;
        }
        self.order.remove(place);
        self.wheel.cancel(place);
        self.free.push(place);
    }

    /// Tells the table that a flow is established now: from here on it outlives half-open flows.
    pub fn promote(&mut self, place: Place) {
        self.order.push(ESTABLISHED, place);
    }

    /// Tells the table that a flow's deadline has come nearer.
    pub fn hasten(&mut self, place: Place) {
        let seen = |flow: &Flow| (self.deadline(flow), flow.last_seen);
        if let Some((deadline, now)) = self.flow(place).map(seen) {
            self.wheel.schedule(place, deadline, now);
        }
    }

    /// A flow that has come up at `now`, if there is one: why, and at which moment it did.
    #[inline]
    pub fn overdue(&mut self, now: Timestamp) -> Option<(Place, Timestamp, Due)> {
        if self.wheel.is_early(now) {
            return None;
        }
        self.pop_overdue(now)
    }

    #[cold]
    fn pop_overdue(&mut self, now: Timestamp) -> Option<(Place, Timestamp, Due)> {
        while let Some(due) = self.wheel.pop_due(now) {
            let (place, moment, schedule) = (due.node, due.moment, self.schedule);
            let deadline = self.flow(place).map(|flow| self.deadline(flow))?;
            if deadline <= moment {
                return Some((place, moment, Due::Over));
            }
            let flow = self.flow_mut(place)?;
            let established = flow.is_established();
            let lasted = established.then(|| schedule.advance(flow)).flatten();
            let next = schedule.looks_at(flow, moment);
            let next = next.map_or(deadline, |next| next.min(deadline));
            self.wheel.schedule(place, next, moment);
            if let Some(again) = lasted {
                return Some((place, moment, Due::Lasted { again }));
            }
        }
        None
    }

    /// The flow that can best be spared, if the table is full: the oldest half-open flow, else the established flow
    /// that has been silent since it was last considered. It is for the caller to remove it.
    pub fn victim(&mut self) -> Option<Place> {
        if self.len() < self.cap {
            return None;
        }
        self.order.first(HALF_OPEN).or_else(|| self.idlest())
    }

    /// Second chance: a flow that was active since it was queued goes to the end of the queue, once.
    fn idlest(&mut self) -> Option<Place> {
        for _ in 0..SECOND_CHANCES {
            let place = self.order.first(ESTABLISHED)?;
            let newest = self.newest_in_line(place);
            if !newest {
                return Some(place);
            }
            self.order.push(ESTABLISHED, place);
        }
        self.order.first(ESTABLISHED)
    }

    /// Whether a flow was active after the flow behind it in the queue.
    fn newest_in_line(&self, place: Place) -> bool {
        let seen = |place| self.flow(place).map(|flow| flow.last_seen);
        self.order
            .next(place)
            .is_some_and(|behind| seen(place) > seen(behind))
    }

    /// The places of all flows, in the order they were opened.
    pub fn in_order(&self) -> Vec<Place> {
        let held = (0..).zip(&self.flows);
        let mut ids: Vec<(FlowId, Place)> = held
            .filter_map(|(place, flow)| Some((flow.as_ref()?.id, place)))
            .collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, place)| place).collect()
    }

    fn deadline(&self, flow: &Flow) -> Timestamp {
        let patience = match flow.tcp {
            None => self.timeouts.datagram,
            Some(_) if flow.ending().is_some() => self.timeouts.closed,
            Some(_) if flow.is_established() => self.timeouts.tcp,
            Some(_) => self.timeouts.half_open,
        };
        flow.last_seen + patience
    }

    /// The flow at a place.
    #[inline]
    pub fn flow(&self, place: Place) -> Option<&Flow> {
        self.flows.get(place as usize)?.as_ref()
    }

    /// The flow at a place.
    #[inline]
    pub fn flow_mut(&mut self, place: Place) -> Option<&mut Flow> {
        self.flows.get_mut(place as usize)?.as_mut()
    }

    /// How many flows it holds.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn hash(&self, key: &FlowKey) -> u64 {
        hash(&self.hasher, key)
    }

    /// An upper bound of the bytes that one flow needs in the table, heads left out.
    pub const FLOW_BYTES: usize =
        (size_of::<Option<Flow>>() * 17 / 16) + 2 * Rings::NODE_BYTES + 4 * size_of::<Place>() + 16;
}

/// The table's own hash is seeded by chance, so that nobody can aim at its buckets; nothing is ever read in its order.
fn hash(hasher: &foldhash::fast::RandomState, key: &FlowKey) -> u64 {
    use std::hash::BuildHasher;
    hasher.hash_one(key)
}

const CLASSES: u32 = 2;
const HALF_OPEN: u32 = 0;
const ESTABLISHED: u32 = 1;

/// How many flows one eviction looks at before it takes what it finds.
const SECOND_CHANCES: usize = 16;
