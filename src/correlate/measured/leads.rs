//! Hosts that are led: the called side of one of their sessions begins to speak behind a silence, and at once the host
//! opens another session. That is what the agent of a reverse tunnel does; who asks for himself speaks first.

use std::collections::HashMap;

use super::DNS;
use crate::correlate::legs::{Leg, Legs};
use crate::correlate::recent::Recent;
use crate::decode::{Address, Endpoint, Transport};
use crate::evidence::Session;
use crate::facts::legs::Flight;
use crate::facts::{FlowEnd, FlowId};
use crate::proto::Side;
use crate::time::{Span, Timestamp};

/// Sessions that go on, and the hosts whose peers began to speak lately.
#[derive(Debug)]
pub(super) struct Leads {
    /// When anybody spoke last in a session.
    newest: HashMap<FlowId, Timestamp, foldhash::fast::RandomState>,
    hosts: Recent<Address, Lead>,
    /// Sessions that may be followed.
    cap: usize,
    unfollowed: u64,
}

/// Who began to speak to a host that had called him.
#[derive(Clone, Copy, Debug)]
struct Lead {
    leader: Endpoint,
    time: Timestamp,
    /// The session that the host opened at once.
    follower: Option<FlowId>,
}

impl Leads {
    /// Nobody leads; at most `hosts` are remembered, and as many sessions are followed as `cap` says.
    pub(super) fn new(hosts: usize, cap: usize) -> Self {
        Self {
            newest: HashMap::default(),
            hosts: Recent::new(hosts),
            cap,
            unfollowed: 0,
        }
    }

    /// Takes a flight. Says whether the called side begins to speak behind a silence. Those of the first second are a
    /// handshake, and most sessions have no others.
    pub(super) fn begins(&mut self, flight: &Flight, now: Timestamp) -> bool {
        if now - flight.opened < OPENING_TIME {
            return false;
        }
        if let Some(newest) = self.newest.get_mut(&flight.flow) {
            let silence = now - std::mem::replace(newest, now);
            return flight.from == Side::Server && silence >= SILENCE;
        }
        if self.newest.len() >= self.cap {
            self.unfollowed += 1;
            return false;
        }
        self.newest.insert(flight.flow, now);
        // Nobody spoke since the handshake.
        flight.from == Side::Server && now - flight.opened >= QUIET_OPENING
    }

    /// Notes that the called side of a session begins to speak. Says whether the host is led: that side did so before, and
    /// another session goes on that the host opened behind that, or together with this one.
    pub(super) fn lead(&mut self, leg: &Leg, legs: &Legs, now: Timestamp) -> bool {
        let Session { client, server, .. } = leg.session;
        if leg.session.transport != Transport::TCP {
            return false;
        }
        let before = self.hosts.get(&client.address);
        let before = before.filter(|lead| lead.leader == server);
        let is_known = before.is_some();
        let follower = before.and_then(|lead| lead.follower);
        let follower = follower.or_else(|| Some(beside(leg, legs)?.session.id));
        let lead = Lead {
            leader: server,
            time: now,
            follower,
        };
        self.hosts.insert(client.address, lead);
        is_known && follower.is_some_and(|follower| legs.get(follower).is_some())
    }

    /// Takes a session that a host opens. Gives who leads the host, if it opens one for the second time, behind one beginning
    /// or two.
    pub(super) fn follows(&mut self, session: &Session) -> Option<Endpoint> {
        if self.hosts.is_empty() {
            return None;
        }
        let lead = self.hosts.get_mut(&session.client.address)?;
        let is_at_once = session.opened >= lead.time && session.opened - lead.time <= AT_ONCE;
        if !is_at_once || !may_follow(session, lead.leader) {
            return None;
        }
        let again = lead.follower.replace(session.id);
        again.map(|_| lead.leader)
    }

    /// Forgets a session that is over.
    pub(super) fn ended(&mut self, end: &FlowEnd) {
        self.newest.remove(&end.id);
    }

    /// Sessions that could not be followed, flight by flight.
    pub(super) fn unfollowed(&self) -> u64 {
        self.unfollowed
    }

    /// Hosts that gave way.
    pub(super) fn forgotten(&self) -> u64 {
        self.hosts.displaced()
    }

    /// An upper bound of the bytes of memory it holds.
    pub(super) const fn memory_bound(hosts: usize, cap: usize) -> usize {
        2 * cap * (size_of::<(FlowId, Timestamp)>() + 1) + 4 * hosts * size_of::<(Address, Lead)>()
    }
}

/// Another session that the host of a leg opened when it opened that one, as an agent does that calls both sides.
fn beside<'a>(leg: &Leg, legs: &'a Legs) -> Option<&'a Leg> {
    let Session { server, opened, .. } = leg.session;
    let mut others = legs.beside(leg, Side::Client, Side::Client);
    others.find(|other| {
        let other = &other.session;
        may_follow(other, server) && other.opened.apart(opened) <= AT_ONCE
    })
}

/// Whether it may be what somebody leads a host to: it goes elsewhere, and is no look-up.
fn may_follow(session: &Session, leader: Endpoint) -> bool {
    session.transport == Transport::TCP
        && session.server.port != DNS
        && session.server.address != leader.address
}

/// How long nothing is listened to.
const OPENING_TIME: Span = Span::from_seconds(1);
/// The same, and a silence.
const QUIET_OPENING: Span = Span::from_millis(1_500);
/// Longer than a round trip: an answer would have come.
const SILENCE: Span = Span::from_millis(500);
/// So soon an agent opens what it is told to, which may take it a look-up.
const AT_ONCE: Span = Span::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Quality;
    use crate::facts::legs::Spoke;
    use crate::facts::samples::{end, endpoint};

    /// What it is called, what happens, and what is made of it.
    type Case<'a, T> = (&'a str, &'a [T], bool);

    const AGENT: &str = "10.0.0.2:50000";
    const LEADER: &str = "192.0.2.7:443";
    const BEGUN: Timestamp = Timestamp::from_parts(100, 0);

    fn at(millis: i64) -> Timestamp {
        BEGUN + Span::from_millis(millis)
    }

    fn flight(from: Side) -> Flight {
        Flight {
            flow: FlowId(1),
            opened: BEGUN,
            from,
            client_bytes: 0,
            server_bytes: 0,
            one_sided: false,
        }
    }

    /// The agent calls somebody.
    fn called(legs: &mut Legs, id: u64, server: &str, opened: i64) -> Session {
        legs.insert(&Spoke {
            id: FlowId(id),
            client: endpoint(AGENT),
            server: endpoint(server),
            transport: Transport::TCP,
            opened: at(opened),
            vlan: None,
            quality: Quality::default(),
            flight: None,
            nonce: None,
        });
        legs.get(FlowId(id)).expect("it speaks").session
    }

    #[test]
    fn the_called_side_begins_behind_a_silence() {
        use Side::{Client, Server};
        #[rustfmt::skip]
        let cases: [Case<'_, (i64, Side)>; 7] = [
            ("a handshake", &[(900, Server)], false),
            ("an answer", &[(5_000, Client), (5_040, Server)], false),
            ("an answer that took its time", &[(5_000, Client), (5_400, Server)], false),
            ("a client that comes back", &[(5_000, Server), (6_000, Client)], false),
            ("a peer that speaks first", &[(1_600, Server)], true),
            ("it might have answered", &[(1_300, Server)], false),
            ("a peer that begins again", &[(2_000, Server), (2_010, Client), (2_600, Server)], true),
        ];
        for (name, flights, begins) in cases {
            let mut leads = Leads::new(4, 4);
            let begun = flights
                .iter()
                .map(|&(millis, from)| leads.begins(&flight(from), at(millis)));
            assert_eq!(begun.last(), Some(begins), "{name}");
        }
    }

    #[test]
    fn a_host_is_led_that_opens_sessions_when_its_peer_begins() {
        #[rustfmt::skip]
        let cases: [Case<'_, (&str, i64)>; 6] = [
            ("look-ups", &[("10.0.0.53:53", 2_010), ("10.0.0.53:53", 3_010)], false),
            ("twice", &[("10.0.0.9:22", 2_010), ("10.0.0.8:22", 3_010)], true),
            ("once", &[("10.0.0.9:22", 2_010)], false),
            ("at other times", &[("10.0.0.9:22", 2_010), ("10.0.0.8:22", 3_400)], false),
            ("before", &[("10.0.0.9:22", 1_990), ("10.0.0.8:22", 2_990)], false),
            ("the same peer", &[("192.0.2.7:80", 2_010), ("192.0.2.7:80", 3_010)], false),
        ];
        for (name, opened, is_led) in cases {
            let (mut leads, mut legs) = (Leads::new(4, 4), Legs::new(8));
            called(&mut legs, 1, LEADER, 0);
            let mut led = None;
            for (id, &(server, millis)) in (2..).zip(opened) {
                let begins = at(millis / 1_000 * 1_000).max(at(2_000));
                let tunnel = *legs.get(FlowId(1)).expect("it goes on");
                leads.lead(&tunnel, &legs, begins);
                let session = called(&mut legs, id, server, millis);
                led = led.or(leads.follows(&session));
                legs.remove(session.id);
            }
            assert_eq!(led, is_led.then(|| endpoint(LEADER)), "{name}");
        }
    }

    #[test]
    fn a_host_is_led_whose_other_session_goes_on() {
        for (name, opened, goes_on, is_led) in [
            ("opened with the first", 50, true, true),
            ("and over", 50, false, false),
            ("opened at another time", 700, true, false),
        ] {
            let (mut leads, mut legs) = (Leads::new(4, 4), Legs::new(8));
            called(&mut legs, 1, LEADER, 0);
            let other = called(&mut legs, 2, "10.0.0.9:22", opened);
            let tunnel = *legs.get(FlowId(1)).expect("it goes on");
            assert!(!leads.lead(&tunnel, &legs, at(2_000)), "{name}");
            if !goes_on {
                legs.remove(other.id);
            }
            assert_eq!(leads.lead(&tunnel, &legs, at(3_000)), is_led, "{name}");
        }
    }

    #[test]
    fn sessions_that_are_over_make_room() {
        let mut leads = Leads::new(4, 1);
        leads.begins(&flight(Side::Client), at(2_000));
        leads.ended(&end(FlowId(1)));
        assert!(leads.newest.is_empty());
    }

    #[test]
    fn who_cannot_be_followed_does_not_begin() {
        let mut leads = Leads::new(4, 0);
        assert!(!leads.begins(&flight(Side::Server), at(5_000)));
        assert_eq!(leads.unfollowed(), 1);
    }
}
