//! Whole frames through the decoder.

mod frames;

use super::*;
use crate::source::LinkType;
use frames::{
    ETHERNET, HELLO, RAW, behind, ethernet, four, four_fragments, good_frames, gre, ip_of, llc,
    six, six_fragments, six_header, six_with, udp,
};

fn frame(link: u16, bytes: &[u8]) -> Frame<'_> {
    Frame {
        time: Timestamp::from_nanos(0),
        link: LinkType(link),
        bytes,
        wire_bytes: u32::try_from(bytes.len()).unwrap(),
    }
}

fn decoder() -> Decoder {
    Decoder::new(FragmentLimits::default())
}

/// Decodes one frame on its own and hands the segment to `look`.
fn segment<T>(frame: &Frame<'_>, look: impl FnOnce(&Segment<'_>) -> T) -> T {
    match decoder().decode(frame) {
        Outcome::Segment(segment) => look(&segment),
        other => panic!("{other:?}"),
    }
}

fn dropped(frame: &Frame<'_>) -> Option<Drop> {
    match decoder().decode(frame) {
        Outcome::Dropped(reason) => Some(reason),
        _ => None,
    }
}

#[test]
fn every_encapsulation_gives_the_segment_inside() {
    for (name, link, bytes, vlan, tunnels) in good_frames() {
        segment(&frame(link, &bytes), |segment| {
            assert_eq!(segment.transport, Transport::TCP, "{name}");
            assert_eq!(segment.source.port, 40_000, "{name}");
            assert_eq!(segment.destination.port, 443, "{name}");
            assert_eq!(segment.payload, HELLO, "{name}");
            assert_eq!(segment.payload_bytes, 5, "{name}");
            assert_eq!(segment.label.vlan, vlan, "{name}");
            let names: Vec<_> = segment.label.names().collect();
            assert_eq!(names.join("+"), tunnels, "{name}");
        });
    }
}

#[test]
fn every_truncation_has_exactly_one_outcome() {
    for (name, link, bytes, ..) in good_frames() {
        for length in 0..bytes.len() {
            let mut counts = FrameCounts::default();
            let cut = Frame {
                bytes: &bytes[..length],
                ..frame(link, &bytes)
            };
            let mut decoder = decoder();
            counts.record(&decoder.decode(&cut));
            counts.record(&decoder.decode(&frame(link, &bytes[..length])));
            assert!(counts.holds(), "{name} at {length}");
            assert_eq!(counts.frames, 2);
        }
    }
}

#[test]
fn every_changed_byte_has_exactly_one_outcome() {
    let mut decoder = decoder();
    let mut counts = FrameCounts::default();
    for (_, link, mut bytes, ..) in good_frames() {
        for place in 0..bytes.len() {
            let good = bytes[place];
            for change in [0x01, 0x10, 0x40, 0x80, 0xff, good] {
                bytes[place] = good ^ change;
                counts.record(&decoder.decode(&frame(link, &bytes)));
            }
            bytes[place] = good;
        }
    }
    assert!(counts.holds());
    assert!(counts.decoded > 0 && counts.decoded < counts.frames);
}

/// The straight way says what the walk says, or nothing, of good frames, cut ones and changed ones.
#[test]
fn the_straight_way_leads_where_the_walk_does() {
    let mut straight_frames = 0;
    let mut agree = |frame: &Frame<'_>| {
        if let Some(segment) = straight(frame) {
            straight_frames += 1;
            let walked = decoder().look(frame).ok();
            assert_eq!(format!("{:?}", Some(segment)), format!("{walked:?}"));
        }
    };
    for (_, link, bytes, ..) in good_frames() {
        for length in 0..=bytes.len() {
            let wire_bytes = bytes.len() as u32;
            agree(&Frame {
                wire_bytes,
                ..frame(link, &bytes[..length])
            });
        }
        for place in 0..bytes.len() {
            for change in [0x01, 0x10, 0x40, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                agree(&frame(link, &changed));
            }
        }
    }
    assert!(straight_frames > 200, "{straight_frames}");
}

#[test]
fn a_tcp_segment_in_full() {
    segment(&frame(RAW, &four()), |segment| {
        assert_eq!(segment.source.address.ip().to_string(), "192.0.2.1");
        assert_eq!(segment.destination.address.ip().to_string(), "198.51.100.2");
        let tcp = TcpHeader {
            sequence: 1_000,
            acknowledgement: 2_000,
            flags: 0x18,
            window: 500,
        };
        assert_eq!(segment.tcp, Some(tcp));
        assert!(segment.copy_telling && !segment.fragmented);
    });
}

#[test]
fn an_acknowledgement_without_its_flag_is_none() {
    let mut packet = four();
    packet[33] = 0x02;
    segment(&frame(RAW, &packet), |segment| {
        assert_eq!(segment.tcp.map(|tcp| tcp.acknowledgement), Some(0));
    });
}

#[test]
fn other_transports() {
    let echo = [8, 0, 1, 2, 0, 1, 0, 2, b'h', b'i'];
    let sctp = [0, 5, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, b'h', b'i'];
    type Case<'a> = (u8, &'a [u8], [u16; 2], Option<(u8, u8)>, usize);
    let cases: [Case<'_>; 7] = [
        (1, &echo, [0, 0], Some((8, 0)), 2),
        (1, &echo[..4], [0, 0], Some((8, 0)), 0),
        (58, &echo, [0, 0], Some((8, 0)), 2),
        (132, &sctp, [5, 6], None, 2),
        (50, &sctp, [0, 0], None, 14),
        (255, &[], [0, 0], None, 0),
        (0, &echo, [0, 0], None, 10),
    ];
    for (protocol, payload, ports, icmp, length) in cases {
        segment(&frame(RAW, &ip_of(protocol, payload)), |segment| {
            assert_eq!(segment.transport, Transport(protocol));
            assert_eq!([segment.source.port, segment.destination.port], ports);
            assert_eq!(segment.icmp, icmp, "{protocol}");
            assert_eq!(segment.payload.len(), length, "{protocol}");
        });
    }
}

#[test]
fn lengths_come_from_the_innermost_header() {
    let padded = ethernet(0x0800, &[four(), vec![0; 9]].concat());
    let mut offloaded = four();
    offloaded[2..4].fill(0);
    let mut jumbo = six();
    jumbo[4..6].fill(0);
    let mut datagram = udp(53, b"question and padding");
    datagram[25] = 16;
    let mut endless = udp(53, b"question");
    endless[24..26].fill(0xff);
    let cases = [
        (ETHERNET, padded, 5),
        (RAW, offloaded, 5),
        (RAW, jumbo, 5),
        (RAW, datagram, 8),
        (RAW, endless, 8),
        (RAW, [six_header(59, 0), vec![0; 6]].concat(), 0),
    ];
    for (link, bytes, length) in cases {
        segment(&frame(link, &bytes), |segment| {
            assert_eq!(segment.payload_bytes, length);
            assert_eq!(segment.payload.len(), length as usize);
        });
    }
}

#[test]
fn what_the_capture_cut_is_still_counted() {
    let packet = four();
    let mut optioned = packet.clone();
    optioned[32] = 0x60;
    let cases = [
        (&packet, 43, 3, 5),
        (&packet, 40, 0, 5),
        (&optioned, 40, 0, 1),
    ];
    for (bytes, captured, payload, payload_bytes) in cases {
        let cut = Frame {
            bytes: &bytes[..captured],
            ..frame(RAW, bytes)
        };
        segment(&cut, |segment| {
            assert_eq!(segment.payload.len(), payload);
            assert_eq!(segment.payload_bytes, payload_bytes);
        });
    }
}

#[test]
fn a_frame_is_dropped_with_its_reason() {
    let with = |place: usize, byte: u8| {
        let mut packet = four();
        packet[place] = byte;
        packet
    };
    let tags = [0, 1, 0x81, 0].repeat(9);
    let labels = [0, 1, 0, 64].repeat(17);
    let options = [60, 0, 1, 4, 0, 0, 0, 0].repeat(17);
    let mut short_udp = udp(53, b"");
    short_udp[25] = 7;
    let cases = [
        (RAW, Vec::new(), Drop::Short),
        (RAW, four()[..19].to_vec(), Drop::Short),
        (RAW, with(0, 0x55), Drop::IpVersion),
        (228, six(), Drop::IpVersion),
        (229, four(), Drop::IpVersion),
        (RAW, with(0, 0x44), Drop::HeaderLength),
        (RAW, with(3, 19), Drop::HeaderLength),
        (RAW, with(32, 0x40), Drop::HeaderLength),
        (RAW, with(32, 0xf0), Drop::HeaderLength),
        (RAW, short_udp, Drop::HeaderLength),
        (RAW, ip_of(6, &[0; 19]), Drop::Short),
        (RAW, ip_of(17, &[0; 7]), Drop::Short),
        (RAW, ip_of(1, &[0; 3]), Drop::Short),
        (ETHERNET, ethernet(0x8100, &tags), Drop::TooDeep),
        (ETHERNET, ethernet(0x8847, &labels), Drop::TooDeep),
        (RAW, six_with(60, &options), Drop::TooDeep),
        (ETHERNET, vec![2; 13], Drop::Short),
    ];
    for (link, bytes, reason) in cases {
        assert_eq!(dropped(&frame(link, &bytes)), Some(reason), "{bytes:02x?}");
    }
}

#[test]
fn a_header_that_the_capture_cut_is_told_from_a_short_one() {
    let packet = four();
    for length in 0..packet.len() - HELLO.len() {
        let cut = Frame {
            bytes: &packet[..length],
            ..frame(RAW, &packet)
        };
        assert_eq!(dropped(&cut), Some(Drop::Cut), "{length}");
    }
}

#[test]
fn a_frame_is_skipped_with_its_reason() {
    let spanning_tree = llc(&[0x42, 0x42, 3, 0, 0, 0]);
    let cases = [
        (127, Vec::new(), Skip::LinkType),
        (ETHERNET, ethernet(0x0806, &[]), Skip::Arp),
        (ETHERNET, ethernet(0x88cc, &[]), Skip::EtherType),
        (ETHERNET, spanning_tree, Skip::Llc),
        (ETHERNET, llc(&[0xaa, 0xaa, 3, 0, 0, 0xc, 1, 1]), Skip::Llc),
        (ETHERNET, ethernet(0x8863, &[]), Skip::Ppp),
        (9, vec![0xff, 3, 0xc0, 0x21], Skip::Ppp),
        (0, vec![7, 0, 0, 0], Skip::Family),
        (
            ETHERNET,
            ethernet(0x8847, &[0, 0, 1, 0, 0x10, 0, 0, 0]),
            Skip::MplsPayload,
        ),
    ];
    for (link, bytes, reason) in cases {
        match decoder().decode(&frame(link, &bytes)) {
            Outcome::Skipped(given) => assert_eq!(given, reason),
            other => panic!("{reason:?}: {other:?}"),
        }
    }
}

#[test]
fn a_tunnel_that_does_not_decode_is_a_segment_itself() {
    let question = udp(4_789, b"not a tunnel at all");
    let resolution = ethernet(0x0806, &[0; 28]);
    let reserved = behind(&[8, 0, 0, 1, 0, 0, 1, 0], &ethernet(0x0800, &four()));
    let cases = [
        (question, 17, 19),
        (
            udp(4_789, &behind(&[8, 0, 0, 0, 0, 0, 1, 0], &resolution)),
            17,
            50,
        ),
        (udp(4_789, &reserved), 17, 67),
        (
            udp(6_081, &behind(&[0x40, 0, 8, 0, 0, 0, 1, 0], &four())),
            17,
            53,
        ),
        (
            udp(6_081, &behind(&[0, 0, 0, 0, 0, 0, 1, 0], &four())),
            17,
            53,
        ),
        (udp(2_152, &[0x32, 1, 0, 4, 0, 0, 0, 0]), 17, 8),
        (gre(&[0, 0, 0x20, 0], b"cdp"), 47, 7),
        (gre(&[0x20, 1, 0x88, 0x0b], &[0, 0, 0, 1]), 47, 8),
        (gre(&[0x40, 0, 8, 0], &four()), 47, 49),
        (ip_of(4, &six()), 4, 65),
    ];
    for (bytes, transport, length) in cases {
        segment(&frame(RAW, &bytes), |segment| {
            assert_eq!(segment.transport, Transport(transport));
            assert_eq!(segment.payload.len(), length);
            assert_eq!(segment.label, Label::default());
        });
    }
}

#[test]
fn tunnels_are_opened_to_a_depth_and_no_further() {
    let nested = |depth| (0..depth).fold(four(), |packet, _| ip_of(4, &packet));
    for (depth, transport) in [(8, 6), (9, 4), (40, 4)] {
        let packet = nested(depth);
        segment(&frame(RAW, &packet), |segment| {
            assert_eq!(segment.transport, Transport(transport), "{depth}");
        });
    }
}

#[test]
fn a_snap_tag_loop_ends() {
    let step = [0x81, 0, 0, 1, 0, 200, 0xaa, 0xaa, 3, 0, 0, 0];
    let bytes = ethernet(200, &[&step[6..], &step.repeat(40)[..]].concat());
    assert!(matches!(
        decoder().decode(&frame(ETHERNET, &bytes)),
        Outcome::Dropped(_)
    ));
}

/// Decodes the packets in order; all but the last must be held.
fn last_of<T>(packets: &[Vec<u8>], look: impl FnOnce(&Segment<'_>) -> T) -> T {
    let mut decoder = decoder();
    let (last, first) = packets.split_last().unwrap();
    for packet in first {
        assert!(matches!(decoder.decode(&frame(RAW, packet)), Outcome::Held));
    }
    match decoder.decode(&frame(RAW, last)) {
        Outcome::Segment(segment) => look(&segment),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fragments_give_their_segment_with_the_last_to_come() {
    for mut packets in [four_fragments(&four(), 8), six_fragments(&six(), 8)] {
        assert_eq!(packets.len(), 4);
        for _ in 0..packets.len() {
            packets.rotate_left(1);
            last_of(&packets, |segment| {
                assert!(segment.fragmented);
                assert_eq!(segment.transport, Transport::TCP);
                assert_eq!(segment.payload, HELLO);
                assert_eq!(segment.payload_bytes, 5);
            });
        }
    }
}

#[test]
fn fragments_within_a_fragmented_tunnel() {
    let mut packets = Vec::new();
    for inner in four_fragments(&four(), 16) {
        packets.extend(four_fragments(&gre(&[0, 0, 8, 0], &inner), 24));
    }
    let mut decoder = decoder();
    let mut segments = 0;
    for packet in &packets {
        match decoder.decode(&frame(RAW, packet)) {
            Outcome::Segment(segment) => {
                segments += 1;
                assert_eq!(segment.payload, HELLO);
                assert_eq!(segment.label.tunnels, Label::GRE);
            }
            Outcome::Held => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(segments, 1);
    assert_eq!(decoder.fragment_counts().completed, 3);
    assert_eq!(decoder.waiting_datagrams(), 0);
}

#[test]
fn waiting_fragments_are_forgotten_in_time() {
    let mut decoder = decoder();
    let packets = four_fragments(&four(), 8);
    decoder.decode(&frame(RAW, &packets[0]));
    decoder.advance(Timestamp::from_parts(30, 0));
    assert_eq!(decoder.waiting_datagrams(), 1);
    decoder.advance(Timestamp::from_parts(31, 0));
    assert_eq!(decoder.waiting_datagrams(), 0);
    assert_eq!(decoder.fragment_counts().expired, 1);
}

#[test]
fn a_copy_on_another_segment_has_the_same_digest() {
    let digest = |link, bytes: &[u8]| segment(&frame(link, bytes), |segment| segment.copy_digest);
    let packet = four();
    let mut routed = packet.clone();
    routed[8] = 63;
    routed[10..12].fill(0x55);
    let mut again = packet.clone();
    again[5] = 1;
    let mut longer = packet.clone();
    longer[3] = 44;
    let tagged = ethernet(0x8100, &behind(&[0, 5, 8, 0], &routed));
    assert_eq!(digest(ETHERNET, &tagged), digest(RAW, &packet));
    assert_ne!(digest(RAW, &again), digest(RAW, &packet));
    assert_ne!(digest(RAW, &longer), digest(RAW, &packet));
}

#[test]
fn a_digest_tells_where_a_header_field_changes() {
    let mut numbered = udp(53, b"question");
    numbered[5] = 1;
    let mut unnumbered = numbered.clone();
    unnumbered[5] = 0;
    let in_six = [six_header(17, 16), numbered[20..].to_vec()].concat();
    let cases = [
        (four(), true),
        (six(), true),
        (numbered, true),
        (unnumbered, false),
        (in_six, false),
    ];
    for (bytes, telling) in cases {
        segment(&frame(RAW, &bytes), |segment| {
            assert_eq!(segment.copy_telling, telling);
        });
    }
}
