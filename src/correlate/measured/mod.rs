//! Legs that share no bytes, joined by when their flights begin and how much they carry.

mod cover;
pub mod fit;
pub mod hub;
mod leads;
pub mod lives;
pub mod log;
mod rounds;
mod tries;

use std::collections::HashMap;
use std::net::IpAddr;

use super::legs::{Leg, Legs, Veil};
use super::ports::is_of_broker;
use super::recent::Recent;
use crate::decode::{Address, Endpoint, Transport};
use crate::evidence::{self, Mechanism, Session};
use crate::facts::legs::{Asked, Flight, Lived, Totals};
use crate::facts::{FlowEnd, FlowId, Traffic};
use crate::proto::Side;
use crate::time::{Span, Timestamp};
use fit::Fit;
use hub::Hub;
use leads::Leads;
use lives::{Carriage, Lives};
use log::{Carried, Way};
use tries::Tries;

/// The hosts that have something coming in and something going out, or two kinds of things coming in.
#[derive(Debug)]
pub struct Measures {
    hubs: Recent<Address, Hub>,
    /// Flows of those hosts.
    tracked: HashMap<FlowId, Tracked, foldhash::fast::RandomState>,
    /// Flows that are over, for joins that come later.
    over: Recent<FlowId, Over>,
    /// Connections inside tunnels.
    lives: Lives,
    /// Hosts whose servers begin to speak.
    leads: Leads,
    /// Pairs of sides that were measured, so that the chance can be corrected for them.
    tried: Tries,
    untracked: u64,
    /// Flows that may be tracked.
    cap: usize,
}

/// A flow that is an end of at least one hub.
#[derive(Clone, Copy, Debug)]
struct Tracked {
    session: Session,
    veil: Option<Veil>,
    /// Whether no more than one side of the connection was seen yet.
    is_half_seen: bool,
    told: Traffic,
}

/// A tracked flow that is over.
#[derive(Clone, Copy, Debug)]
struct Over {
    session: Session,
    veil: Option<Veil>,
    is_half_seen: bool,
    end: FlowEnd,
}

/// Two flows that were joined.
#[derive(Clone, Debug)]
pub struct MeasuredJoin {
    /// The leg that comes in.
    pub inbound: Session,
    /// The leg that goes out, or that the other end of a reverse tunnel opened.
    pub outbound: Session,
    /// The host between them.
    pub relay: Address,
    /// How well they fit.
    pub measured: evidence::Measured,
    /// Whether what goes on is as long as what came.
    pub is_bare: bool,
    /// Whether TLS ends at the relay and begins anew, for each session.
    pub is_renewed: bool,
    /// The shortest delay from one leg to the other.
    pub delay: Span,
}

impl Measures {
    /// No host known; at most `hubs` are remembered, and `legs` flows of them.
    pub fn new(hubs: usize, legs: usize) -> Self {
        Self {
            hubs: Recent::new(hubs),
            tracked: HashMap::default(),
            over: Recent::new(hubs * OVER_EACH),
            lives: Lives::new(hubs.div_ceil(HUBS_FOR_A_TUNNEL)),
            leads: Leads::new(hubs, legs),
            tried: Tries::default(),
            untracked: 0,
            cap: legs,
        }
    }

    /// Takes a flow that speaks. Names are looked up by everybody, and loops lead nowhere.
    pub fn spoke(&mut self, leg: &Leg, legs: &Legs) {
        let session = leg.session;
        if session.client.address == session.server.address {
            return;
        }
        for (host, side) in ends(&session) {
            if self.hubs.contains(&host) {
                self.track(leg, side);
            } else if meets(leg, side, legs) {
                self.take_in(host, Hub::default(), legs);
            }
        }
        if let Some(leader) = self.leads.follows(&session) {
            self.lead(session.client.address, leader, legs);
        }
    }

    /// Watches a host that one of its servers leads.
    fn lead(&mut self, host: Address, leader: Endpoint, legs: &Legs) {
        if let Some(hub) = self.hubs.get_mut(&host) {
            return hub.lead(leader);
        }
        let mut hub = Hub::default();
        hub.lead(leader);
        self.take_in(host, hub, legs);
    }

    /// Begins to watch a host, with the flows that it has.
    fn take_in(&mut self, host: Address, hub: Hub, legs: &Legs) {
        self.hubs.insert(host, hub);
        let outbound = legs.outbound(host).take(TAKEN_IN);
        let outbound = outbound.map(|leg| (*leg, Side::Client));
        let inbound = legs.inbound(host).take(TAKEN_IN);
        let inbound = inbound.map(|leg| (*leg, Side::Server));
        let mut alive: Vec<(Leg, Side)> = outbound.chain(inbound).collect();
        alive.sort_by_key(|(leg, _)| leg.session.id);
        for (leg, side) in alive {
            self.track(&leg, side);
        }
    }

    fn track(&mut self, leg: &Leg, side: Side) {
        let session = leg.session;
        if session.server.port == DNS {
            return;
        }
        if self.tracked.len() >= self.cap {
            self.untracked += 1;
            return;
        }
        self.tracked.entry(session.id).or_insert(Tracked {
            session,
            veil: leg.veil,
            is_half_seen: is_half_seen(&session, session.quality.one_sided),
            told: Traffic::default(),
        });
        let [(client, _), (server, _)] = ends(&session);
        let host = if side == Side::Client { client } else { server };
        if let Some(hub) = self.hubs.get_mut(&host) {
            hub.open(&session, side);
        }
    }

    /// Takes a flight that a side began.
    pub fn flight(&mut self, flight: &Flight, legs: &Legs, now: Timestamp) -> Vec<MeasuredJoin> {
        if self.leads.begins(flight, now)
            && let Some(leg) = legs.get(flight.flow)
            && self.leads.lead(leg, legs, now)
        {
            let Session { client, server, .. } = leg.session;
            self.lead(client.address, server, legs);
        }
        let Some(tracked) = self.tracked.get_mut(&flight.flow) else {
            return Vec::new();
        };
        let more = tracked.tell(flight.client_bytes, flight.server_bytes);
        let session = tracked.session;
        tracked.is_half_seen = is_half_seen(&session, flight.one_sided);
        let mut joins = Vec::new();
        for (host, side) in ends(&session) {
            let way = if flight.from == side {
                Way::Out
            } else {
                Way::In
            };
            let beat = (now, session.id, way);
            let carried = seen_from(side, more);
            let hub = self.hubs.get_mut(&host);
            let due = hub.is_some_and(|hub| hub.record(&session, side, carried, beat));
            if due {
                joins.extend(self.measure(host, &session, side, now));
            }
        }
        joins
    }

    /// Takes a connection that a side of a multiplexed tunnel asked for.
    pub fn asked(&mut self, asked: &Asked, legs: &Legs) {
        if asked.by == Side::Server
            && let Some(leg) = legs.get(asked.flow)
        {
            let Session { client, server, .. } = leg.session;
            self.lead(client.address, server, legs);
        }
        let Some(session) = self.tracked.get(&asked.flow).map(|tracked| tracked.session) else {
            return;
        };
        self.lives.watch(&session);
        for (host, side) in ends(&session) {
            let way = if asked.by == side { Way::Out } else { Way::In };
            if let Some(hub) = self.hubs.get_mut(&host) {
                hub.record_opening(&session, side, (asked.time, session.id, way));
            }
        }
    }

    /// Takes a connection inside a multiplexed tunnel that is over.
    pub fn lived(&mut self, lived: &Lived) -> Vec<MeasuredJoin> {
        let Some(session) = self.session(lived.flow) else {
            return Vec::new();
        };
        let carried = self.lives.lived(&session, lived);
        self.told(carried)
    }

    /// What is known to go on inside tunnels and is no accident.
    fn told(&mut self, carried: Vec<Carriage>) -> Vec<MeasuredJoin> {
        let tried = self.lives.tried();
        let mut joins = Vec::new();
        for carriage in carried {
            let chance = fit::corrected(carriage.chance, tried);
            if chance > fit::CHANCE {
                continue;
            }
            self.lives.told(&carriage);
            joins.extend(carriage.joins(chance));
        }
        joins
    }

    /// Takes what a flow carried that TCP ended.
    pub fn totals(&mut self, totals: &Totals) {
        if let Some(tracked) = self.tracked.get_mut(&totals.flow) {
            let more = tracked.tell(totals.client_bytes, totals.server_bytes);
            let session = tracked.session;
            for (host, side) in ends(&session) {
                if let Some(hub) = self.hubs.get_mut(&host) {
                    hub.carry(&session, side, seen_from(side, more));
                }
            }
        }
    }

    /// Takes the end of a flow.
    pub fn ended(&mut self, end: &FlowEnd) -> Vec<MeasuredJoin> {
        self.leads.ended(end);
        let Some(mut tracked) = self.tracked.remove(&end.id) else {
            return Vec::new();
        };
        let more = tracked.tell(end.traffic.client_bytes, end.traffic.server_bytes);
        let session = tracked.session;
        let over = Over {
            session,
            veil: tracked.veil,
            is_half_seen: is_half_seen(&session, end.quality.one_sided),
            end: *end,
        };
        self.over.insert(end.id, over);
        let carried = self.lives.ended(&session, end);
        let mut joins = self.told(carried);
        for (host, side) in ends(&session) {
            let due = self.hubs.get_mut(&host).is_some_and(|hub| {
                hub.carry(&session, side, seen_from(side, more));
                hub.is_worth_measuring(&session, side)
            });
            if due {
                joins.extend(self.measure(host, &session, side, end.last_seen));
            }
        }
        joins
    }

    /// How a flow ended that was over before it was joined.
    pub fn end_of(&self, flow: FlowId) -> Option<&FlowEnd> {
        self.over.get(&flow).map(|over| &over.end)
    }

    /// Fits the sides that a flow belongs to with the other sides of a host.
    fn measure(
        &mut self,
        host: Address,
        session: &Session,
        side: Side,
        now: Timestamp,
    ) -> Vec<MeasuredJoin> {
        let Some(hub) = self.hubs.get_mut(&host) else {
            return Vec::new();
        };
        let (fits, tried) = hub.measure(session, side);
        self.tried.add(tried, now);
        let tried = self.tried.lately();
        let mut joins = Vec::new();
        for fit in fits {
            if fit.is_told(tried) {
                joins.extend(self.pairs(host, &fit, fit.corrected(tried)));
            }
        }
        joins
    }

    /// The pairs of flows in a fit: each flow that was opened later belongs to the one that it fits most often.
    fn pairs(&self, relay: Address, fit: &Fit, chance: f64) -> Vec<MeasuredJoin> {
        let pairs = fit.pairs().into_iter();
        let legs = pairs.filter(|&(one, other)| self.may_be_legs(fit, one, other));
        let leads = |session: &Session| {
            let hub = self.hubs.get(&relay);
            hub.is_some_and(|hub| hub.is_led_by(session.server))
        };
        let legs = legs.filter_map(|(one, other)| {
            let (one, other) = (self.session(one)?, self.session(other)?);
            Some(oriented(relay, one, other, leads))
        });
        let mut legs: Vec<(Session, Session)> = legs.collect();
        let all = legs.clone();
        let carried = |on: &Session| all.iter().filter(|(_, other)| other.id == on.id).count();
        let is_renewed = !fit.is_bare() && self.is_renewed(relay, fit, &legs);
        // Without framing nobody could tell apart what goes on for two in one connection: those are messages.
        legs.retain(|(one, other)| !self.are_readable(one.id, other.id) || carried(other) == 1);
        let joins = legs.iter().map(|&(inbound, outbound)| MeasuredJoin {
            inbound,
            outbound,
            relay,
            measured: evidence::Measured {
                flights: fit.trials,
                matched: fit.matched,
                shared: carried(&outbound) > 1,
                chance,
            },
            is_bare: fit.is_bare(),
            is_renewed,
            delay: fit.delay,
        });
        joins.collect()
    }

    /// Whether each request has a leg of its own, TLS is spoken on both, and no handshake goes through: that would be a round more
    /// for each leg, and the first leg longer by it.
    fn is_renewed(&self, relay: Address, fit: &Fit, legs: &[(Session, Session)]) -> bool {
        let (comes, leaves) = fit.longer();
        let first = fit.flows.first().and_then(|(one, _)| self.session(*one));
        let is_inbound = first.is_some_and(|one| one.server.address == relay);
        let longer = match is_inbound {
            true => comes.max(leaves),
            false => -comes.min(leaves),
        };
        let speaks_tls = |leg: &Session| self.veil(leg.id) == Some(Veil::Tls);
        let both = |legs: &&(Session, Session)| speaks_tls(&legs.0) && speaks_tls(&legs.1);
        let renewed = legs.iter().filter(both).count();
        let rounds = fit.matched as usize;
        longer < HANDSHAKE && 2 * renewed >= legs.len() && 2 * rounds <= 3 * renewed
    }

    /// Whether a session may go on from one flow to another. What can be read on both must be the same on both: an
    /// application that puts what it was told into its answers keeps its length, too, but not to the byte. Something must
    /// be said both ways, as far as both were seen.
    fn may_be_legs(&self, fit: &Fit, one: FlowId, other: FlowId) -> bool {
        let is_said = fit.is_answered() || self.is_half_seen(one) || self.is_half_seen(other);
        is_said && (fit.is_exact() || !self.are_readable(one, other))
    }

    fn are_readable(&self, one: FlowId, other: FlowId) -> bool {
        !self.is_opaque(one) && !self.is_opaque(other)
    }

    fn is_half_seen(&self, flow: FlowId) -> bool {
        let alive = self.tracked.get(&flow).map(|tracked| tracked.is_half_seen);
        let over = || self.over.get(&flow).map(|over| over.is_half_seen);
        alive.or_else(over).unwrap_or_default()
    }

    fn session(&self, flow: FlowId) -> Option<Session> {
        let alive = self.tracked.get(&flow).map(|tracked| tracked.session);
        alive.or_else(|| self.over.get(&flow).map(|over| over.session))
    }

    fn is_opaque(&self, flow: FlowId) -> bool {
        self.veil(flow).is_some()
    }

    /// Why what a flow carries cannot be read, if it cannot.
    fn veil(&self, flow: FlowId) -> Option<Veil> {
        let alive = self.tracked.get(&flow).map(|tracked| tracked.veil);
        let over = || self.over.get(&flow).map(|over| over.veil);
        alive.or_else(over).flatten()
    }

    /// Notes that what a flow carries cannot be read.
    pub fn hide(&mut self, flow: FlowId, veil: Veil) {
        if let Some(tracked) = self.tracked.get_mut(&flow) {
            tracked.veil = tracked.veil.max(Some(veil));
        }
    }

    /// How many hosts gave way.
    pub fn forgotten(&self) -> u64 {
        self.hubs.displaced() + self.lives.displaced() + self.leads.forgotten()
    }

    /// How many flows of those hosts were not tracked, because too many were; and flights of others that nobody could follow.
    pub fn untracked(&self) -> u64 {
        self.untracked + self.leads.unfollowed()
    }

    /// An upper bound of the bytes of memory it holds.
    pub fn memory_bound(hubs: usize, legs: usize) -> usize {
        hubs * (Hub::BYTES + 4 * size_of::<(Address, Hub)>())
            + Leads::memory_bound(hubs, legs)
            + 2 * hubs.div_ceil(HUBS_FOR_A_TUNNEL) * Lives::HOST_BYTES
            + hubs * OVER_EACH * 4 * size_of::<(FlowId, Over)>()
            + 2 * legs * (size_of::<(FlowId, Tracked)>() + 1)
    }
}

impl MeasuredJoin {
    /// Who sends what comes in.
    pub fn client(&self) -> Endpoint {
        self.far_end(&self.inbound)
    }

    /// Who receives what goes out.
    pub fn target(&self) -> Endpoint {
        self.far_end(&self.outbound)
    }

    fn far_end(&self, leg: &Session) -> Endpoint {
        if leg.client.address == self.relay {
            leg.server
        } else {
            leg.client
        }
    }

    /// What the relay looks like. A service of the web in front of a server of its own is what balancers and gateways are
    /// for; so is one that asks others for the same: mail and messages are handed on, connections to databases shared. So
    /// are applications that ask a service in TLS for each request that came in TLS, and those that have work done by who waits
    /// for it at their broker.
    pub fn mechanism(&self) -> Mechanism {
        let (asked, target) = (self.inbound.server.port, self.outbound.server);
        let opened = self.outbound.client.address == self.relay;
        let of_both = |ports: &[u16]| ports.contains(&asked) && ports.contains(&target.port);
        let is_own = is_private(target.address);
        let serves = self.inbound.server.address == self.relay;
        let fronts =
            serves && is_own && FRONTED.contains(&asked) && !ADMINISTERED.contains(&target.port);
        let is_for_all = of_both(&MAIL) || of_both(&MESSAGES) || of_both(&DATABASES);
        let hands_on = serves && !opened && (is_of_broker(asked) || is_of_broker(target.port));
        if hands_on || opened && (fronts || self.is_renewed || is_for_all) {
            Mechanism::Balancer
        } else if self.is_bare && opened {
            Mechanism::Forward
        } else {
            Mechanism::Tunnel
        }
    }
}

/// The leg that comes in, then the one that goes out. Of two that others opened the older one is the tunnel; of two that
/// the relay opened what comes in is on the one that leads it.
fn oriented(
    relay: Address,
    one: Session,
    other: Session,
    leads: impl Fn(&Session) -> bool,
) -> (Session, Session) {
    let opened = |session: &Session| session.client.address == relay;
    let turned = match (opened(&one), opened(&other)) {
        (true, false) => true,
        (false, true) => false,
        (true, true) => leads(&other),
        (false, false) => one.opened < other.opened,
    };
    if turned { (other, one) } else { (one, other) }
}

fn is_private(address: Address) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

impl Tracked {
    /// Bytes of both sides that were not told before.
    fn tell(&mut self, client_bytes: u64, server_bytes: u64) -> (u64, u64) {
        let more = (
            client_bytes.saturating_sub(self.told.client_bytes),
            server_bytes.saturating_sub(self.told.server_bytes),
        );
        self.told.client_bytes = self.told.client_bytes.max(client_bytes);
        self.told.server_bytes = self.told.server_bytes.max(server_bytes);
        more
    }
}

fn seen_from(side: Side, (client, server): (u64, u64)) -> Carried {
    match side {
        Side::Client => Carried {
            received: server,
            sent: client,
        },
        Side::Server => Carried {
            received: client,
            sent: server,
        },
    }
}

/// Whether the capture has one side of a connection only. Of datagrams nobody can tell: there may have been no answer.
fn is_half_seen(session: &Session, one_sided: bool) -> bool {
    one_sided && session.transport == Transport::TCP
}

fn ends(session: &Session) -> [(Address, Side); 2] {
    [
        (session.client.address, Side::Client),
        (session.server.address, Side::Server),
    ]
}

/// Whether the host on a side of a leg has flows of two kinds: some that it opened and some that others opened, or some to
/// two of its ports.
fn meets(leg: &Leg, side: Side, legs: &Legs) -> bool {
    if legs.beside(leg, side, side.other()).next().is_some() {
        return true;
    }
    let port = leg.session.server.port;
    let mut inbound = legs.beside(leg, side, Side::Server).take(LOOKED_AT);
    side == Side::Server && inbound.any(|other| other.session.server.port != port)
}

/// What TLS adds to a session that goes through it, either way, in bytes: less than any handshake does to one of them.
const HANDSHAKE: i64 = 300;
/// Flows of each kind that a host has when it is first watched, and of them that are looked at to find that out.
const TAKEN_IN: usize = 64;
const LOOKED_AT: usize = 8;
/// Flows that are over and remembered, for each host.
const OVER_EACH: usize = 8;
/// Of so many hosts one may be at an end of a tunnel in which connections are asked for.
const HUBS_FOR_A_TUNNEL: usize = 8;
const DNS: u16 = 53;
/// The web, also where its servers are commonly asked beside 80 and 443.
const FRONTED: [u16; 14] = [
    80, 443, 3000, 4443, 5000, 8000, 8008, 8080, 8081, 8443, 8444, 8888, 9443, 10443,
];
/// SSH, Telnet, SMB, RDP, VNC and WinRM: what nobody offers through the web but to reach the host behind it.
const ADMINISTERED: [u16; 7] = [22, 23, 445, 3389, 5900, 5985, 5986];
const MAIL: [u16; 7] = [25, 110, 143, 465, 587, 993, 995];
/// Syslog (RFC 5424 calls who passes its messages on a relay), MQTT, AMQP, STOMP, NATS and Kafka.
const MESSAGES: [u16; 12] = [
    514, 601, 6514, 1883, 8883, 5671, 5672, 61613, 61614, 4222, 9092, 9093,
];
/// PostgreSQL and its pooler, MySQL and its router, Microsoft SQL Server, Oracle, Redis, memcached and their proxy, MongoDB.
const DATABASES: [u16; 12] = [
    5432, 6432, 3306, 6033, 6446, 1433, 1521, 6379, 11211, 22121, 27017, 27018,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::{endpoint, flow};

    fn session(client: &str, server: &str) -> Session {
        let mut facts = flow(Vec::new());
        (facts.client, facts.server) = (endpoint(client), endpoint(server));
        Session::from(&facts)
    }

    #[test]
    fn what_a_join_looks_like() {
        let (own, outside) = ("10.0.0.9:5000", "192.0.2.7:5000");
        let (client, relay) = ("10.0.0.1:40000", "10.0.0.2:50000");
        #[rustfmt::skip]
        let cases = [
            ("as it came", (client, "10.0.0.2:7000"), outside, true, false, Mechanism::Forward),
            ("unwrapped", (client, "10.0.0.2:7000"), outside, false, false, Mechanism::Tunnel),
            ("the web before its own", (client, "10.0.0.2:443"), own, false, false, Mechanism::Balancer),
            ("the web before a shell", (client, "10.0.0.2:443"), "10.0.0.9:22", false, false, Mechanism::Tunnel),
            ("a database elsewhere", (client, "10.0.0.2:6432"), "192.0.2.7:5432", true, false, Mechanism::Balancer),
            ("the web before others", (client, "10.0.0.2:443"), outside, false, false, Mechanism::Tunnel),
            ("anew in TLS", (client, "10.0.0.2:7000"), outside, false, true, Mechanism::Balancer),
            ("an agent", (relay, "192.0.2.1:443"), own, false, false, Mechanism::Tunnel),
        ];
        for (name, (from, to), target, is_bare, is_renewed, mechanism) in cases {
            let join = MeasuredJoin {
                is_bare,
                is_renewed,
                ..join(session(from, to), session(relay, target))
            };
            assert_eq!(join.mechanism(), mechanism, "{name}");
        }
    }

    #[test]
    fn who_waits_at_a_broker_is_no_agent() {
        let visitor = session("10.0.0.1:40000", "10.0.0.2:443");
        for (port, mechanism) in [(8883, Mechanism::Balancer), (7000, Mechanism::Tunnel)] {
            let waits = session("10.0.0.7:40000", &format!("10.0.0.2:{port}"));
            assert_eq!(join(visitor, waits).mechanism(), mechanism, "{port}");
        }
    }

    /// Two legs of a session that goes through 10.0.0.2.
    fn join(inbound: Session, outbound: Session) -> MeasuredJoin {
        MeasuredJoin {
            inbound,
            outbound,
            relay: endpoint("10.0.0.2:443").address,
            measured: evidence::Measured {
                flights: 9,
                matched: 9,
                shared: false,
                chance: 1e-9,
            },
            is_bare: false,
            is_renewed: false,
            delay: Span::from_millis(1),
        }
    }
}
