//! Channels (RFC 4254): what a client opens, what a server opens, and what goes through.

use arrayvec::ArrayVec;

use super::Write;
use super::cycles::{Cycles, Life, size_bit};
use super::opening::{self, Asked, Channel};
use super::requests::{self, Request, Requests};
use crate::facts::ssh::SshCounts;
use crate::proto::Side;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::kexinit::BothWays;
use crate::proto::ssh::message;
use crate::time::{Span, Timestamp};

/// What goes on behind authentication.
#[derive(Debug)]
pub(super) struct Channels {
    framing: BothWays<Framing>,
    opened: Timestamp,
    /// Writes of the client behind its acceptance, and how often it took the word; both saturate.
    writes: u16,
    turns: u16,
    /// What the client asked for and has no answer yet, oldest first.
    asked: ArrayVec<Waiting, MOST_WAITING>,
    /// A confirmed channel that may yet turn out to be a session.
    unsure: Option<Waiting>,
    /// When the server wrote what may offer a connection.
    offered: Option<Timestamp>,
    /// The server wrote what may be an answer since the client's last write.
    answered: bool,
    before: [Option<Write>; 2],
    by_client: Cycles,
    by_server: Cycles,
    requests: Requests,
    sizes: u64,
    server_spoke: bool,
    unanswered: bool,
    guessed: bool,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    asked: Asked,
    bytes: u32,
    time: Timestamp,
    /// It was asked for before anything else.
    first: bool,
}

impl Waiting {
    fn is_direct(&self) -> bool {
        self.asked.channel == Some(Channel::Direct)
    }
}

impl Channels {
    pub(super) fn new(framing: BothWays<Framing>, now: Timestamp) -> Self {
        Self {
            framing,
            opened: now,
            writes: 0,
            turns: 0,
            asked: ArrayVec::new(),
            unsure: None,
            offered: None,
            answered: false,
            before: [None; 2],
            by_client: Cycles::of(Side::Client),
            by_server: Cycles::of(Side::Server),
            requests: Requests::default(),
            sizes: 0,
            server_spoke: false,
            unanswered: false,
            guessed: false,
        }
    }

    /// Of a session picked up in its middle, in which there may be a session channel.
    pub(super) fn midstream(framing: BothWays<Framing>) -> Self {
        Self {
            guessed: true,
            ..Self::new(framing, Timestamp::MIN)
        }
    }

    /// How a side frames its packets.
    pub(super) fn framing(&self, by: Side) -> Framing {
        match by {
            Side::Client => self.framing.to_server,
            Side::Server => self.framing.to_client,
        }
    }

    pub(super) fn miss(&mut self) {
        self.before = [None; 2];
        self.asked.clear();
        self.offered = None;
        self.requests.miss();
        self.by_client.miss();
        self.by_server.miss();
    }

    /// Takes a write; false where it shows that the framing is another.
    pub(super) fn take(&mut self, write: Write, counts: &mut SshCounts) -> bool {
        if self.guessed && !self.fits(write) {
            return false;
        }
        match write.by {
            Side::Client => self.take_of_client(write, counts),
            Side::Server => self.take_of_server(write, counts),
        }
        self.pair(write, counts);
        self.live(write, counts);
        self.requests.take(write, self.framing);
        self.before = [Some(write), self.before[0]];
        true
    }

    /// Whether a write may be some packets: each has four bytes more than a multiple of eight.
    fn fits(&self, write: Write) -> bool {
        write.bytes.is_multiple_of(4)
    }

    /// Whether the client may still ask to listen or bar sessions: it does so before it opens anything.
    fn is_opening(&self, now: Timestamp, counts: &SshCounts) -> bool {
        let opens_nothing = counts.sessions == 0 && counts.direct == 0 && !self.guessed;
        opens_nothing && self.writes <= FIRST_WRITES && now - self.opened < OPENING
    }

    fn take_of_client(&mut self, write: Write, counts: &mut SshCounts) {
        self.writes = self.writes.saturating_add(1);
        let framing = self.framing.to_server;
        let offered = self
            .offered
            .filter(|offered| write.time - *offered < PROMPT);
        // Nothing is offered before something was granted.
        let offered = offered.filter(|_| self.answered || self.turns > 1);
        let accepts = offered.is_some() && write.bytes == framing.packet(message::CONFIRMATION);
        let has_word = std::mem::take(&mut self.answered) && !self.still_asks(write);
        if has_word || self.turns == 0 {
            self.turns = self.turns.saturating_add(1);
            self.go_on(write, accepts, counts);
        }
        self.offered = None;
        self.count_unanswered(counts);
        if accepts && self.take_over(counts) {
            return;
        }
        self.asked
            .retain(|waiting| !waiting.is_direct() || write.time - waiting.time < PATIENCE);
        let asked = if self.is_opening(write.time, counts) {
            opening::explain(framing, write.bytes)
        } else {
            self.later(write.bytes)
        };
        if let Some(asked) = asked {
            self.ask(asked, write, counts);
        }
    }

    fn ask(&mut self, asked: Asked, write: Write, counts: &mut SshCounts) {
        if self.asked.is_full() {
            self.asked.remove(0);
        }
        self.asked.push(Waiting {
            asked,
            bytes: write.bytes,
            time: write.time,
            first: !counts.bars_sessions && self.turns <= 1,
        });
        let may_be_session = asked.channel == Some(Channel::Session);
        counts.bars_sessions |= asked.bars && counts.sessions == 0 && !may_be_session;
        self.unanswered = asked.channel == Some(Channel::Direct) && counts.bars_sessions;
    }

    /// Where the server's side was not captured, a request for a connection counts once data follows it.
    fn count_unanswered(&mut self, counts: &mut SshCounts) {
        if self.unanswered && !self.server_spoke {
            let bytes = self.before[0].map_or(0, |before| before.bytes);
            count_direct(counts, &mut self.sizes, bytes);
        }
        self.unanswered = false;
    }

    /// Whether the client goes on with what it asks for at first: sessions are asked for, or barred, behind the rest.
    fn still_asks(&self, write: Write) -> bool {
        let is_session = |asked: &Asked| asked.channel == Some(Channel::Session);
        let is_last = |asked: Asked| asked.bars || is_session(&asked);
        let waits_for_session = self.asked.iter().any(|waiting| is_session(&waiting.asked));
        self.turns == 1
            && self.is_same_breath(write.time)
            && !waits_for_session
            && opening::explain(self.framing.to_server, write.bytes).is_some_and(is_last)
    }

    /// Whether something is written together with the first request that waits.
    fn is_same_breath(&self, time: Timestamp) -> bool {
        let first = self.asked.first();
        first.is_some_and(|first| time - first.time < BREATH)
    }

    /// The client takes the word again. What it asked for at first was granted, perhaps in one write with something else:
    /// it would not go on otherwise. `accepts` says that it takes a connection over.
    fn go_on(&mut self, write: Write, accepts: bool, counts: &mut SshCounts) {
        if self.turns != 2 || self.guessed || !self.server_spoke || counts.sessions > 0 {
            return;
        }
        let framing = self.framing.to_server;
        let is_large = write.bytes >= framing.packet(LEAST_OF_TUN);
        let is_told_apart =
            framing.packet(message::TUN) != framing.packet(message::NO_MORE_SESSIONS);
        let is_packet_of_device = is_large && is_told_apart && !framing.is_clear();
        let mut requests = 0_u16;
        for waiting in std::mem::take(&mut self.asked) {
            match waiting.asked.channel {
                Some(Channel::Session) if accepts => requests += 1,
                Some(Channel::Session) => return self.begin_session(counts),
                Some(Channel::Tun) if is_packet_of_device => self.unsure = Some(waiting),
                Some(Channel::Direct) if counts.bars_sessions => self.unsure = Some(waiting),
                Some(Channel::Tun | Channel::Direct) | None => {
                    requests += u16::from(waiting.asked.listen);
                }
            }
        }
        // One of them barred sessions.
        let requests = requests.saturating_sub((counts.bars_sessions && !accepts).into());
        counts.listens = counts.listens.saturating_add(requests);
    }

    fn begin_session(&mut self, counts: &mut SshCounts) {
        counts.sessions = counts.sessions.saturating_add(1);
        counts.bars_sessions = false;
        self.asked.clear();
    }

    /// What a client may ask for at any time.
    fn later(&self, bytes: u32) -> Option<Asked> {
        let framing = self.framing.to_server;
        let channel = if bytes == framing.packet(message::SESSION) {
            Channel::Session
        } else if opening::is_direct(framing, bytes) {
            Channel::Direct
        } else {
            return None;
        };
        Some(Asked {
            channel: Some(channel),
            ..Asked::default()
        })
    }

    /// The client takes over a connection that the server offers; false where that is not certain.
    fn take_over(&mut self, counts: &mut SshCounts) -> bool {
        let only_forwards = counts.bars_sessions && counts.direct == 0 && counts.sessions == 0;
        let is_certain = counts.listens > 0 || only_forwards;
        if is_certain {
            counts.reverse = counts.reverse.saturating_add(1);
        }
        is_certain
    }

    fn take_of_server(&mut self, write: Write, counts: &mut SshCounts) {
        self.server_spoke = true;
        let framing = self.framing.to_client;
        let bytes = write.bytes;
        if let Some(unsure) = self.unsure.take() {
            let replies = framing.packet(message::NUMBERED);
            let is_session = (1..=3).any(|count| bytes == replies.saturating_mul(count));
            if is_session {
                counts.sessions = counts.sessions.saturating_add(1);
                counts.bars_sessions = false;
            } else {
                self.commit(unsure, counts);
            }
        }
        self.offered = opening::is_forwarded(framing, bytes).then_some(write.time);
        let confirms = framing.packet(message::CONFIRMATION);
        // Where packets are not told apart, an answer may hide in any write.
        self.answered |= !framing.is_clear() || bytes <= confirms;
        if self.asked.is_empty() || self.guessed {
            return;
        }
        let [bare, port] = [message::BARE, message::NUMBERED].map(|size| framing.packet(size));
        if bytes == bare || bytes == port {
            self.granted(1, counts);
        } else if bytes == bare.saturating_add(confirms) || bytes == port.saturating_add(confirms) {
            self.granted(2, counts);
            self.confirmed(false, counts);
        } else if bytes == confirms {
            self.confirmed(false, counts);
        } else if bytes > confirms && self.waits_for_connection() && !is_forwarding(counts) {
            let behind = framing.most_payload(bytes.saturating_sub(confirms));
            let is_more = behind.is_some_and(|most| most > message::KEYSTROKE + 5);
            if is_more {
                self.confirmed(true, counts);
            } else {
                self.forget_connections(write, counts);
            }
        } else {
            self.forget_connections(write, counts);
        }
    }

    /// Something else was written where an answer was waited for.
    fn forget_connections(&mut self, write: Write, counts: &SshCounts) {
        if !self.is_opening(write.time, counts) {
            self.asked.retain(|waiting| !waiting.is_direct());
        }
    }

    fn waits_for_connection(&self) -> bool {
        let first = self.asked.first();
        first.is_some_and(|waiting| waiting.asked.channel == Some(Channel::Direct))
    }

    /// A global request was answered. Later answers may be to something else, such as whether the server is still there,
    /// so that only what the client asked for at once counts.
    fn granted(&mut self, least_asked: usize, counts: &mut SshCounts) {
        let asked = self.asked.iter().position(|waiting| waiting.asked.listen);
        let Some(place) = asked.filter(|_| self.asked.len() >= least_asked) else {
            return;
        };
        let last = self.asked.last().map(|waiting| waiting.time);
        let at_once = self.turns == 1 && last.is_some_and(|last| self.is_same_breath(last));
        self.asked.remove(place);
        if at_once {
            counts.listens = counts.listens.saturating_add(1);
        }
    }

    /// A channel was confirmed. `with_data` says that something came with it.
    fn confirmed(&mut self, with_data: bool, counts: &mut SshCounts) {
        let is_session = |waiting: &Waiting| waiting.asked.channel == Some(Channel::Session);
        let sessions = self.asked.iter().position(is_session);
        let opens = |waiting: &Waiting| waiting.asked.channel.is_some();
        let Some(place) = sessions.or_else(|| self.asked.iter().position(opens)) else {
            return;
        };
        let waiting = self.asked.remove(place);
        match waiting.asked.channel {
            Some(Channel::Session) => self.begin_session(counts),
            Some(Channel::Direct | Channel::Tun) if counts.sessions > 0 => {}
            Some(Channel::Direct | Channel::Tun) if with_data || is_forwarding(counts) => {
                self.commit(waiting, counts);
            }
            Some(Channel::Direct | Channel::Tun) => self.unsure = Some(waiting),
            None => {}
        }
    }

    /// A channel is what it was taken for.
    fn commit(&mut self, waiting: Waiting, counts: &mut SshCounts) {
        match waiting.asked.channel {
            Some(Channel::Tun) => counts.tun = true,
            Some(Channel::Direct) if counts.jump => {}
            Some(Channel::Direct) => {
                let is_first = waiting.first && counts.direct == 0;
                counts.jump = is_first && counts.bars_sessions;
                count_direct(counts, &mut self.sizes, waiting.bytes);
            }
            Some(Channel::Session) | None => {}
        }
    }

    /// Keys and their echoes, questions and their answers.
    fn pair(&mut self, write: Write, counts: &mut SshCounts) {
        let Some(before) = self.before[0].filter(|before| before.by != write.by) else {
            return;
        };
        let of = |by, size| match by {
            Side::Client => self.framing.to_server.packet(size),
            Side::Server => self.framing.to_client.packet(size),
        };
        let is = |asks: u32, answers: u32| {
            before.bytes == of(before.by, asks) && write.bytes == of(write.by, answers)
        };
        let by_client = before.by == Side::Client;
        let nested = |size: u32| message::DATA.saturating_add(size);
        let inner_key = Framing::CHACHA.packet(message::KEYSTROKE);
        if by_client && is(message::KEYSTROKE, message::KEYSTROKE) {
            counts.keystrokes = counts.keystrokes.saturating_add(1);
        } else if is(message::KEEPALIVE, message::BARE)
            || !by_client && is(message::CHANNEL_KEEPALIVE, message::NUMBERED)
        {
            counts.keepalives = counts.keepalives.saturating_add(1);
        } else if counts.nested && is(nested(inner_key), nested(inner_key)) {
            counts.nested_keystrokes = counts.nested_keystrokes.saturating_add(1);
        }
        let handshake = self.before[1].is_some_and(|first| {
            first.by == before.by && first.bytes == of(first.by, nested(message::NEWKEYS_PACKET))
        });
        counts.nested |= handshake
            && is_forwarding(counts)
            && Framing::COMMON.iter().any(|inner| {
                let service = nested(inner.packet(message::SERVICE));
                is(service, service)
            });
    }

    /// Whole lives of connections beside a session, or where it is not known whether there is one.
    fn live(&mut self, write: Write, counts: &mut SshCounts) {
        let framing = self.framing;
        let by_client = opening::is_direct(framing.to_server, write.bytes);
        let by_server = opening::is_forwarded(framing.to_client, write.bytes);
        let asks = |by| match by {
            Side::Client => by_client && write.by == by,
            Side::Server => by_server && write.by == by,
        };
        self.by_client.take(write, asks(Side::Client), framing);
        self.by_server.take(write, asks(Side::Server), framing);
        if counts.sessions == 0 && !self.guessed {
            return;
        }
        let sure = sure(counts.sessions);
        if self.by_client.whole >= sure {
            counts.direct = counts.direct.max(self.by_client.opened);
            counts.direct_sizes = distinct(self.by_client.sizes);
        }
        // Where a confirmation is as long as a request for a session, sessions one after the other look the same.
        let session = framing.to_server.packet(message::SESSION);
        let is_told_apart = session != framing.to_server.packet(message::CONFIRMATION);
        let was_asked = counts.listens > 0 && self.by_server.whole >= SURE;
        if was_asked || self.by_server.whole >= sure && is_told_apart {
            counts.reverse = counts.reverse.max(self.by_server.opened);
        }
    }

    /// The connections that were asked for and opened since this was last asked.
    pub(super) fn requests(&mut self) -> ArrayVec<Request, { requests::MOST }> {
        self.requests.news()
    }

    /// The connections that were over since this was last asked.
    pub(super) fn lives(&mut self) -> impl Iterator<Item = Life> {
        self.by_client
            .over()
            .into_iter()
            .chain(self.by_server.over())
    }

    /// Nothing more comes.
    pub(super) fn conclude(&mut self, counts: &mut SshCounts) {
        if let Some(unsure) = self.unsure.take() {
            self.commit(unsure, counts);
        }
    }
}

fn count_direct(counts: &mut SshCounts, sizes: &mut u64, bytes: u32) {
    counts.direct = counts.direct.saturating_add(1);
    *sizes |= size_bit(bytes);
    counts.direct_sizes = distinct(*sizes);
}

/// Whole lives that no other traffic has by chance, beside so many sessions: now and then one of them looks like one.
fn sure(sessions: u16) -> u16 {
    SURE.saturating_add(sessions / LOOK_ALIKE)
}

fn distinct(sizes: u64) -> u8 {
    u8::try_from(sizes.count_ones()).unwrap_or(u8::MAX)
}

/// Whether connections are forwarded for certain.
fn is_forwarding(counts: &SshCounts) -> bool {
    counts.direct > 0 || counts.reverse > 0 || counts.listens > 0
}

/// What a channel for a network device carries at least: an IP header, four bytes before it, and some payload.
const LEAST_OF_TUN: u32 = message::DATA + 4 + 28;
const MOST_WAITING: usize = 4;
/// Writes of the client that may ask to listen or bar sessions.
const FIRST_WRITES: u16 = 6;
/// For so long: it may ask whether the server is still there after a second.
const OPENING: Span = Span::from_millis(900);
/// What a client asks for at once stands in so short a time.
const BREATH: Span = Span::from_millis(50);
/// Within so long a connection that is offered is taken.
const PROMPT: Span = Span::from_millis(500);
/// For so long an answer is waited for.
const PATIENCE: Span = Span::from_seconds(3);
/// Of so many sessions one may look like a connection.
const LOOK_ALIKE: u16 = 4;
/// Whole lives that no other traffic has by chance, beside few sessions.
const SURE: u16 = 2;
