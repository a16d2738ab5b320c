//! A shard: all that is known of the flows whose keys hash to it.
//!
//! It is a plain value: frames and time go in, events come out. There is a fixed number of shards ([`SHARDS`]) however
//! many threads there are, and each has its own caps and its own order of forgetting, so that what is found does not
//! depend on the threads.

mod dark;
mod lasting;
mod legs;
mod measuring;
mod watch;

pub use crate::flow::table::Place;
pub use watch::{Watch, WatchError};

use crate::decode::{Segment, Transport};
use crate::detect;
use crate::evidence::Evidence;
use crate::facts::lasting::Lasted;
use crate::facts::legs::{Asked, Flight, Sighting, Spoke, Totals};
use crate::facts::{
    Answers, FlowEnd, FlowFacts, FlowId, FlowPortrait, PayloadSizes, Quality, Traffic,
};
use crate::flow::closed::Closed;
use crate::flow::head::Head;
use crate::flow::key::{FlowKey, Sender};
use crate::flow::lasting::Schedule;
use crate::flow::nonces::NonceKey;
use crate::flow::probing::{FirstPiece, Piece, Probe, Probing};
use crate::flow::rings::Rings;
use crate::flow::ssh::Reader;
use crate::flow::table::{Due, FlowTable, Timeouts};
use crate::flow::tcp::{self, Payload};
use crate::flow::{Flow, Observed};
use crate::proto::stack::{self, Kind, Layer, Progress, Protocol, Stack};
use crate::proto::{Side, dns};
use crate::time::Timestamp;
use measuring::Measuring;
use watch::Watching;

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
    sequence: u32,
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
    /// A flow carried its first payload.
    Spoke(Box<Spoke>),
    /// A side of a flow that spoke began a flight.
    Flight(Flight),
    /// A side of a multiplexed tunnel had the other one open a connection.
    Asked(Asked),
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
    /// A flow that a person asked about is over.
    Portrait(Box<FlowPortrait>),
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
    /// The ages at which flows are told of while they are open.
    pub lasting: Schedule,
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
    /// Segments with payload that came after the end of their connection.
    pub late_segments: u64,
    /// Stream heads given up because their budget was used up.
    pub heads_given_up: u64,
    /// SSH sessions of which only the clear part was read, because too many are read at once.
    pub ssh_unread: u64,
}

impl ShardCounts {
    /// Adds what another shard counted.
    pub fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.flows_evicted += other.flows_evicted;
        self.copies += other.copies;
        self.late_segments += other.late_segments;
        self.heads_given_up += other.heads_given_up;
        self.ssh_unread += other.ssh_unread;
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
    /// Flows that have a reader of SSH sizes.
    readers: usize,
    limits: Limits,
    tuning: detect::Tuning,
    nonces: NonceKey,
    watching: Watching,
    measuring: Measuring,
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
        out: &mut Vec<Event>,
    ) {
        self.advance(moment.time, out);
        let order = self.order(moment.time, Cause::Frame, moment.frame);
        let mut events = Outbox::new(order, out);
        let place = match self.table.find_again(&route.key, guess) {
            Some(place) => place,
            None if self.is_late(moment, route, segment) => {
                self.counts.late_segments += u64::from(segment.payload_bytes > 0);
                return;
            }
            None => self.open(moment, route, segment, &mut events),
        };
        let sender = route.sender;
        if self.observe(place, moment, sender, segment, &mut events) == Observed::Reopens {
            self.close(place, &mut events);
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
        if let Some(victim) = self.table.victim() {
            self.counts.flows_evicted += 1;
            self.close(victim, events);
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
        if (flow.watched || flow.measured) && payload.new_bytes > 0 {
            self.watching.note_size(flow, from, payload.new_bytes);
            self.measuring.note(flow.id, from, payload.new_bytes);
        }
        let turns = flow.flights(from) != flights;
        let answers = flow.is_answered() && !was_answered;
        let ends = flow.ending().is_some();
        let is_probed = flow.probe.is_open() && (segment.payload_bytes > 0 || flow.is_finishing());
        if answers {
            self.table.promote(place);
        }
        let piece = legs::Piece {
            from,
            segment,
            payload,
            turns,
        };
        if segment.transport == Transport::TCP {
            self.tell(place, &piece, events);
            self.read_dark(place, &piece, moment.time, events);
        }
        if is_probed {
            self.probe(place, from, segment, payload, events);
        } else if segment.transport == Transport::UDP {
            self.take_datagram(place, from, segment, events);
        }
        if segment.transport != Transport::TCP {
            self.tell(place, &piece, events);
        }
        if ends {
            self.end(place, was_over, moment, events);
        }
        observed
    }

    fn tell(&mut self, place: Place, piece: &legs::Piece<'_>, events: &mut Outbox<'_>) {
        if piece.payload.new_bytes == 0 {
            return;
        }
        if let Some(flow) = self.table.flow_mut(place) {
            legs::tell(flow, piece, &self.nonces, events);
        }
    }

    /// Shows a payload to the reader of an SSH session.
    fn read_dark(
        &mut self,
        place: Place,
        piece: &legs::Piece<'_>,
        now: Timestamp,
        events: &mut Outbox<'_>,
    ) {
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        let had_reader = flow.ssh.is_some();
        if !had_reader && dark::begins(flow, piece.segment, piece.payload) {
            if self.readers < most_readers(self.limits) {
                dark::meet(flow);
            } else {
                self.counts.ssh_unread += 1;
            }
        }
        if flow.ssh.is_some() && piece.payload.new_bytes > 0 {
            dark::take(flow, piece.from, piece.segment, piece.payload, now);
            dark::tell(flow, &self.tuning, events);
        }
        self.readers = count_reader(self.readers, had_reader, flow.ssh.is_some());
    }

    /// Closes a connection that is over without waiting for its time to pass; brings the end of any other nearer.
    fn end(&mut self, place: Place, was_over: bool, moment: Moment, events: &mut Outbox<'_>) {
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
        let before = flow.probe.allocated();
        let mut progress = Progress::Waiting;
        if let Some(offset) = payload.offset.filter(|_| segment.payload_bytes > 0) {
            let piece = Piece {
                from,
                offset,
                captured: segment.payload,
                sent: segment.payload_bytes,
            };
            progress = ask(flow, piece);
        }
        for side in [Side::Client, Side::Server] {
            if progress == Progress::Waiting && flow.finished(side) {
                progress = finish(flow, side);
            }
        }
        self.account(place, before, progress, events);
    }

    fn take_datagram(
        &mut self,
        place: Place,
        from: Side,
        segment: &Segment<'_>,
        events: &mut Outbox<'_>,
    ) {
        let Some(flow) = self.table.flow(place) else {
            return;
        };
        if flow.sent_by(from).segments == 1 {
            self.probe_datagram(place, segment, events);
        }
        self.learn(place, segment, events);
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
        let had_reader = flow.ssh.is_some();
        if had_reader || self.readers < most_readers(self.limits) {
            dark::begin(flow);
        }
        self.readers = count_reader(self.readers, had_reader, flow.ssh.is_some());
        report(flow, &self.tuning, &self.nonces, &mut self.watching, events);
    }

    /// Every datagram of a flow that speaks DNS may name addresses: resolvers use a flow for many questions.
    fn learn(&mut self, place: Place, segment: &Segment<'_>, events: &mut Outbox<'_>) {
        let answers_names = |flow: &&Flow| matches!(flow.probe, Probe::Names);
        let Some(flow) = self.table.flow(place).filter(answers_names) else {
            return;
        };
        let named = dns::answers(segment.payload);
        if !named.is_empty() {
            self.watching.note_names(flow, &named);
            let asker = segment.destination;
            events.push(Report::Answers(Box::new(Answers { asker, named })));
        }
    }

    /// The UDP side of a SOCKS proxy shows itself in the first datagram, and so does DNS.
    fn probe_datagram(&mut self, place: Place, segment: &Segment<'_>, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow_mut(place)
            && dns::is_message(segment.payload)
        {
            flow.probe = Probe::Names;
            flow.protocol = Some(Kind::Dns);
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
        flow.protocol = Some(layer.protocol.kind());
        let facts = facts_of(flow, vec![layer]);
        self.watching.note_layers(flow, &facts.layers);
        events.push(Report::Flow(Box::new(facts), Vec::new()));
    }

    /// Lets time pass: flows that were silent for too long are over.
    #[inline]
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Event>) {
        while let Some((place, moment, due)) = self.table.overdue(now) {
            let id = self.table.flow(place).map_or(FlowId(0), |flow| flow.id);
            let order = self.order(moment, Cause::Expiry, id.0);
            let mut events = Outbox::new(order, out);
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
    pub fn finish(&mut self, now: Timestamp, out: &mut Vec<Event>) {
        self.advance(now, out);
        for place in self.table.in_order() {
            let id = self.table.flow(place).map_or(FlowId(0), |flow| flow.id);
            let order = self.order(now, Cause::End, id.0);
            self.close(place, &mut Outbox::new(order, out));
        }
    }

    /// Reports the end of a flow and forgets it.
    fn close(&mut self, place: Place, events: &mut Outbox<'_>) {
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        let held = flow.probe.allocated();
        if held > 0 {
            self.asking.remove(place);
            self.head_bytes = self.head_bytes.saturating_sub(held);
        }
        lasting::tell_last(flow, &self.limits.lasting, events);
        self.readers = count_reader(self.readers, flow.ssh.is_some(), false);
        close(flow, &self.tuning, &self.nonces, &mut self.watching, events);
        if flow.measured
            && let Some(sizes) = self.measuring.end(flow)
        {
            events.push(Report::Sizes(Box::new(sizes)));
        }
        self.table.remove(place);
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
fn most_readers(limits: Limits) -> usize {
    limits.flows / FLOWS_FOR_A_READER + 1
}

fn count_reader(readers: usize, had: bool, has: bool) -> usize {
    readers
        .saturating_sub(had.into())
        .saturating_add(has.into())
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
        if self.out.len() == self.out.capacity() {
            self.out.reserve_exact(self.out.len() / 16 + FEW_EVENTS);
        }
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
fn report(
    flow: &mut Flow,
    tuning: &detect::Tuning,
    nonces: &NonceKey,
    watching: &mut Watching,
    events: &mut Outbox<'_>,
) {
    flow.defects.rewritten |= flow.probe.differs();
    let layers = flow.probe.settle().unwrap_or_default();
    if layers.is_empty() {
        return;
    }
    flow.protocol = spoken(&layers);
    watching.note_layers(flow, &layers);
    legs::tell_inside(flow, &layers, nonces, events);
    let facts = facts_of(flow, layers);
    let evidence = detect::inspect(&facts, tuning);
    let declares = |layer: &Layer| matches!(layer.protocol, Protocol::Proxy(_));
    let is_asked_for = facts.layers.iter().any(declares) || facts.mute_hello().is_some();
    if !evidence.is_empty() || is_asked_for {
        flow.reported = true;
        events.push(Report::Flow(Box::new(facts), evidence));
    }
}

fn close(
    flow: &mut Flow,
    tuning: &detect::Tuning,
    nonces: &NonceKey,
    watching: &mut Watching,
    events: &mut Outbox<'_>,
) {
    conclude(flow);
    report(flow, tuning, nonces, watching, events);
    dark::end(flow, tuning, events);
    if let Some(portrait) = watching.portrait(flow) {
        events.push(Report::Portrait(Box::new(portrait)));
    }
    if flow.reported || flow.spoke {
        events.push(Report::Ended(FlowEnd {
            id: flow.id,
            last_seen: flow.last_seen,
            traffic: traffic_of(flow),
            ending: flow.ending(),
            protocol: flow.protocol,
            quality: quality_of(flow),
        }));
    }
}

/// The outermost protocol that is spoken with the one who was called; a PROXY protocol header only comes before it.
fn spoken(layers: &[Layer]) -> Option<Kind> {
    let is_header = |layer: &&Layer| layer.protocol.kind() == Kind::Proxy;
    let first = layers.iter().find(|layer| !is_header(layer))?;
    (first.server == Side::Server).then(|| first.protocol.kind())
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
        ssh: None,
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

const FLOWS_FOR_A_READER: usize = 128;
/// Room for events that is made at once at first. It grows by a sixteenth, not twofold, so that the bound is near.
const FEW_EVENTS: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::decode::samples::{tcp, udp};
    use crate::time::Span;

    const SYN: u8 = 2;
    const ACK: u8 = 16;
    const SERVER: &str = "10.0.0.2:1080";

    const GREETING: &[u8] = b"\x05\x01\0";
    const METHOD: &[u8] = b"\x05\0";
    const REQUEST: &[u8] = b"\x05\x01\0\x01\x0a\0\0\x03\0\x50";
    const REPLY: &[u8] = b"\x05\0\0\x01\0\0\0\0\0\0";
    const DATAGRAM: &[u8] = b"\0\0\0\x01\x0a\x32\0\x35\0\x35query";

    /// A shard, what it said, and the frame that it saw last; a frame takes a second.
    struct Watch {
        shard: Shard,
        events: Vec<Event>,
        frame: u64,
        reported: HashSet<FlowId>,
    }

    impl Watch {
        fn new(flows: usize, head_bytes: usize) -> Self {
            let timeouts = Timeouts {
                half_open: Span::from_seconds(30),
                tcp: Span::from_seconds(3_600),
                datagram: Span::from_seconds(180),
                closed: Span::from_seconds(10),
            };
            let limits = Limits {
                flows,
                head_bytes,
                timeouts,
                lasting: Schedule::new([40, 80].map(Span::from_seconds)),
            };
            let tuning = detect::Tuning {
                socks_proxy: true,
                http_connect_proxy: true,
                http_forward_proxy: true,
                websocket_tunnel: true,
                ssh_tunnel: true,
                reverse_shell: true,
                bind_shell: true,
            };
            Self {
                shard: Shard::new(0, limits, tuning, NonceKey::default()),
                events: Vec::new(),
                frame: 0,
                reported: HashSet::new(),
            }
        }

        fn ample() -> Self {
            Self::new(100, 1 << 20)
        }

        fn sees(&mut self, segment: &Segment<'_>) -> &mut Self {
            self.frame += 1;
            let moment = Moment {
                time: self.now(),
                frame: self.frame,
            };
            let route = Route::of(segment);
            self.shard
                .segment(moment, &route, None, segment, &mut self.events);
            self
        }

        fn now(&self) -> Timestamp {
            Timestamp::from_nanos(0) + Span::from_seconds(self.frame.cast_signed())
        }

        /// A handshake with these first sequence numbers.
        fn opens(&mut self, client: &str, isns: [u32; 2]) -> &mut Self {
            self.sees(&tcp(client, SERVER, SYN, isns[0], b""))
                .sees(&tcp(SERVER, client, SYN | ACK, isns[1], b""))
        }

        /// What both say in turn, the client first, in a connection with these first sequence numbers.
        fn talks(&mut self, client: &str, isns: [u32; 2], said: &[&[u8]]) -> &mut Self {
            let mut next = isns.map(|isn| isn + 1);
            for (turn, payload) in said.iter().enumerate() {
                let side = turn % 2;
                let (from, to) = [(client, SERVER), (SERVER, client)][side];
                self.sees(&tcp(from, to, ACK, next[side], payload));
                next[side] += payload.len() as u32;
            }
            self
        }

        /// `1 proven`, `1 ended`: what was said of which flow, in order. Legs of nothing are left out.
        fn told(&mut self) -> Vec<String> {
            let events = self.in_order();
            let reports = events.iter().map(|event| &event.report);
            reports.filter_map(|report| self.text(report)).collect()
        }

        /// `1 spoke`, `1 client flight`: what correlators are told of the legs of relays, in order.
        fn told_of_legs(&mut self) -> Vec<String> {
            let events = self.in_order();
            let reports = events.iter().map(|event| &event.report);
            reports.filter_map(leg_text).collect()
        }

        fn in_order(&mut self) -> Vec<Event> {
            let mut events = std::mem::take(&mut self.events);
            events.sort_by_key(|event| event.order);
            events
        }

        fn text(&mut self, report: &Report) -> Option<String> {
            if let Report::Flow(facts, _) = report {
                self.reported.insert(facts.id);
            }
            match report {
                Report::Ended(end) if !self.reported.contains(&end.id) => None,
                Report::Spoke(_)
                | Report::Flight(_)
                | Report::Asked(_)
                | Report::Totals(_)
                | Report::Nonce(_) => None,
                report => Some(text(report)),
            }
        }

        fn ends(&mut self) -> &mut Self {
            self.shard.finish(self.now(), &mut self.events);
            self
        }
    }

    fn text(report: &Report) -> String {
        match report {
            Report::Ended(end) => format!("{} ended", end.id.0),
            Report::Answers(answers) => format!("{} names", answers.named.len()),
            Report::Portrait(portrait) => format!("{} portrayed", portrait.facts.id.0),
            Report::Lasted(lasted) => {
                let age = lasted.age.nanos() / 1_000_000_000;
                format!("{} lasts {age} again {}", lasted.id.0, lasted.again)
            }
            Report::Flow(facts, evidence) => {
                let certainty = evidence.first().map(|evidence| evidence.certainty);
                let loss = if facts.quality.loss {
                    ", head lost"
                } else {
                    ""
                };
                format!("{} {certainty:?}{loss}", facts.id.0)
            }
            legs => format!("{legs:?}"),
        }
    }

    fn leg_text(report: &Report) -> Option<String> {
        match report {
            Report::Spoke(spoke) => {
                let first = spoke.flight.map(|flight| flight.from);
                Some(format!("{} spoke, {first:?} first", spoke.id.0))
            }
            Report::Flight(flight) => Some(format!(
                "{} {:?} after {} and {}",
                flight.flow.0, flight.from, flight.client_bytes, flight.server_bytes
            )),
            Report::Nonce(seen) => {
                let (flow, from, offset) = (seen.flow.0, seen.from, seen.offset);
                Some(format!("{flow} {from:?} {:?} at {offset}", seen.kind))
            }
            Report::Ended(end) => Some(format!("{} ended", end.id.0)),
            _ => None,
        }
    }

    #[test]
    fn correlators_are_told_of_payloads_flights_and_nonces() {
        let line = [b'x'; 80];
        let said: [&[u8]; 4] = [GREETING, METHOD, &line, b"ok"];
        let mut watch = Watch::ample();
        watch.opens("10.0.0.1:1", [100, 500]);
        assert!(watch.told_of_legs().is_empty(), "a handshake is no payload");
        watch.talks("10.0.0.1:1", [100, 500], &said).ends();
        let expected = [
            "1 spoke, Some(Client) first",
            "1 Server after 3 and 0",
            "1 Client after 3 and 2",
            "1 Client Text at 3",
            "1 Server after 83 and 2",
            "1 ended",
        ];
        assert_eq!(watch.told_of_legs(), expected);
    }

    #[test]
    fn a_relay_is_told_once_and_its_end_too() {
        let said = [GREETING, METHOD, REQUEST, REPLY, b"hello", b"world"];
        let mut watch = Watch::ample();
        watch
            .opens("10.0.0.1:1", [100, 500])
            .talks("10.0.0.1:1", [100, 500], &said)
            .ends();
        assert_eq!(watch.told(), ["1 Some(Proven)", "1 ended"]);
        assert_eq!(watch.shard.counts().flows, 1);
    }

    #[test]
    fn what_no_detector_wants_is_not_told() {
        let said: [&[u8]; 2] = [b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"];
        let mut watch = Watch::ample();
        watch
            .opens("10.0.0.1:1", [100, 500])
            .talks("10.0.0.1:1", [100, 500], &said)
            .ends();
        assert!(watch.told().is_empty());
    }

    /// A frame takes a second, and time is told after the last one only.
    #[test]
    fn a_flow_that_lasts_is_told_while_it_is_open() {
        let cases: [(u64, u64, &[&str]); 5] = [
            (38, 0, &[]),
            (39, 0, &["1 lasts 40 again false"]),
            (39, 10, &["1 lasts 40 again false"]),
            (85, 0, &["1 lasts 40 again false", "1 lasts 80 again true"]),
            (20, 100, &[]),
        ];
        for (packets, silence, told) in cases {
            let mut watch = Watch::ample();
            watch.opens("10.0.0.1:1", [100, 500]);
            for _ in 0..packets {
                watch.sees(&tcp("10.0.0.1:1", SERVER, ACK, 101, b""));
            }
            watch.frame += silence;
            watch.shard.advance(watch.now(), &mut watch.events);
            watch.ends();
            assert_eq!(watch.told(), told, "{packets} {silence}");
        }
    }

    #[test]
    fn a_reused_five_tuple_is_another_flow() {
        let said = [GREETING, METHOD, REQUEST, REPLY];
        let mut watch = Watch::ample();
        for isns in [[100, 500], [9_000, 7_000]] {
            watch
                .opens("10.0.0.1:1", isns)
                .talks("10.0.0.1:1", isns, &said);
        }
        let told = ["1 Some(Proven)", "1 ended", "7 Some(Proven)", "7 ended"];
        assert_eq!(watch.ends().told(), told);
        assert_eq!(watch.shard.counts().flows, 2);
    }

    #[test]
    fn a_watched_flow_is_portrayed_when_it_is_over_and_no_other() {
        let said = [GREETING, METHOD, REQUEST, REPLY];
        let mut watch = Watch::ample();
        let selector = format!("{SERVER}-10.0.0.1:1/tcp").parse();
        watch.shard = watch.shard.watching(selector.ok());
        for (client, isns) in [("10.0.0.1:1", [100, 500]), ("10.0.0.1:2", [1, 1])] {
            watch.opens(client, isns).talks(client, isns, &said);
        }
        watch.opens("10.0.0.1:1", [9_000, 7_000]).ends();
        let portraits: Vec<_> = watch
            .events
            .iter()
            .filter_map(|event| match &event.report {
                Report::Portrait(portrait) => Some(portrait),
                _ => None,
            })
            .collect();
        let shown = portraits.iter().map(|portrait| {
            let layers = portrait.facts.layers.len();
            let segments = (portrait.client.segments, portrait.server.segments);
            (portrait.facts.id.0, layers, segments)
        });
        assert_eq!(shown.collect::<Vec<_>>(), [(1, 1, (3, 3)), (13, 0, (1, 1))]);
        let mut told = watch.told();
        told.retain(|line| !line.ends_with("portrayed"));
        let unwatched = ["1 Some(Proven)", "1 ended", "7 Some(Proven)", "7 ended"];
        assert_eq!(told, unwatched);
    }

    #[test]
    fn a_full_table_ends_what_it_forgets() {
        let mut watch = Watch::new(2, 1 << 20);
        let noise = b"\xff\xff\xff\xff";
        let said = [GREETING, METHOD, REQUEST, REPLY, noise, noise];
        watch
            .opens("10.0.0.1:1", [100, 500])
            .talks("10.0.0.1:1", [100, 500], &said);
        watch.sees(&tcp("10.0.0.1:2", SERVER, SYN, 1, b""));
        watch.sees(&tcp("10.0.0.1:3", SERVER, SYN, 1, b""));
        assert_eq!(
            watch.told(),
            ["1 Some(Proven)"],
            "the half-open flow goes first"
        );
        watch
            .opens("10.0.0.1:4", [1, 1])
            .opens("10.0.0.1:5", [1, 1]);
        assert_eq!(watch.told(), ["1 ended"]);
        assert_eq!(watch.shard.counts().flows_evicted, 3);
        assert!(watch.ends().told().is_empty());
    }

    /// What was read so far is told, and that the rest is not known.
    #[test]
    fn the_oldest_head_gives_way_and_says_so() {
        let mut watch = Watch::new(100, 4_000);
        watch.opens("10.0.0.1:1", [100, 500]);
        watch.talks("10.0.0.1:1", [100, 500], &[GREETING, METHOD, REQUEST]);
        assert!(watch.told().is_empty(), "the reply is still to come");
        for port in 2..40 {
            let client = format!("10.0.0.1:{port}");
            watch
                .opens(&client, [1, 1])
                .talks(&client, [1, 1], &[GREETING]);
            if watch.shard.counts().heads_given_up > 0 {
                break;
            }
        }
        assert_eq!(watch.shard.counts().heads_given_up, 1);
        assert_eq!(watch.told(), ["1 Some(Probable), head lost"]);
        let late = tcp(SERVER, "10.0.0.1:1", ACK, 503, REPLY);
        assert!(watch.sees(&late).told().is_empty(), "what is told is told");
    }

    #[test]
    fn heads_stay_inside_their_budget() {
        let mut watch = Watch::new(100, 10_000);
        for port in 1..100 {
            let client = format!("10.0.0.1:{port}");
            watch
                .opens(&client, [1, 1])
                .talks(&client, [1, 1], &[GREETING]);
            assert!(watch.shard.head_bytes <= 10_000);
        }
        assert!(watch.shard.counts().heads_given_up > 0);
        watch.ends();
        assert_eq!(watch.shard.counts().flows, 99);
    }

    #[test]
    fn no_byte_of_the_budget_is_lost() {
        let said = [GREETING, METHOD, REQUEST, REPLY];
        for turns in 0..=said.len() {
            let mut watch = Watch::new(1, 1 << 20);
            watch
                .opens("10.0.0.1:1", [100, 500])
                .talks("10.0.0.1:1", [100, 500], &said[..turns]);
            watch.opens("10.0.0.1:2", [1, 1]);
            assert_eq!(watch.shard.head_bytes, 0, "after {turns} turns");
        }
    }

    /// Who sends each datagram, and what it carries.
    #[test]
    fn the_first_datagram_of_a_side_tells_of_a_relay() {
        let [client, relay] = ["10.0.0.1:6000", "10.0.0.2:5000"];
        type Sent = (&'static str, &'static [u8]);
        let cases: [(&[Sent], &[&str]); 6] = [
            (&[(client, DATAGRAM)], &["1 None", "1 ended"]),
            (
                &[(client, DATAGRAM), (client, DATAGRAM)],
                &["1 None", "1 ended"],
            ),
            (
                &[(client, DATAGRAM), (relay, DATAGRAM)],
                &["1 None", "1 ended"],
            ),
            (
                &[(client, b"hello"), (relay, DATAGRAM)],
                &["1 None", "1 ended"],
            ),
            (&[(client, b"hello"), (client, DATAGRAM)], &[]),
            (&[(client, b"hello"), (relay, b"world")], &[]),
        ];
        for (datagrams, expected) in cases {
            let mut watch = Watch::ample();
            for &(from, payload) in datagrams {
                let to = if from == client { relay } else { client };
                watch.sees(&udp(from, to, payload));
            }
            assert_eq!(watch.ends().told(), expected, "{datagrams:?}");
        }
    }

    #[test]
    fn a_silent_flow_is_over_at_its_second() {
        let mut watch = Watch::ample();
        watch
            .sees(&udp("10.0.0.1:6000", "10.0.0.2:5000", DATAGRAM))
            .told();
        for (seconds, told) in [(180, vec![]), (181, vec!["1 ended"]), (999, vec![])] {
            watch
                .shard
                .advance(Timestamp::from_parts(seconds, 0), &mut watch.events);
            assert_eq!(watch.told(), told, "{seconds}");
        }
    }

    #[test]
    fn within_a_moment_expiry_comes_before_frames_and_they_before_the_end() {
        let order = |cause, frame, shard, sequence| Order {
            time: Timestamp::from_nanos(0),
            cause,
            frame,
            shard,
            sequence,
        };
        let orders = [
            order(Cause::Expiry, 1, 9, 0),
            order(Cause::Expiry, 2, 0, 0),
            order(Cause::Frame, 1, 9, 9),
            order(Cause::Frame, 2, 0, 0),
            order(Cause::Frame, 2, 0, 1),
            order(Cause::End, 1, 0, 0),
        ];
        assert!(orders.is_sorted());
        let later = Order {
            time: Timestamp::from_nanos(1),
            ..orders[0]
        };
        assert!(orders.iter().all(|order| *order < later));
    }

    #[test]
    fn a_detector_that_is_switched_off_says_nothing() {
        let mut watch = Watch::ample();
        watch.shard.tuning.socks_proxy = false;
        let said = [GREETING, METHOD, REQUEST, REPLY];
        watch
            .opens("10.0.0.1:1", [100, 500])
            .talks("10.0.0.1:1", [100, 500], &said)
            .ends();
        assert!(watch.told().is_empty());
    }
}
