//! What a finding tells of the use of a relay, read from its JSON alone: so that old findings and new ones, of this
//! version and of later ones, are judged by the same code.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::groups::Host as Party;
use super::means::Means;
use super::networks::{Networks, Place, Way};
use super::severity::{Class, Scene};
use crate::evidence::Certainty;
use crate::proto::target::{Host, Target};
use crate::time::Timestamp;

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
    /// What DNS answers called addresses.
    pub known: Vec<(IpAddr, String)>,
    /// Each relay with whom it serves and what it was asked for, in order.
    pub links: Vec<Link>,
    certainty: Certainty,
    class: Class,
    reverse: bool,
    odd: bool,
    directed: bool,
}

/// One relay of a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whom it serves.
    pub client: IpAddr,
    /// The relay.
    pub relay: IpAddr,
    /// The port at which it was called; `None` where it was not called, or that was not seen.
    pub port: Option<u16>,
    /// By which means it relays; a word of the finding where an approval has none for it.
    pub means: Vec<Result<Means, String>>,
    /// Where it was to go, as far as that was seen.
    pub targets: Vec<Target>,
    /// Whether some of its targets were not seen.
    pub more_targets: bool,
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

    /// What of it bears on how severe it is.
    pub fn scene(&self, networks: &Networks) -> Scene {
        Scene {
            class: self.class,
            way: self.way(networks),
            certainty: self.certainty,
        }
    }

    fn way(&self, networks: &Networks) -> Way {
        let (Some(first), Some(last)) = (self.links.first(), self.links.last()) else {
            return Way::Foreign;
        };
        if self.reverse {
            return Way::BackConnect;
        }
        let target = self.farthest(last, networks);
        let [client, relay] = [first.client, first.relay].map(|ip| networks.place(ip));
        match Way::between(client, relay, target) {
            Way::Outward if self.odd => Way::OddOutward,
            Way::Inward if self.directed => Way::DirectedInward,
            way => way,
        }
    }

    /// Where the targets of a relay are; outside if one of them is.
    fn farthest(&self, link: &Link, networks: &Networks) -> Option<Place> {
        let named = |name: &str| {
            let mut known = self.known.iter();
            known.find(|(_, other)| other == name).map(|&(ip, _)| ip)
        };
        let addresses = link.targets.iter().filter_map(|target| match &target.host {
            Host::Ip(ip) => Some(*ip),
            Host::Name(name) => named(name),
        });
        let places = addresses.map(|ip| networks.place(ip));
        places.max_by_key(|place| *place == Place::Outside)
    }
}

/// The keys of a finding that tell of the use.
#[derive(Deserialize)]
struct Wire {
    detector: String,
    certainty: String,
    last_seen: String,
    client: Address,
    server: Address,
    relay: Option<IpAddr>,
    mechanism: Option<String>,
    target: Option<WireTarget>,
    #[serde(default)]
    chain: Vec<String>,
    #[serde(default)]
    names: BTreeMap<IpAddr, String>,
    #[serde(default)]
    flows: Vec<Flow>,
    #[serde(default)]
    evidence: Evidence,
    #[serde(default)]
    quality: Quality,
}

#[derive(Deserialize)]
struct Address {
    ip: IpAddr,
    port: Option<u16>,
}

#[derive(Clone, Deserialize)]
struct WireTarget {
    ip: Option<IpAddr>,
    host: Option<String>,
    #[serde(default)]
    port: u16,
}

#[derive(Deserialize)]
struct Flow {
    server: Address,
    vlan: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Evidence {
    protocols: Vec<Counted<String>>,
    targets: Vec<Counted<WireTarget>>,
    opened: u64,
    reverse: bool,
}

#[derive(Deserialize)]
struct Counted<T> {
    value: Option<T>,
    #[serde(default)]
    count: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Quality {
    midstream: bool,
}

impl Wire {
    fn read(self) -> Result<Use, String> {
        let certainty = certainty(&self.certainty)?;
        let class = Class::of(&self.detector, self.mechanism.as_deref());
        Ok(Use {
            client: self.client.ip,
            server: self.server.ip,
            last_seen: self.last_seen.parse()?,
            ends_are_guessed: self.quality.midstream && certainty < Certainty::Proven,
            vlans: self.vlans(),
            known: self.names.clone().into_iter().collect(),
            links: self.links(),
            certainty,
            class,
            reverse: self.evidence.reverse,
            odd: class == Class::Joined && self.is_odd(),
            directed: class == Class::Joined && self.is_directed(),
        })
    }

    fn vlans(&self) -> Vec<u16> {
        let tags: Option<Vec<u16>> = self.flows.iter().map(|flow| flow.vlan).collect();
        let mut tags = tags.unwrap_or_default();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn is_directed(&self) -> bool {
        matches!(self.mechanism.as_deref(), Some("proxy" | "tunnel"))
    }

    fn is_odd(&self) -> bool {
        let is_usual = |port: u16| USUAL_PORTS.contains(&port);
        self.mechanism.as_deref() == Some("tunnel") || !self.server.port.is_some_and(is_usual)
    }

    /// A chain of several relays has a link for each of them; anything else has one.
    fn links(&self) -> Vec<Link> {
        let chain: Vec<Host> = self.chain.iter().filter_map(|text| host(text)).collect();
        let hops = chain.windows(3).filter(|_| chain.len() > 3);
        let mut links: Vec<Link> = hops.filter_map(|hop| self.hop(hop)).collect();
        match links.last_mut() {
            None => vec![self.whole(chain.last())],
            Some(last) => {
                let asked = self.asked();
                last.targets = if asked.is_empty() {
                    last.targets.clone()
                } else {
                    asked
                };
                links
            }
        }
    }

    /// A relay in the middle of a chain.
    fn hop(&self, hop: &[Host]) -> Option<Link> {
        let [Host::Ip(client), Host::Ip(relay), next] = hop else {
            return None;
        };
        let called = |host: &Host| {
            let mut flows = self.flows.iter();
            let flow = flows.find(|flow| Host::from_ip(flow.server.ip) == *host)?;
            flow.server.port
        };
        let target = Target {
            host: next.clone(),
            port: called(next).unwrap_or(0),
        };
        Some(Link {
            client: *client,
            relay: *relay,
            port: called(&Host::Ip(*relay)),
            means: self.means(),
            targets: vec![target],
            more_targets: false,
        })
    }

    /// The one relay of a use.
    fn whole(&self, end: Option<&Host>) -> Link {
        let relay = self.relay.unwrap_or(self.server.ip);
        let was_called = relay == self.server.ip;
        let mut targets = self.asked();
        if let (true, Some(end)) = (targets.is_empty(), end) {
            let (host, port) = (end.clone(), 0);
            targets.push(Target { host, port });
        }
        Link {
            client: if was_called {
                self.client.ip
            } else {
                self.server.ip
            },
            relay,
            port: self.server.port.filter(|_| was_called),
            means: self.means(),
            targets,
            more_targets: self.has_more_targets(),
        }
    }

    /// The targets that were asked for.
    fn asked(&self) -> Vec<Target> {
        let listed = self.evidence.targets.iter();
        let listed: Vec<Target> = listed
            .filter_map(|counted| counted.value.clone()?.read())
            .collect();
        if listed.is_empty() {
            return self
                .target
                .clone()
                .and_then(WireTarget::read)
                .into_iter()
                .collect();
        }
        listed
    }

    /// Whether the relay went where nobody saw it: targets beyond those listed, or fewer than it did what was asked.
    fn has_more_targets(&self) -> bool {
        let targets = &self.evidence.targets;
        let seen: u64 = targets.iter().map(|counted| counted.count).sum();
        targets.iter().any(|counted| counted.value.is_none()) || seen < self.evidence.opened
    }

    fn means(&self) -> Vec<Result<Means, String>> {
        let protocols = self.evidence.protocols.iter();
        let protocols = protocols.filter_map(|counted| counted.value.as_deref());
        let spoken = protocols.map(Means::of);
        let mechanism = self.mechanism.as_deref().map(Means::of_mechanism);
        let mut means: Vec<_> = spoken.map(|word| word.map_err(str::to_owned)).collect();
        if means.is_empty() {
            means.extend(mechanism.map(|word| word.map_err(str::to_owned)));
        }
        means.extend(self.evidence.reverse.then_some(Ok(Means::BackConnect)));
        means.sort_unstable();
        means.dedup();
        means
    }
}

impl WireTarget {
    fn read(self) -> Option<Target> {
        let host = self.ip.map(Host::from_ip).or_else(|| host(&self.host?))?;
        let port = self.port;
        Some(Target { host, port })
    }
}

fn host(text: &str) -> Option<Host> {
    Host::from_text(text.as_bytes())
}

fn certainty(word: &str) -> Result<Certainty, String> {
    match word {
        "hint" => Ok(Certainty::Hint),
        "possible" => Ok(Certainty::Possible),
        "probable" => Ok(Certainty::Probable),
        "proven" => Ok(Certainty::Proven),
        other => Err(format!("there is no certainty `{other}`")),
    }
}

/// Ports at which services are called that are there for many.
const USUAL_PORTS: [u16; 22] = [
    22, 25, 53, 80, 110, 123, 143, 443, 465, 587, 636, 853, 993, 995, 1080, 1194, 3128, 3389, 8000,
    8080, 8443, 8888,
];

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
            (link.client, link.relay),
            ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap())
        );
        assert_eq!(
            (link.port, &link.means[..]),
            (Some(1080), &[Ok(Means::Socks)][..])
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
            (link.client.to_string(), link.port),
            ("198.51.100.7".to_owned(), None)
        );
        assert_eq!(link.means, [Ok(Means::Socks), Ok(Means::BackConnect)]);
        assert_eq!(used.scene(&Networks::default()).way, Way::BackConnect);
    }

    #[test]
    fn a_chain_has_a_link_for_each_relay() {
        let finding = with(
            finding(),
            json!({
                "detector": "multi-hop", "mechanism": "forward", "evidence": null, "target": null,
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
                    "{} {} {:?} {}",
                    link.client, link.relay, link.port, link.targets[0]
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "10.0.0.1 10.0.0.2 Some(22) 10.0.0.3:2222",
                "10.0.0.2 10.0.0.3 Some(2222) 192.0.2.80:0",
            ]
        );
        assert_eq!(used.links[0].means, [Ok(Means::Relay)]);
        assert_eq!(used.scene(&Networks::default()).way, Way::Outward);
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
