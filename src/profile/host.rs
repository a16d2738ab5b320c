//! What was learned of one host: what it serves, where it goes, and how it relays.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::few::{Few, FewOf, Merge};
use super::fit::{NOVEL, News};
use super::openings::Openings;
use super::shape::Shape;
use super::words::Words;
use crate::decode::{Address, Endpoint, Transport};
use crate::facts::PayloadSizes;
use crate::time::Timestamp;

/// What was learned of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Since when it was watched: the beginning of the first flow of it that carried payload.
    pub first: Timestamp,
    /// Until when: the newest segment of a flow that it opened or answered.
    pub last: Timestamp,
    /// When it was first seen to relay, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<Timestamp>,
    /// Since when it answers at ports, where no more is kept of them; the lowest.
    #[serde(skip)]
    pub ports: Few<Port, Timestamp, { Host::SERVICES }>,
    /// What it answers, by port; the lowest ports.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub services: Few<Port, Service, { Host::SERVICES }>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub destinations: Few<Destination, Seen, { Host::DESTINATIONS }>,
    /// How many sessions it opens in each hour of the day, UTC.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub rhythm: Few<Hour, Sessions, 24>,
    /// How connections to services of others open and how large their payloads are, by port; the lowest ports.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub calls: Few<Port, Call, { Host::CALLS }>,
    /// How it relays, by the port at which it is called.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub relays: Few<Listener, Relaying, { Host::RELAYS }>,
}

/// A port and its transport, such as `443/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// Its number, 0 where the transport has none.
    pub number: u16,
    /// Its transport.
    pub transport: Transport,
}

/// Where a relay is called: a port, or `out` where it connects out to the one that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Listener(pub Option<Port>);

/// A service of another host, such as `192.0.2.80:443/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination {
    /// The host.
    pub ip: IpAddr,
    /// Its port.
    pub port: Port,
}

/// An hour of the day, from 0 to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hour(u8);

/// The payload sizes of sessions with one service, and how these open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// What it sends.
    pub sent: Shape,
    /// What it is sent.
    pub received: Shape,
    /// How connections open, as far as that can be told.
    #[serde(default, skip_serializing_if = "Openings::is_empty")]
    pub openings: Openings,
}

/// How often and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// In how many sessions.
    pub sessions: Sessions,
    /// The beginning of the first.
    pub first: Timestamp,
    /// The newest segment of any.
    pub last: Timestamp,
}

/// A count of sessions, at most 2⁵³, so that any reader of TOML or JSON can hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u64")]
pub struct Sessions(u64);

/// A service that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// In how many sessions.
    pub sessions: Sessions,
    /// The beginning of the first.
    pub first: Timestamp,
    /// The newest segment of any.
    pub last: Timestamp,
    /// What is spoken with it, as far as that was read.
    #[serde(default, skip_serializing_if = "Words::is_empty")]
    pub protocols: Words,
    /// Whom it answers.
    #[serde(default)]
    pub clients: FewOf<IpAddr, CLIENTS>,
}

/// How a host relays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relaying {
    /// In how many sessions.
    pub sessions: Sessions,
    /// The beginning of the first.
    pub first: Timestamp,
    /// The newest segment of any.
    pub last: Timestamp,
    /// By which protocols and mechanisms.
    pub means: Words,
    /// For whom.
    #[serde(default)]
    pub clients: FewOf<IpAddr, CLIENTS>,
    /// To where, as `host:port`.
    #[serde(default)]
    pub targets: FewOf<String, TARGETS>,
    /// Whether somebody told of a session and not to where it went.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blind: bool,
}

impl Host {
    /// Services that are kept.
    pub const SERVICES: usize = 16;
    /// Destinations that are kept.
    pub const DESTINATIONS: usize = 16;
    /// Services of others of which payload sizes are kept.
    pub const CALLS: usize = 8;
    /// Listeners that are kept.
    pub const RELAYS: usize = 8;

    /// A host that was seen in a flow from its beginning to its newest segment.
    pub fn new(first: Timestamp, last: Timestamp) -> Self {
        Self {
            first,
            last,
            relayed: None,
            ports: Few::default(),
            services: Few::default(),
            destinations: Few::default(),
            rhythm: Few::default(),
            calls: Few::default(),
            relays: Few::default(),
        }
    }

    /// Whether it answered at a port before that moment, or may have done so: not every port is kept.
    pub fn may_have_answered(&self, port: Port, before: Timestamp) -> bool {
        let service = self.services.get(&port).map(|service| service.first);
        let since = service.or(self.ports.get(&port).copied());
        self.services.is_full() || self.ports.is_full() || since.is_some_and(|since| since < before)
    }

    /// Bytes of memory for one host of which only ports are kept, an upper bound: itself, its place and a full list.
    pub const LEAST_BYTES: usize = size_of::<(Address, Self)>() * 17 / 16
        + 4 * size_of::<(Address, u32)>()
        + Self::SERVICES * size_of::<(Port, Timestamp)>();

    /// Bytes of memory that it takes to keep more, its relays left out.
    pub const MORE_BYTES: usize = Self::SERVICES
        * (size_of::<(Port, Service)>() + CLIENTS * size_of::<IpAddr>())
        + Self::DESTINATIONS * size_of::<(Destination, Seen)>()
        + 24 * size_of::<(Hour, Sessions)>()
        + Self::CALLS * Call::BYTES;
}

impl Call {
    /// That of one session.
    pub fn of(sizes: &PayloadSizes) -> Self {
        let mut call = Self::default();
        call.sent.add(&sizes.client);
        call.received.add(&sizes.server);
        sizes
            .opening
            .into_iter()
            .for_each(|one| call.openings.add(one));
        call
    }

    /// The directions of this one session that are odd: a part [`NOVEL`] of their sizes is new.
    #[must_use]
    pub fn odd(&self, usual: &Self) -> Self {
        let odd = |usual: &Shape, now: &Shape| {
            let is_odd = News::of(usual, now).share() >= NOVEL;
            if is_odd {
                now.clone()
            } else {
                Shape::default()
            }
        };
        Self {
            sent: odd(&usual.sent, &self.sent),
            received: odd(&usual.received, &self.received),
            openings: Openings::default(),
        }
    }

    /// What it sends, or what it is sent.
    pub fn way(&self, sent: bool) -> &Shape {
        if sent { &self.sent } else { &self.received }
    }

    /// Bytes of memory for one, an upper bound: full lists.
    pub const BYTES: usize = size_of::<(Port, Self)>() + 2 * Shape::BYTES + Openings::BYTES;
}

impl Merge for Call {
    fn merge(&mut self, other: Self) {
        self.sent.merge(other.sent);
        self.received.merge(other.received);
        self.openings.merge(other.openings);
    }
}

impl Hour {
    /// The hour in which a moment is.
    pub fn of(moment: Timestamp) -> Self {
        let hour = moment.seconds().div_euclid(3_600).rem_euclid(24);
        Self(u8::try_from(hour).unwrap_or(0))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl std::str::FromStr for Hour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hour = text.parse().ok().filter(|hour| *hour < 24);
        hour.map(Self)
            .ok_or_else(|| format!("`{text}` is no hour of the day, from 00 to 23"))
    }
}

impl Relaying {
    /// Bytes of memory for one way to relay, an upper bound: full lists of the longest names.
    pub const BYTES: usize = 2 * size_of::<(Listener, Self)>()
        + CLIENTS * size_of::<IpAddr>()
        + TARGETS * (size_of::<String>() + 256 + 8);
}

impl Sessions {
    /// No session.
    pub const NONE: Self = Self(0);
    /// One session.
    pub const ONE: Self = Self(1);
}

impl Merge for Sessions {
    fn merge(&mut self, other: Self) {
        *self = self.0.saturating_add(other.0).into();
    }
}

impl From<Sessions> for u64 {
    fn from(sessions: Sessions) -> Self {
        sessions.0
    }
}

impl From<u64> for Sessions {
    fn from(count: u64) -> Self {
        Self(count.min(1 << 53))
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first time stays.
impl Merge for Timestamp {
    fn merge(&mut self, other: Self) {
        *self = other.min(*self);
    }
}

impl Merge for Host {
    fn merge(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.relayed = self.relayed.into_iter().chain(other.relayed).min();
        self.ports.merge(other.ports);
        self.services.merge(other.services);
        self.destinations.merge(other.destinations);
        self.rhythm.merge(other.rhythm);
        self.calls.merge(other.calls);
        self.relays.merge(other.relays);
    }
}

impl Merge for Seen {
    fn merge(&mut self, other: Self) {
        self.sessions.merge(other.sessions);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

impl Merge for Service {
    fn merge(&mut self, other: Self) {
        self.sessions.merge(other.sessions);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.protocols.merge(other.protocols);
        self.clients.merge(other.clients);
    }
}

impl Merge for Relaying {
    fn merge(&mut self, other: Self) {
        self.sessions.merge(other.sessions);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.means.merge(other.means);
        self.clients.merge(other.clients);
        self.targets.merge(other.targets);
        self.blind |= other.blind;
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TRANSPORTS
            .iter()
            .find(|(known, _)| *known == self.transport)
        {
            Some((_, name)) => write!(f, "{}/{name}", self.number),
            None => write!(f, "{}/{}", self.number, self.transport.0),
        }
    }
}

impl std::str::FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no port such as 443/tcp");
        let (number, name) = text.split_once('/').ok_or_else(wrong)?;
        let known = TRANSPORTS.iter().find(|(_, known)| *known == name);
        let transport = match known {
            Some((transport, _)) => *transport,
            None => Transport(name.parse().map_err(|_| wrong())?),
        };
        let number = number.parse().map_err(|_| wrong())?;
        Ok(Self { number, transport })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(port) => port.fmt(f),
            None => f.write_str(OUT),
        }
    }
}

impl std::str::FromStr for Listener {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            OUT => Ok(Self(None)),
            port => port.parse().map(Some).map(Self),
        }
    }
}

impl Destination {
    /// The service at an endpoint.
    pub fn new(end: Endpoint, transport: Transport) -> Self {
        let number = end.port;
        let port = Port { number, transport };
        let ip = end.address.ip();
        Self { ip, port }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        write!(f, "{host}:{}", self.port)
    }
}

impl std::str::FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no service such as 192.0.2.80:443/tcp");
        let (host, _) = text.rsplit_once('/').ok_or_else(wrong)?;
        let host: SocketAddr = host.parse().map_err(|_| wrong())?;
        let (_, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (ip, port) = (host.ip().to_canonical(), port.parse()?);
        Ok(Self { ip, port })
    }
}

/// They are written as their text.
macro_rules! text {
    ($($type:ty),*) => {$(
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}

text!(Port, Listener, Destination, Hour);

const CLIENTS: usize = 4;
const TARGETS: usize = 8;
const OUT: &str = "out";
const TRANSPORTS: [(Transport, &str); 3] = [
    (Transport::TCP, "tcp"),
    (Transport::UDP, "udp"),
    (Transport::SCTP, "sctp"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_were_written() {
        for text in ["443/tcp", "53/udp", "0/47", "9/sctp"] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Listener>().unwrap().to_string(), text);
        }
        for text in [
            "192.0.2.80:443/tcp",
            "[2001:db8::1]:53/udp",
            "192.0.2.80:0/47",
        ] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        assert_eq!("07".parse::<Hour>().unwrap().to_string(), "07");
        assert_eq!("out".parse::<Listener>().unwrap(), Listener(None));
    }

    #[test]
    fn what_is_no_key_is_told() {
        for text in ["", "443", "tcp/443", "65536/tcp", "443/256", "443/tcp/1"] {
            assert!(text.parse::<Port>().is_err(), "{text}");
        }
        for text in ["", "24", "-1", "noon"] {
            assert!(text.parse::<Hour>().is_err(), "{text}");
        }
        for text in ["", "192.0.2.80/tcp", "web:443/tcp", "192.0.2.80:443"] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }
}
