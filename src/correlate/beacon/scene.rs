//! A session that is over, held against what is known beside it.

use super::weighing::{
    self, certainty, weigh_crowd, weigh_history, weigh_rarity, weigh_rhythm, weigh_sizes,
    weigh_tasks,
};
use super::{Beats, CONNECTIONS, NAME};
use crate::correlate::destinations::Destinations;
use crate::correlate::names::{Fit, Names};
use crate::correlate::pairs::{Key, Pair, Whom};
use crate::correlate::ports;
use crate::correlate::prints::Prints;
use crate::correlate::rhythm::{Reading, Regularity};
use crate::evidence::beacon::Beacon;
use crate::evidence::weighed::Weights;
use crate::evidence::{Certainty, Evidence, Says, Session};
use crate::facts::FlowEnd;
use crate::proto::stack::Kind;

/// A session that is over, and what is known beside it.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) session: &'a Session,
    pub(super) end: &'a FlowEnd,
    pub(super) known: Known<'a>,
}

/// What is known of hosts beside their sessions.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Who goes where.
    pub seen: &'a Destinations,
    /// What DNS says.
    pub names: &'a Names,
    /// What TLS clients look like.
    pub prints: &'a Prints,
}

impl Scene<'_> {
    /// Servers that take turns under a name that the client looked up are one.
    pub(super) fn key(&self) -> Key {
        let Session {
            client,
            server,
            transport,
            opened,
            ..
        } = *self.session;
        let name = self
            .known
            .names
            .own_name_of(server.address, client.address, opened);
        let whom = name.map_or(Whom::Address(server.address), Whom::named);
        Key::new(client.address, whom, server.port, transport)
    }

    /// Tells of a pair, if it is worth telling.
    pub(super) fn tell(&self, pair: &mut Pair) -> Option<Evidence> {
        let evidence = self.weigh(Beats::from(&*pair), pair.told)?;
        pair.told = true;
        Some(evidence)
    }

    /// Whether its client is in the house and its server is not.
    pub(super) fn goes_out(&self) -> bool {
        let seen = self.known.seen;
        seen.is_inside(self.session.client.address) && !seen.is_inside(self.session.server.address)
    }

    /// What a rhythm comes to; `again` where it was told before.
    pub(super) fn weigh(&self, beats: Beats<'_>, again: bool) -> Option<Evidence> {
        if !again && beats.rhythm.mean() < beats.shortest() {
            return None;
        }
        let reading = beats.rhythm.read();
        if !again && reading.regularity == Regularity::None {
            return None;
        }
        let weights = self.weights(beats, reading);
        let certainty = certainty(&weights, again)?;
        Some(self.evidence(beats, reading, certainty, weights))
    }

    fn evidence(
        &self,
        beats: Beats<'_>,
        reading: Reading,
        certainty: Certainty,
        weights: Weights,
    ) -> Evidence {
        let session = Session {
            last_seen: self.end.last_seen,
            quality: self.end.quality,
            ..*self.session
        };
        let home = beats.home.unwrap_or(session.server);
        let print = self.end.greeting.map(|greeting| greeting.fingerprint);
        let ja4 = print.and_then(|print| self.known.prints.ja4(print));
        Evidence {
            detector: NAME,
            certainty,
            session,
            further: Vec::new(),
            relay: session.server.address,
            says: Says::Beacon(Box::new(Beacon {
                protocol: self.end.protocol.map(Kind::name),
                ja4: ja4.map(Into::into),
                ..beats.beacon(beats.within, home, reading, weights)
            })),
        }
    }

    fn weights(&self, beats: Beats<'_>, reading: Reading) -> Weights {
        let mut weights = weighing::begin();
        weigh_rhythm(&mut weights, beats, reading);
        weigh_sizes(&mut weights, beats);
        if beats.within != CONNECTIONS {
            self.weigh_heartbeat(&mut weights, beats);
            weigh_tasks(&mut weights, beats);
        }
        self.weigh_place(&mut weights);
        self.weigh_names(&mut weights, beats);
        self.weigh_greeting(&mut weights);
        weigh_crowd(&mut weights, beats);
        weights
    }

    /// Protocols keep their sessions alive with messages of their own, which hardly carry anything (MQTT PINGREQ, WebSocket
    /// and HTTP/2 PING, socket.io, the keepalives of SSH, STUN Binding, SIP OPTIONS). What beats beside them is an
    /// application's.
    fn weigh_heartbeat(&self, weights: &mut Weights, beats: Beats<'_>) {
        let least = match self.end.protocol {
            Some(Kind::Tls) => OWN_PING + TLS_RECORD,
            Some(Kind::Ssh) => SSH_KEEPALIVE,
            Some(Kind::Stun) => STUN_BINDING,
            Some(Kind::Sip) => SIP_DATAGRAM,
            _ => OWN_PING,
        };
        let is_own = beats.requests.most() <= least;
        let is_heartbeat = beats.requests.are_about_alike() && beats.answers.are_about_alike();
        weights.add_if(is_own, "a keepalive of the protocol itself", -3.0);
        weights.add_if(
            !is_own && is_heartbeat,
            "a heartbeat that is not the protocol's own",
            1.5,
        );
    }

    fn weigh_place(&self, weights: &mut Weights) {
        let (end, seen) = (self.end, self.known.seen);
        let (client, server) = (self.session.client.address, self.session.server.address);
        match (seen.is_inside(client), seen.is_inside(server)) {
            (true, false) => {
                weights.add("goes out of the house", 1.0);
                weigh_history(weights, self.was_gone_to());
            }
            (false, false) => {}
            (_, true) => weights.add("what is called is in the house", -3.5),
        }
        if seen.is_inside(client) {
            weigh_rarity(weights, seen.rarity(server));
        }
        let was_read = !end.quality.midstream && !end.quality.loss;
        weights.add_if(
            was_read && end.protocol.is_none() && end.traffic.client_bytes > 0,
            "speaks nothing that is known",
            1.0,
        );
        weights.add_if(
            ports::is_odd(end.protocol, self.session.server.port),
            "at a port where nothing like it is served",
            1.0,
        );
        weights.add_if(
            seen.is_inside(client) && seen.clients_of(client) > 0,
            "who calls is a server itself",
            0.5,
        );
    }

    /// Who keeps a session open may have looked up its name before anybody watched.
    fn weigh_names(&self, weights: &mut Weights, beats: Beats<'_>) {
        let (client, server) = (self.session.client.address, self.session.server.address);
        let Known { seen, names, .. } = self.known;
        let name = names.name_of(server, client, self.end.last_seen);
        let is_outside = !seen.is_inside(server);
        let was_watched = !names.is_empty() && !self.end.quality.midstream;
        weights.add_if(
            name.is_none() && was_watched && is_outside,
            "nobody looked up a name for it",
            1.0,
        );
        weights.add_if(
            name.is_some() && beats.within != CONNECTIONS,
            "a name was looked up for it",
            -0.5,
        );
    }

    fn was_gone_to(&self) -> Option<bool> {
        let Session {
            client,
            server,
            transport,
            ..
        } = *self.session;
        let seen = self.known.seen;
        seen.was_gone_to(client.address, server, transport)
    }

    /// What its TLS hello says: whom it looks for, and what made it.
    pub(super) fn weigh_greeting(&self, weights: &mut Weights) {
        let (client, server) = (self.session.client.address, self.session.server.address);
        let Known {
            seen,
            names,
            prints,
        } = self.known;
        let Some(greeting) = self.end.greeting else {
            return;
        };
        if seen.is_inside(client) {
            let rarity = prints.rarity(greeting.fingerprint);
            weights.add_if(
                rarity > 0.0,
                "few of the hosts seen greet like this (JA4)",
                rarity,
            );
            weights.add_if(
                rarity < 0.0,
                "many of the hosts seen greet like this (JA4)",
                rarity,
            );
        }
        if seen.is_inside(server) {
            return;
        }
        let fit = greeting
            .name
            .map(|name| names.fit(name, server, client, self.end.last_seen));
        let (why, nats) = match fit {
            None => ("its hello names no server", 0.5),
            Some(Fit::Elsewhere) => ("its hello names a server that DNS has elsewhere", 1.5),
            Some(Fit::OtherName) => ("its hello has another name than was looked up", 0.5),
            Some(Fit::Fits) => return,
        };
        weights.add(why, nats);
    }
}

/// What a keepalive carries at most, in bytes; what TLS adds; the largest keepalive of SSH (a global request, encrypted).
const OWN_PING: u32 = 17;
const TLS_RECORD: u32 = 22;
const SSH_KEEPALIVE: u32 = 128;
/// A Binding request with a user name of ICE and what proves it (RFC 7675, section 5.1), with room for what else is usual.
const STUN_BINDING: u32 = 160;
/// SIP that is larger goes by TCP (RFC 3261, section 18.1.1).
const SIP_DATAGRAM: u32 = 1_300;
