//! # relay
//!
//! A host passes on to somebody else what it is sent, seen on both legs.
//!
//! ## Sees
//!
//! Two flows of one host that carry the same session. **Content**: bytes that only one party can have made up (the
//! randoms of TLS hellos, SSH cookies, QUIC connection IDs, else the first bytes of high entropy or a long head of text)
//! come in on one flow and go out on another within ten seconds; randoms and cookies also out of the data of ICMP echo,
//! behind a tunnel's header. **Target**: a SOCKS or HTTP proxy is asked for a target
//! and then opens a flow there, to the address or to one that a DNS answer gave for the name. **PROXY protocol**: the
//! second leg names the first. **Timing and bytes**: where the legs share no bytes (TLS, SSH, Shadowsocks, WebSocket or
//! ICMP on either), flights of one follow flights of the other, *and* as many bytes leave as came, in both directions and
//! in each round, framing apart. That holds for tunnels with many sessions in one flow, for sessions one by one, and for
//! two legs that others opened (the hub of a reverse tunnel). It holds for two that the host opened itself (the agent of
//! one), where the called side of the first begins to speak behind silences and the host at once speaks to somebody else,
//! and the first is the one on which more is wrapped around. What one side of an SSH session asks the other to open is held against
//! the connections that the host opens or takes in. Of a connection inside SSH the whole life counts as well: when it is
//! asked for and when it ends, and how many bytes went each way, which may tell it from one other connection alone.
//! `chance` bounds the chance of an accident, corrected for the pairs of its kind (sides of hosts, or lives inside tunnels)
//! that were tried on that day and the one before; such a join is probable, never proven. Something must be said both ways,
//! and two legs that can both be read are joined that way only if each round is as long on one as on the other, to the byte.
//!
//! ## Means
//!
//! The host relays: socat, ncat, rinetd, nginx and haproxy as forwarders, `iptables` port forwards (`dnat`: the connection
//! is the same on both legs), SOCKS and CONNECT proxies, the hub of a reverse tunnel or its agent, or a program nobody has a name for.
//! Bytes before the content on the first leg only (`preambles`) are the relay's own handshake. MITRE ATT&CK calls it
//! Proxy; AN1230 names the tools.
//!
//! ## Quiet when
//!
//! The copy is the mirror port's, the flow goes on to the same server behind a router or source NAT, or a broker hands on
//! messages in sessions of their own. An application that asks its database in step with what it is asked says other bytes. A
//! worker that is told of tasks, unasked, and calls services for them puts more around what it passes on than was there.
//! What only flows on, as logs and measurements do, is not measured. A host that spreads sessions over several servers is
//! reported as `balancer`, at low severity; and so is what was measured of a web service in front of a server with a private
//! address, unless that is asked at a port by which hosts are administered (SSH, RDP, SMB, VNC), of mail, messages or databases
//! on both legs, of two legs that others opened where one is asked at a broker's port, all by their ports, or of sessions in TLS
//! for each request of which the host begins one of its own in TLS: an application that asks a service outside looks like a
//! gateway (nginx does so by default).
//!
//! ## Misses
//!
//! Legs that the sensor does not see, loopback legs among them, and relays that change the content where nothing
//! names the target and timing and bytes do not fit: compression, padding, cover traffic, fewer than about six sessions or
//! a dozen exchanges or opened within a second or two of each other, peers that mix many circuits (Tor), and hosts busier
//! than their log of 128 flights for each client. Connections inside SSH that overlap in time, or carry little or the same
//! as others, are not told by their lives. Of a relay that opened both legs nothing is measured before its peer began to speak
//! twice behind half a second of silence, or once and the host opened two sessions at once, or asked for a connection inside
//! SSH. What passes messages on between two chats in TLS, both ways and as they are, is found like a tunnel.
//! A pool of connections to one store, such as nutcracker's, is told as a forward where the first client's content begins one.

use super::echoes::{Echo, Echoes};
use super::forgotten::Forgotten;
use super::legs::{Leg, Legs, Veil};
use super::measured::{MeasuredJoin, Measures};
use super::multi_hop::{Hop, Hops};
use super::names::Names;
use super::recent::Recent;
use super::targets::{Request, Requests};
use crate::decode::{Address, Endpoint};
use crate::evidence::{Certainty, Evidence, Join, Mechanism, Proof, Says, Session};
use crate::facts::legs::{Asked, Flight, Lived, Sighting, Spoke, Totals};
use crate::facts::{FlowEnd, FlowFacts, FlowId};
use crate::proto::Side;
use crate::proto::proxy_protocol::ProxyProtocol;
use crate::proto::stack::Protocol;
use crate::proto::target::Target;
use crate::time::{Span, Timestamp};

/// Joins the legs of relayed sessions.
#[derive(Debug)]
pub struct Relays {
    legs: Legs,
    echoes: Echoes,
    requests: Requests,
    measures: Measures,
    hops: Hops,
    /// The pairs of flows that were joined, so that each is told once.
    joined: Recent<(FlowId, FlowId), ()>,
    /// Flows of which content or a target proved where they lead, on a relay.
    proven: Recent<(FlowId, Address), ()>,
    /// Of a leg that its relay opened, the leg on which the session came to it, where that is proven.
    origins: Recent<FlowId, Session>,
    /// Legs that gave way.
    displaced: u64,
}

/// The caps of [`Relays`].
#[derive(Clone, Copy, Debug)]
pub struct RelayLimits {
    /// Flows that may be legs.
    pub legs: usize,
    /// Sightings of nonces.
    pub nonces: usize,
    /// Joined pairs, requests that wait, and hops.
    pub joins: usize,
    /// Intermediate hosts that make a way worth telling.
    pub relays: usize,
}

/// Two legs, or three with a connection between two relays, as one relayed session.
struct Joined {
    legs: Vec<Session>,
    relays: Vec<Address>,
    /// The last relay's address that faces the target.
    leaves: Address,
    client: Endpoint,
    target: Endpoint,
    mechanism: Mechanism,
    proof: Proof,
    delay: Span,
    preamble: u64,
    again: bool,
    certainty: Certainty,
}

impl Relays {
    /// Nothing seen.
    pub fn new(limits: RelayLimits) -> Self {
        Self {
            legs: Legs::new(limits.legs),
            echoes: Echoes::new(limits.nonces, limits.joins),
            requests: Requests::new(limits.joins),
            measures: Measures::new(limits.joins / HUB_SHARE, limits.legs / LEG_SHARE),
            hops: Hops::new(limits.joins, limits.relays),
            joined: Recent::new(limits.joins),
            proven: Recent::new(limits.joins),
            origins: Recent::new(limits.joins),
            displaced: 0,
        }
    }

    /// Takes a flow that speaks. It may be the leg that somebody asked for.
    pub fn spoke(&mut self, spoke: &Spoke, names: &Names, now: Timestamp) -> Vec<Evidence> {
        self.displaced += self.legs.insert(spoke);
        let Some(leg) = self.legs.get(spoke.id) else {
            return Vec::new();
        };
        self.measures.spoke(leg, &self.legs);
        let Some(request) = self.requests.spoke(leg, &self.legs, names, now) else {
            return Vec::new();
        };
        let session = leg.session;
        self.reached(&request, session, now)
    }

    /// Takes a flight that a side began.
    pub fn flight(&mut self, flight: &Flight, now: Timestamp) -> Vec<Evidence> {
        let joins = self.measures.flight(flight, &self.legs, now);
        self.measured(joins, now)
    }

    /// Takes a connection that a side of a multiplexed tunnel asked for.
    pub fn asked(&mut self, asked: &Asked) {
        self.measures.asked(asked, &self.legs);
    }

    /// Takes a connection inside a multiplexed tunnel that is over.
    pub fn lived(&mut self, lived: &Lived, now: Timestamp) -> Vec<Evidence> {
        let joins = self.measures.lived(lived);
        self.measured(joins, now)
    }

    /// Takes what a flow carried that TCP ended.
    pub fn totals(&mut self, totals: &Totals) {
        self.measures.totals(totals);
    }

    /// What content or a target proved stays as it is.
    fn measured(&mut self, joins: Vec<MeasuredJoin>, now: Timestamp) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        for join in joins {
            let later = join.inbound.id.max(join.outbound.id);
            if !self.proven.contains(&(later, join.relay)) {
                evidence.extend(self.join(Joined::from(join), now));
            }
        }
        evidence
    }

    /// Takes a nonce seen on a flow.
    pub fn sighted(&mut self, sighting: &Sighting, now: Timestamp) -> Vec<Evidence> {
        if let Some(veil) = Veil::of(sighting) {
            self.legs.hide(sighting.flow, veil);
            self.measures.hide(sighting.flow, veil);
        }
        let echo = self.echoes.sighted(sighting, &self.legs, now);
        echo.map_or_else(Vec::new, |echo| self.join(Joined::from(echo), now))
    }

    /// Takes a flow that was read, and what detectors say of it.
    pub fn read(
        &mut self,
        facts: &FlowFacts,
        evidence: &[Evidence],
        names: &Names,
        now: Timestamp,
    ) -> Vec<Evidence> {
        let asked = evidence.iter().find_map(Request::of);
        let mut joins = asked.map_or_else(Vec::new, |request| {
            let reached = self.requests.ask(request.clone(), &self.legs, names, now);
            reached.map_or_else(Vec::new, |leg| self.reached(&request, leg, now))
        });
        joins.extend(self.declared(facts, now));
        joins.extend(self.accepted(facts, now));
        joins
    }

    /// Takes a flow of datagrams that a SOCKS client has relayed.
    pub fn datagrams(
        &mut self,
        facts: &FlowFacts,
        target: &Target,
        names: &Names,
        now: Timestamp,
    ) -> Vec<Evidence> {
        let request = Request::new(facts, target);
        let reached = self.requests.ask(request.clone(), &self.legs, names, now);
        reached.map_or_else(Vec::new, |leg| self.reached(&request, leg, now))
    }

    /// Whether a flow speaks and is not over.
    pub fn is_alive(&self, flow: FlowId) -> bool {
        self.legs.get(flow).is_some()
    }

    fn reached(&mut self, request: &Request, leg: Session, now: Timestamp) -> Vec<Evidence> {
        let joined = Joined {
            legs: vec![request.session, leg],
            relays: vec![leg.client.address],
            leaves: leg.client.address,
            client: request.client,
            target: leg.server,
            mechanism: Mechanism::Proxy,
            proof: Proof::Target,
            delay: leg.opened - request.session.opened,
            preamble: 0,
            again: false,
            certainty: Certainty::Proven,
        };
        self.join(joined, now)
    }

    /// A PROXY protocol header names the flow that came in.
    fn declared(&mut self, facts: &FlowFacts, now: Timestamp) -> Vec<Evidence> {
        let header = facts.layers.iter().find_map(|layer| match &layer.protocol {
            Protocol::Proxy(header) => Some(header),
            _ => None,
        });
        let Some(inbound) = header.and_then(|header| self.named_by(header)) else {
            return Vec::new();
        };
        let outbound = Session::from(facts);
        let joined = Joined {
            legs: vec![inbound, outbound],
            relays: vec![inbound.server.address],
            leaves: outbound.client.address,
            client: inbound.client,
            target: outbound.server,
            mechanism: Mechanism::Balancer,
            proof: Proof::Proxied,
            delay: outbound.opened - inbound.opened,
            preamble: 0,
            again: false,
            certainty: Certainty::Proven,
        };
        self.join(joined, now)
    }

    fn named_by(&self, header: &ProxyProtocol) -> Option<Session> {
        let (source, destination) = (endpoint(header.source?), endpoint(header.destination?));
        let mut inbound = self.legs.inbound(destination.address);
        let leg = inbound
            .find(|leg| leg.session.client == source && leg.session.server == destination)?;
        Some(leg.session)
    }

    /// A SOCKS server told its client at which port it listens for somebody (BIND), and somebody came.
    fn accepted(&mut self, facts: &FlowFacts, now: Timestamp) -> Vec<Evidence> {
        let bound = facts.layers.iter().find_map(|layer| match &layer.protocol {
            Protocol::Socks5(socks) if layer.server == Side::Server => socks.bound(),
            _ => None,
        });
        let relay = facts.server.address;
        let called = |leg: &&Leg| Some(leg.session.server.port) == bound.map(|bound| bound.port);
        let Some(caller) = self.legs.inbound(relay).find(called).map(|leg| leg.session) else {
            return Vec::new();
        };
        let joined = Joined {
            legs: vec![caller, Session::from(facts)],
            relays: vec![relay],
            leaves: relay,
            client: caller.client,
            target: facts.client,
            mechanism: Mechanism::Proxy,
            proof: Proof::Target,
            delay: caller.opened - facts.opened,
            preamble: 0,
            again: false,
            certainty: Certainty::Proven,
        };
        self.join(joined, now)
    }

    /// Tells of a pair of legs once; and once more where the relay declares itself after it was found out.
    fn join(&mut self, mut joined: Joined, now: Timestamp) -> Vec<Evidence> {
        let (Some(first), Some(last)) = (joined.legs.first(), joined.legs.last()) else {
            return Vec::new();
        };
        let (flows, turned) = ((first.id, last.id), (last.id, first.id));
        if self.joined.contains(&flows) || self.joined.contains(&turned) {
            joined.again = true;
            let declares = joined.proof == Proof::Proxied;
            return if declares {
                joined.evidence()
            } else {
                Vec::new()
            };
        }
        self.joined.insert(flows, ());
        if !matches!(joined.proof, Proof::Measured(_)) {
            self.prove(&joined);
        }
        self.hops.add(joined.hop(), now);
        joined.evidence()
    }

    /// Notes where legs lead, and whence they come.
    fn prove(&mut self, joined: &Joined) {
        let last = joined.legs.last().map(|leg| leg.id);
        for (relay, legs) in joined.relays.iter().zip(joined.legs.windows(2)) {
            for leg in legs {
                self.proven.insert((leg.id, *relay), ());
            }
            if let [inbound, outbound] = legs
                && (outbound.client.address == *relay
                    || Some(outbound.id) == last && outbound.client.address == joined.leaves)
                && inbound.client.address != *relay
            {
                self.origins.insert(outbound.id, *inbound);
            }
        }
    }

    /// The first leg of a session that a relay passes on in this flow, if it is proven that one does and opened it.
    pub fn origin(&self, flow: FlowId) -> Option<Session> {
        let legs = std::iter::successors(self.origins.get(&flow), |leg| self.origins.get(&leg.id));
        legs.take(MOST_RELAYS).last().copied()
    }

    /// Whether there is a way to which nothing was joined for a while.
    pub fn has_way(&self, now: Timestamp) -> bool {
        self.hops.is_due(now)
    }

    /// The ways through several relays to which nothing was joined for a while, or every way where no `now` is given.
    pub fn ways(&mut self, now: Option<Timestamp>) -> Vec<Evidence> {
        self.hops.settled(now)
    }

    /// Forgets a flow that is over; gives it, if it spoke, and the joins that show now.
    pub fn ended(&mut self, end: &FlowEnd, now: Timestamp) -> (Option<Leg>, Vec<Evidence>) {
        let joins = self.measures.ended(end);
        let leg = self.legs.remove(end.id);
        (leg, self.measured(joins, now))
    }

    /// How a flow ended that was over before it was joined.
    pub fn end_of(&self, flow: FlowId) -> Option<&FlowEnd> {
        self.measures.end_of(flow)
    }

    /// What gave way so far.
    pub fn forgotten(&self) -> Forgotten {
        Forgotten {
            legs: self.displaced + self.measures.untracked(),
            nonces: self.echoes.forgotten(),
            joins: self.requests.forgotten() + self.measures.forgotten() + self.hops.forgotten(),
            ..Forgotten::default()
        }
    }

    /// An upper bound of the bytes of memory it holds.
    pub fn memory_bound(limits: RelayLimits) -> usize {
        limits.legs * Legs::LEG_BYTES
            + Echoes::memory_bound(limits.nonces, limits.joins)
            + Measures::memory_bound(limits.joins / HUB_SHARE, limits.legs / LEG_SHARE)
            + limits.joins
                * (Requests::ENTRY_BYTES
                    + Hops::ENTRY_BYTES
                    + 16 * size_of::<(FlowId, FlowId)>()
                    + 2 * size_of::<(FlowId, Session)>())
    }
}

fn endpoint((ip, port): (std::net::IpAddr, u16)) -> Endpoint {
    Endpoint {
        address: ip.into(),
        port,
    }
}

impl From<Echo> for Joined {
    fn from(echo: Echo) -> Self {
        let legs = [Some(echo.inbound), echo.bridge, Some(echo.outbound)];
        Self {
            legs: legs.into_iter().flatten().collect(),
            relays: echo.relays,
            leaves: echo.leaves,
            client: echo.client,
            target: echo.target,
            mechanism: echo.mechanism,
            proof: Proof::Content(echo.kind),
            delay: echo.delay,
            preamble: echo.preamble,
            again: false,
            certainty: Certainty::Proven,
        }
    }
}

impl From<MeasuredJoin> for Joined {
    fn from(join: MeasuredJoin) -> Self {
        Self {
            legs: vec![join.inbound, join.outbound],
            relays: vec![join.relay],
            leaves: join.relay,
            client: join.client(),
            target: join.target(),
            mechanism: join.mechanism(),
            proof: Proof::Measured(join.measured),
            delay: join.delay,
            preamble: 0,
            again: false,
            certainty: Certainty::Probable,
        }
    }
}

impl Joined {
    /// That each of its relays relays.
    fn evidence(&self) -> Vec<Evidence> {
        let steps = self.legs.iter().zip(self.legs.iter().skip(1));
        let evidence = self.relays.iter().zip(steps).enumerate();
        let last = self.relays.len().saturating_sub(1);
        let told = evidence.map(|(at, (&relay, (inbound, outbound)))| Evidence {
            detector: "relay",
            certainty: self.certainty,
            session: *inbound,
            further: vec![*outbound],
            relay: if at == last {
                self.outward(relay)
            } else {
                relay
            },
            says: Says::Join(Box::new(Join {
                mechanism: self.mechanism,
                proof: self.proof,
                client: if at == 0 {
                    self.client
                } else {
                    self.far_end(inbound, relay)
                },
                target: if at == last {
                    self.target
                } else {
                    self.far_end(outbound, relay)
                },
                delay: self.delay,
                preamble: self.preamble,
                again: self.again,
            })),
        });
        told.collect()
    }

    /// A relay with two addresses is known by the one that its targets see, unless that is its own loopback.
    fn outward(&self, relay: Address) -> Address {
        if self.leaves.ip().is_loopback() {
            relay
        } else {
            self.leaves
        }
    }

    /// The end of a leg that is not the relay.
    fn far_end(&self, leg: &Session, relay: Address) -> Endpoint {
        if leg.client.address == relay {
            leg.server
        } else {
            leg.client
        }
    }

    /// Whether the leg that goes out carries several sessions, which its end must take apart.
    fn is_shared(&self) -> bool {
        matches!(self.proof, Proof::Measured(measured) if measured.shared)
    }

    fn hop(&self) -> Hop {
        let opened_by_target = self
            .legs
            .last()
            .is_some_and(|leg| leg.client == self.target);
        Hop {
            legs: self.legs.clone(),
            client: self.client.address,
            relays: self.relays.clone(),
            target: self.target.address,
            passes_on: (opened_by_target || self.is_shared())
                && self.mechanism == Mechanism::Tunnel,
            mechanism: self.mechanism,
            certainty: self.certainty,
        }
    }
}

/// A way through more relays is not followed back.
const MOST_RELAYS: usize = 8;
/// Pairs of legs that are remembered for one host that is measured: a host's logs take more room.
const HUB_SHARE: usize = 16;
/// Flows that are remembered for one that is measured: most hosts only ask, or only serve.
const LEG_SHARE: usize = 16;
