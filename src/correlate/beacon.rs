//! # beacon
//!
//! A client comes back to a server in a rhythm, and more speaks for a command channel than against it.
//!
//! ## Sees
//!
//! When the connections of a client to one port of a server begin, and how much each side sent in them, by the clock of
//! the packets. Nine connections are enough where they come like a clock; the more a clock is jittered, the more it takes.
//! Servers that take turns under a name that the client looked up are one server; so are four and more that a TLS client with one
//! JA4 goes to (`evidence.servers_in_turn`). Where three clients and more come to one place, each too seldom to tell anything, the
//! gaps of all are taken together (`evidence.clients_together`). Connections at once count as one, and a pause of more than eight
//! periods as a night, if there are few. The spread of the gaps is held against what a Poisson
//! process does once in ten thousand or once in a million series (Greenwood's statistic, with critical values for small
//! numbers); the newest sixteen gaps also against whole numbers of one period, so that half of the beats may be missing. The
//! same is done inside each session, at the ages of `long-lived-session` and when it is over, with the moments at which its client speaks, from behind the handshake on,
//! and with the moments at which a client looks up names below one domain (`evidence.within`).
//!
//! ## Means
//!
//! Implants call home, and so does everything else: timing alone says nothing. Each reason is weighed with its sign in nats
//! (`evidence.weights`), and where they come to zero or more it is *probable*: how regular it is; jitter within hard edges,
//! which schedulers have no use for; requests alike, answers of few sizes (tasks among idle answers); more sent out
//! than taken in; the way out of the house; how few of the hosts seen go there, and whether any went there when they were
//! learned (`baseline.profile`) or, without a profile, as long as the client was watched before (`baseline.warm_up_seconds`); an address for
//! which nobody was told a name; a TLS hello that names a server which DNS has elsewhere, or none; how few of the hosts seen
//! greet like it (JA4); where clients are taken together, that five hosts and more beat alike, as agents do; an odd port, no protocol that is known; a host that serves others itself; inside a session, a heartbeat that is not
//! the protocol's own, and exchanges of other sizes that the server begins (tasks, `evidence.tasks`); of names, that none is asked for twice, and that they have room for a message. Below zero and not
//! far, it is *possible* and `low`. MITRE ATT&CK calls it Application Layer Protocol.
//!
//! ## Quiet when
//!
//! It is a keepalive of the protocol (MQTT PINGREQ, WebSocket and HTTP/2 PING, SSH, and in datagrams STUN and SIP), goes to
//! everybody (broadcast, multicast), is a service that is asked by the clock (DNS for hosts, in TLS and QUIC at port 853 too,
//! NTP, SNMP, DHCP, syslog), it stays in the house (monitoring, health checks, brokers), what is fetched differs each time,
//! as pages and lists do, or the next request follows as soon as the last one is answered (long polls). Names that hold an
//! address are left alone (reverse zones, block lists).
//!
//! ## Misses
//!
//! Fewer than nine connections (a downloader that asks for three things, a dropper that sends six screenshots); clients that
//! are refused each time, for nothing is sent; sleeps as irregular as chance; two rhythms in turn before fifty beats; what
//! calls within the house, where monitoring does the same; implants that change the address with each beat, look up
//! no name and speak no TLS, speak neither TCP nor UDP (pings), ride on a service that the whole house uses, speak TLS at the port of DNS, or dress as SIP or
//! STUN; names that a server asks for on behalf of many; beats that the server begins (a bot in a chat room that is asked
//! whether it is alive), and beats inside a session that come faster than every second and a half. A rhythm inside a session
//! is told when the session comes to an age of `long-lived-session`, or is over. A capture that begins cold has no history
//! by which a destination is rare: update checks with answers of few sizes and jitter look like an implant.

mod crowds;
mod look_ups;
mod scene;
mod turns;
pub(super) mod weighing;

use super::destinations::Destinations;
use super::pairs::{Pair, Pairs, Visit};
use super::rhythm::{Reading, Rhythm};
use super::sizes::Sizes;
use super::talks::{Talk, Talks};
use crate::decode::{Endpoint, Transport};
use crate::evidence::beacon::Beacon;
use crate::evidence::weighed::Weights;
use crate::evidence::{Evidence, Session};
use crate::facts::lasting::{ASKED, Lasted};
use crate::facts::legs::Flight;
use crate::facts::{FlowEnd, FlowId, LookUp};
use crate::proto::stack::Kind;
use crate::time::{Span, Timestamp};
use crowds::Crowds;
use look_ups::LookUps;
pub use scene::Known;
use scene::Scene;
use turns::Turns;

/// Watches who comes back to whom, and who speaks again and again.
#[derive(Debug)]
pub struct Beacons {
    pairs: Pairs,
    talks: Talks,
    look_ups: LookUps,
    crowds: Crowds,
    turns: Turns,
}

/// A rhythm, and what both sides sent in it.
#[derive(Clone, Copy)]
struct Beats<'a> {
    within: &'static str,
    rhythm: &'a Rhythm,
    requests: &'a Sizes,
    answers: &'a Sizes,
    /// The client asks again as soon as it is answered.
    hardly_pauses: bool,
    /// Where it began, if it was elsewhere.
    home: Option<Endpoint>,
    /// Servers that take turns, and clients that beat together.
    servers: u32,
    clients: u32,
    /// Exchanges that the server began.
    tasks: u32,
    /// It was told before, of the same session.
    again: bool,
}

impl Beacons {
    /// Nobody came back; at most `cap` pairs of a client and a server are remembered, and fewer sessions.
    pub fn new(cap: usize) -> Self {
        Self {
            pairs: Pairs::new(cap),
            talks: Talks::new(cap / TALK_SHARE),
            look_ups: LookUps::new(cap / LOOK_UP_SHARE),
            crowds: Crowds::new(cap / CROWD_SHARE),
            turns: Turns::new(cap / CROWD_SHARE),
        }
    }

    /// Takes a flight that a side of a session began.
    pub fn flight(&mut self, flight: &Flight, now: Timestamp) {
        self.talks.flight(flight, now);
    }

    /// Takes a name that was asked for. Tells of the rhythm in which such names are, if it is worth telling.
    pub fn looked_up(
        &mut self,
        look_up: &LookUp,
        now: Timestamp,
        seen: &Destinations,
    ) -> Option<Evidence> {
        self.look_ups.asked(look_up, now, seen)
    }

    /// Takes a session that is over. Tells of the rhythm in it, and of that in which its client came back, if they are
    /// worth telling.
    pub fn ended(&mut self, session: &Session, end: &FlowEnd, known: Known<'_>) -> Vec<Evidence> {
        let carried = (end.traffic.client_bytes, end.traffic.server_bytes);
        let lasted = end.last_seen - session.opened;
        let talk = self.talks.ended(end.id, lasted, carried);
        let scene = Scene {
            session,
            end,
            known,
        };
        if is_asked_by_the_clock(session, end) {
            return Vec::new();
        }
        let inside = talk.and_then(|talk| scene.weigh(Beats::from(&*talk), talk.told));
        let across = self.comes_back(scene);
        inside.into_iter().chain(across).collect()
    }

    /// Takes a session that has come to an age and goes on. Tells of the rhythm in it so far, if it is worth telling.
    pub fn lasted(&mut self, lasted: &Lasted, known: Known<'_>) -> Option<Evidence> {
        let talk = self.talks.so_far(lasted.flow.id)?;
        let (session, end) = (Session::from(lasted), so_far(lasted));
        if is_asked_by_the_clock(&session, &end) {
            return None;
        }
        let scene = Scene {
            session: &session,
            end: &end,
            known,
        };
        let evidence = scene.weigh(Beats::from(&*talk), talk.told)?;
        talk.told = true;
        Some(evidence)
    }

    fn comes_back(&mut self, scene: Scene<'_>) -> Option<Evidence> {
        let (session, end) = (scene.session, scene.end);
        let visit = Visit {
            server: session.server,
            partner: session.server.address,
            opened: session.opened,
            stayed: end.last_seen - session.opened,
            client_bytes: end.traffic.client_bytes,
            server_bytes: end.traffic.server_bytes,
        };
        let key = scene.key();
        let mut seldom = None;
        if let Some((pair, before)) = self.pairs.come(key, &visit) {
            let told = scene.tell(pair);
            if told.is_some() {
                return told;
            }
            let is_gap = session.opened - before >= LEAST_GAP;
            seldom = (is_gap && pair.rhythm.gaps() < FEW_GAPS).then_some(before);
        }
        if !(seldom.is_some() || end.greeting.is_some()) || !scene.goes_out() {
            return None;
        }
        let together = seldom.and_then(|before| self.crowds.come(scene, key, &visit, before));
        together.or_else(|| self.turns.come(scene, &visit))
    }

    /// Forgets a session that is over, and of which no more is known.
    pub fn forget(&mut self, session: FlowId) {
        self.talks.forget(session);
    }

    /// How many pairs gave way.
    pub fn forgotten(&self) -> u64 {
        self.pairs.forgotten()
            + self.look_ups.forgotten()
            + self.crowds.forgotten()
            + self.turns.forgotten()
    }

    /// How many sessions were not followed because there was no room.
    pub fn unfollowed(&self) -> u64 {
        self.talks.unfollowed()
    }

    /// An upper bound of the bytes of memory it holds.
    pub const fn memory_bound(cap: usize) -> usize {
        cap * Pairs::PAIR_BYTES
            + cap / TALK_SHARE * Talks::TALK_BYTES
            + LookUps::memory_bound(cap / LOOK_UP_SHARE)
            + cap / CROWD_SHARE * 2 * Pairs::PAIR_BYTES
    }
}

impl Beats<'_> {
    fn beacon(
        &self,
        within: &'static str,
        home: Endpoint,
        reading: Reading,
        weights: Weights,
    ) -> Beacon {
        Beacon {
            within,
            home,
            domain: None,
            servers: self.servers,
            clients: self.clients,
            tasks: self.tasks,
            again: self.again,
            beats: self.rhythm.gaps() + 1,
            missing: reading.missing,
            period: reading.period,
            bounds: reading.bounds,
            spread: reading.spread,
            gaps: self.rhythm.bins(),
            requests: self.requests.bins(),
            answers: self.answers.bins(),
            protocol: None,
            ja4: None,
            weights,
        }
    }

    /// Beats that come faster are load, or a conversation.
    fn shortest(&self) -> f64 {
        if self.within == CONNECTIONS {
            SHORTEST_CONNECTIONS
        } else {
            SHORTEST_TALK
        }
    }
}

impl<'a> From<&'a Pair> for Beats<'a> {
    fn from(pair: &'a Pair) -> Self {
        Self {
            within: CONNECTIONS,
            rhythm: &pair.rhythm,
            requests: &pair.requests,
            answers: &pair.answers,
            hardly_pauses: pair.hardly_leaves(),
            home: Some(pair.home),
            servers: pair.partners(),
            clients: 1,
            tasks: 0,
            again: false,
        }
    }
}

impl<'a> From<&'a Talk> for Beats<'a> {
    fn from(talk: &'a Talk) -> Self {
        Self {
            within: "session",
            rhythm: &talk.rhythm,
            requests: &talk.requests,
            answers: &talk.answers,
            hardly_pauses: talk.hardly_pauses(),
            home: None,
            servers: 1,
            clients: 1,
            tasks: talk.tasks(),
            again: talk.told,
        }
    }
}

/// Whether it is a service that everybody asks by the clock, or one that nobody answers: broadcasts and multicasts among
/// them. What is neither TCP nor UDP, such as a ping, is sent by the clock as a rule.
fn is_asked_by_the_clock(session: &Session, end: &FlowEnd) -> bool {
    let port = session.server.port;
    match session.transport {
        Transport::TCP => end.protocol == Some(Kind::Tls) && port == DNS_IN_TLS,
        Transport::UDP => {
            end.protocol == Some(Kind::Dns)
                || end.quality.one_sided
                || port == DNS_IN_TLS
                || ASKED.contains(&port)
        }
        _ => true,
    }
}

/// A session as if it were over.
fn so_far(lasted: &Lasted) -> FlowEnd {
    FlowEnd {
        id: lasted.flow.id,
        last_seen: lasted.last_seen,
        traffic: lasted.traffic,
        ending: None,
        protocol: lasted.protocol,
        greeting: lasted.greeting,
        quality: lasted.flow.quality,
    }
}

/// The name of the detector.
pub const NAME: &str = "beacon";

/// In what a rhythm across connections is.
const CONNECTIONS: &str = "connections";

/// One session is followed for so many pairs that are remembered.
const TALK_SHARE: usize = 4;

/// One client of a domain is remembered for so many pairs.
const LOOK_UP_SHARE: usize = 16;

/// What several clients do together, and one client at several servers, is remembered for so many pairs.
const CROWD_SHARE: usize = 16;

/// DNS in TLS (RFC 7858) or, of datagrams, in QUIC (RFC 9250).
const DNS_IN_TLS: u16 = 853;

/// So many gaps tell enough of a client alone.
const FEW_GAPS: u32 = 8;
/// Who comes back sooner was not away.
const LEAST_GAP: Span = Span::from_millis(20);

/// In seconds.
const SHORTEST_CONNECTIONS: f64 = 0.2;
const SHORTEST_TALK: f64 = 1.5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::destinations::samples::spoke;
    use crate::correlate::destinations::{self, Destinations};
    use crate::correlate::names::Names;
    use crate::correlate::prints::Prints;
    use crate::decode::Address;
    use crate::evidence::samples;
    use crate::evidence::{Certainty, Says};
    use crate::facts::samples::{end, endpoint};
    use crate::facts::{Answers, FlowId, Traffic};
    use crate::proto::Side;
    use crate::proto::dns::Named;
    use crate::proto::tls::greeting::{Greeting, digest_of_name};
    use std::num::NonZeroU32;

    /// What is known beside sessions.
    struct House {
        seen: Destinations,
        names: Names,
        prints: Prints,
    }

    impl Default for House {
        fn default() -> Self {
            Self {
                seen: destinations::samples::of_ten(8),
                names: Names::new(8),
                prints: Prints::new(8),
            }
        }
    }

    impl House {
        fn known(&self) -> Known<'_> {
            Known {
                seen: &self.seen,
                names: &self.names,
                prints: &self.prints,
            }
        }
    }

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
            let house = House::default();
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
                last = beacons.ended(&session, &over, house.known()).pop();
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

    /// What is told when clients call servers that turn, each client a minute after its last call, so many times each.
    fn told_of(clients: u64, servers: u64, times: u64, greets: bool) -> Option<Beacon> {
        let mut house = House::default();
        let mut beacons = Beacons::new(256);
        let mut last = None;
        for number in 0..clients * times {
            let (client, time) = (number % clients, number / clients);
            let mut session = samples::evidence(number, Certainty::Proven).session;
            session.client = endpoint(&format!("10.0.0.{}:4000", 1 + client));
            session.server = endpoint(&format!("192.0.2.{}:4466", 1 + number % servers));
            house.seen.spoke(&spoke(session.client, session.server));
            let second = 60 * time + 7 * client + time * time % 5;
            session.opened = Timestamp::from_parts(second.cast_signed(), 0);
            let mut over = end(FlowId(number));
            over.last_seen = session.opened;
            over.traffic = Traffic {
                client_bytes: 60,
                server_bytes: 10,
                ..Traffic::default()
            };
            over.greeting = greets.then_some(Greeting {
                fingerprint: NonZeroU32::MIN,
                name: None,
            });
            last = beacons.ended(&session, &over, house.known()).pop();
        }
        match last?.says {
            Says::Beacon(beacon) => Some(*beacon),
            _ => None,
        }
    }

    #[test]
    fn clients_add_up_at_one_place_and_servers_by_who_greets_them() {
        let cases = [
            ("one client, seldom", 1, 1, 5, false, None),
            ("two clients, seldom", 2, 1, 6, false, None),
            ("four clients, seldom", 4, 1, 4, false, Some((4, 1))),
            ("one client, eight servers", 1, 8, 16, false, None),
            (
                "one client, eight servers, TLS",
                1,
                8,
                16,
                true,
                Some((1, 7)),
            ),
            ("one client, two servers, TLS", 1, 2, 12, true, None),
        ];
        for (name, clients, servers, times, greets, expected) in cases {
            let told = told_of(clients, servers, times, greets);
            let told = told.map(|beacon| (beacon.clients, beacon.servers));
            assert_eq!(told, expected, "{name}");
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

    /// The weights of a call to 192.0.2.66, whose hello looks for this server.
    fn greeted(name: Option<&str>, house: &House) -> Vec<&'static str> {
        let mut session = samples::evidence(1, Certainty::Proven).session;
        session.server = endpoint("192.0.2.66:443");
        let mut over = end(FlowId(1));
        over.greeting = Some(Greeting {
            fingerprint: NonZeroU32::MIN,
            name: name.map(|name| digest_of_name(name.as_bytes())),
        });
        let mut weights = Weights::default();
        let scene = Scene {
            session: &session,
            end: &over,
            known: house.known(),
        };
        scene.weigh_greeting(&mut weights);
        weights.iter().map(|weight| weight.why).collect()
    }

    #[test]
    fn a_hello_says_whom_it_looks_for_and_what_made_it() {
        let mut house = House::default();
        let named = |name: &str, address: &str| Named {
            name: name.into(),
            ip: address.parse().unwrap(),
            ttl: 60,
        };
        let answers = Answers {
            asker: endpoint("10.0.0.1:5353"),
            named: vec![
                named("web.test", "198.51.100.80"),
                named("sync.test", "192.0.2.66"),
            ],
        };
        house.names.learn(&answers, Timestamp::from_parts(150, 0));
        let cases = [
            (None, vec!["its hello names no server"]),
            (Some("sync.test"), vec![]),
            (
                Some("web.test"),
                vec!["its hello names a server that DNS has elsewhere"],
            ),
            (
                Some("else.test"),
                vec!["its hello has another name than was looked up"],
            ),
        ];
        for (name, whys) in cases {
            assert_eq!(greeted(name, &house), whys, "{name:?}");
        }
        for host in 1..=20 {
            house
                .prints
                .greets(Address::from_bits(host), NonZeroU32::MAX);
        }
        let rare = ["few of the hosts seen greet like this (JA4)"];
        assert_eq!(greeted(Some("sync.test"), &house), rare);
    }

    #[test]
    fn services_that_are_asked_by_the_clock_are_left_alone() {
        let mut session = samples::evidence(1, Certainty::Proven).session;
        let mut over = end(FlowId(1));
        for (transport, port, protocol, asked) in [
            (Transport::UDP, 123, None, true),
            (Transport::UDP, 4_466, None, false),
            (Transport::UDP, 4_466, Some(Kind::Dns), true),
            (Transport::UDP, 853, None, true),
            (Transport::TCP, 123, None, false),
            (Transport::TCP, 853, Some(Kind::Tls), true),
            (Transport::TCP, 853, None, false),
            (Transport::TCP, 443, Some(Kind::Tls), false),
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

    /// A session in which the client says so many bytes every four seconds and hears as many.
    fn heartbeat(server: &str, protocol: Option<Kind>, bytes: u64, count: i64) -> Option<Evidence> {
        let house = House::default();
        let mut beacons = Beacons::new(8);
        let mut sent = 500;
        for number in 0..count {
            let flight = Flight {
                one_sided: false,
                flow: FlowId(1),
                opened: Timestamp::from_parts(0, 0),
                from: Side::Client,
                client_bytes: sent,
                server_bytes: sent,
            };
            beacons.flight(&flight, Timestamp::from_parts(4 * number, 0));
            sent += bytes;
        }
        let mut session = samples::evidence(1, Certainty::Proven).session;
        session.server = endpoint(server);
        let mut over = end(FlowId(1));
        over.protocol = protocol;
        over.traffic.client_bytes = sent;
        beacons.ended(&session, &over, house.known()).pop()
    }

    #[test]
    fn a_session_that_goes_on_is_told_and_counted_once() {
        let house = House::default();
        let mut beacons = Beacons::new(8);
        let mut session = samples::evidence(1, Certainty::Proven).session;
        session.server = endpoint("192.0.2.66:4455");
        let mut sent = 500;
        for number in 0..14 {
            let flight = Flight {
                one_sided: false,
                flow: FlowId(1),
                opened: Timestamp::from_parts(0, 0),
                from: Side::Client,
                client_bytes: sent,
                server_bytes: sent,
            };
            beacons.flight(&flight, Timestamp::from_parts(60 * number, 0));
            sent += 60;
        }
        let lasted = Lasted {
            flow: spoke(session.client, session.server),
            last_seen: Timestamp::from_parts(780, 0),
            age: Span::from_seconds(600),
            again: false,
            protocol: None,
            greeting: None,
            traffic: Traffic::default(),
        };
        let again = |evidence: Evidence| match evidence.says {
            Says::Beacon(beacon) => beacon.again,
            _ => panic!("no beacon"),
        };
        assert_eq!(
            beacons.lasted(&lasted, house.known()).map(again),
            Some(false)
        );
        assert_eq!(
            beacons.lasted(&lasted, house.known()).map(again),
            Some(true)
        );
        let over = beacons
            .ended(&session, &end(FlowId(1)), house.known())
            .pop();
        assert_eq!(over.map(again), Some(true));
    }

    #[test]
    fn a_heartbeat_in_a_session_is_told_unless_it_is_the_protocols_own() {
        let cases = [
            ("192.0.2.66:4455", None, 32, 14, true),
            ("192.0.2.66:443", Some(Kind::Tls), 45, 14, true),
            ("192.0.2.66:4455", Some(Kind::Stun), 20, 14, false),
            ("192.0.2.66:5060", Some(Kind::Sip), 600, 14, false),
            ("192.0.2.66:443", Some(Kind::Tls), 24, 14, false),
            ("192.0.2.66:1883", None, 2, 14, false),
            ("192.0.2.66:22", Some(Kind::Ssh), 52, 14, false),
            ("10.0.0.9:4455", None, 32, 14, false),
            ("192.0.2.66:4455", None, 32, 8, false),
        ];
        for (server, protocol, bytes, count, told) in cases {
            let evidence = heartbeat(server, protocol, bytes, count);
            let is_told = evidence.is_some_and(|one| one.certainty == Certainty::Probable);
            assert_eq!(is_told, told, "{server} {protocol:?} {bytes} {count}");
        }
    }
}
