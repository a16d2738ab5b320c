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
//! 4. *Yes* says how many bytes of each side belong to the layer. What is left is probed again. A count may lie beyond
//!    what is known now; [`Reading::EVERYTHING`] means that nothing behind the layer can be read.
//! 5. The answer depends on the bytes and ends alone: once *Yes*, longer prefixes of the same streams give the same *Yes*.

pub mod cursor;
pub mod dns;
pub mod half;
pub mod http;
pub mod http2;
pub mod ja3;
pub mod ja4;
pub mod middle;
pub mod muxcool;
pub mod nonce;
pub mod openvpn;
pub mod proxy_protocol;
pub mod random;
pub mod shell;
pub mod sip;
pub mod smux;
pub mod socks4;
pub mod socks5;
pub mod socks_udp;
pub mod ssh;
pub mod stack;
pub mod stun;
pub mod target;
pub mod text;
pub mod tls;
#[cfg(test)]
pub mod truncation;
pub mod websocket;
pub mod yamux;

/// One direction of a stream, as far as its bytes are known in order.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'a> {
    /// The known bytes without a hole, from the start of the layer.
    pub bytes: &'a [u8],
    /// What is known about the place where they end.
    pub end: End<'a>,
}

impl<'a> Prefix<'a> {
    /// A prefix that may still grow.
    pub const fn open(bytes: &'a [u8]) -> Self {
        let end = End::Open;
        Self { bytes, end }
    }

    /// A prefix that is all there will ever be.
    pub const fn closed(bytes: &'a [u8]) -> Self {
        let end = End::Closed;
        Self { bytes, end }
    }

    /// Whether more bytes may come.
    pub fn is_open(&self) -> bool {
        self.end == End::Open
    }

    /// Whether this side starts unknown and stays so: it is empty and nothing can be added.
    pub fn is_unseen(&self) -> bool {
        self.bytes.is_empty() && !self.is_open()
    }
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

impl<'a> Exchange<'a> {
    /// What `side` said.
    pub const fn of(&self, side: Side) -> Prefix<'a> {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }
}

/// A side of an exchange or of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The side that opened.
    Client,
    /// The side that was called.
    Server,
}

impl Side {
    /// The side across.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
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

impl<T> Answer<T> {
    /// The same answer about another type of layer.
    pub fn map<U>(self, layer: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::No => Answer::No,
            Self::More(need) => Answer::More(need),
            Self::Yes(reading) => Answer::Yes(Reading {
                layer: layer(reading.layer),
                client: reading.client,
                server: reading.server,
            }),
        }
    }
}

/// Total prefix lengths at which a parser can do better. `usize::MAX` means that more on this side does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bytes of the client's prefix.
    pub client: usize,
    /// Bytes of the server's prefix.
    pub server: usize,
}

impl Need {
    /// `total` bytes of one side; more on the other does not help.
    pub const fn of(side: Side, total: usize) -> Self {
        match side {
            Side::Client => Self {
                client: total,
                server: usize::MAX,
            },
            Side::Server => Self {
                client: usize::MAX,
                server: total,
            },
        }
    }
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

impl<T> Reading<T> {
    /// The byte count of a side of which all that follows belongs to the layer or cannot be read.
    pub const EVERYTHING: usize = usize::MAX;
}
