//! The way through a frame, from one header to the next.

use super::fragments::{Fragments, Whole};
use super::label::Label;
use super::network::Network;
use super::outcome::{Drop, Outcome, Skip};
use super::part::Part;
use super::segment::Segment;
use crate::time::Timestamp;

/// One frame's walk. The layers are methods, each in the file of its trade; each takes a [`Part`] and the [`Path`]
/// to it.
#[derive(Debug)]
pub(super) struct Walk<'d> {
    /// Where fragments wait; where they do not, a walk ends at them.
    pub(super) fragments: Option<&'d mut Fragments>,
    pub(super) now: Timestamp,
}

/// What a walk came to: nearly always a segment, which is written once, where it is wanted.
pub(super) type Walked<'a> = Result<Segment<'a>, Stop>;

/// Why a walk ends without a segment.
#[derive(Debug)]
pub enum Stop {
    /// At a fragment, kept if there is a place for it.
    Held,
    /// At the fragment that completed a datagram: the walk goes on in there.
    Whole(Box<Datagram>),
    /// At something that is well formed and not for us.
    Skipped(Skip),
    /// At something malformed, cut off, or above a cap.
    Dropped(Drop),
}

/// A datagram that was put together from fragments, and where it was found.
#[derive(Debug)]
pub struct Datagram(pub(super) Network, pub(super) Whole);

impl Stop {
    /// What became of the frame.
    ///
    /// # Errors
    ///
    /// With the datagram that it completed, for [`super::Decoder::open`] to look into.
    pub fn outcome<'a>(self) -> Result<Outcome<'a>, Box<Datagram>> {
        match self {
            Self::Held => Ok(Outcome::Held),
            Self::Whole(datagram) => Err(datagram),
            Self::Skipped(reason) => Ok(Outcome::Skipped(reason)),
            Self::Dropped(reason) => Ok(Outcome::Dropped(reason)),
        }
    }

    /// Whether it came to nothing.
    pub(super) const fn is_loss(&self) -> bool {
        matches!(self, Self::Skipped(_) | Self::Dropped(_))
    }
}

impl From<Skip> for Stop {
    fn from(reason: Skip) -> Self {
        Self::Skipped(reason)
    }
}

impl From<Drop> for Stop {
    fn from(reason: Drop) -> Self {
        Self::Dropped(reason)
    }
}

impl Walk<'_> {
    /// Puts a datagram into the first of `slots` and walks it.
    pub(super) fn open<'a>(&mut self, datagram: Datagram, slots: &'a mut [Vec<u8>]) -> Outcome<'a> {
        let Datagram(network, whole) = datagram;
        let Some((slot, deeper)) = slots.split_first_mut() else {
            return Outcome::Dropped(Drop::TooDeep);
        };
        *slot = whole.bytes;
        let walked = self.upper(&network, whole.protocol, Part::new(slot, whole.wire));
        match walked.map_or_else(Stop::outcome, |segment| Ok(Outcome::Segment(segment))) {
            Ok(outcome) => outcome,
            Err(datagram) => self.open(*datagram, deeper),
        }
    }
}

/// What was taken off on the way to a header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Path {
    pub(super) label: Label,
    depth: u8,
}

impl Path {
    /// The path one encapsulation further in; `tunnel` is the bit that the label gains, if any.
    pub(super) fn into_tunnel(mut self, tunnel: u16) -> Result<Self, Drop> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(Drop::TooDeep);
        }
        Ok(self.labelled(tunnel))
    }

    /// The path with one more bit in its label, for a dialect of the tunnel that was entered.
    pub(super) const fn labelled(mut self, tunnel: u16) -> Self {
        self.label.tunnels |= tunnel;
        self
    }
}

/// Encapsulations within each other. The richest seen in the wild (PPPoE, GRE, ERSPAN, MPLS, VXLAN) has five.
const MAX_DEPTH: u8 = 8;
