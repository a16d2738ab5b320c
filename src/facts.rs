//! Facts: what is true of a flow, as one plain record. Nothing else leaves a shard.

pub mod lasting;
pub mod legs;
pub mod opening;
#[cfg(test)]
pub(crate) mod samples;
pub mod ssh;

use std::num::NonZeroU32;

use crate::decode::{Endpoint, Label, Transport};
use crate::facts::legs::Spoke;
use crate::facts::opening::Opening;
use crate::proto::dns::{Named, Question};
use crate::proto::stack::{Kind, Layer, Protocol};
use crate::proto::tls::ClientHello;
use crate::proto::tls::greeting::Greeting;
use crate::time::{Span, Timestamp};
use ssh::SshConduct;

/// A flow's name within a run: the number of the frame that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// A flow whose protocols have been read as far as they can be.
#[derive(Clone, Debug)]
pub struct FlowFacts {
    /// The flow's name within the run.
    pub id: FlowId,
    /// Who opened it.
    pub client: Endpoint,
    /// Who was called.
    pub server: Endpoint,
    /// Its transport.
    pub transport: Transport,
    /// Time of its first segment.
    pub opened: Timestamp,
    /// Time of its newest segment so far.
    pub last_seen: Timestamp,
    /// What it was wrapped in.
    pub label: Label,
    /// The protocols in it, outermost first.
    pub layers: Vec<Layer>,
    /// Payload of both sides so far.
    pub traffic: Traffic,
    /// How well it was seen.
    pub quality: Quality,
    /// What an SSH session in it does behind its key exchange, once that tells something.
    pub ssh: Option<Box<SshConduct>>,
}

impl FlowFacts {
    /// Whether nobody acknowledges what is sent in it.
    pub fn is_of_datagrams(&self) -> bool {
        self.transport == Transport::UDP
    }

    /// The hello of a TLS client that does not say what it will speak.
    pub fn mute_hello(&self) -> Option<&ClientHello> {
        let hello = self.hello()?;
        hello.is_mute()?.then_some(hello)
    }

    /// The hello of a TLS client, where nothing stands around it.
    pub fn hello(&self) -> Option<&ClientHello> {
        let Protocol::Tls(tls) = &self.layers.first()?.protocol else {
            return None;
        };
        tls.client_hello.as_ref()
    }
}

/// Payload that a flow carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Payload bytes of the client, retransmissions left out.
    pub client_bytes: u64,
    /// Payload bytes of the server, retransmissions left out.
    pub server_bytes: u64,
    /// Flights of the client.
    pub client_flights: u32,
    /// Flights of the server.
    pub server_flights: u32,
}

/// What a DNS response told somebody.
#[derive(Clone, Debug)]
pub struct Answers {
    /// To whom it was sent.
    pub asker: Endpoint,
    /// The addresses, and the name that was asked for.
    pub named: Vec<Named>,
}

/// A name that somebody asked for, and was answered.
#[derive(Clone, Debug)]
pub struct LookUp {
    /// The flow in which it was asked.
    pub flow: Spoke,
    /// What was asked.
    pub question: Question,
}

/// What a TLS client looks like that a shard sees for the first time in a while.
#[derive(Clone, Debug)]
pub struct Print {
    /// As in greetings.
    pub digest: NonZeroU32,
    /// One of its hellos.
    pub hello: ClientHello,
}

/// All that is known of one flow when it is over, for a person who asked about it.
#[derive(Clone, Debug)]
pub struct FlowPortrait {
    /// Its facts at its end.
    pub facts: FlowFacts,
    /// What DNS answers in it called addresses, the first of them.
    pub names: Vec<Named>,
    /// How far it got, where the transport is TCP.
    pub phase: Option<Phase>,
    /// SYN to the client's first acknowledgement, if both were seen.
    pub round_trip: Option<Span>,
    /// What the client sent.
    pub client: Sending,
    /// What the server sent.
    pub server: Sending,
}

/// What one side of a flow sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// Segments, copies left out.
    pub segments: u32,
    /// Sizes of the payloads that brought something new, smallest first.
    pub sizes: Vec<SizeBin>,
}

/// The payload sizes of a flow that is over, was seen whole, and was not refused.
#[derive(Clone, Debug)]
pub struct PayloadSizes {
    /// The flow.
    pub flow: Spoke,
    /// Its newest segment.
    pub last_seen: Timestamp,
    /// How it opened, as far as that can be told.
    pub opening: Option<Opening>,
    /// What the client sent.
    pub client: Sent,
    /// What the server sent.
    pub server: Sent,
}

/// How much a side sent, and in payloads of which sizes.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Payload bytes, retransmissions left out.
    pub bytes: u64,
    /// Sizes of the payloads that brought something new, smallest first.
    pub sizes: Vec<SizeBin>,
}

/// Payloads of about the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeBin {
    /// The smallest size that falls into the bin, in bytes.
    pub lowest: u32,
    /// The largest one.
    pub highest: u32,
    /// How many payloads there were.
    pub count: u32,
}

/// How a reported flow ended.
#[derive(Clone, Copy, Debug)]
pub struct FlowEnd {
    /// The flow's name within the run.
    pub id: FlowId,
    /// Time of its last segment.
    pub last_seen: Timestamp,
    /// Payload of both sides.
    pub traffic: Traffic,
    /// How TCP ended it; `None` where it went silent or the capture ended.
    pub ending: Option<Ending>,
    /// What was spoken with the one who was called, if that was read: the outermost protocol.
    pub protocol: Option<Kind>,
    /// What its TLS client showed of itself.
    pub greeting: Option<Greeting>,
    /// How well it was seen.
    pub quality: Quality,
}

/// How far a connection got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A SYN was seen and no answer.
    Opening,
    /// Both sides spoke.
    Open,
    /// It is over.
    Closed(Ending),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Both sides sent a FIN.
    Finished,
    /// One side reset it.
    Reset,
    /// The SYN was answered by a reset.
    Rejected,
}

/// How well a flow was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Quality {
    /// Payload is missing: lost by the capture, or too disordered to keep.
    #[serde(skip_serializing_if = "is_false")]
    pub gaps: bool,
    /// Only one side was seen.
    #[serde(skip_serializing_if = "is_false")]
    pub one_sided: bool,
    /// The beginning was not seen, so that who opened it is a guess.
    #[serde(skip_serializing_if = "is_false")]
    pub midstream: bool,
    /// Payload was cut by the capture's snaplen.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Segments came in IP fragments.
    #[serde(skip_serializing_if = "is_false")]
    pub fragments: bool,
    /// The head of the stream was given up to stay inside the memory bound.
    #[serde(skip_serializing_if = "is_false")]
    pub loss: bool,
    /// A mirror port delivered segments twice; they were counted once.
    #[serde(skip_serializing_if = "is_false")]
    pub copies: bool,
    /// A retransmission brought other bytes than the first transmission; the first were believed.
    #[serde(skip_serializing_if = "is_false")]
    pub rewritten: bool,
    /// A session was forgotten to stay inside a cap: its end is not known, and its totals are too low.
    #[serde(skip_serializing_if = "is_false")]
    pub forgotten: bool,
}

impl Quality {
    /// What is true of either.
    pub fn merge(&mut self, other: Self) {
        self.gaps |= other.gaps;
        self.one_sided |= other.one_sided;
        self.midstream |= other.midstream;
        self.truncated |= other.truncated;
        self.fragments |= other.fragments;
        self.loss |= other.loss;
        self.copies |= other.copies;
        self.rewritten |= other.rewritten;
        self.forgotten |= other.forgotten;
    }

    /// Whether nothing was missing or odd.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// Community ID v1 with seed 0 (<https://github.com/corelight/community-id-spec>), the same from either end. `None` for
/// ICMP, whose types stand where other transports have ports.
pub fn community_id(one: Endpoint, other: Endpoint, transport: Transport) -> Option<String> {
    let has_ports = match transport {
        Transport::ICMP | Transport::ICMPV6 => return None,
        Transport::TCP | Transport::UDP | Transport::SCTP => true,
        _ => false,
    };
    community_id::calculate_community_id(
        0,
        one.address.ip(),
        other.address.ip(),
        has_ports.then_some(one.port),
        has_ports.then_some(other.port),
        transport.0,
        Default::default(),
    )
    .ok()
}

fn is_false(flag: &bool) -> bool {
    !flag
}
