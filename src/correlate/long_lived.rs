//! # long-lived-session
//!
//! A session does not end: it is told while it is still open, at each age of a schedule.
//!
//! ## Sees
//!
//! Every TCP session that was established, and datagrams between the same two ports that both sides send, by the clock of
//! the packets: at 10 minutes, 30 minutes, 1, 4, 12 and 24 hours, and 3 days (`detectors.long-lived-session.minutes`), if
//! there was a packet at or after that age. A session that a firewall would have cut is one as long as it is in the
//! flow table (`flows.tcp_seconds` of silence).
//!
//! ## Means
//!
//! Tunnels, interactive shells, remote control and implants that never leave keep a session open; so do databases, mail,
//! chat, push and monitoring. The age alone is *possible*, and never above `low`. What else was seen is weighed, each
//! reason with its sign in nats (`evidence.weights`), and where they come to zero or more it is *probable*: the way out of
//! the house, how few of the hosts seen go there and whether any went there before, no protocol that is known, a port where nothing known is served, an
//! address for which nobody was told a name, and more sent out than taken in.
//!
//! ## Quiet when
//!
//! The session is over before the first age, nobody answered, or it is a service that answers each datagram alone (DNS,
//! NTP, SNMP, syslog and their like).
//!
//! ## Misses
//!
//! A tunnel that opens a new connection before each age. Sessions that are silent for longer than the flow table
//! remembers them begin anew.

use super::beacon::weighing::{weigh_history, weigh_rarity};
use super::destinations::Destinations;
use super::names::Names;
use super::ports;
use crate::evidence::lasting::Lasting;
use crate::evidence::weighed::Weights;
use crate::evidence::{Certainty, Evidence, Says, Session};
use crate::facts::Traffic;
use crate::facts::lasting::Lasted;

/// What a session that has come to an age says, held against what is known of where it goes.
pub fn weigh(lasted: &Lasted, seen: &Destinations, names: &Names) -> Evidence {
    let weights = weights(lasted, seen, names);
    let certainty = if weights.log_odds() >= 0.0 {
        Certainty::Probable
    } else {
        Certainty::Possible
    };
    Evidence {
        detector: NAME,
        certainty,
        session: Session::from(lasted),
        further: Vec::new(),
        relay: lasted.flow.server.address,
        says: Says::Lasting(Box::new(Lasting {
            age: lasted.age,
            lasted: lasted.last_seen - lasted.flow.opened,
            again: lasted.again,
            protocol: lasted.protocol.map(|kind| kind.name()),
            traffic: lasted.traffic,
            weights,
        })),
    }
}

fn weights(lasted: &Lasted, seen: &Destinations, names: &Names) -> Weights {
    let (client, server) = (lasted.flow.client.address, lasted.flow.server.address);
    let goes_out = seen.is_inside(client) && !seen.is_inside(server);
    let stays = seen.is_inside(client) && seen.is_inside(server);
    let was_read = !lasted.flow.quality.midstream && !lasted.flow.quality.loss;
    let is_named = names.name_of(server, client, lasted.last_seen).is_some();
    let mut weights = Weights::default();
    weights.add("sessions that last are mostly harmless", BEFOREHAND);
    weights.add_if(goes_out, "goes out of the house", 1.0);
    weights.add_if(stays, "stays in the house", -1.0);
    weigh_rarity(&mut weights, seen.rarity(server));
    let flow = &lasted.flow;
    if goes_out {
        let before = seen.was_gone_to(client, flow.server, flow.transport);
        weigh_history(&mut weights, before);
    }
    weights.add_if(
        was_read && lasted.protocol.is_none() && lasted.traffic != Traffic::default(),
        "speaks nothing that is known",
        1.0,
    );
    weights.add_if(
        ports::is_odd(lasted.protocol, lasted.flow.server.port),
        "at a port where nothing like it is served",
        1.0,
    );
    weights.add_if(goes_out && is_named, "a name was looked up for it", -0.5);
    weights.add_if(
        goes_out && !is_named && !names.is_empty(),
        "nobody looked up a name for it",
        1.0,
    );
    weights.add_if(
        goes_out && sends_more(lasted.traffic),
        "sends more out than it takes in",
        1.0,
    );
    weights
}

fn sends_more(traffic: Traffic) -> bool {
    traffic.client_bytes >= MUCH && traffic.client_bytes / 2 > traffic.server_bytes
}

/// The name of the detector.
pub const NAME: &str = "long-lived-session";

/// The logarithm of the odds that a session which lasts is worth a look, before anything is known of it.
const BEFOREHAND: f64 = -5.0;

/// Bytes from which on it matters who sends more.
const MUCH: u64 = 4_096;
