//! IPv4 and IPv6 with their extension headers and fragments.

use super::address::Address;
use super::fragments::{Fragment, FragmentKey};
use super::header::{FragmentHeader, Ipv4Header, Ipv6Header, skip_authentication, skip_extension};
use super::outcome::Drop;
use super::part::Part;
use super::walk::{Datagram, Path, Stop, Walk, Walked};

/// What a transport needs to know of the IP header in front of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) version: Version,
    pub(super) source: Address,
    pub(super) destination: Address,
    /// The IPv4 identification; 0 in IPv6.
    pub(super) identification: u16,
    pub(super) fragmented: bool,
    pub(super) path: Path,
}

/// The version of an IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

impl Walk<'_> {
    /// An IP header of either version.
    pub(super) fn ip<'p>(&mut self, part: Part<'p>, path: Path) -> Walked<'p> {
        match part.bytes().first().map(|first| first >> 4) {
            Some(4) => self.ipv4(part, path),
            Some(6) => self.ipv6(part, path),
            Some(_) => Err(Drop::IpVersion.into()),
            None => Err(part.shortage(1).into()),
        }
    }

    /// An IPv4 header, RFC 791.
    #[inline(always)]
    pub(super) fn ipv4<'p>(&mut self, part: Part<'p>, path: Path) -> Walked<'p> {
        let header = Ipv4Header::read(&part)?;
        let network = Network {
            version: Version::V4,
            source: header.source,
            destination: header.destination,
            identification: header.identification,
            fragmented: header.fragment.is_part(),
            path,
        };
        let payload = ipv4_payload(&header, part)?;
        if network.fragmented {
            return self.ipv4_fragment(&network, &header, payload);
        }
        self.upper(&network, header.protocol, payload)
    }

    /// An IPv6 header, RFC 8200, 3.
    #[inline(always)]
    pub(super) fn ipv6<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let header = Ipv6Header::take(&mut part)?;
        let network = Network {
            version: Version::V6,
            source: header.source,
            destination: header.destination,
            identification: 0,
            fragmented: false,
            path,
        };
        self.upper(&network, header.next, ipv6_payload(&header, part))
    }

    /// What follows an IP header: extension headers, then a transport.
    #[inline(always)]
    pub(super) fn upper<'p>(
        &mut self,
        network: &Network,
        protocol: u8,
        part: Part<'p>,
    ) -> Walked<'p> {
        if is_extension(network.version, protocol) {
            self.extended(network, protocol, part)
        } else {
            self.transport(network, protocol, part)
        }
    }

    fn extended<'p>(
        &mut self,
        network: &Network,
        mut protocol: u8,
        mut part: Part<'p>,
    ) -> Walked<'p> {
        for _ in 0..MAX_EXTENSIONS {
            protocol = match protocol {
                FRAGMENT => {
                    let header = FragmentHeader::take(&mut part)?;
                    if header.fragment.is_part() {
                        return self.ipv6_fragment(network, &header, part);
                    }
                    header.next
                }
                AUTHENTICATION => skip_authentication(&mut part)?,
                _ => skip_extension(&mut part)?,
            };
            if !is_extension(network.version, protocol) {
                return self.transport(network, protocol, part);
            }
        }
        Err(Drop::TooDeep.into())
    }

    #[cold]
    fn ipv4_fragment<'p>(
        &mut self,
        network: &Network,
        header: &Ipv4Header,
        part: Part<'p>,
    ) -> Walked<'p> {
        let fragment = Fragment {
            key: FragmentKey {
                source: network.source,
                destination: network.destination,
                identification: network.identification.into(),
                protocol: header.protocol,
            },
            protocol: header.protocol,
            offset: header.fragment.at(),
            is_last: header.fragment.is_last,
            part,
        };
        self.fragment(*network, &fragment)
    }

    #[cold]
    fn ipv6_fragment<'p>(
        &mut self,
        network: &Network,
        header: &FragmentHeader,
        part: Part<'p>,
    ) -> Walked<'p> {
        let fragment = Fragment {
            key: FragmentKey {
                source: network.source,
                destination: network.destination,
                identification: header.identification,
                protocol: FRAGMENT,
            },
            protocol: header.next,
            offset: header.fragment.at(),
            is_last: header.fragment.is_last,
            part,
        };
        self.fragment(*network, &fragment)
    }

    fn fragment<'p>(&mut self, mut network: Network, fragment: &Fragment<'p>) -> Walked<'p> {
        network.fragmented = true;
        let Some(fragments) = &mut self.fragments else {
            return Err(Stop::Held);
        };
        Err(match fragments.add(self.now, fragment)? {
            Some(whole) => Stop::Whole(Box::new(Datagram(network, whole))),
            None => Stop::Held,
        })
    }
}

/// What the total length leaves behind the header. A length of 0 is offloaded segmentation: as long as the frame.
#[inline(always)]
fn ipv4_payload<'p>(header: &Ipv4Header, part: Part<'p>) -> Result<Part<'p>, Drop> {
    let mut packet = match header.total_bytes {
        0 => part,
        length => part.with_length(length),
    };
    if packet.wire() < header.header_bytes {
        return Err(Drop::HeaderLength);
    }
    packet.skip(header.header_bytes)?;
    Ok(packet)
}

/// What the payload length leaves behind the header. A length of 0 is a jumbogram (RFC 2675) or offloaded
/// segmentation: as long as the frame, unless there is no next header either.
#[inline(always)]
fn ipv6_payload<'p>(header: &Ipv6Header, packet: Part<'p>) -> Part<'p> {
    match header.payload_bytes {
        0 if header.next != NO_NEXT_HEADER => packet,
        length => packet.with_length(length),
    }
}

#[inline]
fn is_extension(version: Version, protocol: u8) -> bool {
    match protocol {
        AUTHENTICATION => true,
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION => version == Version::V6,
        _ => false,
    }
}

/// Extension headers in a row.
const MAX_EXTENSIONS: usize = 16;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION: u8 = 60;
