//! Requests for connections, and the moments at which they were made: whoever is asked for one opens it at once, so that
//! the leg of a relay begins where its request stands.

use arrayvec::ArrayVec;

use super::Write;
use super::opening;
use crate::proto::Side;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::kexinit::BothWays;
use crate::proto::ssh::message;
use crate::time::{Span, Timestamp};

/// A side asked the other one to open a connection (RFC 4254, section 7.2), which did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asked.
    pub by: Side,
    /// When.
    pub time: Timestamp,
}

/// What looks like such requests, by the sizes of request and confirmation. Other things have these sizes, too; that a
/// connection followed is for correlators to see.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_client: Option<Timestamp>,
    by_server: Option<Timestamp>,
    confirmed: ArrayVec<Request, MOST>,
}

impl Requests {
    pub(super) fn miss(&mut self) {
        (self.by_client, self.by_server) = (None, None);
    }

    /// Takes a write.
    pub(super) fn take(&mut self, write: Write, framing: BothWays<Framing>) {
        self.confirm(write, framing);
        let asks = match write.by {
            Side::Client => opening::is_direct(framing.to_server, write.bytes),
            Side::Server => opening::is_forwarded(framing.to_client, write.bytes),
        };
        if asks {
            *self.open(write.by) = Some(write.time);
        }
    }

    /// The other side confirms.
    fn confirm(&mut self, write: Write, framing: BothWays<Framing>) {
        let by = write.by.other();
        let asked = self.open(by).filter(|time| write.time - *time < PATIENCE);
        let own = match write.by {
            Side::Client => framing.to_server,
            Side::Server => framing.to_client,
        };
        let Some(time) = asked.filter(|_| write.bytes == own.packet(message::CONFIRMATION)) else {
            return;
        };
        *self.open(by) = None;
        if self.confirmed.is_full() {
            self.confirmed.remove(0);
        }
        self.confirmed.push(Request { by, time });
    }

    /// What a side asked for last and has no answer to.
    fn open(&mut self, by: Side) -> &mut Option<Timestamp> {
        match by {
            Side::Client => &mut self.by_client,
            Side::Server => &mut self.by_server,
        }
    }

    /// What was confirmed since this was last asked.
    pub(super) fn news(&mut self) -> ArrayVec<Request, MOST> {
        std::mem::take(&mut self.confirmed)
    }
}

/// Requests that are kept until somebody asks; the oldest give way.
pub(super) const MOST: usize = 4;
/// A connection that takes longer is given up by most clients.
const PATIENCE: Span = Span::from_seconds(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_when_it_is_confirmed() {
        let framing = BothWays {
            to_server: Framing::CHACHA,
            to_client: Framing::CHACHA,
        };
        let write = |by, bytes, millis| Write {
            by,
            bytes,
            time: Timestamp::MIN + Span::from_millis(millis),
        };
        let (client, server) = (Side::Client, Side::Server);
        for (writes, expected) in [
            (vec![(client, 92, 0), (server, 44, 3)], vec![(client, 0)]),
            (vec![(client, 92, 0), (server, 480, 3)], vec![]),
            (vec![(server, 92, 0), (client, 44, 3)], vec![(server, 0)]),
            (vec![(client, 92, 0), (server, 36, 3)], vec![]),
            (vec![(client, 36, 0), (server, 44, 3)], vec![]),
            (vec![(client, 92, 0), (server, 44, 12_000)], vec![]),
        ] {
            let mut requests = Requests::default();
            for (by, bytes, millis) in &writes {
                requests.take(write(*by, *bytes, *millis), framing);
            }
            let expected: Vec<Request> = expected
                .into_iter()
                .map(|(by, millis)| Request {
                    by,
                    time: write(by, 0, millis).time,
                })
                .collect();
            assert_eq!(requests.news().as_slice(), expected, "{writes:?}");
            assert!(requests.news().is_empty());
        }
    }
}
