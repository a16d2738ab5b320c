//! Text from the wire, made safe to keep and to print.

/// The first `limit` bytes as printable ASCII; whatever is not becomes `?`.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let bytes = bytes.get(..limit).unwrap_or(bytes);
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte);
    let plain = |&byte: &u8| if is_plain(byte) { byte } else { b'?' };
    String::from_utf8(bytes.iter().map(plain).collect()).unwrap_or_default()
}

/// Lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_kept() {
        let cases: [(&[u8], &str); 4] = [
            (b"OpenSSH_9.2p1 Debian-2", "OpenSSH_9.2p1 Debian-2"),
            (b"a\x1b[31m\r\n\0z", "a?[31m???z"),
            ("é".as_bytes(), "??"),
            (&[b'a'; 40], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ];
        for (bytes, text) in cases {
            assert_eq!(printable(bytes, 32), text);
        }
    }

    #[test]
    fn hex_is_lower_case_and_padded() {
        assert_eq!(hex(&[0x00, 0x0a, 0xff]), "000aff");
    }
}
