//! The flow table keeps to its cap, and forgets in its order.

use std::collections::{BTreeMap, BTreeSet};

use hopscope::facts::FlowId;
use hopscope::flow::key::FlowKey;
use hopscope::flow::table::{FlowTable, Place, Timeouts};
use hopscope::flow::{Flow, Observed};
use hopscope::proto::Side;
use hopscope::time::{Span, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{ACK, RST, SYN, endpoint, holds, tcp};

const TIMEOUTS: Timeouts = Timeouts {
    half_open: Span::from_seconds(30),
    tcp: Span::from_seconds(3_600),
    datagram: Span::from_seconds(180),
    closed: Span::from_seconds(10),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

/// A flow that was opened, and answered or not.
fn flow(number: u16, established: bool, now: Timestamp) -> Flow {
    let (client, server) = (endpoint(1, number), endpoint(2, 80));
    let syn = tcp(client, server, SYN);
    let (key, sender) = FlowKey::of(&syn);
    let mut flow = Flow::open(FlowId(number.into()), key, sender, &syn, now);
    flow.observe(Side::Client, &syn, now);
    if established {
        flow.observe(Side::Server, &tcp(server, client, SYN | ACK), now);
    }
    flow
}

#[test]
fn the_cap_holds_and_half_open_flows_go_first() {
    let flows = vec(any::<bool>(), 1..80);
    holds((1..12usize, flows), |(cap, flows)| {
        let mut table = FlowTable::new(cap, TIMEOUTS);
        // The numbers of the flows that the table should hold, in the order they came, and whether each is established.
        let mut model: Vec<(u64, bool)> = Vec::new();
        for (number, established) in (1..).zip(flows) {
            if let Some(victim) = table.victim() {
                let oldest = |wanted| model.iter().position(|(_, is)| *is == wanted);
                let expected = oldest(false).or_else(|| oldest(true)).unwrap();
                assert_eq!(removed(&mut table, victim), model.remove(expected).0);
            }
            let place = table.insert(flow(number, established, at(0)));
            if established {
                table.promote(place);
            }
            model.push((number.into(), established));
            assert_eq!(table.len(), model.len());
            assert!(table.len() <= cap);
        }
        let places = table.in_order().into_iter();
        let left: Vec<u64> = places.map(|place| removed(&mut table, place)).collect();
        assert_eq!(
            left,
            model.iter().map(|(number, _)| *number).collect::<Vec<_>>()
        );
    });
}

#[test]
fn a_flow_that_was_active_outlives_one_that_was_not() {
    let mut table = FlowTable::new(3, TIMEOUTS);
    for number in 1..=3 {
        let place = table.insert(flow(number, true, at(0)));
        table.promote(place);
    }
    let busy = tcp(endpoint(1, 1), endpoint(2, 80), ACK);
    let place = table.find(&FlowKey::of(&busy).0).unwrap();
    table
        .flow_mut(place)
        .unwrap()
        .observe(Side::Client, &busy, at(5));
    let evicted: Vec<u64> = (4..=6)
        .map(|number| {
            let victim = table.victim().unwrap();
            let evicted = removed(&mut table, victim);
            let place = table.insert(flow(number, true, at(6)));
            table.promote(place);
            evicted
        })
        .collect();
    assert_eq!(evicted, [2, 3, 1]);
}

#[test]
fn what_was_inserted_is_found_until_it_is_removed() {
    let actions = vec((0..20u16, any::<bool>()), 0..200);
    holds(actions, |actions| {
        let mut table = FlowTable::new(usize::MAX, TIMEOUTS);
        let mut model = BTreeSet::new();
        for (number, removes) in actions {
            let key = flow(number, false, at(0)).key;
            let found = table.find(&key);
            assert_eq!(found.is_some(), model.contains(&number));
            match (found, removes) {
                (Some(place), true) => {
                    assert_eq!(removed(&mut table, place), u64::from(number));
                    model.remove(&number);
                }
                (None, false) => {
                    table.insert(flow(number, false, at(0)));
                    model.insert(number);
                }
                _ => {}
            }
            assert_eq!(table.len(), model.len());
        }
    });
}

/// Removes a flow and gives its number.
fn removed(table: &mut FlowTable, place: Place) -> u64 {
    let id = table.flow(place).unwrap().id;
    table.remove(place);
    assert!(table.flow(place).is_none());
    id.0
}

/// What happens to a flow: its client speaks, its server answers, or one of them resets it.
#[derive(Clone, Copy, Debug)]
enum Act {
    Opens,
    Answers,
    Resets,
}

/// Each flow must expire at the first whole second at which it was silent for long enough, whatever else is in the
/// table.
#[test]
fn flows_expire_in_order_and_at_their_second() {
    let act = prop_oneof![Just(Act::Opens), Just(Act::Answers), Just(Act::Resets)];
    let steps = vec((0..40i64, 0..6u16, act), 1..60);
    holds(steps, |steps| {
        let mut table = FlowTable::new(100, TIMEOUTS);
        let mut now = 0;
        let mut deadlines: BTreeMap<u64, i64> = BTreeMap::new();
        let mut expired = Vec::new();
        for (pause, number, act) in steps.into_iter().chain([(10_000, 99, Act::Opens)]) {
            now += pause;
            while let Some((place, moment, _)) = table.overdue(at(now)) {
                let id = removed(&mut table, place);
                let deadline = deadlines.remove(&id);
                assert_eq!(deadline, Some(moment.seconds()), "{id}");
                expired.push(moment);
            }
            deadlines.insert(number.into(), now + touch(&mut table, number, act, at(now)));
            assert!(
                deadlines.values().all(|&due| due > now),
                "an expired flow is still there"
            );
        }
        assert!(expired.is_sorted());
        assert_eq!(table.len(), 1);
    });
}

/// Does to a flow what a shard does, and gives the seconds for which it may be silent now.
fn touch(table: &mut FlowTable, number: u16, act: Act, now: Timestamp) -> i64 {
    let (client, server) = (endpoint(1, number), endpoint(2, 80));
    let key = flow(number, false, now).key;
    let place = table
        .find(&key)
        .unwrap_or_else(|| table.insert(flow(number, false, now)));
    let flow = table.flow_mut(place).unwrap();
    let (from, segment) = match act {
        Act::Opens => (Side::Client, tcp(client, server, SYN)),
        Act::Answers => (Side::Server, tcp(server, client, ACK)),
        Act::Resets => (Side::Server, tcp(server, client, RST)),
    };
    assert!(matches!(
        flow.observe(from, &segment, now),
        Observed::Counted(_)
    ));
    let patience = match (flow.ending().is_some(), flow.is_established()) {
        (true, _) => 10,
        (false, true) => 3_600,
        (false, false) => 30,
    };
    table.hasten(place);
    patience
}
