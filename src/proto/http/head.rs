//! Heads of messages: a start line and header fields, up to the empty line.

use httparse::{EMPTY_HEADER, Header, Status};
use memchr::{memchr, memchr_iter};

use super::line::StartLine;
use crate::proto::cursor::Cursor;
use crate::proto::half::{Half, Stop, ensure};
use crate::proto::text::printable;

/// A head with its start line, as far as it is known.
pub(super) struct Head<'a, L> {
    pub(super) line: L,
    /// The start line as it was sent, without its end; empty where the head is cut.
    pub(super) text: &'a [u8],
    pub(super) fields: Fields<'a>,
    /// Whether a part of it is missing.
    pub(super) is_cut: bool,
    /// Whether it is known where the head ends. A cut head ends where its hole does.
    pub(super) end_known: bool,
}

impl<'a, L: StartLine> Head<'a, L> {
    /// Passes one head and reads its fields.
    pub(super) fn read(half: &mut Half<'a>) -> Result<Self, Stop> {
        Outline::read(half).map(Outline::filled)
    }
}

/// A head whose fields were not read.
pub(super) struct Outline<'a, L> {
    pub(super) line: L,
    text: &'a [u8],
    /// The lines of the fields, where the head is whole.
    block: Option<&'a [u8]>,
    end_known: bool,
}

impl<'a, L: StartLine> Outline<'a, L> {
    /// Passes one head. The start line speaks as soon as it is there.
    pub(super) fn read(half: &mut Half<'a>) -> Result<Self, Stop> {
        let blank = half
            .rest()
            .len()
            .saturating_sub(behind_blank_lines(half.rest()).len());
        half.skip(blank)?;
        let known = half.known(REACH);
        ensure(L::may_begin(known))?;
        let line_end = memchr(b'\n', known);
        let line = match line_end.and_then(|end| known.get(..end)) {
            Some(line) => Some(L::from_whole(without_return(line)).ok_or(Stop::No)?),
            None => None,
        };
        match (line, end(known)) {
            (Some(line), Some(end)) => Self::whole(half, line, end),
            (line, _) => Self::cut(half, line, known),
        }
    }

    fn whole(half: &mut Half<'a>, line: L, end: usize) -> Result<Self, Stop> {
        let mut head = Cursor::new(half.take(end)?);
        let text = head.until(b'\n').unwrap_or_default();
        Ok(Self {
            line,
            text: without_return(text),
            block: Some(head.rest()),
            end_known: true,
        })
    }

    /// The head does not end in what is known: more may come, or this is all there is.
    fn cut(half: &mut Half<'a>, line: Option<L>, known: &[u8]) -> Result<Self, Stop> {
        let short = half.short(known.len().saturating_add(1));
        if known.len() < REACH && matches!(short, Stop::More(_)) {
            return Err(short);
        }
        let line = line.or_else(|| L::from_cut(known)).ok_or(Stop::Ended)?;
        let end_known = half.skip_hole();
        if !end_known {
            half.skip(known.len())?;
        }
        Ok(Self {
            line,
            text: &[],
            block: None,
            end_known,
        })
    }

    /// Whether it is whole, and no line of a field begins with these bytes, in whatever case.
    pub(super) fn has_none_like(&self, start: &[u8]) -> bool {
        let begins = |line: &[u8]| {
            let known = line.get(..start.len());
            known.is_some_and(|known| known.eq_ignore_ascii_case(start))
        };
        self.block.is_some_and(|block| {
            let behind = memchr_iter(b'\n', block).map(|at| at.saturating_add(1));
            let mut lines = std::iter::once(0).chain(behind);
            !lines.any(|at| block.get(at..).is_some_and(begins))
        })
    }

    /// The head with its fields.
    pub(super) fn filled(self) -> Head<'a, L> {
        Head {
            line: self.line,
            text: self.text,
            fields: self.block.map_or(Fields::unreadable(), Fields::read),
            is_cut: self.block.is_none(),
            end_known: self.end_known,
        }
    }
}

/// The header fields of a head.
pub(super) struct Fields<'a> {
    list: Vec<Header<'a>>,
    /// Whether they could be read: they were known, well-formed and not too many.
    pub(super) are_readable: bool,
}

impl<'a> Fields<'a> {
    fn read(block: &'a [u8]) -> Self {
        let read = match Self::among::<USUAL_FIELDS>(block) {
            Err(httparse::Error::TooManyHeaders) => Self::among::<MOST_FIELDS>(block),
            read => read,
        };
        read.unwrap_or(Self::unreadable())
    }

    /// Reads a block of at most `N` fields.
    fn among<const N: usize>(block: &'a [u8]) -> Result<Self, httparse::Error> {
        let mut headers = [EMPTY_HEADER; N];
        Ok(match httparse::parse_headers(block, &mut headers)? {
            Status::Complete((_, read)) => Self {
                list: read.to_vec(),
                are_readable: true,
            },
            Status::Partial => Self::unreadable(),
        })
    }

    const fn unreadable() -> Self {
        Self {
            list: Vec::new(),
            are_readable: false,
        }
    }

    /// The values of the fields with this name, in order.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |header: &&Header<'a>| header.name.eq_ignore_ascii_case(name);
        self.list.iter().filter(named).map(|header| header.value)
    }

    /// Whether there is a field with this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The first value of a field, its printable ASCII alone and not too much of it.
    pub(super) fn short(&self, name: &str) -> Option<String> {
        let text = printable(self.all(name).next()?.trim_ascii(), LONGEST_VALUE);
        (!text.is_empty()).then_some(text)
    }
}

/// RFC 9112, section 2.2, allows an empty line before a start line; careless peers leave their line ends there.
pub(super) fn behind_blank_lines(bytes: &[u8]) -> &[u8] {
    let is_blank = |&&byte: &&u8| byte == b'\r' || byte == b'\n';
    let blank = bytes.iter().take(MOST_BLANKS).take_while(is_blank).count();
    bytes.get(blank..).unwrap_or_default()
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The length of a head: up to and with its empty line.
fn end(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', bytes).find_map(|at| {
        let next = at.saturating_add(1);
        let rest = bytes.get(next..)?;
        let blank = [&b"\n"[..], b"\r\n"]
            .into_iter()
            .find(|blank| rest.starts_with(blank))?;
        Some(next.saturating_add(blank.len()))
    })
}

/// Room for so many is tried first, for to make it costs more than to read a field.
const USUAL_FIELDS: usize = 16;
const MOST_FIELDS: usize = 96;
const MOST_BLANKS: usize = 4;
const LONGEST_VALUE: usize = 64;
/// Where a head of a stream ends, and with it what a parser can hope to see.
pub(super) const REACH: usize = 16 * 1024;
