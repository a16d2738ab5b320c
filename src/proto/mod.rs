//! Parsers: pure functions of the two ordered heads of a stream.
//!
//! A parser sees an [`Exchange`] (what each side said so far, from the place where the layer before it ended) and
//! answers [`Answer::No`], [`Answer::More`] or [`Answer::Yes`]. It knows no port and no address, keeps no state and is
//! asked again only when it can do better.
//!
//! # The contract
//!
//! 1. *No* is final: no bytes that could follow would make it *Yes*.
//! 2. *More* names a total prefix length on at least one side that is longer than what that side holds now, on a side
//!    whose end is [`End::Open`]. The caller asks again when either length is reached or an end is no longer open.
//! 3. Where no side that is needed is open any more, the parser decides with what it has: *Yes* with a partial reading
//!    (its layer says how far the exchange got) or *No*. So a call with both ends not open never answers *More*.
//! 4. *Yes* says how many bytes of each side belong to the layer. What is left is probed again.

pub mod cursor;

/// One direction of a stream, as far as its bytes are known in order.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'a> {
    /// The known bytes without a hole, from the start of the layer.
    pub bytes: &'a [u8],
    /// What is known about the place where they end.
    pub end: End<'a>,
}

/// What follows the last known byte of a [`Prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// More bytes may come.
    Open,
    /// Nothing more will ever be known: the side closed, or the flow or its head is gone.
    Closed,
    /// `missing` bytes were on the wire but not in the capture (snaplen, loss) and will never be known.
    /// What is known right behind them, perhaps nothing yet, is `then`.
    Cut {
        /// Bytes that were sent and not captured.
        missing: usize,
        /// The known bytes behind the hole.
        then: &'a [u8],
    },
}

/// What both sides said. `client` is the side that the parser takes for its protocol's client.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Bytes from the protocol's client to its server.
    pub client: Prefix<'a>,
    /// Bytes from the protocol's server to its client.
    pub server: Prefix<'a>,
}

/// A side of an exchange or of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The side that opened.
    Client,
    /// The side that was called.
    Server,
}

/// What a parser says of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// This is not the protocol, whatever may follow.
    No,
    /// It may be; ask again when either side holds as many bytes in total as named here.
    More(Need),
    /// It is.
    Yes(Reading<T>),
}

/// Total prefix lengths at which a parser can do better. `usize::MAX` means that more on this side does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bytes of the client's prefix.
    pub client: usize,
    /// Bytes of the server's prefix.
    pub server: usize,
}

/// A layer that was read, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// What was read.
    pub layer: T,
    /// Bytes of the client's prefix (holes included) that belong to the layer.
    pub client: usize,
    /// Bytes of the server's prefix (holes included) that belong to the layer.
    pub server: usize,
}
