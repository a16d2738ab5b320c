//! Asking the heads of a flow's streams which protocols they speak.

use super::head::{Head, Outlook};
use crate::decode::Transport;
use crate::proto::stack::{Heads, Layer, Progress, Stack};
use crate::proto::{End, Prefix, Side};

/// What is asked of a flow's stream heads.
#[derive(Debug)]
pub enum Probe {
    /// No payload was seen yet.
    Fresh,
    /// Bytes are kept and asked.
    Asking(Box<Probing>),
    /// The first payload told everything.
    Read(Vec<Layer>),
    /// Datagrams that may bring names for addresses.
    Names,
    /// Everything that the heads can tell is known.
    Settled,
}

/// The heads of both directions and what was read in them so far.
#[derive(Debug)]
pub struct Probing {
    client: Head,
    server: Head,
    client_outlook: Outlook,
    server_outlook: Outlook,
    /// Bytes that the opener had sent when the other side first spoke.
    preamble: Option<usize>,
    /// What was read.
    pub stack: Stack,
}

/// One segment's payload and where it stands in its stream.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Who sent it.
    pub from: Side,
    /// Its stream offset.
    pub offset: u64,
    /// The captured bytes.
    pub captured: &'a [u8],
    /// Its length on the wire.
    pub sent: u32,
}

impl Piece<'_> {
    /// The byte at an offset of its direction, where it was captured.
    pub fn byte_at(&self, offset: u64) -> Option<u8> {
        let place = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.captured.get(place).copied()
    }
}

impl Probe {
    /// What to ask of a new flow: streams are probed, datagrams are not.
    pub fn new(transport: Transport) -> Self {
        if transport == Transport::TCP {
            Self::Fresh
        } else {
            Self::Settled
        }
    }

    /// Whether more bytes could still tell something.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Fresh | Self::Asking(_))
    }

    /// What was read so far.
    pub fn layers(&self) -> &[Layer] {
        match self {
            Self::Asking(probing) => probing.stack.layers(),
            Self::Read(layers) => layers,
            Self::Fresh | Self::Names | Self::Settled => &[],
        }
    }

    /// The bytes that are kept of what a side sent from an offset on.
    pub fn behind(&self, side: Side, from: usize) -> &[u8] {
        match self {
            Self::Asking(probing) => probing.behind(side, from),
            Self::Fresh | Self::Read(_) | Self::Names | Self::Settled => &[],
        }
    }

    /// Takes what was read, and asks no more.
    pub fn settle(&mut self) -> Option<Vec<Layer>> {
        match std::mem::replace(self, Self::Settled) {
            Self::Asking(probing) => Some(probing.stack.into_layers()),
            Self::Read(layers) => Some(layers),
            Self::Fresh | Self::Names | Self::Settled => None,
        }
    }

    /// Whether a retransmission brought other bytes than the first transmission.
    pub fn differs(&self) -> bool {
        matches!(self, Self::Asking(probing) if probing.differs())
    }

    /// Whether segments were too scattered for a head to keep.
    pub fn is_scattered(&self) -> bool {
        matches!(self, Self::Asking(probing) if probing.is_scattered())
    }

    /// Bytes of memory held.
    pub fn allocated(&self) -> usize {
        match self {
            Self::Asking(probing) => probing.allocated(),
            Self::Fresh | Self::Read(_) | Self::Names | Self::Settled => 0,
        }
    }
}

impl Probing {
    /// Empty heads for a stack.
    pub fn new(stack: Stack) -> Self {
        Self {
            client: Head::default(),
            server: Head::default(),
            client_outlook: Outlook::Going,
            server_outlook: Outlook::Going,
            preamble: None,
            stack,
        }
    }

    /// Adds a payload and asks again where that can help.
    pub fn add(&mut self, piece: Piece<'_>) -> Progress {
        if piece.from == Side::Server && self.preamble.is_none() {
            self.preamble = Some(self.client.known_from(0));
        }
        let head = match piece.from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        head.write(piece.offset, piece.captured, piece.sent);
        self.ask()
    }

    fn behind(&self, side: Side, from: usize) -> &[u8] {
        let head = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        head.prefix(from, Outlook::Over).bytes
    }

    /// Notes that a side sends nothing more, and asks again.
    pub fn finish(&mut self, side: Side) -> Progress {
        match side {
            Side::Client => self.client_outlook = Outlook::Finished,
            Side::Server => self.server_outlook = Outlook::Finished,
        }
        self.ask()
    }

    /// Asks for the last time: nothing more will be known of either side.
    pub fn conclude(&mut self) {
        self.client_outlook = Outlook::Over;
        self.server_outlook = Outlook::Over;
        self.ask();
    }

    fn ask(&mut self) -> Progress {
        let Self {
            client,
            server,
            stack,
            ..
        } = self;
        let heads = Kept {
            client,
            server,
            client_outlook: self.client_outlook,
            server_outlook: self.server_outlook,
            preamble: self.preamble,
        };
        stack.probe(&heads)
    }

    /// Whether a retransmission brought other bytes than the first transmission.
    pub fn differs(&self) -> bool {
        self.client.differs() || self.server.differs()
    }

    fn is_scattered(&self) -> bool {
        self.client.is_scattered() || self.server.is_scattered()
    }

    /// Bytes of memory held.
    pub fn allocated(&self) -> usize {
        size_of::<Self>()
            + self.client.allocated()
            + self.server.allocated()
            + self.stack.allocated()
    }
}

/// Both heads, lent to the stack.
struct Kept<'a> {
    client: &'a Head,
    server: &'a Head,
    client_outlook: Outlook,
    server_outlook: Outlook,
    preamble: Option<usize>,
}

impl Heads for Kept<'_> {
    fn prefix(&self, side: Side, from: usize) -> Prefix<'_> {
        match side {
            Side::Client => self.client.prefix(from, self.client_outlook),
            Side::Server => self.server.prefix(from, self.server_outlook),
        }
    }

    fn preamble(&self) -> Option<usize> {
        self.preamble
    }
}

/// A flow's first payload, asked where it lies in the packet: most flows are settled by it and never need a head.
#[derive(Debug)]
pub struct FirstPiece<'a>(pub Piece<'a>);

impl Heads for FirstPiece<'_> {
    fn prefix(&self, side: Side, from: usize) -> Prefix<'_> {
        let Piece {
            from: sender,
            captured,
            ..
        } = self.0;
        let bytes = if side == sender { captured } else { &[] };
        Prefix {
            bytes: bytes.get(from..).unwrap_or_default(),
            end: End::Open,
        }
    }

    fn preamble(&self) -> Option<usize> {
        (self.0.from == Side::Server).then_some(0)
    }
}
