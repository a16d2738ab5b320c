//! Task episodes: what the server begins, and the client answers, between the beats of a session.

use crate::time::{Span, Timestamp};

/// The episodes of a session that are over, and the one that goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tasks {
    episode: Option<Episode>,
    count: u32,
    /// When anybody spoke last.
    newest: Timestamp,
}

/// Bytes that the client and the server have sent.
pub(super) type Carried = (u64, u64);

/// An exchange that the server began.
#[derive(Clone, Copy, Debug)]
struct Episode {
    before: Carried,
    is_answered: bool,
}

/// What a flight of the client is to an episode.
pub(super) enum Reply {
    /// Nothing: it is a beat.
    None,
    /// The first answer; before the episode both had sent so much.
    First(Carried),
    /// One more answer.
    Further,
}

impl Tasks {
    /// None, in a session in which somebody spoke last at that moment.
    pub(super) const fn new(newest: Timestamp) -> Self {
        Self {
            episode: None,
            count: 0,
            newest,
        }
    }

    /// Takes a flight of the server; `is_awaited` where the client asked for it. What comes unasked behind a silence
    /// begins an episode.
    pub(super) fn speaks(&mut self, carried: Carried, is_awaited: bool, now: Timestamp) {
        let silence = now - self.newest;
        self.newest = now;
        let goes_on = self.episode.is_some_and(|episode| episode.is_answered);
        if !is_awaited && silence >= SILENCE && !goes_on {
            self.episode = Some(Episode {
                before: carried,
                is_answered: false,
            });
        }
    }

    /// Takes a flight of a client that else speaks once in so many seconds.
    pub(super) fn answers(&mut self, period: f64, now: Timestamp) -> Reply {
        let silence = (now - self.newest).as_seconds_f64();
        self.newest = now;
        let patience = (period * PART_OF_A_PERIOD).min(PATIENCE);
        let Some(episode) = self.episode.as_mut().filter(|_| silence < patience) else {
            return Reply::None;
        };
        match std::mem::replace(&mut episode.is_answered, true) {
            true => Reply::Further,
            false => Reply::First(episode.before),
        }
    }

    /// Ends the episode that goes on, now that both have sent so much. Gives what each sent in it, if it was answered.
    pub(super) fn conclude(&mut self, carried: Carried) -> Option<Carried> {
        let episode = self.episode.take().filter(|episode| episode.is_answered)?;
        let (client, server) = episode.before;
        Some((
            carried.0.saturating_sub(client),
            carried.1.saturating_sub(server),
        ))
    }

    /// Counts an episode.
    pub(super) fn count(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// How many were counted.
    pub(super) const fn counted(&self) -> u32 {
        self.count
    }
}

/// Who speaks behind such a silence begins something.
const SILENCE: Span = Span::from_millis(500);

/// An answer comes within this part of a period, and within so many seconds.
const PART_OF_A_PERIOD: f64 = 0.4;
const PATIENCE: f64 = 5.0;
