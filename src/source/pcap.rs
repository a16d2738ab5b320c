//! The pcap format: draft-ietf-opsawg-pcap.

use super::LinkType;
use super::account::Damage;
use super::fields::{ByteOrder, Fields};
use super::file::{Record, Step};
use super::foreign::Content;
use super::window::Window;
use crate::time::Timestamp;

/// How the records of a pcap file are to be read.
#[derive(Clone, Debug)]
pub(super) struct Pcap {
    variant: Variant,
    minor_version: u16,
    link: LinkType,
    longest_frame: usize,
}

/// What the magic number of a pcap file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    order: ByteOrder,
    nanos_per_tick: i64,
    record_header_bytes: usize,
}

impl Variant {
    /// The variant that starts with these bytes.
    pub(super) fn recognise(bytes: &[u8]) -> Option<Self> {
        let magic = *bytes.first_chunk()?;
        Self::of(ByteOrder::Big, u32::from_be_bytes(magic))
            .or_else(|| Self::of(ByteOrder::Little, u32::from_le_bytes(magic)))
    }

    fn of(order: ByteOrder, magic: u32) -> Option<Self> {
        let (_, nanos_per_tick, record_header_bytes) =
            *MAGICS.iter().find(|(known, ..)| *known == magic)?;
        Some(Self {
            order,
            nanos_per_tick,
            record_header_bytes,
        })
    }
}

impl Pcap {
    /// Reads the file header.
    pub(super) fn open(variant: Variant, window: &mut Window) -> Result<Self, Content> {
        if !window.hold(FILE_HEADER_BYTES) {
            return Err(Content::CutHeader);
        }
        let header = Self::read_header(variant, window.unread()).ok_or(Content::OddVersion)?;
        window.consume(FILE_HEADER_BYTES);
        Ok(header)
    }

    fn read_header(variant: Variant, bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes, variant.order);
        let _magic = fields.u32()?;
        let major = fields.u16()?;
        let minor_version = fields.u16()?;
        let _zone_and_accuracy = fields.take(8)?;
        let snaplen = fields.length()?;
        let network = fields.u32()?;
        (major == MAJOR_VERSION).then(|| Self {
            variant,
            minor_version,
            link: link_type(network),
            longest_frame: snaplen.clamp(USUAL_LONGEST_FRAME, LONGEST_FRAME),
        })
    }

    /// Finds the record at the start of the window.
    #[inline(always)]
    pub(super) fn next(&self, window: &mut Window) -> Step {
        if !window.hold(self.variant.record_header_bytes) {
            return Step::Dry;
        }
        let Some(record) = self.read_record(window.unread()) else {
            return Step::Dry;
        };
        if record.frame_bytes > self.longest_frame {
            return Step::Stop(Damage::Length(record.frame_bytes as u64));
        }
        let bytes = record.frame_at.saturating_add(record.frame_bytes);
        if !window.hold(bytes) {
            return Step::Dry;
        }
        Step::Frame { record, bytes }
    }

    #[inline]
    fn read_record(&self, bytes: &[u8]) -> Option<Record> {
        let [seconds, ticks, first, second] = self.variant.order.numbers(bytes.first_chunk()?);
        let (captured, wire_bytes) = self.put_in_order(first, second);
        let frame_bytes = usize::try_from(captured).ok()?;
        // Neither product nor sum of two 32-bit numbers leaves 63 bits here.
        let nanos = i64::from(ticks) * self.variant.nanos_per_tick;
        Some(Record {
            time: Timestamp::from_nanos(i64::from(seconds) * NANOS_PER_SECOND + nanos),
            link: self.link,
            wire_bytes,
            frame_at: self.variant.record_header_bytes,
            frame_bytes,
            place: 0,
        })
    }

    /// The captured length and that on the wire, which versions before 2.3 wrote the other way round and 2.3 in
    /// either.
    #[inline]
    fn put_in_order(&self, first: u32, second: u32) -> (u32, u32) {
        match self.minor_version {
            0..=2 => (second, first),
            3 if first > second => (second, first),
            _ => (first, second),
        }
    }
}

/// The link type of a file header's last field; its upper half says other things.
fn link_type(network: u32) -> LinkType {
    let [.., high, low] = network.to_be_bytes();
    LinkType(u16::from_be_bytes([high, low]))
}

/// Magic number, nanoseconds in a tick, bytes of a record header. The last is that of the patched libpcap of
/// Linux 2.0 times, whose longer header still turns up.
const MAGICS: [(u32, i64, usize); 3] = [
    (0xa1b2_c3d4, 1_000, 16),
    (0xa1b2_3c4d, 1, 16),
    (0xa1b2_cd34, 1_000, 24),
];

const MAJOR_VERSION: u16 = 2;

const FILE_HEADER_BYTES: usize = 24;

/// What libpcap takes for the longest frame. Files that announce less hold longer ones all the same.
const USUAL_LONGEST_FRAME: usize = 256 * 1024;

const LONGEST_FRAME: usize = 16 * 1024 * 1024;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::tests::{Read, read};
    use crate::source::samples::PcapFile;

    #[test]
    fn reads_every_variant() {
        let cases = [
            (0xa1b2_c3d4, ByteOrder::Big, 1_700_000_000_000_005_000),
            (0xa1b2_c3d4, ByteOrder::Little, 1_700_000_000_000_005_000),
            (0xa1b2_3c4d, ByteOrder::Big, 1_700_000_000_000_000_005),
            (0xa1b2_3c4d, ByteOrder::Little, 1_700_000_000_000_000_005),
            (0xa1b2_cd34, ByteOrder::Big, 1_700_000_000_000_005_000),
            (0xa1b2_cd34, ByteOrder::Little, 1_700_000_000_000_005_000),
        ];
        for (magic, order, nanos) in cases {
            let file = PcapFile::new(magic, order, 1)
                .record(1_700_000_000, 5, b"frame", 60)
                .record(0, 0, b"", 0);
            let Read { frames, account } = read(&file.bytes).unwrap();
            assert_eq!(account.frames, 2, "{magic:x} {order:?}");
            assert_eq!(
                frames[0],
                (nanos, 1, b"frame".to_vec(), 60),
                "{magic:x} {order:?}"
            );
        }
    }

    #[test]
    fn every_cut_keeps_the_records_before_it() {
        let file = PcapFile::usual()
            .record(1, 0, b"one", 3)
            .record(2, 0, b"two!", 4);
        let ends = [24, 24 + 16 + 3, file.bytes.len()];
        for length in 0..=file.bytes.len() {
            let bytes = &file.bytes[..length];
            let kept = ends.iter().filter(|&&end| end <= length).count() as u64;
            match read(bytes) {
                Err(_) => assert_eq!(kept, 0, "{length}"),
                Ok(read) => {
                    assert_eq!(read.account.frames + 1, kept, "{length}");
                    assert_eq!(
                        read.account.cuts.count(),
                        u64::from(!ends.contains(&length)),
                        "{length}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_impossible_length_ends_the_capture() {
        let cases = [
            (0, 262_145, true),
            (0, 262_144, false),
            (300_000, 262_145, false),
            (u32::MAX, 1 << 25, true),
        ];
        for (snaplen, length, stops) in cases {
            let mut file = PcapFile::usual().record(1, 0, b"one", 3).snaplen(snaplen);
            let offset = file.bytes.len() as u64;
            file.push_u32s(&[0, 0, length, length]);
            let damage = if stops {
                Damage::Length(u64::from(length))
            } else {
                Damage::Tail
            };
            let account = read(&file.bytes).unwrap().account;
            let cut = &account.cuts.first()[0];
            assert_eq!(
                (cut.frames, cut.offset, &cut.damage),
                (1, offset, &damage),
                "{snaplen} {length}"
            );
        }
    }

    #[test]
    fn the_wire_length_is_never_below_the_captured() {
        let file = PcapFile::usual().record(1, 0, b"frame", 2);
        assert_eq!(read(&file.bytes).unwrap().frames[0].3, 5);
    }

    #[test]
    fn old_versions_have_the_lengths_the_other_way_round() {
        let cases = [(0, 9, 5), (2, 9, 5), (3, 9, 5), (3, 5, 9), (4, 5, 9)];
        for (minor, first, second) in cases {
            let mut file = PcapFile::usual().record(1, 0, b"frame", 0);
            file.bytes[6] = minor;
            file.bytes[32] = first;
            file.bytes[36] = second;
            let expected = (1_000_000_000, 1, b"frame".to_vec(), 9);
            assert_eq!(read(&file.bytes).unwrap().frames, [expected], "2.{minor}");
        }
    }

    #[test]
    fn the_upper_half_of_the_network_field_is_not_the_link_type() {
        let file = PcapFile::new(0xa1b2_c3d4, ByteOrder::Little, 0x5400_0071).record(1, 0, b"", 0);
        assert_eq!(read(&file.bytes).unwrap().frames[0].1, 0x71);
    }
}
