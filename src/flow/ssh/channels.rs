//! Channels (RFC 4254): what a client opens, what a server opens, and what goes through.

use arrayvec::ArrayVec;

use super::Write;
use super::cycles::Cycles;
use super::opening::{self, Asked, Channel};
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
    /// A write of the server that may offer a connection.
    offered: bool,
    before: [Option<Write>; 2],
    by_client: Cycles,
    by_server: Cycles,
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
            offered: false,
            before: [None; 2],
            by_client: Cycles::of(Side::Client),
            by_server: Cycles::of(Side::Server),
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

    pub(super) fn miss(&mut self) {
        self.before = [None; 2];
        self.asked.clear();
        self.offered = false;
        self.by_client.miss();
        self.by_server.miss();
    }

    /// Takes a write; false where it shows that the framing is another.
    pub(super) fn take(&mut self, write: Write, counts: &mut SshCounts) -> bool {
        if self.guessed && !self.fits(write) {
            return false;
        }
        match write.by {
            Side::Client => self.from_client(write, counts),
            Side::Server => self.from_server(write, counts),
        }
        self.pair(write, counts);
        self.live(write, counts);
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

    fn from_client(&mut self, write: Write, counts: &mut SshCounts) {
        self.writes = self.writes.saturating_add(1);
        let goes_on = self.before[0].is_some_and(|before| before.by == Side::Client);
        self.turns = self.turns.saturating_add((!goes_on).into());
        if !goes_on {
            self.go_on(counts);
        }
        let framing = self.framing.to_server;
        if self.offered && write.bytes == framing.packet(message::CONFIRMATION) {
            self.take_over(counts);
        }
        self.offered = false;
        self.asked.retain(|waiting| write.time - waiting.time < PATIENCE);
        let asked = if self.is_opening(write.time, counts) {
            opening::explain(framing, write.bytes)
        } else {
            self.later(write.bytes)
        };
        if self.unanswered && !self.server_spoke {
            count_direct(counts, &mut self.sizes, self.before[0].map_or(0, |before| before.bytes));
        }
        self.unanswered = false;
        let Some(asked) = asked else {
            return;
        };
        counts.bars_sessions |= asked.bars && counts.sessions == 0 && asked.channel != Some(Channel::Session);
        self.unanswered = asked.channel == Some(Channel::Direct) && counts.bars_sessions;
        if self.asked.is_full() {
            self.asked.remove(0);
        }
        self.asked.push(Waiting {
            asked,
            bytes: write.bytes,
            time: write.time,
        });
    }

    /// The client takes the word again: a session that it asked for was confirmed, perhaps in one write with something
    /// else.
    fn go_on(&mut self, counts: &mut SshCounts) {
        let is_session = |waiting: &Waiting| waiting.asked.channel == Some(Channel::Session);
        if self.asked.iter().any(is_session) && counts.direct == 0 {
            self.begin_session(counts);
        }
    }

    fn begin_session(&mut self, counts: &mut SshCounts) {
        counts.sessions = counts.sessions.saturating_add(1);
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

    fn take_over(&mut self, counts: &mut SshCounts) {
        let only_forwards = counts.bars_sessions && counts.direct == 0 && counts.sessions == 0;
        if counts.listens > 0 || only_forwards {
            counts.reverse = counts.reverse.saturating_add(1);
        }
    }

    fn from_server(&mut self, write: Write, counts: &mut SshCounts) {
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
        self.offered = opening::is_forwarded(framing, bytes);
        if self.asked.is_empty() || self.guessed {
            return;
        }
        let confirms = framing.packet(message::CONFIRMATION);
        let [bare, port] = [message::BARE, message::NUMBERED].map(|size| framing.packet(size));
        if bytes == bare || bytes == port {
            self.granted(1, counts);
        } else if bytes == bare.saturating_add(confirms) || bytes == port.saturating_add(confirms) {
            self.granted(2, counts);
            self.confirmed(false, counts);
        } else if bytes == confirms {
            self.confirmed(false, counts);
        } else if bytes > confirms && self.waits_for_connection() {
            let behind = framing.most_payload(bytes.saturating_sub(confirms));
            let is_more = behind.is_some_and(|most| most > message::KEYSTROKE + 5);
            if is_more {
                self.confirmed(true, counts);
            } else if !self.is_opening(write.time, counts) {
                self.asked.clear();
            }
        } else if !self.is_opening(write.time, counts) {
            self.asked.clear();
        }
    }

    fn waits_for_connection(&self) -> bool {
        let first = self.asked.first();
        first.is_some_and(|waiting| waiting.asked.channel == Some(Channel::Direct))
    }

    /// A global request was answered. Later answers may be to something else, so that only what the client asked for
    /// at once counts.
    fn granted(&mut self, least_asked: usize, counts: &mut SshCounts) {
        let asked = self.asked.iter().position(|waiting| waiting.asked.listen);
        let Some(place) = asked.filter(|_| self.asked.len() >= least_asked) else {
            return;
        };
        self.asked.remove(place);
        if self.turns == 1 {
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
            Some(Channel::Direct) => {
                counts.jump |= waiting.asked.bars && counts.direct == 0;
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
        if self.by_client.whole >= SURE {
            counts.direct = counts.direct.max(self.by_client.opened);
        }
        if self.by_server.whole >= SURE {
            counts.reverse = counts.reverse.max(self.by_server.opened);
        }
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
    *sizes |= 1 << ((bytes / 8) % 64);
    counts.direct_sizes = u8::try_from(sizes.count_ones()).unwrap_or(u8::MAX);
}

/// Whether connections are forwarded for certain.
fn is_forwarding(counts: &SshCounts) -> bool {
    counts.direct > 0 || counts.reverse > 0 || counts.listens > 0
}

const MOST_WAITING: usize = 4;
/// Writes of the client that may ask to listen or bar sessions.
const FIRST_WRITES: u16 = 6;
/// For so long.
const OPENING: Span = Span::from_seconds(10);
/// For so long an answer is waited for.
const PATIENCE: Span = Span::from_seconds(3);
/// Whole lives that no other traffic has by chance.
const SURE: u16 = 2;
