//! What was read, and what could not be.

use std::fmt;

use super::compression::Compression;
use super::foreign::Foreign;

/// The books of a run's sources. Nothing is lost without a line in them.
#[derive(Clone, Debug, Default)]
pub struct SourceAccount {
    /// Captures that were opened.
    pub captures: u64,
    /// Interfaces that were listened to.
    pub interfaces: Vec<InterfaceAccount>,
    /// Frames that were handed out.
    pub frames: u64,
    /// Captured bytes in these frames.
    pub bytes: u64,
    /// Blocks that were stepped over and may have held a frame or what a frame needs: one count per [`Loss`].
    pub losses: [u64; Loss::ALL.len()],
    /// Captures that could not be read to their end.
    pub cuts: Listing<Cut>,
    /// Files in the named directories that are not captures.
    pub strangers: Listing<Stranger>,
}

impl SourceAccount {
    /// How many blocks were lost for this reason.
    pub fn lost(&self, loss: Loss) -> u64 {
        self.losses.get(loss as usize).copied().unwrap_or_default()
    }

    /// Counts a block that was stepped over.
    pub(super) fn lose(&mut self, loss: Loss) {
        if let Some(count) = self.losses.get_mut(loss as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds what another ring of the same interfaces had. What happened to an interface was told by this one already.
    pub fn add(&mut self, ring: &Self) {
        self.frames = self.frames.saturating_add(ring.frames);
        self.bytes = self.bytes.saturating_add(ring.bytes);
        for (interface, more) in self.interfaces.iter_mut().zip(&ring.interfaces) {
            interface.add(more);
        }
    }

    /// Counts a frame that is handed out.
    #[inline]
    pub(super) fn hand_out(&mut self, bytes: usize) {
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}

/// What became of the frames of an interface: `passed = read + dropped + unread`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceAccount {
    /// The interface.
    pub name: String,
    /// Frames that passed the filter, as the kernel counts.
    pub passed: u64,
    /// Frames that were read.
    pub read: u64,
    /// Frames that the kernel dropped because the buffer was full.
    pub dropped: u64,
    /// How often the buffer became full, where the kernel says.
    pub freezes: u64,
    /// Frames that the interface or its driver dropped, before the filter.
    pub dropped_before: u64,
    /// How often it was down or gone while it was listened to.
    pub outages: u64,
    /// Why it is listened to no longer.
    pub lost: Option<String>,
}

impl InterfaceAccount {
    fn add(&mut self, ring: &Self) {
        self.passed = self.passed.saturating_add(ring.passed);
        self.read = self.read.saturating_add(ring.read);
        self.dropped = self.dropped.saturating_add(ring.dropped);
        self.freezes = self.freezes.saturating_add(ring.freezes);
    }

    /// Frames that were in the buffer when the listening ended.
    pub fn unread(&self) -> u64 {
        let known = self.read.saturating_add(self.dropped);
        self.passed.saturating_sub(known)
    }
}

/// Why a pcapng block was stepped over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A packet of an interface that the section did not describe.
    UndescribedInterface,
    /// A packet or interface block whose fields contradict its length.
    MalformedBlock,
    /// A block of a section whose version is not known.
    UnknownVersion,
}

impl Loss {
    /// Each reason, in the order of [`SourceAccount::losses`].
    pub const ALL: [Self; 3] = [
        Self::UndescribedInterface,
        Self::MalformedBlock,
        Self::UnknownVersion,
    ];

    /// The reason's name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UndescribedInterface => "undescribed-interface",
            Self::MalformedBlock => "malformed-block",
            Self::UnknownVersion => "unknown-version",
        }
    }
}

/// The place where the reading of a capture stopped before its end. What came before it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The capture.
    pub capture: String,
    /// Frames that were read before it.
    pub frames: u64,
    /// Its place in the capture, in bytes; in the unpacked capture where it is packed.
    pub offset: u64,
    /// What was found there.
    pub damage: Damage,
}

/// `a.pcap: stopped at byte 1234, after 5 frames: the capture ends inside a record`
impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            capture,
            frames,
            offset,
            damage,
        } = self;
        let ending = if *frames == 1 { "" } else { "s" };
        write!(
            f,
            "{capture}: stopped at byte {offset}, after {frames} frame{ending}: {damage}"
        )
    }
}

/// Why a capture cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It ends inside a record.
    Tail,
    /// A record claims a length, in bytes, that no record has.
    Length(u64),
    /// A pcapng section starts without a known byte order.
    ByteOrder,
    /// The packed stream ends early or is damaged.
    Packing(Compression),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tail => f.write_str("the capture ends inside a record"),
            Self::Length(bytes) => {
                write!(f, "a record claims the impossible length of {bytes} bytes")
            }
            Self::ByteOrder => f.write_str("a section starts without a known byte order"),
            Self::Packing(compression) => {
                write!(f, "the {compression} stream is cut off or damaged")
            }
        }
    }
}

/// A file that is not a capture, beside others that are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The file.
    pub name: String,
    /// What it looks like; nothing where it is no file that can be looked at (a socket, a dangling link).
    pub foreign: Option<Foreign>,
}

/// `README.md: not a capture: it is text`
impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.foreign {
            Some(foreign) => write!(f, "{}: not a capture: {foreign}", self.name),
            None => write!(f, "{}: not a file", self.name),
        }
    }
}

/// The first few of many, and how many there were.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    first: Vec<T>,
    count: u64,
}

impl<T> Listing<T> {
    /// The first sixteen, in the order they were met.
    pub fn first(&self) -> &[T] {
        &self.first
    }

    /// How many there were in all.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds one.
    pub(crate) fn push(&mut self, item: T) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < LISTED {
            self.first.push(item);
        }
    }
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            count: 0,
        }
    }
}

const LISTED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_capped_and_counts_on() {
        let mut listing = Listing::default();
        (0..100).for_each(|n| listing.push(n));
        assert_eq!((listing.count(), listing.first().len()), (100, LISTED));
        assert_eq!(listing.first().last(), Some(&15));
    }

    #[test]
    fn each_loss_has_its_own_count() {
        for loss in Loss::ALL {
            let mut account = SourceAccount::default();
            account.lose(loss);
            assert_eq!(account.lost(loss), 1, "{}", loss.name());
            assert_eq!(account.losses.iter().sum::<u64>(), 1);
        }
    }

    #[test]
    fn a_cut_is_a_sentence() {
        let cut = Cut {
            capture: "a.pcap".into(),
            frames: 5,
            offset: 1234,
            damage: Damage::Tail,
        };
        assert_eq!(
            cut.to_string(),
            "a.pcap: stopped at byte 1234, after 5 frames: the capture ends inside a record"
        );
    }
}
