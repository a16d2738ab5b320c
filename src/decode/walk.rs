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
    /// Ends a walk. Where it found a whole datagram, that one is put into the first of `slots` and walked too.
    #[inline(always)]
    pub(super) fn end<'a>(&mut self, walked: Walked<'a>, slots: &'a mut [Vec<u8>]) -> Outcome<'a> {
        match walked {
            Ok(Found::Segment(segment)) => Outcome::Segment(segment),
            Ok(Found::Held) => Outcome::Held,
            Ok(Found::Whole(network, whole)) => self.resume(&network, whole, slots),
            Err(Lost::Skipped(reason)) => Outcome::Skipped(reason),
            Err(Lost::Dropped(reason)) => Outcome::Dropped(reason),
        }
    }

    #[cold]
    fn resume<'a>(
        &mut self,
        network: &Network,
        whole: Whole,
        slots: &'a mut [Vec<u8>],
    ) -> Outcome<'a> {
        let Some((slot, deeper)) = slots.split_first_mut() else {
            return Outcome::Dropped(Drop::TooDeep);
        };
        *slot = whole.bytes;
        let walked = self.upper(network, whole.protocol, Part::new(slot, whole.wire));
        self.end(walked, deeper)
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
