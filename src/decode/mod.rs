//! From a frame to the segment inside it.
//!
//! [`Decoder::decode`] takes the encapsulation off a frame, layer by layer, and gives its innermost transport header
//! and payload: a [`Segment`]. Lengths are believed in this order: UDP within IP, IP before the frame; what the capture
//! cut off is missing from the payload and still counted in its length. Checksums are not verified, because a host's
//! own capture sees its packets before the network card has filled them in.
//!
//! Every frame ends as exactly one [`Outcome`], and no frame costs more than a bounded number of headers. IP fragments
//! are held until their datagram is whole; a fragment is never decoded alone. A tunnel whose inside does not decode is
//! a segment of the tunnel's own transport.

mod address;
mod copy;
mod encapsulation;
mod ethernet;
mod fragments;
mod gre;
mod header;
mod label;
mod link;
mod mpls;
mod network;
mod outcome;
mod overlay;
mod part;
mod ppp;
mod segment;
mod straight;
mod transport;
mod walk;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use address::{Address, Endpoint};
pub use encapsulation::TUNNEL_PORTS;
pub use fragments::{FragmentCounts, FragmentLimits};
pub use label::Label;
pub use outcome::{Drop, FrameCounts, Outcome, Skip};
pub use segment::{Segment, TcpHeader, Transport};
pub use straight::straight;

use crate::source::Frame;
use crate::time::Timestamp;
use fragments::Fragments;
use part::Part;
use walk::Walk;
pub use walk::{Datagram, Stop};

/// Decodes frames of any link type, one after the other.
#[derive(Debug)]
pub struct Decoder {
    fragments: Fragments,
    /// The last datagram put together, and the one that was put together from fragments inside it.
    whole: [Vec<u8>; 2],
}

impl Decoder {
    /// A decoder that keeps fragments within `limits`.
    pub fn new(limits: FragmentLimits) -> Self {
        Self {
            fragments: Fragments::new(limits),
            whole: [Vec::new(), Vec::new()],
        }
    }

    /// Decodes one frame. The segment borrows from the frame, or from the datagram that the frame completed.
    pub fn decode<'a>(&'a mut self, frame: &Frame<'a>) -> Outcome<'a> {
        let looked = self.look(frame);
        match looked.map_or_else(Stop::outcome, |segment| Ok(Outcome::Segment(segment))) {
            Ok(outcome) => outcome,
            Err(datagram) => self.open(*datagram, frame.time),
        }
    }

    /// The segment that one frame carries.
    ///
    /// # Errors
    ///
    /// With what the frame is instead. A datagram that it completed is for [`Decoder::open`] to look into.
    #[inline]
    pub fn look<'a>(&mut self, frame: &Frame<'a>) -> Result<Segment<'a>, Stop> {
        walk(frame, Some(&mut self.fragments))
    }

    /// Decodes what a datagram carries that a frame completed at `now`.
    #[cold]
    pub fn open(&mut self, datagram: Datagram, now: Timestamp) -> Outcome<'_> {
        let mut walk = Walk {
            fragments: Some(&mut self.fragments),
            now,
        };
        walk.open(datagram, &mut self.whole)
    }

    /// Forgets the fragments that are too old at `now`; [`Decoder::decode`] does so too, when it meets a fragment.
    pub fn advance(&mut self, now: Timestamp) {
        self.fragments.expire(now);
    }

    /// The account of reassembly.
    pub const fn fragment_counts(&self) -> &FragmentCounts {
        self.fragments.counts()
    }

    /// Datagrams that wait for a fragment.
    pub fn waiting_datagrams(&self) -> usize {
        self.fragments.waiting()
    }
}

/// What one frame carries that needs no other; nothing where it is a fragment.
#[inline]
pub fn alone<'a>(frame: &Frame<'a>) -> Option<Outcome<'a>> {
    match walk(frame, None) {
        Ok(segment) => Some(Outcome::Segment(segment)),
        Err(Stop::Held | Stop::Whole(_)) => None,
        Err(Stop::Skipped(reason)) => Some(Outcome::Skipped(reason)),
        Err(Stop::Dropped(reason)) => Some(Outcome::Dropped(reason)),
    }
}

#[inline]
fn walk<'a>(frame: &Frame<'a>, fragments: Option<&mut Fragments>) -> Result<Segment<'a>, Stop> {
    let mut walk = Walk {
        fragments,
        now: frame.time,
    };
    let wire = usize::try_from(frame.wire_bytes).unwrap_or(usize::MAX);
    walk.frame(frame.link, Part::new(frame.bytes, wire))
}
