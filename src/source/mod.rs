//! Where frames come from: captures, or the network.
//!
//! A [`Source`] gives frames. [`Inputs::collect`] turns what the user named into a list of captures; [`Captures::open`] reads them as one run,
//! ordered by time; [`Live`] listens to network interfaces; [`SourceAccount`] says what was read and what could not be.
//!
//! ```no_run
//! use hopscope::source::{Captures, Inputs};
//!
//! let inputs = Inputs::collect(&["captures/".into()])?;
//! let mut captures = Captures::open(inputs)?;
//! while let Some(frame) = captures.next_frame()? {
//!     println!("{} {} bytes", frame.time, frame.wire_bytes);
//! }
//! # Ok::<(), hopscope::source::SourceError>(())
//! ```
//!
//! Below that, a capture is a `window` of bytes (unpacked where the file is compressed), a format that finds the
//! records in it (`pcap`, `pcapng`), and the record it stands at (`file`).

mod account;
mod compression;
mod error;
mod fields;
mod file;
mod foreign;
mod inputs;
pub mod live;
mod merge;
mod pcap;
mod pcapng;
mod pipe;
#[cfg(test)]
pub(crate) mod samples;
mod ticks;
mod window;

pub use account::{Cut, Damage, InterfaceAccount, Listing, Loss, SourceAccount, Stranger};
pub use compression::Compression;
pub use error::SourceError;
pub use foreign::{Content, Foreign};
pub use inputs::{BUDGET, EXPECTATIONS, Input, Inputs, files_below};
pub use live::Live;
pub use merge::Captures;

use crate::time::Timestamp;

/// Where the frames of a run come from.
pub trait Source {
    /// Gets the next frames ready, at most `most`: one that may have to be waited for, and those behind it that are
    /// there.
    ///
    /// # Errors
    ///
    /// If the operating system fails to read on. What is wrong inside a capture ends that capture and is a line in
    /// the account.
    fn proceed(&mut self, most: usize) -> Result<Arrival, SourceError>;

    /// The frames that were got ready last.
    fn frames(&self) -> impl Iterator<Item = Frame<'_>>;

    /// When frames were lost on their way here, since this was last asked.
    fn take_missed(&mut self) -> Option<Missed> {
        None
    }

    /// Brings the account up to date.
    fn settle(&mut self) {}

    /// What was read so far, and what could not be.
    fn account(&self) -> &SourceAccount;
}

/// One of several sources of a run, each of which has a part of its frames, in order of time.
///
/// The first leads: it goes on by itself ([`Source::proceed`]). The others follow it ([`Ring::proceed_until`]).
pub trait Ring: Source + Send {
    /// Gets the next frames ready that are no younger than `until`; [`Arrival::Idle`] once all of them were given, and whatever
    /// comes later is most likely younger.
    ///
    /// # Errors
    ///
    /// As [`Source::proceed`].
    fn proceed_until(&mut self, most: usize, until: Timestamp) -> Result<Arrival, SourceError>;
}

/// What comes next from a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Frames, at least one.
    Frames,
    /// Nothing for now: whatever comes later is most likely of this moment or newer.
    Idle(Timestamp),
    /// Nothing any more.
    Over,
}

/// A stretch of time in which frames were lost before they could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// No frame was lost shortly before this.
    pub from: Timestamp,
    /// The loss was known here.
    pub to: Timestamp,
}

impl Missed {
    /// The shortest stretch that covers both.
    pub fn and(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
        }
    }
}

/// A frame as it was captured, borrowed from its source until the next one is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When the frame was captured, as the capture says.
    pub time: Timestamp,
    /// The link layer it starts with: a pcap `LINKTYPE_` number.
    pub link: LinkType,
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// How long the frame was on the wire, in bytes; at least `bytes.len()`.
    pub wire_bytes: u32,
}

/// A pcap `LINKTYPE_` number (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);
