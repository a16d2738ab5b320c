//! Which parsers are asked about a stream, and in which order.

use super::Protocol;
use crate::proto::http;
use crate::proto::http2;
use crate::proto::shell::{self, stage};
use crate::proto::websocket::{self, WebSocket};
use crate::proto::{
    Answer, Exchange, Side, middle, muxcool, proxy_protocol, smux, socks4, socks5, ssh, tls, yamux,
};

/// A parser and the side that it would find serving.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) parser: Parser,
    pub(super) server: Side,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Parser {
    Http,
    Tls,
    Ssh,
    Socks5,
    Socks4,
    Proxy,
    Http2,
    HttpExchange,
    WebSocket,
    PickedUpWebSocket,
    Yamux,
    Smux,
    MuxCool,
    TlsRecords,
    SshPackets,
    Shell,
    PickedUpShell,
    Stage,
}

/// Where a parser is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the start of a stream and behind any layer.
    Anywhere,
    /// Behind a switch to its protocol.
    Upgraded,
    /// At the start of a flow whose beginning was not seen.
    PickedUp,
    /// The same, but not in what the messages of a WebSocket carry.
    Outside,
    /// In what the messages of a WebSocket carry.
    Inside,
    /// The same, where the beginning was not seen.
    InsideMiddle,
}

impl Parser {
    pub(super) const fn place(self) -> Place {
        match self {
            Self::WebSocket => Place::Upgraded,
            Self::PickedUpWebSocket | Self::PickedUpShell => Place::PickedUp,
            Self::Http => Place::Outside,
            Self::HttpExchange | Self::Yamux | Self::Smux | Self::MuxCool => Place::Inside,
            Self::TlsRecords | Self::SshPackets => Place::InsideMiddle,
            _ => Place::Anywhere,
        }
    }

    /// Whether it reads shells, which either side may show.
    pub(super) const fn is_of_shell(self) -> bool {
        matches!(self, Self::Shell | Self::PickedUpShell | Self::Stage)
    }

    pub(super) fn parse(self, exchange: &Exchange<'_>) -> Answer<Protocol> {
        match self {
            Self::Http => http::parse(exchange).map(|http| Protocol::Http(Box::new(http))),
            Self::HttpExchange => {
                http::parse_exchange(exchange).map(|http| Protocol::Http(Box::new(http)))
            }
            Self::Http2 => http2::parse(exchange).map(|http| Protocol::Http2(Box::new(http))),
            Self::Tls => tls::parse(exchange).map(|tls| Protocol::Tls(Box::new(tls))),
            Self::Ssh => ssh::parse(exchange).map(|ssh| Protocol::Ssh(Box::new(ssh))),
            Self::Socks5 => socks5::parse(exchange).map(|socks| Protocol::Socks5(Box::new(socks))),
            Self::Socks4 => socks4::parse(exchange).map(|socks| Protocol::Socks4(Box::new(socks))),
            Self::Proxy => proxy_protocol::parse(exchange).map(Protocol::Proxy),
            Self::WebSocket => websocket::parse(exchange).map(boxed_websocket),
            Self::PickedUpWebSocket => websocket::pick_up(exchange).map(boxed_websocket),
            Self::Yamux => yamux::parse(exchange).map(Protocol::Yamux),
            Self::Smux => smux::parse(exchange).map(Protocol::Smux),
            Self::MuxCool => muxcool::parse(exchange).map(Protocol::MuxCool),
            Self::TlsRecords => middle::tls(exchange).map(|tls| Protocol::Tls(Box::new(tls))),
            Self::SshPackets => middle::ssh(exchange).map(|ssh| Protocol::Ssh(Box::new(ssh))),
            Self::Shell => shell::parse(exchange).map(Protocol::Shell),
            Self::PickedUpShell => shell::pick_up(exchange).map(Protocol::Shell),
            Self::Stage => stage::parse(exchange).map(Protocol::Stage),
        }
    }
}

fn boxed_websocket(websocket: WebSocket) -> Protocol {
    Protocol::WebSocket(Box::new(websocket))
}

/// A set of entries of [`CANDIDATES`], by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidates(u64);

impl Candidates {
    /// Every parser with the called side as server, and SOCKS also with the opener as server: a host may connect out
    /// to serve. Where it is a guess who opened, every parser both ways.
    pub(super) const fn first(either_way: bool) -> Self {
        const GUESSED: Candidates = Candidates::asked_first(true);
        const KNOWN: Candidates = Candidates::asked_first(false);
        if either_way { GUESSED } else { KNOWN }
    }

    pub(super) const fn asked_first(either_way: bool) -> Self {
        let mut set = 0;
        let mut candidates = CANDIDATES.as_slice();
        while let [candidate, others @ ..] = candidates {
            if candidate.is_asked_first(either_way) {
                set |= candidate.bit();
            }
            candidates = others;
        }
        Self(set)
    }

    /// What a WebSocket's messages may carry, perhaps from the middle on.
    pub(super) fn inside(middle: bool) -> Self {
        Self::of(|candidate| match candidate.parser.place() {
            Place::Anywhere => candidate.is_usual(),
            Place::Inside => true,
            place => middle && place == Place::InsideMiddle,
        })
    }

    /// What datagrams may carry, one behind the other.
    pub(super) fn of_datagrams() -> Self {
        Self::of(|candidate| matches!(candidate.parser, Parser::Shell))
    }

    /// Every parser, behind a layer that this side serves.
    pub(super) fn served_by(server: Side) -> Self {
        Self::of(|candidate| {
            let place = candidate.parser.place();
            let may_serve = candidate.server == server || candidate.parser.is_of_shell();
            may_serve && matches!(place, Place::Anywhere | Place::Outside)
        })
    }

    /// Behind a switch of protocols by this side.
    pub(super) fn upgraded(server: Side) -> Self {
        Self::of(|candidate| {
            candidate.server == server && candidate.parser.place() == Place::Upgraded
        })
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn of(wanted: impl Fn(&Candidate) -> bool) -> Self {
        CANDIDATES
            .into_iter()
            .filter(wanted)
            .fold(Self(0), |set, candidate| Self(set.0 | candidate.bit()))
    }

    pub(super) fn only(candidate: Candidate) -> Self {
        Self(candidate.bit())
    }

    pub(super) fn has(self, candidate: Candidate) -> bool {
        self.0 & candidate.bit() != 0
    }

    pub(super) fn drop(&mut self, candidate: Candidate) {
        self.0 &= !candidate.bit();
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Candidate {
    pub(super) const fn of(parser: Parser, server: Side) -> Self {
        Self { parser, server }
    }

    pub(super) const fn bit(self) -> u64 {
        1 << (self.parser as u64 * 2 + matches!(self.server, Side::Client) as u64)
    }

    pub(super) const fn is_asked_first(self, either_way: bool) -> bool {
        match self.parser.place() {
            Place::Anywhere | Place::Outside => either_way || self.is_usual(),
            Place::PickedUp => either_way,
            Place::Upgraded | Place::Inside | Place::InsideMiddle => false,
        }
    }

    /// Whether the called side would serve, or an opener that serves is to be reckoned with.
    pub(super) const fn is_usual(self) -> bool {
        matches!(self.server, Side::Server) || self.is_socks() || self.parser.is_of_shell()
    }

    pub(super) const fn is_socks(self) -> bool {
        matches!(self.parser, Parser::Socks5 | Parser::Socks4)
    }
}

/// In the order they are asked: the commonest first.
pub(super) const CANDIDATES: [Candidate; 29] = [
    Candidate::of(Parser::WebSocket, Side::Server),
    Candidate::of(Parser::WebSocket, Side::Client),
    Candidate::of(Parser::Tls, Side::Server),
    Candidate::of(Parser::Http, Side::Server),
    Candidate::of(Parser::Ssh, Side::Server),
    Candidate::of(Parser::Socks5, Side::Server),
    Candidate::of(Parser::Socks4, Side::Server),
    Candidate::of(Parser::Proxy, Side::Server),
    Candidate::of(Parser::Http2, Side::Server),
    Candidate::of(Parser::Socks5, Side::Client),
    Candidate::of(Parser::Socks4, Side::Client),
    Candidate::of(Parser::Tls, Side::Client),
    Candidate::of(Parser::Http, Side::Client),
    Candidate::of(Parser::Ssh, Side::Client),
    Candidate::of(Parser::Proxy, Side::Client),
    Candidate::of(Parser::PickedUpWebSocket, Side::Server),
    Candidate::of(Parser::PickedUpWebSocket, Side::Client),
    Candidate::of(Parser::HttpExchange, Side::Server),
    Candidate::of(Parser::Yamux, Side::Server),
    Candidate::of(Parser::Smux, Side::Server),
    Candidate::of(Parser::MuxCool, Side::Server),
    Candidate::of(Parser::TlsRecords, Side::Server),
    Candidate::of(Parser::SshPackets, Side::Server),
    Candidate::of(Parser::Shell, Side::Server),
    Candidate::of(Parser::Shell, Side::Client),
    Candidate::of(Parser::Stage, Side::Server),
    Candidate::of(Parser::Stage, Side::Client),
    Candidate::of(Parser::PickedUpShell, Side::Server),
    Candidate::of(Parser::PickedUpShell, Side::Client),
];
