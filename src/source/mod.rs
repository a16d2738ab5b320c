//! Where frames come from.
//!
//! [`Inputs::collect`] turns what the user named into a list of captures; [`Captures::open`] reads them as one run,
//! ordered by time; [`SourceAccount`] says what was read and what could not be.
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
mod merge;
mod pcap;
mod pcapng;
mod pipe;
#[cfg(test)]
pub(crate) mod samples;
mod ticks;
mod window;

pub use account::{Cut, Damage, Listing, Loss, SourceAccount, Stranger};
pub use compression::Compression;
pub use error::SourceError;
pub use foreign::{Content, Foreign};
pub use inputs::{Input, Inputs, files_below};
pub use merge::Captures;

use crate::time::Timestamp;

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
