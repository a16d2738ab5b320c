//! Packets as a section of pcapng, each with a comment.
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>

use crate::exhibit::Packet;
use crate::source::LinkType;

/// A whole section with these packets. Sections stand one behind the other in a file.
pub fn section(packets: &[Packet], comment: &str) -> Vec<u8> {
    let mut links: Vec<LinkType> = packets.iter().map(|packet| packet.link).collect();
    links.sort_unstable();
    links.dedup();
    let mut bytes = header();
    for link in &links {
        bytes.extend(interface(*link));
    }
    for packet in packets {
        let place = links.binary_search(&packet.link).unwrap_or_default();
        bytes.extend(enhanced(packet, place, comment));
    }
    bytes
}

/// How many bytes a packet needs in a section.
pub fn packet_bytes(packet: &Packet, comment: &str) -> usize {
    enhanced(packet, 0, comment).len()
}

fn header() -> Vec<u8> {
    let version: [u16; 2] = [1, 0];
    let mut body = MAGIC.to_le_bytes().to_vec();
    version
        .iter()
        .for_each(|number| body.extend(number.to_le_bytes()));
    body.extend(LENGTH_NOT_GIVEN.to_le_bytes());
    body.extend(option(USER_APPLICATION, WRITER.as_bytes()));
    body.extend(END_OF_OPTIONS);
    block(SECTION, &body)
}

fn interface(link: LinkType) -> Vec<u8> {
    let mut body = Vec::new();
    [link.0, 0]
        .iter()
        .for_each(|number| body.extend(number.to_le_bytes()));
    body.extend(NO_SNAPLEN.to_le_bytes());
    body.extend(option(RESOLUTION, &[NANOSECONDS]));
    body.extend(END_OF_OPTIONS);
    block(INTERFACE, &body)
}

fn enhanced(packet: &Packet, interface: usize, comment: &str) -> Vec<u8> {
    let nanos = packet.time.nanos().max(0).cast_unsigned();
    let numbers = [
        u32::try_from(interface).unwrap_or_default(),
        u32::try_from(nanos >> 32).unwrap_or_default(),
        u32::try_from(nanos & u64::from(u32::MAX)).unwrap_or_default(),
        u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX),
        packet.wire_bytes,
    ];
    let mut body = Vec::new();
    numbers
        .iter()
        .for_each(|number| body.extend(number.to_le_bytes()));
    body.extend(padded(&packet.bytes));
    body.extend(option(COMMENT, comment.as_bytes()));
    body.extend(END_OF_OPTIONS);
    block(ENHANCED_PACKET, &body)
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12)
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &length].concat()
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let head = [code.to_le_bytes(), length.to_le_bytes()].concat();
    [head, padded(value)].concat()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const MAGIC: u32 = 0x1A2B_3C4D;
const LENGTH_NOT_GIVEN: u64 = u64::MAX;
const NO_SNAPLEN: u32 = 0;
const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const RESOLUTION: u16 = 9;
const NANOSECONDS: u8 = 9;
const END_OF_OPTIONS: [u8; 4] = [0; 4];
const WRITER: &str = concat!("hopscope ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::samples::packets;
    use crate::source::samples::Scratch;
    use crate::source::{Captures, Inputs};
    use crate::time::Timestamp;

    #[test]
    fn sections_are_read_as_they_were_written() {
        let mut first = packets(1, 3, 61);
        first[1].link = LinkType(113);
        first[2].bytes = Box::new([]);
        let second = packets(4, 1, 64);
        let file = [section(&first, "one"), section(&second, "two \u{e4}")].concat();
        let scratch = Scratch::new("pcapng");
        let capture = scratch.file("a.pcapng", &file);
        let mut captures = Captures::open(Inputs::collect(&[capture]).unwrap()).unwrap();
        let mut read = Vec::new();
        while let Some(frame) = captures.next_frame().unwrap() {
            assert_eq!(
                frame.time,
                Timestamp::from_parts(1_700_000_000, 123_456_789)
            );
            assert_eq!(frame.wire_bytes, 1_500);
            read.push((frame.link.0, frame.bytes.to_vec()));
        }
        let written = first.iter().chain(&second);
        let written: Vec<_> = written
            .map(|packet| (packet.link.0, packet.bytes.to_vec()))
            .collect();
        assert_eq!(read, written);
        assert!(captures.account().cuts.first().is_empty());
    }

    #[test]
    fn each_packet_has_its_comment_and_takes_what_is_said() {
        let packets = packets(1, 3, 61);
        let section = section(&packets, "finding 12");
        let comments = section.windows(10).filter(|bytes| bytes == b"finding 12");
        assert_eq!(comments.count(), 3);
        let each = packet_bytes(&packets[0], "finding 12");
        let rest = super::section(&packets[..2], "finding 12").len();
        assert_eq!(section.len() - rest, each);
    }
}
