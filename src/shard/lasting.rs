//! What a shard tells of flows that last, while they are open.

use super::{Outbox, Report, legs, traffic_of};
use crate::decode::Transport;
use crate::facts::lasting::{ASKED, Lasted};
use crate::flow::Flow;
use crate::flow::lasting::Schedule;
use crate::proto::Side;
use crate::proto::stack::Kind;

/// Tells that a flow has come to an age, `again` where it was told of at a lower one.
pub(super) fn tell(flow: &mut Flow, schedule: &Schedule, again: bool, events: &mut Outbox<'_>) {
    let Some(age) = schedule.told(flow).filter(|_| is_session(flow)) else {
        return;
    };
    flow.reported = true;
    events.push(Report::Lasted(Box::new(Lasted {
        flow: legs::spoke(flow),
        last_seen: flow.last_seen,
        age,
        again,
        protocol: flow.protocol,
        greeting: flow.greeting,
        traffic: traffic_of(flow),
    })));
}

/// Tells of an age that a flow has come to since anybody looked, now that it is over.
pub(super) fn tell_last(flow: &mut Flow, schedule: &Schedule, events: &mut Outbox<'_>) {
    if flow.is_established()
        && let Some(again) = schedule.advance(flow)
    {
        tell(flow, schedule, again, events);
    }
}

/// Whether somebody opened it to keep it: TCP, or datagrams that both sides send and that are no questions to a
/// service which answers each of them alone.
fn is_session(flow: &Flow) -> bool {
    match flow.key.transport() {
        Transport::TCP => true,
        Transport::UDP => {
            let asks = flow.protocol == Some(Kind::Dns)
                || ASKED.contains(&flow.endpoint(Side::Server).port)
                || ASKED.contains(&flow.endpoint(Side::Client).port);
            flow.is_answered() && !asks
        }
        _ => false,
    }
}
