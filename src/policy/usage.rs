//! What a finding tells of the use of a relay, read from its JSON alone: so that old findings and new ones, of this
//! version and of later ones, are judged by the same code.

mod wire;

use std::net::IpAddr;

use serde::Deserialize;

use super::groups::Host as Party;
use super::means::Means;
use super::networks::{Networks, Place, Way};
use super::severity::{Class, Scene};
use crate::evidence::Certainty;
use crate::proto::target::{Host, Target};
use crate::time::Timestamp;
use wire::Wire;

/// The use of a relay, or of several in a chain.
#[derive(Clone, Debug)]
pub struct Use {
    /// Who opened the first session.
    pub client: IpAddr,
    /// Who was called.
    pub server: IpAddr,
    /// The newest packet of it.
    pub last_seen: Timestamp,
    /// Who opened was not seen, and no parsed exchange tells.
    pub ends_are_guessed: bool,
    /// The VLANs of its sessions; none where one of them bore no tag.
    pub vlans: Vec<u16>,
    /// Flows were joined behind a proxy: it was asked for a name, and what is told is the address it found for that.
    pub proxy_resolved: bool,
    /// What DNS answers called addresses.
    pub known: Vec<(IpAddr, String)>,
    /// Each relay with whom it serves and what it was asked for, in order.
    pub links: Vec<Link>,
    certainty: Certainty,
    class: Class,
    reverse: bool,
    odd: bool,
    directed: bool,
    turned: bool,
}

/// One relay of a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whom it serves.
    pub clients: Vec<IpAddr>,
    /// Whether it serves more than these.
    pub more_clients: bool,
    /// The relay.
    pub relay: IpAddr,
    /// The port at which it was called; `None` where it was not called, or that was not seen.
    pub port: Option<u16>,
    /// By which means it relays, all of them together.
    pub means: Vec<Spoken>,
    /// Where it was to go, as far as that was seen.
    pub targets: Vec<Target>,
    /// Whether some of its targets were not seen.
    pub more_targets: bool,
}

/// A means, as a finding tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoken {
    /// One of these.
    Means(&'static [Means]),
    /// A word of the finding for which an approval has none.
    Word(String),
}

impl Spoken {
    /// The means that it may be.
    pub fn means(&self) -> &'static [Means] {
        match self {
            Self::Means(means) => means,
            Self::Word(_) => &[],
        }
    }
}

impl From<Result<&'static [Means], &str>> for Spoken {
    fn from(told: Result<&'static [Means], &str>) -> Self {
        told.map_or_else(|word| Self::Word(word.to_owned()), Self::Means)
    }
}

impl Use {
    /// Reads a finding.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn read(finding: &serde_json::Value) -> Result<Self, String> {
        Wire::deserialize(finding)
            .map_err(|error| error.to_string())?
            .read()
    }

    /// A host of it as groups see it.
    pub fn host(&self, ip: IpAddr) -> Party<'_> {
        let vlans = &self.vlans;
        Party { ip, vlans }
    }

    /// How it was found.
    pub fn class(&self) -> Class {
        self.class
    }

    /// What of it bears on how severe it is; of several ways, the worst.
    pub fn scene(&self, networks: &Networks) -> Scene {
        let (class, certainty) = (self.class, self.certainty);
        let scene = |way| Scene {
            class,
            way,
            certainty,
            turned: self.turned,
        };
        let scenes = self.ways(networks).into_iter().map(scene);
        let worst = scenes.max_by_key(|scene| scene.base());
        worst.unwrap_or_else(|| scene(Way::Internal))
    }

    /// From each place where clients are to each place where targets are.
    fn ways(&self, networks: &Networks) -> Vec<Way> {
        let (Some(first), Some(last)) = (self.links.first(), self.links.last()) else {
            return Vec::new();
        };
        if self.reverse {
            return vec![Way::BackConnect];
        }
        let relay = networks.place(first.relay);
        let targets = self.places(last, networks);
        let clients = first.clients.iter().map(|ip| networks.place(*ip));
        let ways = clients.flat_map(|client| {
            let to = |target: &Option<Place>| Way::between(client, relay, *target);
            targets.iter().map(to).collect::<Vec<_>>()
        });
        let precise = |way| match way {
            Way::Outward if self.odd => Way::OddOutward,
            Way::Inward if self.directed => Way::DirectedInward,
            way => way,
        };
        ways.map(precise).collect()
    }

    /// Where the targets of a relay are; `None` for one that is not known, or where there is none.
    fn places(&self, link: &Link, networks: &Networks) -> Vec<Option<Place>> {
        let named = |name: &str| {
            let mut known = self.known.iter();
            known.find(|(_, other)| other == name).map(|&(ip, _)| ip)
        };
        let address = |target: &Target| match &target.host {
            Host::Ip(ip) => Some(*ip),
            Host::Name(name) => named(name),
        };
        let places = link.targets.iter().map(address);
        let mut places: Vec<_> = places.map(|ip| ip.map(|ip| networks.place(ip))).collect();
        if places.is_empty() {
            places.push(None);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::samples::{finding, with};

    #[test]
    fn a_proxy_serves_whoever_called_it() {
        let used = Use::read(&finding()).unwrap();
        let [link] = &used.links[..] else {
            panic!("{used:?}")
        };
        assert_eq!(
            (link.clients[0], link.relay),
            ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap())
        );
        assert_eq!(
            (link.port, &link.means[..]),
            (Some(1080), &[Spoken::Means(&[Means::Socks])][..])
        );
        let targets: Vec<String> = link.targets.iter().map(ToString::to_string).collect();
        assert_eq!(targets, ["www.example.test:443"]);
        assert!(!link.more_targets && !used.ends_are_guessed && used.vlans.is_empty());
    }

    #[test]
    fn a_host_that_connects_out_serves_whom_it_called() {
        let finding = with(
            finding(),
            json!({
                "relay": "10.0.0.1", "server": { "ip": "198.51.100.7", "port": 443 },
                "evidence": { "protocols": [{ "value": "socks5", "count": 1 }], "reverse": true },
            }),
        );
        let used = Use::read(&finding).unwrap();
        let link = &used.links[0];
        assert_eq!(
            (link.clients[0].to_string(), link.port),
            ("198.51.100.7".to_owned(), None)
        );
        let means: Vec<_> = link.means.iter().map(Spoken::means).collect();
        assert_eq!(means, [[Means::Socks], [Means::BackConnect]]);
        assert_eq!(used.scene(&Networks::default()).way, Way::BackConnect);
    }

    #[test]
    fn a_chain_has_a_link_for_each_relay() {
        let finding = with(
            finding(),
            json!({
                "detector": "multi-hop", "mechanism": null, "target": null,
                "evidence": {
                    "relays": 2, "mechanisms": ["forward", "dnat"],
                    "targets": [{ "value": "192.0.2.80", "count": 3 }, { "value": "192.0.2.81", "count": 1 }],
                },
                "chain": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.80"],
                "flows": [{ "server": { "ip": "10.0.0.3", "port": 2222 } }, { "server": { "ip": "10.0.0.2", "port": 22 } }],
            }),
        );
        let used = Use::read(&finding).unwrap();
        let told: Vec<String> = used
            .links
            .iter()
            .map(|link| {
                format!(
                    "{} {} {:?} {:?} {}",
                    link.clients[0],
                    link.relay,
                    link.port,
                    link.means[0].means(),
                    link.targets[0]
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "10.0.0.1 10.0.0.2 Some(22) [Relay] 10.0.0.3:2222",
                "10.0.0.2 10.0.0.3 Some(2222) [Dnat] 192.0.2.80:0",
            ]
        );
        assert_eq!(used.links[1].targets.len(), 2);
        assert_eq!(used.scene(&Networks::default()).way, Way::Outward);
    }

    #[test]
    fn the_last_of_a_chain_may_be_a_relay_whose_target_was_not_seen() {
        let finding = with(
            finding(),
            json!({
                "detector": "multi-hop", "target": null, "chain": ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
                "evidence": { "relays": 2, "mechanisms": ["forward"] },
            }),
        );
        let links = Use::read(&finding).unwrap().links;
        let relays: Vec<String> = links.iter().map(|link| link.relay.to_string()).collect();
        assert_eq!(relays, ["10.0.0.2", "10.0.0.3"]);
        assert!(links[1].targets.is_empty() && links[1].means.is_empty());
    }

    #[test]
    fn a_joined_relay_serves_all_its_clients() {
        let clients =
            json!([{ "value": "10.0.0.1", "count": 1 }, { "value": "192.0.2.9", "count": 1 }]);
        let more = json!([{ "value": "10.0.0.1", "count": 1 }, { "value": null, "count": 1 }]);
        let read = |clients, mechanism: &str| {
            let evidence = json!({
                "mechanisms": [{ "value": mechanism, "count": 2 }],
                "clients": clients,
                "targets": [{ "value": { "ip": "10.0.0.9", "port": 80 }, "count": 2 }],
            });
            let keys = json!({ "detector": "relay", "mechanism": mechanism, "evidence": evidence });
            Use::read(&with(finding(), keys)).unwrap()
        };
        let used = read(clients.clone(), "forward");
        assert_eq!(
            (used.links[0].clients.len(), used.links[0].more_clients),
            (2, false)
        );
        assert!(read(more, "forward").links[0].more_clients);
        // The worst of the ways of its clients: from outside alone it would be low.
        assert_eq!(used.scene(&Networks::default()).way, Way::Internal);
        let used = read(clients, "tunnel");
        assert_eq!(used.scene(&Networks::default()).way, Way::DirectedInward);
    }

    #[test]
    fn a_relay_of_two_addresses_is_called_at_one_and_named_by_the_other() {
        let keys = json!({ "detector": "fan-out", "relay": "10.0.0.9", "evidence": null });
        let link = Use::read(&with(finding(), keys)).unwrap().links.remove(0);
        let ends = (
            link.clients[0].to_string(),
            link.relay.to_string(),
            link.port,
        );
        assert_eq!(
            ends,
            ("10.0.0.1".to_owned(), "10.0.0.9".to_owned(), Some(1080))
        );
    }

    #[test]
    fn an_agent_that_calls_its_hub_connects_out() {
        let keys = json!({ "detector": "relay", "mechanism": "tunnel", "relay": "10.0.0.1" });
        let used = Use::read(&with(finding(), keys)).unwrap();
        assert_eq!(used.scene(&Networks::default()).way, Way::BackConnect);
    }

    #[test]
    fn a_way_out_is_odd_at_an_unusual_port_or_through_a_tunnel() {
        let cases = [
            ("relay", "forward", 443, Way::Outward),
            ("relay", "forward", 4444, Way::OddOutward),
            ("relay", "tunnel", 443, Way::OddOutward),
            ("socks-proxy", "proxy", 4444, Way::Outward),
        ];
        for (detector, mechanism, port, way) in cases {
            let keys = json!({
                "detector": detector,
                "mechanism": mechanism,
                "server": { "ip": "10.0.0.2", "port": port },
                "target": { "ip": "192.0.2.80", "port": 443 },
                "evidence": null,
            });
            let used = Use::read(&with(finding(), keys)).unwrap();
            assert_eq!(
                used.scene(&Networks::default()).way,
                way,
                "{detector} {mechanism} {port}"
            );
        }
    }

    #[test]
    fn targets_that_were_not_seen_are_missed() {
        let asked = |targets: serde_json::Value, opened: u64| {
            let evidence = json!({ "evidence": { "targets": targets, "opened": opened } });
            Use::read(&with(finding(), evidence)).unwrap().links[0].more_targets
        };
        let one = json!([{ "value": { "ip": "192.0.2.1", "port": 80 }, "count": 2 }]);
        let more = json!([{ "value": { "ip": "192.0.2.1", "port": 80 }, "count": 2 }, { "value": null, "count": 1 }]);
        let cases = [
            (one.clone(), 2, false),
            (one, 3, true),
            (more, 1, true),
            (json!([]), 0, false),
            (json!([]), 1, true),
        ];
        for (targets, opened, expected) in cases {
            assert_eq!(
                asked(targets.clone(), opened),
                expected,
                "{targets} {opened}"
            );
        }
    }

    #[test]
    fn what_is_no_finding_is_refused() {
        let cases = [
            (json!({}), "missing field `detector`"),
            (json!([]), "invalid length"),
            (
                with(finding(), json!({ "certainty": "sure" })),
                "there is no certainty `sure`",
            ),
            (with(finding(), json!({ "last_seen": "now" })), "now: "),
            (
                with(finding(), json!({ "client": { "ip": "x" } })),
                "invalid IP address",
            ),
        ];
        for (line, part) in cases {
            let error = Use::read(&line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
