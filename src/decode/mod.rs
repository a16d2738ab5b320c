//! From a frame to the segment inside it.

/// An IPv6 address, or an IPv4 address in its IPv4-mapped form, as one number that compares and hashes quickly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(u128);

impl Address {
    /// The address of an IPv4 header.
    pub fn v4(octets: [u8; 4]) -> Self {
        Self(MAPPED | u128::from(u32::from_be_bytes(octets)))
    }

    /// The address of an IPv6 header.
    pub const fn v6(octets: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(octets))
    }

    /// The number itself, for keys and hashes.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The address as the standard library knows it.
    pub fn ip(self) -> std::net::IpAddr {
        std::net::Ipv6Addr::from_bits(self.0).to_canonical()
    }
}

impl From<std::net::IpAddr> for Address {
    fn from(ip: std::net::IpAddr) -> Self {
        match ip {
            std::net::IpAddr::V4(v4) => Self::v4(v4.octets()),
            std::net::IpAddr::V6(v6) => Self::v6(v6.octets()),
        }
    }
}

/// One end of a conversation. The port is 0 where the transport has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// The TCP or UDP port.
    pub port: u16,
}

/// An IP protocol number (<https://www.iana.org/assignments/protocol-numbers>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transport(pub u8);

impl Transport {
    /// TCP, RFC 9293.
    pub const TCP: Self = Self(6);
    /// UDP, RFC 768.
    pub const UDP: Self = Self(17);
    /// ICMP, RFC 792.
    pub const ICMP: Self = Self(1);
    /// ICMP for IPv6, RFC 4443.
    pub const ICMPV6: Self = Self(58);
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
    /// The captured payload bytes.
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

/// The encapsulation around a segment's inner addresses; kept as a label, never part of a flow's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The innermost 802.1Q VLAN id outside any tunnel, if tagged.
    pub vlan: Option<u16>,
    /// The tunnels that were taken off, as a set of `Label::…` bits.
    pub tunnels: u16,
}

const MAPPED: u128 = 0xffff_0000_0000;
