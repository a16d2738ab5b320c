//! STUN in datagrams (RFC 8489, section 5): who asks how it is seen from outside, and keeps its way open.

use super::cursor::Cursor;

/// Whether a datagram is a STUN message, by its header: one in 2^36 of random ones is. One that was cut is, too.
pub fn is_message(datagram: &[u8]) -> bool {
    body_bytes(datagram).is_some_and(|body| datagram.len() <= HEADER.saturating_add(body))
}

/// What the header says follows it.
fn body_bytes(datagram: &[u8]) -> Option<usize> {
    let mut cursor = Cursor::new(datagram);
    let (kind, body, cookie) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
    cursor.take(TRANSACTION)?;
    let is_stun = kind & NEVER_SET == 0 && body % WORD == 0 && cookie == MAGIC_COOKIE;
    is_stun.then_some(body.into())
}

const HEADER: usize = 20;
const TRANSACTION: usize = 12;
const MAGIC_COOKIE: u32 = 0x2112_a442;

/// The two highest bits of a type are zero, for protocols share the port (RFC 7983).
const NEVER_SET: u16 = 0xc000;
/// Attributes are padded to whole words.
const WORD: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A Binding request with SOFTWARE (RFC 5769, section 2.1, cut to its first attribute).
    const REQUEST: &[u8] =
        b"\0\x01\0\x14\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
        \x80\x22\0\x10STUN test client";

    #[test]
    fn a_header_tells() {
        let mut longer = REQUEST.to_vec();
        longer.push(0);
        let changed = |at: usize, to: u8| {
            let mut datagram = REQUEST.to_vec();
            datagram[at] = to;
            datagram
        };
        let cases = [
            ("request", REQUEST.to_vec(), true),
            ("response", changed(0, 1), true),
            ("more than it says", longer, false),
            ("of RFC 3489", changed(4, 0), false),
            ("of DTLS", changed(0, 0x40), false),
            ("no whole words", changed(3, 0x15), false),
            ("nothing", Vec::new(), false),
        ];
        for (name, datagram, is_stun) in cases {
            assert_eq!(is_message(&datagram), is_stun, "{name}");
        }
    }

    #[test]
    fn a_message_that_was_cut_is_one() {
        for length in 0..REQUEST.len() {
            let is_header = length >= HEADER;
            assert_eq!(is_message(&REQUEST[..length]), is_header, "{length}");
        }
    }
}
