//! A shard: all that is known of the flows whose keys hash to it.
//!
//! It is a plain value: frames and time go in, events come out. There is a fixed number of shards ([`SHARDS`]) however
//! many threads there are, and each has its own caps and its own order of forgetting, so that what is found does not
//! depend on the threads.

use crate::decode::{Segment, Transport};
use crate::detect;
use crate::evidence::Evidence;
use crate::facts::{Answers, FlowEnd, FlowFacts, FlowId, Quality, Traffic};
use crate::flow::closed::Closed;
use crate::flow::head::Head;
use crate::flow::key::{FlowKey, Sender};
use crate::flow::probing::{FirstPiece, Piece, Probe, Probing};
use crate::flow::rings::Rings;
use crate::flow::table::{FlowTable, Place, Timeouts};
use crate::flow::tcp::{self, Payload};
use crate::flow::{Flow, Observed};
use crate::proto::stack::{self, Layer, Progress, Stack};
use crate::proto::{Side, dns};
use crate::time::Timestamp;

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
    /// The route of a segment.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 64")]
    pub fn of(segment: &Segment<'_>) -> Self {
        let (key, sender) = FlowKey::of(segment);
        let shard = (key.stable_hash() % u64::from(SHARDS)) as u16;
        Self { key, sender, shard }
    }
}

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
    cause: Cause,
    frame: u64,
    shard: u16,
    sequence: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Expiry,
    Frame,
    End,
}

/// What a shard has to say.
#[derive(Clone, Debug)]
pub enum Report {
    /// A flow was read, and detectors or correlators want to know.
    Flow(Box<FlowFacts>, Vec<Evidence>),
    /// A flow that was reported is over.
    Ended(FlowEnd),
    /// DNS gave names for addresses.
    Answers(Answers),
}

/// The caps of one shard.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows.
    pub flows: usize,
    /// Bytes of stream heads and what was read in them.
    pub head_bytes: usize,
    /// Patience with silent flows.
    pub timeouts: Timeouts,
}

/// What a shard counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Flows opened.
    pub flows: u64,
    /// Flows forgotten because the table was full.
    pub flows_evicted: u64,
    /// Segments recognised as mirrored copies.
    pub copies: u64,
    /// Segments that came after the end of their connection.
    pub late_segments: u64,
    /// Stream heads given up because their budget was used up.
    pub heads_given_up: u64,
}

impl ShardCounts {
    /// Adds what another shard counted.
    pub fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.flows_evicted += other.flows_evicted;
        self.copies += other.copies;
        self.late_segments += other.late_segments;
        self.heads_given_up += other.heads_given_up;
    }
}

/// One shard.
#[derive(Debug)]
pub struct Shard {
    number: u16,
    table: FlowTable,
    closed: Closed,
    /// Flows that hold heads, oldest first.
    asking: Rings,
    head_bytes: usize,
    limits: Limits,
    tuning: detect::Tuning,
    counts: ShardCounts,
}

impl Shard {
    /// An empty shard.
    pub fn new(number: u16, limits: Limits, tuning: detect::Tuning) -> Self {
        Self {
            number,
            table: FlowTable::new(limits.flows, limits.timeouts),
            closed: Closed::new(limits.timeouts.closed),
            asking: Rings::new(1),
            head_bytes: 0,
            limits,
            tuning,
            counts: ShardCounts::default(),
        }
    }

    /// Takes a segment of one of its flows into account.
    pub fn segment(
        &mut self,
        moment: Moment,
        route: &Route,
        segment: &Segment<'_>,
        out: &mut Vec<Event>,
    ) {
        self.advance(moment.time, out);
        let order = self.order(moment.time, Cause::Frame, moment.frame);
        let mut events = Outbox::new(order, out);
        let place = match self.table.find(&route.key) {
            Some(place) => place,
            None if self.is_late(moment, route, segment) => {
                self.counts.late_segments += 1;
                return;
            }
            None => self.open(moment, route, segment, &mut events),
        };
        let sender = route.sender;
        if self.observe(place, moment, sender, segment, &mut events) == Observed::Reopens {
            if let Some(flow) = self.table.remove(place) {
                self.close(place, flow, &mut events);
            }
            let place = self.open(moment, route, segment, &mut events);
            self.observe(place, moment, sender, segment, &mut events);
        }
    }

    /// Whether a segment that belongs to no flow is the tail of a connection that is over.
    fn is_late(&self, moment: Moment, route: &Route, segment: &Segment<'_>) -> bool {
        segment.tcp.is_some_and(|tcp| !tcp::opens(tcp))
            && self.closed.is_late(&route.key, moment.time)
    }

    fn open(
        &mut self,
        moment: Moment,
        route: &Route,
        segment: &Segment<'_>,
        events: &mut Outbox<'_>,
    ) -> Place {
        if let Some((place, flow)) = self.table.evict() {
            self.counts.flows_evicted += 1;
            self.close(place, flow, events);
        }
        self.counts.flows += 1;
        let flow = Flow::open(
            FlowId(moment.frame),
            route.key,
            route.sender,
            segment,
            moment.time,
        );
        self.table.insert(flow)
    }

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
        let observed = flow.observe(from, segment, moment.time);
        match observed {
            Observed::Copy => self.counts.copies += 1,
            Observed::Reopens => {}
            Observed::Counted(payload) => {
                let (answered, over) = (flow.is_answered(), flow.ending().is_some());
                if answered && !was_answered {
                    self.table.promote(place);
                }
                self.probe(place, from, segment, payload, events);
                if over && !was_over {
                    self.table.hasten(place);
                }
                self.dismiss(place, moment, events);
            }
        }
        observed
    }

    /// Closes a flow that is over without waiting for its time to pass.
    fn dismiss(&mut self, place: Place, moment: Moment, events: &mut Outbox<'_>) {
        let over = self.table.flow(place).is_some_and(Flow::is_over);
        if let Some(flow) = over.then(|| self.table.remove(place)).flatten() {
            self.closed.insert(&flow.key, moment.time);
            self.close(place, flow, events);
        }
    }

    /// Shows new payload, and the end of a side, to the parsers.
    fn probe(
        &mut self,
        place: Place,
        from: Side,
        segment: &Segment<'_>,
        payload: Payload,
        events: &mut Outbox<'_>,
    ) {
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        if segment.transport == Transport::UDP {
            if flow.sent_by(from).segments == 1 {
                self.probe_datagram(place, segment, events);
            }
            self.learn(place, segment, events);
            return;
        }
        let ends = flow.finished(Side::Client) || flow.finished(Side::Server);
        if !flow.probe.is_open() || (segment.payload_bytes == 0 && !ends) {
            return;
        }
        let before = flow.probe.allocated();
        let piece = Piece {
            from,
            offset: payload.offset.unwrap_or(u64::MAX),
            captured: segment.payload,
            sent: segment.payload_bytes,
        };
        let mut progress = Progress::Waiting;
        if piece.sent > 0 && payload.offset.is_some() {
            progress = ask(flow, piece);
        }
        for side in [Side::Client, Side::Server] {
            if ends && progress == Progress::Waiting && flow.finished(side) {
                progress = finish(flow, side);
            }
        }
        self.account(place, before, progress, events);
    }

    /// Keeps the pool of heads inside its budget: settled heads go at once, the oldest when room is needed.
    fn account(
        &mut self,
        place: Place,
        before: usize,
        progress: Progress,
        events: &mut Outbox<'_>,
    ) {
        let after = self.table.flow(place).map_or(0, |f| f.probe.allocated());
        self.head_bytes = self.head_bytes.saturating_sub(before).saturating_add(after);
        if progress == Progress::Settled {
            self.settle(place, events);
        } else if before == 0 && after > 0 {
            self.asking.push(0, place);
        }
        while self.head_bytes > self.limits.head_bytes {
            let Some(oldest) = self.asking.first(0) else {
                break;
            };
            self.counts.heads_given_up += 1;
            self.give_up(oldest, events);
        }
    }

    fn give_up(&mut self, place: Place, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow_mut(place) {
            flow.defects.head_lost = true;
            conclude(flow);
        }
        self.settle(place, events);
    }

    /// Reports a flow whose protocols are known and frees its heads.
    fn settle(&mut self, place: Place, events: &mut Outbox<'_>) {
        self.asking.remove(place);
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        let freed = flow.probe.allocated();
        self.head_bytes = self.head_bytes.saturating_sub(freed);
        report(flow, &self.tuning, events);
    }

    /// Every datagram of a flow that speaks DNS may name addresses: resolvers use a flow for many questions.
    fn learn(&mut self, place: Place, segment: &Segment<'_>, events: &mut Outbox<'_>) {
        let answers_names = |flow: &Flow| matches!(flow.probe, Probe::Names);
        if !self.table.flow(place).is_some_and(answers_names) {
            return;
        }
        let named = dns::answers(segment.payload);
        if !named.is_empty() {
            let asker = segment.destination;
            events.push(Report::Answers(Answers { asker, named }));
        }
    }

    /// The UDP side of a SOCKS proxy shows itself in the first datagram, and so does DNS.
    fn probe_datagram(&mut self, place: Place, segment: &Segment<'_>, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow_mut(place)
            && dns::is_message(segment.payload)
        {
            flow.probe = Probe::Names;
        }
        let (Some(protocol), Some(flow)) =
            (stack::datagram(segment.payload), self.table.flow_mut(place))
        else {
            return;
        };
        if flow.reported {
            return;
        }
        flow.reported = true;
        let layer = Layer {
            protocol,
            server: Side::Server,
            depth: 0,
            ends: (0, 0),
        };
        let facts = facts_of(flow, vec![layer]);
        events.push(Report::Flow(Box::new(facts), Vec::new()));
    }

    /// Lets time pass: flows that were silent for too long are over.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Event>) {
        while let Some((place, flow, moment)) = self.table.expire(now) {
            let order = self.order(moment, Cause::Expiry, flow.id.0);
            self.close(place, flow, &mut Outbox::new(order, out));
        }
    }

    /// Ends the run at `now`: every flow is over.
    pub fn finish(&mut self, now: Timestamp, out: &mut Vec<Event>) {
        self.advance(now, out);
        for flow in self.table.drain() {
            let order = self.order(now, Cause::End, flow.id.0);
            close(flow, &self.tuning, &mut Outbox::new(order, out));
        }
    }

    fn close(&mut self, place: Place, flow: Flow, events: &mut Outbox<'_>) {
        self.asking.remove(place);
        self.head_bytes = self.head_bytes.saturating_sub(flow.probe.allocated());
        close(flow, &self.tuning, events);
    }

    fn order(&self, time: Timestamp, cause: Cause, frame: u64) -> Order {
        Order {
            time,
            cause,
            frame,
            shard: self.number,
            sequence: 0,
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> ShardCounts {
        self.counts
    }

    /// An upper bound of the bytes of memory that shards with these limits hold together.
    pub fn memory_bound(limits: Limits) -> usize {
        let flows = limits.flows * (FlowTable::FLOW_BYTES + Rings::NODE_BYTES);
        let overshoot = 2 * Head::CAPACITY;
        usize::from(SHARDS) * (flows + limits.head_bytes + overshoot + Closed::BYTES)
    }
}

/// Numbers the events of one cause.
struct Outbox<'a> {
    order: Order,
    out: &'a mut Vec<Event>,
}

impl<'a> Outbox<'a> {
    fn new(order: Order, out: &'a mut Vec<Event>) -> Self {
        Self { order, out }
    }

    fn push(&mut self, report: Report) {
        let order = self.order;
        self.order.sequence += 1;
        self.out.push(Event { order, report });
    }
}

/// Shows a payload to the parsers of its flow. The first one is shown where it lies in the packet: most flows are
/// settled by it and never need a head.
fn ask(flow: &mut Flow, piece: Piece<'_>) -> Progress {
    if let Probe::Asking(probing) = &mut flow.probe {
        return probing.add(piece);
    }
    let mut stack = Stack::new(flow.is_midstream());
    let settled = piece.offset == 0 && stack.probe(&FirstPiece(piece)) == Progress::Settled;
    if settled {
        flow.probe = Probe::Read(stack.into_layers());
        return Progress::Settled;
    }
    let mut probing = Box::new(Probing::new(stack));
    let progress = probing.add(piece);
    flow.probe = Probe::Asking(probing);
    progress
}

fn finish(flow: &mut Flow, side: Side) -> Progress {
    match &mut flow.probe {
        Probe::Asking(probing) => probing.finish(side),
        Probe::Fresh | Probe::Read(_) | Probe::Names | Probe::Settled => Progress::Waiting,
    }
}

fn conclude(flow: &mut Flow) {
    if let Probe::Asking(probing) = &mut flow.probe {
        probing.conclude();
    }
}

/// Turns what was read in a flow into facts and evidence, and forgets the heads.
fn report(flow: &mut Flow, tuning: &detect::Tuning, events: &mut Outbox<'_>) {
    flow.defects.rewritten |= flow.probe.differs();
    let layers = flow.probe.settle().unwrap_or_default();
    if layers.is_empty() {
        return;
    }
    let facts = facts_of(flow, layers);
    let evidence = detect::inspect(&facts, tuning);
    if !evidence.is_empty() {
        flow.reported = true;
        events.push(Report::Flow(Box::new(facts), evidence));
    }
}

fn close(mut flow: Flow, tuning: &detect::Tuning, events: &mut Outbox<'_>) {
    conclude(&mut flow);
    report(&mut flow, tuning, events);
    if flow.reported {
        events.push(Report::Ended(FlowEnd {
            id: flow.id,
            last_seen: flow.last_seen,
            traffic: traffic_of(&flow),
            ending: flow.ending(),
            quality: quality_of(&flow),
        }));
    }
}

fn facts_of(flow: &Flow, layers: Vec<Layer>) -> FlowFacts {
    FlowFacts {
        id: flow.id,
        client: flow.endpoint(Side::Client),
        server: flow.endpoint(Side::Server),
        transport: flow.key.transport(),
        opened: flow.opened,
        last_seen: flow.last_seen,
        label: flow.label,
        layers,
        traffic: traffic_of(flow),
        quality: quality_of(flow),
    }
}

fn traffic_of(flow: &Flow) -> Traffic {
    Traffic {
        client_bytes: flow.sent_by(Side::Client).bytes,
        server_bytes: flow.sent_by(Side::Server).bytes,
        client_flights: flow.flights(Side::Client),
        server_flights: flow.flights(Side::Server),
    }
}

fn quality_of(flow: &Flow) -> Quality {
    Quality {
        gaps: flow.defects.gap_bytes > 0,
        one_sided: !flow.is_answered(),
        midstream: flow.is_midstream(),
        truncated: flow.defects.truncated,
        fragments: flow.defects.fragments,
        loss: flow.defects.head_lost,
        copies: flow.defects.copies,
        rewritten: flow.defects.rewritten,
    }
}
