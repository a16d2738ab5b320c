//! Start lines: RFC 9112, sections 3 and 4.

use super::{Form, SWITCHING, Scheme};
use crate::proto::target::{Host, Target, name_start};

/// A request line or a status line.
pub(super) trait StartLine: Sized {
    /// Whether a head that starts with these bytes can have such a line.
    fn may_begin(known: &[u8]) -> bool;

    /// Reads a whole line, without its end.
    fn from_whole(line: &[u8]) -> Option<Self>;

    /// Reads what is left of a line that was cut.
    fn from_cut(known: &[u8]) -> Option<Self>;
}

/// A request line.
#[derive(Debug)]
pub(super) struct RequestLine {
    pub(super) method: &'static str,
    pub(super) form: Form,
    pub(super) target: Option<Target>,
    pub(super) cut_name: Option<String>,
    /// Whether it can only be HTTP, even without a response.
    pub(super) is_telling: bool,
}

impl StartLine for RequestLine {
    fn may_begin(known: &[u8]) -> bool {
        let Some(first) = known.first() else {
            return true;
        };
        if !first.is_ascii_uppercase() {
            return false;
        }
        let mut alike = METHODS
            .iter()
            .filter(|method| method.as_bytes().first() == Some(first));
        alike.any(|method| may_begin_with(known, method))
    }

    fn from_whole(line: &[u8]) -> Option<Self> {
        let (method, rest) = split_method(line)?;
        let target = VERSIONS
            .iter()
            .find_map(|version| rest.strip_suffix(*version))?;
        let target = target.strip_suffix(b" ")?;
        let sane = !target.iter().any(|byte| *byte <= b' ' || *byte == DELETE);
        let (form, target) = sane.then(|| request_target(method, target)).flatten()?;
        Some(Self {
            method,
            form,
            target,
            cut_name: None,
            is_telling: true,
        })
    }

    fn from_cut(known: &[u8]) -> Option<Self> {
        let (method, rest) = split_method(known)?;
        let end = rest.iter().position(|&byte| byte == b' ');
        if let Some(whole) = end.and_then(|end| rest.get(..end)) {
            let (form, target) = request_target(method, whole)?;
            return Some(Self::cut(method, form, target, None));
        }
        let form = cut_form(method, rest)?;
        let target = cut_absolute_target(form, rest);
        let cut_name = name_start(rest).filter(|_| form == Form::Authority);
        Some(Self::cut(method, form, target, cut_name))
    }
}

impl RequestLine {
    fn cut(
        method: &'static str,
        form: Form,
        target: Option<Target>,
        cut_name: Option<String>,
    ) -> Self {
        Self {
            method,
            form,
            target,
            cut_name,
            is_telling: form == Form::Authority,
        }
    }
}

/// A status line.
#[derive(Debug)]
pub(super) struct StatusLine {
    pub(super) status: u16,
}

impl StatusLine {
    /// Whether the response is the request's last. 101 is: what follows is no longer HTTP.
    pub(super) fn is_final(&self) -> bool {
        self.status >= 200 || self.status == SWITCHING
    }
}

impl StartLine for StatusLine {
    fn may_begin(known: &[u8]) -> bool {
        let length = known.len().min(RESPONSE.len());
        known.get(..length) == RESPONSE.get(..length)
    }

    fn from_whole(line: &[u8]) -> Option<Self> {
        let rest = VERSIONS
            .iter()
            .find_map(|version| line.strip_prefix(*version))?;
        let (digits, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
        let decimal = digits.iter().all(u8::is_ascii_digit);
        let status = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let sane = decimal && status >= 100 && matches!(reason.first(), None | Some(b' '));
        sane.then_some(Self { status })
    }

    /// The status is early in its line.
    fn from_cut(known: &[u8]) -> Option<Self> {
        Self::from_whole(known.strip_suffix(b"\r").unwrap_or(known))
    }
}

/// Whether `known` starts like this method's request line, as far as it goes.
fn may_begin_with(known: &[u8], method: &str) -> bool {
    let method = method.as_bytes();
    match known.split_at_checked(method.len()) {
        Some((start, rest)) => start == method && may_follow(method, rest),
        None => method.starts_with(known),
    }
}

/// Whether the space and the first byte of a request's target may be those of `rest`.
fn may_follow(method: &[u8], rest: &[u8]) -> bool {
    match rest {
        [] | [b' '] => true,
        [b' ', byte, ..] if method == CONNECT.as_bytes() => {
            byte.is_ascii_alphanumeric() || b"[_-".contains(byte)
        }
        [b' ', byte, ..] => byte.is_ascii_alphabetic() || b"/*".contains(byte),
        _ => false,
    }
}

fn split_method(line: &[u8]) -> Option<(&'static str, &[u8])> {
    METHODS.iter().find_map(|method| {
        let rest = line.strip_prefix(method.as_bytes())?;
        Some((*method, rest.strip_prefix(b" ")?))
    })
}

fn request_target(method: &str, text: &[u8]) -> Option<(Form, Option<Target>)> {
    match (method, text) {
        (CONNECT, _) => Some((Form::Authority, Some(Target::from_authority(text)?))),
        (_, [b'/', ..]) => Some((Form::Origin, None)),
        (_, b"*") => Some((Form::Asterisk, None)),
        _ => absolute(text),
    }
}

/// RFC 3986, section 3; user information is passed over.
fn absolute(uri: &[u8]) -> Option<(Form, Option<Target>)> {
    let (scheme, rest) = Scheme::split(uri)?;
    let end = rest
        .iter()
        .position(|byte| b"/?#".contains(byte))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let host = authority.rsplit(|&byte| byte == b'@').next()?;
    let target = match Host::from_authority(host) {
        Some(host) => Target {
            host,
            port: scheme.port(),
        },
        None => Target::from_authority(host)?,
    };
    Some((Form::Absolute(scheme), Some(target)))
}

/// The form of a target of which only the start is known.
fn cut_form(method: &str, start: &[u8]) -> Option<Form> {
    match (method, start) {
        (CONNECT, _) => name_start(start).map(|_| Form::Authority),
        (_, [b'/', ..]) => Some(Form::Origin),
        _ => Scheme::split(start).map(|(scheme, _)| Form::Absolute(scheme)),
    }
}

/// The target of a cut URI of which the authority is whole.
fn cut_absolute_target(form: Form, start: &[u8]) -> Option<Target> {
    let Form::Absolute(_) = form else {
        return None;
    };
    let (_, rest) = Scheme::split(start)?;
    let whole = rest.iter().any(|byte| b"/?#".contains(byte));
    whole.then(|| absolute(start)?.1).flatten()
}

impl Scheme {
    /// The scheme of a URI and what follows `://`.
    fn split(uri: &[u8]) -> Option<(Self, &[u8])> {
        let colon = uri.iter().position(|&byte| byte == b':')?;
        let (name, rest) = uri.split_at_checked(colon)?;
        let (scheme, ..) = SCHEMES
            .iter()
            .find(|(_, known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
        Some((*scheme, rest.strip_prefix(b"://")?))
    }

    /// The port that a URI of this scheme means where it names none.
    fn port(self) -> u16 {
        let known = SCHEMES.iter().find(|(scheme, ..)| *scheme == self);
        known.map_or(0, |(.., port)| *port)
    }
}

const SCHEMES: [(Scheme, &str, u16); 5] = [
    (Scheme::Http, "http", 80),
    (Scheme::Https, "https", 443),
    (Scheme::Ftp, "ftp", 21),
    (Scheme::Ws, "ws", 80),
    (Scheme::Wss, "wss", 443),
];
const VERSIONS: [&[u8]; 2] = [b"HTTP/1.1", b"HTTP/1.0"];
const RESPONSE: &[u8] = b"HTTP/1.";
const DELETE: u8 = 0x7f;

/// The method that asks for a tunnel.
pub(super) const CONNECT: &str = "CONNECT";

/// The methods in use: RFC 9110, WebDAV and its relatives, UPnP, RPC over HTTP, SSTP.
const METHODS: [&str; 41] = [
    "GET",
    "POST",
    CONNECT,
    "HEAD",
    "PUT",
    "OPTIONS",
    "DELETE",
    "PATCH",
    "TRACE",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "ACL",
    "BIND",
    "UNBIND",
    "REBIND",
    "CHECKIN",
    "CHECKOUT",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "VERSION-CONTROL",
    "BASELINE-CONTROL",
    "LINK",
    "UNLINK",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "M-SEARCH",
    "PURGE",
    "BPROPFIND",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "SSTP_DUPLEX_POST",
];
