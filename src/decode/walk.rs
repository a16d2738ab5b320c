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
    pub(super) fragments: &'d mut Fragments,
    pub(super) now: Timestamp,
}

/// What a walk came to.
pub(super) type Walked<'a> = Result<Found<'a>, Lost>;

/// A good end of a walk.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A segment.
    Segment(Segment<'a>),
    /// A fragment, kept.
    Held,
    /// The fragment that completed a datagram: the walk goes on in there.
    Whole(Network, Whole),
}

/// A datagram that was put together from fragments, and where it was found.
#[derive(Debug)]
pub struct Datagram(Network, Whole);

/// A walk that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Skipped(Skip),
    Dropped(Drop),
}

impl From<Skip> for Lost {
    fn from(reason: Skip) -> Self {
        Self::Skipped(reason)
    }
}

impl From<Drop> for Lost {
    fn from(reason: Drop) -> Self {
        Self::Dropped(reason)
    }
}

impl Walk<'_> {
    /// Puts a datagram into the first of `slots` and walks it.
    pub(super) fn open<'a>(
        &mut self,
        Datagram(network, whole): Datagram,
        slots: &'a mut [Vec<u8>],
    ) -> Outcome<'a> {
        let Some((slot, deeper)) = slots.split_first_mut() else {
            return Outcome::Dropped(Drop::TooDeep);
        };
        *slot = whole.bytes;
        let walked = self.upper(&network, whole.protocol, Part::new(slot, whole.wire));
        match walked.map_or_else(|lost| Ok(lost.into()), Outcome::of) {
            Ok(outcome) => outcome,
            Err(datagram) => self.open(datagram, deeper),
        }
    }
}

impl<'a> Outcome<'a> {
    /// The outcome of a walk that found something; the datagram, where it found that.
    #[inline(always)]
    pub(super) fn of(found: Found<'a>) -> Result<Self, Datagram> {
        match found {
            Found::Segment(segment) => Ok(Self::Segment(segment)),
            Found::Held => Ok(Self::Held),
            Found::Whole(network, whole) => Err(Datagram(network, whole)),
        }
    }
}

impl From<Lost> for Outcome<'_> {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Skipped(reason) => Self::Skipped(reason),
            Lost::Dropped(reason) => Self::Dropped(reason),
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
