//! # payload-anomaly
//!
//! A host does at a port what it never did there: it opens connections in another way, or sends other sizes.
//!
//! ## Sees
//!
//! How the connections open that a host makes, and their payload sizes, by the port it calls, hour by hour, held against what
//! `hopscope learn` wrote of that host and port (`baseline.profile`), or of the hosts that have a role in common with it
//! (`groups`) where it was not learned itself. A connection opens by the protocol that is read in it (`tls`, `http`, `ssh` …),
//! by OpenVPN's first packets, by what looks random on both sides (no text and as many ones as zeros, as in Wu and others,
//! USENIX Security 2023), or else `unread` where the client went on after the server spoke. Each flow is one observation,
//! however long it is. Flows that were picked up in the middle or miss payload have no say, nor those that the server refuses
//! (a TLS alert, an HTTP 400). Without a profile that tells of a host's calls nothing is counted.
//!
//! ## Means
//!
//! *Openings*: ten connections or more open in ways in which none of thirty or more did that were learned, and are too many for
//! chance. With `n` learned and none such, at least `m` of `M` more are with probability C(M, m) / C(n + M + 1, m), which is
//! Laplace's rule of succession for more than one; it must be below 10⁻⁹ (half of the connections count, for those of one host
//! resemble each other). After 300 that takes twelve in an hour, or 18 beside as many ordinary ones.
//!
//! *Sizes*: they differ by more than chance: the G-test reaches level 9 (a p-value below 10⁻⁹; half of the flows count), a
//! quarter of sizes was hardly ever used, and sizes moved by more than half a doubling or are all larger by one number of bytes.
//! That is asked of all flows of the hour, and of the odd ones: those a quarter of whose own sizes was hardly ever used. How many
//! odd ones there are, and not their sizes, is then tested against the most that Markov's inequality allows among what was
//! learned. How far sizes moved is told in doublings; a number of bytes that was added to each payload is told with the framing
//! that adds so much. Where openings are new, sizes are not asked for.
//!
//! It is *probable* that something changed, and no more: a tunnel, other software, or other work. MITRE ATT&CK calls it Junk
//! Data (AN0031).
//!
//! ## Quiet when
//!
//! One connection that was learned opened in the same way. Less than ten connections open anew, as where somebody errs. For
//! sizes: there are less than 30 flows in the hour or in the profile; known kinds of sessions come in another mix. Another host
//! of the same role that calls the port does much of the same in the same hour, which is an update.
//!
//! ## Misses
//!
//! Few long sessions: it takes twelve in an hour that open anew. By sizes it takes thirty, and sixty beside as much ordinary
//! traffic. In TLS where TLS was learned: tunnels whose sizes are those of web sessions in another mix (one WebSocket for all),
//! and TLS inside TLS where sizes move by less than half a doubling. Tunnels that copy the sizes of what they hide in. Hosts that
//! turned together. Services at other ports than those that were learned: the eight lowest of each host. How datagrams open.
//! Profiles of version 1 say nothing of openings: learn anew, or more.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::evidence::{Certainty, Change, Drift, Evidence, Fit, Says, Session};
use crate::facts::PayloadSizes;
use crate::facts::opening::Opening;
use crate::profile::few::Merge;
use crate::profile::fit::{NOVEL, News};
use crate::profile::host::{Call, Host, Port};
use crate::profile::openings::{self, Openings};
use crate::profile::usual::Usual;
use crate::time::Timestamp;

/// Holds the payload sizes of each hour against what was learned.
#[derive(Debug, Default)]
pub struct Payloads {
    usual: Option<Usual>,
    hour: i64,
    /// Hosts and ports of an hour, at most.
    cap: usize,
    refused: u64,
    /// In the order of ports, so that peers stand together.
    windows: BTreeMap<(Port, IpAddr), Window>,
}

/// What a host exchanged with services at a port in this hour.
#[derive(Debug)]
struct Window {
    session: Session,
    call: Call,
    /// The flows of that a part of which is new.
    odd: Call,
    /// The first that opened as none did before.
    opened_anew: Option<Session>,
}

/// A window and whose it is.
type Owned = ((Port, IpAddr), Window);

impl Payloads {
    /// Nothing seen; `usual` is what was learned, if anything.
    pub fn new(usual: Option<Usual>) -> Self {
        Self {
            cap: usual.as_ref().map_or(0, Self::most_windows),
            usual,
            ..Self::default()
        }
    }

    /// Takes the sizes of a flow that is over now. Gives what the hour before told, when another begins.
    pub fn sizes(&mut self, sizes: &PayloadSizes, now: Timestamp) -> Vec<Evidence> {
        let hour = now.seconds().div_euclid(HOUR);
        let told = if hour == self.hour {
            Vec::new()
        } else {
            self.close()
        };
        self.hour = hour;
        self.add(sizes);
        told
    }

    /// What this hour told so far; begins another.
    pub fn close(&mut self) -> Vec<Evidence> {
        let windows: Vec<_> = std::mem::take(&mut self.windows).into_iter().collect();
        let ports = windows.chunk_by(|((one, _), _), ((other, _), _)| one == other);
        ports.flat_map(|windows| self.moved(windows)).collect()
    }

    /// Those hosts that moved away from what they used to exchange with one port, and whose peers did not.
    fn moved(&self, windows: &[Owned]) -> Vec<Evidence> {
        let moved = windows.iter().filter_map(|window| {
            let opens_anew = self.opens_anew(window, windows);
            opens_anew.or_else(|| self.resized(window, windows))
        });
        moved.collect()
    }

    /// That a host opens connections as it never did, if it does and no peer of it.
    fn opens_anew(&self, (key, window): &Owned, windows: &[Owned]) -> Option<Evidence> {
        let (usual, now) = (&self.usual_of(*key)?.openings, &window.call.openings);
        let new = usual.unheard(now);
        let (flows, among) = (new.count(), now.count());
        let level = openings::level(usual.count(), flows, among);
        if usual.count() < LEARNED || flows < ANEW || level < LEVEL {
            return None;
        }
        let does_so = |(other, window): &Owned| {
            let theirs = &window.call.openings;
            let usual = self.usual_of(*other)?;
            let common = usual.openings.unheard(theirs).common(&new);
            let is_alike = theirs.share(common) >= now.share(flows) * ALIKE;
            Some(theirs.count() >= PEER_OPENINGS && is_alike)
        };
        let mut peers = self.peers(*key, windows);
        let is_update = peers.any(|peer| does_so(peer) == Some(true));
        let names = |all: &Openings| all.ranked().into_iter().map(|(one, _)| one).collect();
        let change = Change::Openings {
            level,
            new: names(&new),
            usual: names(usual),
        };
        let drift = Drift {
            port: key.0.number,
            flows,
            among,
            change,
        };
        let session = window.opened_anew.unwrap_or(window.session);
        (!is_update).then(|| evidence(drift, session))
    }

    /// That payloads of a host have other sizes than they had, if they do and not those of a peer of it.
    fn resized(&self, (key, window): &Owned, windows: &[Owned]) -> Option<Evidence> {
        let (drift, sent) = self.drift(*key, window)?;
        let news = News::of(self.usual_of(*key)?.way(sent), window.call.way(sent));
        let mut peers = self
            .peers(*key, windows)
            .filter_map(|(other, window)| self.news(*other, window, sent));
        let is_update = peers.any(|peer| peer.common(&news) >= news.share() * ALIKE);
        (!is_update).then(|| evidence(drift, window.session))
    }

    /// What the other hosts of its role did at the same port in the same hour.
    fn peers<'a>(
        &self,
        (_, ip): (Port, IpAddr),
        windows: &'a [Owned],
    ) -> impl Iterator<Item = &'a Owned> {
        let are_peers = move |other: IpAddr| {
            let usual = self.usual.as_ref();
            other != ip && usual.is_some_and(|usual| usual.are_peers(other, ip))
        };
        windows
            .iter()
            .filter(move |((_, other), _)| are_peers(*other))
    }

    fn add(&mut self, sizes: &PayloadSizes) {
        let flow = &sizes.flow;
        let (transport, number) = (flow.transport, flow.server.port);
        let key = (Port { number, transport }, flow.client.address.ip());
        let call = Call::of(sizes);
        let Some(usual) = self.usual_of(key) else {
            return;
        };
        let odd = call.odd(usual);
        let is_new = |opening: Opening| !usual.openings.has(opening);
        let opens_anew = sizes.opening.is_some_and(is_new);
        if self.windows.len() >= self.cap && !self.windows.contains_key(&key) {
            self.refused += 1;
            return;
        }
        let session = Session {
            last_seen: sizes.last_seen,
            ..Session::from(flow)
        };
        let window = self.windows.entry(key).or_insert_with(|| Window {
            session,
            call: Call::default(),
            odd: Call::default(),
            opened_anew: None,
        });
        window.session.last_seen = window.session.last_seen.max(sizes.last_seen);
        if opens_anew {
            let first = window.opened_anew.get_or_insert(session);
            first.last_seen = first.last_seen.max(sizes.last_seen);
        }
        window.call.merge(call);
        window.odd.merge(odd);
    }

    fn usual_of(&self, (port, ip): (Port, IpAddr)) -> Option<&Call> {
        self.usual.as_ref()?.call(port, ip)
    }

    /// How many flows came of hosts that found no room in their hour.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Hosts and ports that are looked at in an hour, at most.
    pub fn most_windows(usual: &Usual) -> usize {
        let strangers = if usual.roles() > 0 { STRANGERS } else { 0 };
        (usual.len() + strangers) * Host::CALLS
    }

    /// How a host moved away from what it used to send or be sent, if it did, and which of the two.
    fn drift(&self, key: (Port, IpAddr), window: &Window) -> Option<(Drift, bool)> {
        let usual = self.usual_of(key)?;
        let drifts = [true, false].into_iter().filter_map(|sent| {
            let (usual, now) = (usual.way(sent), window.call.way(sent));
            if usual.count() < FLOWS || now.count() < FLOWS {
                return None;
            }
            let odd = window.odd.way(sent);
            let all = (now.flows, Fit::of(usual, now));
            let odd = (odd.flows, Fit::of_odd(usual, odd, now));
            let fits = [all, odd].into_iter().filter(|(_, fit)| is_odd(fit));
            let (flows, fit) =
                fits.max_by(|(_, one), (_, other)| one.level.total_cmp(&other.level))?;
            let drift = Drift {
                port: key.0.number,
                flows: flows.into(),
                among: now.flows.into(),
                change: Change::Sizes { sent, fit },
            };
            Some((drift, sent))
        });
        drifts.max_by(|(one, _), (other, _)| one.change.level().total_cmp(&other.change.level()))
    }

    /// What is new of another host that calls the same port, if there is enough to say so.
    fn news(&self, key: (Port, IpAddr), window: &Window, sent: bool) -> Option<News> {
        let usual = self.usual_of(key)?;
        let now = window.call.way(sent);
        (now.count() >= PEER_FLOWS).then(|| News::of(usual.way(sent), now))
    }

    /// Bytes of memory for what a host and port did in an hour, an upper bound.
    pub const WINDOW_BYTES: usize = 2 * size_of::<Owned>() + 2 * Call::BYTES;
}

/// Small payloads move far by what is added to them, large ones hardly at all: it is enough that all are larger by as much.
fn is_odd(fit: &Fit) -> bool {
    let is_far = fit.distance > FAR || fit.shift.is_some();
    fit.level >= LEVEL && fit.novelty >= NOVEL && is_far
}

fn evidence(drift: Drift, session: Session) -> Evidence {
    Evidence {
        detector: "payload-anomaly",
        certainty: Certainty::Probable,
        relay: session.client.address,
        session,
        further: Vec::new(),
        says: Says::Drift(drift),
    }
}

const HOUR: i64 = 3_600;

/// Hosts that were not learned and are held against their peers.
const STRANGERS: usize = 1_024;

/// Flows from which on a shape says something.
const FLOWS: f64 = 30.0;

/// Flows from which on another host tells of an update.
const PEER_FLOWS: f64 = 10.0;

/// Connections from which on it is known how a host opens them.
const LEARNED: u64 = 30;

/// Connections that open anew from which on it is told.
const ANEW: u64 = 10;

/// Connections from which on another host tells of an update.
const PEER_OPENINGS: u64 = 10;

/// The level from which on it is told.
const LEVEL: f64 = 9.0;

/// How far sizes must have moved, in doublings.
const FAR: f64 = 0.5;

/// The share of what is new that another host must have, too, for it to be an update.
const ALIKE: f64 = 0.4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Transport;
    use crate::facts::legs::Spoke;
    use crate::facts::samples::endpoint;
    use crate::facts::{FlowId, Quality, Sent, SizeBin};
    use crate::profile::learner::{Detail, Learner, Limits};
    use crate::proto::stack::Kind;

    const USUAL: [u32; 4] = [64, 112, 320, 1_280];

    /// A flow of a host to port 443 that sends one payload and is sent a thousand bytes.
    fn flow(host: u8, bytes: u32) -> PayloadSizes {
        let sent = |bytes: u32| Sent {
            bytes: bytes.into(),
            sizes: vec![SizeBin {
                lowest: bytes >> (bytes.ilog2() - 2) << (bytes.ilog2() - 2),
                highest: bytes,
                count: 1,
            }],
        };
        PayloadSizes {
            flow: Spoke {
                id: FlowId(u64::from(bytes)),
                client: endpoint(&format!("10.0.0.{host}:4000")),
                server: endpoint("192.0.2.1:443"),
                transport: Transport::TCP,
                opened: Timestamp::MIN,
                vlan: None,
                flight: None,
                nonce: None,
                quality: Quality::default(),
            },
            last_seen: Timestamp::MIN,
            opening: None,
            client: sent(bytes),
            server: sent(1_000),
        }
    }

    /// A flow of the usual sizes that opens so.
    fn opened(host: u8, number: usize, opening: Opening) -> PayloadSizes {
        let size = USUAL.iter().cycle().nth(number);
        PayloadSizes {
            opening: Some(opening),
            ..flow(host, *size.unwrap())
        }
    }

    /// The first and last host of each role.
    type Roles<'a> = &'a [(u8, u8)];

    /// What was learned of three hosts that did the usual, where these roles are.
    fn learned(roles: Roles<'_>) -> Usual {
        let everywhere = endpoint("0.0.0.0:0").address..=endpoint("255.255.255.255:0").address;
        let limits = Limits {
            hosts: 8,
            relays: 8,
        };
        let mut learner = Learner::new(vec![everywhere], limits, Detail::All);
        for host in 1..=3 {
            let sizes = USUAL.iter().cycle().take(200);
            sizes.for_each(|size| learner.sizes(&flow(host, *size)));
            let tls = Opening::by(Kind::Tls);
            (0..200).for_each(|number| learner.sizes(&opened(host, number, tls)));
            learner.sizes(&opened(host, 0, Opening::by(Kind::Http)));
        }
        let host = |number: u8| endpoint(&format!("10.0.0.{number}:0")).address;
        let roles = roles.iter().map(|&(from, to)| vec![host(from)..=host(to)]);
        Usual::of(&learner.into_profile(), roles).unwrap()
    }

    /// A host, its flows, and the payload sizes of them in turn.
    type Hour<'a> = (u8, usize, &'a [u32]);

    /// What is told of an hour in which hosts send payloads of these sizes, so many each.
    fn told(hosts: &[Hour<'_>]) -> Vec<Drift> {
        told_among(&[], hosts)
    }

    /// The same where there are roles.
    fn told_among(roles: Roles<'_>, hosts: &[Hour<'_>]) -> Vec<Drift> {
        let mut payloads = Payloads::new(Some(learned(roles)));
        for (host, flows, sizes) in hosts {
            for size in sizes.iter().cycle().take(*flows) {
                assert!(
                    payloads
                        .sizes(&flow(*host, *size), Timestamp::MIN)
                        .is_empty()
                );
            }
        }
        let evidence = payloads.close().into_iter();
        let drifts = evidence.map(|evidence| match evidence.says {
            Says::Drift(drift) => drift,
            other => panic!("{other:?}"),
        });
        drifts.collect()
    }

    #[test]
    fn a_host_that_moved_alone_is_told() {
        const NEW: &[u32] = &[5_000, 9_000];
        const MIX: &[u32] = &[64, 64, 64, 112, 320];
        let cases: [(&[Hour<'_>], usize, &str); 11] = [
            (&[(1, 100, &USUAL)], 0, "the usual"),
            (&[(1, 100, NEW)], 1, "new sizes"),
            (&[(1, 30, NEW)], 1, "just enough"),
            (&[(1, 60, &USUAL), (1, 80, NEW)], 1, "beside the usual"),
            (&[(1, 400, &USUAL), (1, 20, NEW)], 0, "a few among many"),
            (
                &[(1, 100, &[65, 110, 330, 1_290])],
                0,
                "other sizes close by",
            ),
            (&[(1, 29, NEW)], 0, "too few"),
            (&[(1, 100, MIX)], 0, "a burst of what is known"),
            (&[(1, 100, NEW), (2, 100, &USUAL)], 1, "a peer that stays"),
            (&[(1, 100, NEW), (2, 100, NEW)], 0, "an update"),
            (&[(9, 100, NEW)], 0, "a host that was not learned"),
        ];
        for (hosts, count, what) in cases {
            assert_eq!(told(hosts).len(), count, "{what}");
        }
    }

    #[test]
    fn the_flows_that_show_it_are_counted() {
        let drifts = told(&[(1, 60, &USUAL), (1, 80, &[5_000, 9_000])]);
        let flows: Vec<_> = drifts
            .iter()
            .map(|drift| (drift.flows, drift.among))
            .collect();
        assert_eq!(flows, [(80, 140)]);
    }

    #[test]
    fn hosts_of_a_role_are_held_against_each_other() {
        const NEW: &[u32] = &[5_000, 9_000];
        let both: &[Hour<'_>] = &[(1, 100, NEW), (2, 100, NEW)];
        let stranger: &[Hour<'_>] = &[(9, 100, NEW)];
        let cases: [(Roles<'_>, &[Hour<'_>], usize, &str); 7] = [
            (&[(1, 3)], both, 0, "an update of a role"),
            (&[(1, 1), (2, 3)], both, 2, "of different roles"),
            (&[(1, 1)], both, 2, "one has a role"),
            (&[(1, 1), (1, 2)], both, 0, "one role of two in common"),
            (&[(1, 9)], stranger, 1, "not as its peers"),
            (&[(1, 9)], &[(9, 100, &USUAL)], 0, "as its peers"),
            (&[(8, 9)], stranger, 0, "no peer was learned"),
        ];
        for (roles, hosts, count, what) in cases {
            assert_eq!(told_among(roles, hosts).len(), count, "{what}");
        }
    }

    #[test]
    fn more_hosts_than_there_is_room_for_are_counted() {
        let mut payloads = Payloads::new(Some(learned(&[])));
        payloads.cap = 2;
        for host in [1, 2, 3, 1, 3] {
            payloads.sizes(&flow(host, 64), Timestamp::MIN);
        }
        assert_eq!((payloads.windows.len(), payloads.refused()), (2, 2));
    }

    #[test]
    fn what_wraps_every_payload_is_named() {
        for (more, framing) in [
            (22, "TLS records"),
            (28, "SSH packets or TLS 1.2 records"),
            (34, "a VPN"),
        ] {
            let wrapped = USUAL.map(|size| size + more);
            let drifts = told(&[(1, 120, &wrapped)]);
            let framings = drifts.iter().map(|drift| match &drift.change {
                Change::Sizes { fit, .. } => fit.framing(),
                Change::Openings { .. } => None,
            });
            assert_eq!(framings.collect::<Vec<_>>(), [Some(framing)], "{drifts:?}");
        }
    }

    /// A host, its connections, and how they open.
    type Openers = (u8, usize, Opening);

    #[test]
    fn a_host_that_opens_connections_as_it_never_did_is_told() {
        let (tls, ssh) = (Opening::by(Kind::Tls), Opening::by(Kind::Ssh));
        let (http, random) = (Opening::by(Kind::Http), Opening::RANDOM);
        let cases: [(&[Openers], usize, &str); 12] = [
            (&[(1, 400, tls)], 0, "the usual"),
            (&[(1, 15, random)], 1, "what looks random"),
            (&[(1, 8, random), (1, 7, ssh)], 1, "in two new ways"),
            (&[(1, 40, http)], 0, "as one did that was learned"),
            (&[(1, 9, random)], 0, "a few by error"),
            (&[(1, 60, ssh), (1, 60, tls)], 1, "beside the usual"),
            (&[(1, 10, ssh), (1, 400, tls)], 0, "a few among many"),
            (&[(1, 15, ssh), (2, 15, ssh)], 0, "an update"),
            (&[(1, 15, ssh), (2, 15, tls)], 1, "a peer that stays"),
            (
                &[(1, 15, ssh), (2, 15, random)],
                2,
                "a peer that turns otherwise",
            ),
            (
                &[(1, 15, ssh), (2, 9, ssh)],
                1,
                "a peer that says too little",
            ),
            (&[(9, 60, random)], 0, "a host that was not learned"),
        ];
        for (openers, count, what) in cases {
            let mut payloads = Payloads::new(Some(learned(&[])));
            for (host, flows, opening) in openers {
                for number in 0..*flows {
                    payloads.sizes(&opened(*host, number, *opening), Timestamp::MIN);
                }
            }
            assert_eq!(payloads.close().len(), count, "{what}");
        }
    }

    #[test]
    fn the_first_that_opened_anew_is_shown_and_what_is_new() {
        let mut payloads = Payloads::new(Some(learned(&[])));
        let other = endpoint("192.0.2.9:443");
        for number in 0..120 {
            let opening = [Opening::by(Kind::Tls), Opening::RANDOM][number % 2];
            let mut flow = opened(1, number, opening);
            if opening == Opening::RANDOM {
                flow.flow.server = other;
            }
            payloads.sizes(&flow, Timestamp::MIN);
        }
        let told = payloads.close();
        let [
            Evidence {
                session,
                says: Says::Drift(drift),
                ..
            },
        ] = told.as_slice()
        else {
            panic!("{told:?}");
        };
        assert_eq!((session.server, drift.flows, drift.among), (other, 60, 120));
        let Change::Openings { new, usual, .. } = &drift.change else {
            panic!("{drift:?}");
        };
        assert_eq!(new, &[Opening::RANDOM]);
        assert_eq!(usual, &[Opening::by(Kind::Tls), Opening::by(Kind::Http)]);
    }

    #[test]
    fn each_hour_is_judged_when_the_next_begins() {
        let mut payloads = Payloads::new(Some(learned(&[])));
        let hour = |hour: i64| Timestamp::from_parts(hour * HOUR, 0);
        for _ in 0..40 {
            assert!(payloads.sizes(&flow(1, 9_000), hour(5)).is_empty());
        }
        assert_eq!(payloads.sizes(&flow(1, 64), hour(6)).len(), 1);
        assert!(payloads.close().is_empty());
    }
}
