//! A host that may pass on what comes to it, and its sides.

use super::fit::{self, Fit};
use super::log::{Carried, Log, Way};
use crate::decode::Endpoint;
use crate::evidence::Session;
use crate::facts::FlowId;
use crate::proto::Side;
use crate::time::Timestamp;

/// The sides of a host: with whom it talks, and about what.
#[derive(Debug, Default)]
pub struct Hub {
    sides: Vec<HubSide>,
}

/// What stands on one side of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What one client sends to one port of the host.
    Client(Endpoint),
    /// What the host sends to one server.
    Server(Endpoint),
    /// What the host sends to all servers.
    Servers,
    /// What the host exchanges with others of its kind, which serve the port that it serves too.
    Peers(u16),
    /// What the host exchanges with a server that leads it.
    Leader(Endpoint),
    /// What the host sends to all servers but the one that leads it.
    Led(Endpoint),
}

#[derive(Debug)]
struct HubSide {
    role: Role,
    log: Log,
    measured_at: u64,
    /// When a flow of it was opened last, or began a flight.
    newest: Timestamp,
}

impl Hub {
    /// Takes a flow whose `side` the host is.
    pub fn open(&mut self, session: &Session, side: Side) {
        let way = match side {
            Side::Client => Way::Out,
            Side::Server => Way::In,
        };
        for role in roles(session, side).into_iter().flatten() {
            self.make(role, session.opened);
        }
        for side in self.of(session, side) {
            side.newest = side.newest.max(session.opened);
            if !session.quality.midstream {
                side.log.record_opening(session.opened, session.id, way);
            }
        }
    }

    /// Notes that a server leads the host. Of those that do, the first gives way.
    pub fn lead(&mut self, leader: Endpoint) {
        if self.is_led_by(leader) {
            return;
        }
        let leaders: Vec<Endpoint> = self.leaders().collect();
        if let (true, Some(first)) = (leaders.len() >= LEADERS, leaders.first()) {
            let gone = [Role::Leader(*first), Role::Led(*first)];
            self.sides.retain(|side| !gone.contains(&side.role));
        }
        self.make(Role::Leader(leader), Timestamp::MIN);
        self.make(Role::Led(leader), Timestamp::MIN);
    }

    /// Whether a server leads the host.
    pub fn is_led_by(&self, server: Endpoint) -> bool {
        self.leaders().any(|leader| leader == server)
    }

    fn leaders(&self) -> impl Iterator<Item = Endpoint> {
        self.sides.iter().filter_map(|side| match side.role {
            Role::Leader(leader) => Some(leader),
            _ => None,
        })
    }

    /// Makes room for a side: the one on which nothing happened for longest gives way. Peers are those with whom the host
    /// talks both ways about one port.
    fn make(&mut self, role: Role, opened: Timestamp) {
        let known = self.sides.iter().any(|side| side.role == role);
        if known || !self.may_have(role) {
            return;
        }
        if self.sides.len() >= SIDES {
            let sides = self.sides.iter().enumerate();
            let others = sides.filter(|(_, side)| !side.role.is_lasting());
            let quietest = others.min_by_key(|(_, side)| side.newest);
            self.sides.remove(quietest.map_or(0, |(place, _)| place));
        }
        self.sides.push(HubSide {
            role,
            log: Log::default(),
            measured_at: 0,
            newest: opened,
        });
    }

    fn may_have(&self, role: Role) -> bool {
        let Role::Peers(port) = role else {
            return true;
        };
        let mut roles = self.sides.iter().map(|side| side.role);
        let serves = roles
            .clone()
            .any(|role| matches!(role, Role::Client(end) if end.port == port));
        serves && roles.any(|role| matches!(role, Role::Server(end) if end.port == port))
    }

    /// Counts payload that a flow carried.
    pub fn carry(&mut self, session: &Session, side: Side, more: Carried) {
        for side in self.of(session, side) {
            side.log.carry(more);
        }
    }

    /// Records a flight and what its flow carried before. Says whether so much came together that it is time to measure.
    pub fn record(
        &mut self,
        session: &Session,
        side: Side,
        more: Carried,
        (now, flow, way): (Timestamp, FlowId, Way),
    ) -> bool {
        let mut due = false;
        for side in self.of(session, side) {
            side.log.carry(more);
            side.log.record(now, flow, way);
            side.newest = now;
            due |= side.has_doubled();
        }
        due
    }

    /// Records that somebody at the other end of a tunnel was to open a connection, or that the host was.
    pub fn record_opening(
        &mut self,
        session: &Session,
        side: Side,
        (opened, flow, way): (Timestamp, FlowId, Way),
    ) {
        for side in self.of(session, side) {
            side.log.record_opening(opened, flow, way);
        }
    }

    /// Whether something came together that a flow which is over may complete.
    pub fn is_worth_measuring(&mut self, session: &Session, side: Side) -> bool {
        self.of(session, side).any(|side| side.is_due(AT_END))
    }

    fn of<'a>(
        &'a mut self,
        session: &'a Session,
        side: Side,
    ) -> impl Iterator<Item = &'a mut HubSide> {
        let sides = self.sides.iter_mut();
        sides.filter(move |known| known.role.has(session, side))
    }

    /// Fits the sides that a flow belongs to with all others. Says how many pairs there was enough of, too.
    pub fn measure(&mut self, session: &Session, side: Side) -> (Vec<Fit>, u64) {
        let mut fits = Vec::new();
        let mut tried = 0;
        for one in self
            .sides
            .iter()
            .filter(|known| known.role.has(session, side))
        {
            let others = self.sides.iter();
            let others = others.filter(|other| one.role.may_join(&other.role));
            for (fit, may_be) in others.filter_map(|other| one.fit(other)) {
                tried += 1;
                fits.extend(may_be.then_some(fit));
            }
        }
        for side in self.of(session, side) {
            side.measured_at = side.log.recorded();
        }
        (fits, tried)
    }

    /// Bytes of memory that a host may need.
    pub const BYTES: usize = SIDES * (size_of::<HubSide>() + Log::BYTES);
}

impl HubSide {
    /// How well it fits another side, and whether it may: the session with who leads is a tunnel, and wraps what goes on.
    fn fit(&self, other: &Self) -> Option<(Fit, bool)> {
        let (tunnel, beyond) = match other.role {
            Role::Leader(_) => (other, self),
            _ => (self, other),
        };
        let fit = fit::fit(&tunnel.log, &beyond.log)?;
        let is_led = matches!(tunnel.role, Role::Leader(_));
        let may_be = !is_led || fit.is_unwrapped();
        Some((fit, may_be))
    }

    /// Whether as much again was recorded since it was measured: the cost of a beat stays bounded.
    fn has_doubled(&self) -> bool {
        self.log.recorded() >= self.measured_at + self.measured_at.max(OFTEN)
    }

    /// Whether a third more was recorded since it was measured, and `least`: at the end of a flow that is enough.
    fn is_due(&self, least: u64) -> bool {
        self.log.recorded() >= self.measured_at + (self.measured_at / 3).max(least)
    }
}

impl Role {
    /// Whether a flow whose `side` the host is belongs to it: it is one of its [`roles`], or that of who leads it or is led.
    fn has(&self, session: &Session, side: Side) -> bool {
        let (client, server) = (session.client, session.server);
        match *self {
            Self::Client(end) => {
                side == Side::Server && end.port == server.port && end.address == client.address
            }
            Self::Server(end) => side == Side::Client && end == server,
            Self::Servers => side == Side::Client,
            Self::Peers(port) => port == server.port,
            Self::Leader(end) => side == Side::Client && end == server,
            Self::Led(end) => side == Side::Client && end.address != server.address,
        }
    }

    /// Whether it stays where room is made.
    fn is_lasting(&self) -> bool {
        matches!(self, Self::Leader(_) | Self::Led(_))
    }

    fn may_join(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Client(one), Self::Client(other)) => one.port != other.port,
            (Self::Client(_), Self::Server(_) | Self::Servers)
            | (Self::Server(_) | Self::Servers, Self::Client(_)) => true,
            (Self::Peers(one), Self::Peers(other)) => one == other,
            (Self::Leader(one), Self::Led(other)) | (Self::Led(other), Self::Leader(one)) => {
                one == other
            }
            (Self::Leader(one), Self::Server(other)) | (Self::Server(other), Self::Leader(one)) => {
                one.address != other.address
            }
            _ => false,
        }
    }
}

fn roles(session: &Session, side: Side) -> [Option<Role>; 3] {
    let peers = Some(Role::Peers(session.server.port));
    match side {
        Side::Server => {
            let client = Endpoint {
                port: session.server.port,
                ..session.client
            };
            [Some(Role::Client(client)), None, peers]
        }
        Side::Client => [
            Some(Role::Server(session.server)),
            Some(Role::Servers),
            peers,
        ],
    }
}

/// Sides that are kept of one host.
const SIDES: usize = 8;
/// Leaders of one host, two sides each.
const LEADERS: usize = 2;
/// New beats that make a side worth measuring again, while its flows go on and when one of them is over.
const OFTEN: u64 = 24;
const AT_END: u64 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::{endpoint, flow};

    #[test]
    fn leaders_leave_room_for_clients_and_servers() {
        let mut hub = Hub::default();
        let leader = |number: u8| endpoint(&format!("192.0.2.{number}:443"));
        (1..=5).for_each(|number| hub.lead(leader(number)));
        hub.lead(leader(4));
        let leaders: Vec<Endpoint> = hub.leaders().collect();
        assert_eq!(leaders, [leader(4), leader(5)]);
        let mut facts = flow(Vec::new());
        let host = endpoint("10.0.0.2:1080");
        (facts.client, facts.server) = (endpoint("10.0.0.1:4000"), host);
        let (client, inbound) = (facts.client, Session::from(&facts));
        (facts.client, facts.server) = (host, endpoint("192.0.2.9:80"));
        let (server, outbound) = (facts.server, Session::from(&facts));
        for _ in 0..2 {
            hub.open(&inbound, Side::Server);
            hub.open(&outbound, Side::Client);
        }
        let client = Endpoint {
            port: host.port,
            ..client
        };
        let has = |role| hub.sides.iter().any(|side| side.role == role);
        assert!(has(Role::Client(client)) && has(Role::Server(server)));
        assert!(has(Role::Led(leader(4))) && !has(Role::Led(leader(3))));
        assert!(hub.sides.len() <= SIDES);
    }

    #[test]
    fn a_side_on_which_something_happens_stays() {
        let mut hub = Hub::default();
        let asked = |client: u8, opened: i64| {
            let mut facts = flow(Vec::new());
            facts.opened = Timestamp::from_parts(opened, 0);
            facts.client = endpoint(&format!("10.0.0.{client}:4000"));
            facts.server = endpoint("10.0.0.200:443");
            Session::from(&facts)
        };
        let (tunnel, again) = (asked(1, 1), asked(2, 2));
        hub.open(&tunnel, Side::Server);
        hub.open(&again, Side::Server);
        for client in 3..30 {
            let now = i64::from(client);
            let beat = (Timestamp::from_parts(now, 0), tunnel.id, Way::In);
            hub.record(&tunnel, Side::Server, Carried::default(), beat);
            hub.open(&asked(2, now), Side::Server);
            hub.open(&asked(client, now), Side::Server);
        }
        let is_there =
            |session: &Session| hub.sides.iter().any(|s| s.role.has(session, Side::Server));
        assert!(is_there(&tunnel) && is_there(&again) && !is_there(&asked(3, 3)));
    }
}
