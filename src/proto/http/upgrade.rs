//! The opening handshake of a WebSocket: RFC 6455, section 4.

mod route;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

pub use route::Route;

use super::SWITCHING;
use super::head::{Fields, Head};
use super::line::{RequestLine, StatusLine};
use crate::proto::text::printable;

/// What both sides said to switch to a WebSocket. The key is not kept, nor are cookies, tokens and the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The path that was asked for, without its query; at most 64 bytes.
    pub path: String,
    /// The subprotocols that the client offered, the first four. Words too long to be a name are left out.
    pub offered: Vec<String>,
    /// The subprotocol that the server chose.
    pub chosen: Option<String>,
    /// Whether the client named the page that it belongs to, as every browser does (RFC 6455, section 10.2).
    pub has_origin: bool,
    /// `User-Agent`, whole where it is not longer than 128 bytes.
    pub agent: Option<String>,
    /// Whether the server agreed to compress messages (RFC 7692).
    pub deflates: bool,
    /// Whether the server proved that it speaks the protocol.
    pub acceptance: Acceptance,
    /// Where the client asked to be taken, if it is a tunnel's client that says so.
    pub route: Option<Route>,
}

/// How a server answered the client's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// With what RFC 6455 makes of the key.
    Right,
    /// With something else.
    Wrong,
    /// There was no key, or no answer to it.
    Missing,
}

impl Handshake {
    /// Reads the two heads of a switch to a WebSocket. What is not known whole says nothing.
    pub(super) fn read(
        request: &Head<'_, RequestLine>,
        response: &Head<'_, StatusLine>,
    ) -> Option<Self> {
        let (asked, answered) = (&request.fields, &response.fields);
        let switches = response.line.status == SWITCHING && switches_to_websocket(asked, answered);
        let is_draft = asked.has("sec-websocket-key1");
        if !switches || is_draft {
            return None;
        }
        let (path, query) = split_target(request.text);
        let offered: Vec<&[u8]> = words(asked, PROTOCOL).take(MOST_OFFERED).collect();
        Some(Self {
            path: printable(path, LONGEST_PATH),
            route: Route::read(&offered, query),
            offered: offered.into_iter().filter_map(name).collect(),
            chosen: words(answered, PROTOCOL).next().and_then(name),
            has_origin: asked.has("origin"),
            agent: asked
                .all("user-agent")
                .next()
                .map(|agent| printable(agent.trim_ascii(), LONGEST_AGENT)),
            deflates: words(answered, EXTENSIONS).any(|word| word.starts_with(DEFLATE)),
            acceptance: Acceptance::of(asked, answered),
        })
    }
}

impl Acceptance {
    fn of(asked: &Fields<'_>, answered: &Fields<'_>) -> Self {
        let key = asked.all("sec-websocket-key").next();
        let accept = answered.all("sec-websocket-accept").next();
        match (key, accept) {
            (Some(key), Some(accept)) if accept.trim_ascii() == answer_to(key).as_bytes() => {
                Self::Right
            }
            (Some(_), Some(_)) => Self::Wrong,
            _ => Self::Missing,
        }
    }
}

/// RFC 6455, section 4.2.2, item 5.4.
fn answer_to(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key.trim_ascii());
    hash.update(GUID);
    STANDARD.encode(hash.finalize())
}

fn switches_to_websocket(asked: &Fields<'_>, answered: &Fields<'_>) -> bool {
    let are_known = asked.are_readable && answered.are_readable;
    let contradicts = answered.has(UPGRADE) && !words(answered, UPGRADE).any(is_websocket);
    are_known && !contradicts && words(asked, UPGRADE).any(is_websocket)
}

/// Whether the value of an `Upgrade` field names the WebSocket protocol.
pub(super) fn names_websocket(upgrade: &str) -> bool {
    upgrade
        .as_bytes()
        .split(|&byte| byte == b',')
        .any(|word| is_websocket(word.trim_ascii()))
}

fn is_websocket(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"websocket")
}

/// The words of a field that is a list, over all its lines.
fn words<'a>(fields: &Fields<'a>, field: &str) -> impl Iterator<Item = &'a [u8]> {
    fields
        .all(field)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// A subprotocol's name. Longer words carry credentials or data.
fn name(word: &[u8]) -> Option<String> {
    let is_name = (1..=LONGEST_NAME).contains(&word.len());
    is_name.then(|| printable(word, LONGEST_NAME))
}

/// The path and the query of a request line's target.
fn split_target(line: &[u8]) -> (&[u8], &[u8]) {
    let target = line.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    let at = target.iter().position(|&byte| byte == b'?');
    let (path, query) = target.split_at(at.unwrap_or(target.len()));
    (path, query.strip_prefix(b"?").unwrap_or_default())
}

const UPGRADE: &str = "upgrade";
const PROTOCOL: &str = "sec-websocket-protocol";
const EXTENSIONS: &str = "sec-websocket-extensions";
const DEFLATE: &[u8] = b"permessage-deflate";
/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const LONGEST_AGENT: usize = 128;
const LONGEST_PATH: usize = 64;
const LONGEST_NAME: usize = 40;
const MOST_OFFERED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_key_of_the_rfc() {
        let answer = answer_to(b" dGhlIHNhbXBsZSBub25jZQ== ");
        assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn names_are_kept_and_credentials_are_not() {
        let token = "authorization.bearer.".to_owned() + &"x".repeat(60);
        let cases: [(&str, Option<&str>); 4] = [
            ("chisel-v3", Some("chisel-v3")),
            ("a\x1bb", Some("a?b")),
            (&token, None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(name(word.as_bytes()).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn the_query_is_parted_from_the_path() {
        let cases = [
            ("GET /a?b=c?d HTTP/1.1", "/a", "b=c?d"),
            ("GET /a? HTTP/1.1", "/a", ""),
            ("GET /a HTTP/1.1", "/a", ""),
            ("", "", ""),
        ];
        for (line, path, query) in cases {
            let seen = split_target(line.as_bytes());
            assert_eq!(seen, (path.as_bytes(), query.as_bytes()));
        }
    }
}
