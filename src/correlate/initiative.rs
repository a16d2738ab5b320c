//! Who begins to speak inside TLS. A client asks and its server answers; where the called side begins nearly every
//! exchange, as somebody does who types, and the opener answers at length, the opener is the one that serves: a shell
//! that calls out. Only sessions whose hello does not say what will be spoken (RFC 7301) are looked at.

use super::ports::is_of_broker;
use super::recent::Recent;
use crate::evidence::{Certainty, Evidence, Says, Session, ShellSession};
use crate::facts::legs::Flight;
use crate::facts::{FlowEnd, FlowFacts, FlowId};
use crate::proto::Side;
use crate::proto::tls::ClientHello;
use crate::time::{Span, Timestamp};

/// Sessions in TLS, and who begins the exchanges in each.
#[derive(Debug)]
pub struct Initiatives {
    sessions: Recent<FlowId, Watched>,
    speaks: bool,
}

impl Initiatives {
    /// Looks at `cap` sessions at once; the oldest gives way.
    pub fn new(cap: usize, speaks: bool) -> Self {
        Self {
            sessions: Recent::new(cap),
            speaks,
        }
    }

    /// Takes a flow that was read.
    pub fn read(&mut self, facts: &FlowFacts, now: Timestamp) {
        if let Some(hello) = facts.mute_hello().filter(|_| self.speaks) {
            let watched = Watched::new(facts, hello, now);
            self.sessions.insert(facts.id, watched);
        }
    }

    /// Takes a flight that a side began. Gives evidence once it is enough.
    pub fn flight(&mut self, flight: &Flight, now: Timestamp) -> Option<Evidence> {
        if self.sessions.is_empty() {
            return None;
        }
        let watched = self.sessions.get_mut(&flight.flow)?;
        watched.record(flight, now);
        watched.tell(ENOUGH, now)
    }

    /// Takes the end of a flow, for which less is enough. A session that is over is forgotten.
    pub fn ended(&mut self, end: &FlowEnd, now: Timestamp) -> Option<Evidence> {
        let mut watched = self.sessions.remove(&end.id)?;
        watched.conclude((end.traffic.client_bytes, end.traffic.server_bytes));
        watched.tell(ENOUGH_OF_ALL, now)
    }

    /// How many sessions gave way though they went on.
    pub fn forgotten(&self) -> u64 {
        self.sessions.displaced()
    }

    /// Bytes of memory that a session needs at most.
    pub const ENTRY_BYTES: usize =
        2 * size_of::<(FlowId, Watched)>() + 3 * size_of::<(u64, FlowId)>();
}

/// A session that is looked at.
#[derive(Debug)]
struct Watched {
    session: Session,
    /// Whether the hello names the server, or brokers are served at its port.
    is_usual: bool,
    newest: Timestamp,
    exchange: Option<Exchange>,
    turns: Turns,
    is_told: bool,
}

impl Watched {
    fn new(facts: &FlowFacts, hello: &ClientHello, now: Timestamp) -> Self {
        Self {
            session: facts.into(),
            is_usual: hello.names_a_host() || is_of_broker(facts.server.port),
            newest: now,
            exchange: None,
            turns: Turns::default(),
            is_told: false,
        }
    }

    /// What follows a silence begins an exchange, and ends the one before.
    fn record(&mut self, flight: &Flight, now: Timestamp) {
        let silence = now - self.newest;
        self.newest = now;
        if silence >= SILENCE {
            self.conclude((flight.client_bytes, flight.server_bytes));
            self.exchange = Some(Exchange {
                beginner: flight.from,
                silence,
                is_answered: false,
                client_flights: 0,
                server_flights: 0,
                before: (flight.client_bytes, flight.server_bytes),
                before_last_word: flight.client_bytes,
            });
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.add(flight);
        }
    }

    /// Counts the exchange that is over, now that both sides have carried so many bytes.
    fn conclude(&mut self, carried: (u64, u64)) {
        if let Some(exchange) = self.exchange.take() {
            self.turns.add(&exchange, carried);
        }
    }

    fn tell(&mut self, enough: u32, now: Timestamp) -> Option<Evidence> {
        if self.is_told || !self.turns.are_those_of_a_shell(enough) {
            return None;
        }
        self.is_told = true;
        self.session.last_seen = now;
        Some(Evidence {
            detector: DETECTOR,
            certainty: if self.is_usual {
                Certainty::Possible
            } else {
                Certainty::Probable
            },
            session: self.session,
            further: Vec::new(),
            relay: self.session.client.address,
            says: Says::Shell(ShellSession {
                family: None,
                mark: "initiative",
                spoken: "the called side begins, the opener answers",
                through: Some("tls"),
                reverse: true,
            }),
        })
    }
}

/// What is said between two silences.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    beginner: Side,
    /// Before it.
    silence: Span,
    is_answered: bool,
    client_flights: u32,
    server_flights: u32,
    /// Bytes that the client and the server had sent before it.
    before: (u64, u64),
    /// Bytes that the client had sent before its last flight.
    before_last_word: u64,
}

impl Exchange {
    fn add(&mut self, flight: &Flight) {
        self.is_answered |= flight.from != self.beginner;
        match flight.from {
            Side::Client => {
                self.client_flights += 1;
                self.before_last_word = flight.client_bytes;
            }
            Side::Server => self.server_flights += 1,
        }
    }

    /// Bytes of what the client said last, behind a word of the server to what it had said before; if it is more than the echo
    /// of a key.
    fn last_word(&self, client: u64) -> Option<u64> {
        let last = client.saturating_sub(self.before_last_word);
        (self.client_flights > 1 && last > ECHO_BYTES).then_some(last)
    }
}

/// The exchanges of a session, summed up.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    all: u32,
    /// Begun by the server and answered by the client.
    inverted: u32,
    /// Bytes that the server sent in those, and in how many flights.
    asked: f64,
    asks: f64,
    /// Bytes that the client sent in those.
    replies: Moments,
    /// Seconds of silence before those.
    silences: Moments,
    /// What the client said last in the newest of those, and how many ended as the one before did.
    last_word: Option<u64>,
    alike: u32,
}

impl Turns {
    fn add(&mut self, exchange: &Exchange, (client, server): (u64, u64)) {
        self.all = self.all.saturating_add(1);
        if exchange.beginner == Side::Server && exchange.is_answered {
            self.inverted = self.inverted.saturating_add(1);
            self.asked += server.saturating_sub(exchange.before.1) as f64;
            self.asks += f64::from(exchange.server_flights);
            self.replies
                .add(client.saturating_sub(exchange.before.0) as f64);
            self.silences.add(exchange.silence.as_seconds_f64());
            let last_word = exchange.last_word(client);
            self.alike += u32::from(last_word.is_some() && last_word == self.last_word);
            self.last_word = last_word;
        }
    }

    /// Each thing asked is as short as a key or a command, which the requests of a management service are not. Answers
    /// are longer than that, and differ as the output of commands does: acknowledgements and heartbeats do not. Silences
    /// differ as a person's do: a timer's do not. Who works off jobs asks for the next one, in the same words each time.
    fn are_those_of_a_shell(&self, enough: u32) -> bool {
        self.inverted >= enough
            && f64::from(self.inverted) >= LEAST_SHARE * f64::from(self.all)
            && self.asked < MOST_ASKED_BYTES * self.asks
            && self.replies.sum > self.asked
            && self.replies.variation() > LEAST_VARIATION_OF_REPLIES
            && self.silences.variation() > LEAST_VARIATION_OF_SILENCES
            && f64::from(self.alike) < MOST_ALIKE * f64::from(self.inverted)
    }
}

/// Enough of a series to know how much it varies.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// The standard deviation as a part of the mean.
    fn variation(&self) -> f64 {
        let mean = self.sum / self.count;
        let variance = self.squares / self.count - mean * mean;
        variance.max(0.0).sqrt() / mean
    }
}

const DETECTOR: &str = "reverse-shell";
/// Longer than a round trip or a pause between keys, shorter than it takes to read an answer.
const SILENCE: Span = Span::from_millis(500);
/// Exchanges that the server begins, while the session goes on.
const ENOUGH: u32 = 8;
/// The same, once it is over.
const ENOUGH_OF_ALL: u32 = 6;
/// The part of all exchanges that the server begins.
const LEAST_SHARE: f64 = 0.8;
/// In one flight of the server, on average.
const MOST_ASKED_BYTES: f64 = 150.0;
/// A record of TLS 1.2 with a key in it, which a shell gives back.
const ECHO_BYTES: u64 = 32;
/// The part of the exchanges that may end as the one before did.
const MOST_ALIKE: f64 = 0.5;
const LEAST_VARIATION_OF_REPLIES: f64 = 0.5;
/// A timer with a jitter of 30 % to either side varies by 0.17.
const LEAST_VARIATION_OF_SILENCES: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::{end, flow, layer};
    use crate::proto::stack::Protocol;
    use crate::proto::tls::samples::mute;

    /// Milliseconds of silence, who begins, bytes of the server, bytes of the client.
    type Talk<'a> = &'a [(i64, Side, u64, u64)];

    fn told(talk: Talk<'_>, rounds: usize) -> Option<Certainty> {
        let talk = talk.iter().cycle().take(rounds);
        said(talk.flat_map(|&(silence, beginner, asked, replied)| {
            let bytes = |side| match side {
                Side::Client => replied,
                Side::Server => asked,
            };
            let other = beginner.other();
            [
                (silence, beginner, bytes(beginner)),
                (20, other, bytes(other)),
            ]
        }))
    }

    /// Of flights: milliseconds of silence before each, who begins it, and its bytes.
    fn said(flights: impl Iterator<Item = (i64, Side, u64)>) -> Option<Certainty> {
        let facts = flow(vec![layer(Protocol::Tls(Box::new(mute(None))))]);
        let mut initiatives = Initiatives::new(4, true);
        let mut now = Timestamp::from_parts(100, 0);
        initiatives.read(&facts, now);
        let (mut sent, mut told) = ((500, 2000), None);
        for (pause, from, bytes) in flights {
            now = now + Span::from_millis(pause);
            let flight = Flight {
                one_sided: false,
                opened: Timestamp::from_parts(0, 0),
                flow: facts.id,
                from,
                client_bytes: sent.0,
                server_bytes: sent.1,
            };
            told = told.or(initiatives.flight(&flight, now));
            match from {
                Side::Client => sent.0 += bytes,
                Side::Server => sent.1 += bytes,
            }
        }
        let mut end = end(facts.id);
        (end.traffic.client_bytes, end.traffic.server_bytes) = sent;
        let told = told.or(initiatives.ended(&end, now));
        told.map(|evidence| evidence.certainty)
    }

    #[test]
    fn who_asks_for_the_next_job_in_the_same_words_is_no_shell() {
        use Side::{Client, Server};
        let last_word = |bytes: fn(u64) -> u64| {
            said((0..20).flat_map(move |n: u64| {
                let silence = 700 + 900 * (n as i64 % 5);
                let job = [(silence, Server, 50), (5, Client, 100 + 300 * (n % 4))];
                [job, [(5, Server, 26), (5, Client, bytes(n))]].concat()
            }))
        };
        assert_eq!(last_word(|_| 54), None);
        assert_eq!(last_word(|n| 54 + n), Some(Certainty::Probable));
        assert_eq!(last_word(|_| 23), Some(Certainty::Probable), "an echo");
    }

    #[test]
    fn who_begins_what_is_answered_how_and_when_decides() {
        use Side::{Client, Server};
        let shell = [
            (2000, Server, 27, 170),
            (5000, Server, 48, 1100),
            (900, Server, 30, 24),
        ];
        let cases: [(&str, Talk<'_>, usize, Option<Certainty>); 8] = [
            ("a shell", &shell, 6, Some(Certainty::Probable)),
            ("too little", &shell, 5, None),
            (
                "a client",
                &[
                    (2000, Client, 1100, 48),
                    (5000, Client, 170, 27),
                    (900, Client, 24, 30),
                ],
                30,
                None,
            ),
            (
                "acknowledged messages",
                &[
                    (2000, Server, 27, 26),
                    (5000, Server, 20, 26),
                    (900, Server, 24, 26),
                ],
                30,
                None,
            ),
            (
                "a timer",
                &[
                    (5000, Server, 27, 170),
                    (5000, Server, 27, 1100),
                    (5000, Server, 27, 24),
                ],
                30,
                None,
            ),
            (
                "requests of a management service",
                &[
                    (2000, Server, 1033, 1027),
                    (5000, Server, 1096, 594),
                    (900, Server, 1060, 3507),
                ],
                30,
                None,
            ),
            (
                "news that is taken note of",
                &[
                    (2000, Server, 2000, 30),
                    (5000, Server, 900, 400),
                    (900, Server, 24, 30),
                ],
                30,
                None,
            ),
            (
                "both",
                &[
                    (2000, Server, 27, 170),
                    (5000, Server, 48, 1100),
                    (900, Client, 30, 24),
                ],
                30,
                None,
            ),
        ];
        for (name, talk, rounds, certainty) in cases {
            assert_eq!(told(talk, rounds), certainty, "{name}");
        }
    }

    #[test]
    fn only_hellos_that_say_nothing_are_looked_at_and_only_where_wanted() {
        let facts = flow(vec![layer(Protocol::Tls(Box::new(mute(None))))]);
        let other = flow(Vec::new());
        for (facts, speaks, expected) in [(&facts, true, 1), (&facts, false, 0), (&other, true, 0)]
        {
            let mut initiatives = Initiatives::new(4, speaks);
            initiatives.read(facts, Timestamp::from_parts(1, 0));
            assert_eq!(initiatives.sessions.len(), expected);
        }
    }

    #[test]
    fn a_name_or_a_brokers_port_makes_it_possible_and_an_address_does_not() {
        let usual = |sni, port| {
            let mut facts = flow(vec![layer(Protocol::Tls(Box::new(mute(sni))))]);
            facts.server.port = port;
            let hello = facts.mute_hello().unwrap();
            Watched::new(&facts, hello, Timestamp::from_parts(1, 0)).is_usual
        };
        assert!(!usual(None, 443));
        assert!(!usual(Some("192.0.2.1"), 443));
        assert!(usual(Some("a.test"), 443));
        assert!(usual(None, 8883));
    }
}
