//! Layers of protocols in one stream: what is left after one layer is probed again.
//!
//! `CONNECT → TLS`, `SOCKS5 → CONNECT → SSH` and `PROXY → CONNECT` come out as stacks. Nothing here knows a port.

mod candidates;
mod kind;

use super::http::upgrade::Acceptance;
use super::http::{self, Http};
use super::http2::{First, Http2};
use super::muxcool::MuxCool;
use super::nonce::{self, Nonce};
use super::proxy_protocol::ProxyProtocol;
use super::shell::Shell;
use super::shell::stage::Stage;
use super::smux::Smux;
use super::socks_udp::{self, SocksUdp};
use super::socks4::Socks4;
use super::socks5::Socks5;
use super::ssh::Ssh;
use super::tls::Tls;
use super::websocket::{Penguin, WebSocket};
use super::yamux::Yamux;
use super::{Answer, End, Exchange, Need, Prefix, Reading, Side};
use candidates::{CANDIDATES, Candidate, Candidates, Parser};
pub use kind::Kind;

/// The layers read so far and what is still worth asking.
#[derive(Debug)]
pub struct Stack {
    layers: Vec<Layer>,
    /// Where the next layer begins in what the opener and the called side sent.
    client_at: usize,
    server_at: usize,
    depth: u8,
    candidates: Candidates,
    settled: bool,
    /// Whether somebody wants to know what a request for a page says.
    in_full: bool,
    /// What both sides had when it was last asked, and what would be worth asking again for.
    asked: Option<Asked>,
}

/// A protocol that was read in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What was said.
    pub protocol: Protocol,
    /// The side of the stream that serves the protocol. Usually the side that was called.
    pub server: Side,
    /// How many tunnels it was said through: 0 is spoken with the other end of the stream itself.
    pub depth: u8,
    /// Where it ends in what the opener and the called side sent, or in what a WebSocket's messages carry.
    pub ends: (usize, usize),
}

/// What a layer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SOCKS version 5.
    Socks5(Box<Socks5>),
    /// SOCKS version 4 or 4a.
    Socks4(Box<Socks4>),
    /// One HTTP/1 exchange.
    Http(Box<Http>),
    /// An HTTP/1 request for a page of the server's own, with which a stream begins: nearly all requests are that, and
    /// nobody asks what else they say.
    Page,
    /// The beginning of an HTTP/2 connection.
    Http2(Box<Http2>),
    /// A PROXY protocol header.
    Proxy(ProxyProtocol),
    /// A TLS handshake.
    Tls(Box<Tls>),
    /// SSH up to where it goes dark.
    Ssh(Box<Ssh>),
    /// The header that SOCKS5 puts before each relayed datagram.
    SocksUdp(Box<SocksUdp>),
    /// Frames of a WebSocket.
    WebSocket(Box<WebSocket>),
    /// Streams multiplexed by yamux.
    Yamux(Yamux),
    /// Streams multiplexed by smux.
    Smux(Smux),
    /// Streams multiplexed by Mux.Cool.
    MuxCool(MuxCool),
    /// Streams multiplexed by rusty-penguin.
    Penguin(Box<Penguin>),
    /// A command shell; the side that shows it serves.
    Shell(Shell),
    /// A program sent to be run; the side that runs it serves.
    Stage(Stage),
}

/// What asking brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Waiting,
    /// Nothing more can be learned.
    Settled,
}

/// Where a stack finds the bytes of both sides.
pub trait Heads {
    /// What a side sent from offset `from` on.
    fn prefix(&self, side: Side, from: usize) -> Prefix<'_>;

    /// Bytes that the opener had sent when the called side first spoke; `None` while it has not.
    fn preamble(&self) -> Option<usize>;
}

/// Lengths that were there when it was asked, and lengths worth asking again for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    need: Need,
    client_open: bool,
    server_open: bool,
}

impl Stack {
    /// Nothing read yet. `either_way` says that it is a guess which side opened, so that each parser is tried with
    /// both sides as its client.
    pub fn new(either_way: bool) -> Self {
        Self::among(Candidates::first(either_way))
    }

    /// The same; with `in_full` it is read what requests for pages say, which otherwise are [`Protocol::Page`].
    #[must_use]
    pub fn in_full(self, in_full: bool) -> Self {
        Self { in_full, ..self }
    }

    /// Nothing read yet of datagrams that may be a shell's session, one behind the other: no more is looked for there.
    pub fn of_datagrams() -> Self {
        Self::among(Candidates::of_datagrams())
    }

    /// Nothing read yet of the stream that the messages of a WebSocket carry.
    pub fn inside() -> Self {
        Self::among(Candidates::inside(false)).in_full(true)
    }

    /// The same for a stream that was picked up in its middle, but where a message begins.
    pub fn inside_middle() -> Self {
        Self::among(Candidates::inside(true)).in_full(true)
    }

    fn among(candidates: Candidates) -> Self {
        Self {
            layers: Vec::new(),
            client_at: 0,
            server_at: 0,
            depth: 0,
            candidates,
            settled: false,
            in_full: false,
            asked: None,
        }
    }

    /// Reads as many layers as the heads hold.
    pub fn probe(&mut self, heads: &impl Heads) -> Progress {
        while !self.settled {
            if !self.is_worth_asking(heads) || !self.ask(heads) {
                break;
            }
        }
        if self.settled {
            Progress::Settled
        } else {
            Progress::Waiting
        }
    }

    fn is_worth_asking(&self, heads: &impl Heads) -> bool {
        let (client, server) = self.ahead(heads);
        self.asked.is_none_or(|asked| {
            client.bytes.len() >= asked.need.client
                || server.bytes.len() >= asked.need.server
                || client.is_open() != asked.client_open
                || server.is_open() != asked.server_open
        })
    }

    fn ahead<'a>(&self, heads: &'a impl Heads) -> (Prefix<'a>, Prefix<'a>) {
        (
            heads.prefix(Side::Client, self.client_at),
            heads.prefix(Side::Server, self.server_at),
        )
    }

    /// Asks every candidate once; true if a layer was read and there may be another.
    fn ask(&mut self, heads: &impl Heads) -> bool {
        let (client, server) = self.ahead(heads);
        let mut need = Need {
            client: if client.bytes.is_empty() {
                1
            } else {
                usize::MAX
            },
            server: if server.bytes.is_empty() {
                1
            } else {
                usize::MAX
            },
        };
        for candidate in CANDIDATES {
            if !self.candidates.has(candidate) {
                continue;
            }
            match self.try_one(candidate, heads, client, server) {
                Answer::No => self.candidates.drop(candidate),
                Answer::More(more) => {
                    need.client = need.client.min(more.client);
                    need.server = need.server.min(more.server);
                }
                Answer::Yes(reading) => {
                    self.take(candidate, reading);
                    return true;
                }
            }
        }
        self.asked = Some(Asked {
            need,
            client_open: client.is_open(),
            server_open: server.is_open(),
        });
        self.settled = self.candidates.is_empty() && !self.awaits_use(client, server);
        false
    }

    /// Whether a tunnel was opened and a side has not used it yet: that it did is worth knowing.
    fn awaits_use(&self, client: Prefix<'_>, server: Prefix<'_>) -> bool {
        let unused = |prefix: Prefix<'_>| prefix.bytes.is_empty() && prefix.is_open();
        self.depth > 0 && (unused(client) || unused(server))
    }

    /// Asks one parser. Needs and lengths come back in terms of the stream's own sides.
    fn try_one<'a>(
        &self,
        candidate: Candidate,
        heads: &'a impl Heads,
        client: Prefix<'a>,
        server: Prefix<'a>,
    ) -> Answer<Protocol> {
        match candidate.server {
            Side::Server => {
                let exchange = Exchange { client, server };
                match candidate.parser {
                    Parser::Http if self.may_be_brief() && http::is_page(&exchange) => page(),
                    parser => parser.parse(&exchange),
                }
            }
            Side::Client => {
                let hello = match candidate.parser {
                    Parser::Stage if has_begun(heads, client) => return Answer::No,
                    parser if parser.is_of_shell() => Some(0),
                    _ => self.hello(heads, server),
                };
                let Some(hello) = hello else {
                    return wait_for_called_side(client);
                };
                let served = heads.prefix(Side::Client, self.client_at.saturating_add(hello));
                let swapped = Exchange {
                    client: server,
                    server: served,
                };
                swap(candidate.parser.parse(&swapped), hello)
            }
        }
    }

    /// Whether a request for a page comes to nothing here: inside a tunnel its host is a name worth knowing.
    fn may_be_brief(&self) -> bool {
        self.layers.is_empty() && self.depth == 0 && !self.in_full
    }

    /// A host that connects out to serve may say a few bytes of its own first, to name itself to its operator.
    /// `None` while the called side may still speak, and the end of the hello is not known.
    fn hello(&self, heads: &impl Heads, server: Prefix<'_>) -> Option<usize> {
        if !self.layers.is_empty() {
            return Some(0);
        }
        match heads.preamble() {
            Some(preamble) if preamble <= LONGEST_HELLO => Some(preamble),
            None if server.is_open() => None,
            Some(_) | None => Some(0),
        }
    }

    fn take(&mut self, candidate: Candidate, reading: Reading<Protocol>) {
        self.client_at = self.client_at.saturating_add(reading.client);
        self.server_at = self.server_at.saturating_add(reading.server);
        self.asked = None;
        let mut protocol = reading.layer;
        let next = protocol.next();
        let within = protocol.take_within();
        let inside = protocol.take_inside();
        self.layers.push(Layer {
            protocol,
            server: candidate.server,
            depth: self.depth,
            ends: (self.client_at, self.server_at),
        });
        self.take_inside(inside, candidate.server);
        if let Some(first) = within {
            self.read_within(&first, candidate.server);
        }
        match next {
            Next::Tunnel => {
                self.depth = self.depth.saturating_add(1);
                self.candidates = Candidates::served_by(candidate.server);
            }
            Next::Frames => self.candidates = Candidates::upgraded(candidate.server),
            Next::FramesOrTunnel => {
                self.depth = self.depth.saturating_add(1);
                self.candidates = Candidates::upgraded(candidate.server)
                    .or(Candidates::served_by(candidate.server));
            }
            Next::Behind => self.candidates = Candidates::served_by(candidate.server),
            Next::Request => self.candidates = Candidates::only(candidate),
            Next::Nothing => self.settled = true,
        }
        self.settled |= self.layers.len() >= MOST_LAYERS;
    }

    /// Reads what a layer carries apart from the stream itself.
    fn read_within(&mut self, first: &First, server: Side) {
        let room = MOST_LAYERS.saturating_sub(self.layers.len());
        if room == 0 || usize::from(self.depth) >= MOST_LAYERS {
            return;
        }
        let mut inner = Self {
            depth: self.depth.saturating_add(1),
            candidates: Candidates::served_by(server),
            ..Self::new(false)
        };
        inner.probe(&Within { first, server });
        self.layers
            .extend(inner.into_layers().into_iter().take(room));
    }

    /// Takes in the layers that were read in what the last one carries for its client and its `server`.
    fn take_inside(&mut self, inside: Vec<Layer>, server: Side) {
        let room = MOST_LAYERS.saturating_sub(self.layers.len());
        let depth = self.depth.saturating_add(1);
        let placed = inside.into_iter().take(room).map(|layer| Layer {
            server: if server == Side::Server {
                layer.server
            } else {
                layer.server.other()
            },
            depth: depth.saturating_add(layer.depth),
            ..layer
        });
        self.layers.extend(placed);
    }

    /// The layers read so far, outermost first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Gives the layers away.
    pub fn into_layers(self) -> Vec<Layer> {
        self.layers
    }

    /// An upper bound of the bytes of memory that the layers hold.
    pub fn allocated(&self) -> usize {
        let layers = self.layers.iter().map(|layer| layer.protocol.most_bytes());
        layers.sum()
    }
}

/// The first bytes of a tunnel inside a layer: all that will be known of it.
struct Within<'a> {
    first: &'a First,
    server: Side,
}

impl Heads for Within<'_> {
    fn prefix(&self, side: Side, from: usize) -> Prefix<'_> {
        let bytes = if side == self.server {
            &self.first.server
        } else {
            &self.first.client
        };
        Prefix {
            bytes: bytes.get(from..).unwrap_or_default(),
            end: End::Closed,
        }
    }

    fn preamble(&self) -> Option<usize> {
        Some(0)
    }
}

/// What follows a layer in the same stream.
enum Next {
    /// Bytes for somebody else, carried by the layer's server.
    Tunnel,
    /// Another protocol with the same server.
    Behind,
    /// Another exchange of the same protocol.
    Request,
    /// Frames of a WebSocket.
    Frames,
    /// Frames of a WebSocket, or bytes for somebody else that only look as if they were.
    FramesOrTunnel,
    /// Nothing that could be read.
    Nothing,
}

impl Protocol {
    fn next(&self) -> Next {
        match self {
            Self::Socks5(socks) if socks.carries_stream() => Next::Tunnel,
            Self::Socks4(socks) if socks.is_open() => Next::Tunnel,
            Self::Http(http) if http.may_be_tunnel() => Next::Tunnel,
            Self::Http(http) => http_next(http),
            Self::Proxy(_) => Next::Behind,
            _ => Next::Nothing,
        }
    }

    /// Takes away what was read in the messages that it carries.
    fn take_inside(&mut self) -> Vec<Layer> {
        match self {
            Self::WebSocket(websocket) => std::mem::take(&mut websocket.inside),
            _ => Vec::new(),
        }
    }

    /// The first bytes of a tunnel that shares its stream with others.
    fn take_within(&mut self) -> Option<First> {
        match self {
            Self::Http2(http2) => http2.take_first(),
            _ => None,
        }
    }

    /// The nonces that it holds in places where no payload begins, with the side that sent them.
    pub fn nonces(&self) -> Vec<(Side, Nonce<'_>)> {
        match self {
            Self::WebSocket(websocket) => {
                let sides = [Side::Client, Side::Server].into_iter();
                let kept = sides.zip(&websocket.nonces);
                let kept = kept.filter_map(|(side, kept)| Some((side, kept.as_ref()?.nonce())));
                kept.collect()
            }
            Self::Tls(tls) => {
                let hello = tls.client_hello.as_ref();
                let nonce = hello.and_then(|hello| nonce::of_tls_random(&hello.random));
                nonce
                    .map(|nonce| (Side::Client, nonce))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// An upper bound of the bytes of memory that it needs; its parser caps each string.
    const fn most_bytes(&self) -> usize {
        match self {
            Self::Tls(_) => Tls::MOST_BYTES,
            Self::Ssh(_) => Ssh::MOST_BYTES,
            Self::Http2(_) => Http2::MOST_BYTES,
            _ => LAYER_BYTES,
        }
    }

    /// The protocol's name, as findings give it.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Which protocol it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Socks5(_) => Kind::Socks5,
            Self::Socks4(socks) if socks.is_4a => Kind::Socks4a,
            Self::Socks4(_) => Kind::Socks4,
            Self::Http(_) | Self::Page => Kind::Http,
            Self::Http2(_) => Kind::Http2,
            Self::Proxy(_) => Kind::Proxy,
            Self::Tls(_) => Kind::Tls,
            Self::Ssh(_) => Kind::Ssh,
            Self::SocksUdp(_) => Kind::SocksUdp,
            Self::WebSocket(_) => Kind::WebSocket,
            Self::Yamux(_) => Kind::Yamux,
            Self::Smux(_) => Kind::Smux,
            Self::MuxCool(_) => Kind::MuxCool,
            Self::Penguin(_) => Kind::Penguin,
            Self::Shell(_) => Kind::Shell,
            Self::Stage(_) => Kind::Stage,
        }
    }
}

fn http_next(http: &Http) -> Next {
    let acceptance = http
        .websocket
        .as_ref()
        .map(|websocket| websocket.acceptance);
    match acceptance {
        _ if http.ends_stream => Next::Nothing,
        _ if http.switches_to_http2() => Next::Behind,
        Some(Acceptance::Right) => Next::Frames,
        Some(Acceptance::Wrong | Acceptance::Missing) => Next::FramesOrTunnel,
        None if http.asks_relay() || http.was_denied_websocket() => Next::Request,
        None => Next::Nothing,
    }
}

/// What a datagram on its own tells.
pub fn datagram(bytes: &[u8]) -> Option<Protocol> {
    socks_udp::parse_datagram(bytes).map(|udp| Protocol::SocksUdp(Box::new(udp)))
}

fn page() -> Answer<Protocol> {
    let everything = Reading::<Protocol>::EVERYTHING;
    Answer::Yes(Reading {
        layer: Protocol::Page,
        client: everything,
        server: everything,
    })
}

/// Whether the opener spoke before the called side did: who calls to be sent a program says nothing first.
fn has_begun(heads: &impl Heads, opener: Prefix<'_>) -> bool {
    match heads.preamble() {
        Some(preamble) => preamble > 0,
        None => !opener.bytes.is_empty(),
    }
}

/// A side that serves says little before it is asked.
fn wait_for_called_side(opener: Prefix<'_>) -> Answer<Protocol> {
    if opener.bytes.len() <= LONGEST_HELLO {
        Answer::More(Need::of(Side::Server, 1))
    } else {
        Answer::No
    }
}

/// Turns an answer about the swapped sides back; the served side began `hello` bytes in.
fn swap(answer: Answer<Protocol>, hello: usize) -> Answer<Protocol> {
    match answer {
        Answer::No => Answer::No,
        Answer::More(need) => Answer::More(Need {
            client: need.server.saturating_add(hello),
            server: need.client,
        }),
        Answer::Yes(reading) => Answer::Yes(Reading {
            layer: reading.layer,
            client: reading.server.saturating_add(hello),
            server: reading.client,
        }),
    }
}

const MOST_LAYERS: usize = 8;
const LONGEST_HELLO: usize = 64;

/// A layer with short strings.
const LAYER_BYTES: usize = 4 * 1024;
