//! From evidence to findings: sessions of the same client, server and detector become one.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};

use super::names::Names;
use super::summary::RelaySummary;
use super::{Finding, FlowLine, Party, Severity, Status, Verdict};
use crate::decode::{Address, Endpoint, Transport};
use crate::detect;
use crate::evidence::{Certainty, Evidence, Session};
use crate::facts::{FlowEnd, FlowId, Quality};
use crate::proto::target::Target;
use crate::time::Timestamp;

/// The findings of a run, up to a cap; what must make room is given out first.
#[derive(Debug)]
pub struct Findings {
    drafts: HashMap<Subject, Draft>,
    /// Subjects in the order they were raised.
    raised: VecDeque<Subject>,
    /// Reported flows that are not over.
    open: HashMap<FlowId, Vec<Subject>>,
    cap: usize,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Subject {
    detector: &'static str,
    client: Address,
    server: Endpoint,
}

#[derive(Debug)]
struct Draft {
    certainty: Certainty,
    first: Session,
    last_seen: Timestamp,
    raised: Timestamp,
    relay: Address,
    target: Option<Target>,
    sessions: u64,
    open_sessions: u64,
    flows: Vec<FlowLine>,
    names: Names,
    evidence: RelaySummary,
    quality: Quality,
}

impl Findings {
    /// No findings; at most `cap` (at least one) are held.
    pub fn new(cap: usize) -> Self {
        Self {
            drafts: HashMap::new(),
            raised: VecDeque::new(),
            open: HashMap::new(),
            cap: cap.max(1),
        }
    }

    /// Adds evidence found at `now`. Gives the oldest finding where a new one needs its place.
    pub fn add(&mut self, evidence: &Evidence, now: Timestamp) -> Option<Finding> {
        let subject = Subject {
            detector: evidence.detector,
            client: evidence.session.client.address,
            server: evidence.session.server,
        };
        let displaced = self.make_room(&subject);
        let raised = &mut self.raised;
        let draft = self.drafts.entry(subject).or_insert_with(|| {
            raised.push_back(subject);
            Draft::new(evidence, now)
        });
        draft.add(evidence);
        self.open
            .entry(evidence.session.id)
            .or_default()
            .push(subject);
        displaced
    }

    fn make_room(&mut self, subject: &Subject) -> Option<Finding> {
        if self.drafts.len() < self.cap || self.drafts.contains_key(subject) {
            return None;
        }
        let oldest = self.raised.pop_front()?;
        let draft = self.drafts.remove(&oldest)?;
        Some(draft.finding(&oldest))
    }

    /// Adds a session that belongs to the finding of another one, such as the datagrams of a UDP association.
    pub fn join(&mut self, control: FlowId, session: &Session, target: Option<&Target>) {
        let subjects = self.open.get(&control).cloned().unwrap_or_default();
        for subject in &subjects {
            if let Some(draft) = self.drafts.get_mut(subject) {
                draft.join(session);
                draft.aim(target);
            }
        }
        self.open.insert(session.id, subjects);
    }

    /// Names hosts of the findings that a session belongs to.
    pub fn name(&mut self, session: FlowId, names: impl IntoIterator<Item = (Address, String)>) {
        let subjects = self.open.get(&session).map_or(&[][..], Vec::as_slice);
        for (address, name) in names {
            for subject in subjects {
                if let Some(draft) = self.drafts.get_mut(subject) {
                    draft.names.add(address.ip(), name.clone());
                }
            }
        }
    }

    /// Notes that a reported flow is over.
    pub fn end(&mut self, end: &FlowEnd) {
        for subject in self.open.remove(&end.id).unwrap_or_default() {
            if let Some(draft) = self.drafts.get_mut(&subject) {
                draft.end(end);
            }
        }
    }

    /// Gives all findings, in the order they were raised.
    pub fn finish(mut self) -> Vec<Finding> {
        self.raised
            .iter()
            .filter_map(|subject| Some(self.drafts.remove(subject)?.finding(subject)))
            .collect()
    }

    /// An upper bound of the bytes of memory that one finding needs: tallies full of the longest names.
    pub const FINDING_BYTES: usize = 64 * 1024;

    /// An upper bound of the bytes of memory that one open session needs.
    pub const OPEN_BYTES: usize = 4 * size_of::<(FlowId, Subject)>();
}

impl Draft {
    fn new(evidence: &Evidence, now: Timestamp) -> Self {
        Self {
            certainty: evidence.certainty,
            first: evidence.session,
            last_seen: evidence.session.last_seen,
            raised: now,
            relay: evidence.relay,
            target: None,
            sessions: 0,
            open_sessions: 0,
            flows: Vec::new(),
            names: Names::default(),
            evidence: RelaySummary::default(),
            quality: Quality::default(),
        }
    }

    fn add(&mut self, evidence: &Evidence) {
        self.certainty = self.certainty.max(evidence.certainty);
        self.evidence.add(&evidence.exchange);
        if self.target.is_none() {
            self.target.clone_from(&evidence.exchange.target);
        }
        self.join(&evidence.session);
    }

    fn aim(&mut self, target: Option<&Target>) {
        self.evidence.targets.extend(target.cloned());
        if self.target.is_none() {
            self.target = target.cloned();
        }
    }

    fn join(&mut self, session: &Session) {
        self.sessions += 1;
        self.open_sessions += 1;
        self.last_seen = self.last_seen.max(session.last_seen);
        self.quality.merge(Quality {
            one_sided: false,
            ..session.quality
        });
        self.list(FlowLine::from(session));
    }

    /// Lists a session; when the list is full, the last line goes to a server that is not in it yet.
    fn list(&mut self, line: FlowLine) {
        let fresh = self.flows.iter().all(|flow| flow.server != line.server);
        if self.flows.len() < FLOWS_LISTED {
            self.flows.push(line);
        } else if let (true, Some(last)) = (fresh, self.flows.last_mut()) {
            *last = line;
        }
    }

    fn end(&mut self, end: &FlowEnd) {
        self.open_sessions = self.open_sessions.saturating_sub(1);
        self.last_seen = self.last_seen.max(end.last_seen);
        self.evidence.add_traffic(end.traffic);
        self.quality.merge(end.quality);
    }

    fn severity(&self) -> Severity {
        match self.certainty {
            Certainty::Hint => Severity::Info,
            Certainty::Possible => Severity::Low,
            Certainty::Probable | Certainty::Proven if self.evidence.reverse => Severity::High,
            Certainty::Probable | Certainty::Proven => Severity::Medium,
        }
    }

    fn finding(self, subject: &Subject) -> Finding {
        let detector = detect::by_name(subject.detector);
        let several = self.sessions > 1;
        let name_of = |end: Endpoint| self.names.of(end.address.ip()).map(str::to_owned);
        Finding {
            schema: SCHEMA,
            id: id_of(subject),
            status: if self.open_sessions == 0 {
                Status::Closed
            } else {
                Status::New
            },
            detector: subject.detector,
            title: super::title::of(
                &self.first,
                self.relay,
                &self.evidence,
                self.target.as_ref(),
                &self.names,
            ),
            severity: self.severity(),
            certainty: self.certainty,
            confidence: self.certainty.confidence(),
            verdict: Verdict::Undeclared,
            first_seen: self.first.opened,
            last_seen: self.last_seen,
            raised: self.raised,
            transport: transport_name(self.first.transport),
            client: Party {
                ip: self.first.client.address.ip(),
                port: (!several).then_some(self.first.client.port),
                name: name_of(self.first.client),
            },
            server: Party {
                name: name_of(self.first.server),
                ..Party::from(self.first.server)
            },
            community_id: community_id(&self.first),
            sessions: self.sessions,
            flows: self.flows,
            relay: Some(self.relay.ip()),
            mechanism: detector.map(|detector| detector.mechanism),
            target: self.target,
            names: self.names,
            attack: detector.map_or_else(Vec::new, |d| d.attack.to_vec()),
            evidence: self.evidence,
            quality: self.quality,
        }
    }
}

impl From<Endpoint> for Party {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            ip: endpoint.address.ip(),
            port: Some(endpoint.port),
            name: None,
        }
    }
}

impl From<&Session> for FlowLine {
    fn from(session: &Session) -> Self {
        Self {
            client: session.client.into(),
            server: session.server.into(),
            transport: transport_name(session.transport),
            community_id: community_id(session),
            first_seen: session.opened,
        }
    }
}

/// The first 64 bits of a SHA-256 over what the finding is about.
fn id_of(subject: &Subject) -> String {
    let mut hash = Sha256::new();
    hash.update(subject.detector);
    hash.update([0]);
    hash.update(subject.client.bits().to_be_bytes());
    hash.update(subject.server.address.bits().to_be_bytes());
    hash.update(subject.server.port.to_be_bytes());
    let digest = hash.finalize();
    digest.iter().take(8).fold(String::new(), |mut id, byte| {
        use std::fmt::Write;
        let _ = write!(id, "{byte:02x}");
        id
    })
}

fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::TCP => "tcp",
        Transport::UDP => "udp",
        Transport::ICMP | Transport::ICMPV6 => "icmp",
        _ => "ip",
    }
}

/// Community ID v1 with seed 0 (<https://github.com/corelight/community-id-spec>).
fn community_id(session: &Session) -> Option<String> {
    let (client, server) = (session.client, session.server);
    let ports = (Some(client.port), Some(server.port));
    community_id::calculate_community_id(
        0,
        client.address.ip(),
        server.address.ip(),
        ports.0,
        ports.1,
        session.transport.0,
        Default::default(),
    )
    .ok()
}

const SCHEMA: u8 = 1;
const FLOWS_LISTED: usize = 8;
