//! The record layer (RFC 8446 section 5.1, RFC 5246 section 6.2.1): handshake messages out of records.

use std::borrow::Cow;
use std::ops::Range;

use crate::proto::cursor::Cursor;
use crate::proto::{End, Prefix};

/// The plaintext handshake messages of one side, in order. A message may span records, a record may hold several.
#[derive(Debug)]
pub(super) struct Messages<'a> {
    records: Cursor<'a>,
    end: End<'a>,
    /// Handshake bytes of the records read so far: borrowed while one record is enough.
    joined: Cow<'a, [u8]>,
    /// How many of them were given out.
    passed: usize,
    /// Where the last record ends, if it goes on behind what will ever be known.
    broken: Option<usize>,
}

/// What comes next on a side.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A handshake message.
    Message(Message<'a>),
    /// An alert in the clear: its description.
    Alert(u8),
    /// The other records in the clear are over, but for a TLS 1.3 retry.
    ChangeCipherSpec,
    /// A record that says nothing in the clear.
    Sealed,
    /// Not enough is known: the next step needs this many bytes in total.
    Short(usize),
    /// These are not TLS records.
    Malformed,
}

/// A handshake message without its header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// `HandshakeType`.
    pub(super) kind: u8,
    /// What stands behind kind and length.
    pub(super) body: Cow<'a, [u8]>,
}

impl<'a> Messages<'a> {
    /// The messages at the start of `prefix`, as far as a head can hold them.
    pub(super) fn new(prefix: &Prefix<'a>) -> Self {
        let (bytes, end) = match prefix.bytes.get(..HEAD) {
            Some(head) => (head, End::Closed),
            None => (prefix.bytes, prefix.end),
        };
        Self {
            records: Cursor::new(bytes),
            end,
            joined: Cow::Borrowed(&[]),
            passed: 0,
            broken: None,
        }
    }

    /// Whether a [`Step::Short`] may be cured.
    pub(super) fn is_open(&self) -> bool {
        self.end == End::Open
    }

    /// The end of the last record read, in bytes of the side.
    pub(super) fn position(&self) -> usize {
        self.broken.unwrap_or(self.records.position())
    }

    /// The next step. A record is read when it is whole, or as whole as it will ever be.
    pub(super) fn next(&mut self) -> Step<'a> {
        loop {
            if let Some(message) = self.message() {
                return Step::Message(message);
            }
            if let Some(end) = self.broken {
                return Step::Short(end);
            }
            if let Err(step) = self.record() {
                return step;
            }
        }
    }

    /// The start of a message whose end will never be known.
    pub(super) fn fragment(&self) -> Option<Message<'a>> {
        let mut cursor = Cursor::new(self.unread());
        let kind = cursor.u8()?;
        cursor.u24()?;
        let start = self.passed.saturating_add(MESSAGE_HEADER);
        let body = part(&self.joined, start..self.joined.len());
        Some(Message { kind, body })
    }

    fn message(&mut self) -> Option<Message<'a>> {
        let mut cursor = Cursor::new(self.unread());
        let kind = cursor.u8()?;
        let length = usize::try_from(cursor.u24()?).ok()?;
        cursor.take(length)?;
        let start = self.passed.saturating_add(MESSAGE_HEADER);
        self.passed = self.passed.saturating_add(cursor.position());
        let body = part(&self.joined, start..self.passed);
        Some(Message { kind, body })
    }

    fn unread(&self) -> &[u8] {
        self.joined.get(self.passed..).unwrap_or_default()
    }

    /// Joins the next handshake record; any other record is the step itself.
    fn record(&mut self) -> Result<(), Step<'a>> {
        let start = self.records.position();
        let (kind, length) = self.header()?;
        let mut ahead = self.records;
        ahead.take(RECORD_HEADER);
        let end = start.saturating_add(RECORD_HEADER).saturating_add(length);
        match ahead.take(length) {
            Some(body) => {
                self.records = ahead;
                self.open_record(kind, body)
            }
            None if kind == HANDSHAKE && !self.is_open() => {
                self.broken = Some(end.min(self.extent()));
                self.join(ahead.rest());
                Ok(())
            }
            None => Err(Step::Short(end.min(HEAD))),
        }
    }

    /// Kind and length of the next record.
    fn header(&self) -> Result<(u8, usize), Step<'a>> {
        let mut ahead = Cursor::new(self.records.rest());
        let (kind, major, minor) = (ahead.u8(), ahead.u8(), ahead.u8());
        let plausible = kind.is_none_or(|kind| (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind))
            && major.is_none_or(|major| major == 3)
            && minor.is_none_or(|minor| minor <= 4);
        if !plausible {
            return Err(Step::Malformed);
        }
        match (kind, ahead.u16().map(usize::from)) {
            (Some(kind), Some(length @ 1..=LONGEST_RECORD)) => Ok((kind, length)),
            (_, Some(_)) => Err(Step::Malformed),
            (_, None) => {
                let end = self.records.position().saturating_add(RECORD_HEADER);
                Err(Step::Short(end.min(HEAD)))
            }
        }
    }

    fn open_record(&mut self, kind: u8, body: &'a [u8]) -> Result<(), Step<'a>> {
        match (kind, body) {
            (HANDSHAKE, _) => {
                self.join(body);
                Ok(())
            }
            _ if !self.unread().is_empty() => Err(Step::Malformed),
            (ALERT, &[WARNING | FATAL, description]) => Err(Step::Alert(description)),
            (CHANGE_CIPHER_SPEC, [1]) => Err(Step::ChangeCipherSpec),
            _ => Err(Step::Sealed),
        }
    }

    fn join(&mut self, body: &'a [u8]) {
        if self.unread().is_empty() {
            self.joined = Cow::Borrowed(body);
            self.passed = 0;
        } else {
            self.joined.to_mut().extend_from_slice(body);
        }
    }

    /// Bytes of the side that were sent as far as is known, with those that are missing.
    fn extent(&self) -> usize {
        let known = self
            .records
            .position()
            .saturating_add(self.records.rest().len());
        match self.end {
            End::Cut { missing, then } => known.saturating_add(missing).saturating_add(then.len()),
            End::Open | End::Closed => known,
        }
    }
}

fn part<'a>(bytes: &Cow<'a, [u8]>, range: Range<usize>) -> Cow<'a, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(range).unwrap_or_default()),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(range).unwrap_or_default().to_vec()),
    }
}

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const HEARTBEAT: u8 = 24;
const WARNING: u8 = 1;
const FATAL: u8 = 2;
const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;
/// 2^14 bytes and what encryption may add to them (RFC 5246 section 6.2.3).
const LONGEST_RECORD: usize = (1 << 14) + 2048;
/// What a head holds of a side; nothing behind it can be asked for.
pub(super) const HEAD: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [&[kind, 3, 3], &length[..], body].concat()
    }

    fn message(kind: u8, body: &'static [u8]) -> Step<'static> {
        let body = Cow::Borrowed(body);
        Step::Message(Message { kind, body })
    }

    #[test]
    fn messages_are_parted_and_joined() {
        let bytes = [
            record(22, &[1, 0, 0, 2, 7, 8, 2, 0, 0, 0, 11, 0]),
            record(22, &[0, 3, 1]),
            record(22, &[2, 3, 14, 0, 0, 0]),
        ]
        .concat();
        let mut messages = Messages::new(&Prefix::closed(&bytes));
        let steps = [
            message(1, &[7, 8]),
            message(2, &[]),
            message(11, &[1, 2, 3]),
            message(14, &[]),
        ];
        let ends = [17, 17, 36, 36];
        for (step, end) in steps.into_iter().zip(ends) {
            assert_eq!(messages.next(), step);
            assert_eq!(messages.position(), end);
        }
        assert_eq!(messages.next(), Step::Short(41));
    }

    #[test]
    fn other_records_are_told_apart() {
        let cases: [(Vec<u8>, Step<'_>); 11] = [
            (record(21, &[2, 40]), Step::Alert(40)),
            (record(21, &[7; 26]), Step::Sealed),
            (record(20, &[1]), Step::ChangeCipherSpec),
            (record(23, &[0; 9]), Step::Sealed),
            (record(22, &[]), Step::Malformed),
            (record(25, &[0]), Step::Malformed),
            (
                [record(22, &[1, 0]), record(23, &[0])].concat(),
                Step::Malformed,
            ),
            (vec![22, 3, 3, 0x48, 0x01], Step::Malformed),
            (b"HTTP".to_vec(), Step::Malformed),
            (vec![22, 2], Step::Malformed),
            (vec![22, 3, 5], Step::Malformed),
        ];
        for (bytes, step) in cases {
            assert_eq!(
                Messages::new(&Prefix::open(&bytes)).next(),
                step,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn an_open_side_is_asked_for_whole_records() {
        let bytes = record(22, &[1, 0, 0, 2, 7, 8, 9]);
        for held in 0..bytes.len() {
            let asked = if held < 5 { 5 } else { bytes.len() };
            let mut messages = Messages::new(&Prefix::open(&bytes[..held]));
            assert_eq!(
                (messages.next(), messages.position()),
                (Step::Short(asked), 0)
            );
        }
    }

    #[test]
    fn a_side_that_ended_gives_what_it_has() {
        let bytes = record(22, &[1, 0, 0, 2, 7, 8, 2, 0, 0, 5, 6, 7, 8, 9, 10]);
        let (start, then) = bytes.split_at(16);
        let end = End::Cut {
            missing: 2,
            then: &then[2..],
        };
        for (end, position) in [
            (End::Closed, 16),
            (end, 20),
            (
                End::Cut {
                    missing: 99,
                    then: b"",
                },
                20,
            ),
        ] {
            let mut messages = Messages::new(&Prefix { bytes: start, end });
            assert_eq!(messages.next(), message(1, &[7, 8]));
            assert!(matches!(messages.next(), Step::Short(_)));
            let body = Cow::Borrowed(&[6][..]);
            assert_eq!(messages.fragment(), Some(Message { kind: 2, body }));
            assert_eq!(messages.position(), position);
        }
    }

    #[test]
    fn a_head_is_read_and_no_more() {
        let bytes = record(22, &[0; 100]).repeat(200);
        let mut messages = Messages::new(&Prefix::open(&bytes));
        while matches!(messages.next(), Step::Message(_)) {}
        assert_eq!((messages.position(), messages.is_open()), (16_380, false));
    }
}
