//! The pcapng format: draft-ietf-opsawg-pcapng.

use super::LinkType;
use super::account::{Damage, Loss};
use super::fields::{ByteOrder, Fields};
use super::file::{Record, Step};
use super::foreign::Content;
use super::ticks::Clock;
use super::window::Window;
use crate::time::Timestamp;

/// The section that a pcapng file stands in.
#[derive(Clone, Debug)]
pub(super) struct Pcapng {
    order: ByteOrder,
    /// Whether the section is of a version that this module knows.
    readable: bool,
    interfaces: Vec<Option<Interface>>,
    /// The time of the last frame, for those that have none.
    last: Timestamp,
}

/// What an Interface Description Block says.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snaplen: usize,
    clock: Clock,
}

/// A block's type and its length, rounded up to the four bytes that blocks are aligned to.
struct BlockHeader {
    kind: u32,
    claimed: usize,
    bytes: usize,
}

impl Pcapng {
    /// Whether a file that starts with these bytes calls itself pcapng.
    pub(super) fn recognise(bytes: &[u8]) -> bool {
        bytes.starts_with(&SECTION_HEADER.to_be_bytes())
    }

    /// Reads the first section header.
    pub(super) fn open(window: &mut Window) -> Result<Self, Content> {
        let mut file = Self {
            order: ByteOrder::Little,
            readable: false,
            interfaces: Vec::new(),
            last: Timestamp::default(),
        };
        match file.next(window) {
            Step::Over { bytes, loss: None } => window.consume(bytes),
            Step::Dry => return Err(Content::CutHeader),
            _ => return Err(Content::OddVersion),
        }
        Ok(file)
    }

    /// Finds the block at the start of the window.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window) -> Step {
        if !window.hold(SHORTEST_BLOCK) {
            return Step::Dry;
        }
        let Some(header) = self.read_header(window.unread()) else {
            return Step::Stop(Damage::ByteOrder);
        };
        if !(SHORTEST_BLOCK..=LONGEST_BLOCK).contains(&header.claimed) {
            return Step::Stop(Damage::Length(header.claimed as u64));
        }
        if !window.hold(header.bytes) {
            return Step::Dry;
        }
        self.read_block(&header, window.unread())
    }

    /// Reads type and length; a section header sets the byte order first, for it stands in the new one.
    #[inline]
    fn read_header(&mut self, bytes: &[u8]) -> Option<BlockHeader> {
        let kind = Fields::new(bytes, self.order).u32()?;
        if kind == SECTION_HEADER {
            self.order = section_order(bytes)?;
        }
        let mut fields = Fields::new(bytes, self.order);
        let kind = fields.u32()?;
        let claimed = fields.length()?;
        Some(BlockHeader {
            kind,
            claimed,
            bytes: claimed.checked_next_multiple_of(4)?,
        })
    }

    /// Reads a block. One whose two lengths differ counts as malformed, yet what it says of the section holds, lest
    /// packets be taken for another interface's.
    #[inline]
    fn read_block(&mut self, header: &BlockHeader, bytes: &[u8]) -> Step {
        let Some((body, end)) = split_block(bytes, header.bytes) else {
            return Step::Dry;
        };
        let outcome = self.read_body(header.kind, body);
        match outcome {
            _ if Fields::new(end, self.order).length() != Some(header.claimed) => {
                Step::over(header.bytes, Some(Loss::MalformedBlock))
            }
            Ok(Some(record)) => {
                self.last = record.time;
                let bytes = header.bytes;
                Step::Frame { record, bytes }
            }
            Ok(None) => Step::over(header.bytes, None),
            Err(loss) => Step::over(header.bytes, Some(loss)),
        }
    }

    #[inline]
    fn read_body(&mut self, kind: u32, body: &[u8]) -> Result<Option<Record>, Loss> {
        match kind {
            SECTION_HEADER => self.section(body).map(|()| None),
            _ if !self.readable => Err(Loss::UnknownVersion),
            ENHANCED_PACKET => self.enhanced_packet(body).map(Some),
            INTERFACE_DESCRIPTION => self.interface(body).map(|()| None),
            SIMPLE_PACKET => self.simple_packet(body).map(Some),
            OBSOLETE_PACKET => self.obsolete_packet(body).map(Some),
            _ => Ok(None),
        }
    }

    fn section(&mut self, body: &[u8]) -> Result<(), Loss> {
        self.interfaces.clear();
        let major = Fields::new(body.get(4..).unwrap_or_default(), self.order).u16();
        self.readable = major == Some(MAJOR_VERSION);
        self.readable.then_some(()).ok_or(Loss::UnknownVersion)
    }

    /// Takes the next place among the interfaces, which one that cannot be read holds too, for packets count them.
    fn interface(&mut self, body: &[u8]) -> Result<(), Loss> {
        let interface = Interface::read(body, self.order);
        if self.interfaces.len() < MOST_INTERFACES {
            self.interfaces.push(interface);
        }
        interface.map(|_| ()).ok_or(Loss::MalformedBlock)
    }

    #[inline]
    fn enhanced_packet(&self, body: &[u8]) -> Result<Record, Loss> {
        let mut fields = Fields::new(body, self.order);
        let interface = fields.length().ok_or(Loss::MalformedBlock)?;
        self.timed_packet(interface, fields, body)
    }

    fn obsolete_packet(&self, body: &[u8]) -> Result<Record, Loss> {
        let mut fields = Fields::new(body, self.order);
        let interface = fields.u16().ok_or(Loss::MalformedBlock)?;
        let _drops = fields.u16();
        self.timed_packet(usize::from(interface), fields, body)
    }

    /// What the Enhanced and the obsolete Packet Block have in common behind the interface.
    #[inline]
    fn timed_packet(
        &self,
        interface: usize,
        fields: Fields<'_>,
        body: &[u8],
    ) -> Result<Record, Loss> {
        let packet = TimedPacket::read(fields, body).ok_or(Loss::MalformedBlock)?;
        let interface = self.described(interface)?;
        Ok(Record {
            time: interface.clock.moment(packet.ticks),
            link: interface.link,
            wire_bytes: packet.wire_bytes,
            frame_at: BLOCK_HEADER_BYTES.saturating_add(TIMED_PACKET_BYTES),
            frame_bytes: packet.frame_bytes,
            place: 0,
        })
    }

    /// A packet of the first interface, without a time: it takes that of the frame before it.
    fn simple_packet(&self, body: &[u8]) -> Result<Record, Loss> {
        let wire_bytes = Fields::new(body, self.order)
            .u32()
            .ok_or(Loss::MalformedBlock)?;
        let interface = self.described(0)?;
        let there = body.len().saturating_sub(SIMPLE_PACKET_BYTES);
        let frame_bytes = usize::try_from(wire_bytes).map_or(there, |wire| wire.min(there));
        Ok(Record {
            time: self.last,
            link: interface.link,
            wire_bytes,
            frame_at: BLOCK_HEADER_BYTES.saturating_add(SIMPLE_PACKET_BYTES),
            frame_bytes: frame_bytes.min(interface.snaplen),
            place: 0,
        })
    }

    #[inline]
    fn described(&self, interface: usize) -> Result<&Interface, Loss> {
        let place = self.interfaces.get(interface).and_then(Option::as_ref);
        place.ok_or(Loss::UndescribedInterface)
    }
}

impl Interface {
    fn read(body: &[u8], order: ByteOrder) -> Option<Self> {
        let mut fields = Fields::new(body, order);
        let link = LinkType(fields.u16()?);
        let _reserved = fields.u16()?;
        let snaplen = fields.length()?;
        Some(Self {
            link,
            snaplen: if snaplen == 0 { LONGEST_BLOCK } else { snaplen },
            clock: read_clock(fields, order),
        })
    }
}

/// The fields of a packet block that knows its time.
struct TimedPacket {
    ticks: u64,
    frame_bytes: usize,
    wire_bytes: u32,
}

impl TimedPacket {
    #[inline]
    fn read(mut fields: Fields<'_>, body: &[u8]) -> Option<Self> {
        let high = u64::from(fields.u32()?);
        let low = u64::from(fields.u32()?);
        let frame_bytes = fields.length()?;
        let wire_bytes = fields.u32()?;
        let fits = frame_bytes <= body.len().saturating_sub(TIMED_PACKET_BYTES);
        fits.then_some(Self {
            ticks: high << 32 | low,
            frame_bytes,
            wire_bytes,
        })
    }
}

/// Splits a block of `length` bytes into its body and the length at its end.
#[inline]
fn split_block(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let block = bytes.get(BLOCK_HEADER_BYTES..length)?;
    block.split_at_checked(block.len().checked_sub(BLOCK_TRAILER_BYTES)?)
}

/// The byte order that a section header's magic number stands in.
fn section_order(bytes: &[u8]) -> Option<ByteOrder> {
    let magic: [u8; 4] = *bytes.get(BLOCK_HEADER_BYTES..)?.first_chunk()?;
    match (u32::from_be_bytes(magic), u32::from_le_bytes(magic)) {
        (BYTE_ORDER_MAGIC, _) => Some(ByteOrder::Big),
        (_, BYTE_ORDER_MAGIC) => Some(ByteOrder::Little),
        _ => None,
    }
}

/// The clock that an interface's options describe; options that do not fit end the list.
fn read_clock(mut options: Fields<'_>, order: ByteOrder) -> Clock {
    let mut clock = Clock::default();
    while let Some((code, value)) = next_option(&mut options) {
        match (code, value) {
            (TIMESTAMP_RESOLUTION, &[octet]) => clock.set_resolution(octet),
            (TIMESTAMP_OFFSET, value) => {
                if let Some(seconds) = Fields::new(value, order).i64() {
                    clock.set_offset(seconds);
                }
            }
            _ => {}
        }
    }
    clock
}

fn next_option<'a>(options: &mut Fields<'a>) -> Option<(u16, &'a [u8])> {
    let code = options.u16().filter(|&code| code != END_OF_OPTIONS)?;
    let length = usize::from(options.u16()?);
    let value = options.take(length)?;
    let _padding = options.take(length.next_multiple_of(4).saturating_sub(length));
    Some((code, value))
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const MAJOR_VERSION: u16 = 1;

const END_OF_OPTIONS: u16 = 0;
const TIMESTAMP_RESOLUTION: u16 = 9;
const TIMESTAMP_OFFSET: u16 = 14;

const BLOCK_HEADER_BYTES: usize = 8;
const BLOCK_TRAILER_BYTES: usize = 4;
const SHORTEST_BLOCK: usize = 12;
/// What Wireshark takes for the longest block.
const LONGEST_BLOCK: usize = 16 * 1024 * 1024;

/// Bytes of a block's body in front of the frame.
const TIMED_PACKET_BYTES: usize = 20;
const SIMPLE_PACKET_BYTES: usize = 4;

/// Bounds the memory that a hostile section can claim.
const MOST_INTERFACES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::tests::{Read, read};
    use crate::source::samples::PcapngFile;

    const ORDERS: [ByteOrder; 2] = [ByteOrder::Big, ByteOrder::Little];

    #[test]
    fn reads_every_kind_of_packet_block() {
        for order in ORDERS {
            let file = PcapngFile::new(order)
                .interface(1, 4, &[])
                .interface(113, 0, &[(9, &[9])])
                .enhanced(0, 7, b"first", 60)
                .obsolete(1, (3 << 32) | 8, b"2nd", 3)
                .simple(b"thir\0\0\0", 7);
            let Read { frames, account } = read(&file.bytes).unwrap();
            let second = (3 << 32) | 8;
            let expected = [
                (7_000, 1, b"first".to_vec(), 60),
                (second, 113, b"2nd".to_vec(), 3),
                (second, 1, b"thir".to_vec(), 7),
            ];
            assert_eq!(frames, expected, "{order:?}");
            assert_eq!(account.losses, [0, 0, 0]);
        }
    }

    #[test]
    fn sections_may_differ_in_byte_order_and_interfaces() {
        let file = PcapngFile::new(ByteOrder::Big)
            .interface(1, 0, &[(9, &[3])])
            .enhanced(0, 1, b"a", 1)
            .section(ByteOrder::Little)
            .enhanced(0, 2, b"lost", 4)
            .interface(
                101,
                0,
                &[
                    (2, b"eth0"),
                    (9, &[0x8a]),
                    (14, &5_i64.to_le_bytes()),
                    (0, b""),
                ],
            )
            .enhanced(0, 512, b"b", 1);
        let Read { frames, account } = read(&file.bytes).unwrap();
        assert_eq!(
            frames,
            [
                (1_000_000, 1, b"a".to_vec(), 1),
                (5_500_000_000, 101, b"b".to_vec(), 1)
            ]
        );
        assert_eq!(account.lost(Loss::UndescribedInterface), 1);
    }

    #[test]
    fn unknown_blocks_are_stepped_over_and_malformed_ones_counted() {
        let beyond = 200_u32.to_le_bytes();
        let start = || PcapngFile::new(ByteOrder::Little).interface(1, 0, &[]);
        let mut torn = start();
        let end = torn.bytes.len();
        torn.bytes[end - 1] = 1;
        let cases = [
            ("unknown", start().block(0xbad, b"whatever"), [0, 0, 0]),
            (
                "shorter than its fields",
                start().block(6, b"\0\0\0\0"),
                [0, 1, 0],
            ),
            (
                "frame longer than the block",
                start().block(6, &[&[0; 12][..], &beyond, &beyond].concat()),
                [0, 1, 0],
            ),
            (
                "interface without a link type",
                start().block(1, b""),
                [0, 1, 0],
            ),
            (
                "option longer than the block",
                start()
                    .interface(1, 0, &[])
                    .block(1, b"\x01\0\0\0\0\0\0\0\x09\0\xff\0"),
                [0, 0, 0],
            ),
            (
                "simple packet without a length",
                start().block(3, b""),
                [0, 1, 0],
            ),
            (
                "section of another version",
                start().block(SECTION_HEADER, b"\x4d\x3c\x2b\x1a\x07\0\0\0"),
                [0, 0, 2],
            ),
            ("two lengths that differ", torn, [0, 1, 0]),
        ];
        for (name, file, losses) in cases {
            let file = file.enhanced(0, 1, b"after", 5);
            let Read { frames, account } = read(&file.bytes).unwrap();
            assert_eq!(account.losses, losses, "{name}");
            let lost = losses[0] > 0 || losses[2] > 0;
            assert_eq!(frames.len(), usize::from(!lost), "{name}");
            assert_eq!(account.cuts.count(), 0, "{name}");
        }
    }

    #[test]
    fn damage_that_hides_the_next_block_ends_the_capture() {
        let cases = [
            (5, 8_u32, Damage::Length(8)),
            (5, 0xffff_fff0, Damage::Length(0xffff_fff0)),
            (5, 4_096, Damage::Tail),
            (SECTION_HEADER, 28, Damage::ByteOrder),
        ];
        for (kind, length, damage) in cases {
            let mut bytes = PcapngFile::new(ByteOrder::Little)
                .interface(1, 0, &[])
                .enhanced(0, 1, b"kept", 4)
                .bytes;
            let offset = bytes.len() as u64;
            bytes.extend([kind.to_le_bytes(), length.to_le_bytes(), [0; 4]].concat());
            let account = read(&bytes).unwrap().account;
            let cut = &account.cuts.first()[0];
            assert_eq!((cut.frames, cut.offset, &cut.damage), (1, offset, &damage));
        }
    }

    #[test]
    fn every_cut_keeps_the_frames_before_it() {
        let file = PcapngFile::new(ByteOrder::Little);
        let header = file.bytes.len();
        let file = file.interface(1, 0, &[]);
        let mut ends = vec![header, file.bytes.len()];
        let file = file.enhanced(0, 1, b"one", 3);
        ends.push(file.bytes.len());
        let file = file.simple(b"three", 5);
        ends.push(file.bytes.len());
        for length in 0..=file.bytes.len() {
            let blocks = ends.iter().filter(|&&end| end <= length).count() as u64;
            match read(&file.bytes[..length]) {
                Err(_) => assert!(length < header, "{length}"),
                Ok(Read { account, .. }) => {
                    assert_eq!(account.frames, blocks.saturating_sub(2), "{length}");
                    assert_eq!(
                        account.cuts.count(),
                        u64::from(!ends.contains(&length)),
                        "{length}"
                    );
                }
            }
        }
    }
}
