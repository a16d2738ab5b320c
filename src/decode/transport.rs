//! Transports: the last header before the payload.

use super::address::{Address, Endpoint};
use super::copy::CopyFields;
use super::encapsulation::Tunnel;
use super::network::Network;
use super::outcome::Drop;
use super::part::Part;
use super::segment::{Segment, TcpHeader, Transport};
use super::walk::{Walk, Walked};

impl Walk<'_> {
    /// The transport `protocol` and what it carries.
    #[inline(always)]
    pub(super) fn transport<'p>(
        &mut self,
        network: &Network,
        protocol: u8,
        part: Part<'p>,
    ) -> Walked<'p> {
        match Transport(protocol) {
            Transport::TCP => tcp(network, part),
            Transport::UDP => self.udp(network, part),
            Transport::ICMP | Transport::ICMPV6 => icmp(network, Transport(protocol), part),
            Transport::SCTP => sctp(network, part),
            other => self.other(network, other, part),
        }
    }

    /// UDP, RFC 768. A length of 0 is a jumbogram or offloaded segmentation: as long as the packet.
    #[inline(always)]
    fn udp<'p>(&mut self, network: &Network, mut part: Part<'p>) -> Walked<'p> {
        let [s0, s1, d0, d1, l0, l1, c0, c1] = part.array::<UDP_HEADER>()?;
        let destination = u16::from_be_bytes([d0, d1]);
        let ports = [u16::from_be_bytes([s0, s1]), destination];
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let checksum = u16::from_be_bytes([c0, c1]);
        let payload = match length.checked_sub(UDP_HEADER) {
            Some(length) => part.at_most(length),
            None if length == 0 => part,
            None => return Err(Drop::HeaderLength.into()),
        };
        let segment = segment(
            network,
            Transport::UDP,
            ports,
            payload,
            CopyFields::of_checksum(checksum),
        );
        self.opened(Tunnel::of_port(destination), network, payload, segment)
    }

    fn other<'p>(&mut self, network: &Network, transport: Transport, part: Part<'p>) -> Walked<'p> {
        let segment = segment(network, transport, NO_PORTS, part, CopyFields::default());
        let tunnel = Tunnel::of_transport(transport, network.version);
        self.opened(tunnel, network, part, segment)
    }

    /// What a tunnel carries. Where that does not decode, the tunnel's own segment stands, so that nothing hides
    /// behind a header that only looks like a tunnel's.
    #[inline(always)]
    fn opened<'p>(
        &mut self,
        tunnel: Option<Tunnel>,
        network: &Network,
        part: Part<'p>,
        outer: Segment<'p>,
    ) -> Walked<'p> {
        let Some(tunnel) = tunnel else {
            return Ok(outer);
        };
        match self.tunnel(tunnel, part, network.path) {
            Err(stop) if stop.is_loss() => Ok(outer),
            walked => walked,
        }
    }
}

/// TCP, RFC 9293, 3.1. Options may be missing from the capture, the fixed header may not.
#[inline(always)]
fn tcp<'p>(network: &Network, part: Part<'p>) -> Walked<'p> {
    let mut fixed = part;
    let [
        s0,
        s1,
        d0,
        d1,
        q0,
        q1,
        q2,
        q3,
        a0,
        a1,
        a2,
        a3,
        offset,
        flags,
        w0,
        w1,
        c0,
        c1,
        _,
        _,
    ] = fixed.array::<TCP_HEADER>()?;
    let copy = CopyFields {
        checksum: u16::from_be_bytes([c0, c1]),
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        acknowledgement: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
    };
    let ports = [u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])];
    let payload = tcp_payload(part, usize::from(offset >> 4) * 4)?;
    Ok(Segment {
        copy_telling: true,
        tcp: Some(TcpHeader {
            sequence: copy.sequence,
            acknowledgement: if flags & ACK == 0 {
                0
            } else {
                copy.acknowledgement
            },
            flags,
            window: u16::from_be_bytes([w0, w1]),
        }),
        ..segment(network, Transport::TCP, ports, payload, copy)
    })
}

#[inline(always)]
fn tcp_payload(mut part: Part<'_>, header: usize) -> Result<Part<'_>, Drop> {
    if header < TCP_HEADER {
        return Err(Drop::HeaderLength);
    }
    part.skip_uncaptured(header).ok_or(Drop::HeaderLength)?;
    Ok(part)
}

/// ICMP, RFC 792, and ICMPv6, RFC 4443: type, code, checksum, and four bytes that belong to the type.
fn icmp<'p>(network: &Network, transport: Transport, mut part: Part<'p>) -> Walked<'p> {
    let [kind, code] = part.array()?;
    let checksum = part.u16()?;
    let rest = part.wire().min(ICMP_REST);
    part.skip_uncaptured(rest).ok_or(Drop::Short)?;
    let copy = CopyFields::of_checksum(checksum);
    let mut segment = segment(network, transport, NO_PORTS, part, copy);
    segment.icmp = Some((kind, code));
    Ok(segment)
}

/// The common header of SCTP: ports, verification tag, checksum; RFC 9260, 3.1.
fn sctp<'p>(network: &Network, mut part: Part<'p>) -> Walked<'p> {
    let ports = [part.u16()?, part.u16()?];
    let copy = CopyFields {
        acknowledgement: part.u32()?,
        sequence: part.u32()?,
        ..CopyFields::default()
    };
    Ok(segment(network, Transport::SCTP, ports, part, copy))
}

#[inline(always)]
fn segment<'p>(
    network: &Network,
    transport: Transport,
    [source, destination]: [u16; 2],
    payload: Part<'p>,
    copy: CopyFields,
) -> Segment<'p> {
    let payload_bytes = u32::try_from(payload.wire()).unwrap_or(u32::MAX);
    Segment {
        source: endpoint(network.source, source),
        destination: endpoint(network.destination, destination),
        transport,
        tcp: None,
        icmp: None,
        payload: payload.bytes(),
        payload_bytes,
        copy_digest: copy.digest(network.identification, payload_bytes),
        copy_telling: network.identification != 0,
        label: network.path.label,
        fragmented: network.fragmented,
    }
}

const fn endpoint(address: Address, port: u16) -> Endpoint {
    Endpoint { address, port }
}

const NO_PORTS: [u16; 2] = [0, 0];
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const ACK: u8 = 0x10;
/// What follows the checksum of an ICMP header.
const ICMP_REST: usize = 4;
