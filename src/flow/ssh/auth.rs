//! Authentication (RFC 4252), from the client's first encrypted packet to its acceptance.

use super::Write;
use crate::facts::ssh::SshCounts;
use crate::proto::Side;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::kexinit::BothWays;
use crate::proto::ssh::message;

/// How far a client got.
#[derive(Debug)]
pub(super) struct Auth {
    framing: Option<BothWays<Framing>>,
    /// Nothing of the framing was read.
    is_guessed: bool,
    /// Writes of the client, and the size of its last one.
    asked: u16,
    last_asked: u32,
    answered: u16,
    last_answer: u32,
    /// The size of the first refusal.
    refusal: Option<u32>,
}

/// That the client was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// This write says so.
    Now,
    /// It was before this write, which belongs to what follows.
    Before,
}

impl Auth {
    /// Where the offers were read, they say the framing.
    pub(super) fn new(framing: Option<BothWays<Framing>>) -> Self {
        Self {
            framing,
            is_guessed: false,
            asked: 0,
            last_asked: 0,
            answered: 0,
            last_answer: 0,
            refusal: None,
        }
    }

    /// A guess of the framing, by what both sides are to write first.
    pub(super) fn guessed(framing: BothWays<Framing>) -> Self {
        Self {
            is_guessed: true,
            ..Self::new(Some(framing))
        }
    }

    /// The framing, once it is known or could be told from the first sizes.
    pub(super) fn framing(&self) -> Option<BothWays<Framing>> {
        self.framing
    }

    pub(super) fn take(&mut self, write: Write, counts: &mut SshCounts) -> Option<Accepted> {
        match write.by {
            Side::Client => self.request(write.bytes),
            Side::Server if self.asked == 0 => None,
            Side::Server => self.answer(write.bytes, counts),
        }
    }

    /// The server turns out to pad more than it must.
    fn pad_answers(&mut self) {
        if let Some(framing) = &mut self.framing {
            framing.to_client = framing.to_client.roomy();
        }
    }

    fn request(&mut self, bytes: u32) -> Option<Accepted> {
        let before = self.last_asked;
        self.asked = self.asked.saturating_add(1);
        self.last_asked = bytes;
        if self.asked == 1 {
            return None;
        }
        if self.answered == 0 && self.framing.is_none() {
            self.framing = guess(before, before);
        }
        let framing = self.framing?.to_server;
        let session = framing.packet(message::SESSION);
        let barred = framing.packet(message::NO_MORE_SESSIONS);
        let opens = bytes == session || bytes == session.saturating_add(barred);
        let signed = before >= framing.packet(SIGNED);
        // Alone it may be another request: only where no answer is seen, it must do.
        let bars = self.answered == 0 && bytes == barred;
        (signed && (opens || bars)).then_some(Accepted::Before)
    }

    fn answer(&mut self, bytes: u32, counts: &mut SshCounts) -> Option<Accepted> {
        self.answered = self.answered.saturating_add(1);
        self.last_answer = bytes;
        if self.framing.is_none() {
            self.framing = guess(self.last_asked, bytes);
        }
        let framing = self.framing?.to_client;
        if self.asked < 2 {
            return None;
        }
        if bytes == framing.packet(message::BARE) {
            return Some(Accepted::Now);
        }
        if self.is_guessed && bytes == framing.roomy().packet(message::BARE) {
            self.pad_answers();
            return Some(Accepted::Now);
        }
        match self.refusal {
            None => self.refusal = Some(bytes),
            Some(refusal) if refusal == bytes => {
                counts.refusals = counts.refusals.saturating_add(1)
            }
            Some(_) => {}
        }
        None
    }
}

/// The framing in which a request for a service and its acceptance have these sizes. Lengths are not to be read where the
/// offers were not.
fn guess(request: u32, acceptance: u32) -> Option<BothWays<Framing>> {
    let of = |size: u32| {
        let mut known = Framing::COMMON.into_iter();
        let framing = known.find(|framing| framing.packet(message::SERVICE) == size)?;
        Some(framing.hidden())
    };
    Some(BothWays {
        to_server: of(request)?,
        to_client: of(acceptance)?,
    })
}

/// A request with a signature in it has at least this much: an Ed25519 signature, its key, and their names.
const SIGNED: u32 = 190;
