//! The life of a forwarded connection among the traffic of a session: opened, confirmed, used, and closed by both.

use arrayvec::ArrayVec;

use super::Write;
use crate::facts::ssh::Content;
use crate::proto::Side;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::kexinit::BothWays;
use crate::proto::ssh::message;
use crate::time::Timestamp;

/// Counts whole lives of channels that one side opens.
#[derive(Debug)]
pub(super) struct Cycles {
    opener: Side,
    state: State,
    pub(super) whole: u16,
    /// A bit for each size of a request.
    pub(super) sizes: u64,
    asked: Option<Write>,
    pub(super) opened: u16,
    life: Option<Life>,
    over: ArrayVec<Life, MOST_LIVES>,
}

/// The life of a connection that a side asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Who asked.
    pub by: Side,
    /// When.
    pub asked: Timestamp,
    /// When the last of both sides closed it.
    pub ended: Timestamp,
    /// What the side that asked wrote.
    pub asker: Content,
    /// What the other side wrote.
    pub answerer: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// A write that may ask for a channel.
    Asked,
    Confirmed,
    /// Data followed.
    Used,
    /// One side said that it is done.
    HalfClosed(Side),
    /// The other side answered that it is, too.
    Closing(Side),
}

impl Cycles {
    pub(super) fn of(opener: Side) -> Self {
        Self {
            opener,
            state: State::Idle,
            whole: 0,
            sizes: 0,
            asked: None,
            opened: 0,
            life: None,
            over: ArrayVec::new(),
        }
    }

    pub(super) fn miss(&mut self) {
        self.state = State::Idle;
        self.life = None;
    }

    /// The lives that ended since this was last asked.
    pub(super) fn over(&mut self) -> ArrayVec<Life, MOST_LIVES> {
        std::mem::take(&mut self.over)
    }

    /// Takes a write. `asks` says that it has the size of a request for a channel, `alone` that nothing came before it
    /// in the same turn.
    pub(super) fn take(&mut self, write: Write, asks: bool, framing: BothWays<Framing>) {
        let own = match write.by {
            Side::Client => framing.to_server,
            Side::Server => framing.to_client,
        };
        let ends = own.packet(message::NUMBERED);
        let confirms = own.packet(message::CONFIRMATION);
        let by_opener = write.by == self.opener;
        let before = self.state;
        self.state = match self.state {
            State::Asked if !by_opener && write.bytes == confirms => {
                self.opened = self.opened.saturating_add(1);
                self.sizes |= self.asked.map_or(0, |asked| size_bit(asked.bytes));
                State::Confirmed
            }
            State::Idle | State::Asked if by_opener && asks => {
                self.asked = Some(write);
                State::Asked
            }
            State::Idle | State::Asked => State::Idle,
            // What looked like a confirmation was a request for a session, which is confirmed in turn.
            State::Confirmed if by_opener && write.bytes == confirms => State::Idle,
            State::Confirmed if write.bytes > ends => State::Used,
            State::Confirmed => State::Idle,
            State::Used if write.bytes == ends => State::HalfClosed(write.by),
            State::HalfClosed(by) if write.by == by && write.bytes == ends => State::HalfClosed(by),
            State::HalfClosed(by) if write.by != by && is_close(write.bytes, ends) => {
                State::Closing(by)
            }
            State::Closing(by) if write.by != by && write.bytes == ends => State::Closing(by),
            State::Closing(by) if write.by == by && is_close(write.bytes, ends) => {
                self.whole = self.whole.saturating_add(1);
                State::Idle
            }
            State::Used | State::HalfClosed(_) | State::Closing(_) => State::Used,
        };
        self.follow(before, write, own);
    }

    /// Keeps account of what is written in the life of a connection.
    fn follow(&mut self, before: State, write: Write, own: Framing) {
        match (before, self.state) {
            (State::Asked, State::Confirmed) => {
                self.life = self.asked.map(|asked| Life::of(self.opener, asked.time));
            }
            (State::Closing(_), State::Idle) => {
                if self.over.is_full() {
                    self.over.remove(0);
                }
                let life = self.life.take();
                let life = life.map(|life| Life {
                    ended: write.time,
                    ..life
                });
                self.over.extend(life);
            }
            (_, State::Idle | State::Asked) => self.life = None,
            (_, State::Closing(_)) if write.bytes > own.packet(message::NUMBERED) => {}
            _ => {
                if let Some(life) = &mut self.life {
                    life.write(write, own);
                }
            }
        }
    }
}

impl Life {
    fn of(by: Side, asked: Timestamp) -> Self {
        Self {
            by,
            asked,
            ended: asked,
            asker: Content::default(),
            answerer: Content::default(),
        }
    }

    /// Counts a write. Ends, what makes room in a window and what asks whether the other side is there may be data as well.
    fn write(&mut self, write: Write, framing: Framing) {
        let content = if write.by == self.by {
            &mut self.asker
        } else {
            &mut self.answerer
        };
        let around = framing.around().saturating_add(message::DATA);
        let most = u64::from(write.bytes.saturating_sub(around));
        let is_doubtful = DOUBTFUL
            .iter()
            .any(|size| framing.packet(*size) == write.bytes);
        content.around = around;
        content.padding = framing.most_padding();
        content.most = content.most.saturating_add(most);
        if is_doubtful {
            content.doubtful = content.doubtful.saturating_add(most);
        } else {
            content.writes = content.writes.saturating_add(1);
        }
    }
}

/// An end of file and a close, or one of them.
fn is_close(bytes: u32, ends: u32) -> bool {
    bytes == ends || bytes == ends.saturating_mul(2)
}

/// A bit for each size that a packet may have.
pub(super) fn size_bit(bytes: u32) -> u64 {
    1 << ((bytes / 8) % 64)
}

/// Payloads of what ends a channel, grants or asks.
const DOUBTFUL: [u32; 4] = [
    message::BARE,
    message::NUMBERED,
    message::KEEPALIVE,
    message::CHANNEL_KEEPALIVE,
];
/// Lives that are kept until somebody asks; the oldest give way.
pub(super) const MOST_LIVES: usize = 4;
