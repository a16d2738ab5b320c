//! What became of a frame, and the account of it.

use super::segment::Segment;

/// What became of one frame.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// It carried a segment, or completed the datagram that did.
    Segment(Segment<'a>),
    /// It carried a fragment, kept until its datagram is whole. Counts as decoded.
    Held,
    /// It is well formed, and not for us.
    Skipped(Skip),
    /// It is malformed, cut off, or above a cap.
    Dropped(Drop),
}

/// Why a well-formed frame carries nothing for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// A link type that is not decoded.
    LinkType,
    /// ARP or RARP.
    Arp,
    /// An EtherType that carries no IP that we can reach.
    EtherType,
    /// An IEEE 802.2 frame without IP: spanning tree, IPX, OSI.
    Llc,
    /// PPP negotiation, PPPoE discovery or another PPP protocol than IP.
    Ppp,
    /// MPLS labels around something else than IP or Ethernet.
    MplsPayload,
    /// A loopback or frame relay payload of another family than IP.
    Family,
}

impl Skip {
    /// Every reason, in the order of [`Skip::index`].
    pub const ALL: [Self; 7] = [
        Self::LinkType,
        Self::Arp,
        Self::EtherType,
        Self::Llc,
        Self::Ppp,
        Self::MplsPayload,
        Self::Family,
    ];

    /// The reason's place in [`Skip::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason's name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkType => "link-type",
            Self::Arp => "arp",
            Self::EtherType => "ether-type",
            Self::Llc => "llc",
            Self::Ppp => "ppp",
            Self::MplsPayload => "mpls-payload",
            Self::Family => "family",
        }
    }
}

/// Why a frame was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drop {
    /// The capture ends within a header that was whole on the wire.
    Cut,
    /// The frame itself ends within a header.
    Short,
    /// An IP header of another version than announced.
    IpVersion,
    /// A header's length field contradicts the header or the packet around it.
    HeaderLength,
    /// More tags, labels, extension headers or tunnels than any sane frame has.
    TooDeep,
    /// A fragment that the capture cut; its datagram can never be whole.
    FragmentCut,
    /// A fragment, not the last, that is empty or not a multiple of eight bytes long.
    FragmentShape,
    /// A fragment that ends beyond the longest datagram allowed.
    FragmentTooLong,
    /// A fragment that contradicts the datagram's length as other fragments gave it.
    FragmentConflict,
    /// It came by another ring than that of its flow, where too many such frames waited.
    Stray,
}

impl Drop {
    /// Every reason, in the order of [`Drop::index`].
    pub const ALL: [Self; 10] = [
        Self::Cut,
        Self::Short,
        Self::IpVersion,
        Self::HeaderLength,
        Self::TooDeep,
        Self::FragmentCut,
        Self::FragmentShape,
        Self::FragmentTooLong,
        Self::FragmentConflict,
        Self::Stray,
    ];

    /// The reason's place in [`Drop::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason's name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Short => "short",
            Self::IpVersion => "ip-version",
            Self::HeaderLength => "header-length",
            Self::TooDeep => "too-deep",
            Self::FragmentCut => "fragment-cut",
            Self::FragmentShape => "fragment-shape",
            Self::FragmentTooLong => "fragment-too-long",
            Self::FragmentConflict => "fragment-conflict",
            Self::Stray => "stray",
        }
    }
}

/// The account of all frames: every one is decoded, skipped or dropped, and the latter two say why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Frames seen.
    pub frames: u64,
    /// Frames that gave a segment or a fragment of one.
    pub decoded: u64,
    /// Frames skipped, by [`Skip::index`].
    pub skipped: [u64; Skip::ALL.len()],
    /// Frames dropped, by [`Drop::index`].
    pub dropped: [u64; Drop::ALL.len()],
}

impl FrameCounts {
    /// Counts a frame that carried a segment.
    #[inline]
    pub fn record_segment(&mut self) {
        self.frames += 1;
        self.decoded += 1;
    }

    /// Counts one frame.
    pub fn record(&mut self, outcome: &Outcome<'_>) {
        self.frames += 1;
        let count = match outcome {
            Outcome::Segment(_) | Outcome::Held => Some(&mut self.decoded),
            Outcome::Skipped(reason) => self.skipped.get_mut(reason.index()),
            Outcome::Dropped(reason) => self.dropped.get_mut(reason.index()),
        };
        if let Some(count) = count {
            *count += 1;
        }
    }

    /// Adds another account to this one.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.decoded += other.decoded;
        for (count, more) in self.skipped.iter_mut().zip(other.skipped) {
            *count += more;
        }
        for (count, more) in self.dropped.iter_mut().zip(other.dropped) {
            *count += more;
        }
    }

    /// Frames skipped, by reason.
    pub fn skips(&self) -> impl Iterator<Item = (Skip, u64)> {
        Skip::ALL.into_iter().zip(self.skipped)
    }

    /// Frames dropped, by reason.
    pub fn drops(&self) -> impl Iterator<Item = (Drop, u64)> {
        Drop::ALL.into_iter().zip(self.dropped)
    }

    /// Frames that are accounted for: decoded, skipped or dropped.
    pub fn accounted(&self) -> u64 {
        let skipped: u64 = self.skipped.iter().sum();
        let dropped: u64 = self.dropped.iter().sum();
        self.decoded + skipped + dropped
    }

    /// Whether the account is closed: `frames = decoded + Σ skipped + Σ dropped`.
    pub fn holds(&self) -> bool {
        self.frames == self.accounted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_place_and_its_own_name() {
        let skips = Skip::ALL.map(|reason| (reason.index(), reason.name()));
        let drops = Drop::ALL.map(|reason| (reason.index(), reason.name()));
        for reasons in [&skips[..], &drops[..]] {
            for (place, (index, name)) in reasons.iter().enumerate() {
                assert_eq!(*index, place, "{name}");
                assert!(reasons[..place].iter().all(|(_, other)| other != name));
            }
        }
    }

    #[test]
    fn the_account_holds_and_notices_a_lost_frame() {
        let mut counts = FrameCounts::default();
        for reason in Skip::ALL {
            counts.record(&Outcome::Skipped(reason));
        }
        for reason in Drop::ALL {
            counts.record(&Outcome::Dropped(reason));
        }
        counts.record(&Outcome::Held);
        assert!(counts.holds());
        assert_eq!((counts.frames, counts.decoded), (18, 1));
        assert_eq!(counts.skipped, [1; Skip::ALL.len()]);
        let mut twice = counts;
        twice.add(&counts);
        assert!(twice.holds());
        assert_eq!((twice.frames, twice.dropped[3]), (36, 2));
        counts.frames += 1;
        assert!(!counts.holds());
    }
}
