//! SIP in datagrams (RFC 3261, section 7): who can be called, and who calls.

use super::cursor::Cursor;

/// Whether a datagram begins with the first line of a SIP message, request or response.
pub fn is_message(datagram: &[u8]) -> bool {
    let line = Cursor::new(datagram).until(b'\n');
    let line = line.and_then(|line| line.strip_suffix(b"\r"));
    line.is_some_and(|line| is_status(line) || is_request(line))
}

/// `SIP/2.0 200 OK` (section 7.2).
fn is_status(line: &[u8]) -> bool {
    let code = line
        .strip_prefix(VERSION)
        .and_then(<[u8]>::first_chunk::<5>);
    matches!(
        code,
        Some([b' ', b'1'..=b'6', b'0'..=b'9', b'0'..=b'9', b' '])
    )
}

/// `OPTIONS sip:b SIP/2.0` (section 7.1).
fn is_request(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == b' ');
    let (method, whom, version) = (words.next(), words.next(), words.next());
    method.is_some_and(is_method)
        && whom.is_some_and(is_address)
        && version == Some(VERSION)
        && words.next().is_none()
}

fn is_method(word: &[u8]) -> bool {
    (1..=LONGEST_METHOD).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase)
}

fn is_address(word: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| {
        let begins = word.split_at_checked(scheme.len());
        begins.is_some_and(|(begin, rest)| begin.eq_ignore_ascii_case(scheme) && !rest.is_empty())
    })
}

const VERSION: &[u8] = b"SIP/2.0";
/// What may be called (section 19.1, RFC 3966).
const SCHEMES: [&[u8]; 3] = [b"sip:", b"sips:", b"tel:"];
/// `SUBSCRIBE` is the longest that is registered.
const LONGEST_METHOD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_tells() {
        let cases: [(&[u8], bool); 15] = [
            (b"OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n", true),
            (b"REGISTER sips:example.test SIP/2.0\r\n", true),
            (b"INVITE TEL:+1-201-555-0123 SIP/2.0\r\n", true),
            (b"SIP/2.0 200 OK\r\n\r\n", true),
            (b"SIP/2.0 401 \r\n\r\n", true),
            (b"SIP/2.0 200\r\n\r\n", false),
            (b"SIP/2.0 20x OK\r\n\r\n", false),
            (b"SIP/2.0 700 OK\r\n\r\n", false),
            (b"OPTIONS sip:b SIP/2.0\n", false),
            (b"OPTIONS sip:b SIP/2.0", false),
            (b"OPTIONS sip: SIP/2.0\r\n", false),
            (b"OPTIONS sip:b  SIP/2.0\r\n", false),
            (b"OPTIONS sip:b HTTP/1.1\r\n", false),
            (b"options sip:b SIP/2.0\r\n", false),
            (
                b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n",
                false,
            ),
        ];
        for (datagram, is_sip) in cases {
            assert_eq!(is_message(datagram), is_sip, "{}", datagram.escape_ascii());
        }
    }

    #[test]
    fn a_message_that_was_cut_behind_its_first_line_is_one() {
        let message = b"OPTIONS sip:b SIP/2.0\r\nContent-Length: 0\r\n\r\n";
        for length in 0..message.len() {
            let has_line = length >= 23;
            assert_eq!(is_message(&message[..length]), has_line, "{length}");
        }
    }
}
