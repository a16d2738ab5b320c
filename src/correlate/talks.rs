//! The rhythm inside sessions: when the client speaks, and what each side says.

mod tasks;

use std::collections::HashMap;

use super::recent::Recent;
use super::rhythm::{Regularity, Rhythm};
use super::sizes::Sizes;
use crate::facts::FlowId;
use crate::facts::legs::Flight;
use crate::proto::Side;
use crate::time::{Span, Timestamp};
use tasks::{Carried, Reply, Tasks};

/// Sessions in which the client speaks more than once, up to a cap; beyond it new ones are not followed.
#[derive(Debug)]
pub struct Talks {
    talks: HashMap<FlowId, Followed, foldhash::fast::RandomState>,
    cap: usize,
    /// Sessions for which there was no room, so that each is counted once.
    turned_away: Recent<FlowId, ()>,
    /// How many there were.
    unfollowed: u64,
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
    tasks: Tasks,
    /// Whether it was told.
    pub told: bool,
}

impl Talks {
    /// Nobody speaks; at most `cap` sessions are followed.
    pub fn new(cap: usize) -> Self {
        Self {
            talks: HashMap::default(),
            cap,
            turned_away: Recent::new(cap),
            unfollowed: 0,
        }
    }

    /// Takes a flight that a side began. Those of the first second are a handshake, and most sessions have no others.
    pub fn flight(&mut self, flight: &Flight, now: Timestamp) {
        if now - flight.opened < OPENING_TIME {
            return;
        }
        if let Some(followed) = self.talks.get_mut(&flight.flow) {
            followed.take(flight, now);
        } else if flight.from == Side::Client {
            self.begin(flight, now);
        }
    }

    fn begin(&mut self, flight: &Flight, now: Timestamp) {
        if self.talks.len() < self.cap {
            let start = Start::new(flight, now);
            self.talks.insert(flight.flow, Followed::Once(start));
        } else if !self.turned_away.contains(&flight.flow) {
            self.turned_away.insert(flight.flow, ());
            self.unfollowed += 1;
        }
    }

    /// How many sessions were not followed, or not from their beginning, because there was no room. One that goes on while
    /// more than as many again come in vain is counted anew.
    pub fn unfollowed(&self) -> u64 {
        self.unfollowed
    }

    /// How the client of a session that goes on spoke so far, if that has a rhythm.
    pub fn so_far(&mut self, flow: FlowId) -> Option<&mut Talk> {
        match self.talks.get_mut(&flow)? {
            Followed::Talk(talk) if talk.has_rhythm() => Some(talk),
            _ => None,
        }
    }

    /// Forgets a session that is over, in which each side sent so much; gives how its client spoke, if that has a rhythm.
    pub fn ended(&mut self, flow: FlowId, lasted: Span, carried: Carried) -> Option<Box<Talk>> {
        if lasted < OPENING_TIME {
            return None;
        }
        let Followed::Talk(mut talk) = self.remove(flow)? else {
            return None;
        };
        talk.conclude(carried);
        (talk.told || talk.has_rhythm()).then_some(talk)
    }

    /// Forgets a session that is over.
    pub fn forget(&mut self, flow: FlowId) {
        self.remove(flow);
    }

    fn remove(&mut self, flow: FlowId) -> Option<Followed> {
        self.turned_away.remove(&flow);
        self.talks.remove(&flow)
    }

    /// Bytes of memory for one session, an upper bound.
    pub const TALK_BYTES: usize =
        size_of::<Talk>() + 2 * (size_of::<(FlowId, Followed)>() + 1) + TURNED_AWAY_BYTES;
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
            tasks: Tasks::new(start.time),
            told: false,
        }
    }

    fn take(&mut self, flight: &Flight, now: Timestamp) {
        let carried = (flight.client_bytes, flight.server_bytes);
        if flight.from == Side::Server {
            let is_awaited = self.turn.asked.is_some();
            self.tasks.speaks(carried, is_awaited, now);
            self.turn.answer(now);
            return;
        }
        match self.tasks.answers(self.rhythm.mean(), now) {
            Reply::None if self.was_opening(now) => *self = Self::new(Start::new(flight, now)),
            Reply::None => self.beat(carried, now),
            Reply::First(before) => self.count(before),
            Reply::Further => {}
        }
    }

    fn beat(&mut self, carried: Carried, now: Timestamp) {
        let is_counted = self.conclude(carried);
        if self.rhythm.beat(now) && !is_counted {
            self.count(carried);
        }
        self.turn.sent = carried;
        self.turn.asked = Some(now);
    }

    /// Counts the sizes of the newest beat, now that both sides have sent so much.
    fn count(&mut self, carried: Carried) {
        let (client, server) = self.turn.sent;
        self.requests.add(carried.0.saturating_sub(client));
        self.answers.add(carried.1.saturating_sub(server));
    }

    /// Ends the episode that goes on, if there is one that was answered: a task is not as long as the server's answers
    /// are, nor as short as a ping.
    fn conclude(&mut self, carried: Carried) -> bool {
        let Some((replied, asked)) = self.tasks.conclude(carried) else {
            return false;
        };
        if asked.min(replied) > PING && !self.answers.has_often(asked) {
            self.tasks.count();
        }
        true
    }

    fn has_rhythm(&self) -> bool {
        self.rhythm.read().regularity > Regularity::None
    }

    /// How many exchanges the server began that are no heartbeat, where they are few among the beats.
    pub fn tasks(&self) -> u32 {
        let tasks = self.tasks.counted();
        if tasks * 2 <= self.rhythm.gaps() {
            tasks
        } else {
            0
        }
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

/// A session that is not followed.
const TURNED_AWAY_BYTES: usize =
    2 * (size_of::<(FlowId, u64)>() + 1) + 4 * size_of::<(u64, FlowId)>();

/// What a keepalive of a protocol carries at most, in a record of TLS.
const PING: u64 = 39;

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
                one_sided: false,
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
        let talk = session(20).ended(FlowId(1), LASTED, (0, 0)).unwrap();
        assert_eq!(talk.rhythm.gaps(), 13);
        assert_eq!(
            (talk.requests.total(), talk.answers.total()),
            (13 * 45, 13 * 50)
        );
        assert!(talk.requests.are_alike() && !talk.hardly_pauses());
    }

    #[test]
    fn each_session_without_room_is_counted_once() {
        let mut talks = Talks::new(2);
        let mut flight = |flow, millis| {
            let flight = Flight {
                one_sided: false,
                flow: FlowId(flow),
                opened: Timestamp::from_parts(0, 0),
                from: Side::Client,
                client_bytes: 0,
                server_bytes: 0,
            };
            talks.flight(&flight, at(millis));
        };
        for round in 0..3 {
            (1..=4).for_each(|flow| flight(flow, 1_000 * round));
        }
        assert_eq!(talks.unfollowed(), 2);
        (2..=3).for_each(|flow| drop(talks.ended(FlowId(flow), LASTED, (0, 0))));
        assert_eq!((talks.talks.len(), talks.turned_away.len()), (1, 1));
    }

    #[test]
    fn who_asks_as_soon_as_it_is_answered_hardly_pauses() {
        assert!(
            session(3_900)
                .ended(FlowId(1), LASTED, (0, 0))
                .unwrap()
                .hardly_pauses()
        );
    }

    /// Beats each four seconds, and between some of them what the server says and the client answers.
    fn with_tasks(asked: u64, replied: u64, each: i64) -> u32 {
        let mut talks = Talks::new(2);
        let mut sent = (517, 2_000);
        let mut flight = |from, millis, sent: (u64, u64)| {
            let flight = Flight {
                one_sided: false,
                flow: FlowId(1),
                opened: Timestamp::from_parts(0, 0),
                from,
                client_bytes: sent.0,
                server_bytes: sent.1,
            };
            talks.flight(&flight, at(millis));
        };
        for number in 0..20 {
            flight(Side::Client, 4_000 * number, sent);
            flight(Side::Server, 4_000 * number + 20, (sent.0 + 45, sent.1));
            sent = (sent.0 + 45, sent.1 + 50);
            if number % each == 3 {
                flight(Side::Server, 4_000 * number + 1_700, sent);
                flight(
                    Side::Client,
                    4_000 * number + 1_900,
                    (sent.0, sent.1 + asked),
                );
                sent = (sent.0 + replied, sent.1 + asked);
            }
        }
        let talk = talks.ended(FlowId(1), LASTED, sent).unwrap();
        assert_eq!(talk.rhythm.gaps(), 19, "answers are no beats");
        assert!(talk.requests.are_alike() && talk.answers.are_alike());
        talk.tasks()
    }

    #[test]
    fn what_the_server_begins_is_a_task_unless_it_is_a_heartbeat() {
        let cases = [
            ("commands", 120, 900, 7, 3),
            ("pings of the server", 26, 30, 5, 0),
            ("as the answers", 52, 900, 5, 0),
            ("nothing answers", 120, 0, 5, 0),
            ("the server beats", 120, 80, 4, 5),
        ];
        for (name, asked, replied, each, tasks) in cases {
            assert_eq!(with_tasks(asked, replied, each), tasks, "{name}");
        }
    }

    #[test]
    fn a_session_that_goes_on_is_read_so_far() {
        let mut talks = session(20);
        assert_eq!(talks.so_far(FlowId(1)).unwrap().rhythm.gaps(), 13);
        assert!(talks.so_far(FlowId(2)).is_none());
    }

    #[test]
    fn no_more_than_the_cap_are_followed() {
        let mut talks = Talks::new(2);
        for flow in 1..9 {
            let flight = Flight {
                one_sided: false,
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
            talks.ended(FlowId(1), LASTED, (0, 0)).is_none(),
            "one flight is no rhythm"
        );
        assert_eq!(talks.talks.len(), 1);
    }
}
