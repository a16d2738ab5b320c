//! Flows: who talks to whom, how much, and in which state.

pub mod closed;
pub mod copies;
pub mod expiry;
pub mod first;
pub mod flights;
pub mod head;
pub mod key;
pub mod lasting;
pub mod nonces;
pub mod probing;
pub mod rings;
pub mod sizes;
pub mod ssh;
pub mod table;
pub mod tcp;

use crate::decode::{Endpoint, Label, Segment, Transport};
use crate::facts::{Ending, FlowId, Phase};
use crate::proto::Side;
use crate::proto::stack::Kind;
use crate::proto::tls::greeting::Greeting;
use crate::time::{Span, Timestamp};
use copies::Copies;
use flights::Flights;
use key::{FlowKey, Sender};
use nonces::Looks;
use probing::Probe;
use tcp::{Connection, Payload, Step};

/// One conversation between two endpoints.
#[derive(Debug)]
pub struct Flow {
    /// Its name.
    pub id: FlowId,
    /// Its ends and transport.
    pub key: FlowKey,
    client: Sender,
    /// Time of its first segment.
    pub opened: Timestamp,
    /// Time of its newest segment.
    pub last_seen: Timestamp,
    /// What its first segment was wrapped in.
    pub label: Label,
    /// The TCP state, where the transport is TCP.
    pub tcp: Option<Connection>,
    /// SYN to the client's first acknowledgement in microseconds, if both were seen.
    round_trip: Option<u32>,
    sent: [Sent; 2],
    flights: Flights,
    copies: Copies,
    /// What was lost or odd about it.
    pub defects: Defects,
    /// What its stream heads are asked for.
    pub probe: Probe,
    /// Reads the sizes of an SSH session that went dark.
    pub ssh: Option<Box<ssh::Reader>>,
    /// What is spoken with the one who was called, if that was read.
    pub protocol: Option<Kind>,
    /// What its TLS client showed of itself.
    pub greeting: Option<Greeting>,
    /// How far its payloads were searched for nonces.
    pub looks: Looks,
    /// At how many of the ages of a schedule it was told of.
    pub ages_told: u8,
    /// Whether correlators were told that it speaks, and wait for its end.
    pub spoke: bool,
    /// Whether it was reported to the ordered stage, which then waits for its end.
    pub reported: bool,
    /// Whether a person asked about it.
    pub watched: bool,
    /// Whether its payload sizes are counted.
    pub measured: bool,
}

/// What one side sent.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Segments, copies left out; saturates.
    pub segments: u32,
    /// Payload bytes, retransmissions left out.
    pub bytes: u64,
}

/// What was lost or odd about a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defects {
    /// Payload bytes of TCP that were jumped over and not seen later, an upper bound.
    pub gap_bytes: u64,
    /// Payload was cut by the capture's snaplen.
    pub truncated: bool,
    /// Segments came in IP fragments.
    pub fragments: bool,
    /// A mirror port delivered segments twice.
    pub copies: bool,
    /// Its heads were given up to stay inside the budget.
    pub head_lost: bool,
    /// A retransmission brought other bytes than the first transmission.
    pub rewritten: bool,
    /// Segments were too scattered for a head to keep.
    pub scattered: bool,
    /// It was forgotten to stay inside the cap of flows.
    pub forgotten: bool,
}

/// What a segment meant to its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// It counts; its payload stands there in the stream.
    Counted(Payload),
    /// A mirrored copy of a segment already counted.
    Copy,
    /// It opens another flow between the same ends and ports. Nothing has changed.
    Reopens,
}

impl Flow {
    /// A flow that `segment` opens; give it the same segment with [`Flow::observe`] next.
    pub fn open(
        id: FlowId,
        key: FlowKey,
        sender: Sender,
        segment: &Segment<'_>,
        time: Timestamp,
    ) -> Self {
        Self {
            id,
            key,
            client: if sender_is_client(segment) {
                sender
            } else {
                sender.other()
            },
            opened: time,
            last_seen: time,
            label: segment.label,
            tcp: segment.tcp.map(|_| Connection::new()),
            round_trip: None,
            sent: Default::default(),
            flights: Flights::default(),
            copies: Copies::default(),
            defects: Defects::default(),
            probe: Probe::new(segment.transport),
            ssh: None,
            protocol: None,
            greeting: None,
            looks: Looks::default(),
            ages_told: 0,
            spoke: false,
            reported: false,
            watched: false,
            measured: false,
        }
    }

    /// Takes a segment of this flow into account.
    #[inline]
    pub fn observe(&mut self, from: Side, segment: &Segment<'_>, time: Timestamp) -> Observed {
        if self.copies.is_copy(segment, time) {
            self.defects.copies = true;
            return Observed::Copy;
        }
        let payload = match self.step(from, segment) {
            Step::Belongs(payload) => payload,
            Step::Reopens => return Observed::Reopens,
        };
        self.last_seen = time;
        self.measure_round_trip(from, time);
        self.count(from, segment, payload, time);
        Observed::Counted(payload)
    }

    #[inline(always)]
    fn step(&mut self, from: Side, segment: &Segment<'_>) -> Step {
        match (&mut self.tcp, segment.tcp) {
            (Some(connection), Some(tcp)) => connection.step(from, tcp, segment.payload_bytes),
            _ => Step::Belongs(Payload {
                offset: Some(self.sent_by(from).bytes),
                new_bytes: segment.payload_bytes,
                gap_bytes: 0,
            }),
        }
    }

    /// The client's first segment behind the server's first one ends the handshake (detection 0.4).
    fn measure_round_trip(&mut self, from: Side, time: Timestamp) {
        let opening = from == Side::Client && self.sent_by(Side::Client).segments == 1;
        let answered = self.sent_by(Side::Server).segments > 0;
        let from_start = self.tcp.as_ref().is_some_and(Connection::seen_from_start);
        if opening && answered && from_start {
            let micros = (time - self.opened).nanos() / 1_000;
            self.round_trip = u32::try_from(micros).ok();
        }
    }

    fn count(&mut self, from: Side, segment: &Segment<'_>, payload: Payload, time: Timestamp) {
        self.defects.gap_bytes = self.defects.gap_bytes.saturating_add(payload.gap_bytes);
        self.defects.truncated |= (segment.payload.len() as u64) < segment.payload_bytes.into();
        self.defects.fragments |= segment.fragmented;
        let round_trip = self.round_trip();
        let sent = match from {
            Side::Client => &mut self.sent[0],
            Side::Server => &mut self.sent[1],
        };
        sent.segments = sent.segments.saturating_add(1);
        if payload.new_bytes > 0 {
            sent.bytes = sent.bytes.saturating_add(payload.new_bytes.into());
            self.flights.record(from, time, round_trip);
        }
    }

    /// SYN to the client's first acknowledgement, if both were seen.
    pub fn round_trip(&self) -> Option<Span> {
        let micros = self.round_trip?;
        Some(Span::from_micros(micros.into()))
    }

    /// Which side of this flow an end of its key is.
    pub fn side_of(&self, sender: Sender) -> Side {
        if sender == self.client {
            Side::Client
        } else {
            Side::Server
        }
    }

    /// The endpoint on a side.
    pub fn endpoint(&self, side: Side) -> Endpoint {
        let end = match side {
            Side::Client => self.client,
            Side::Server => self.client.other(),
        };
        self.key.end(end)
    }

    /// What a side sent.
    pub fn sent_by(&self, side: Side) -> &Sent {
        match side {
            Side::Client => &self.sent[0],
            Side::Server => &self.sent[1],
        }
    }

    /// How many flights a side sent.
    pub fn flights(&self, side: Side) -> u32 {
        self.flights.count(side)
    }

    /// Whether it was picked up after its beginning, so that who opened it is a guess.
    pub fn is_midstream(&self) -> bool {
        self.tcp.as_ref().is_some_and(|c| !c.seen_from_start())
    }

    /// Whether both sides have spoken.
    pub fn is_answered(&self) -> bool {
        self.sent.iter().all(|sent| sent.segments > 0)
    }

    /// Whether payload was seen, or both sides: it is more than an attempt.
    pub fn is_established(&self) -> bool {
        self.is_answered() || self.sent.iter().any(|sent| sent.bytes > 0)
    }

    /// How it ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        match self.tcp.as_ref()?.phase() {
            Phase::Closed(ending) => Some(ending),
            _ => None,
        }
    }

    /// Whether TCP ended and nothing of it is missing, so that only late segments can follow.
    pub fn is_over(&self) -> bool {
        self.defects.gap_bytes == 0 && self.tcp.as_ref().is_some_and(|c| c.is_over())
    }

    /// Whether a side has said that it sends nothing more.
    pub fn is_finishing(&self) -> bool {
        self.finished(Side::Client) || self.finished(Side::Server)
    }

    /// Whether a side will send nothing more.
    pub fn finished(&self, side: Side) -> bool {
        self.tcp.as_ref().is_some_and(|c| c.finished(side))
    }
}

/// Whether the sender of a flow's first captured segment is its client: told by the TCP handshake, else guessed from
/// the ports, else it is who spoke first.
fn sender_is_client(segment: &Segment<'_>) -> bool {
    match segment.tcp {
        Some(tcp) if tcp::opens(tcp) => return true,
        Some(tcp) if tcp::answers(tcp) => return false,
        _ => {}
    }
    let (source, destination) = (segment.source.port, segment.destination.port);
    let (from_service, to_service) = (is_service(source), is_service(destination));
    if from_service != to_service {
        return to_service;
    }
    segment.transport != Transport::TCP || source >= destination
}

/// Below the ports that Linux, the BSDs and Windows hand out to clients (RFC 6335 begins them at 49,152).
fn is_service(port: u16) -> bool {
    port < 10_240
}
