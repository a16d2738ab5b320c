//! Frames of any kind through the decoder.

use hopscope::decode::{Decoder, FragmentCounts, FragmentLimits, FrameCounts, Outcome};
use hopscope::decode::{Segment, Transport};
use hopscope::proto::cursor::Cursor;
use hopscope::source::{Frame, LinkType};
use hopscope::time::{Span, Timestamp};

/// Decodes frames one after the other, in few datagrams' room; the accounts must close.
///
/// The input: frames with separators between them, each with its link type and the bytes that the capture cut off it
/// (two bytes each) and the seconds since the frame before it (one byte) in front.
pub(super) fn check(input: &[u8]) {
    let mut decoder = Decoder::new(LIMITS);
    let mut counts = FrameCounts::default();
    let mut time = Timestamp::from_nanos(0);
    for part in super::parts(input).take(MOST_FRAMES) {
        let frame = frame(part, time);
        time = frame.time;
        let outcome = decoder.decode(&frame);
        counts.record(&outcome);
        if let Outcome::Segment(segment) = &outcome {
            assert_sane(segment, &frame);
        }
        assert_balanced(&decoder);
    }
    assert!(counts.holds(), "{counts:?}");
    decoder.advance(Timestamp::MAX);
    assert_eq!(decoder.waiting_datagrams(), 0);
}

fn frame(part: &[u8], last: Timestamp) -> Frame<'_> {
    let mut cursor = Cursor::new(part);
    let link = LinkType(cursor.u16().unwrap_or_default());
    let cut = u32::from(cursor.u16().unwrap_or_default());
    let seconds = cursor.u8().unwrap_or_default();
    let bytes = cursor.rest();
    Frame {
        time: last + Span::from_seconds(i64::from(seconds)),
        link,
        bytes,
        wire_bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX) + cut,
    }
}

fn assert_sane(segment: &Segment<'_>, frame: &Frame<'_>) {
    let captured = segment.payload.len();
    let is_tcp = segment.transport == Transport::TCP;
    assert!(captured <= segment.payload_bytes as usize, "{segment:?}");
    assert!(
        segment.fragmented || captured < frame.bytes.len(),
        "{segment:?}"
    );
    assert!(
        segment.payload_bytes <= frame.wire_bytes.max(LONGEST_DATAGRAM),
        "{segment:?}"
    );
    assert_eq!(segment.tcp.is_some(), is_tcp, "{segment:?}");
}

fn assert_balanced(decoder: &Decoder) {
    let counts: &FragmentCounts = decoder.fragment_counts();
    let waiting = decoder.waiting_datagrams() as u64;
    assert!(decoder.waiting_datagrams() <= LIMITS.datagrams);
    assert_eq!(
        counts.begun,
        counts.completed + counts.forgotten() + waiting,
        "{counts:?}"
    );
}

const LIMITS: FragmentLimits = FragmentLimits {
    datagrams: 4,
    bytes: 64 << 10,
    datagram_bytes: 65_535,
    age: Span::from_seconds(30),
};

/// What a length in an IP header can say, whatever the frame's is.
const LONGEST_DATAGRAM: u32 = 65_535;

const MOST_FRAMES: usize = 64;
