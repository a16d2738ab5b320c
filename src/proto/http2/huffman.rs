//! The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B).

/// Decodes a string. `None` where it holds a code without a symbol, or ends in something else than fewer than eight
/// set bits.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len() * 8 / SHORTEST);
    let mut bits = Bits::of(bytes);
    while let Some((symbol, length)) = bits.symbol() {
        text.push(symbol);
        bits.pass(length);
    }
    bits.are_padding().then_some(text)
}

/// The bits that are not decoded yet.
struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// The next of them from the highest bit on, set bits behind the last.
    next: u64,
    /// How many of these are the string's.
    held: u32,
}

impl<'a> Bits<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let bytes = bytes.iter();
        let (next, held) = (u64::MAX, 0);
        let mut bits = Self { bytes, next, held };
        bits.fill();
        bits
    }

    /// Takes as many whole bytes as there is room for.
    fn fill(&mut self) {
        while self.held <= u64::BITS - 8
            && let Some(&byte) = self.bytes.next()
        {
            let place = u64::BITS - 8 - self.held;
            self.next ^= u64::from(!byte) << place;
            self.held += 8;
        }
    }

    /// The next symbol and the length of its code. The code is canonical: whatever is less than the end of the codes of one
    /// length is no longer than they are.
    fn symbol(&self) -> Option<(u8, u32)> {
        let next = u32::try_from(self.next >> 32).ok()?;
        let group = GROUPS.iter().find(|group| next < group.end)?;
        let place = (next - group.first) >> (u32::BITS - group.length);
        let symbol = *group.symbols.get(place as usize)?;
        (group.length <= self.held).then_some((symbol, group.length))
    }

    fn pass(&mut self, length: u32) {
        self.next = !(!self.next << length);
        self.held -= length;
        self.fill();
    }

    /// Whether a string may end here.
    fn are_padding(&self) -> bool {
        self.held < 8 && self.next == u64::MAX
    }
}

/// The codes of one length, in the order of their symbols, from the highest bit of 32 on.
struct Group {
    length: u32,
    first: u32,
    end: u32,
    symbols: &'static [u8],
}

/// The codes of one length are consecutive numbers, and the first of the next length follows the last one, made longer by
/// zeros.
const GROUPS: [Group; SYMBOLS.len()] = {
    let mut groups = [const {
        Group {
            length: 0,
            first: 0,
            end: 0,
            symbols: &[],
        }
    }; SYMBOLS.len()];
    let (mut rest, mut symbols) = (groups.as_mut_slice(), SYMBOLS.as_slice());
    let mut first = 0;
    while let (Some((group, groups)), Some(((length, of_length), longer))) =
        (rest.split_first_mut(), symbols.split_first())
    {
        let (mut end, mut left) = (first, *of_length);
        while let Some((_, others)) = left.split_first() {
            end += 1 << (u32::BITS - *length);
            left = others;
        }
        *group = Group {
            length: *length,
            first,
            end,
            symbols: of_length,
        };
        (rest, symbols, first) = (groups, longer, end);
    }
    groups
};

/// The length of the shortest code, in bits.
const SHORTEST: usize = 5;

/// Symbols by the length of their code in bits.
const SYMBOLS: [(u32, &[u8]); 21] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\x00$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
    (20, b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2"),
    (21, b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6"),
    (22, b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9"),
    (23, b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\xc5\xe7\xef"),
    (24, b"\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed"),
    (25, b"\xc7\xcf\xea\xeb"),
    (26, b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff"),
    (27, b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe"),
    (28, b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f\xdc\xf9"),
    (30, b"\x0a\x0d\x16"),
];

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7541, appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_rfc() {
        let cases: [(&[u8], &str); 4] = [
            (b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x64\x02", "302"),
            (b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ];
        for (bytes, text) in cases {
            assert_eq!(decode(bytes).as_deref(), Some(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn every_symbol_has_its_code() {
        let cases: [(&[u8], u8); 4] = [
            (b"\xff\xc7", b'\0'),
            (b"\xff\xff\xff\xf3", b'\n'),
            (b"\xff\xff\xfb\xbf", 0xff),
            (b"\xff\xff\xff\xcf", 0x7f),
        ];
        for (bytes, symbol) in cases {
            assert_eq!(decode(bytes), Some(vec![symbol]), "{bytes:02x?}");
        }
        let symbols: usize = SYMBOLS.iter().map(|(_, symbols)| symbols.len()).sum();
        assert_eq!(symbols, 256);
    }

    #[test]
    fn a_bad_ending_is_refused() {
        for bytes in [&b"\xff"[..], b"\xff\xff\xff\xff", b"\x00\x00", b"\x07\xff"] {
            assert_eq!(decode(bytes), None, "{bytes:02x?}");
        }
    }
}
