//! What a decoded frame hands on.

use super::address::Endpoint;
use super::label::Label;

/// An IP protocol number (<https://www.iana.org/assignments/protocol-numbers>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transport(pub u8);

impl Transport {
    /// ICMP, RFC 792.
    pub const ICMP: Self = Self(1);
    /// TCP, RFC 9293.
    pub const TCP: Self = Self(6);
    /// UDP, RFC 768.
    pub const UDP: Self = Self(17);
    /// GRE, RFC 2784; seen where what it carries could not be decoded.
    pub const GRE: Self = Self(47);
    /// ICMP for IPv6, RFC 4443.
    pub const ICMPV6: Self = Self(58);
    /// SCTP, RFC 9260.
    pub const SCTP: Self = Self(132);

    /// Whether its ends have ports.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP)
    }

    /// Its name in findings: `tcp`, `udp`, `sctp`, `icmp`, or `ip` for any other.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TCP => "tcp",
            Self::UDP => "udp",
            Self::SCTP => "sctp",
            Self::ICMP | Self::ICMPV6 => "icmp",
            _ => "ip",
        }
    }
}

/// What one frame carries for a flow: the innermost transport header and its payload.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// By which transport.
    pub transport: Transport,
    /// The TCP header's state, where the transport is TCP.
    pub tcp: Option<TcpHeader>,
    /// For ICMP and ICMPv6: type and code.
    pub icmp: Option<(u8, u8)>,
    /// The captured payload bytes: what follows the header of TCP, UDP, SCTP (12 bytes) and ICMP (8 bytes), for any
    /// other transport what follows the IP header.
    pub payload: &'a [u8],
    /// Payload bytes on the wire, as the IP header says (the UDP header for UDP); at least `payload.len()`.
    pub payload_bytes: u32,
    /// A digest of header fields that a mirrored copy of this segment shares and a retransmission does not:
    /// IPv4 identification, transport checksum, sequence numbers, flags, length. Survives routing (TTL, MAC, VLAN).
    pub copy_digest: u32,
    /// Whether `copy_digest` is telling: false where the header has nothing that changes from packet to packet.
    pub copy_telling: bool,
    /// What the segment was wrapped in.
    pub label: Label,
    /// Whether it was put together from IP fragments.
    pub fragmented: bool,
}

impl Segment<'_> {
    /// The segment with an empty payload, to be kept longer than its frame.
    pub fn without_payload(&self) -> Segment<'static> {
        Segment {
            source: self.source,
            destination: self.destination,
            transport: self.transport,
            tcp: self.tcp,
            icmp: self.icmp,
            payload: &[],
            payload_bytes: self.payload_bytes,
            copy_digest: self.copy_digest,
            copy_telling: self.copy_telling,
            label: self.label,
            fragmented: self.fragmented,
        }
    }
}

/// The part of a TCP header that flows need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader {
    /// Sequence number of the first payload byte (of the SYN, where it is set).
    pub sequence: u32,
    /// Acknowledgement number, 0 where ACK is not set.
    pub acknowledgement: u32,
    /// The flags byte as on the wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub flags: u8,
    /// The window as on the wire, unscaled.
    pub window: u16,
}
