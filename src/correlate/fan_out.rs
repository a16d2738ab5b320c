//! # fan-out
//!
//! A relay begins sessions to many nodes in short succession for one client, or a client takes one relay after the other.
//!
//! ## Sees
//!
//! What relays were asked for and what the `relay` detector joined: per relay and client the distinct addresses reached
//! within a minute, and per client the distinct relays it used within a minute.
//!
//! ## Means
//!
//! A tool works through a list of targets behind a relay (proxychains with a scanner, a pivot through `ssh -D`), or leaves
//! by another exit each time. MITRE ATT&CK's AN1021 counts relays in short succession.
//!
//! ## Quiet when
//!
//! Nothing is relayed: a scan, a crawler, a poller or a peer among many reaches as many, for itself. A browser behind the
//! proxy of the house reaches many, too, but asks for them by name: addresses that somebody was told for a name count for
//! a quarter.
//!
//! ## Misses
//!
//! Lists that are worked through slowly, and tools whose targets all have names that were looked up.

use super::names::Names;
use super::recent::Recent;
use crate::decode::Address;
use crate::evidence::{Evidence, Says, Spread};
use crate::proto::target::Host;
use crate::time::{Span, Timestamp};

/// Who reached whom lately through relays, up to a cap.
#[derive(Debug)]
pub struct FanOuts {
    /// By relay and client.
    targets: Recent<(Address, Address), Reached>,
    /// By client.
    relays: Recent<Address, Reached>,
    limits: FanOutLimits,
}

/// From how many on it is told.
#[derive(Clone, Copy, Debug)]
pub struct FanOutLimits {
    /// Pairs of relay and client that are remembered.
    pub remembered: usize,
    /// Targets of one relay for one client within the window; those with a name count for a quarter.
    pub targets: usize,
    /// Relays of one client within the window.
    pub relays: usize,
    /// The window.
    pub window: Span,
}

/// The distinct hosts reached within the window, oldest first.
#[derive(Debug, Default)]
struct Reached {
    hosts: Vec<(Timestamp, Address, bool)>,
}

impl Reached {
    /// Adds a host; true where it was not reached within the window.
    fn add(&mut self, host: Address, named: bool, now: Timestamp, window: Span) -> bool {
        self.hosts.retain(|&(seen, ..)| now - seen <= window);
        let known = self.hosts.iter().any(|&(_, other, _)| other == host);
        if !known && self.hosts.len() < MOST_REACHED {
            self.hosts.push((now, host, named));
        }
        !known
    }

    /// How many, those with a name for a quarter.
    fn weight(&self) -> usize {
        let named = self.hosts.iter().filter(|(.., named)| *named).count();
        self.hosts.len() - named + named / 4
    }
}

impl FanOuts {
    /// Nobody reached anybody.
    pub fn new(limits: FanOutLimits) -> Self {
        Self {
            targets: Recent::new(limits.remembered),
            relays: Recent::new(limits.remembered),
            limits,
        }
    }

    /// Takes evidence of a relayed session.
    pub fn relayed(
        &mut self,
        evidence: &Evidence,
        names: &Names,
        now: Timestamp,
    ) -> Option<Evidence> {
        let (client, target) = ends(evidence)?;
        let relay = evidence.session.server.address;
        let named = names.name_of(target, client, now).is_some();
        let many_targets = self.reaches(relay, client, target, named, now);
        let many_relays = self.uses(relay, client, now);
        let spread = match (many_targets, many_relays) {
            (Some(targets), _) => Spread {
                target,
                targets,
                relays: 1,
            },
            (None, Some(relays)) => Spread {
                target: relay,
                targets: 1,
                relays,
            },
            (None, None) => return None,
        };
        Some(Evidence {
            detector: "fan-out",
            says: Says::Spread(spread),
            ..evidence.clone()
        })
    }

    /// How many targets a relay reached for a client, if they are many and this is one more.
    fn reaches(
        &mut self,
        relay: Address,
        client: Address,
        target: Address,
        named: bool,
        now: Timestamp,
    ) -> Option<usize> {
        let reached = entry(&mut self.targets, (relay, client))?;
        let fresh = reached.add(target, named, now, self.limits.window);
        (fresh && reached.weight() >= self.limits.targets).then_some(reached.hosts.len())
    }

    /// How many relays a client used, if they are many and this is one more.
    fn uses(&mut self, relay: Address, client: Address, now: Timestamp) -> Option<usize> {
        let used = entry(&mut self.relays, client)?;
        let fresh = used.add(relay, false, now, self.limits.window);
        (fresh && used.weight() >= self.limits.relays).then_some(used.hosts.len())
    }

    /// How many pairs of relay and client, and clients, gave way.
    pub fn forgotten(&self) -> u64 {
        self.targets.displaced() + self.relays.displaced()
    }

    /// Bytes of memory for one pair of relay and client, an upper bound.
    pub const ENTRY_BYTES: usize = 2
        * (4 * size_of::<((Address, Address), Reached)>()
            + 2 * MOST_REACHED * size_of::<(Timestamp, Address, bool)>());
}

fn entry<K: Copy + Eq + std::hash::Hash>(
    recent: &mut Recent<K, Reached>,
    key: K,
) -> Option<&mut Reached> {
    if !recent.contains(&key) {
        recent.insert(key, Reached::default());
    }
    recent.get_mut(&key)
}

/// Who asked, and the address that was asked for or reached.
fn ends(evidence: &Evidence) -> Option<(Address, Address)> {
    match &evidence.says {
        Says::Join(join) => Some((join.client.address, join.target.address)),
        Says::Exchange(exchange) if !exchange.reverse => match exchange.target.as_ref()?.host {
            Host::Ip(ip) => Some((evidence.session.client.address, ip.into())),
            Host::Name(_) => None,
        },
        _ => None,
    }
}

/// Hosts that are remembered of one relay and client.
const MOST_REACHED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Endpoint;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::facts::Answers;
    use crate::proto::dns::Named;
    use crate::proto::target::Target;

    const LIMITS: FanOutLimits = FanOutLimits {
        remembered: 8,
        targets: 4,
        relays: 3,
        window: Span::from_seconds(60),
    };

    fn asked(relay: &str, target: usize) -> Evidence {
        let mut evidence = evidence(1, Certainty::Proven).at(relay);
        evidence.exchange_mut().target =
            Target::from_authority(format!("192.0.2.{target}:80").as_bytes());
        evidence
    }

    /// Seconds at which targets are asked for, and at which of them it is told.
    fn told(seconds: &[i64], names: &Names) -> Vec<usize> {
        let mut fan_outs = FanOuts::new(LIMITS);
        let asked = seconds.iter().enumerate().map(|(n, &second)| {
            let now = Timestamp::from_parts(second, 0);
            fan_outs.relayed(&asked("10.0.0.2:1080", n), names, now)
        });
        let told = asked.enumerate().filter(|(_, evidence)| evidence.is_some());
        told.map(|(n, _)| n).collect()
    }

    fn names(count: u8) -> Names {
        let mut names = Names::new(64);
        for n in 0..count {
            let named = vec![Named {
                name: format!("host{n}.test"),
                ip: std::net::Ipv4Addr::new(192, 0, 2, n).into(),
                ttl: 60,
            }];
            let asker = Endpoint {
                address: Address::from_bits(1),
                port: 53,
            };
            names.learn(&Answers { asker, named }, Timestamp::from_parts(0, 0));
        }
        names
    }

    #[test]
    fn many_targets_in_short_succession_are_told() {
        let none = names(0);
        assert_eq!(told(&[0, 1, 2, 3, 4], &none), [3, 4]);
        assert_eq!(told(&[0, 1, 2], &none), [0usize; 0]);
        assert_eq!(told(&[0, 40, 80, 120, 160], &none), [0usize; 0]);
    }

    #[test]
    fn targets_with_a_name_count_for_a_quarter() {
        let seconds: Vec<i64> = (0..20).collect();
        assert_eq!(told(&seconds[..15], &names(20)), [0usize; 0]);
        assert_eq!(told(&seconds, &names(20)), [15, 16, 17, 18, 19]);
    }

    #[test]
    fn one_relay_after_the_other_is_told() {
        let mut fan_outs = FanOuts::new(LIMITS);
        let none = names(0);
        for (n, expected) in [(1, None), (2, None), (3, Some(3)), (3, None)] {
            let now = Timestamp::from_parts(n, 0);
            let evidence = asked(&format!("10.0.1.{n}:1080"), 80);
            let told = fan_outs.relayed(&evidence, &none, now).map(|e| e.says);
            let relays = told.map(|says| match says {
                Says::Spread(spread) => spread.relays,
                _ => 0,
            });
            assert_eq!(relays, expected, "{n}");
        }
    }

    #[test]
    fn the_same_target_again_is_one() {
        let mut fan_outs = FanOuts::new(LIMITS);
        for n in 0..20 {
            let now = Timestamp::from_parts(n, 0);
            assert!(
                fan_outs
                    .relayed(&asked("10.0.0.2:1080", 7), &names(0), now)
                    .is_none()
            );
        }
    }
}
