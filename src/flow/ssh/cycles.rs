//! The life of a forwarded connection among the traffic of a session: opened, confirmed, used, and closed by both.

use super::Write;
use super::channels::size_bit;
use crate::proto::Side;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::kexinit::BothWays;
use crate::proto::ssh::message;

/// Counts whole lives of channels that one side opens.
#[derive(Debug)]
pub(super) struct Cycles {
    opener: Side,
    state: State,
    pub(super) whole: u16,
    /// A bit for each size of a request.
    pub(super) sizes: u64,
    asked_bytes: u32,
    pub(super) opened: u16,
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
            asked_bytes: 0,
            opened: 0,
        }
    }

    pub(super) fn miss(&mut self) {
        self.state = State::Idle;
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
        self.state = match self.state {
            State::Asked if !by_opener && write.bytes == confirms => {
                self.opened = self.opened.saturating_add(1);
                self.sizes |= size_bit(self.asked_bytes);
                State::Confirmed
            }
            State::Idle | State::Asked if by_opener && asks => {
                self.asked_bytes = write.bytes;
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
    }
}

/// An end of file and a close, or one of them.
fn is_close(bytes: u32, ends: u32) -> bool {
    bytes == ends || bytes == ends.saturating_mul(2)
}
