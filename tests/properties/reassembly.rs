//! The head of a stream holds the same bytes in whatever order they come.

use hopscope::flow::head::{Head, Outlook};
use hopscope::flow::tcp::{Connection, Payload, Step};
use hopscope::proto::{End, Side};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{ACK, SYN, header, holds};

/// A stream, where it is cut into segments, what is sent twice, and the order in which all of it comes.
#[derive(Clone, Debug)]
struct Delivery {
    isn: u32,
    text: Vec<u8>,
    segments: Vec<(usize, usize)>,
}

/// So few segments that their islands always fit.
fn deliveries() -> impl Strategy<Value = Delivery> {
    let isn = prop_oneof![any::<u32>(), u32::MAX - 2_000..=u32::MAX, 0..2_000u32];
    let text = vec(any::<u8>(), 1..2_000);
    let cuts = vec(any::<Index>(), 0..5);
    let again = vec(any::<[Index; 2]>(), 0..4);
    let drawn = (isn, text, cuts, again);
    drawn.prop_flat_map(|(isn, text, cuts, again)| {
        let segments = segments(text.len(), &cuts, &again);
        (Just(isn), Just(text), Just(segments).prop_shuffle()).prop_map(|(isn, text, segments)| {
            Delivery {
                isn,
                text,
                segments,
            }
        })
    })
}

/// The whole text in pieces, and some ranges of it again.
fn segments(bytes: usize, cuts: &[Index], again: &[[Index; 2]]) -> Vec<(usize, usize)> {
    let mut edges: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes)).collect();
    edges.extend([0, bytes]);
    edges.sort_unstable();
    edges.dedup();
    let pieces = edges.windows(2).map(|edge| (edge[0], edge[1]));
    let copies = again.iter().map(|ends| {
        let [a, b] = ends.map(|end| end.index(bytes));
        (a.min(b), a.max(b) + 1)
    });
    pieces.chain(copies).collect()
}

#[test]
fn segments_in_any_order_give_the_same_bytes() {
    holds(deliveries(), |delivery| {
        let mut connection = opened(delivery.isn);
        let mut head = Head::default();
        let (mut new, mut skipped) = (0, 0);
        for &(from, to) in &delivery.segments {
            let captured = &delivery.text[from..to];
            let payload = step(&mut connection, delivery.isn, from, captured);
            assert_eq!(payload.offset, Some(from as u64));
            head.write(from as u64, captured, captured.len() as u32);
            new += u64::from(payload.new_bytes);
            skipped += payload.gap_bytes;
        }
        let prefix = head.prefix(0, Outlook::Going);
        assert_eq!((prefix.bytes, prefix.end), (&delivery.text[..], End::Open));
        assert!(!head.differs() && !head.has_holes());
        assert_eq!(
            new + skipped,
            delivery.text.len() as u64,
            "each byte is new or jumped over, once"
        );
    });
}

fn opened(isn: u32) -> Connection {
    let mut connection = Connection::new();
    connection.step(Side::Client, header(isn, SYN), 0);
    connection
}

fn step(connection: &mut Connection, isn: u32, from: usize, captured: &[u8]) -> Payload {
    let sequence = isn.wrapping_add(1).wrapping_add(from as u32);
    match connection.step(Side::Client, header(sequence, ACK), captured.len() as u32) {
        Step::Belongs(payload) => payload,
        Step::Reopens => panic!("a segment without SYN reopens nothing"),
    }
}

/// A write at any offset, as long on the wire as it likes.
type Write = (u64, Vec<u8>, u32);

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let capacity = Head::CAPACITY as u64;
    let offset = prop_oneof![
        0..64u64,
        0..2 * capacity,
        capacity - 32..capacity + 32,
        any::<u64>()
    ];
    let bytes = vec(any::<u8>(), 0..40);
    let cut = prop_oneof![Just(0), 0..64u32, any::<u32>()];
    vec((offset, bytes, cut), 0..60)
}

#[test]
fn the_first_writer_wins_and_a_difference_is_noted() {
    let near = vec((0..48u64, vec(0..3u8, 0..12)), 0..20);
    holds(near, |writes| {
        let mut head = Head::default();
        let mut model = [None; 64];
        let mut differs = false;
        for (offset, bytes) in writes {
            head.write(offset, &bytes, bytes.len() as u32);
            for (place, byte) in model[offset as usize..].iter_mut().zip(bytes) {
                differs |= *place.get_or_insert(byte) != byte;
            }
        }
        let known: Vec<u8> = model.iter().map_while(|byte| *byte).collect();
        assert_eq!(head.prefix(0, Outlook::Going).bytes, known);
        assert_eq!(head.differs(), differs);
    });
}

#[test]
fn a_head_stays_bounded_and_invents_nothing() {
    holds(writes(), |writes| {
        let mut head = Head::default();
        for (offset, bytes, cut) in &writes {
            head.write(*offset, bytes, (bytes.len() as u32).saturating_add(*cut));
        }
        assert!(head.allocated() <= 2 * Head::CAPACITY);
        for outlook in [Outlook::Going, Outlook::Finished, Outlook::Over] {
            for from in [0, 1, 40, Head::CAPACITY - 1, Head::CAPACITY, usize::MAX] {
                let prefix = head.prefix(from, outlook);
                let missing = match prefix.end {
                    End::Cut { missing, .. } => missing,
                    End::Open | End::Closed => 0,
                };
                assert!(is_written(&writes, from, prefix.bytes));
                if let End::Cut { then, .. } = prefix.end {
                    assert!(missing > 0);
                    assert!(is_written(
                        &writes,
                        from + prefix.bytes.len() + missing,
                        then
                    ));
                }
                assert!(outlook != Outlook::Over || !prefix.is_open());
            }
        }
    });
}

/// Whether each byte was written at its place by somebody.
fn is_written(writes: &[Write], from: usize, bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, byte)| {
        let place = (from + at) as u64;
        let by = |(offset, bytes, _): &Write| {
            let inside = place
                .checked_sub(*offset)
                .and_then(|at| bytes.get(at as usize));
            inside == Some(byte)
        };
        writes.iter().any(by)
    })
}
