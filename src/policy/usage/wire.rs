//! The keys of a finding's JSON that tell of the use of a relay, and how they are read.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::{Link, Spoken, Use};
use crate::evidence::Certainty;
use crate::policy::means::Means;
use crate::policy::severity::Class;
use crate::proto::target::{Host, Target};

/// The keys of a finding that tell of the use.
#[derive(Deserialize)]
pub(super) struct Wire {
    detector: String,
    certainty: String,
    last_seen: String,
    client: Address,
    server: Address,
    relay: Option<IpAddr>,
    mechanism: Option<String>,
    target: Option<WireTarget>,
    #[serde(default)]
    chain: Vec<IpAddr>,
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

/// A target as it was asked for, or an address alone.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum WireTarget {
    Address(IpAddr),
    Asked {
        ip: Option<IpAddr>,
        host: Option<String>,
        #[serde(default)]
        port: u16,
    },
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
    clients: Vec<Counted<IpAddr>>,
    targets: Vec<Counted<WireTarget>>,
    mechanisms: Vec<Mechanism>,
    relays: Option<usize>,
    causes: Vec<Counted<String>>,
    opened: u64,
    reverse: bool,
}

/// A value and how often it was seen; without a value, all that had no place of their own.
#[derive(Deserialize)]
struct Counted<T> {
    value: Option<T>,
    #[serde(default)]
    count: u64,
}

/// A mechanism in the order of a chain, or one that was counted.
#[derive(Deserialize)]
#[serde(untagged)]
enum Mechanism {
    InOrder(String),
    Counted { value: Option<String> },
}

impl Mechanism {
    fn word(&self) -> Option<&str> {
        match self {
            Self::InOrder(word) => Some(word),
            Self::Counted { value } => value.as_deref(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Quality {
    midstream: bool,
}

impl Wire {
    /// Reads the use out of them.
    pub(super) fn read(self) -> Result<Use, String> {
        let certainty = certainty(&self.certainty)?;
        let class = self.class();
        Ok(Use {
            client: self.client.ip,
            server: self.server.ip,
            last_seen: self.last_seen.parse()?,
            ends_are_guessed: self.quality.midstream && certainty < Certainty::Proven,
            vlans: self.vlans(),
            proxy_resolved: class == Class::Joined && self.mechanism.as_deref() == Some("proxy"),
            known: self.names.clone().into_iter().collect(),
            links: self.links(),
            certainty,
            class,
            reverse: self.is_reverse(),
            odd: class == Class::Joined && self.is_odd(),
            directed: class == Class::Joined && self.is_directed(),
            turned: self.detector == TURNED,
        })
    }

    /// How it was found: a host that turned, by what shows best that it did.
    fn class(&self) -> Class {
        let causes = self.evidence.causes.iter();
        let causes = causes.filter_map(|counted| counted.value.as_deref());
        let detectors = std::iter::once(self.detector.as_str()).chain(causes);
        let mechanism = self.mechanism.as_deref();
        let classes = detectors.map(|detector| Class::of(detector, mechanism));
        classes.max().unwrap_or(Class::Asked)
    }

    /// The tags of all sessions; none where one of them bore none.
    fn vlans(&self) -> Vec<u16> {
        let tags: Option<Vec<u16>> = self.flows.iter().map(|flow| flow.vlan).collect();
        let mut tags = tags.unwrap_or_default();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// Whether the relay called whom it serves, or the hub from which they come.
    fn is_reverse(&self) -> bool {
        // Whose payloads moved calls others as it always did.
        let serves = self.detector != MOVED;
        self.evidence.reverse || serves && self.called_out() && !self.is_path()
    }

    /// Whether the relay opened the first session. A relay of two addresses may be called at one and named by the other.
    fn called_out(&self) -> bool {
        self.relay == Some(self.client.ip) && self.client.ip != self.server.ip
    }

    /// Whether the client says where to.
    fn is_directed(&self) -> bool {
        self.mechanisms()
            .any(|word| ["proxy", "tunnel"].contains(&word))
    }

    fn is_odd(&self) -> bool {
        let is_usual = |port: u16| USUAL_PORTS.contains(&port);
        let is_tunnel = self.mechanisms().any(|word| word == "tunnel");
        is_tunnel || !self.server.port.is_some_and(is_usual)
    }

    /// How it relays, in the words of the finding.
    fn mechanisms(&self) -> impl Iterator<Item = &str> {
        let listed = self.evidence.mechanisms.iter();
        let listed = listed.filter_map(Mechanism::word);
        self.mechanism.as_deref().into_iter().chain(listed)
    }

    /// Whether several relays stand in a row.
    fn is_path(&self) -> bool {
        self.relaying() > 1
    }

    /// How many of the chain relay: all but its ends, unless it is known that the last one does, too.
    fn relaying(&self) -> usize {
        let between = self.chain.len().saturating_sub(2);
        self.evidence.relays.unwrap_or(between)
    }

    /// A chain has a link for each of its relays; anything else has one.
    fn links(&self) -> Vec<Link> {
        let hops = self.chain.windows(2).take(self.relaying()).enumerate();
        let hops = hops.filter(|_| self.is_path());
        let links: Vec<Link> = hops
            .filter_map(|(place, hop)| self.hop(place, hop))
            .collect();
        if links.is_empty() {
            vec![self.whole()]
        } else {
            links
        }
    }

    /// The relay of a chain that stands behind `place` others.
    fn hop(&self, place: usize, hop: &[IpAddr]) -> Option<Link> {
        let [client, relay] = *hop else {
            return None;
        };
        let next = self.chain.get(place + 2).map(|ip| self.called(*ip));
        let is_last = place + 1 == self.relaying();
        let targets = self.asked();
        let mechanism = self
            .evidence
            .mechanisms
            .get(place)
            .and_then(Mechanism::word);
        Some(Link {
            clients: vec![client],
            more_clients: false,
            relay,
            port: Some(self.called(relay).port).filter(|port| *port != 0),
            means: mechanism
                .map(|word| Means::of_mechanism(word).into())
                .into_iter()
                .collect(),
            more_targets: is_last && self.has_more_targets(),
            targets: match next {
                Some(_) if is_last && !targets.is_empty() => targets,
                next => next.into_iter().collect(),
            },
        })
    }

    /// A host at the port at which it was called, 0 where that is not told.
    fn called(&self, ip: IpAddr) -> Target {
        let mut flows = self.flows.iter();
        let flow = flows.find(|flow| flow.server.ip == ip);
        Target {
            host: Host::from_ip(ip),
            port: flow.and_then(|flow| flow.server.port).unwrap_or(0),
        }
    }

    /// The one relay of a use.
    fn whole(&self) -> Link {
        let relay = self.relay.unwrap_or(self.server.ip);
        let was_called = !self.called_out();
        let listed = &self.evidence.clients;
        let mut clients: Vec<IpAddr> = listed.iter().filter_map(|one| one.value).collect();
        if clients.is_empty() {
            clients.push(if was_called {
                self.client.ip
            } else {
                self.server.ip
            });
        }
        Link {
            clients,
            more_clients: listed.iter().any(|one| one.value.is_none()),
            relay,
            port: self.server.port.filter(|_| was_called),
            means: self.means(),
            targets: self.asked(),
            more_targets: self.has_more_targets(),
        }
    }

    /// The targets that were asked for or reached.
    fn asked(&self) -> Vec<Target> {
        let listed = self.evidence.targets.iter();
        let listed: Vec<Target> = listed
            .filter_map(|counted| self.target(counted.value.as_ref()?))
            .collect();
        if listed.is_empty() {
            let one = self.target.as_ref().and_then(|target| self.target(target));
            return one.into_iter().collect();
        }
        listed
    }

    fn target(&self, target: &WireTarget) -> Option<Target> {
        match target {
            WireTarget::Address(ip) => Some(self.called(*ip)),
            WireTarget::Asked { ip, host, port } => {
                let named = || Host::from_text(host.as_ref()?.as_bytes());
                let host = ip.map(Host::from_ip).or_else(named)?;
                Some(Target { host, port: *port })
            }
        }
    }

    /// Whether the relay went where nobody saw it: targets beyond those listed, or fewer than it did what was asked.
    fn has_more_targets(&self) -> bool {
        let targets = &self.evidence.targets;
        let seen: u64 = targets.iter().map(|counted| counted.count).sum();
        targets.iter().any(|counted| counted.value.is_none()) || seen < self.evidence.opened
    }

    fn means(&self) -> Vec<Spoken> {
        let protocols = self.evidence.protocols.iter();
        let protocols = protocols.filter_map(|counted| counted.value.as_deref());
        let mut means: Vec<Spoken> = protocols
            .map(|word| Means::of_protocol(word).into())
            .collect();
        if means.is_empty() {
            let mechanism = self.mechanism.as_deref();
            means.extend(mechanism.map(|word| Spoken::from(Means::of_mechanism(word))));
        }
        let back: &[Means] = &[Means::BackConnect];
        means.extend(self.is_reverse().then_some(Spoken::Means(back)));
        means.sort_unstable();
        means.dedup();
        means
    }
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

/// The detector of payload sizes that moved.
const MOVED: &str = "payload-anomaly";

/// The detector of hosts that never relayed before.
const TURNED: &str = "new-relay";

/// Ports at which services are called that are there for many.
const USUAL_PORTS: [u16; 23] = [
    22, 25, 53, 80, 110, 123, 143, 443, 465, 587, 636, 853, 993, 995, 1080, 1194, 3128, 3142, 3389,
    8000, 8080, 8443, 8888,
];
