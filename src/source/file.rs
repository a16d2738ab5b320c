//! One capture, whatever its format and packing.

use std::fs::File;
use std::io;
use std::path::Path;

use super::account::{Cut, Damage, Loss, SourceAccount};
use super::compression::Compression;
use super::error::SourceError;
use super::foreign::{Content, Foreign};
use super::pcap::{self, Pcap};
use super::pcapng::Pcapng;
use super::window::{Ending, Window};
use super::{Frame, LinkType};
use crate::time::Timestamp;

/// A capture that stands at one of its frames, or before the first.
pub(super) struct Capture {
    name: String,
    compression: Option<Compression>,
    format: Format,
    window: Window,
    record: Record,
    frames: u64,
}

/// A record that lies whole at the start of a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// When the frame was captured.
    pub(super) time: Timestamp,
    /// The frame's link type.
    pub(super) link: LinkType,
    /// The frame's length on the wire, as the record says.
    pub(super) wire_bytes: u32,
    /// Where in the record the frame starts.
    pub(super) frame_at: usize,
    /// The frame's captured length.
    pub(super) frame_bytes: usize,
    /// Where in the window it starts.
    pub(super) place: usize,
}

/// What a format finds at the start of a window.
#[derive(Debug)]
pub(super) enum Step {
    /// A frame.
    Frame {
        /// Where.
        record: Record,
        /// The length of the record.
        bytes: usize,
    },
    /// Something else, to be stepped over.
    Over {
        /// Its length.
        bytes: usize,
        /// What is lost with it.
        loss: Option<Loss>,
    },
    /// Not a whole record; nothing more comes.
    Dry,
    /// Nothing that can be read on.
    Stop(Damage),
}

impl Step {
    /// A step over `bytes`.
    pub(super) fn over(bytes: usize, loss: Option<Loss>) -> Self {
        Self::Over { bytes, loss }
    }
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Capture {
    /// Opens the file, pipe or device at `path`.
    pub(super) fn open(name: &str, path: &Path) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(|cause| SourceError::reading(name, cause))?;
        Self::read(name, file)
    }

    /// Reads the header of a capture, after unpacking.
    pub(super) fn read(
        name: &str,
        reader: impl io::Read + Send + 'static,
    ) -> Result<Self, SourceError> {
        let reading = |cause| SourceError::reading(name, cause);
        let mut window = Window::new(reader);
        window.hold(LONGEST_MAGIC);
        let compression = Compression::recognise(window.unread());
        if let Some(compression) = compression {
            window = compression.unpack(window).map_err(reading)?;
        }
        let format = match Format::recognise(&mut window) {
            Ok(format) => format,
            Err(content) => return Err(refuse(name, compression, content, window.ending())),
        };
        Ok(Self {
            name: name.to_owned(),
            compression,
            format,
            window,
            record: NO_RECORD,
            frames: 0,
        })
    }

    /// Steps to the next frame; false at the end of the capture. What is lost on the way goes into `account`.
    #[inline]
    pub(super) fn advance(&mut self, account: &mut SourceAccount) -> Result<bool, SourceError> {
        loop {
            match self.format.next(&mut self.window) {
                Step::Frame { record, bytes } => return Ok(self.stand_at(record, bytes)),
                Step::Over { bytes, loss } => self.step_over(bytes, loss, account),
                Step::Dry => return self.end(account),
                Step::Stop(damage) => return Ok(self.cut(damage, account)),
            }
        }
    }

    /// While it is pinned it leaves frames where they are, and goes no further than to the last that is there.
    #[inline]
    pub(super) fn pin(&mut self, pinned: bool) {
        self.window.pin(pinned);
    }

    /// Steps to the next frame if that lies in the window already; of a capture that is pinned.
    #[inline]
    pub(super) fn advance_in_place(&mut self, account: &mut SourceAccount) -> bool {
        loop {
            match self.format.next(&mut self.window) {
                Step::Frame { record, bytes } => return self.stand_at(record, bytes),
                Step::Over { bytes, loss } => self.step_over(bytes, loss, account),
                Step::Dry | Step::Stop(_) => return false,
            }
        }
    }

    /// The frame stays where it is until more is read.
    #[inline]
    fn stand_at(&mut self, record: Record, bytes: usize) -> bool {
        let place = self.window.place();
        self.record = Record { place, ..record };
        self.window.consume(bytes);
        self.frames = self.frames.saturating_add(1);
        true
    }

    /// The record it stands at.
    #[inline]
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// The frame in a record that it stood at since [`Capture::advance`].
    #[inline]
    pub(super) fn frame(&self, record: &Record) -> Frame<'_> {
        let bytes = self.window.from(record.place);
        let bytes = bytes.get(record.frame_at..).unwrap_or_default();
        let bytes = bytes.get(..record.frame_bytes).unwrap_or(bytes);
        Frame {
            time: record.time,
            link: record.link,
            bytes,
            wire_bytes: record
                .wire_bytes
                .max(u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
        }
    }

    /// The time of the frame it stands at.
    pub(super) fn time(&self) -> Timestamp {
        self.record.time
    }

    fn step_over(&mut self, bytes: usize, loss: Option<Loss>, account: &mut SourceAccount) {
        self.window.consume(bytes);
        if let Some(loss) = loss {
            account.lose(loss);
        }
    }

    #[cold]
    fn end(&mut self, account: &mut SourceAccount) -> Result<bool, SourceError> {
        match (self.window.ending(), self.compression) {
            (Ending::Over, _) if self.window.is_empty() => Ok(false),
            (Ending::Over, _) => Ok(self.cut(Damage::Tail, account)),
            (Ending::Failed(cause), Some(compression)) if is_unpacking(&cause) => {
                Ok(self.cut(Damage::Packing(compression), account))
            }
            (Ending::Failed(cause), _) => Err(SourceError::reading(&self.name, cause)),
        }
    }

    #[cold]
    fn cut(&mut self, damage: Damage, account: &mut SourceAccount) -> bool {
        account.cuts.push(Cut {
            capture: self.name.clone(),
            frames: self.frames,
            offset: self.window.offset(),
            damage,
        });
        false
    }
}

impl Format {
    fn recognise(window: &mut Window) -> Result<Self, Content> {
        window.hold(LONGEST_MAGIC);
        if let Some(variant) = pcap::Variant::recognise(window.unread()) {
            return Pcap::open(variant, window).map(Self::Pcap);
        }
        if Pcapng::recognise(window.unread()) {
            return Pcapng::open(window).map(Self::Pcapng);
        }
        Err(Content::of(window.unread()))
    }

    #[inline]
    fn next(&mut self, window: &mut Window) -> Step {
        match self {
            Self::Pcap(pcap) => pcap.next(window),
            Self::Pcapng(pcapng) => pcapng.next(window),
        }
    }
}

fn refuse(
    name: &str,
    compression: Option<Compression>,
    content: Content,
    ending: Ending,
) -> SourceError {
    let content = match ending {
        Ending::Failed(cause) if compression.is_none() || !is_unpacking(&cause) => {
            return SourceError::reading(name, cause);
        }
        Ending::Failed(_) => Content::Broken,
        Ending::Over => content,
    };
    SourceError::NotACapture {
        name: name.to_owned(),
        foreign: Foreign {
            compression,
            content,
        },
    }
}

/// Whether a failure is the decompressor's and not the operating system's.
fn is_unpacking(cause: &io::Error) -> bool {
    cause.raw_os_error().is_none()
}

/// What a capture stands at before its first frame.
const NO_RECORD: Record = Record {
    time: Timestamp::MIN,
    link: LinkType(0),
    wire_bytes: 0,
    frame_at: 0,
    frame_bytes: 0,
    place: 0,
};

const LONGEST_MAGIC: usize = 4;

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;
    use crate::source::fields::ByteOrder;
    use crate::source::samples::{PcapFile, PcapngFile};

    /// A frame as nanoseconds, link type, bytes and length on the wire.
    pub(in crate::source) type Seen = (i64, u16, Vec<u8>, u32);

    #[derive(Debug)]
    pub(in crate::source) struct Read {
        pub(in crate::source) frames: Vec<Seen>,
        pub(in crate::source) account: SourceAccount,
    }

    pub(in crate::source) fn read(bytes: &[u8]) -> Result<Read, SourceError> {
        let mut capture = Capture::read("sample", io::Cursor::new(bytes.to_vec()))?;
        let (mut frames, mut account) = (Vec::new(), SourceAccount::default());
        while capture.advance(&mut account)? {
            let frame = capture.frame(capture.record());
            account.hand_out(frame.bytes.len());
            frames.push((
                frame.time.nanos(),
                frame.link.0,
                frame.bytes.to_vec(),
                frame.wire_bytes,
            ));
        }
        Ok(Read { frames, account })
    }

    fn sample() -> Vec<u8> {
        (0..600_u32)
            .fold(PcapFile::usual(), |file, n| {
                let noise = n.wrapping_mul(2_654_435_761).to_be_bytes();
                file.record(n, 0, &noise.repeat(n as usize), 4 * n)
            })
            .bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    #[test]
    fn a_packed_capture_reads_as_the_plain_one() {
        let plain = sample();
        let (front, back) = plain.split_at(plain.len() / 3);
        let skippable = [
            &[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4],
            &zstd(&plain)[..],
        ]
        .concat();
        let cases = [
            ("gzip", gzip(&plain)),
            ("two gzip members", [gzip(front), gzip(back)].concat()),
            ("zstd", zstd(&plain)),
            ("two zstd frames", [zstd(front), zstd(back)].concat()),
            ("a skippable zstd frame before it", skippable),
        ];
        let expected = read(&plain).unwrap().frames;
        for (name, packed) in cases {
            let read = read(&packed).unwrap();
            assert_eq!(read.frames, expected, "{name}");
            assert_eq!(read.account.cuts.count(), 0, "{name}");
        }
    }

    #[test]
    fn a_packed_capture_that_breaks_off_keeps_what_came_before() {
        let plain = sample();
        let whole = read(&plain).unwrap().frames;
        for (packed, compression) in [
            (gzip(&plain), Compression::Gzip),
            (zstd(&plain), Compression::Zstd),
        ] {
            for length in (packed.len() / 2..packed.len()).step_by(97) {
                let Read { frames, account } = read(&packed[..length]).unwrap();
                assert!(whole.starts_with(&frames), "{compression} {length}");
                assert_eq!(account.cuts.first()[0].damage, Damage::Packing(compression));
            }
        }
        let cut = gzip(&plain);
        assert!(read(&cut[..cut.len() * 3 / 4]).unwrap().frames.len() > 100);
    }

    #[test]
    fn what_is_not_a_capture_is_refused_with_its_look() {
        let pcapng = PcapngFile::new(ByteOrder::Big).bytes;
        let mut odd = PcapFile::usual().bytes;
        odd[4] = 9;
        let cases: [(Vec<u8>, &str); 9] = [
            (vec![], "it is empty"),
            (b"hello\n".to_vec(), "it is text"),
            (vec![0; 99], "its first bytes are of no known kind"),
            (
                pcapng[..20].to_vec(),
                "it is cut off inside its first header",
            ),
            (
                PcapFile::usual().bytes[..23].to_vec(),
                "it is cut off inside its first header",
            ),
            (odd, "its header has a version that is not known"),
            (gzip(b"hello\n"), "it is text, packed with gzip"),
            (zstd(b""), "it is empty, packed with zstd"),
            (
                gzip(&sample())[..12].to_vec(),
                "it cannot be unpacked, packed with gzip",
            ),
        ];
        for (bytes, look) in cases {
            let sentence = read(&bytes).unwrap_err().to_string();
            assert_eq!(
                sentence,
                format!("sample is not a pcap or pcapng capture: {look}")
            );
        }
    }

    #[test]
    fn an_error_of_the_operating_system_is_an_error() {
        struct Unplugged;
        impl io::Read for Unplugged {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        let bytes = PcapFile::usual().bytes;
        for start in [vec![], bytes.clone(), gzip(&bytes)[..20].to_vec()] {
            let reader = io::Read::chain(io::Cursor::new(start), Unplugged);
            let outcome = Capture::read("disk", reader)
                .and_then(|mut capture| capture.advance(&mut SourceAccount::default()));
            assert!(matches!(outcome, Err(SourceError::Unreadable { .. })));
        }
    }
}
