//! # beacon
//!
//! A client comes back to a server in a rhythm, and more speaks for a command channel than against it.
//!
//! ## Sees
//!
//! When the connections of a client to one port of a server begin, and how much each side sent in them, by the clock of
//! the packets. Nine connections are enough where they come like a clock; the more a clock is jittered, the more it takes.
//! A gap of two or three periods counts as missing beats, connections at once as one. The spread of the gaps is held
//! against what a Poisson process does once in ten thousand or once in a million series (Greenwood's statistic, with
//! critical values for small numbers).
//!
//! ## Means
//!
//! Implants call home, and so does everything else: timing alone says nothing. Each reason is weighed with its sign in nats
//! (`evidence.weights`), and where they come to zero or more it is *probable*: how regular it is; jitter within hard edges,
//! which schedulers have no use for; requests alike, answers of few sizes (tasks among idle answers); more sent out
//! than taken in; the way out of the house; how few of the hosts seen go there; an address for which nobody was told a
//! name; an odd port, no protocol that is known; a host that serves others itself. Below zero and not far, it is
//! *possible* and `low`. MITRE ATT&CK calls it Application Layer Protocol.
//!
//! ## Quiet when
//!
//! It is a service that is asked by the clock (DNS, NTP, SNMP, DHCP, syslog), it stays in the house (monitoring, health
//! checks, brokers), what is fetched differs each time, as pages and lists do, or the next request follows as soon as the last
//! one is answered (long polls).
//!
//! ## Misses
//!
//! Fewer than nine connections; sleeps as irregular as chance; implants that change the address with each beat or ride on
//! a service that the whole house uses; beats in DNS names.

use super::destinations::Destinations;
use super::names::Names;
use super::pairs::{Key, Pair, Pairs, Visit};
use super::ports;
use super::rhythm::Regularity;
use crate::decode::Transport;
use crate::evidence::beacon::Beacon;
use crate::evidence::weighed::Weights;
use crate::evidence::{Certainty, Evidence, Says, Session};
use crate::facts::FlowEnd;
use crate::facts::lasting::ASKED;
use crate::proto::stack::Kind;

/// Watches who comes back to whom.
#[derive(Debug)]
pub struct Beacons {
    pairs: Pairs,
}

impl Beacons {
    /// Nobody came back; at most `cap` pairs of a client and a server are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            pairs: Pairs::new(cap),
        }
    }

    /// Takes a session that is over. Tells of its rhythm if it is worth telling.
    pub fn ended(
        &mut self,
        session: &Session,
        end: &FlowEnd,
        seen: &Destinations,
        names: &Names,
    ) -> Option<Evidence> {
        if is_asked_by_the_clock(session, end) {
            return None;
        }
        let key = Key::new(session.client.address, session.server, session.transport);
        let visit = Visit {
            opened: session.opened,
            stayed: end.last_seen - session.opened,
            client_bytes: end.traffic.client_bytes,
            server_bytes: end.traffic.server_bytes,
        };
        let pair = self.pairs.come(key, visit)?;
        let regularity = pair.rhythm.regularity();
        if !pair.told && (regularity == Regularity::None || pair.rhythm.mean() < SHORTEST) {
            return None;
        }
        let weights = weights(pair, session, end, seen, names);
        let certainty = match weights.log_odds() {
            odds if odds >= 0.0 => Certainty::Probable,
            odds if odds >= WORTH_A_LINE || pair.told => Certainty::Possible,
            _ => return None,
        };
        pair.told = true;
        Some(evidence(session, end, pair, certainty, weights))
    }

    /// Bytes of memory for one pair, an upper bound.
    pub const PAIR_BYTES: usize = Pairs::PAIR_BYTES;
}

fn evidence(
    session: &Session,
    end: &FlowEnd,
    pair: &Pair,
    certainty: Certainty,
    weights: Weights,
) -> Evidence {
    let rhythm = &pair.rhythm;
    let session = Session {
        last_seen: end.last_seen,
        quality: end.quality,
        ..*session
    };
    Evidence {
        detector: NAME,
        certainty,
        session,
        further: Vec::new(),
        relay: session.server.address,
        says: Says::Beacon(Box::new(Beacon {
            within: "connections",
            beats: rhythm.gaps() + 1,
            missing: rhythm.missing(),
            period: rhythm.mean(),
            bounds: rhythm.bounds(),
            spread: rhythm.spread(),
            gaps: rhythm.histogram().collect(),
            requests: pair.requests.histogram().collect(),
            answers: pair.answers.histogram().collect(),
            protocol: end.protocol.map(Kind::name),
            weights,
        })),
    }
}

fn weights(
    pair: &Pair,
    session: &Session,
    end: &FlowEnd,
    seen: &Destinations,
    names: &Names,
) -> Weights {
    let mut weights = Weights::default();
    weights.add("what comes by the clock is mostly harmless", BEFOREHAND);
    weigh_rhythm(&mut weights, pair);
    weigh_sizes(&mut weights, pair);
    weigh_place(&mut weights, session, end, seen);
    weigh_names(&mut weights, session, end, seen, names);
    weights
}

fn weigh_rhythm(weights: &mut Weights, pair: &Pair) {
    let regularity = pair.rhythm.regularity();
    match regularity {
        Regularity::Sure => weights.add("as regular as chance is once in a million", 2.0),
        Regularity::Likely => weights.add("as regular as chance is once in ten thousand", 1.0),
        Regularity::None => {}
    }
    weights.add_if(
        regularity == Regularity::Sure && pair.rhythm.is_jittered(),
        "jitter within hard edges",
        1.5,
    );
    weights.add_if(
        pair.hardly_leaves(),
        "asks again as soon as it is answered",
        -2.0,
    );
}

fn weigh_sizes(weights: &mut Weights, pair: &Pair) {
    let (requests, answers) = (&pair.requests, &pair.answers);
    weights.add_if(requests.are_about_alike(), "requests are alike", 0.5);
    weights.add_if(answers.are_alike(), "answers are alike", 0.5);
    weights.add_if(
        !answers.are_alike() && answers.come_in_few_sizes(),
        "answers come in few sizes",
        1.5,
    );
    weights.add_if(answers.differ(), "answers differ each time", -1.5);
    weights.add_if(
        requests.total() > answers.total(),
        "more goes out than comes in",
        1.0,
    );
}

fn weigh_place(weights: &mut Weights, session: &Session, end: &FlowEnd, seen: &Destinations) {
    let (client, server) = (session.client.address, session.server.address);
    match (seen.is_inside(client), seen.is_inside(server)) {
        (true, false) => weights.add("goes out of the house", 1.0),
        (false, false) => {}
        (_, true) => weights.add("what is called is in the house", -3.0),
    }
    weigh_rarity(weights, seen.rarity(server));
    let was_read = !end.quality.midstream && !end.quality.loss;
    weights.add_if(
        was_read && end.protocol.is_none() && end.traffic.client_bytes > 0,
        "speaks nothing that is known",
        1.0,
    );
    weights.add_if(
        ports::is_odd(end.protocol, session.server.port),
        "at a port where nothing like it is served",
        1.0,
    );
    weights.add_if(
        seen.is_inside(client) && seen.clients_of(client) > 0,
        "who calls is a server itself",
        0.5,
    );
}

/// How many of the hosts seen go there, for a beacon or against it.
pub fn weigh_rarity(weights: &mut Weights, rarity: f64) {
    weights.add_if(rarity > 0.0, "few of the hosts seen go there", rarity);
    weights.add_if(rarity < 0.0, "many of the hosts seen go there", rarity);
}

fn weigh_names(
    weights: &mut Weights,
    session: &Session,
    end: &FlowEnd,
    seen: &Destinations,
    names: &Names,
) {
    let (client, server) = (session.client.address, session.server.address);
    let is_named = names.name_of(server, client, end.last_seen).is_some();
    weights.add_if(
        !is_named && !names.is_empty() && !seen.is_inside(server),
        "nobody looked up a name for it",
        1.0,
    );
}

/// Whether it is a service that everybody asks by the clock, datagram by datagram.
fn is_asked_by_the_clock(session: &Session, end: &FlowEnd) -> bool {
    match session.transport {
        Transport::TCP => end.protocol == Some(Kind::Dns),
        Transport::UDP => end.protocol == Some(Kind::Dns) || ASKED.contains(&session.server.port),
        _ => true,
    }
}

/// The name of the detector.
pub const NAME: &str = "beacon";

/// The logarithm of the odds that what comes by the clock is a command channel, before anything is known of it.
const BEFOREHAND: f64 = -5.25;

/// Connections that come faster than this, in seconds, are load.
const SHORTEST: f64 = 0.2;

/// From these odds on a rhythm is worth a line.
const WORTH_A_LINE: f64 = -0.5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::destinations::Inside;
    use crate::evidence::samples;
    use crate::facts::samples::{end, endpoint};
    use crate::facts::{FlowId, Traffic};
    use crate::time::{Span, Timestamp};

    /// Connections of 10.0.0.1 a minute apart, to a server, over a protocol, with these bytes of each side.
    struct Calls {
        server: &'static str,
        protocol: Option<Kind>,
        jitter: [i64; 4],
        bytes: fn(u64) -> (u64, u64),
        stayed: i64,
    }

    impl Calls {
        /// What is told after so many connections.
        fn told(&self, count: u64) -> Option<Evidence> {
            let ten = endpoint("10.0.0.0:0").address..=endpoint("10.255.255.255:0").address;
            let seen = Destinations::new(Inside::new(vec![ten]), 8);
            let names = Names::new(8);
            let mut beacons = Beacons::new(8);
            let mut last = None;
            let mut opened = Timestamp::from_parts(1_000, 0);
            for (number, jitter) in (0..count).zip(self.jitter.iter().cycle()) {
                opened = opened + Span::from_seconds(60 + jitter);
                let mut session = samples::evidence(number, Certainty::Proven).session;
                session.server = endpoint(self.server);
                session.opened = opened;
                let mut over = end(FlowId(number));
                let (client_bytes, server_bytes) = (self.bytes)(number);
                over.last_seen = opened + Span::from_seconds(self.stayed);
                over.protocol = self.protocol;
                over.traffic = Traffic {
                    client_bytes,
                    server_bytes,
                    ..Traffic::default()
                };
                last = beacons.ended(&session, &over, &seen, &names);
            }
            last
        }
    }

    const HOME: Calls = Calls {
        server: "192.0.2.66:4466",
        protocol: None,
        jitter: [0, 0, 0, 0],
        bytes: |_| (60, 10),
        stayed: 1,
    };

    fn certainty(calls: &Calls, count: u64) -> Option<Certainty> {
        calls.told(count).map(|evidence| evidence.certainty)
    }

    #[test]
    fn what_calls_home_is_told_and_what_polls_is_not() {
        use Certainty::Probable;
        let jitter = [-9, 7, -3, 9];
        let pages: fn(u64) -> (u64, u64) = |n| (800, 2_000 + 97 * (n * 7 % 31));
        let tasks: fn(u64) -> (u64, u64) = |n| (400, if n % 9 == 5 { 700 } else { 172 });
        let cases = [
            ("raw, odd port", HOME, Some(Probable)),
            (
                "web, jitter, tasks",
                Calls {
                    server: "192.0.2.66:80",
                    protocol: Some(Kind::Http),
                    jitter,
                    bytes: tasks,
                    ..HOME
                },
                Some(Probable),
            ),
            (
                "update check",
                Calls {
                    server: "192.0.2.66:443",
                    protocol: Some(Kind::Tls),
                    bytes: pages,
                    ..HOME
                },
                None,
            ),
            (
                "health check",
                Calls {
                    server: "10.0.0.9:8080",
                    protocol: Some(Kind::Http),
                    ..HOME
                },
                None,
            ),
            (
                "long poll",
                Calls {
                    server: "192.0.2.66:80",
                    protocol: Some(Kind::Http),
                    stayed: 59,
                    ..HOME
                },
                None,
            ),
            (
                "a person",
                Calls {
                    jitter: [-59, 300, -50, -40],
                    ..HOME
                },
                None,
            ),
            (
                "as fast as it goes",
                Calls {
                    jitter: [-60, -60, -60, -60],
                    ..HOME
                },
                None,
            ),
        ];
        for (name, calls, expected) in cases {
            assert_eq!(certainty(&calls, 20), expected, "{name}");
        }
    }

    #[test]
    fn nine_connections_are_enough_and_eight_are_not() {
        assert_eq!(certainty(&HOME, 8), None);
        let told = HOME.told(9).unwrap();
        let Says::Beacon(beacon) = told.says else {
            panic!("{told:?}");
        };
        assert_eq!((beacon.beats, beacon.within), (9, "connections"));
        assert!((beacon.period - 60.0).abs() < 1e-6);
        assert!(beacon.weights.log_odds() >= 0.0);
    }

    #[test]
    fn services_that_are_asked_by_the_clock_are_left_alone() {
        let mut session = samples::evidence(1, Certainty::Proven).session;
        let mut over = end(FlowId(1));
        for (transport, port, protocol, asked) in [
            (Transport::UDP, 123, None, true),
            (Transport::UDP, 4_466, None, false),
            (Transport::UDP, 4_466, Some(Kind::Dns), true),
            (Transport::TCP, 123, None, false),
            (Transport::ICMP, 0, None, true),
        ] {
            (session.transport, session.server.port) = (transport, port);
            over.protocol = protocol;
            assert_eq!(
                is_asked_by_the_clock(&session, &over),
                asked,
                "{transport:?} {port}"
            );
        }
    }
}
