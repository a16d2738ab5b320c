//! The head of a stream against the plainest model of it there is: one entry for each byte.

use hopscope::flow::head::{Head, Outlook};
use hopscope::proto::cursor::Cursor;
use hopscope::proto::{End, Prefix};

/// Writes to a head and to the model and compares what they say of one place and of the whole.
///
/// The input: the place (two bytes), then writes, each of an offset, captured bytes and bytes cut off (two bytes each),
/// and one byte that says what is written.
pub(super) fn check(input: &[u8]) {
    let mut cursor = Cursor::new(input);
    let place = usize::from(cursor.u16().unwrap_or_default());
    let mut head = Head::default();
    let mut model = Model::new();
    for write in std::iter::from_fn(|| Write::read(&mut cursor)).take(MOST_WRITES) {
        head.write(write.offset as u64, &write.captured, write.sent());
        model.write(&write);
    }
    for from in [0, place.min(Head::CAPACITY)] {
        compare(&head, &model, from);
    }
    assert!(head.allocated() <= 2 * Head::CAPACITY);
    assert_eq!(head.differs(), model.differs);
    assert_eq!(head.has_holes(), model.has_holes());
}

fn compare(head: &Head, model: &Model, from: usize) {
    assert_eq!(head.known_from(from), model.run(from).len());
    for outlook in [Outlook::Going, Outlook::Finished, Outlook::Over] {
        let (real, expected) = (head.prefix(from, outlook), model.prefix(from, outlook));
        assert_eq!(real.bytes, expected.bytes, "the bytes at {from}");
        assert_eq!(real.end, expected.end, "the end at {from}, {outlook:?}");
    }
}

struct Write {
    offset: usize,
    captured: Vec<u8>,
    cut: usize,
}

impl Write {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut number = || cursor.u16().map(usize::from);
        let (offset, count, cut) = (number()?, number()? % LONGEST_SEGMENT, number()?);
        let salt = usize::from(cursor.u8()?);
        let byte = |at: usize| u8::try_from((at * 7 + salt % 2) % 256).unwrap_or(0);
        Some(Self {
            offset,
            captured: (offset..offset + count).map(byte).collect(),
            cut,
        })
    }

    fn end(&self) -> usize {
        self.offset + self.captured.len()
    }

    fn sent(&self) -> u32 {
        u32::try_from(self.captured.len() + self.cut).unwrap_or(u32::MAX)
    }
}

/// Every place of a head: whether it is known, what stands there, and whether the capture cut it off.
struct Model {
    bytes: Vec<u8>,
    known: Vec<bool>,
    cut: Vec<bool>,
    differs: bool,
    refused: bool,
}

impl Model {
    fn new() -> Self {
        Self {
            bytes: vec![0; Head::CAPACITY],
            known: vec![false; Head::CAPACITY],
            cut: vec![false; Head::CAPACITY],
            differs: false,
            refused: false,
        }
    }

    fn write(&mut self, write: &Write) {
        let start = write.offset.min(Head::CAPACITY);
        let end = write.end().min(Head::CAPACITY);
        let sent = (write.end() + write.cut).min(Head::CAPACITY);
        if self.is_room(start, end) {
            self.fill(start, end, &write.captured);
        } else {
            self.refused = true;
        }
        if write.cut > 0 && runs(&self.cut) < ISLANDS {
            self.cut[end..sent].fill(true);
        }
    }

    /// What joins no island that is there would be one more.
    fn is_room(&self, start: usize, end: usize) -> bool {
        let around = start.saturating_sub(1)..(end + 1).min(Head::CAPACITY);
        let joins = self.known[around].contains(&true);
        start == end || joins || runs(&self.known) < ISLANDS
    }

    fn fill(&mut self, start: usize, end: usize, captured: &[u8]) {
        for (at, &byte) in (start..end).zip(captured) {
            if self.known[at] {
                self.differs |= self.bytes[at] != byte;
            } else {
                self.known[at] = true;
                self.bytes[at] = byte;
            }
        }
    }

    fn prefix(&self, from: usize, outlook: Outlook) -> Prefix<'_> {
        let bytes = self.run(from);
        let end = self.end(from + bytes.len(), outlook);
        Prefix { bytes, end }
    }

    fn end(&self, at: usize, outlook: Outlook) -> End<'_> {
        let rest = &self.known[at..];
        let resumes = rest.iter().position(|&known| known);
        let cut = self.cut[at..].iter().take_while(|&&cut| cut).count();
        match resumes {
            _ if rest.is_empty() => End::Closed,
            Some(missing) if cut > 0 || outlook == Outlook::Over => End::Cut {
                missing,
                then: self.run(at + missing),
            },
            None if cut > 0 => End::Cut {
                missing: cut,
                then: &[],
            },
            None if outlook != Outlook::Going => End::Closed,
            _ => End::Open,
        }
    }

    /// The known bytes from `from` on.
    fn run(&self, from: usize) -> &[u8] {
        let known = self.known[from..].iter().take_while(|&&known| known);
        &self.bytes[from..][..known.count()]
    }

    fn has_holes(&self) -> bool {
        self.refused || self.cut.contains(&true) || runs(&self.known) > 1
    }
}

/// How many runs of places are marked.
fn runs(marks: &[bool]) -> usize {
    let starts = marks.windows(2).filter(|pair| !pair[0] && pair[1]);
    starts.count() + usize::from(marks.first() == Some(&true))
}

/// How many runs a head remembers.
const ISLANDS: usize = 8;

/// Long enough to reach over holes, short enough to be fast.
const LONGEST_SEGMENT: usize = 3_000;

const MOST_WRITES: usize = 24;
