use std::collections::HashSet;

use super::*;
use crate::decode::samples::{tcp, udp};
use crate::facts::FlowId;
use crate::flow::lasting::Schedule;
use crate::flow::table::Timeouts;
use crate::time::{Span, Timestamp};

const SYN: u8 = 2;
const ACK: u8 = 16;
const SERVER: &str = "10.0.0.2:1080";

const GREETING: &[u8] = b"\x05\x01\0";
const METHOD: &[u8] = b"\x05\0";
const REQUEST: &[u8] = b"\x05\x01\0\x01\x0a\0\0\x03\0\x50";
const REPLY: &[u8] = b"\x05\0\0\x01\0\0\0\0\0\0";
const DATAGRAM: &[u8] = b"\0\0\0\x01\x0a\x32\0\x35\0\x35query";

/// A shard, what it said, and the frame that it saw last; a frame takes a second.
struct Watch {
    shard: Shard,
    events: Events,
    frame: u64,
    reported: HashSet<FlowId>,
}

impl Watch {
    fn new(flows: usize, head_bytes: usize) -> Self {
        let timeouts = Timeouts {
            half_open: Span::from_seconds(30),
            tcp: Span::from_seconds(3_600),
            datagram: Span::from_seconds(180),
            closed: Span::from_seconds(10),
        };
        let limits = Limits {
            flows,
            head_bytes,
            timeouts,
            lasting: Schedule::new([40, 80].map(Span::from_seconds)),
        };
        let tuning = detect::Tuning {
            socks_proxy: true,
            http_connect_proxy: true,
            http_forward_proxy: true,
            websocket_tunnel: true,
            ssh_tunnel: true,
            reverse_shell: true,
            bind_shell: true,
        };
        Self {
            shard: Shard::new(0, limits, tuning, NonceKey::default()),
            events: Events::default(),
            frame: 0,
            reported: HashSet::new(),
        }
    }

    fn ample() -> Self {
        Self::new(100, 1 << 20)
    }

    fn sees(&mut self, segment: &Segment<'_>) -> &mut Self {
        self.frame += 1;
        let moment = Moment {
            time: self.now(),
            frame: self.frame,
        };
        let route = Route::of(segment);
        self.shard
            .segment(moment, &route, None, segment, &mut self.events);
        self
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(0) + Span::from_seconds(self.frame.cast_signed())
    }

    /// A handshake with these first sequence numbers.
    fn opens(&mut self, client: &str, isns: [u32; 2]) -> &mut Self {
        self.sees(&tcp(client, SERVER, SYN, isns[0], b""))
            .sees(&tcp(SERVER, client, SYN | ACK, isns[1], b""))
    }

    /// What both say in turn, the client first, in a connection with these first sequence numbers.
    fn talks(&mut self, client: &str, isns: [u32; 2], said: &[&[u8]]) -> &mut Self {
        let mut next = isns.map(|isn| isn + 1);
        for (turn, payload) in said.iter().enumerate() {
            let side = turn % 2;
            let (from, to) = [(client, SERVER), (SERVER, client)][side];
            self.sees(&tcp(from, to, ACK, next[side], payload));
            next[side] += payload.len() as u32;
        }
        self
    }

    /// `1 proven`, `1 ended`: what was said of which flow, in order. Legs of nothing are left out.
    fn told(&mut self) -> Vec<String> {
        let events = self.in_order();
        let reports = events.iter().map(|event| &event.report);
        reports.filter_map(|report| self.text(report)).collect()
    }

    /// `1 spoke`, `1 client flight`: what correlators are told of the legs of relays, in order.
    fn told_of_legs(&mut self) -> Vec<String> {
        let events = self.in_order();
        let reports = events.iter().map(|event| &event.report);
        reports.filter_map(leg_text).collect()
    }

    fn in_order(&mut self) -> Vec<Event> {
        self.events.in_order().collect()
    }

    fn text(&mut self, report: &Report) -> Option<String> {
        if let Report::Flow(facts, _) = report {
            self.reported.insert(facts.id);
        }
        match report {
            Report::Ended(end) if !self.reported.contains(&end.id) => None,
            Report::Spoke(_)
            | Report::Flight(_)
            | Report::Asked(_)
            | Report::Lived(_)
            | Report::Totals(_)
            | Report::Nonce(_) => None,
            report => Some(text(report)),
        }
    }

    fn ends(&mut self) -> &mut Self {
        self.shard.finish(self.now(), &mut self.events);
        self
    }
}

fn text(report: &Report) -> String {
    match report {
        Report::Ended(end) => format!("{} ended", end.id.0),
        Report::Answers(answers) => format!("{} names", answers.named.len()),
        Report::Portrait(portrait) => format!("{} portrayed", portrait.facts.id.0),
        Report::Lasted(lasted) => {
            let age = lasted.age.nanos() / 1_000_000_000;
            format!("{} lasts {age} again {}", lasted.flow.id.0, lasted.again)
        }
        Report::Flow(facts, evidence) => {
            let certainty = evidence.first().map(|evidence| evidence.certainty);
            let loss = if facts.quality.loss {
                ", head lost"
            } else {
                ""
            };
            format!("{} {certainty:?}{loss}", facts.id.0)
        }
        legs => format!("{legs:?}"),
    }
}

fn leg_text(report: &Report) -> Option<String> {
    match report {
        Report::Spoke(spoke) => {
            let first = spoke.flight.map(|flight| flight.from);
            Some(format!("{} spoke, {first:?} first", spoke.id.0))
        }
        Report::Flight(flight) => Some(format!(
            "{} {:?} after {} and {}",
            flight.flow.0, flight.from, flight.client_bytes, flight.server_bytes
        )),
        Report::Nonce(seen) => {
            let (flow, from, offset) = (seen.flow.0, seen.from, seen.offset);
            Some(format!("{flow} {from:?} {:?} at {offset}", seen.kind))
        }
        Report::Ended(end) => Some(format!("{} ended", end.id.0)),
        _ => None,
    }
}

#[test]
fn correlators_are_told_of_payloads_flights_and_nonces() {
    let line = [b'x'; 80];
    let said: [&[u8]; 4] = [GREETING, METHOD, &line, b"ok"];
    let mut watch = Watch::ample();
    watch.opens("10.0.0.1:1", [100, 500]);
    assert!(watch.told_of_legs().is_empty(), "a handshake is no payload");
    watch.talks("10.0.0.1:1", [100, 500], &said).ends();
    let expected = [
        "1 spoke, Some(Client) first",
        "1 Server after 3 and 0",
        "1 Client after 3 and 2",
        "1 Client Text at 3",
        "1 Server after 83 and 2",
        "1 ended",
    ];
    assert_eq!(watch.told_of_legs(), expected);
}

#[test]
fn a_relay_is_told_once_and_its_end_too() {
    let said = [GREETING, METHOD, REQUEST, REPLY, b"hello", b"world"];
    let mut watch = Watch::ample();
    watch
        .opens("10.0.0.1:1", [100, 500])
        .talks("10.0.0.1:1", [100, 500], &said)
        .ends();
    assert_eq!(watch.told(), ["1 Some(Proven)", "1 ended"]);
    assert_eq!(watch.shard.counts().flows, 1);
}

#[test]
fn what_no_detector_wants_is_not_told() {
    let said: [&[u8]; 2] = [b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"];
    let mut watch = Watch::ample();
    watch
        .opens("10.0.0.1:1", [100, 500])
        .talks("10.0.0.1:1", [100, 500], &said)
        .ends();
    assert!(watch.told().is_empty());
}

/// A frame takes a second, and time is told after the last one only.
#[test]
fn a_flow_that_lasts_is_told_while_it_is_open() {
    let cases: [(u64, u64, &[&str]); 5] = [
        (38, 0, &[]),
        (39, 0, &["1 lasts 40 again false"]),
        (39, 10, &["1 lasts 40 again false"]),
        (85, 0, &["1 lasts 40 again false", "1 lasts 80 again true"]),
        (20, 100, &[]),
    ];
    for (packets, silence, told) in cases {
        let mut watch = Watch::ample();
        watch.opens("10.0.0.1:1", [100, 500]);
        for _ in 0..packets {
            watch.sees(&tcp("10.0.0.1:1", SERVER, ACK, 101, b""));
        }
        watch.frame += silence;
        watch.shard.advance(watch.now(), &mut watch.events);
        watch.ends();
        assert_eq!(watch.told(), told, "{packets} {silence}");
    }
}

#[test]
fn a_reused_five_tuple_is_another_flow() {
    let said = [GREETING, METHOD, REQUEST, REPLY];
    let mut watch = Watch::ample();
    for isns in [[100, 500], [9_000, 7_000]] {
        watch
            .opens("10.0.0.1:1", isns)
            .talks("10.0.0.1:1", isns, &said);
    }
    let told = ["1 Some(Proven)", "1 ended", "7 Some(Proven)", "7 ended"];
    assert_eq!(watch.ends().told(), told);
    assert_eq!(watch.shard.counts().flows, 2);
}

#[test]
fn a_watched_flow_is_portrayed_when_it_is_over_and_no_other() {
    let said = [GREETING, METHOD, REQUEST, REPLY];
    let mut watch = Watch::ample();
    let selector = format!("{SERVER}-10.0.0.1:1/tcp").parse();
    watch.shard = watch.shard.watching(selector.ok());
    for (client, isns) in [("10.0.0.1:1", [100, 500]), ("10.0.0.1:2", [1, 1])] {
        watch.opens(client, isns).talks(client, isns, &said);
    }
    watch.opens("10.0.0.1:1", [9_000, 7_000]).ends();
    let events = watch.in_order();
    let portraits = events.iter().filter_map(|event| match &event.report {
        Report::Portrait(portrait) => Some(portrait),
        _ => None,
    });
    let shown = portraits.map(|portrait| {
        let layers = portrait.facts.layers.len();
        let segments = (portrait.client.segments, portrait.server.segments);
        (portrait.facts.id.0, layers, segments)
    });
    assert_eq!(shown.collect::<Vec<_>>(), [(1, 1, (3, 3)), (13, 0, (1, 1))]);
    let told = events.iter().filter_map(|event| watch.text(&event.report));
    let mut told: Vec<String> = told.collect();
    told.retain(|line| !line.ends_with("portrayed"));
    let unwatched = ["1 Some(Proven)", "1 ended", "7 Some(Proven)", "7 ended"];
    assert_eq!(told, unwatched);
}

#[test]
fn a_full_table_ends_what_it_forgets() {
    let mut watch = Watch::new(2, 1 << 20);
    let noise = b"\xff\xff\xff\xff";
    let said = [GREETING, METHOD, REQUEST, REPLY, noise, noise];
    watch
        .opens("10.0.0.1:1", [100, 500])
        .talks("10.0.0.1:1", [100, 500], &said);
    watch.sees(&tcp("10.0.0.1:2", SERVER, SYN, 1, b""));
    watch.sees(&tcp("10.0.0.1:3", SERVER, SYN, 1, b""));
    assert_eq!(
        watch.told(),
        ["1 Some(Proven)"],
        "the half-open flow goes first"
    );
    watch
        .opens("10.0.0.1:4", [1, 1])
        .opens("10.0.0.1:5", [1, 1]);
    assert_eq!(watch.told(), ["1 ended"]);
    assert_eq!(watch.shard.counts().flows_evicted, 3);
    assert!(watch.ends().told().is_empty());
}

/// What was read so far is told, and that the rest is not known.
#[test]
fn the_oldest_head_gives_way_and_says_so() {
    let mut watch = Watch::new(100, 4_000);
    watch.opens("10.0.0.1:1", [100, 500]);
    watch.talks("10.0.0.1:1", [100, 500], &[GREETING, METHOD, REQUEST]);
    assert!(watch.told().is_empty(), "the reply is still to come");
    for port in 2..40 {
        let client = format!("10.0.0.1:{port}");
        watch
            .opens(&client, [1, 1])
            .talks(&client, [1, 1], &[GREETING]);
        if watch.shard.counts().heads_given_up > 0 {
            break;
        }
    }
    assert_eq!(watch.shard.counts().heads_given_up, 1);
    assert_eq!(watch.told(), ["1 Some(Probable), head lost"]);
    let late = tcp(SERVER, "10.0.0.1:1", ACK, 503, REPLY);
    assert!(watch.sees(&late).told().is_empty(), "what is told is told");
}

#[test]
fn heads_stay_inside_their_budget() {
    let mut watch = Watch::new(100, 10_000);
    for port in 1..100 {
        let client = format!("10.0.0.1:{port}");
        watch
            .opens(&client, [1, 1])
            .talks(&client, [1, 1], &[GREETING]);
        assert!(watch.shard.head_bytes <= 10_000);
    }
    assert!(watch.shard.counts().heads_given_up > 0);
    watch.ends();
    assert_eq!(watch.shard.counts().flows, 99);
}

#[test]
fn no_byte_of_the_budget_is_lost() {
    let said = [GREETING, METHOD, REQUEST, REPLY];
    for turns in 0..=said.len() {
        let mut watch = Watch::new(1, 1 << 20);
        watch
            .opens("10.0.0.1:1", [100, 500])
            .talks("10.0.0.1:1", [100, 500], &said[..turns]);
        watch.opens("10.0.0.1:2", [1, 1]);
        assert_eq!(watch.shard.head_bytes, 0, "after {turns} turns");
    }
}

/// Who sends each datagram, and what it carries.
#[test]
fn the_first_datagram_of_a_side_tells_of_a_relay() {
    let [client, relay] = ["10.0.0.1:6000", "10.0.0.2:5000"];
    type Sent = (&'static str, &'static [u8]);
    let cases: [(&[Sent], &[&str]); 6] = [
        (&[(client, DATAGRAM)], &["1 None", "1 ended"]),
        (
            &[(client, DATAGRAM), (client, DATAGRAM)],
            &["1 None", "1 ended"],
        ),
        (
            &[(client, DATAGRAM), (relay, DATAGRAM)],
            &["1 None", "1 ended"],
        ),
        (
            &[(client, b"hello"), (relay, DATAGRAM)],
            &["1 None", "1 ended"],
        ),
        (&[(client, b"hello"), (client, DATAGRAM)], &[]),
        (&[(client, b"hello"), (relay, b"world")], &[]),
    ];
    for (datagrams, expected) in cases {
        let mut watch = Watch::ample();
        for &(from, payload) in datagrams {
            let to = if from == client { relay } else { client };
            watch.sees(&udp(from, to, payload));
        }
        assert_eq!(watch.ends().told(), expected, "{datagrams:?}");
    }
}

#[test]
fn datagrams_are_read_as_a_shell_where_both_sides_speak_as_one() {
    let [host, operator] = ["10.0.0.1:50000", "10.0.0.2:5000"];
    let prompt: &[u8] = b"bash: no job control in this shell\nme@vm:/$ ";
    type Sent = (&'static str, &'static [u8]);
    let answer: Sent = (host, b"uid=0(root) gid=0(root)\nme@vm:/$ ");
    let edited: Sent = (host, b"id\r\nuid=0(root) gid=0(root)\r\n");
    let shell = &["1 Some(Probable)", "1 ended"];
    let cases: [(&[Sent], &[&str]); 8] = [
        (&[(host, prompt), (operator, b"id\n"), answer], shell),
        (&[(operator, b"id\n"), answer], shell),
        (
            &[(host, b"\x1b[?2004h[1] > "), (operator, b"id\r"), edited],
            shell,
        ),
        (&[(host, prompt)], &[]),
        (&[(operator, b"id\n"), (operator, b"ls\n")], &[]),
        (&[(operator, b"id\n"), (host, b"ERR unknown\n")], &[]),
        (&[(host, b"hello\n"), (operator, b"id\n"), answer], &[]),
        (&[(host, b"web:1|c"), (operator, b"id\n"), answer], &[]),
    ];
    for (datagrams, expected) in cases {
        let mut watch = Watch::ample();
        for &(from, payload) in datagrams {
            let to = if from == host { operator } else { host };
            watch.sees(&udp(from, to, payload));
        }
        assert_eq!(watch.ends().told(), expected, "{datagrams:?}");
        assert_eq!(watch.shard.head_bytes, 0, "{datagrams:?}");
    }
}

#[test]
fn a_silent_flow_is_over_at_its_second() {
    let mut watch = Watch::ample();
    watch
        .sees(&udp("10.0.0.1:6000", "10.0.0.2:5000", DATAGRAM))
        .told();
    for (seconds, told) in [(180, vec![]), (181, vec!["1 ended"]), (999, vec![])] {
        watch
            .shard
            .advance(Timestamp::from_parts(seconds, 0), &mut watch.events);
        assert_eq!(watch.told(), told, "{seconds}");
    }
}

#[test]
fn within_a_moment_expiry_comes_before_frames_and_they_before_the_end() {
    let order = |cause, frame, shard| Order::new(Timestamp::from_nanos(0), cause, frame, shard);
    let orders = [
        order(Cause::Expiry, 1, 9),
        order(Cause::Expiry, 2, 0),
        order(Cause::Frame, 1, 9),
        order(Cause::Frame, 2, 0),
        order(Cause::Frame, 2, 0).next(),
        order(Cause::Frame, 2, 1),
        order(Cause::End, 1, 0),
    ];
    assert!(orders.is_sorted_by(|one, other| one < other));
    let later = Order::new(Timestamp::from_nanos(1), Cause::Expiry, 1, 9);
    assert!(orders.iter().all(|order| *order < later));
}

#[test]
fn a_detector_that_is_switched_off_says_nothing() {
    let mut watch = Watch::ample();
    watch.shard.tuning.socks_proxy = false;
    let said = [GREETING, METHOD, REQUEST, REPLY];
    watch
        .opens("10.0.0.1:1", [100, 500])
        .talks("10.0.0.1:1", [100, 500], &said)
        .ends();
    assert!(watch.told().is_empty());
}
