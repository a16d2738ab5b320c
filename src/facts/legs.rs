//! What correlators need of a flow that may be one leg of a relay: that it speaks, when, how much, and what it repeats.

use super::ssh::Content;
use super::{FlowId, Quality};
use crate::decode::{Endpoint, Transport};
use crate::proto::Side;
use crate::proto::nonce::Kind;
use crate::time::Timestamp;

/// A flow carried its first payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoke {
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
    /// The VLAN it was seen in, if it bore a tag.
    pub vlan: Option<u16>,
    /// How well it was seen so far.
    pub quality: Quality,
    /// The flight that the payload began; none of a flow that asks a resolver for names.
    pub flight: Option<Flight>,
    /// The nonce that the payload began with.
    pub nonce: Option<Sighting>,
}

/// A side began a flight: a run of payload in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The flow.
    pub flow: FlowId,
    /// Time of the flow's first segment.
    pub opened: Timestamp,
    /// Who sends it.
    pub from: Side,
    /// Payload bytes that the client had sent before it.
    pub client_bytes: u64,
    /// Payload bytes that the server had sent before it.
    pub server_bytes: u64,
    /// Whether nothing was seen of one side yet, not even an acknowledgement.
    pub one_sided: bool,
}

/// A side of a multiplexed tunnel asked the other one for a connection, which was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The flow of the tunnel.
    pub flow: FlowId,
    /// Who asked.
    pub by: Side,
    /// When; the answer came later.
    pub time: Timestamp,
}

/// A connection inside a multiplexed tunnel is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lived {
    /// The flow of the tunnel.
    pub flow: FlowId,
    /// Who asked for it.
    pub by: Side,
    /// When.
    pub asked: Timestamp,
    /// When the last of both sides had closed it.
    pub ended: Timestamp,
    /// What the side that asked wrote in it.
    pub asker: Content,
    /// What the other side wrote.
    pub answerer: Content,
}

/// TCP ended a flow that spoke, but late segments may come before it is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The flow.
    pub flow: FlowId,
    /// Payload bytes that the client sent.
    pub client_bytes: u64,
    /// Payload bytes that the server sent.
    pub server_bytes: u64,
}

/// A payload began with bytes that only one party can have made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The flow.
    pub flow: FlowId,
    /// Who sent them.
    pub from: Side,
    /// What they are.
    pub kind: Kind,
    /// Their hash, keyed by a key of this run; it means nothing outside.
    pub hash: u64,
    /// Where in the sender's stream their payload begins.
    pub offset: u64,
    /// Whether it stands behind the framing of another protocol, so that its offset is not that of a payload.
    pub is_framed: bool,
    /// The TCP sequence number of that payload, if it is known: where it is the same on two flows, they are one
    /// connection whose addresses somebody rewrote.
    pub sequence: Option<u32>,
}
