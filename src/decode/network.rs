//! IPv4 and IPv6 with their extension headers and fragments.

use super::address::Address;
use super::fragments::{Fragment, FragmentKey};
use super::outcome::Drop;
use super::part::Part;
use super::walk::{Found, Path, Walk, Walked};
use etherparse::err;
use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice,
};

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
    pub(super) fn ipv4<'p>(&mut self, part: Part<'p>, path: Path) -> Walked<'p> {
        let header =
            Ipv4HeaderSlice::from_slice(part.bytes()).map_err(|error| ipv4_drop(&part, &error))?;
        let network = Network {
            version: Version::V4,
            source: Address::v4(header.source()),
            destination: Address::v4(header.destination()),
            identification: header.identification(),
            fragmented: header.is_fragmenting_payload(),
            path,
        };
        let payload = ipv4_payload(&header, part)?;
        if network.fragmented {
            return self.ipv4_fragment(&network, &header, payload);
        }
        self.upper(&network, header.protocol().0, payload)
    }

    /// An IPv6 header, RFC 8200, 3.
    pub(super) fn ipv6<'p>(&mut self, part: Part<'p>, path: Path) -> Walked<'p> {
        let header =
            Ipv6HeaderSlice::from_slice(part.bytes()).map_err(|error| ipv6_drop(&part, &error))?;
        let network = Network {
            version: Version::V6,
            source: Address::v6(header.source()),
            destination: Address::v6(header.destination()),
            identification: 0,
            fragmented: false,
            path,
        };
        let payload = ipv6_payload(&header, part)?;
        self.upper(&network, header.next_header().0, payload)
    }

    /// What follows an IP header: extension headers, then a transport.
    pub(super) fn upper<'p>(
        &mut self,
        network: &Network,
        mut protocol: u8,
        mut part: Part<'p>,
    ) -> Walked<'p> {
        for _ in 0..=MAX_EXTENSIONS {
            if !is_extension(network.version, protocol) {
                return self.transport(network, protocol, part);
            }
            if protocol == FRAGMENT {
                let header = fragment_header(&part)?;
                part.skip(header.slice().len())?;
                if header.is_fragmenting_payload() {
                    return self.ipv6_fragment(network, &header, part);
                }
                protocol = header.next_header().0;
            } else {
                protocol = skip_extension(protocol, &mut part)?;
            }
        }
        Err(Drop::TooDeep.into())
    }

    #[cold]
    fn ipv4_fragment<'p>(
        &mut self,
        network: &Network,
        header: &Ipv4HeaderSlice<'p>,
        part: Part<'p>,
    ) -> Walked<'p> {
        let protocol = header.protocol().0;
        let fragment = Fragment {
            key: FragmentKey {
                source: network.source,
                destination: network.destination,
                identification: network.identification.into(),
                protocol,
            },
            protocol,
            offset: usize::from(header.fragments_offset().value()) * FRAGMENT_UNIT,
            is_last: !header.more_fragments(),
            part,
        };
        self.fragment(*network, &fragment)
    }

    #[cold]
    fn ipv6_fragment<'p>(
        &mut self,
        network: &Network,
        header: &Ipv6FragmentHeaderSlice<'p>,
        part: Part<'p>,
    ) -> Walked<'p> {
        let fragment = Fragment {
            key: FragmentKey {
                source: network.source,
                destination: network.destination,
                identification: header.identification(),
                protocol: FRAGMENT,
            },
            protocol: header.next_header().0,
            offset: usize::from(header.fragment_offset().value()) * FRAGMENT_UNIT,
            is_last: !header.more_fragments(),
            part,
        };
        self.fragment(*network, &fragment)
    }

    fn fragment<'p>(&mut self, mut network: Network, fragment: &Fragment<'p>) -> Walked<'p> {
        network.fragmented = true;
        Ok(match self.fragments.add(self.now, fragment)? {
            Some(whole) => Found::Whole(network, whole),
            None => Found::Held,
        })
    }
}

/// What the total length leaves behind the header. A length of 0 is offloaded segmentation: as long as the frame.
fn ipv4_payload<'p>(header: &Ipv4HeaderSlice<'p>, part: Part<'p>) -> Result<Part<'p>, Drop> {
    let mut packet = match header.total_len() {
        0 => part,
        length => part.with_length(length.into()),
    };
    if packet.wire() < header.slice().len() {
        return Err(Drop::HeaderLength);
    }
    packet.skip(header.slice().len())?;
    Ok(packet)
}

/// What the payload length leaves behind the header. A length of 0 is a jumbogram (RFC 2675) or offloaded
/// segmentation: as long as the frame, unless there is no next header either.
fn ipv6_payload<'p>(header: &Ipv6HeaderSlice<'p>, part: Part<'p>) -> Result<Part<'p>, Drop> {
    let mut packet = part;
    packet.skip(header.slice().len())?;
    Ok(match header.payload_length() {
        0 if header.next_header().0 != NO_NEXT_HEADER => packet,
        length => packet.with_length(length.into()),
    })
}

fn is_extension(version: Version, protocol: u8) -> bool {
    match protocol {
        AUTHENTICATION => true,
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION => version == Version::V6,
        _ => false,
    }
}

/// Takes off an extension header that is no fragment header and gives the protocol behind it.
fn skip_extension(protocol: u8, part: &mut Part<'_>) -> Result<u8, Drop> {
    let bytes = part.bytes();
    let (next, length) = if protocol == AUTHENTICATION {
        let header = IpAuthHeaderSlice::from_slice(bytes)
            .map_err(|error| authentication_drop(part, &error))?;
        (header.next_header(), header.slice().len())
    } else {
        let header = Ipv6RawExtHeaderSlice::from_slice(bytes)
            .map_err(|error| part.shortage(error.required_len))?;
        (header.next_header(), header.slice().len())
    };
    part.skip(length)?;
    Ok(next.0)
}

fn fragment_header<'p>(part: &Part<'p>) -> Result<Ipv6FragmentHeaderSlice<'p>, Drop> {
    Ipv6FragmentHeaderSlice::from_slice(part.bytes())
        .map_err(|error| part.shortage(error.required_len))
}

#[cold]
fn ipv4_drop(part: &Part<'_>, error: &err::ipv4::HeaderSliceError) -> Drop {
    use err::ipv4::{HeaderError, HeaderSliceError};
    match error {
        HeaderSliceError::Len(error) => part.shortage(error.required_len),
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { .. }) => Drop::IpVersion,
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. }) => {
            Drop::HeaderLength
        }
    }
}

#[cold]
fn ipv6_drop(part: &Part<'_>, error: &err::ipv6::HeaderSliceError) -> Drop {
    match error {
        err::ipv6::HeaderSliceError::Len(error) => part.shortage(error.required_len),
        err::ipv6::HeaderSliceError::Content(_) => Drop::IpVersion,
    }
}

#[cold]
fn authentication_drop(part: &Part<'_>, error: &err::ip_auth::HeaderSliceError) -> Drop {
    match error {
        err::ip_auth::HeaderSliceError::Len(error) => part.shortage(error.required_len),
        err::ip_auth::HeaderSliceError::Content(_) => Drop::HeaderLength,
    }
}

/// Extension headers in a row.
const MAX_EXTENSIONS: usize = 16;

/// Fragment offsets count in units of eight bytes.
const FRAGMENT_UNIT: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION: u8 = 60;
