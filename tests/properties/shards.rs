//! What a shard says does not depend on how often time is told to it.

use hopscope::detect::Tuning;
use hopscope::flow::lasting::Schedule;
use hopscope::flow::nonces::NonceKey;
use hopscope::flow::table::Timeouts;
use hopscope::shard::{Event, Events, Limits, Moment, Report, Route, Shard};
use hopscope::time::{Span, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{endpoint, holds, segment};

const LIMITS: Limits = Limits {
    flows: 4,
    head_bytes: 1 << 20,
    timeouts: Timeouts {
        half_open: Span::from_seconds(2),
        tcp: Span::from_seconds(40),
        datagram: Span::from_seconds(7),
        closed: Span::from_seconds(1),
    },
    lasting: Schedule::NEVER,
};

const TUNING: Tuning = Tuning {
    socks_proxy: true,
    http_connect_proxy: true,
    http_forward_proxy: true,
    websocket_tunnel: true,
    ssh_tunnel: true,
    reverse_shell: true,
    bind_shell: true,
};

/// A relayed SOCKS datagram: the shard reports its flow, and later that it is over.
const DATAGRAM: &[u8] = b"\0\0\0\x01\x0a\x32\0\x35\0\x35query";

/// A pause before a datagram in milliseconds, the flow that it belongs to, and moments of the pause, in thousandths of
/// it, at which the other run is told the time.
type Step = (i64, u16, Vec<i64>);

#[test]
fn how_often_time_is_told_changes_nothing() {
    let told = vec(0..=1_000i64, 0..4);
    let pauses = prop_oneof![0..50i64, 0..9_000i64];
    let steps = vec((pauses, 0..9u16, told), 1..60);
    holds(steps, |steps| {
        let seldom = run(&steps, false);
        assert_eq!(seldom, run(&steps, true));
        let reported = seldom.iter().filter(|told| told.contains("Flow(")).count();
        let ended = seldom.iter().filter(|told| told.contains("Ended(")).count();
        assert!(reported > 0 && reported == ended);
    });
}

fn run(steps: &[Step], often: bool) -> Vec<String> {
    let mut shard = Shard::new(7, LIMITS, TUNING, NonceKey::default());
    let mut events = Events::default();
    let mut now = Timestamp::from_parts(1_000, 0);
    for (frame, (pause, flow, told)) in (1..).zip(steps) {
        let mut told = told.clone();
        told.sort_unstable();
        for part in told.into_iter().filter(|_| often) {
            shard.advance(now + Span::from_millis(pause * part / 1_000), &mut events);
        }
        now = now + Span::from_millis(*pause);
        let moment = Moment { time: now, frame };
        let datagram = segment(endpoint(1, 2_000 + flow), endpoint(2, 53), DATAGRAM);
        shard.segment(moment, &Route::of(&datagram), None, &datagram, &mut events);
    }
    shard.finish(now, &mut events);
    events.in_order().map(|event| text(&event)).collect()
}

fn text(event: &Event) -> String {
    let report = match &event.report {
        Report::Flow(facts, _) => format!("Flow({:?})", facts.id),
        Report::Print(print) => format!("{print:?}"),
        Report::Spoke(spoke) => format!("{spoke:?}"),
        Report::Flight(flight) => format!("{flight:?}"),
        Report::Asked(asked) => format!("{asked:?}"),
        Report::Lived(lived) => format!("{lived:?}"),
        Report::Totals(totals) => format!("{totals:?}"),
        Report::Nonce(seen) => format!("Nonce({:?} at {})", seen.flow, seen.offset),
        Report::Ended(end) => format!("Ended({:?} {:?})", end.id, end.last_seen),
        Report::Sizes(sizes) => format!("{sizes:?}"),
        Report::Lasted(lasted) => format!("{lasted:?}"),
        Report::Answers(answers) => format!("Answers({answers:?})"),
        Report::LookUp(look_up) => format!("{look_up:?}"),
        Report::Portrait(portrait) => format!("Portrait({portrait:?})"),
    };
    format!("{:?} {report}", event.order)
}
