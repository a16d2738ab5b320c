//! Beats in DNS names: who asks for names below one domain, again and again, and never for one twice.

use super::weighing::{self, certainty, weigh_rhythm};
use super::{Beats, NAME, SHORTEST_CONNECTIONS};
use crate::correlate::destinations::Destinations;
use crate::correlate::newcomers::Newcomers;
use crate::correlate::pairs::{self, Key, Pair, Pairs, Visit, Whom};
use crate::correlate::rhythm::{Reading, Regularity};
use crate::evidence::beacon::{Beacon, Domain};
use crate::evidence::weighed::Weights;
use crate::evidence::{Evidence, Says, Session};
use crate::facts::LookUp;
use crate::proto::stack::Kind;
use crate::time::{Span, Timestamp};

/// Who asks for names below which domain, and the names.
#[derive(Debug)]
pub(super) struct LookUps {
    domains: Pairs,
    names: Newcomers,
}

impl LookUps {
    /// Nobody asked; at most `cap` pairs of a client and a domain are remembered.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            domains: Pairs::new(cap),
            names: Newcomers::new(cap * NAMES),
        }
    }

    /// Takes a name that was asked for; tells of the rhythm in which its client asks, if that is worth telling.
    pub(super) fn asked(
        &mut self,
        look_up: &LookUp,
        now: Timestamp,
        seen: &Destinations,
    ) -> Option<Evidence> {
        let before = self.asked_before(look_up, now);
        if before.is_some_and(|before| now - before < AT_ONCE) {
            return None;
        }
        let flow = &look_up.flow;
        let domain = Whom::named(look_up.question.domain());
        let key = Key::new(
            flow.client.address,
            domain,
            flow.server.port,
            flow.transport,
        );
        let visit = Visit {
            server: flow.server,
            partner: flow.server.address,
            opened: now,
            stayed: Span::from_seconds(0),
            client_bytes: look_up.question.below().len() as u64,
            server_bytes: 0,
        };
        let (pair, _) = self.domains.come(key, &visit)?;
        pair.again = pair.again.saturating_add(u32::from(before.is_some()));
        let evidence = weigh(pair, look_up, now, seen)?;
        pair.told = true;
        Some(evidence)
    }

    /// When the client last asked for this name, as far as that is remembered.
    fn asked_before(&mut self, look_up: &LookUp, now: Timestamp) -> Option<Timestamp> {
        let flow = &look_up.flow;
        let name = Whom::named(&look_up.question.name);
        let digest = Key::new(flow.client.address, name, 0, flow.transport).digest();
        let before = self.names.meet(digest, now);
        if before.is_some() {
            self.names.meet(digest, now);
        }
        before
    }

    /// How many pairs of a client and a domain gave way.
    pub(super) fn forgotten(&self) -> u64 {
        self.domains.forgotten()
    }

    /// An upper bound of the bytes of memory it holds.
    pub(super) const fn memory_bound(cap: usize) -> usize {
        cap * (Pairs::PAIR_BYTES + NAMES * Newcomers::ENTRY_BYTES)
    }
}

fn weigh(pair: &Pair, look_up: &LookUp, now: Timestamp, seen: &Destinations) -> Option<Evidence> {
    if !pair.told && pair.rhythm.mean() < SHORTEST_CONNECTIONS {
        return None;
    }
    let reading = pair.rhythm.read();
    if !pair.told && reading.regularity == Regularity::None {
        return None;
    }
    let weights = weights(
        pair,
        reading,
        seen.clients_of(look_up.flow.client.address) > 0,
    );
    let name = look_up.question.domain();
    let domain = Domain {
        name: name.into(),
        digest: pairs::digest_of(name),
    };
    let session = Session {
        last_seen: now,
        ..Session::from(&look_up.flow)
    };
    Some(Evidence {
        detector: NAME,
        certainty: certainty(&weights, pair.told)?,
        session,
        further: Vec::new(),
        relay: session.server.address,
        says: Says::Beacon(Box::new(Beacon {
            domain: Some(domain),
            protocol: Some(Kind::Dns.name()),
            servers: 1,
            ..Beats::from(pair).beacon("names", pair.home, reading, weights)
        })),
    })
}

fn weights(pair: &Pair, reading: Reading, is_server: bool) -> Weights {
    let mut weights = weighing::begin();
    weigh_rhythm(&mut weights, Beats::from(pair), reading);
    let asked = pair.rhythm.gaps();
    let are_new = pair.again * 20 <= asked;
    weights.add_if(are_new, "each name is asked for once", 2.5);
    weights.add_if(!are_new, "names are asked for again", -3.0);
    weights.add_if(
        pair.requests.are_about_alike(),
        "names are about as long as each other",
        0.5,
    );
    weights.add_if(
        pair.requests.total() >= ROOM * u64::from(asked),
        "names have room for a message",
        1.0,
    );
    weights.add_if(is_server, "who asks may ask for others", -1.0);
    weights
}

/// IPv4 and IPv6 addresses of a name are asked for at once, and again where no answer comes.
const AT_ONCE: Span = Span::from_seconds(6);

/// So many names are remembered for each pair.
const NAMES: usize = 32;

/// Bytes below a domain that say more than a host's name.
const ROOM: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::destinations;
    use crate::decode::Transport;
    use crate::evidence::Certainty;
    use crate::facts::legs::Spoke;
    use crate::facts::samples::endpoint;
    use crate::facts::{FlowId, Quality};
    use crate::proto::dns::Question;

    fn look_up(name: String) -> LookUp {
        LookUp {
            flow: Spoke {
                id: FlowId(1),
                client: endpoint("10.0.0.1:5353"),
                server: endpoint("10.0.0.53:53"),
                transport: Transport::UDP,
                opened: Timestamp::from_parts(0, 0),
                vlan: None,
                quality: Quality::default(),
                flight: None,
                nonce: None,
            },
            question: Question::of(&name).unwrap(),
        }
    }

    /// What is told of twenty names that are asked for so many milliseconds after a minute each.
    fn told(name: fn(u64) -> String, late: fn(i64) -> i64) -> Option<Certainty> {
        let seen = destinations::samples::of_ten(8);
        let mut look_ups = LookUps::new(8);
        let ask = |number: u64| {
            let late = late(number.cast_signed());
            let now = Timestamp::from_parts(60 * number.cast_signed(), 0) + Span::from_millis(late);
            look_ups.asked(&look_up(name(number)), now, &seen)
        };
        (0..20).filter_map(ask).map(|told| told.certainty).max()
    }

    #[test]
    fn names_that_are_new_each_time_are_told_and_hosts_are_not() {
        let clock: fn(i64) -> i64 = |_| 0;
        let jittered: fn(i64) -> i64 = |n| [0, 9_000, 4_000, 14_000][(n % 4) as usize];
        let accident: fn(i64) -> i64 = |n| 8_000 * n * n % 397_000;
        let new: fn(u64) -> String = |n| format!("{:040x}.t1.example.test", n * 0x9E37_79B9_7F4A);
        let short: fn(u64) -> String = |n| format!("{:08x}.example.test", n * 0x9E37_79B9);
        let host: fn(u64) -> String = |_| "telemetry-agent.example.test".into();
        let hosts: fn(u64) -> String = |n| format!("host-number-{}.example.test", n % 5);
        let cases = [
            ("a clock", new, clock, Some(Certainty::Probable)),
            ("jitter", new, jittered, Some(Certainty::Probable)),
            ("no rhythm", new, accident, None),
            ("short names", short, jittered, Some(Certainty::Probable)),
            (
                "short names by a clock",
                short,
                clock,
                Some(Certainty::Possible),
            ),
            ("one host", host, jittered, None),
            ("five hosts", hosts, jittered, None),
        ];
        for (case, name, late, expected) in cases {
            assert_eq!(told(name, late), expected, "{case}");
        }
    }
}
