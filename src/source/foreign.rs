//! What a file that is not a capture looks like.

use std::fmt;

use super::compression::Compression;

/// What was found where a capture was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// How the file is packed, if it is.
    pub compression: Option<Compression>,
    /// What is in it.
    pub content: Content,
}

/// The look of a file's first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing at all.
    Empty,
    /// A pcap or pcapng header that is not all there.
    CutHeader,
    /// A pcap or pcapng header of a version that nobody writes.
    OddVersion,
    /// A compressed stream that cannot be unpacked.
    Broken,
    /// An archive of a kind that is not read.
    Archive(&'static str),
    /// A capture of a kind that is not read.
    OtherCapture(&'static str),
    /// What Git keeps in the place of a large file that was not fetched.
    Pointer,
    /// Text.
    Text,
    /// None of these.
    Noise,
}

impl Content {
    /// What the first bytes of a stream look like, given that they do not start a capture.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let sample = bytes.get(..SAMPLE_BYTES).unwrap_or(bytes);
        if sample.is_empty() {
            return Self::Empty;
        }
        SIGNATURES
            .iter()
            .find(|(signature, _)| sample.starts_with(signature))
            .map(|&(_, content)| content)
            .unwrap_or_else(|| Self::prose_or_noise(sample))
    }

    fn prose_or_noise(sample: &[u8]) -> Self {
        let printable = |&byte: &u8| matches!(byte, b'\t'..=b'\r' | b' '..=b'~' | 0x80..);
        if sample.iter().all(printable)
            && std::str::from_utf8(sample).map_or_else(only_cut, |_| true)
        {
            return Self::Text;
        }
        Self::Noise
    }
}

/// Whether text ends inside a character rather than holding a wrong one.
fn only_cut(error: std::str::Utf8Error) -> bool {
    error.error_len().is_none()
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.compression {
            Some(compression) => write!(f, "{}, packed with {compression}", self.content),
            None => self.content.fmt(f),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::CutHeader => f.write_str("it is cut off inside its first header"),
            Self::OddVersion => f.write_str("its header has a version that is not known"),
            Self::Broken => f.write_str("it cannot be unpacked"),
            Self::Archive(kind) => write!(f, "it is {kind}; unpack it first"),
            Self::OtherCapture(kind) => write!(f, "it is {kind}; convert it with editcap first"),
            Self::Pointer => f.write_str("it is a pointer of Git LFS; run `git lfs pull`"),
            Self::Text => f.write_str("it is text"),
            Self::Noise => f.write_str("its first bytes are of no known kind"),
        }
    }
}

const SAMPLE_BYTES: usize = 512;

const SIGNATURES: &[(&[u8], Content)] = &[
    (b"PK\x03\x04", Content::Archive("a zip archive")),
    (b"\xfd7zXZ\0", Content::Archive("an xz file")),
    (b"BZh", Content::Archive("a bzip2 file")),
    (b"7z\xbc\xaf\x27\x1c", Content::Archive("a 7z archive")),
    (b"\x04\x22\x4d\x18", Content::Archive("an lz4 file")),
    (b"\x1f\x8b", Content::Archive("a gzip file")),
    (b"\x28\xb5\x2f\xfd", Content::Archive("a zstd file")),
    (b"snoop\0\0\0", Content::OtherCapture("a snoop capture")),
    (b"GMBU", Content::OtherCapture("a Network Monitor capture")),
    (b"RTSS", Content::OtherCapture("a Network Monitor capture")),
    (b"version https://git-lfs", Content::Pointer),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_bytes_look_like() {
        let cut_character = [&[b'a'; SAMPLE_BYTES - 1], "é".as_bytes()].concat();
        let cases: [(&[u8], Content); 10] = [
            (b"", Content::Empty),
            (b"{\"a\": 1}\n", Content::Text),
            ("größe".as_bytes(), Content::Text),
            (&cut_character, Content::Text),
            (b"\xff\xfeabc", Content::Noise),
            (b"\0\0\0\0", Content::Noise),
            (b"PK\x03\x04\x14", Content::Archive("a zip archive")),
            (b"snoop\0\0\0\0", Content::OtherCapture("a snoop capture")),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                Content::Pointer,
            ),
            (b"BZh91AY", Content::Archive("a bzip2 file")),
        ];
        for (bytes, content) in cases {
            assert_eq!(Content::of(bytes), content, "{bytes:?}");
        }
    }

    #[test]
    fn reads_as_half_a_sentence() {
        let foreign = Foreign {
            compression: Some(Compression::Gzip),
            content: Content::Text,
        };
        assert_eq!(foreign.to_string(), "it is text, packed with gzip");
    }
}
