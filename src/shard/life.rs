//! How flows of a shard begin, and how they end: with their connection, by their time, or with the run.

use super::event::Cause;
use super::report::close;
use super::{Events, Moment, Outbox, Place, Report, Route, Shard, dark, lasting};
use crate::decode::Segment;
use crate::facts::FlowId;
use crate::facts::legs::Totals;
use crate::flow::Flow;
use crate::flow::table::Due;
use crate::flow::tcp;
use crate::proto::Side;
use crate::time::Timestamp;

impl Shard {
    /// Whether a segment that belongs to no flow is the tail of a connection that is over.
    pub(super) fn is_late(&self, moment: Moment, route: &Route, segment: &Segment<'_>) -> bool {
        segment.tcp.is_some_and(|tcp| !tcp::opens(tcp))
            && self.closed.is_late(&route.key, moment.time)
    }

    pub(super) fn open(
        &mut self,
        moment: Moment,
        route: &Route,
        segment: &Segment<'_>,
        events: &mut Outbox<'_>,
    ) -> Place {
        if let Some(victim) = self.table.victim() {
            self.evict(victim, events);
        }
        self.counts.flows += 1;
        let mut flow = Flow::open(
            FlowId(moment.frame),
            route.key,
            route.sender,
            segment,
            moment.time,
        );
        flow.watched = self.watching.holds(&flow);
        flow.measured = self.measuring.begin(flow.id);
        self.table.insert(flow)
    }

    /// Forgets a flow that is not over, because another one needs its place.
    fn evict(&mut self, victim: Place, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow_mut(victim) {
            flow.defects.forgotten = true;
            self.counts.flows_evicted += 1;
            self.counts.answered_evicted += u64::from(flow.is_answered());
        }
        self.close(victim, events);
    }

    /// Closes a connection that is over without waiting for its time to pass; brings the end of any other nearer.
    pub(super) fn end(
        &mut self,
        place: Place,
        was_over: bool,
        moment: Moment,
        events: &mut Outbox<'_>,
    ) {
        if let Some(flow) = self.table.flow(place).filter(|flow| flow.is_over()) {
            self.closed.insert(&flow.key, moment.time);
            self.close(place, events);
        } else if !was_over {
            self.table.hasten(place);
            self.total(place, events);
        }
    }

    /// Tells what a flow that spoke carried.
    fn total(&self, place: Place, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow(place).filter(|flow| flow.spoke) {
            events.push(Report::Totals(Totals {
                flow: flow.id,
                client_bytes: flow.sent_by(Side::Client).bytes,
                server_bytes: flow.sent_by(Side::Server).bytes,
            }));
        }
    }

    /// Lets time pass: flows that were silent for too long are over.
    #[inline]
    pub fn advance(&mut self, now: Timestamp, out: &mut Events) {
        while let Some((place, moment, due)) = self.table.overdue(now) {
            let id = self.table.flow(place).map_or(FlowId(0), |flow| flow.id);
            let mut events = self.outbox(moment, Cause::Expiry, id.0, out);
            match due {
                Due::Over => self.close(place, &mut events),
                Due::Lasted { again } => self.lasts(place, again, &mut events),
            }
        }
    }

    /// Tells of a flow that has come to an age.
    fn lasts(&mut self, place: Place, again: bool, events: &mut Outbox<'_>) {
        let schedule = self.limits.lasting;
        if let Some(flow) = self.table.flow_mut(place) {
            lasting::tell(flow, &schedule, again, events);
        }
    }

    /// Ends the run at `now`: every flow is over.
    pub fn finish(&mut self, now: Timestamp, out: &mut Events) {
        self.advance(now, out);
        for place in self.table.in_order() {
            let id = self.table.flow(place).map_or(FlowId(0), |flow| flow.id);
            let mut events = self.outbox(now, Cause::End, id.0, out);
            self.close(place, &mut events);
        }
    }

    /// Reports the end of a flow and forgets it.
    pub(super) fn close(&mut self, place: Place, events: &mut Outbox<'_>) {
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        self.counts.heads_scattered += u64::from(flow.probe.is_scattered());
        let held = flow.probe.allocated();
        if held > 0 {
            self.asking.remove(place);
            self.head_bytes = self.head_bytes.saturating_sub(held);
        }
        lasting::tell_last(flow, &self.limits.lasting, events);
        self.readers = dark::count_reader(self.readers, flow.ssh.is_some(), false);
        close(
            flow,
            &self.tuning,
            &self.nonces,
            &mut self.watching,
            &mut self.prints,
            events,
        );
        if flow.measured
            && let Some(sizes) = self.measuring.end(flow)
        {
            events.push(Report::Sizes(Box::new(sizes)));
        }
        self.table.remove(place);
    }

    pub(super) fn outbox<'a>(
        &self,
        time: Timestamp,
        cause: Cause,
        frame: u64,
        out: &'a mut Events,
    ) -> Outbox<'a> {
        Outbox::new(time, cause, (frame, self.number), out)
    }
}
