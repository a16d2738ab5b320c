//! Flows that repeat each other's nonces: content that came in on one and went out on another.

use super::legs::{Leg, Legs};
use super::nonces::{Earlier, Nonces, Seen};
use super::recent::Recent;
use crate::decode::{Address, Endpoint};
use crate::evidence::{Mechanism, Session};
use crate::facts::FlowId;
use crate::facts::legs::Sighting;
use crate::proto::Side;
use crate::proto::nonce::Kind;
use crate::time::{Span, Timestamp};

/// The nonces seen lately, and pairs of flows that repeated something which proves nothing alone.
#[derive(Debug)]
pub struct Echoes {
    nonces: Nonces,
    heard: Recent<(FlowId, FlowId), Heard>,
}

/// A session that came in on one flow and went out on another.
#[derive(Clone, Debug)]
pub struct Echo {
    /// The leg that comes in.
    pub inbound: Session,
    /// A connection between two relays in which the content could not be seen.
    pub bridge: Option<Session>,
    /// The leg that goes out.
    pub outbound: Session,
    /// The hosts that relay, by the address that faces the client: one, or both ends of the bridge.
    pub relays: Vec<Address>,
    /// The last relay's address that faces the target.
    pub leaves: Address,
    /// Who sends what comes in.
    pub client: Endpoint,
    /// Who receives what goes out.
    pub target: Endpoint,
    /// How it was relayed.
    pub mechanism: Mechanism,
    /// What was repeated.
    pub kind: Kind,
    /// From the first sighting to the second.
    pub delay: Span,
    /// Bytes that stand before the content on the first leg only.
    pub preamble: u64,
}

/// What two flows repeated of each other so far, where one repetition alone proves nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// From the leg that comes in to the one that goes out.
    onward: u8,
    /// Back.
    back: u8,
    /// Whether one of them began with it.
    at_start: bool,
}

/// The same nonce on two flows, in the order of the way to the target.
struct Pair<'a> {
    inbound: (&'a Leg, &'a Sighting),
    outbound: (&'a Leg, &'a Sighting),
    /// Whether it went that way; else it came back.
    onward: bool,
    delay: Span,
}

impl Echoes {
    /// Nothing seen; at most `nonces` sightings and `pairs` pairs are remembered.
    pub fn new(nonces: usize, pairs: usize) -> Self {
        Self {
            nonces: Nonces::new(nonces),
            heard: Recent::new(pairs),
        }
    }

    /// Takes a nonce seen on a flow. Gives what it proves.
    pub fn sighted(&mut self, sighting: &Sighting, legs: &Legs, now: Timestamp) -> Option<Echo> {
        let leg = legs.get(sighting.flow)?;
        let Earlier { seen, meets } =
            self.nonces
                .insert(Seen::new(*sighting, &leg.session, now))?;
        let earlier = (legs.get(seen.sighting.flow)?, &seen.sighting);
        let answers = |inbound, outbound| self.heard.contains(&(inbound, outbound));
        let pair = Pair::new(earlier, (leg, sighting), answers, now - seen.time)?;
        if !self.may_prove(&pair) || !(meets || pair.may_be_far(legs)) {
            return None;
        }
        self.proves(&pair).then(|| pair.echo(legs))
    }

    /// Whether more than a handshake's nonce went onward: what only came back proves nothing.
    fn may_prove(&self, pair: &Pair<'_>) -> bool {
        let is_handshake = pair.inbound.1.kind.is_handshake();
        is_handshake || pair.onward || self.heard.contains(&pair.flows())
    }

    /// A handshake's nonce proves alone. Anything else must come back too, and be what a leg begins with: a broker that
    /// hands on messages repeats them as well, but in sessions of their own.
    fn proves(&mut self, pair: &Pair<'_>) -> bool {
        if pair.inbound.1.kind.is_handshake() {
            return true;
        }
        let flows = pair.flows();
        let mut heard = self.heard.get(&flows).copied().unwrap_or_default();
        if pair.onward {
            heard.onward = heard.onward.saturating_add(1);
            heard.at_start |= pair.is_at_start();
        } else {
            heard.back = heard.back.saturating_add(1);
        }
        self.heard.insert(flows, heard);
        let enough = heard.at_start || heard.onward + heard.back >= ENOUGH_MIDSTREAM;
        heard.onward > 0 && heard.back > 0 && enough
    }

    /// How many nonces of the last seconds gave way.
    pub fn forgotten(&self) -> u64 {
        self.nonces.displaced()
    }

    /// Bytes of memory, an upper bound.
    pub fn memory_bound(nonces: usize, pairs: usize) -> usize {
        nonces * Nonces::ENTRY_BYTES + pairs * 8 * size_of::<((FlowId, FlowId), Heard)>()
    }
}

impl<'a> Pair<'a> {
    /// Orders two sightings. What was seen first came first, unless a host stands between the flows the other way round:
    /// what is told late, because it was read in a tunnel, may be older. A request goes from a client to a server on
    /// each leg and its answer back; where one leg was opened by its relay or its target, as the tunnel of a reverse
    /// proxy is, what came first came in, unless it `answers` what went the other way before.
    fn new(
        earlier: (&'a Leg, &'a Sighting),
        later: (&'a Leg, &'a Sighting),
        answers: impl Fn(FlowId, FlowId) -> bool,
        delay: Span,
    ) -> Option<Self> {
        let changes = earlier.0.session.transport != later.0.session.transport;
        if changes && !later.1.kind.is_handshake() {
            return None;
        }
        let turned = passes(later, earlier) && !passes(earlier, later);
        let (first, second) = if turned {
            (later, earlier)
        } else {
            (earlier, later)
        };
        let both_answer = first.1.from == Side::Server && second.1.from == Side::Server;
        let onward = !both_answer && !answers(second.1.flow, first.1.flow);
        let (inbound, outbound) = if onward {
            (first, second)
        } else {
            (second, first)
        };
        Some(Self {
            inbound,
            outbound,
            onward,
            delay,
        })
    }

    fn flows(&self) -> (FlowId, FlowId) {
        (self.inbound.1.flow, self.outbound.1.flow)
    }

    /// Where it left the relay, or reached it, on either leg.
    fn relay_sides(&self) -> (Endpoint, Endpoint) {
        let near = |(leg, sighting): (&Leg, &Sighting), receives: bool| {
            leg.end(if receives {
                sighting.from.other()
            } else {
                sighting.from
            })
        };
        (
            near(self.inbound, self.onward),
            near(self.outbound, !self.onward),
        )
    }

    fn far_sides(&self) -> (Endpoint, Endpoint) {
        let far = |(leg, sighting): (&Leg, &Sighting), sends: bool| {
            leg.end(if sends {
                sighting.from
            } else {
                sighting.from.other()
            })
        };
        (
            far(self.inbound, self.onward),
            far(self.outbound, !self.onward),
        )
    }

    /// Without a host in common, only what nobody else can have made up counts, or what may have gone through a tunnel.
    fn may_be_far(&self, legs: &Legs) -> bool {
        let alone = self.inbound.1.kind.is_handshake() || self.is_rewritten();
        alone || self.bridge(legs).is_some()
    }

    /// A connection between the hosts that stand at the near ends of the legs, where these are two.
    fn bridge(&self, legs: &Legs) -> Option<Session> {
        let (enters, leaves) = self.relay_sides();
        let apart = enters.address != leaves.address && !self.is_rewritten();
        let between = apart.then(|| legs.between(enters.address, leaves.address));
        between.flatten().map(|leg| leg.session)
    }

    /// Whether both flows are one connection: sequence numbers survive when addresses are rewritten.
    fn is_rewritten(&self) -> bool {
        let sequence = self.inbound.1.sequence;
        sequence.is_some() && sequence == self.outbound.1.sequence
    }

    fn is_at_start(&self) -> bool {
        let begins = |(leg, sighting): (&Leg, &Sighting)| {
            sighting.offset == 0 && !leg.session.quality.midstream
        };
        begins(self.inbound) || begins(self.outbound)
    }

    /// Bytes before the content on the leg that comes in only; framing is not counted.
    fn preamble(&self) -> u64 {
        if self.is_framed() {
            return 0;
        }
        self.inbound.1.offset.saturating_sub(self.outbound.1.offset)
    }

    fn mechanism(&self, bridge: Option<&Session>) -> Mechanism {
        if self.is_rewritten() {
            Mechanism::Dnat
        } else if bridge.is_some() || self.is_reverse() || self.is_framed() {
            Mechanism::Tunnel
        } else if self.preamble() > 0 {
            Mechanism::Proxy
        } else {
            Mechanism::Forward
        }
    }

    /// Whether the content stands behind another protocol's framing on one leg only.
    fn is_framed(&self) -> bool {
        self.inbound.1.is_framed != self.outbound.1.is_framed
    }

    /// Whether a leg was opened the other way round: by the target, or by the relay where it comes in.
    fn is_reverse(&self) -> bool {
        let (client, target) = self.far_sides();
        target == self.outbound.0.session.client || client == self.inbound.0.session.server
    }

    fn echo(&self, legs: &Legs) -> Echo {
        let (enters, leaves) = self.relay_sides();
        let (client, target) = self.far_sides();
        let bridge = self.bridge(legs);
        let relays = match bridge {
            Some(_) => vec![enters.address, leaves.address],
            None => vec![enters.address],
        };
        Echo {
            inbound: self.inbound.0.session,
            outbound: self.outbound.0.session,
            bridge,
            relays,
            client,
            target,
            mechanism: self.mechanism(bridge.as_ref()),
            kind: self.inbound.1.kind,
            delay: self.delay,
            preamble: self.preamble(),
            leaves: leaves.address,
        }
    }
}

/// Whether who receives on one flow is who sends on the other.
fn passes(first: (&Leg, &Sighting), second: (&Leg, &Sighting)) -> bool {
    let receives = first.0.end(first.1.from.other());
    let sends = second.0.end(second.1.from);
    receives.address == sends.address
}

/// Repetitions that prove a relay whose sessions were picked up in their middle.
const ENOUGH_MIDSTREAM: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::legs::samples::legs;

    const CLIENT: &str = "10.0.0.1:40000";
    const RELAY: &str = "10.0.0.2:8080";
    const RELAY_OUT: &str = "10.0.0.2:50000";
    const TARGET: &str = "192.0.2.80:443";
    const SECOND: Span = Span::from_seconds(1);

    /// Who opened a flow, and who was called.
    type Ends = (&'static str, &'static str);
    /// Flow, side, kind, nonce and offset of a sighting.
    type Told = (u64, Side, Kind, u64, u64);

    fn sighting((flow, from, kind, hash, offset): Told) -> Sighting {
        Sighting {
            flow: FlowId(flow),
            from,
            kind,
            hash,
            offset,
            is_framed: false,
            sequence: Some(u32::try_from(flow).unwrap()),
        }
    }

    /// What sightings a second apart prove on flows between these ends, numbered from 1.
    fn echo(flows: &[(&str, &str)], told: &[Told]) -> Option<Echo> {
        let legs = legs(flows);
        let mut echoes = Echoes::new(64, 64);
        let mut now = Timestamp::from_parts(100, 0);
        let mut found = None;
        for told in told {
            now = now + SECOND;
            found = found.or(echoes.sighted(&sighting(*told), &legs, now));
        }
        found
    }

    fn path(echo: &Echo) -> String {
        let relays: Vec<String> = echo
            .relays
            .iter()
            .map(|relay| relay.ip().to_string())
            .collect();
        let (client, target) = (echo.client.address.ip(), echo.target.address.ip());
        format!(
            "{client} {} {target} {}",
            relays.join(" "),
            echo.mechanism.name()
        )
    }

    const C: Side = Side::Client;
    const S: Side = Side::Server;
    const H: Kind = Kind::Handshake;
    const T: Kind = Kind::Text;
    const B: Kind = Kind::Binary;

    #[test]
    fn what_comes_in_and_goes_out_is_relayed() {
        let forward = [(CLIENT, RELAY), (RELAY_OUT, TARGET)];
        let both = "10.0.0.1 10.0.0.2 192.0.2.80";
        let cases: [(&[Told], Option<&str>); 9] = [
            (&[(1, C, H, 7, 0), (2, C, H, 7, 0)], Some("forward")),
            (&[(2, S, H, 7, 0), (1, S, H, 7, 0)], Some("forward")),
            (&[(1, C, H, 7, 12), (2, C, H, 7, 0)], Some("proxy")),
            (&[(2, C, H, 7, 0), (1, C, H, 7, 0)], Some("forward")),
            (&[(1, C, H, 7, 0), (2, C, H, 8, 0)], None),
            (&[(1, C, T, 7, 0), (2, C, T, 7, 0)], None),
            (
                &[
                    (1, C, T, 7, 0),
                    (2, C, T, 7, 0),
                    (2, S, T, 8, 0),
                    (1, S, T, 8, 0),
                ],
                Some("forward"),
            ),
            (
                &[
                    (1, C, B, 7, 9),
                    (2, C, B, 7, 9),
                    (2, S, B, 8, 9),
                    (1, S, B, 8, 9),
                ],
                None,
            ),
            (
                &[
                    (1, C, T, 7, 0),
                    (2, C, T, 7, 0),
                    (1, C, T, 8, 80),
                    (2, C, T, 8, 80),
                ],
                None,
            ),
        ];
        for (told, mechanism) in cases {
            let expected = mechanism.map(|mechanism| format!("{both} {mechanism}"));
            assert_eq!(
                echo(&forward, told).as_ref().map(path),
                expected,
                "{told:?}"
            );
        }
    }

    #[test]
    fn one_connection_whose_addresses_are_rewritten_is_told_from_two() {
        let same = |flow| Sighting {
            sequence: Some(1),
            ..sighting((flow, C, H, 7, 0))
        };
        let cases = [
            (("198.51.100.1:40000", RELAY), None),
            (
                ("10.0.0.1:40000", TARGET),
                Some("10.0.0.1 10.0.0.2 192.0.2.80 dnat"),
            ),
            (
                ("10.0.0.2:61000", TARGET),
                Some("10.0.0.1 10.0.0.2 192.0.2.80 dnat"),
            ),
            (
                ("10.0.9.9:61000", TARGET),
                Some("10.0.0.1 10.0.0.2 192.0.2.80 dnat"),
            ),
        ];
        for (second, expected) in cases {
            let legs = legs(&[(CLIENT, RELAY), second]);
            let mut echoes = Echoes::new(8, 8);
            let now = Timestamp::from_parts(100, 0);
            assert!(echoes.sighted(&same(1), &legs, now).is_none());
            let told = echoes.sighted(&same(2), &legs, now);
            assert_eq!(told.as_ref().map(path).as_deref(), expected, "{second:?}");
        }
    }

    /// The hub of a reverse tunnel, the agent of one, a tunnel that hides the way, and a host with two addresses.
    #[test]
    fn the_relay_is_found_whoever_opened_the_legs() {
        let text = [
            (1, C, T, 7, 0),
            (2, S, T, 7, 4),
            (2, C, T, 8, 20),
            (1, S, T, 8, 0),
        ];
        let hello = [(1, C, H, 7, 0), (2, C, H, 7, 0)];
        let agent = [(1, S, H, 7, 4), (2, C, H, 7, 0)];
        let hub = ("10.0.5.5:51000", "10.0.0.2:7000");
        let cases: [(&[Ends], &[Told], Option<&str>); 6] = [
            (
                &[(CLIENT, RELAY), hub],
                &text,
                Some("10.0.0.1 10.0.0.2 10.0.5.5 tunnel"),
            ),
            (
                &[hub, ("10.0.5.5:52000", TARGET)],
                &agent,
                Some("10.0.0.2 10.0.5.5 192.0.2.80 tunnel"),
            ),
            (
                &[
                    (CLIENT, RELAY),
                    ("10.0.7.7:50000", TARGET),
                    ("10.0.0.2:50001", "10.0.7.7:22"),
                ],
                &hello,
                Some("10.0.0.1 10.0.0.2 10.0.7.7 192.0.2.80 tunnel"),
            ),
            (
                &[(CLIENT, RELAY), ("10.0.7.7:50000", TARGET)],
                &hello,
                Some("10.0.0.1 10.0.0.2 192.0.2.80 forward"),
            ),
            (&[(CLIENT, RELAY), ("10.0.7.7:50000", TARGET)], &text, None),
            (&[(CLIENT, RELAY), ("10.0.0.1:40001", RELAY)], &hello, None),
        ];
        for (flows, told, expected) in cases {
            assert_eq!(
                echo(flows, told).as_ref().map(path).as_deref(),
                expected,
                "{flows:?}"
            );
        }
    }

    #[test]
    fn sessions_picked_up_in_their_middle_need_more() {
        let mut legs = legs(&[(CLIENT, RELAY), (RELAY_OUT, TARGET)]);
        legs.pick_up_in_the_middle();
        let mut echoes = Echoes::new(64, 64);
        let mut told = Vec::new();
        for (n, side) in [C, C, S].into_iter().enumerate() {
            let now = Timestamp::from_parts(100 + n as i64, 0);
            let (first, second) = if side == C { (1, 2) } else { (2, 1) };
            echoes.sighted(&sighting((first, side, B, n as u64, 0)), &legs, now);
            let echo = echoes.sighted(&sighting((second, side, B, n as u64, 0)), &legs, now);
            told.push(echo.is_some());
        }
        assert_eq!(told, [false, false, true]);
    }
}
