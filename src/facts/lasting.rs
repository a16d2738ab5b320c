//! What is told of a flow that lasts, while it is open.

use super::Traffic;
use super::legs::Spoke;
use crate::proto::stack::Kind;
use crate::proto::tls::greeting::Greeting;
use crate::time::{Span, Timestamp};

/// A flow has come to an age at which it is told of.
#[derive(Clone, Debug)]
pub struct Lasted {
    /// The flow, how well it was seen so far among what is known of it.
    pub flow: Spoke,
    /// Time of its newest segment.
    pub last_seen: Timestamp,
    /// The highest age of the schedule that it has come to.
    pub age: Span,
    /// Whether it was told of before, at a lower age.
    pub again: bool,
    /// What is spoken with the one who was called, if that was read.
    pub protocol: Option<Kind>,
    /// What its TLS client showed of itself.
    pub greeting: Option<Greeting>,
    /// Payload of both sides so far.
    pub traffic: Traffic,
}

/// The ports of services that answer each datagram alone, and are asked by the clock: DNS, DHCP, TFTP, NTP, NetBIOS, SNMP,
/// syslog, DHCPv6, SSDP, WS-Discovery, mDNS, LLMNR.
pub const ASKED: [u16; 17] = [
    53, 67, 68, 69, 123, 137, 138, 161, 162, 514, 546, 547, 1900, 3702, 5351, 5353, 5355,
];
