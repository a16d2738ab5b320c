//! The straight way: TCP in IPv4 without options, in Ethernet without tags. Nearly all frames are that, and are read
//! without asking at each header what may follow.

use super::address::{Address, Endpoint};
use super::copy::CopyFields;
use super::label::Label;
use super::segment::{Segment, TcpHeader, Transport};
use crate::source::Frame;

/// The segment of such a frame, where its headers were captured; nothing of any other. It is what
/// [`super::Decoder::look`] says of the frame.
#[inline(always)]
pub fn straight<'a>(frame: &Frame<'a>) -> Option<Segment<'a>> {
    if frame.link.0 != ETHERNET {
        return None;
    }
    let (ethernet, packet) = frame.bytes.split_first_chunk()?;
    let (ip, behind) = packet.split_first_chunk()?;
    let ip = Ip::read(ethernet, ip)?;
    let (tcp, _) = behind.split_first_chunk()?;
    let tcp = Tcp::read(tcp)?;
    let payload_bytes = ip.total_bytes.checked_sub(tcp.headers_bytes())?;
    let packet = packet.get(..ip.total_bytes.into()).unwrap_or(packet);
    Some(Segment {
        source: ip.source.at(tcp.source),
        destination: ip.destination.at(tcp.destination),
        transport: Transport::TCP,
        tcp: Some(tcp.header),
        icmp: None,
        payload: packet.get(tcp.headers_bytes().into()..)?,
        payload_bytes: payload_bytes.into(),
        copy_digest: tcp.copy.digest(ip.identification, payload_bytes.into()),
        copy_telling: true,
        label: Label::default(),
        fragmented: false,
    })
}

/// What an IPv4 header of this kind says, RFC 791, 3.1.
struct Ip {
    total_bytes: u16,
    identification: u16,
    source: Address,
    destination: Address,
}

impl Ip {
    #[inline(always)]
    fn read(ethernet: &[u8; 14], header: &[u8; 20]) -> Option<Self> {
        let [.., kind_1, kind_0] = *ethernet;
        let [
            first,
            _,
            t1,
            t0,
            i1,
            i0,
            f1,
            f0,
            _,
            protocol,
            _,
            _,
            ends @ ..,
        ] = *header;
        let [s3, s2, s1, s0, d3, d2, d1, d0] = ends;
        let is_whole = u16::from_be_bytes([f1, f0]) & FRAGMENT == 0;
        let kind = (kind_1, kind_0, first, protocol);
        (kind == IPV4_WITH_TCP && is_whole).then(|| Self {
            total_bytes: u16::from_be_bytes([t1, t0]),
            identification: u16::from_be_bytes([i1, i0]),
            source: Address::v4([s3, s2, s1, s0]),
            destination: Address::v4([d3, d2, d1, d0]),
        })
    }
}

/// What a TCP header says, RFC 9293, 3.1.
struct Tcp {
    source: u16,
    destination: u16,
    words: u8,
    header: TcpHeader,
    copy: CopyFields,
}

impl Tcp {
    #[inline(always)]
    fn read(header: &[u8; 20]) -> Option<Self> {
        let [s1, s0, d1, d0, q3, q2, q1, q0, a3, a2, a1, a0, rest @ ..] = *header;
        let [offset, flags, w1, w0, c1, c0, _, _] = rest;
        let acknowledgement = u32::from_be_bytes([a3, a2, a1, a0]);
        let copy = CopyFields {
            checksum: u16::from_be_bytes([c1, c0]),
            sequence: u32::from_be_bytes([q3, q2, q1, q0]),
            acknowledgement,
            flags,
        };
        (offset >> 4 >= LEAST_WORDS).then(|| Self {
            source: u16::from_be_bytes([s1, s0]),
            destination: u16::from_be_bytes([d1, d0]),
            words: offset >> 4,
            header: TcpHeader {
                sequence: copy.sequence,
                acknowledgement: if flags & ACK == 0 { 0 } else { acknowledgement },
                flags,
                window: u16::from_be_bytes([w1, w0]),
            },
            copy,
        })
    }

    /// The bytes of both headers.
    fn headers_bytes(&self) -> u16 {
        4 * u16::from(LEAST_WORDS + self.words)
    }
}

impl Address {
    #[inline(always)]
    const fn at(self, port: u16) -> Endpoint {
        let address = self;
        Endpoint { address, port }
    }
}

const ETHERNET: u16 = 1;
/// EtherType, version and length of the IPv4 header, and what it carries.
const IPV4_WITH_TCP: (u8, u8, u8, u8) = (0x08, 0x00, 0x45, 6);
/// More fragments, or an offset.
const FRAGMENT: u16 = 0x3fff;
/// A header without options, in words of four bytes, in IPv4 and TCP alike.
const LEAST_WORDS: u8 = 5;
const ACK: u8 = 0x10;
