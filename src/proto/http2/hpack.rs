//! HPACK (RFC 7541): header fields of one direction, with the table that both ends keep.

use std::collections::VecDeque;
use std::rc::Rc;

use super::huffman;
use crate::proto::cursor::Cursor;

/// What a decoder knows after the header blocks it has seen; each block must be shown to it, in order.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Newest first.
    entries: VecDeque<Field>,
    size: usize,
    capacity: usize,
}

/// Names and values are shared with the table: a field that refers to an entry costs no copy.
#[derive(Clone, Debug)]
struct Field {
    name: Rc<[u8]>,
    value: Rc<[u8]>,
}

impl Decoder {
    /// An empty table of the size that every connection begins with.
    pub(super) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            capacity: 4_096,
        }
    }

    /// Gives the name and the value of each field of a block. `None` if it cannot be decoded; the decoder is of no
    /// use then.
    pub(super) fn block(
        &mut self,
        block: &[u8],
        mut field: impl FnMut(&[u8], &[u8]),
    ) -> Option<()> {
        let mut cursor = Cursor::new(block);
        while let Some(first) = cursor.u8() {
            if let Some(read) = self.representation(first, &mut cursor)? {
                field(&read.name, &read.value);
            }
        }
        Some(())
    }

    /// Section 6. A change of the table's size brings no field.
    fn representation(&mut self, first: u8, cursor: &mut Cursor<'_>) -> Option<Option<Field>> {
        if first & 0x80 != 0 {
            let index = integer(cursor, first, 7)?;
            return self.entry(index).map(Some);
        }
        if first & 0xe0 == 0x20 {
            let capacity = integer(cursor, first, 5)?;
            return self.resize(capacity).map(|()| None);
        }
        let keep = first & 0x40 != 0;
        let index = integer(cursor, first, if keep { 6 } else { 4 })?;
        let name = match index {
            0 => string(cursor)?,
            index => self.entry(index)?.name,
        };
        let value = string(cursor)?;
        let field = Field { name, value };
        if keep {
            self.insert(field.clone());
        }
        Some(Some(field))
    }

    fn entry(&self, index: usize) -> Option<Field> {
        let index = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Some(Field {
                name: name.as_bytes().into(),
                value: value.as_bytes().into(),
            });
        }
        self.entries.get(index.checked_sub(STATIC.len())?).cloned()
    }

    fn insert(&mut self, field: Field) {
        self.size = self.size.saturating_add(field.size());
        self.entries.push_front(field);
        self.evict();
    }

    fn resize(&mut self, capacity: usize) -> Option<()> {
        self.capacity = (capacity <= LARGEST_TABLE).then_some(capacity)?;
        self.evict();
        Some(())
    }

    fn evict(&mut self) {
        while self.size > self.capacity {
            let Some(oldest) = self.entries.pop_back() else {
                return;
            };
            self.size = self.size.saturating_sub(oldest.size());
        }
    }
}

impl Field {
    /// Section 4.1.
    fn size(&self) -> usize {
        self.name.len() + self.value.len() + 32
    }
}

/// Section 5.1: what the low `bits` of the first byte hold, or begin.
fn integer(cursor: &mut Cursor<'_>, first: u8, bits: u32) -> Option<usize> {
    let most = (1 << bits) - 1;
    let mut number = usize::from(first) & most;
    if number < most {
        return Some(number);
    }
    for shift in [0, 7, 14] {
        let byte = cursor.u8()?;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Section 5.2.
fn string(cursor: &mut Cursor<'_>) -> Option<Rc<[u8]>> {
    let first = cursor.u8()?;
    let length = integer(cursor, first, 7)?;
    let bytes = cursor.take(length)?;
    if first & 0x80 == 0 {
        return Some(bytes.into());
    }
    huffman::decode(bytes).map(Rc::from)
}

/// What browsers ask for; the table of a hostile peer stays inside it too.
const LARGEST_TABLE: usize = 65_536;

/// Appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::text::hex;

    fn bytes(digits: &str) -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn decode(decoder: &mut Decoder, digits: &str) -> Option<Vec<String>> {
        let block = bytes(digits);
        assert_eq!(hex(&block), digits);
        let mut fields = Vec::new();
        decoder.block(&block, |name, value| {
            let [name, value] = [name, value].map(String::from_utf8_lossy);
            fields.push(format!("{name}: {value}"));
        })?;
        Some(fields)
    }

    // RFC 7541, appendix C.4: three requests of one connection.
    #[test]
    fn requests_of_the_rfc() {
        let mut decoder = Decoder::new();
        let cases = [
            (
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                4,
                ":authority: www.example.com",
            ),
            ("828684be5886a8eb10649cbf", 5, "cache-control: no-cache"),
            (
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
                5,
                "custom-key: custom-value",
            ),
        ];
        for (block, count, last) in cases {
            let fields = decode(&mut decoder, block).unwrap();
            assert_eq!(
                (fields.len(), fields.last().unwrap().as_str()),
                (count, last)
            );
        }
        assert_eq!((decoder.entries.len(), decoder.size), (3, 164));
    }

    #[test]
    fn a_table_forgets_the_oldest() {
        let mut decoder = Decoder::new();
        assert_eq!(decode(&mut decoder, "3f29"), Some(vec![]));
        decode(&mut decoder, "4001610162").unwrap();
        decode(&mut decoder, "4001630164").unwrap();
        assert_eq!(decode(&mut decoder, "bebf").unwrap(), ["c: d", "a: b"]);
        assert_eq!(decode(&mut decoder, "4001650166be").unwrap().len(), 2);
        assert_eq!(decode(&mut decoder, "c0"), None);
        assert_eq!(decode(&mut decoder, "20be"), None);
    }

    #[test]
    fn what_cannot_be_decoded() {
        let cases = [
            ("index 0", "80"),
            ("no such entry", "be"),
            ("an endless number", "ffffffffff"),
            ("a string beyond the block", "400361"),
            ("bad Huffman", "4082ffff00"),
            ("a huge table", "3fe1ffff7f"),
        ];
        for (name, block) in cases {
            assert_eq!(decode(&mut Decoder::new(), block), None, "{name}");
        }
    }
}
