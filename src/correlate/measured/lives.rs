//! One connection inside a tunnel, and the TCP connection that it is on the other side of the host.
//!
//! Where a single connection goes through a tunnel there are no flights to fit, but sizes in SSH follow from what is said:
//! the whole life of a connection inside is known, with how many bytes went each way, give or take padding. A connection of
//! the host that opens when that one is asked for, ends when it ends, and carried as many bytes in both directions is the
//! same, unless by accident.
//!
//! # Chance
//!
//! The chance is that of four conditions at once, which are known before the connection is: their product.
//!
//! *Opening.* Under the null the tunnel has its connections whenever it likes: that one of them is asked for within [`OPENS`] of
//! a connection that is opened in its time has the chance of its rate, of which four times its mean is taken because they come in
//! bursts, but no more than if it could have been anywhere within [`JITTER`]. Connections of other times cannot fit and are not
//! counted as tried: what a host did before a tunnel was there tells nothing of it. *End.* Short lives that begin together end together; one of a
//! second or more could have ended anywhere within the same. *Bytes*, of each side: one in as many as it carried, for each number
//! that fits. A write may have held several packets; that it held e more than one is given a chance of 1/((e+1)(e+2)), which
//! sum up to one. Where other connections of that time carried as much, bytes prove no more than their share.
//!
//! Of n lives m fit: the sum of all choices of m bounds their chance together.

use std::collections::VecDeque;

use arrayvec::ArrayVec;

use super::fit::LEAST_CHANCE;
use super::log::JITTER;
use super::tries::Tries;
use super::{MeasuredJoin, oriented};
use crate::correlate::recent::Recent;
use crate::decode::Address;
use crate::evidence::{self, Session};
use crate::facts::legs::Lived;
use crate::facts::ssh::Content;
use crate::facts::{FlowEnd, FlowId};
use crate::proto::Side;
use crate::time::{Span, Timestamp};

/// The hosts at the ends of tunnels, with what was over there lately.
#[derive(Debug)]
pub(super) struct Lives {
    hosts: Recent<Address, Host>,
    /// What fits the connections inside a tunnel at one of its ends.
    tunnels: Recent<(FlowId, Address), Tunnel>,
    tried: Tries,
}

/// A tunnel and the connections that are known to go on in it.
#[derive(Clone, Debug)]
pub(super) struct Carriage {
    pub(super) tunnel: Session,
    pub(super) host: Address,
    pub(super) connections: ArrayVec<Session, UNTOLD>,
    pub(super) lives: u32,
    pub(super) fits: u32,
    /// Bound of the chance of an accident, not corrected for the pairs that were tried.
    pub(super) chance: f64,
    /// The shortest time between the two openings.
    pub(super) delay: Span,
}

/// What was over at a host lately.
#[derive(Debug, Default)]
struct Host {
    connections: VecDeque<Connection>,
    lives: VecDeque<Inside>,
}

/// A connection that is over.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    session: Session,
    ended: Timestamp,
    client_bytes: u64,
    server_bytes: u64,
}

/// A connection inside a tunnel that is over, as a host at an end of the tunnel sees it.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    tunnel: Session,
    host: Address,
    lived: Lived,
    /// The host asked for it, because somebody called it; else it was asked, and calls somebody.
    asked: bool,
    /// Those that the tunnel has had, with this one.
    number: u32,
}

#[derive(Debug)]
struct Tunnel {
    session: Session,
    lives: u32,
    fits: u32,
    /// Negative logarithm of the chance that all that fit do so by accident.
    score: f64,
    untold: ArrayVec<Session, UNTOLD>,
    delay: Span,
}

impl Lives {
    /// No host known; at most `cap` are remembered, and as many tunnels.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            hosts: Recent::new(cap),
            tunnels: Recent::new(cap),
            tried: Tries::default(),
        }
    }

    /// Pairs that were lately held against each other.
    pub(super) fn tried(&self) -> u64 {
        self.tried.lately()
    }

    /// Hosts and tunnels that gave way.
    pub(super) fn displaced(&self) -> u64 {
        self.hosts.displaced() + self.tunnels.displaced()
    }

    /// Takes a tunnel in which a connection was asked for: what ends at its ends is worth keeping.
    pub(super) fn watch(&mut self, tunnel: &Session) {
        for host in [tunnel.client.address, tunnel.server.address] {
            if !self.hosts.contains(&host) {
                self.hosts.insert(host, Host::default());
            }
        }
    }

    /// Takes a connection inside a tunnel that is over.
    pub(super) fn lived(&mut self, tunnel: &Session, lived: &Lived) -> Vec<Carriage> {
        let ends = [(Side::Client, tunnel.client), (Side::Server, tunnel.server)];
        let mut carried = Vec::new();
        for (side, end) in ends {
            let number = self.count(tunnel, end.address);
            let inside = Inside::new(tunnel, lived, end.address, lived.by == side, number);
            let Some(host) = self.hosts.get_mut(&end.address) else {
                continue;
            };
            self.tried.add(host.tries(&inside), lived.ended);
            let found = host.find(&inside);
            match found {
                Some((connection, chance)) => {
                    carried.extend(self.fits(&inside, &connection, chance));
                }
                None => host.keep(inside),
            }
        }
        carried
    }

    /// Takes the end of a connection.
    pub(super) fn ended(&mut self, session: &Session, end: &FlowEnd) -> Vec<Carriage> {
        if self.hosts.is_empty() {
            return Vec::new();
        }
        let connection = Connection::new(session, end);
        let mut carried = Vec::new();
        for address in [session.client.address, session.server.address] {
            let Some(host) = self.hosts.get_mut(&address) else {
                continue;
            };
            self.tried
                .add(host.tries_inside(&connection), end.last_seen);
            let found = host.find_inside(&connection);
            host.add(connection);
            if let Some((inside, chance)) = found {
                carried.extend(self.fits(&inside, &connection, chance));
            }
        }
        carried
    }

    /// Counts a life of a tunnel, as one of its ends sees it.
    fn count(&mut self, tunnel: &Session, host: Address) -> u32 {
        let key = (tunnel.id, host);
        if let Some(known) = self.tunnels.get_mut(&key) {
            known.lives = known.lives.saturating_add(1);
            return known.lives;
        }
        self.tunnels.insert(key, Tunnel::new(*tunnel));
        1
    }

    /// Counts one that fits a connection.
    fn fits(&mut self, inside: &Inside, connection: &Connection, chance: f64) -> Option<Carriage> {
        let tunnel = self.tunnels.get_mut(&(inside.tunnel.id, inside.host))?;
        let delay = inside.lag(connection);
        tunnel.delay = if tunnel.fits == 0 {
            delay
        } else {
            tunnel.delay.min(delay)
        };
        tunnel.fits = tunnel.fits.saturating_add(1);
        tunnel.score -= chance.ln();
        if tunnel.untold.is_full() {
            tunnel.untold.remove(0);
        }
        tunnel.untold.push(connection.session);
        Some(Carriage {
            tunnel: tunnel.session,
            host: inside.host,
            connections: tunnel.untold.clone(),
            lives: tunnel.lives,
            fits: tunnel.fits,
            chance: tunnel.chance(),
            delay: tunnel.delay,
        })
    }

    /// Notes that what fits a tunnel was told.
    pub(super) fn told(&mut self, carried: &Carriage) {
        if let Some(tunnel) = self.tunnels.get_mut(&(carried.tunnel.id, carried.host)) {
            tunnel.untold.clear();
        }
    }

    /// An upper bound of the bytes of memory that a host needs.
    pub(super) const HOST_BYTES: usize = 2
        * (size_of::<(Address, Host)>()
            + size_of::<((FlowId, Address), Tunnel)>()
            + KEPT * size_of::<Connection>()
            + KEPT * size_of::<Inside>());
}

impl Carriage {
    /// The legs, as joins that an accident brings with this chance.
    pub(super) fn joins(&self, chance: f64) -> Vec<MeasuredJoin> {
        let leads = |session: &Session| session.id == self.tunnel.id;
        let join = |connection: &Session| {
            let (inbound, outbound) = oriented(self.host, self.tunnel, *connection, leads);
            MeasuredJoin {
                inbound,
                outbound,
                relay: self.host,
                measured: evidence::Measured {
                    flights: self.lives,
                    matched: self.fits,
                    shared: outbound.id == self.tunnel.id,
                    chance,
                },
                is_bare: false,
                is_renewed: false,
                delay: self.delay,
            }
        };
        self.connections.iter().map(join).collect()
    }
}

impl Tunnel {
    fn new(session: Session) -> Self {
        Self {
            session,
            lives: 1,
            fits: 0,
            score: 0.0,
            untold: ArrayVec::new(),
            delay: Span::from_millis(0),
        }
    }

    /// A bound of the chance that as many of all lives fit as well.
    fn chance(&self) -> f64 {
        let choices = if self.fits == self.lives {
            0.0
        } else {
            f64::from(self.lives)
        };
        (choices * std::f64::consts::LN_2 - self.score)
            .exp()
            .min(1.0)
    }
}

impl Host {
    fn add(&mut self, connection: Connection) {
        if self.connections.len() >= KEPT {
            self.connections.pop_front();
        }
        self.connections.push_back(connection);
    }

    fn keep(&mut self, inside: Inside) {
        if self.lives.len() >= KEPT {
            self.lives.pop_front();
        }
        self.lives.push_back(inside);
    }

    /// How many connections a connection inside a tunnel may be.
    fn tries(&self, inside: &Inside) -> u64 {
        let connections = self.connections.iter();
        let may_be = connections.filter(|connection| inside.may_be(connection));
        may_be.count() as u64
    }

    /// The same the other way round.
    fn tries_inside(&self, connection: &Connection) -> u64 {
        let lives = self.lives.iter();
        lives.filter(|inside| inside.may_be(connection)).count() as u64
    }

    /// The connection that a connection inside a tunnel is, and the chance that it only looks like it.
    fn find(&self, inside: &Inside) -> Option<(Connection, f64)> {
        let fits = |connection: &&Connection| inside.fits(connection).is_some();
        let connection = *self.connections.iter().find(fits)?;
        Some((connection, self.chance(inside, &connection)?))
    }

    /// The same the other way round.
    fn find_inside(&mut self, connection: &Connection) -> Option<(Inside, f64)> {
        let mut lives = self.lives.iter();
        let place = lives.position(|inside| inside.fits(connection).is_some())?;
        let inside = self.lives.remove(place)?;
        let chance = self.chance(&inside, connection)?;
        Some((inside, chance))
    }

    /// The chance that a connection which fits does so by accident: where others that it may be carried as much, their share
    /// counts.
    fn chance(&self, inside: &Inside, connection: &Connection) -> Option<f64> {
        let id = connection.session.id;
        let others = self.connections.iter();
        let others = others.filter(|other| other.session.id != id && inside.may_be(other));
        let all = others.clone().count() as f64;
        let alike = others.filter(|other| inside.sizes(other).is_some()).count() as f64;
        let share = if alike > 0.0 {
            (alike + 1.0) / (all + 1.0)
        } else {
            0.0
        };
        let bytes = inside.sizes(connection)?.max(share);
        Some(inside.at_once() * bytes)
    }
}

impl Connection {
    /// One that ended so.
    pub fn new(session: &Session, end: &FlowEnd) -> Self {
        Self {
            session: *session,
            ended: end.last_seen,
            client_bytes: end.traffic.client_bytes,
            server_bytes: end.traffic.server_bytes,
        }
    }

    /// Whose it is.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The same, begun at another time.
    #[must_use]
    pub fn begun(mut self, opened: Timestamp) -> Self {
        self.ended = opened + (self.ended - self.session.opened);
        self.session.opened = opened;
        self
    }
}

impl Inside {
    /// One of a tunnel, at the end of it that is `host`, which has `asked` for it or else was asked; the tunnel had so many.
    pub fn new(tunnel: &Session, lived: &Lived, host: Address, asked: bool, number: u32) -> Self {
        Self {
            tunnel: *tunnel,
            host,
            lived: *lived,
            asked,
            number,
        }
    }

    /// The chance that a connection opens and ends as this one does and carries as much, where it does.
    pub fn fits(&self, connection: &Connection) -> Option<f64> {
        let lag = self.lag(connection);
        let opens = lag >= Span::from_millis(0) && lag <= OPENS;
        let ends = connection.ended.apart(self.lived.ended) <= ENDS;
        (self.may_be(connection) && opens && ends).then_some(())?;
        Some(self.at_once() * self.sizes(connection)?)
    }

    /// Whether a connection is on the other side of the host, and was opened in the time of the tunnel until this one was
    /// over: under the null it could be at any moment of that.
    fn may_be(&self, connection: &Connection) -> bool {
        let session = &connection.session;
        let own = if self.asked {
            session.server
        } else {
            session.client
        };
        let is_another = own.address == self.host && session.id != self.tunnel.id;
        let before = self.lived.ended - session.opened;
        is_another && before >= Span::from_millis(0) && before <= self.age()
    }

    /// How long the tunnel had gone on, or its openings might stand from where they do.
    fn age(&self) -> Span {
        (self.lived.ended - self.tunnel.opened).max(JITTER * 2)
    }

    /// The chance that a connection opens with it and ends with it.
    fn at_once(&self) -> f64 {
        let rate = BURSTS * f64::from(self.number) / self.age().as_seconds_f64();
        let opens = (rate * OPENS.as_seconds_f64()).clamp(LEAST_CHANCE, OPENS_WITHIN);
        let is_long = self.lived.ended - self.lived.asked >= JITTER;
        opens * if is_long { ENDS_WITHIN } else { 1.0 }
    }

    /// How long after the first of the two the second one was opened.
    fn lag(&self, connection: &Connection) -> Span {
        match self.asked {
            true => self.lived.asked - connection.session.opened,
            false => connection.session.opened - self.lived.asked,
        }
    }

    /// The chance that a connection carries as much as this one, where it does.
    fn sizes(&self, connection: &Connection) -> Option<f64> {
        let onward = chance_of(self.lived.asker, connection.client_bytes)?;
        Some(onward * chance_of(self.lived.answerer, connection.server_bytes)?)
    }
}

/// The chance that as many bytes as these would fit, where they do.
fn chance_of(content: Content, bytes: u64) -> Option<f64> {
    let short = content.most.checked_sub(bytes)?;
    let slack = |more: u64| {
        let packets = u64::from(content.writes) + more;
        content.doubtful + packets * u64::from(content.padding)
    };
    let around = u64::from(content.around);
    let most = MOST_MORE.min(content.most / LEAST_FILLED);
    let more = (0..=most).find(|more| {
        let least = more * around;
        (least..=least + slack(*more)).contains(&short)
    })?;
    let sizes = (slack(more) + 1) as f64;
    let choice = match most {
        0 => 1.0,
        _ => ((more + 1) * (more + 2)) as f64,
    };
    Some((sizes * choice / bytes.max(1) as f64).min(1.0))
}

/// Connections of a host that are over, and connections inside its tunnels, which are kept to be held against each other.
const KEPT: usize = 16;
/// Connections that fit and are not told, of a tunnel.
const UNTOLD: usize = 8;
/// For so long a connection may be open before it is asked for, or after.
const OPENS: Span = Span::from_millis(250);
/// So far apart the ends of both may be.
const ENDS: Span = Span::from_millis(250);
/// The part of the time within [`JITTER`] before and after in which openings fit, and ends.
const OPENS_WITHIN: f64 = 0.125;
const ENDS_WITHIN: f64 = 0.25;
/// How much oftener than in the mean connections may come for a while.
const BURSTS: f64 = 4.0;
/// Packets in a write beyond the first: no more than segments, of which a path fills none with less.
const LEAST_FILLED: u64 = 500;
const MOST_MORE: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::{end, endpoint, flow};

    const OPENED: Timestamp = Timestamp::from_parts(140, 0);

    fn at(millis: i64) -> Timestamp {
        OPENED + Span::from_millis(millis)
    }

    fn content(bytes: u64) -> Content {
        Content {
            most: bytes + 3,
            writes: 1,
            padding: 7,
            around: 34,
            doubtful: 0,
        }
    }

    /// 10.0.0.9 opened it 40 seconds ago, to 10.0.0.2.
    fn tunnel() -> Session {
        session(1, ("10.0.0.9", "10.0.0.2"), -40_000)
    }

    fn session(id: u64, (client, server): (&str, &str), opened: i64) -> Session {
        let mut facts = flow(Vec::new());
        (facts.id, facts.opened) = (FlowId(id), at(opened));
        facts.client = endpoint(&format!("{client}:50000"));
        facts.server = endpoint(&format!("{server}:8022"));
        Session::from(&facts)
    }

    /// Asked for by 10.0.0.2 a tenth of a second after somebody called it.
    fn lived(ended: i64, onward: u64, back: u64) -> Lived {
        Lived {
            flow: FlowId(1),
            by: Side::Server,
            asked: at(100),
            ended: at(ended),
            asker: content(onward),
            answerer: content(back),
        }
    }

    fn ended(session: &Session, millis: i64, (client, server): (u64, u64)) -> FlowEnd {
        let mut end = end(session.id);
        (end.traffic.client_bytes, end.traffic.server_bytes) = (client, server);
        end.last_seen = at(millis);
        end
    }

    #[test]
    fn a_number_fits_where_packets_have_room_for_it() {
        let large = Content {
            most: 17_100,
            doubtful: 2,
            ..content(0)
        };
        for (content, bytes, chance) in [
            (content(87), 87, Some(8.0 / 87.0)),
            (content(87), 90, Some(8.0 / 90.0)),
            (content(87), 83, Some(8.0 / 83.0)),
            (content(87), 82, None),
            (content(87), 91, None),
            (content(0), 0, Some(1.0)),
            (large, 17_100, Some(10.0 * 2.0 / 17_100.0)),
            (large, 17_066, Some(17.0 * 6.0 / 17_066.0)),
            (large, 17_080, None),
        ] {
            let fits = chance_of(content, bytes);
            let is_so = match (fits, chance) {
                (Some(fits), Some(chance)) => (fits / chance - 1.0_f64).abs() < 1e-9,
                (fits, chance) => fits == chance,
            };
            assert!(is_so, "{bytes}: {fits:?}");
        }
    }

    #[test]
    fn a_connection_opens_and_ends_with_the_one_inside() {
        let lived = lived(600, 87, 17_000);
        let (caller, host) = ("10.0.0.7", "10.0.0.2");
        let address = endpoint("10.0.0.2:1").address;
        let (same, more) = ((87, 17_000), (87, 17_100));
        #[rustfmt::skip]
        let cases = [
            ("the same", true, 2, (caller, host), (0, 650), same, true),
            ("too early", true, 2, (caller, host), (-200, 650), same, false),
            ("behind the request", true, 2, (caller, host), (150, 650), same, false),
            ("another end", true, 2, (caller, host), (0, 900), same, false),
            ("of others", true, 2, (caller, "10.0.0.3"), (0, 650), same, false),
            ("the other way", true, 2, (host, caller), (0, 650), same, false),
            ("the tunnel", true, 1, (caller, host), (0, 650), same, false),
            ("other bytes", true, 2, (caller, host), (0, 650), more, false),
            ("asked to call", false, 2, (host, caller), (150, 650), same, true),
            ("before that", false, 2, (host, caller), (50, 650), same, false),
        ];
        for (name, asked, id, ends, (opened, over), bytes, fits) in cases {
            let session = session(id, ends, opened);
            let connection = Connection::new(&session, &ended(&session, over, bytes));
            let inside = Inside::new(&tunnel(), &lived, address, asked, 1);
            let found = inside.fits(&connection);
            assert_eq!(found.is_some(), fits, "{name}");
            assert!(
                found.is_none_or(|chance| chance < 1e-5),
                "{name}: {found:?}"
            );
        }
    }

    #[test]
    fn what_is_over_first_waits_for_the_other() {
        let called = session(2, ("10.0.0.7", "10.0.0.2"), 0);
        let end = ended(&called, 650, (87, 17_000));
        for connection_first in [false, true] {
            let mut lives = Lives::new(4);
            assert!(lives.ended(&called, &end).is_empty());
            lives.watch(&tunnel());
            let mut found = Vec::new();
            if connection_first {
                found.extend(lives.ended(&called, &end));
            }
            found.extend(lives.lived(&tunnel(), &lived(600, 87, 17_000)));
            if !connection_first {
                found.extend(lives.ended(&called, &end));
            }
            let [carriage] = found.as_slice() else {
                panic!("{found:?}");
            };
            assert_eq!((carriage.lives, carriage.fits), (1, 1));
            let joins = carriage.joins(carriage.chance);
            assert_eq!(joins.len(), 1);
            assert_eq!(joins[0].inbound.id, called.id);
            assert_eq!(joins[0].outbound.id, tunnel().id);
            assert!(joins[0].measured.shared);
        }
    }

    #[test]
    fn chances_multiply_and_others_alike_weaken_them() {
        let mut lives = Lives::new(4);
        lives.watch(&tunnel());
        let mut chances = Vec::new();
        for id in 2..5 {
            let called = session(id, ("10.0.0.7", "10.0.0.2"), 0);
            let size = 1_000 * id;
            lives.ended(&called, &ended(&called, 650, (size, size)));
            let found = lives.lived(&tunnel(), &lived(600, size, size));
            chances.extend(found.iter().map(|carriage| carriage.chance));
        }
        assert!(
            chances.is_sorted_by(|one, next| *next < one * 1e-3),
            "{chances:?}"
        );

        let mut lives = Lives::new(4);
        lives.watch(&tunnel());
        for id in 2..10 {
            let called = session(id, ("10.0.0.7", "10.0.0.2"), 0);
            lives.ended(&called, &ended(&called, 650, (87, 17_000)));
        }
        let found = lives.lived(&tunnel(), &lived(600, 87, 17_000));
        assert!(found[0].chance > 1e-2, "{found:?}");
    }

    #[test]
    fn what_a_host_did_at_other_times_tells_nothing_of_a_tunnel() {
        #[rustfmt::skip]
        let cases = [
            ("nothing", None, 1, true),
            ("before the tunnel", Some(("10.0.0.7", "10.0.0.2", -41_000)), 1, true),
            ("on the side of the tunnel", Some(("10.0.0.2", "10.0.0.7", -9_000)), 1, true),
            ("behind it", Some(("10.0.0.7", "10.0.0.2", 700)), 1, true),
            ("in its time", Some(("10.0.0.7", "10.0.0.2", -9_000)), 6, false),
        ];
        for (name, others, tried, is_unlikely) in cases {
            let mut lives = Lives::new(4);
            lives.watch(&tunnel());
            for (id, (client, server, opened)) in (3..8).zip(others.into_iter().cycle()) {
                let other = session(id, (client, server), opened);
                lives.ended(&other, &ended(&other, opened + 650, (87, 17_000)));
            }
            let called = session(2, ("10.0.0.7", "10.0.0.2"), 0);
            lives.ended(&called, &ended(&called, 650, (87, 17_000)));
            let found = lives.lived(&tunnel(), &lived(600, 87, 17_000));
            assert_eq!(lives.tried(), tried, "{name}");
            assert_eq!(found[0].chance < 1e-5, is_unlikely, "{name}: {found:?}");
        }
    }
}
