//! What is told of a flow that lasts, while it is open.

use super::{FlowId, Quality, Traffic};
use crate::decode::{Endpoint, Transport};
use crate::proto::stack::Kind;
use crate::time::{Span, Timestamp};

/// A flow has come to an age at which it is told of.
#[derive(Clone, Debug)]
pub struct Lasted {
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
    /// Time of its newest segment.
    pub last_seen: Timestamp,
    /// The VLAN it was seen in, if it bore a tag.
    pub vlan: Option<u16>,
    /// The highest age of the schedule that it has come to.
    pub age: Span,
    /// Whether it was told of before, at a lower age.
    pub again: bool,
    /// What is spoken with the one who was called, if that was read.
    pub protocol: Option<Kind>,
    /// Payload of both sides so far.
    pub traffic: Traffic,
    /// How well it was seen so far.
    pub quality: Quality,
}

/// The ports of services that answer each datagram alone, and are asked by the clock: DNS, DHCP, TFTP, NTP, NetBIOS, SNMP, syslog, DHCPv6, SSDP, WS-Discovery, mDNS, LLMNR.
pub const ASKED: [u16; 17] = [
    53, 67, 68, 69, 123, 137, 138, 161, 162, 514, 546, 547, 1900, 3702, 5351, 5353, 5355,
];
