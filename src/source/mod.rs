//! Where frames come from.

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
