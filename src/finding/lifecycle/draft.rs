//! A finding that grows: what its evidence and its sessions say together.

use super::subject::Subject;
use crate::decode::{Address, Endpoint, Transport};
use crate::detect;
use crate::evidence::{Certainty, Evidence, Mechanism, Says, Session};
use crate::facts::{self, FlowEnd, Quality};
use crate::finding::missed::Losses;
use crate::finding::names::Names;
use crate::finding::order::Rank;
use crate::finding::summary::Summary;
use crate::finding::telling::{State, Told};
use crate::finding::title;
use crate::finding::{Finding, FlowLine, Party, Severity, Status, Verdict};
use crate::proto::target::{Host, Target};
use crate::time::Timestamp;

/// What is known of a subject.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) certainty: Certainty,
    first: Session,
    last_seen: Timestamp,
    raised: Timestamp,
    relay: Address,
    target: Option<Target>,
    pub(super) sessions: u64,
    pub(super) open_sessions: u64,
    flows: Vec<FlowLine>,
    pub(super) names: Names,
    chain: Vec<Address>,
    evidence: Summary,
    pub(super) quality: Quality,
    pub(super) told: Told,
    number: u64,
    pub(super) rank: Option<Rank>,
}

impl Draft {
    /// Of the first evidence, which is then added.
    pub(super) fn new(evidence: &Evidence, now: Timestamp, number: u64) -> Self {
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
            chain: Vec::new(),
            evidence: Summary::of(&evidence.says),
            quality: Quality::default(),
            told: Told::nothing(now),
            number,
            rank: None,
        }
    }

    /// Adds evidence.
    pub(super) fn add(&mut self, evidence: &Evidence) {
        self.certainty = self.certainty.max(evidence.certainty);
        self.evidence.add(evidence);
        if self.target.is_none() {
            self.target = target_of(&evidence.says);
        }
        if let (true, Says::Chain(chain)) = (self.chain.is_empty(), &evidence.says) {
            self.chain.clone_from(&chain.hosts);
        }
        self.last_seen = self.last_seen.max(evidence.session.last_seen);
        self.sessions += u64::from(!is_again(&evidence.says));
    }

    /// Adds a target.
    pub(super) fn aim(&mut self, target: Option<&Target>) {
        if let Summary::Exchanges(summary) = &mut self.evidence {
            summary.targets.extend(target.cloned());
        }
        if self.target.is_none() {
            self.target = target.cloned();
        }
    }

    /// Takes in a flow.
    pub(super) fn attach(&mut self, session: &Session) {
        self.open_sessions += 1;
        self.last_seen = self.last_seen.max(session.last_seen);
        self.quality.merge(Quality {
            one_sided: false,
            ..session.quality
        });
        self.list(session);
    }

    /// Lists a session; when the list is full, the last line goes to a server that is not in it yet.
    fn list(&mut self, session: &Session) {
        if self.flows.len() < FLOWS_LISTED {
            self.flows.push(session.into());
            return;
        }
        let server = Party::at(session.server, session.transport);
        let fresh = self.flows.iter().all(|flow| flow.server != server);
        if let (true, Some(last)) = (fresh, self.flows.last_mut()) {
            *last = session.into();
        }
    }

    /// A flow of it is over.
    pub(super) fn end(&mut self, end: &FlowEnd) {
        self.open_sessions = self.open_sessions.saturating_sub(1);
        self.last_seen = self.last_seen.max(end.last_seen);
        self.evidence.add_traffic(end.traffic);
        self.quality.merge(end.quality);
    }

    fn severity(&self) -> Severity {
        match self.certainty {
            Certainty::Hint => Severity::Info,
            Certainty::Possible => Severity::Low,
            Certainty::Probable | Certainty::Proven => self.severity_if_so(),
        }
    }

    fn severity_if_so(&self) -> Severity {
        match &self.evidence {
            Summary::Exchanges(summary) if summary.reverse => Severity::High,
            Summary::Ssh(summary) if summary.reverse => Severity::High,
            Summary::Shells(_) => Severity::High,
            Summary::Joins(summary) if summary.mechanism() == Mechanism::Balancer => Severity::Low,
            _ => Severity::Medium,
        }
    }

    fn mechanism(&self, subject: &Subject) -> Option<&'static str> {
        match &self.evidence {
            Summary::Joins(summary) => Some(summary.mechanism().name()),
            Summary::Turns(summary) => Some(summary.mechanism().name()),
            Summary::Exchanges(_)
            | Summary::Chains(_)
            | Summary::Spreads(_)
            | Summary::Drifts(_)
            | Summary::Shells(_)
            | Summary::Ssh(_)
            | Summary::Beacon(_)
            | Summary::Lasting(_) => detect::by_name(subject.detector())?.mechanism,
        }
    }

    /// What there would be to tell now.
    pub(super) fn state(&self) -> State {
        State {
            certainty: self.certainty,
            is_open: self.open_sessions > 0,
        }
    }

    /// What it stands for among the others. In a replay nothing is told, and what is over can be spared.
    pub(super) fn rank(&self, is_told_as_it_goes: bool) -> Rank {
        let has_news = is_told_as_it_goes && self.told.last(self.state()).is_some();
        Rank {
            matters: self.open_sessions > 0 || has_news,
            certainty: self.certainty,
            number: self.number,
        }
    }

    /// The last line about it, if it says anything new.
    pub(super) fn last(self, subject: &Subject, losses: &Losses) -> Option<Finding> {
        let status = self.told.last(self.state())?;
        Some(self.finding(subject, status, losses))
    }

    /// The line about it.
    pub(super) fn finding(self, subject: &Subject, status: Status, losses: &Losses) -> Finding {
        let detector = detect::by_name(subject.detector());
        let several = self.sessions > 1;
        let mechanism = self.mechanism(subject);
        let mut quality = self.quality;
        quality.loss |= losses.touch(self.first.opened, self.last_seen);
        let client = Party::at(self.first.client, self.first.transport);
        let name_of = |end: Endpoint| self.names.of(end.address.ip()).map(str::to_owned);
        Finding {
            schema: SCHEMA,
            id: subject.id(&self.evidence),
            status,
            detector: subject.detector(),
            title: title::of(
                &self.first,
                self.relay,
                &self.evidence,
                self.target.as_ref(),
                &self.names,
                &self.chain,
            ),
            severity: self.severity(),
            certainty: self.certainty,
            confidence: self.certainty.confidence(),
            verdict: Verdict::Undeclared,
            rule: None,
            first_seen: self.first.opened,
            last_seen: self.last_seen,
            raised: self.raised,
            transport: self.first.transport.name(),
            client: Party {
                port: client.port.filter(|_| !several),
                name: name_of(self.first.client),
                ..client
            },
            server: Party {
                name: name_of(self.first.server),
                ..Party::at(self.first.server, self.first.transport)
            },
            community_id: community_id(&self.first),
            sessions: self.sessions,
            flows: self.flows,
            relay: self.evidence.tells_of_a_relay().then(|| self.relay.ip()),
            mechanism,
            chain: self.chain.iter().map(|host| host.ip()).collect(),
            target: self.target,
            names: self.names,
            attack: detector.map_or_else(Vec::new, |d| d.attack.to_vec()),
            evidence: self.evidence,
            packets: None,
            quality,
        }
    }
}

impl Party {
    fn at(endpoint: Endpoint, transport: Transport) -> Self {
        Self {
            ip: endpoint.address.ip(),
            port: transport.has_ports().then_some(endpoint.port),
            name: None,
            role: None,
        }
    }
}

impl From<&Session> for FlowLine {
    fn from(session: &Session) -> Self {
        Self {
            client: Party::at(session.client, session.transport),
            server: Party::at(session.server, session.transport),
            transport: session.transport.name(),
            community_id: community_id(session),
            vlan: session.vlan,
            first_seen: session.opened,
        }
    }
}

/// Whether evidence speaks of a session that was counted already.
fn is_again(says: &Says) -> bool {
    match says {
        Says::Join(join) => join.again,
        Says::Turn(turn) => turn.again,
        Says::Lasting(lasting) => lasting.again,
        Says::Beacon(beacon) => beacon.again,
        Says::Ssh(used) => used.conduct.told.is_some(),
        Says::Exchange(_) | Says::Chain(_) | Says::Spread(_) | Says::Drift(_) | Says::Shell(_) => {
            false
        }
    }
}

/// The target that evidence names.
fn target_of(says: &Says) -> Option<Target> {
    match says {
        Says::Exchange(exchange) => exchange.target.clone(),
        Says::Join(join) => Some(Target {
            host: Host::from_ip(join.target.address.ip()),
            port: join.target.port,
        }),
        Says::Turn(turn) => turn.target.clone(),
        Says::Chain(_)
        | Says::Spread(_)
        | Says::Drift(_)
        | Says::Shell(_)
        | Says::Ssh(_)
        | Says::Beacon(_)
        | Says::Lasting(_) => None,
    }
}

fn community_id(session: &Session) -> Option<String> {
    facts::community_id(session.client, session.server, session.transport)
}

const SCHEMA: u8 = 1;
pub(super) const FLOWS_LISTED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::{endpoint, flow};

    /// The vectors of the specification, seed 0.
    #[test]
    fn community_ids_are_those_of_the_specification() {
        const RSVP: Transport = Transport(46);
        let [one, two] = ["1.2.3.4:1122", "5.6.7.8:3344"];
        let [six, seven] = [
            "[fe80:1:203:405:607:809:a0b:c0d]:0",
            "[fe80:1011:1213:1415:1617:1819:1a1b:1c1d]:0",
        ];
        let cases = [
            (
                one,
                two,
                Transport::TCP,
                Some("1:wCb3OG7yAFWelaUydu0D+125CLM="),
            ),
            (
                two,
                one,
                Transport::TCP,
                Some("1:wCb3OG7yAFWelaUydu0D+125CLM="),
            ),
            (
                one,
                two,
                Transport::UDP,
                Some("1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
            ),
            (
                two,
                one,
                Transport::UDP,
                Some("1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
            ),
            (
                one,
                two,
                Transport::SCTP,
                Some("1:EKt4MsxuyaE6mL+hmrEkQ9csDD8="),
            ),
            (
                "10.0.0.1:1122",
                "10.0.0.1:3344",
                Transport::TCP,
                Some("1:J1rd4IrTIH34H+/DB8Md19QOWkg="),
            ),
            (
                "10.0.0.1:3344",
                "10.0.0.1:1122",
                Transport::TCP,
                Some("1:J1rd4IrTIH34H+/DB8Md19QOWkg="),
            ),
            (one, two, RSVP, Some("1:ikv3kmf89luf73WPz1jOs49S768=")),
            (seven, six, RSVP, Some("1:wQ/2mwrnXP4lmJcHdGL5ePjR+e0=")),
            (one, two, Transport::ICMP, None),
            (six, seven, Transport::ICMPV6, None),
        ];
        for (client, server, transport, id) in cases {
            let mut session = Session::from(&flow(Vec::new()));
            (session.client, session.server) = (endpoint(client), endpoint(server));
            session.transport = transport;
            assert_eq!(
                community_id(&session).as_deref(),
                id,
                "{client} {server} {transport:?}"
            );
            assert_eq!(FlowLine::from(&session).community_id.as_deref(), id);
        }
    }

    /// A session keeps no ICMP type; where it is known one day, the library is right about ways that have no answer:
    /// their ends are not put in order.
    #[test]
    fn the_library_knows_one_way_icmp() {
        let id = |from: &str, to: &str, kind| {
            let [from, to] = [from, to].map(|ip| ip.parse().unwrap());
            let protocol = if matches!(from, std::net::IpAddr::V4(_)) {
                1
            } else {
                58
            };
            community_id::calculate_community_id(0, from, to, Some(kind), Some(0), protocol, false)
        };
        let [one, two] = ["1.2.3.4", "5.6.7.8"];
        let [six, seven] = [
            "fe80:1:203:405:607:809:a0b:c0d",
            "fe80:1011:1213:1415:1617:1819:1a1b:1c1d",
        ];
        let cases = [
            (one, two, 8, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
            (two, one, 0, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
            (one, two, 11, "1:f/YiSyWqczrTgfUCZlBUnvHRcPk="),
            (two, one, 11, "1:1Vae9INpTJ+fZaSmjhtK/hyOPac="),
            (six, seven, 128, "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="),
            (seven, six, 129, "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="),
            (six, seven, 146, "1:fYC8+pz24E+EhANP1EZhpX0Dw10="),
        ];
        for (from, to, kind, expected) in cases {
            assert_eq!(
                id(from, to, kind).as_deref(),
                Ok(expected),
                "{from} {to} {kind}"
            );
        }
    }
}
