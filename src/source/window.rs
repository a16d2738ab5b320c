//! A refillable window on a stream of bytes.

use std::io::{self, BufRead, ErrorKind, Read};

/// The unread bytes of a stream, as many as were asked for.
///
/// A record is held, looked at where it lies and consumed: no byte is copied but the rest of a record that the end
/// of the buffer cut in two.
pub(super) struct Window {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the stream in front of the buffer.
    passed: u64,
    ending: Option<Ending>,
    pinned: bool,
}

/// Why a stream gives no more bytes.
#[derive(Debug)]
pub(super) enum Ending {
    /// It is over.
    Over,
    /// Reading or unpacking failed.
    Failed(io::Error),
}

impl Window {
    /// A window on `reader`, which is asked for as many bytes as fit.
    pub(super) fn new(reader: impl Read + Send + 'static) -> Self {
        Self {
            reader: Box::new(reader),
            buffer: vec![0; INITIAL_BYTES],
            start: 0,
            end: 0,
            passed: 0,
            ending: None,
            pinned: false,
        }
    }

    /// Reads on until at least `count` bytes are unread; false where the stream ends before. The buffer grows with
    /// what really comes, so a caller that caps `count` caps the memory.
    #[inline]
    pub(super) fn hold(&mut self, count: usize) -> bool {
        self.unread_bytes() >= count || (!self.pinned && self.fill(count))
    }

    /// The bytes held.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// While it is pinned nothing more is read, so that what was consumed meanwhile stays where it is.
    #[inline]
    pub(super) fn pin(&mut self, pinned: bool) {
        self.pinned = pinned;
    }

    /// Where the unread bytes start, for [`Window::from`].
    #[inline]
    pub(super) fn place(&self) -> usize {
        self.start
    }

    /// The bytes from a place on that was told since the window was pinned.
    #[inline]
    pub(super) fn from(&self, place: usize) -> &[u8] {
        self.buffer.get(place..self.end).unwrap_or_default()
    }

    /// Steps over `count` bytes that are held.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// How many bytes of the stream were consumed.
    pub(super) fn offset(&self) -> u64 {
        self.passed.saturating_add(self.start as u64)
    }

    /// Whether every byte was consumed.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Why the stream gave no more. Meant for a [`Window::hold`] that was refused.
    pub(super) fn ending(&mut self) -> Ending {
        self.ending.replace(Ending::Over).unwrap_or(Ending::Over)
    }

    fn unread_bytes(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    #[cold]
    fn fill(&mut self, count: usize) -> bool {
        while self.unread_bytes() < count && self.ending.is_none() {
            self.make_room(count);
            self.read_once();
        }
        self.unread_bytes() >= count
    }

    /// Grows twofold with what really comes, and not beyond `count` by more than a piece.
    fn make_room(&mut self, count: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.passed = self.offset();
        self.end = self.unread_bytes();
        self.start = 0;
        if self.end == self.buffer.len() {
            let enough = count.next_multiple_of(INITIAL_BYTES);
            let length = self.buffer.len().saturating_mul(2).min(enough);
            self.buffer
                .reserve_exact(length.saturating_sub(self.buffer.len()));
            self.buffer.resize(length, 0);
        }
    }

    fn read_once(&mut self) {
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.reader.read(room) {
            Ok(0) => self.ending = Some(Ending::Over),
            Ok(count) => self.end = self.end.saturating_add(count).min(self.buffer.len()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.ending = Some(Ending::Failed(error)),
        }
    }
}

/// So that a decompressor can read on where the magic bytes were looked at.
impl BufRead for Window {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.hold(1)
            && let Ending::Failed(error) = self.ending()
        {
            return Err(error);
        }
        Ok(self.unread())
    }

    fn consume(&mut self, count: usize) {
        Window::consume(self, count);
    }
}

impl Read for Window {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        Window::consume(self, count);
        Ok(count)
    }
}

/// Anything from 32 KiB to 1 MiB measures alike; each capture that is open holds one.
const INITIAL_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, interrupted before each.
    struct Dripping(Vec<u8>, bool);

    impl Read for Dripping {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = self.0.len().min(into.len()).min(1);
            into[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn holds_what_was_asked_for_however_it_comes() {
        let mut window = Window::new(Dripping(b"capture".to_vec(), false));
        assert!(window.hold(3));
        assert_eq!(window.unread(), b"cap");
        window.consume(2);
        assert!(window.hold(5));
        assert_eq!((window.unread(), window.offset()), (&b"pture"[..], 2));
        assert!(!window.hold(6));
        assert_eq!(window.unread(), b"pture");
        assert!(matches!(window.ending(), Ending::Over));
    }

    #[test]
    fn grows_for_a_long_record_and_keeps_the_offset() {
        let bytes: Vec<u8> = (0..3 * INITIAL_BYTES).map(|n| n as u8).collect();
        let mut window = Window::new(io::Cursor::new(bytes.clone()));
        window.hold(7);
        window.consume(7);
        assert!(window.hold(bytes.len() - 7));
        assert_eq!(window.unread(), &bytes[7..]);
        window.consume(usize::MAX);
        assert!(window.is_empty());
        assert_eq!(window.offset(), bytes.len() as u64);
    }

    #[test]
    fn keeps_what_came_before_a_failure() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::InvalidData.into())
            }
        }
        let mut window = Window::new(io::Cursor::new(b"ab").chain(Failing));
        assert!(!window.hold(3));
        assert_eq!(window.unread(), b"ab");
        assert!(matches!(window.ending(), Ending::Failed(_)));
    }
}
