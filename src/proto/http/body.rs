//! The length of a message's content and the way past it: RFC 9112, sections 6 and 7.

use super::head::{Fields, REACH};
use super::line::CONNECT;
use crate::proto::half::{Half, Stop, ensure};

/// How the length of a message's content is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// There is none.
    None,
    /// So many bytes.
    Bytes(u64),
    /// Chunks, until an empty one.
    Chunked,
    /// All that follows, or nobody can tell.
    Unbounded,
}

/// How far content goes that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The half stands behind it.
    Bounded { empty: bool },
    /// Its end is unknown or out of reach.
    Endless,
}

/// The content of a request: none, unless its fields announce some. A cut request is taken at its method's word.
pub(super) fn of_request(method: &str, fields: &Fields<'_>) -> Content {
    let announced = fields.has(LENGTH) || fields.has(CODING);
    let likely = !fields.are_readable && matches!(method, "POST" | "PUT" | "PATCH");
    if method == CONNECT || !(announced || likely) {
        return Content::None;
    }
    of_fields(fields)
}

/// The content of a response with `status` to a request by `method`.
pub(super) fn of_response(method: &str, status: u16, fields: &Fields<'_>) -> Content {
    if is_tunnel(method, status) || method == "HEAD" || matches!(status, 100..200 | 204 | 304) {
        return Content::None;
    }
    of_fields(fields)
}

/// Whether an answer opens the way of a CONNECT: any 2xx does (RFC 9110, section 9.3.6).
pub(super) fn is_tunnel(method: &str, status: u16) -> bool {
    method == CONNECT && (200..300).contains(&status)
}

/// Whether the fields announce content that is not empty.
pub(super) fn is_announced(fields: &Fields<'_>) -> bool {
    fields.has(CODING) || fields.all(LENGTH).any(|length| decimal(length) != Some(0))
}

/// What the fields say; without a word, content ends with the stream.
fn of_fields(fields: &Fields<'_>) -> Content {
    if fields.has(CODING) {
        let last = fields.all(CODING).last().unwrap_or_default().trim_ascii();
        let is_chunked =
            last.len() >= CHUNKED.len() && last.to_ascii_lowercase().ends_with(CHUNKED);
        return if is_chunked {
            Content::Chunked
        } else {
            Content::Unbounded
        };
    }
    let mut lengths = fields.all(LENGTH).map(decimal);
    match (lengths.next(), lengths.next()) {
        (Some(Some(bytes)), None) => Content::Bytes(bytes),
        _ => Content::Unbounded,
    }
}

fn decimal(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let plain = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()
}

impl Content {
    /// Passes the content.
    pub(super) fn pass(self, half: &mut Half<'_>) -> Result<Extent, Stop> {
        match self {
            Self::None => Ok(Extent::Bounded { empty: true }),
            Self::Bytes(bytes) => bounded(pass_bytes(half, bytes).map(|()| bytes == 0)),
            Self::Chunked => bounded(pass_chunks(half)),
            Self::Unbounded => Ok(Extent::Endless),
        }
    }
}

/// Content that breaks off or breaks the rules has no end.
fn bounded(passed: Result<bool, Stop>) -> Result<Extent, Stop> {
    match passed {
        Ok(empty) => Ok(Extent::Bounded { empty }),
        Err(Stop::No | Stop::Ended) => Ok(Extent::Endless),
        Err(more) => Err(more),
    }
}

fn pass_bytes(half: &mut Half<'_>, bytes: u64) -> Result<(), Stop> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let end = half.position().saturating_add(bytes);
    ensure(end <= REACH)?;
    let mut behind = *half;
    behind.skip(bytes)?;
    *half = behind;
    Ok(())
}

/// Passes chunks and trailers; says whether there was no content in them.
fn pass_chunks(half: &mut Half<'_>) -> Result<bool, Stop> {
    let mut behind = *half;
    let mut empty = true;
    loop {
        let size = chunk_size(line(&mut behind)?)?;
        if size == 0 {
            break;
        }
        empty = false;
        pass_bytes(&mut behind, size)?;
        ensure(line(&mut behind)?.is_empty())?;
    }
    while !line(&mut behind)?.is_empty() {}
    *half = behind;
    Ok(empty)
}

/// Takes a short line, without its end.
fn line<'a>(half: &mut Half<'a>) -> Result<&'a [u8], Stop> {
    let known = half.known(LONGEST_LINE);
    let Some(end) = known.iter().position(|&byte| byte == b'\n') else {
        ensure(known.len() < LONGEST_LINE)?;
        return Err(half.short(known.len().saturating_add(1)));
    };
    let line = half.take(end)?;
    half.take(1)?;
    Ok(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Extensions behind the size are passed over.
fn chunk_size(line: &[u8]) -> Result<u64, Stop> {
    let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let size = size.trim_ascii();
    ensure(size.iter().all(u8::is_ascii_hexdigit))?;
    let size = std::str::from_utf8(size).map_err(|_| Stop::No)?;
    u64::from_str_radix(size, 16).map_err(|_| Stop::No)
}

const LENGTH: &str = "content-length";
const CODING: &str = "transfer-encoding";
const CHUNKED: &[u8] = b"chunked";
const LONGEST_LINE: usize = 1024;
