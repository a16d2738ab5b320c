//! From evidence to findings: sessions of the same client, server and detector become one.

mod draft;
mod subject;

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use self::draft::Draft;
use self::subject::Subject;
use super::Finding;
use super::missed::Losses;
use super::order::Order;
use super::telling::{Pace, Telling};
use crate::decode::Address;
use crate::evidence::{Evidence, Session};
use crate::facts::{FlowEnd, FlowId};
use crate::proto::target::Target;
use crate::time::Timestamp;

/// The findings of a run, up to a cap; what must make room is given out first.
#[derive(Debug)]
pub struct Findings {
    drafts: HashMap<Subject, Draft, foldhash::fast::RandomState>,
    /// Which of them gives way.
    order: Order<Subject>,
    counts: FindingCounts,
    /// Reported flows that are not over.
    open: HashMap<FlowId, Vec<Subject>, foldhash::fast::RandomState>,
    /// These flows in the order they were reported, and flows that are over until their turn comes.
    opened: VecDeque<FlowId>,
    cap: usize,
    open_cap: usize,
    now: Timestamp,
    losses: Losses,
    /// Which are told while they are added to; none where all wait for the end.
    telling: Option<Telling<Subject>>,
}

/// What findings had to do without, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts {
    /// Findings that were raised; the same one again where it was given out before.
    pub raised: u64,
    /// Findings given out early, because another one needed their place.
    pub early: u64,
    /// Sessions of findings whose end was waited for no longer.
    pub let_go: u64,
    /// Lines that came later than they should, to stay below the limit of lines a minute.
    pub delayed: u64,
    /// Findings with news that were given out early while the limit was reached, and are not told.
    pub over_rate: u64,
    /// Findings given out early for which there was no memory until the end of a replay, and that are not told.
    pub over_budget: u64,
}

impl Findings {
    /// No findings; at most `cap` (at least one) are held, and the ends of `open_cap` sessions waited for.
    pub fn new(cap: usize, open_cap: usize) -> Self {
        Self {
            drafts: HashMap::default(),
            order: Order::new(),
            counts: FindingCounts::default(),
            open: HashMap::default(),
            opened: VecDeque::new(),
            cap: cap.max(1),
            open_cap: open_cap.max(1),
            now: Timestamp::MIN,
            losses: Losses::default(),
            telling: None,
        }
    }

    /// Findings are told while they are added to, at this pace.
    pub fn tell_as_it_goes(&mut self, pace: Pace) {
        self.telling = Some(Telling::new(pace));
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Notes that frames were lost between two moments: sessions of that time may lack something.
    pub fn missed(&mut self, from: Timestamp, to: Timestamp) {
        self.losses.add(from, to);
    }

    /// What was given out early, let go and delayed so far.
    pub fn counts(&self) -> FindingCounts {
        self.counts
    }

    /// Adds evidence found at `now`. Gives the finding that can best be spared where a new one needs its place.
    pub fn add(&mut self, evidence: &Evidence, now: Timestamp) -> Option<Finding> {
        let subject = Subject::of(evidence);
        let displaced = self.make_room(&subject);
        let raised = &mut self.counts.raised;
        let draft = self.drafts.entry(subject).or_insert_with(|| {
            *raised += 1;
            Draft::new(evidence, now, *raised)
        });
        draft.add(evidence);
        for session in evidence.sessions() {
            let subjects = self.open.entry(session.id).or_insert_with(|| {
                self.opened.push_back(session.id);
                Vec::new()
            });
            if !subjects.contains(&subject) {
                subjects.push(subject);
                draft.attach(session);
            }
        }
        self.note(subject);
        self.close_oldest();
        displaced
    }

    /// The findings that are to be told by now, at most so many: the surest first. The others are told later.
    pub fn due(&mut self, now: Timestamp, most: usize) -> Vec<Finding> {
        let mut due = Vec::new();
        if most == 0 {
            return due;
        }
        for subject in self.most_urgent(now) {
            if due.len() < most {
                due.extend(self.tell(subject, now));
            } else {
                self.delay(subject, now);
            }
        }
        due
    }

    /// What may have to be told by now, the surest first, then what has waited for longest.
    fn most_urgent(&mut self, now: Timestamp) -> Vec<Subject> {
        let Some(telling) = &mut self.telling else {
            return Vec::new();
        };
        let mut urgent: Vec<Subject> = std::iter::from_fn(|| telling.next(now)).collect();
        let certainty = |subject: &Subject| self.drafts.get(subject).map(|draft| draft.certainty);
        urgent.sort_by_key(|subject| Reverse(certainty(subject)));
        urgent
    }

    fn tell(&mut self, subject: Subject, now: Timestamp) -> Option<Finding> {
        let (telling, draft) = (self.telling.as_mut()?, self.drafts.get_mut(&subject)?);
        let state = draft.state();
        let status = telling.tell(subject, &mut draft.told, state, now)?;
        let rank = draft.rank(true);
        self.order.put(subject, draft.rank.replace(rank), rank);
        Some(draft.clone().finding(&subject, status, &self.losses))
    }

    /// A finding is told later, because too many are told now.
    fn delay(&mut self, subject: Subject, now: Timestamp) {
        if let (Some(telling), Some(draft)) = (&mut self.telling, self.drafts.get_mut(&subject)) {
            let state = draft.state();
            self.counts.delayed += u64::from(telling.delay(subject, &mut draft.told, state, now));
        }
    }

    /// Notes that a finding has news.
    fn note(&mut self, subject: Subject) {
        let Some(draft) = self.drafts.get_mut(&subject) else {
            return;
        };
        if let Some(telling) = &mut self.telling {
            let state = draft.state();
            telling.changed(subject, &mut draft.told, state, self.now);
        }
        let rank = draft.rank(self.telling.is_some());
        self.order.put(subject, draft.rank.replace(rank), rank);
    }

    /// The session that was reported longest ago gives way: its finding waits for its end no longer.
    fn close_oldest(&mut self) {
        while self.open.len() > self.open_cap || self.opened.len() > 2 * self.open_cap {
            let Some(oldest) = self.opened.pop_front() else {
                return;
            };
            self.let_go(oldest);
        }
    }

    fn make_room(&mut self, subject: &Subject) -> Option<Finding> {
        if self.drafts.len() < self.cap || self.drafts.contains_key(subject) {
            return None;
        }
        let least = self.order.least()?;
        let mut draft = self.drafts.remove(&least)?;
        self.order.remove(least, draft.rank);
        if let Some(telling) = &mut self.telling {
            telling.forget(least, &draft.told);
        }
        if draft.open_sessions > 0 {
            draft.quality.forgotten = true;
            draft.told.has_news = true;
        }
        let last = draft.last(&least, &self.losses);
        self.counts.early += u64::from(last.is_some());
        last
    }

    /// The end of a session is waited for no longer.
    fn let_go(&mut self, session: FlowId) {
        let subjects = self.open.remove(&session).unwrap_or_default();
        self.counts.let_go += u64::from(!subjects.is_empty());
        for subject in subjects {
            if let Some(draft) = self.drafts.get_mut(&subject) {
                draft.open_sessions = draft.open_sessions.saturating_sub(1);
                draft.quality.forgotten = true;
            }
            self.note(subject);
        }
    }

    /// Adds a session that belongs to the finding of another one, such as the datagrams of a UDP association.
    pub fn join(&mut self, control: FlowId, session: &Session, target: Option<&Target>) {
        let subjects = self.open.get(&control).cloned().unwrap_or_default();
        for subject in &subjects {
            if let Some(draft) = self.drafts.get_mut(subject) {
                draft.sessions += 1;
                draft.attach(session);
                draft.aim(target);
            }
            self.note(*subject);
        }
        self.open.insert(session.id, subjects);
        self.opened.push_back(session.id);
        self.close_oldest();
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
            self.note(subject);
        }
    }

    /// Notes that a flow was over before it was reported.
    pub fn over(&mut self, flow: FlowId) {
        for subject in self.open.remove(&flow).unwrap_or_default() {
            if let Some(draft) = self.drafts.get_mut(&subject) {
                draft.open_sessions = draft.open_sessions.saturating_sub(1);
            }
            self.note(subject);
        }
    }

    /// Gives all findings, in the order they were raised; where they are told as it goes, those with news.
    pub fn finish(mut self) -> Vec<Finding> {
        let raised = self.order.raised().into_iter();
        raised
            .filter_map(|subject| self.drafts.remove(&subject)?.last(&subject, &self.losses))
            .collect()
    }

    /// An upper bound of the bytes of memory that one finding needs: tallies full of the longest names.
    pub const FINDING_BYTES: usize = 64 * 1024;

    /// An upper bound of the bytes of memory that one open session needs.
    pub const OPEN_BYTES: usize = 4 * size_of::<(FlowId, Subject)>() + 4 * size_of::<FlowId>();
}

#[cfg(test)]
mod tests {
    use super::draft::FLOWS_LISTED;
    use super::*;
    use crate::decode::Transport;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::facts::samples::{end, endpoint, flow};
    use crate::facts::{Quality, Traffic};
    use crate::finding::{Severity, Status};
    use crate::time::Span;
    use Certainty::{Possible, Probable, Proven};

    const NOW: Timestamp = Timestamp::from_parts(150, 0);

    fn findings(evidence: impl IntoIterator<Item = Evidence>) -> Vec<Finding> {
        let mut findings = Findings::new(10, 64);
        for evidence in evidence {
            assert!(findings.add(&evidence, NOW).is_none());
        }
        findings.finish()
    }

    fn finding(evidence: impl IntoIterator<Item = Evidence>) -> Finding {
        let [finding] = <[Finding; 1]>::try_from(findings(evidence)).unwrap();
        finding
    }

    /// Which findings the evidence makes, by the numbers of their sessions.
    #[test]
    fn sessions_of_one_client_server_and_detector_are_one_finding() {
        let other_detector = || Evidence {
            detector: "http-connect-proxy",
            ..evidence(2, Proven)
        };
        let cases: [(Evidence, &[u64]); 6] = [
            (evidence(2, Proven), &[2]),
            (evidence(2, Possible).by("10.0.0.1:9"), &[2]),
            (evidence(2, Proven).by("10.0.0.3:40000"), &[1, 1]),
            (evidence(2, Proven).at("10.0.0.3:1080"), &[1, 1]),
            (evidence(2, Proven).at("10.0.0.2:1081"), &[1, 1]),
            (other_detector(), &[1, 1]),
        ];
        for (second, expected) in cases {
            let case = format!("{second:?}");
            let findings = findings([evidence(1, Proven), second]);
            let sessions: Vec<u64> = findings.iter().map(|finding| finding.sessions).collect();
            assert_eq!(sessions, expected, "{case}");
        }
    }

    #[test]
    fn the_surest_session_and_its_direction_decide_the_severity() {
        let reverse = |certainty| {
            let mut evidence = evidence(1, certainty);
            evidence.exchange_mut().reverse = true;
            evidence
        };
        let cases = [
            (vec![evidence(1, Possible)], Possible, Severity::Low),
            (vec![evidence(1, Probable)], Probable, Severity::Medium),
            (vec![evidence(1, Proven)], Proven, Severity::Medium),
            (
                vec![evidence(1, Proven), evidence(2, Possible)],
                Proven,
                Severity::Medium,
            ),
            (
                vec![evidence(1, Possible), evidence(2, Probable)],
                Probable,
                Severity::Medium,
            ),
            (vec![reverse(Possible)], Possible, Severity::Low),
            (vec![reverse(Proven)], Proven, Severity::High),
        ];
        for (evidence, certainty, severity) in cases {
            let finding = finding(evidence);
            assert_eq!((finding.certainty, finding.severity), (certainty, severity));
            assert_eq!(
                finding.confidence.to_bits(),
                certainty.confidence().to_bits()
            );
        }
    }

    /// Golden values: an id is the same in every version, or consumers lose their state.
    #[test]
    fn an_id_says_what_the_finding_is_about_and_nothing_else() {
        let first = evidence(1, Proven);
        let cases = [
            (first.clone(), "6ce7fc502e3c42a0"),
            (first.clone().by("10.0.0.1:9"), "6ce7fc502e3c42a0"),
            (evidence(9, Possible), "6ce7fc502e3c42a0"),
            (first.clone().by("10.0.0.3:40000"), "52db77506e475d97"),
            (first.clone().at("10.0.0.2:1081"), "7ea5ce16e6afed0b"),
            (first.clone().at("[2001:db8::2]:1080"), "3dd3d90f7e3aec65"),
        ];
        for (evidence, id) in cases {
            assert_eq!(finding([evidence]).id, id);
        }
    }

    #[test]
    fn the_oldest_finding_is_given_out_when_another_needs_its_place() {
        let mut findings = Findings::new(2, 64);
        let from = |host: u8| evidence(host.into(), Proven).by(&format!("10.0.0.{host}:9"));
        let given: Vec<Option<String>> = [1, 2, 1, 3, 1]
            .map(|host| {
                findings
                    .add(&from(host), NOW)
                    .map(|finding| finding.client.ip.to_string())
            })
            .to_vec();
        let expected = [None, None, None, Some("10.0.0.1"), Some("10.0.0.2")];
        assert_eq!(given, expected.map(|ip| ip.map(str::to_owned)));
        let left: Vec<String> = findings
            .finish()
            .iter()
            .map(|f| f.client.ip.to_string())
            .collect();
        assert_eq!(left, ["10.0.0.3", "10.0.0.1"]);
    }

    fn of_host(host: u8, certainty: Certainty) -> Evidence {
        evidence(host.into(), certainty).by(&format!("10.0.0.{host}:9"))
    }

    fn hosts(findings: &[Finding]) -> Vec<String> {
        let ip = |finding: &Finding| finding.client.ip.to_string();
        findings.iter().map(ip).collect()
    }

    #[test]
    fn where_few_may_be_told_the_surest_are_and_the_others_later() {
        let pace = Pace {
            update: Span::from_seconds(60),
            close: Span::from_seconds(300),
        };
        let mut findings = Findings::new(9, 64);
        findings.tell_as_it_goes(pace);
        findings.advance(NOW);
        for (host, certainty) in [(1, Possible), (2, Proven), (3, Probable), (4, Proven)] {
            findings.add(&of_host(host, certainty), NOW);
        }
        let at = |second| NOW + Span::from_seconds(second);
        assert!(findings.due(at(0), 9).is_empty());
        assert!(findings.due(at(1), 0).is_empty());
        assert_eq!(hosts(&findings.due(at(1), 1)), ["10.0.0.2"]);
        assert_eq!(findings.counts().delayed, 3);
        assert_eq!(hosts(&findings.due(at(2), 2)), ["10.0.0.4", "10.0.0.3"]);
        assert_eq!(hosts(&findings.due(at(3), 9)), ["10.0.0.1"]);
        assert!(findings.due(at(4), 9).is_empty());
        assert_eq!(findings.counts().delayed, 3, "each is counted once");
    }

    #[test]
    fn what_is_over_makes_room_first_then_what_is_least_sure() {
        let mut findings = Findings::new(3, 64);
        for (host, certainty) in [(1, Proven), (2, Possible), (3, Proven)] {
            findings.add(&of_host(host, certainty), NOW);
        }
        findings.end(&end(FlowId(3)));
        let mut given = Vec::new();
        for host in 4..=6 {
            given.extend(findings.add(&of_host(host, Probable), NOW));
        }
        assert_eq!(hosts(&given), ["10.0.0.3", "10.0.0.2", "10.0.0.4"]);
        let forgotten: Vec<bool> = given.iter().map(|f| f.quality.forgotten).collect();
        assert_eq!(forgotten, [false, true, true], "their sessions went on");
        assert_eq!(findings.counts().early, 3);
        assert_eq!(
            hosts(&findings.finish()),
            ["10.0.0.1", "10.0.0.5", "10.0.0.6"]
        );
    }

    #[test]
    fn a_session_that_is_waited_for_no_longer_is_counted_and_told() {
        let mut findings = Findings::new(3, 1);
        findings.add(&of_host(1, Proven), NOW);
        findings.add(&of_host(2, Proven), NOW);
        assert_eq!(findings.counts().let_go, 1);
        let told: Vec<_> = findings
            .finish()
            .into_iter()
            .map(|f| (f.status, f.quality.forgotten))
            .collect();
        assert_eq!(told, [(Status::Closed, true), (Status::New, false)]);
    }

    #[test]
    fn a_finding_is_closed_when_every_session_is_over() {
        for (ended, status) in [
            (vec![], Status::New),
            (vec![1], Status::New),
            (vec![2, 9], Status::New),
            (vec![1, 2], Status::Closed),
            (vec![1, 1, 9], Status::New),
        ] {
            let mut findings = Findings::new(1, 64);
            findings.add(&evidence(1, Proven), NOW);
            findings.add(&evidence(2, Proven), NOW);
            ended
                .iter()
                .for_each(|&flow| findings.end(&end(FlowId(flow))));
            assert_eq!(findings.finish()[0].status, status, "{ended:?}");
        }
    }

    #[test]
    fn an_end_brings_traffic_time_and_quality() {
        let mut findings = Findings::new(1, 64);
        findings.add(&evidence(1, Proven), NOW);
        findings.end(&FlowEnd {
            traffic: Traffic {
                client_bytes: 3,
                server_bytes: 4,
                ..Traffic::default()
            },
            quality: Quality {
                gaps: true,
                one_sided: true,
                ..Quality::default()
            },
            ..end(FlowId(1))
        });
        let finding = &findings.finish()[0];
        assert_eq!(finding.evidence.traffic(), (3, 4));
        assert_eq!(finding.first_seen, Timestamp::from_parts(100, 0));
        assert_eq!(finding.last_seen, end(FlowId(1)).last_seen);
        assert_eq!(finding.raised, NOW);
        assert!(finding.quality.gaps && finding.quality.one_sided);
    }

    /// While a session goes on, its other side may still speak.
    #[test]
    fn one_side_alone_is_told_only_when_the_session_is_over() {
        let mut early = evidence(1, Proven);
        early.session.quality = Quality {
            one_sided: true,
            truncated: true,
            ..Quality::default()
        };
        let quality = finding([early]).quality;
        assert!(quality.truncated && !quality.one_sided);
    }

    #[test]
    fn datagrams_join_the_finding_of_their_session() {
        let mut findings = Findings::new(1, 64);
        findings.add(&evidence(1, Proven), NOW);
        let mut datagrams = Session::from(&flow(Vec::new()));
        datagrams.id = FlowId(2);
        datagrams.transport = Transport::UDP;
        datagrams.server = endpoint("10.0.0.2:5000");
        let target = Target::from_authority(b"a.test:53");
        findings.join(FlowId(1), &datagrams, target.as_ref());
        findings.join(FlowId(99), &datagrams, None);
        findings.end(&end(FlowId(1)));
        let finding = &findings.finish()[0];
        assert_eq!((finding.sessions, finding.status), (2, Status::New));
        assert_eq!(finding.target, target);
        let transports: Vec<&str> = finding.flows.iter().map(|flow| flow.transport).collect();
        assert_eq!(transports, ["tcp", "udp"]);
    }

    #[test]
    fn the_first_sessions_are_listed_and_every_server() {
        let finding = finding((1..=20).map(|flow| evidence(flow, Proven)));
        assert_eq!((finding.sessions, finding.flows.len()), (20, FLOWS_LISTED));
        let mut findings = Findings::new(1, 64);
        (1..=20).for_each(|flow| drop(findings.add(&evidence(flow, Proven), NOW)));
        let mut other = Session::from(&flow(Vec::new()));
        other.server = endpoint("10.0.0.2:5000");
        findings.join(FlowId(1), &other, None);
        let flows = &findings.finish()[0].flows;
        assert_eq!(flows.len(), FLOWS_LISTED);
        assert_eq!(flows.last().unwrap().server.port, Some(5000));
    }

    #[test]
    fn a_client_has_a_port_where_there_is_one_session() {
        assert_eq!(finding([evidence(1, Proven)]).client.port, Some(40_000));
        assert_eq!(
            finding([1, 2].map(|flow| evidence(flow, Proven)))
                .client
                .port,
            None
        );
    }
}
