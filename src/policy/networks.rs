//! What is inside, and the way that a use takes between inside and outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::list::List;
use super::prefix::Prefix;

/// The networks of whoever listens. Every other address is outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Networks {
    /// What is inside.
    pub inside: List<Prefix>,
}

impl Networks {
    /// Where an address is.
    pub fn place(&self, ip: IpAddr) -> Place {
        if self.inside.iter().any(|prefix| prefix.has(ip)) {
            Place::Inside
        } else {
            Place::Outside
        }
    }
}

/// What nobody routes between sites: private (RFC 1918, RFC 4193), shared (RFC 6598), link-local and loopback addresses.
impl Default for Networks {
    fn default() -> Self {
        Self {
            inside: List::from(UNROUTED.to_vec()),
        }
    }
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a network of whoever listens.
    Inside,
    /// Anywhere else.
    Outside,
}

/// The way that a use takes: from a client, through the relay, to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The relay connected out to the one it serves.
    BackConnect,
    /// Outside, inside, outside.
    Through,
    /// Outside, inside, inside, or to a target that is not known.
    Inward,
    /// [`Way::Inward`], and joined flows through a proxy or a tunnel: the client says where to.
    DirectedInward,
    /// Inside, inside, outside.
    Outward,
    /// [`Way::Outward`], and joined flows where nothing asks for a relay: at an unusual port, or through a tunnel.
    OddOutward,
    /// Inside, inside, inside, or to a target that is not known.
    Internal,
    /// Inside, outside, anywhere.
    External,
    /// Outside, outside, inside.
    BackIn,
    /// Outside, outside, outside, or to a target that is not known.
    Foreign,
}

impl Way {
    /// Every way, in the order in which they are documented.
    pub const ALL: [Self; 10] = [
        Self::BackConnect,
        Self::Through,
        Self::Outward,
        Self::OddOutward,
        Self::Internal,
        Self::External,
        Self::Inward,
        Self::DirectedInward,
        Self::BackIn,
        Self::Foreign,
    ];

    /// The way between these places; `target` is `None` where it is not known.
    pub fn between(client: Place, relay: Place, target: Option<Place>) -> Self {
        use Place::{Inside, Outside};
        match (client, relay, target) {
            (Outside, Inside, Some(Outside)) => Self::Through,
            (Outside, Inside, _) => Self::Inward,
            (Inside, Inside, Some(Outside)) => Self::Outward,
            (Inside, Inside, _) => Self::Internal,
            (Inside, Outside, _) => Self::External,
            (Outside, Outside, Some(Inside)) => Self::BackIn,
            (Outside, Outside, _) => Self::Foreign,
        }
    }

    /// Whether only joined flows are said to take it.
    pub const fn is_of_joined(self) -> bool {
        matches!(self, Self::OddOutward | Self::DirectedInward)
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BackConnect => "back-connect",
            Self::Through => "through",
            Self::Inward => "inward",
            Self::DirectedInward => "inward, directed",
            Self::BackIn => "back in",
            Self::Outward => "outward",
            Self::OddOutward => "outward, odd",
            Self::Internal => "internal",
            Self::External => "external",
            Self::Foreign => "foreign",
        }
    }

    /// Who stands where.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::BackConnect => "the relay connected out to the one it serves",
            Self::Through => "an inside host takes outside clients to outside targets",
            Self::Inward => "an inside host takes outside clients to inside targets",
            Self::DirectedInward => "the same through a proxy or tunnel: the client says where to",
            Self::BackIn => "an outside host takes outside clients to inside targets",
            Self::Outward => "an inside host takes inside clients to outside targets",
            Self::OddOutward => {
                "the same at an unusual port or through a tunnel, where no protocol asks for it"
            }
            Self::Internal => "an inside host takes inside clients to inside targets",
            Self::External => "an outside host relays for inside clients",
            Self::Foreign => "an outside host relays for outside clients",
        }
    }
}

const UNROUTED: [Prefix; 9] = [
    Prefix::v4(Ipv4Addr::new(10, 0, 0, 0), 8),
    Prefix::v4(Ipv4Addr::new(100, 64, 0, 0), 10),
    Prefix::v4(Ipv4Addr::new(127, 0, 0, 0), 8),
    Prefix::v4(Ipv4Addr::new(169, 254, 0, 0), 16),
    Prefix::v4(Ipv4Addr::new(172, 16, 0, 0), 12),
    Prefix::v4(Ipv4Addr::new(192, 168, 0, 0), 16),
    Prefix::v6(Ipv6Addr::LOCALHOST, 128),
    Prefix::v6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    Prefix::v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_routes_is_inside_by_default() {
        let cases = [
            ("10.9.1.10", Place::Inside),
            ("172.31.255.255", Place::Inside),
            ("172.32.0.0", Place::Outside),
            ("192.168.0.1", Place::Inside),
            ("100.127.0.1", Place::Inside),
            ("169.254.1.1", Place::Inside),
            ("127.0.0.1", Place::Inside),
            ("::1", Place::Inside),
            ("fd12::1", Place::Inside),
            ("fe80::1", Place::Inside),
            ("192.0.2.80", Place::Outside),
            ("2001:db8::1", Place::Outside),
        ];
        for (ip, place) in cases {
            assert_eq!(
                Networks::default().place(ip.parse().unwrap()),
                place,
                "{ip}"
            );
        }
    }

    #[test]
    fn a_way_is_named_for_where_its_ends_are() {
        use Place::{Inside, Outside};
        let cases = [
            (Outside, Inside, Some(Outside), Way::Through),
            (Outside, Inside, Some(Inside), Way::Inward),
            (Outside, Inside, None, Way::Inward),
            (Inside, Inside, Some(Outside), Way::Outward),
            (Inside, Inside, Some(Inside), Way::Internal),
            (Inside, Inside, None, Way::Internal),
            (Inside, Outside, None, Way::External),
            (Inside, Outside, Some(Inside), Way::External),
            (Outside, Outside, Some(Inside), Way::BackIn),
            (Outside, Outside, Some(Outside), Way::Foreign),
        ];
        for (client, relay, target, way) in cases {
            assert_eq!(Way::between(client, relay, target), way);
        }
    }
}
