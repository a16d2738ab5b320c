//! What the first payload of a side looks like, where no parser knows it.

use crate::proto::{Side, openvpn, random};

/// What the first payload of a side looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum First {
    /// Nothing of the others, or it was not seen.
    #[default]
    Other,
    /// The beginning of an OpenVPN session.
    OpenVpn,
    /// Nothing but chance.
    Random,
    /// A server's answer to somebody who speaks another protocol.
    Refusal,
}

impl First {
    /// Of the captured bytes of a payload that had so many.
    pub fn of(side: Side, payload: &[u8], sent_bytes: u32) -> Self {
        if side == Side::Server && refuses(payload) {
            Self::Refusal
        } else if openvpn::opens(side, payload, sent_bytes) {
            Self::OpenVpn
        } else if random::looks_random(payload) {
            Self::Random
        } else {
            Self::Other
        }
    }
}

/// An alert of TLS (RFC 8446, section 6), or what a web server says to what is no request (RFC 9110, section 15.5.1).
fn refuses(payload: &[u8]) -> bool {
    let is_bad_request = |rest: &[u8]| rest.get(1..5) == Some(b" 400");
    payload.starts_with(b"\x15\x03") || payload.strip_prefix(b"HTTP/1.").is_some_and(is_bad_request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_what_servers_say() {
        use Side::{Client, Server};
        let cases: [(&[u8], Side, First); 6] = [
            (b"\x15\x03\x03\0\x02\x02\x28", Server, First::Refusal),
            (b"\x15\x03\x03\0\x02\x02\x28", Client, First::Other),
            (b"HTTP/1.1 400 Bad Request\r\n", Server, First::Refusal),
            (b"HTTP/1.1 404 Not Found\r\n", Server, First::Other),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Server, First::Other),
            (b"", Server, First::Other),
        ];
        for (payload, side, expected) in cases {
            assert_eq!(First::of(side, payload, 7), expected, "{payload:?}");
        }
    }
}
