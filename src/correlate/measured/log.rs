//! What a host exchanges on one of its sides, flight by flight.

use std::collections::VecDeque;

use crate::facts::FlowId;
use crate::time::{Span, Timestamp};

/// Whether something comes to the host or leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It comes.
    In,
    /// It leaves.
    Out,
}

/// The beginning of a flight, of a flow, or of a connection inside a flow.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// When it began.
    pub time: Timestamp,
    /// On which flow.
    pub flow: FlowId,
    /// Which way it goes.
    pub way: Way,
    /// Whether the flow begins with it, or a connection inside it.
    pub opens: bool,
    /// What all flows of the side had carried before it.
    pub before: Carried,
}

impl Beat {
    pub(super) fn is_near(&self, other: &Self) -> bool {
        self.time.apart(other.time) <= JITTER
    }
}

/// Payload bytes, as the host sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Bytes that came.
    pub received: u64,
    /// Bytes that left.
    pub sent: u64,
}

impl Carried {
    /// What was carried since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            received: self.received.saturating_sub(earlier.received),
            sent: self.sent.saturating_sub(earlier.sent),
        }
    }

    fn add(&mut self, more: Self) {
        self.received = self.received.saturating_add(more.received);
        self.sent = self.sent.saturating_add(more.sent);
    }
}

/// The newest beats of one side of a host, in order of time; older ones give way.
#[derive(Debug, Default)]
pub struct Log {
    beats: VecDeque<Beat>,
    carried: Carried,
    recorded: u64,
}

impl Log {
    /// Counts payload that a flow of this side carried.
    pub fn carry(&mut self, more: Carried) {
        self.carried.add(more);
    }

    /// Records a beat that begins now.
    pub fn record(&mut self, time: Timestamp, flow: FlowId, way: Way) {
        self.make_room();
        self.beats.push_back(Beat {
            time,
            flow,
            way,
            opens: false,
            before: self.carried,
        });
    }

    /// Records an opening, which is told later than it was: when the flow first speaks, or the connection is confirmed.
    pub fn record_opening(&mut self, opened: Timestamp, flow: FlowId, way: Way) {
        let later = self.beats.iter().rev();
        let later = later.take_while(|beat| beat.time > opened).count();
        let place = self.beats.len() - later;
        let before = self
            .beats
            .get(place)
            .map_or(self.carried, |beat| beat.before);
        self.insert(
            place,
            Beat {
                time: opened,
                flow,
                way,
                opens: true,
                before,
            },
        );
    }

    fn insert(&mut self, place: usize, beat: Beat) {
        let is_full = self.make_room();
        let place = place.saturating_sub(is_full.into());
        self.beats.insert(place, beat);
    }

    /// Makes room for one more, and counts it; says whether the oldest gave way.
    fn make_room(&mut self) -> bool {
        self.recorded += 1;
        let is_full = self.beats.len() >= KEPT;
        if is_full {
            self.beats.pop_front();
        }
        is_full
    }

    /// The beats that go one way.
    pub fn going(&self, way: Way) -> Vec<&Beat> {
        let mut going = Vec::with_capacity(self.beats.len());
        going.extend(self.beats.iter().filter(|beat| beat.way == way));
        going
    }

    /// What was carried since a moment, as far as beats that are kept tell.
    pub fn carried_since(&self, time: Timestamp) -> Carried {
        let at = self.beats.partition_point(|beat| beat.time < time);
        let before = self.beats.get(at).map_or(self.carried, |beat| beat.before);
        self.carried.since(before)
    }

    /// The part of the time within [`JITTER`] around a moment at which the side was there: behind the opening of a flow before
    /// which it was silent. It is less than half where the side was not there yet.
    pub(super) fn there_around(&self, time: Timestamp) -> f64 {
        let begins = time + JITTER * -1;
        let at = self.beats.partition_point(|beat| beat.time < begins);
        let opening = self.beats.get(at).filter(|beat| beat.opens);
        let absent = opening.map_or(0, |beat| (beat.time - begins).min(JITTER * 2).nanos());
        1.0 - absent as f64 / (JITTER * 2).nanos() as f64
    }

    /// The time of the oldest beat that is kept.
    pub fn begins(&self) -> Option<Timestamp> {
        self.beats.front().map(|beat| beat.time)
    }

    /// How many beats were recorded, those that gave way among them.
    pub fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Bytes of memory that a log may need.
    pub const BYTES: usize = KEPT.next_power_of_two() * size_of::<Beat>();
}

/// How far a beat might have stood from where it does, under the null.
pub(super) const JITTER: Span = Span::from_seconds(1);
/// Beats that a side keeps: what some dozens of sessions need.
const KEPT: usize = 128;
