//! A shard: all that is known of the flows whose keys hash to it.
//!
//! It is a plain value: frames and time go in, events come out. There is a fixed number of shards ([`SHARDS`]) however
//! many threads there are, and each has its own caps and its own order of forgetting, so that what is found does not
//! depend on the threads.

mod counts;
mod dark;
mod datagrams;
mod event;
mod heads;
mod lasting;
mod legs;
mod life;
mod limits;
mod measuring;
mod prints;
mod report;
mod route;
mod watch;

pub use crate::flow::table::Place;
pub use counts::ShardCounts;
pub use event::{Event, Events, Moment, Order, Report};
pub use limits::Limits;
pub use route::{Route, SHARDS};
pub use watch::{Watch, WatchError};

use crate::decode::{Segment, Transport};
use crate::detect;
use crate::flow::Observed;
use crate::flow::closed::Closed;
use crate::flow::key::Sender;
use crate::flow::nonces::NonceKey;
use crate::flow::rings::Rings;
use crate::flow::table::FlowTable;
use event::{Cause, Outbox};
use measuring::Measuring;
use prints::Prints;
use report::{facts_of, quality_of, traffic_of};
use watch::Watching;

/// One shard.
#[derive(Debug)]
pub struct Shard {
    number: u16,
    table: FlowTable,
    closed: Closed,
    /// Flows that hold heads, oldest first.
    asking: Rings,
    head_bytes: usize,
    /// Flows that have a reader of SSH sizes.
    readers: usize,
    limits: Limits,
    tuning: detect::Tuning,
    nonces: NonceKey,
    watching: Watching,
    measuring: Measuring,
    prints: Prints,
    counts: ShardCounts,
}

impl Shard {
    /// An empty shard. All shards of a run share one key.
    pub fn new(number: u16, limits: Limits, tuning: detect::Tuning, nonces: NonceKey) -> Self {
        Self {
            number,
            table: FlowTable::new(limits.flows, limits.timeouts).telling_at(limits.lasting),
            closed: Closed::new(limits.timeouts.closed),
            asking: Rings::new(1),
            head_bytes: 0,
            readers: 0,
            limits,
            tuning,
            nonces,
            watching: Watching::default(),
            measuring: Measuring::default(),
            prints: Prints::default(),
            counts: ShardCounts::default(),
        }
    }

    /// The same shard, asked to portray the flows of `watch`.
    #[must_use]
    pub fn watching(mut self, watch: Option<Watch>) -> Self {
        self.watching = Watching::new(watch);
        self
    }

    /// The same shard; it counts payload sizes, if asked to, in as many flows at once as [`Shard::MEASURED`] allows.
    #[must_use]
    pub fn measuring(mut self, measures: bool) -> Self {
        let room = self.limits.flows.div_ceil(Self::MEASURED);
        self.measuring = Measuring::new(if measures { room } else { 0 });
        self
    }

    /// Where the flow of a route lives now, if there is one.
    #[inline]
    pub fn place_of(&self, route: &Route) -> Option<Place> {
        self.table.find(&route.key)
    }

    /// Takes a segment of one of its flows into account. `guess` is where its flow lived a while ago; it is looked up
    /// where it does not live there.
    pub fn segment(
        &mut self,
        moment: Moment,
        route: &Route,
        guess: Option<Place>,
        segment: &Segment<'_>,
        out: &mut Events,
    ) {
        self.advance(moment.time, out);
        let mut events = self.outbox(moment.time, Cause::Frame, moment.frame, out);
        let mut place = match self.table.find_again(&route.key, guess) {
            Some(place) => place,
            None if self.is_late(moment, route, segment) => {
                self.counts.late_segments += u64::from(segment.payload_bytes > 0);
                return;
            }
            None => self.open(moment, route, segment, &mut events),
        };
        // What opens a flow does not reopen it, so this turns once at most.
        while self.observe(place, moment, route.sender, segment, &mut events) == Observed::Reopens {
            self.close(place, &mut events);
            place = self.open(moment, route, segment, &mut events);
        }
    }

    /// Most segments are payload, or none, of a flow whose heads are read: they are counted, and that is all.
    #[inline]
    fn observe(
        &mut self,
        place: Place,
        moment: Moment,
        sender: Sender,
        segment: &Segment<'_>,
        events: &mut Outbox<'_>,
    ) -> Observed {
        let Some(flow) = self.table.flow_mut(place) else {
            return Observed::Copy;
        };
        let from = flow.side_of(sender);
        let (was_answered, was_over) = (flow.is_answered(), flow.ending().is_some());
        let flights = flow.flights(from);
        let observed = flow.observe(from, segment, moment.time);
        let Observed::Counted(payload) = observed else {
            self.counts.copies += u64::from(observed == Observed::Copy);
            return observed;
        };
        let brings = payload.new_bytes > 0;
        let piece = legs::Piece {
            from,
            segment,
            payload,
            turns: flow.flights(from) != flights,
        };
        if (flow.watched || flow.measured) && brings {
            self.watching.note_size(flow, from, payload.new_bytes);
            self.measuring.note(flow.id, &piece);
        }
        let is_tcp = segment.transport == Transport::TCP;
        if is_tcp && brings {
            legs::tell(flow, &piece, &self.nonces, events);
        }
        let is_probed = flow.probe.is_open() && (segment.payload_bytes > 0 || flow.is_finishing());
        let is_dark = is_tcp && (flow.ssh.is_some() || dark::begins(flow, segment, payload));
        let ends = flow.ending().is_some();
        if !was_answered && flow.is_answered() {
            self.table.promote(place);
        }
        if is_dark {
            self.read_dark(place, &piece, moment.time, events);
        }
        if is_probed {
            self.probe(place, &piece, events);
        } else if segment.transport == Transport::UDP {
            self.take_datagram(place, &piece, events);
        }
        if !is_tcp && brings {
            self.tell(place, &piece, events);
        }
        if ends {
            self.end(place, was_over, moment, events);
        }
        observed
    }

    fn tell(&mut self, place: Place, piece: &legs::Piece<'_>, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow_mut(place) {
            legs::tell(flow, piece, &self.nonces, events);
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> ShardCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests;
