//! The story of a host: what all findings say of it together, so that the host that deserves a look first stands first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::summary::Summary;
use super::{Finding, Party, Severity, Verdict};
use crate::time::Timestamp;

/// What one host did, over all findings.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    /// The host.
    pub host: IpAddr,
    /// What a DNS answer called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is there for, where the configuration says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// The worst of its findings, and a step worse where two kinds of them come together.
    pub severity: Severity,
    /// How much speaks against it, in nats: detectors add up, each counted once for each part, by how sure it is. What is
    /// approved counts nothing; where two kinds come together, all counts half as much again.
    #[serde(serialize_with = "one_digit")]
    pub score: f64,
    /// Whether it does or suffers two of these: it relays, it goes out oddly, somebody commands it.
    pub both: bool,
    /// The detectors that found it relaying.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub relays: BTreeSet<&'static str>,
    /// The detectors that found it going out oddly: through a tunnel, through many relays, with payloads of other
    /// sizes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub goes_out: BTreeSet<&'static str>,
    /// The detectors that found somebody commanding it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub commanded: BTreeSet<&'static str>,
    /// How many hosts it serves.
    pub clients: usize,
    /// How many sessions its findings sum up: of the detector that tells of most, for several tell of the same ones.
    pub sessions: u64,
    /// The first packet of its findings.
    pub first_seen: Timestamp,
    /// The newest.
    pub last_seen: Timestamp,
    /// Its findings by their ids, the most severe first.
    pub findings: Vec<String>,
}

/// What a host is in a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Relays,
    GoesOut,
    Commanded,
}

/// Tells of each host that relays, goes out oddly or is commanded; the one that deserves a look first stands first.
pub fn tell(findings: &[Finding]) -> Vec<Story> {
    let mut scenes: BTreeMap<IpAddr, Vec<(Part, &Finding)>> = BTreeMap::new();
    for finding in findings {
        for (host, part) in parts(finding) {
            scenes.entry(host).or_default().push((part, finding));
        }
    }
    let stories = scenes.into_iter();
    let mut stories: Vec<Story> = stories
        .filter_map(|(host, scenes)| of(host, scenes))
        .collect();
    stories.sort_by(|one, other| {
        let by_score = other.score.total_cmp(&one.score);
        let by_part = other.relays.len().cmp(&one.relays.len());
        let by_severity = other.severity.cmp(&one.severity);
        by_severity.then(by_score).then(by_part)
    });
    stories
}

/// Who relays in a finding, who goes out oddly, and who is commanded.
fn parts(finding: &Finding) -> BTreeSet<(IpAddr, Part)> {
    let host = finding.relay.unwrap_or(finding.server.ip);
    if matches!(finding.evidence, Summary::Shells(_)) {
        return BTreeSet::from([(host, Part::Commanded)]);
    }
    let between = finding.chain.get(1..finding.chain.len().saturating_sub(1));
    let mut relays: Vec<IpAddr> = between.unwrap_or_default().to_vec();
    if matches!(finding.evidence, Summary::Drifts(_)) {
        return BTreeSet::from([(host, Part::GoesOut)]);
    }
    let works_through_many = match &finding.evidence {
        Summary::Spreads(spreads) => spreads.most_relays > 1,
        _ => false,
    };
    if relays.is_empty() && !works_through_many {
        relays.push(host);
    }
    let client = finding.client.ip;
    let is_odd = works_through_many || finding.mechanism == Some("tunnel");
    let is_odd = is_odd && !relays.contains(&client);
    let goes_out = is_odd.then_some((client, Part::GoesOut));
    let relays = relays.into_iter().map(|relay| (relay, Part::Relays));
    relays.chain(goes_out).collect()
}

fn of(host: IpAddr, mut scenes: Vec<(Part, &Finding)>) -> Option<Story> {
    scenes.sort_by_key(|(_, finding)| Reverse(finding.severity));
    let findings = findings(&scenes);
    let worst = findings.iter().map(|finding| finding.severity).max()?;
    let (both, sum) = (does_both(&scenes), score(&scenes));
    let parties = findings.iter().flat_map(|one| [&one.client, &one.server]);
    let parties: Vec<&Party> = parties.filter(|party| party.ip == host).collect();
    Some(Story {
        host,
        name: parties.iter().find_map(|party| party.name.clone()),
        role: parties.iter().find_map(|party| party.role),
        severity: if both { worst.step_up() } else { worst },
        score: if both { sum * TOGETHER } else { sum },
        both,
        relays: detectors(&scenes, Part::Relays),
        goes_out: detectors(&scenes, Part::GoesOut),
        commanded: detectors(&scenes, Part::Commanded),
        clients: clients(host, &scenes),
        sessions: sessions(&findings),
        first_seen: findings.iter().map(|one| one.first_seen).min()?,
        last_seen: findings.iter().map(|one| one.last_seen).max()?,
        findings: findings.iter().map(|one| one.id.clone()).collect(),
    })
}

fn sessions(findings: &[&Finding]) -> u64 {
    let mut of_each: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in findings {
        *of_each.entry(finding.detector).or_default() += finding.sessions;
    }
    of_each.into_values().max().unwrap_or_default()
}

/// The findings of scenes in their order, each once.
fn findings<'f>(scenes: &[(Part, &'f Finding)]) -> Vec<&'f Finding> {
    let mut seen = BTreeSet::new();
    let each = scenes.iter().map(|(_, finding)| *finding);
    each.filter(|finding| seen.insert(&finding.id)).collect()
}

/// Whether two kinds of findings come together, and neither is approved.
fn does_both(scenes: &[(Part, &Finding)]) -> bool {
    let counting = scenes.iter().filter(|(_, finding)| nats(finding) > 0.0);
    let parts: BTreeSet<Part> = counting.map(|(part, _)| *part).collect();
    parts.len() > 1
}

/// Each detector counts once for each part, by the surest of its findings.
fn score(scenes: &[(Part, &Finding)]) -> f64 {
    let mut surest: BTreeMap<(Part, &str), f64> = BTreeMap::new();
    for (part, finding) in scenes {
        let known = surest.entry((*part, finding.detector)).or_default();
        *known = known.max(nats(finding));
    }
    surest.values().sum()
}

/// How much more likely a finding makes it that something is wrong, by the logarithm of its odds.
fn nats(finding: &Finding) -> f64 {
    let is_known = finding.verdict == Verdict::Approved || finding.severity == Severity::Info;
    let odds = finding.confidence / (1.0 - finding.confidence);
    if is_known {
        0.0
    } else {
        odds.ln().clamp(0.0, MOST)
    }
}

fn detectors(scenes: &[(Part, &Finding)], part: Part) -> BTreeSet<&'static str> {
    let of_part = scenes.iter().filter(|(other, _)| *other == part);
    of_part.map(|(_, finding)| finding.detector).collect()
}

/// How many it serves; where it connects out to serve, it serves the one that it calls.
fn clients(host: IpAddr, scenes: &[(Part, &Finding)]) -> usize {
    let serving = scenes.iter().filter(|(part, _)| *part != Part::GoesOut);
    let served = serving.map(|(_, finding)| match finding.client.ip {
        client if client == host => finding.server.ip,
        client => client,
    });
    served.collect::<BTreeSet<_>>().len()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn one_digit<S: Serializer>(score: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((score * 10.0).round() / 10.0)
}

/// Beyond this no single detector counts.
const MOST: f64 = 7.0;

/// How much more the parts weigh together than alone.
const TOGETHER: f64 = 1.5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::finding::lifecycle::Findings;
    use crate::time::Timestamp;

    const RELAY: &str = "10.0.0.2:1080";

    /// That a client asked a server for something, as a finding.
    fn finding(client: &str, server: &str, certainty: Certainty) -> Finding {
        let mut findings = Findings::new(8, 8);
        let evidence = evidence(1, certainty).by(client).at(server);
        findings.add(&evidence, Timestamp::MIN);
        findings.finish().remove(0)
    }

    fn asked(client: &str, certainty: Certainty) -> Finding {
        finding(client, RELAY, certainty)
    }

    /// The relay itself went out through a tunnel.
    fn tunnel(certainty: Certainty) -> Finding {
        Finding {
            detector: "websocket-tunnel",
            mechanism: Some("tunnel"),
            ..finding("10.0.0.2:5000", "192.0.2.1:443", certainty)
        }
    }

    fn host(stories: &[Story], ip: &str) -> Story {
        let ip: IpAddr = ip.parse().unwrap();
        let mut stories = stories.iter();
        stories.find(|story| story.host == ip).unwrap().clone()
    }

    #[test]
    fn a_relay_with_a_tunnel_weighs_more_than_the_sum() {
        use Certainty::{Possible, Probable, Proven};
        let approved = Finding {
            verdict: Verdict::Approved,
            severity: Severity::Info,
            ..tunnel(Proven)
        };
        let alone =
            |finding: &Finding| host(&tell(std::slice::from_ref(finding)), "10.0.0.2").score;
        let cases = [
            (asked("10.0.0.1:4000", Proven), tunnel(Proven), true),
            (asked("10.0.0.1:4000", Probable), tunnel(Probable), true),
            (asked("10.0.0.1:4000", Possible), tunnel(Proven), false),
            (asked("10.0.0.1:4000", Proven), approved, false),
        ];
        for (relay, tunnel, both) in cases {
            let story = host(&tell(&[relay.clone(), tunnel.clone()]), "10.0.0.2");
            let sum = alone(&relay) + alone(&tunnel);
            assert_eq!(story.both, both, "{story:?}");
            assert_eq!(story.score > sum, both, "{story:?}");
            let worst = relay.severity.max(tunnel.severity);
            assert_eq!(story.severity > worst, both, "{story:?}");
        }
    }

    #[test]
    fn each_detector_counts_once() {
        let one = asked("10.0.0.1:4000", Certainty::Proven);
        let other = finding("10.0.0.9:4000", "10.0.0.2:1081", Certainty::Proven);
        let alone = tell(std::slice::from_ref(&one)).remove(0);
        let two = tell(&[one, other]).remove(0);
        assert!((alone.score - two.score).abs() < f64::EPSILON);
        assert_eq!((two.clients, two.sessions, two.findings.len()), (2, 2, 2));
        let both = host(
            &tell(&[
                asked("10.0.0.1:4000", Certainty::Proven),
                tunnel(Certainty::Proven),
            ]),
            "10.0.0.2",
        );
        assert_eq!((both.sessions, both.findings.len()), (1, 2));
    }

    #[test]
    fn what_deserves_a_look_first_stands_first() {
        let findings = [
            finding("10.0.0.1:1", "10.0.0.3:1", Certainty::Possible),
            finding("10.0.0.1:1", "10.0.0.4:1", Certainty::Proven),
            asked("10.0.0.1:1", Certainty::Proven),
            tunnel(Certainty::Proven),
        ];
        let hosts: Vec<String> = tell(&findings)
            .iter()
            .map(|one| one.host.to_string())
            .collect();
        assert_eq!(hosts, ["10.0.0.2", "10.0.0.4", "192.0.2.1", "10.0.0.3"]);
    }

    #[test]
    fn who_is_commanded_relays_nothing() {
        let shell = Finding {
            evidence: Summary::Shells(Box::default()),
            detector: "bind-shell",
            ..asked("10.0.0.1:4000", Certainty::Proven)
        };
        let story = tell(std::slice::from_ref(&shell)).remove(0);
        assert!(story.relays.is_empty() && story.commanded.contains("bind-shell"));
        let both = tell(&[shell, asked("10.0.0.1:4000", Certainty::Proven)]).remove(0);
        assert!(both.both && both.severity > Severity::Medium);
    }

    #[test]
    fn every_host_between_the_ends_of_a_chain_relays() {
        let chain = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.1"];
        let way = Finding {
            chain: chain.map(|ip| ip.parse().unwrap()).to_vec(),
            ..asked("10.0.0.1:4000", Certainty::Proven)
        };
        let hosts: Vec<String> = tell(&[way])
            .iter()
            .map(|one| one.host.to_string())
            .collect();
        assert_eq!(hosts, ["10.0.0.2", "10.0.0.3"]);
    }
}
