//! What leaves a shard, and in which order the ordered stage sees it.

use crate::evidence::Evidence;
use crate::facts::lasting::Lasted;
use crate::facts::legs::{Asked, Flight, Lived, Sighting, Spoke, Totals};
use crate::facts::{Answers, FlowEnd, FlowFacts, FlowPortrait, LookUp, PayloadSizes, Print};
use crate::time::Timestamp;

/// When a frame was seen: its time and its number in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Capture time, never running back.
    pub time: Timestamp,
    /// The frame's number, from 1.
    pub frame: u64,
}

/// Something that leaves a shard for the ordered stage.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place among the events of all shards.
    pub order: Order,
    /// What happened.
    pub report: Report,
}

/// The order in which the ordered stage sees events: by capture time, and within one moment what expired before what
/// a frame brought before what the end of the run brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// When it happened.
    pub time: Timestamp,
    /// The cause, in the uppermost bits, and the frame.
    cause: u64,
    /// The shard, and the number among its events by this cause.
    number: u64,
}

impl Order {
    /// The first event that a shard tells by a cause, of a frame.
    pub(super) fn new(time: Timestamp, cause: Cause, frame: u64, shard: u16) -> Self {
        Self {
            time,
            cause: (cause as u64) << 62 | frame,
            number: u64::from(shard) << 32,
        }
    }

    /// The one behind it, by the same cause.
    pub(super) fn next(self) -> Self {
        Self {
            number: self.number + 1,
            ..self
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    Expiry,
    Frame,
    End,
}

/// What a shard has to say.
#[derive(Clone, Debug)]
pub enum Report {
    /// A flow was read, and detectors or correlators want to know.
    Flow(Box<FlowFacts>, Vec<Evidence>),
    /// A TLS client looks like this.
    Print(Box<Print>),
    /// A flow carried its first payload.
    Spoke(Box<Spoke>),
    /// A side of a flow that spoke began a flight.
    Flight(Flight),
    /// A side of a multiplexed tunnel had the other one open a connection.
    Asked(Asked),
    /// A connection inside a multiplexed tunnel is over.
    Lived(Box<Lived>),
    /// TCP ended a flow that spoke and is kept for a while.
    Totals(Totals),
    /// A payload began with a nonce.
    Nonce(Sighting),
    /// The payload sizes of a flow that was measured and is over.
    Sizes(Box<PayloadSizes>),
    /// A flow that was reported, or spoke, is over.
    Ended(FlowEnd),
    /// A flow has come to an age at which it is told of.
    Lasted(Box<Lasted>),
    /// DNS gave names for addresses.
    Answers(Box<Answers>),
    /// DNS was asked for a name far below a domain, and answered.
    LookUp(Box<LookUp>),
    /// A flow that a person asked about is over.
    Portrait(Box<FlowPortrait>),
}

/// What shards have to say in a round.
#[derive(Debug, Default)]
pub struct Events {
    /// What frames brought, in the order in which shards met them.
    by_frames: Vec<Event>,
    /// What expired, and what the end of the run brought.
    by_time: Vec<Event>,
}

impl Events {
    /// Adds what other shards have to say.
    pub fn append(&mut self, mut others: Self) {
        self.by_frames.append(&mut others.by_frames);
        self.by_time.append(&mut others.by_time);
    }

    /// Takes all of them out, in order. What frames brought comes in runs that are in order, which a stable sort makes use
    /// of, as long as nothing stands between them.
    pub fn in_order(&mut self) -> std::vec::Drain<'_, Event> {
        self.by_frames.append(&mut self.by_time);
        self.by_frames.sort_by_key(|event| event.order);
        self.by_frames.drain(..)
    }
}

/// Numbers the events of one cause.
pub(super) struct Outbox<'a> {
    order: Order,
    out: &'a mut Vec<Event>,
}

impl<'a> Outbox<'a> {
    /// What a shard tells by a cause, of a frame.
    pub(super) fn new(
        time: Timestamp,
        cause: Cause,
        (frame, shard): (u64, u16),
        out: &'a mut Events,
    ) -> Self {
        let order = Order::new(time, cause, frame, shard);
        let out = match cause {
            Cause::Frame => &mut out.by_frames,
            Cause::Expiry | Cause::End => &mut out.by_time,
        };
        Self { order, out }
    }

    pub(super) fn push(&mut self, report: Report) {
        let order = self.order;
        self.order = order.next();
        if self.out.len() == self.out.capacity() {
            self.out.reserve_exact(self.out.len() / 16 + FEW_EVENTS);
        }
        self.out.push(Event { order, report });
    }
}

/// Room for events that is made at once at first. It grows by a sixteenth, not twofold, so that the bound is near.
const FEW_EVENTS: usize = 1_024;
