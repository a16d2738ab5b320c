//! The rhythm inside sessions: when the client speaks, and what each side says.

use std::collections::HashMap;

use super::rhythm::{Regularity, Rhythm};
use super::sizes::Sizes;
use crate::facts::FlowId;
use crate::facts::legs::Flight;
use crate::proto::Side;
use crate::time::{Span, Timestamp};

/// Sessions in which the client speaks more than once, up to a cap; beyond it new ones are not followed.
#[derive(Debug)]
pub struct Talks {
    talks: HashMap<FlowId, Followed, foldhash::fast::RandomState>,
    cap: usize,
}

/// A session that is followed. In most the client speaks once, and there is nothing to keep but that.
#[derive(Debug)]
enum Followed {
    Once(Start),
    Talk(Box<Talk>),
}

/// How a client spoke for the first time.
#[derive(Clone, Copy, Debug)]
struct Start {
    time: Timestamp,
    turn: Turn,
}

/// What was said last, and how long answers took.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// What both had sent when the client spoke last.
    sent: (u64, u64),
    /// When the client spoke, if nobody answered since.
    asked: Option<Timestamp>,
    /// How long the client waited for answers, in seconds.
    waited: f64,
}

/// How a client speaks in one session.
#[derive(Clone, Debug)]
pub struct Talk {
    /// When the client spoke.
    pub rhythm: Rhythm,
    /// What the client said each time.
    pub requests: Sizes,
    /// What the server said each time.
    pub answers: Sizes,
    turn: Turn,
}

impl Talks {
    /// Nobody speaks; at most `cap` sessions are followed.
    pub fn new(cap: usize) -> Self {
        Self {
            talks: HashMap::default(),
            cap,
        }
    }

    /// Takes a flight that a side began. Those of the first second are a handshake, and most sessions have no others.
    pub fn flight(&mut self, flight: &Flight, now: Timestamp) {
        if now - flight.opened < OPENING_TIME {
            return;
        }
        if let Some(followed) = self.talks.get_mut(&flight.flow) {
            followed.take(flight, now);
        } else if flight.from == Side::Client && self.talks.len() < self.cap {
            let start = Start::new(flight, now);
            self.talks.insert(flight.flow, Followed::Once(start));
        }
    }

    /// Forgets a session that is over; gives how its client spoke, if that has a rhythm.
    pub fn ended(&mut self, flow: FlowId, lasted: Span) -> Option<Box<Talk>> {
        if lasted < OPENING_TIME {
            return None;
        }
        let Followed::Talk(talk) = self.talks.remove(&flow)? else {
            return None;
        };
        (talk.rhythm.read().regularity > Regularity::None).then_some(talk)
    }

    /// Bytes of memory for one session, an upper bound.
    pub const TALK_BYTES: usize = size_of::<Talk>() + 2 * (size_of::<(FlowId, Followed)>() + 1);
}

impl Followed {
    fn take(&mut self, flight: &Flight, now: Timestamp) {
        match self {
            Self::Talk(talk) => talk.take(flight, now),
            Self::Once(start) if flight.from == Side::Server => start.turn.answer(now),
            Self::Once(start) => {
                let mut talk = Talk::new(*start);
                talk.take(flight, now);
                *self = Self::Talk(Box::new(talk));
            }
        }
    }
}

impl Start {
    fn new(flight: &Flight, time: Timestamp) -> Self {
        let turn = Turn {
            sent: (flight.client_bytes, flight.server_bytes),
            asked: Some(time),
            waited: 0.0,
        };
        Self { time, turn }
    }
}

impl Turn {
    fn answer(&mut self, now: Timestamp) {
        let asked = self.asked.take();
        self.waited += asked.map_or(0.0, |asked| (now - asked).as_seconds_f64());
    }
}

impl Talk {
    fn new(start: Start) -> Self {
        Self {
            rhythm: Rhythm::new(start.time),
            requests: Sizes::default(),
            answers: Sizes::default(),
            turn: start.turn,
        }
    }

    fn take(&mut self, flight: &Flight, now: Timestamp) {
        if flight.from == Side::Server {
            self.turn.answer(now);
            return;
        }
        if self.was_opening(now) {
            *self = Self::new(Start::new(flight, now));
            return;
        }
        if self.rhythm.beat(now) {
            let (client, server) = self.turn.sent;
            self.requests
                .add(flight.client_bytes.saturating_sub(client));
            self.answers.add(flight.server_bytes.saturating_sub(server));
        }
        self.turn.sent = (flight.client_bytes, flight.server_bytes);
        self.turn.asked = Some(now);
    }

    /// Whether all so far was a handshake: a few flights in short succession, and then a pause.
    fn was_opening(&self, now: Timestamp) -> bool {
        let pause = (now - self.rhythm.last()).as_seconds_f64();
        let most = self.rhythm.most();
        let gaps = self.rhythm.gaps();
        gaps > 0 && gaps <= OPENING && pause > PAUSE * most
    }

    /// Whether the client waits nearly all the time, and asks again as soon as it is answered.
    pub fn hardly_pauses(&self) -> bool {
        let together = self.rhythm.sum();
        self.turn.waited > MOSTLY * together
    }
}

/// How long nothing is listened to.
const OPENING_TIME: Span = Span::from_seconds(1);

/// The gaps that a handshake may have.
const OPENING: u32 = 6;
/// A pause is so many times as long as any gap of the handshake.
const PAUSE: f64 = 8.0;
/// This part of the time.
const MOSTLY: f64 = 0.75;

#[cfg(test)]
mod tests {
    use super::*;

    const LASTED: Span = Span::from_seconds(60);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_parts(1_000, 0) + Span::from_millis(millis)
    }

    /// A handshake, then a request of 45 bytes each four seconds that is answered after `delay` with 50.
    fn session(delay: i64) -> Talks {
        let mut talks = Talks::new(2);
        let mut sent = (517, 2_000);
        let mut flight = |from, millis, sent: (u64, u64)| {
            let flight = Flight {
                flow: FlowId(1),
                opened: Timestamp::from_parts(0, 0),
                from,
                client_bytes: sent.0,
                server_bytes: sent.1,
            };
            talks.flight(&flight, at(millis));
        };
        for millis in [100, 180, 290] {
            flight(Side::Client, millis, sent);
            sent.0 += 70;
        }
        for number in 1..15 {
            flight(Side::Client, 4_000 * number, sent);
            flight(Side::Server, 4_000 * number + delay, (sent.0 + 45, sent.1));
            sent = (sent.0 + 45, sent.1 + 50);
        }
        talks
    }

    #[test]
    fn a_rhythm_begins_behind_the_handshake() {
        let talk = session(20).ended(FlowId(1), LASTED).unwrap();
        assert_eq!(talk.rhythm.gaps(), 13);
        assert_eq!(
            (talk.requests.total(), talk.answers.total()),
            (13 * 45, 13 * 50)
        );
        assert!(talk.requests.are_alike() && !talk.hardly_pauses());
    }

    #[test]
    fn who_asks_as_soon_as_it_is_answered_hardly_pauses() {
        assert!(
            session(3_900)
                .ended(FlowId(1), LASTED)
                .unwrap()
                .hardly_pauses()
        );
    }

    #[test]
    fn no_more_than_the_cap_are_followed() {
        let mut talks = Talks::new(2);
        for flow in 1..9 {
            let flight = Flight {
                flow: FlowId(flow),
                opened: Timestamp::from_parts(0, 0),
                from: Side::Client,
                client_bytes: 1,
                server_bytes: 1,
            };
            talks.flight(&flight, at(0));
        }
        assert_eq!(talks.talks.len(), 2);
        assert!(
            talks.ended(FlowId(1), LASTED).is_none(),
            "one flight is no rhythm"
        );
        assert_eq!(talks.talks.len(), 1);
    }
}
