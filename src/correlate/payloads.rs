//! # payload-anomaly
//!
//! A host sends to a service what it never sent there.
//!
//! ## Sees
//!
//! The payload sizes of the sessions that a host opens, by the port it calls, hour by hour, held against what `hopscope
//! learn` wrote of that host and port (`baseline.profile`). Each flow is one observation, however long it is. Without a
//! profile that tells of payload sizes nothing is counted.
//!
//! ## Means
//!
//! Sizes differ by more than chance: the G-test reaches level 9 (a p-value below 10⁻⁹; half of the flows count, for
//! flows of one host resemble each other), sizes moved by more than half a doubling, and a quarter of them has a size that
//! was hardly ever used. How far they moved is told in doublings. Where every payload grew by the same number of bytes,
//! that is told, with the framing that adds so much. It is *probable* that something changed, and no more: a tunnel, other
//! software, or other work. MITRE ATT&CK calls it Junk Data (AN0031).
//!
//! ## Quiet when
//!
//! There are less than 30 flows in the hour or in the profile; known kinds of sessions come in another mix; another host
//! that calls the port moved the same way in the same hour, which is an update.
//!
//! ## Misses
//!
//! Few long sessions. Tunnels that copy the sizes of what they hide in. Hosts that turned together. Services at other
//! ports than those that were learned: the eight lowest of each host.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::decode::Transport;
use crate::evidence::{Certainty, Drift, Evidence, Says, Session};
use crate::facts::PayloadSizes;
use crate::profile::Profile;
use crate::profile::few::Merge;
use crate::profile::fit::{self, Fit};
use crate::profile::host::{Call, Port};
use crate::profile::shape::Shape;
use crate::time::Timestamp;

/// Holds the payload sizes of each hour against what was learned.
#[derive(Debug, Default)]
pub struct Payloads {
    usual: Option<Profile>,
    hour: i64,
    /// In the order of ports, so that peers stand together.
    windows: BTreeMap<(Port, IpAddr), Window>,
}

/// What a host exchanged with services at a port in this hour.
#[derive(Debug)]
struct Window {
    session: Session,
    call: Call,
}

impl Payloads {
    /// Nothing seen; `usual` is what was learned, if anything.
    pub fn new(usual: Option<Profile>) -> Self {
        Self {
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
        let moved = windows.iter().filter_map(|(key, window)| {
            let (drift, now) = self.drift(*key, window)?;
            let others = windows.iter().filter(|((port, ip), _)| *port == key.0 && *ip != key.1);
            let mut others = others.filter_map(|(key, window)| self.moved(*key, window, drift.sent));
            let is_update = others.any(|other| fit::apart(now, other) < ALIKE);
            (!is_update).then(|| evidence(drift, window))
        });
        moved.collect()
    }

    fn add(&mut self, sizes: &PayloadSizes) {
        let flow = &sizes.flow;
        let (transport, number) = (flow.transport, flow.server.port);
        let key = (Port { number, transport }, flow.client.address.ip());
        if self.usual_of(key).is_none() {
            return;
        }
        let window = self.windows.entry(key).or_insert_with(|| Window {
            session: Session::from(flow),
            call: Call::default(),
        });
        window.session.last_seen = window.session.last_seen.max(sizes.last_seen);
        window.call.merge(Call::of(sizes));
    }

    fn usual_of(&self, (port, ip): (Port, IpAddr)) -> Option<&Call> {
        let host = self.usual.as_ref()?.host(ip.into())?;
        host.calls.get(&port)
    }

    /// How a host moved away from what it used to send or be sent, if it did; and what it sends or is sent now.
    fn drift<'w>(&self, key: (Port, IpAddr), window: &'w Window) -> Option<(Drift, &'w Shape)> {
        let usual = self.usual_of(key)?;
        let ways = [(true, &usual.sent, &window.call.sent), (false, &usual.received, &window.call.received)];
        let known = ways.into_iter().filter(|(_, usual, now)| usual.count() >= FLOWS && now.count() >= FLOWS);
        let fits = known.map(|(sent, usual, now)| (sent, Fit::of(usual, now), now));
        let odd = fits.filter(|(_, fit, _)| fit.level >= LEVEL && fit.distance > FAR && fit.novelty >= NOVEL);
        let (sent, fit, now) = odd.max_by(|(_, one, _), (_, other, _)| one.level.total_cmp(&other.level))?;
        let (port, flows) = (key.0, now.flows.into());
        Some((Drift { port: port.number, udp: port.transport == Transport::UDP, sent, flows, fit }, now))
    }

    /// What another host sends or is sent now, if that is far from what is usual for it.
    fn moved<'w>(&self, key: (Port, IpAddr), window: &'w Window, sent: bool) -> Option<&'w Shape> {
        let usual = self.usual_of(key)?;
        let (usual, now) = match sent {
            true => (&usual.sent, &window.call.sent),
            false => (&usual.received, &window.call.received),
        };
        (now.count() >= PEER_FLOWS && fit::apart(usual, now) > FAR).then_some(now)
    }

    /// Bytes of memory for what a host and port did in an hour, an upper bound.
    pub const WINDOW_BYTES: usize = 2 * size_of::<((Port, IpAddr), Window)>() + Call::BYTES;
}

fn evidence(drift: Drift, window: &Window) -> Evidence {
    let session = window.session.clone();
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

/// Flows from which on a shape says something.
const FLOWS: f64 = 30.0;

/// Flows from which on another host tells of an update.
const PEER_FLOWS: f64 = 10.0;

/// The level of the G-test from which on it is told.
const LEVEL: f64 = 9.0;

/// How far sizes must have moved, in doublings.
const FAR: f64 = 0.5;

/// The share of sizes that must be new.
const NOVEL: f64 = 0.25;

/// How near the sizes of two hosts are that were updated alike, in doublings.
const ALIKE: f64 = 0.25;
