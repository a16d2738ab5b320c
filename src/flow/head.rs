//! The head of one direction of a stream: its first bytes, in order, however they arrived.
//!
//! Everything that a parser needs stands there. Segments are written at their offset; the first writer of a byte wins
//! and a later difference is a fact in itself. What the capture cut off (snaplen) is known to be missing.

use arrayvec::ArrayVec;

use crate::proto::{End, Prefix};

/// The bounded first bytes of one direction.
#[derive(Clone, Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
    /// Disjoint, ascending, never touching: what `bytes` really holds.
    known: Ranges,
    /// Disjoint, ascending: what was sent, and cut from the capture.
    cut: Ranges,
    differs: bool,
    overflowed: bool,
}

/// What may still be written to a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Anything.
    Going,
    /// Nothing behind the last byte, but a hole may still be filled.
    Finished,
    /// Nothing: a hole stays one.
    Over,
}

/// A half-open range of stream offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: usize,
    end: usize,
}

type Ranges = ArrayVec<Range, ISLANDS>;

impl Head {
    /// How many bytes of a direction are kept at most.
    pub const CAPACITY: usize = 16 * 1024;

    /// Writes captured bytes at their stream offset. `sent` is the payload's length on the wire: what lies between
    /// the captured bytes and that is cut from the capture. Bytes beyond [`Head::CAPACITY`] are not kept.
    pub fn write(&mut self, offset: u64, captured: &[u8], sent: u32) {
        let Some(start) = usize::try_from(offset).ok().filter(|&o| o < Self::CAPACITY) else {
            return;
        };
        let kept = captured.len().min(Self::CAPACITY - start);
        let captured = captured.get(..kept).unwrap_or_default();
        if !captured.is_empty() && self.claim(start, start + kept) {
            self.fill(start, captured);
            self.known = united(&self.known, start, start + kept);
        }
        let sent_end = start.saturating_add(sent as usize).min(Self::CAPACITY);
        if sent_end > start + kept {
            self.note_cut(start + kept, sent_end);
        }
    }

    /// Whether one more range fits; a flood of tiny islands ends here.
    fn claim(&mut self, start: usize, end: usize) -> bool {
        let touches = self.known.iter().any(|r| r.start <= end && start <= r.end);
        let fits = touches || !self.known.is_full();
        self.overflowed |= !fits;
        fits
    }

    /// Copies what is not known yet and compares what is.
    fn fill(&mut self, start: usize, captured: &[u8]) {
        let end = start + captured.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut at = start;
        for range in &self.known {
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from >= to {
                continue;
            }
            copy(&mut self.bytes, captured, start, at, from);
            self.differs |= self.bytes.get(from..to) != captured.get(from - start..to - start);
            at = to;
        }
        copy(&mut self.bytes, captured, start, at, end);
    }

    fn note_cut(&mut self, start: usize, end: usize) {
        if !self.cut.is_full() {
            self.cut = united(&self.cut, start, end);
        }
    }

    /// The known bytes from `from` on, and what ends them.
    pub fn prefix(&self, from: usize, outlook: Outlook) -> Prefix<'_> {
        let end = self.known_end(from);
        let bytes = self.bytes.get(from..end).unwrap_or_default();
        Prefix {
            bytes,
            end: self.end_at(end, outlook),
        }
    }

    fn end_at(&self, at: usize, outlook: Outlook) -> End<'_> {
        if at >= Self::CAPACITY {
            return End::Closed;
        }
        let resumes = self.known.iter().find(|r| r.start >= at);
        let is_cut = self.cut.iter().any(|r| r.start <= at && at < r.end);
        match resumes {
            Some(range) if is_cut || outlook == Outlook::Over => End::Cut {
                missing: range.start - at,
                then: self.bytes.get(range.start..range.end).unwrap_or_default(),
            },
            None if is_cut => End::Cut {
                missing: self.cut_end(at) - at,
                then: &[],
            },
            None if outlook != Outlook::Going => End::Closed,
            _ => End::Open,
        }
    }

    /// The end of the known range that holds `from`, or `from` itself where nothing is known there.
    fn known_end(&self, from: usize) -> usize {
        self.known
            .iter()
            .find(|r| r.start <= from && from < r.end)
            .map_or(from, |r| r.end)
    }

    fn cut_end(&self, at: usize) -> usize {
        self.cut
            .iter()
            .find(|r| r.start <= at && at < r.end)
            .map_or(at, |r| r.end)
    }

    /// How many bytes from `from` on are known without a hole.
    pub fn known_from(&self, from: usize) -> usize {
        self.known_end(from) - from
    }

    /// Whether a retransmission brought other bytes than the first transmission.
    pub fn differs(&self) -> bool {
        self.differs
    }

    /// Whether segments were too scattered to keep.
    pub fn is_scattered(&self) -> bool {
        self.overflowed
    }

    /// Whether bytes are missing: cut off, never captured, or too scattered to keep.
    pub fn has_holes(&self) -> bool {
        self.overflowed || !self.cut.is_empty() || self.known.len() > 1
    }

    /// Bytes of memory held.
    pub fn allocated(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Copies `captured[from..to]` (offsets of the stream; `captured` starts at `start`) to its place.
fn copy(bytes: &mut [u8], captured: &[u8], start: usize, from: usize, to: usize) {
    let source = captured.get(from.saturating_sub(start)..to.saturating_sub(start));
    if let (Some(target), Some(source)) = (bytes.get_mut(from..to), source) {
        target.copy_from_slice(source);
    }
}

/// The ranges with one more, merged where they touch. The caller has made sure that it fits.
fn united(ranges: &Ranges, start: usize, end: usize) -> Ranges {
    let mut united = Ranges::new();
    let mut new = Range { start, end };
    let mut placed = false;
    for &range in ranges {
        if range.end < new.start {
            united.push(range);
        } else if range.start > new.end {
            if !placed {
                united.push(new);
                placed = true;
            }
            united.push(range);
        } else {
            new.start = new.start.min(range.start);
            new.end = new.end.max(range.end);
        }
    }
    if !placed {
        united.push(new);
    }
    united
}

/// Reordering that TCP really shows needs few; more is a flood or heavy loss.
const ISLANDS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn known(head: &Head) -> (&[u8], End<'_>) {
        let prefix = head.prefix(0, Outlook::Going);
        (prefix.bytes, prefix.end)
    }

    #[test]
    fn segments_in_any_order_give_the_same_bytes() {
        let text = b"the head of a stream is all that a parser needs";
        let pieces = [(0, 9), (9, 20), (15, 30), (30, 31), (31, 47)];
        for shift in 0..pieces.len() {
            let mut head = Head::default();
            for i in 0..pieces.len() {
                let (from, to) = pieces[(i * 3 + shift) % pieces.len()];
                head.write(from as u64, &text[from..to], (to - from) as u32);
            }
            assert_eq!(known(&head), (&text[..], End::Open));
            assert!(!head.differs() && !head.has_holes() && !head.is_scattered());
        }
    }

    #[test]
    fn the_first_writer_wins_and_the_difference_is_noted() {
        let mut head = Head::default();
        head.write(4, b"EFGH", 4);
        head.write(0, b"abcdeXgh", 8);
        assert_eq!(known(&head).0, b"abcdEFGH");
        assert!(head.differs());
    }

    #[test]
    fn what_the_snaplen_cut_off_is_a_known_hole() {
        let mut head = Head::default();
        head.write(0, b"CONNECT web.exa", 40);
        assert_eq!(
            known(&head),
            (
                &b"CONNECT web.exa"[..],
                End::Cut {
                    missing: 25,
                    then: b""
                }
            )
        );
        head.write(40, b"\x16\x03\x01", 3);
        assert_eq!(
            known(&head).1,
            End::Cut {
                missing: 25,
                then: b"\x16\x03\x01"
            }
        );
    }

    #[test]
    fn a_hole_stays_open_until_the_stream_is_closed() {
        let mut head = Head::default();
        head.write(0, b"ab", 2);
        head.write(4, b"ef", 2);
        assert_eq!(known(&head), (&b"ab"[..], End::Open));
        assert_eq!(head.prefix(0, Outlook::Finished).end, End::Open);
        assert_eq!(
            head.prefix(0, Outlook::Over).end,
            End::Cut {
                missing: 2,
                then: b"ef"
            }
        );
        assert_eq!(head.prefix(4, Outlook::Over).end, End::Closed);
    }

    #[test]
    fn a_flood_of_one_byte_holes_stays_bounded() {
        let mut head = Head::default();
        for offset in (0..100_000).step_by(2) {
            head.write(offset, b"x", 1);
        }
        assert!(head.allocated() <= 2 * Head::CAPACITY);
        assert!(head.has_holes() && head.is_scattered());
        head.write(1, b"y", 1);
        assert_eq!(known(&head).0, b"xyx");
    }

    #[test]
    fn nothing_is_kept_beyond_the_capacity() {
        let mut head = Head::default();
        head.write(0, &vec![7; Head::CAPACITY + 100], 20_000);
        head.write(u64::MAX, b"far", 3);
        let prefix = head.prefix(0, Outlook::Going);
        assert_eq!(
            (prefix.bytes.len(), prefix.end),
            (Head::CAPACITY, End::Closed)
        );
    }
}
