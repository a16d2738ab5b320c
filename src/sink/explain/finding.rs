//! A finding, line by line: what it says, why, and what it cannot know.

use std::io::{self, Write};

use super::beacon;
use super::page::{Page, span};
use super::quality;
use crate::detect::Detector;
use crate::evidence::{Certainty, Hop, Inner, UNSEEN};
use crate::finding::attack::Attack;
use crate::finding::names::Names;
use crate::finding::summary::{DriftSummary, Label, RelaySummary, Summary, Tally};
use crate::finding::{Finding, FlowLine, Party, Status};
use crate::policy::explain::Explanation;
use crate::sink::text::{bytes, plural, style_of};

/// Writes all that a finding says. `detector` is the one that found it, `policy` what was made of it.
///
/// # Errors
///
/// If the output fails; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn finding(
    out: &mut impl Write,
    finding: &Finding,
    detector: Option<&Detector>,
    policy: &Explanation,
    width: usize,
) -> io::Result<()> {
    let mut page = Page::new(out, width);
    let severity = finding.severity;
    page.title(severity.name(), style_of(severity), &finding.title)?;
    page.gap()?;
    conclusion(&mut page, finding, detector)?;
    judgement(&mut page, finding, policy)?;
    page.gap()?;
    times(&mut page, finding)?;
    page.gap()?;
    parties(&mut page, finding)?;
    page.gap()?;
    match &finding.evidence {
        Summary::Exchanges(relay) => exchange(&mut page, relay, &finding.names)?,
        Summary::Joins(joins) => lines(&mut page, joins.lines(&finding.names))?,
        Summary::Chains(chains) => lines(&mut page, chains.lines())?,
        Summary::Spreads(spreads) => lines(&mut page, spreads.lines())?,
        Summary::Ssh(ssh) => lines(&mut page, ssh.lines())?,
        Summary::Drifts(drifts) => lines(&mut page, drifts.lines())?,
        Summary::Turns(turns) => lines(&mut page, turns.lines(&finding.names))?,
        Summary::Shells(shells) => lines(&mut page, shells.lines())?,
        Summary::Lasting(lasting) => lines(&mut page, lasting.lines())?,
        Summary::Beacon(rhythm) => beacon::draw(&mut page, rhythm)?,
    }
    page.gap()?;
    limits(&mut page, finding, detector)
}

fn conclusion<W: Write>(
    page: &mut Page<'_, W>,
    finding: &Finding,
    detector: Option<&Detector>,
) -> io::Result<()> {
    let certainty = format!("{:?}", finding.certainty).to_lowercase();
    let meaning = meaning(finding.certainty);
    let certainty = format!("{certainty} ({}): {meaning}", finding.confidence);
    let summary = detector.map(Detector::summary).unwrap_or_default();
    page.line("finding", &finding.id)?;
    page.line("detector", &format!("{}: {summary}", finding.detector))?;
    page.line("certainty", &certainty)?;
    page.line("proof", &proof(finding))
}

fn judgement<W: Write>(
    page: &mut Page<'_, W>,
    finding: &Finding,
    policy: &Explanation,
) -> io::Result<()> {
    let severity = format!("{}: {}", finding.severity, policy.severity);
    page.lines(
        "severity",
        [Some(severity), policy.role.clone()].into_iter().flatten(),
    )?;
    page.line("verdict", &policy.verdict)?;
    page.lines("approvals", policy.rules.iter().cloned())
}

fn meaning(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Hint => "worth knowing, never an alarm",
        Certainty::Possible => "it looks like it",
        Certainty::Probable => "hard to explain otherwise",
        Certainty::Proven => "a protocol exchange was parsed to its end",
    }
}

fn lines<W: Write>(page: &mut Page<'_, W>, lines: Vec<(Label, Vec<String>)>) -> io::Result<()> {
    lines
        .into_iter()
        .try_for_each(|(label, values)| page.lines(label, values))
}

/// What was seen of the sessions that the finding stands on.
fn proof(finding: &Finding) -> String {
    match &finding.evidence {
        Summary::Exchanges(relay) => answered(finding, relay),
        Summary::Joins(joins) => {
            let proofs = joins.proofs.show(ToString::to_string).join(", ");
            format!("two flows are the legs of one session: {proofs}")
        }
        Summary::Ssh(_) => "sizes, directions and order behind the key exchange".to_owned(),
        Summary::Shells(shells) => shells.spoken.show(ToString::to_string).join(", "),
        Summary::Spreads(_) => "the relayed sessions are in the findings of its relays".to_owned(),
        Summary::Beacon(_) => {
            "what the reasons weigh together; timing alone proves nothing".to_owned()
        }
        Summary::Lasting(_) => {
            "the session was seen at that age, by the clock of the packets".to_owned()
        }
        Summary::Drifts(drifts) => moved(drifts),
        Summary::Turns(turns) => {
            let causes = turns.causes.show(ToString::to_string).join(", ");
            format!("the host never relayed; that it does now is in findings of {causes}")
        }
        Summary::Chains(_) => "each hop's legs were joined; see the relays of the chain".to_owned(),
    }
}

fn moved(drifts: &DriftSummary) -> String {
    let what = if drifts.openings.is_empty() {
        "payload sizes"
    } else if drifts.directions.is_empty() {
        "the openings"
    } else {
        "openings and payload sizes"
    };
    let (flows, all, level) = (drifts.flows, drifts.of_flows, drifts.level);
    format!(
        "{what} of {flows} of {all} flows are not those of the profile: the test reaches level {level:.1}"
    )
}

fn answered(finding: &Finding, relay: &RelaySummary) -> String {
    let is_unseen = |outcome: Option<&String>| outcome.is_some_and(|outcome| outcome == UNSEEN);
    let mut outcomes = relay.outcomes.iter();
    if relay.opened > 0 {
        let sessions = plural(finding.sessions, "session");
        format!(
            "the relay did what it was asked for in {} of {sessions}",
            relay.opened
        )
    } else if outcomes.all(|outcome| is_unseen(outcome.value.as_ref())) {
        "the relay was asked; what it answered was not seen".to_owned()
    } else {
        "the relay answered, and did not do what it was asked for".to_owned()
    }
}

fn times<W: Write>(page: &mut Page<'_, W>, finding: &Finding) -> io::Result<()> {
    let first = finding.first_seen;
    let status = match finding.status {
        Status::New => "new: a session was open when last seen",
        Status::Update => "update: it was told before, and there is news",
        Status::Closed => "closed: every session is over",
    };
    let raised = format!("{}, {} later", finding.raised, span(finding.raised - first));
    let last = format!(
        "{}, {} later",
        finding.last_seen,
        span(finding.last_seen - first)
    );
    page.line("first seen", &first.to_string())?;
    page.line("raised", &raised)?;
    page.line("last seen", &last)?;
    page.line("status", status)
}

fn parties<W: Write>(page: &mut Page<'_, W>, finding: &Finding) -> io::Result<()> {
    let relay = finding.relay.map(|ip| match finding.mechanism {
        Some(mechanism) => format!("{ip}, by {mechanism}"),
        None => ip.to_string(),
    });
    let server = format!("{}, {}", party(&finding.server), finding.transport);
    let chain: Vec<String> = finding.chain.iter().map(ToString::to_string).collect();
    page.lines("relay", relay)?;
    page.lines("chain", (!chain.is_empty()).then(|| chain.join(" → ")))?;
    page.line("client", &party(&finding.client))?;
    page.line("server", &server)?;
    let listed = finding.flows.len() as u64;
    let sessions = match finding.sessions.checked_sub(listed) {
        None | Some(0) => finding.sessions.to_string(),
        Some(_) => format!("{}; {listed} of them are", finding.sessions),
    };
    page.line("sessions", &sessions)?;
    page.lines("", finding.flows.iter().map(session))?;
    let (from_client, to_client) = finding.evidence.traffic();
    let traffic = format!(
        "{} from the client, {} to it, in sessions that are over",
        bytes(from_client),
        bytes(to_client)
    );
    page.line("payload", &traffic)
}

fn party(party: &Party) -> String {
    let end = match party.port {
        Some(port) => std::net::SocketAddr::new(party.ip, port).to_string(),
        None => party.ip.to_string(),
    };
    match (&party.name, party.role) {
        (Some(name), Some(role)) => format!("{end} ({name}), {role}"),
        (Some(name), None) => format!("{end} ({name})"),
        (None, Some(role)) => format!("{end}, {role}"),
        (None, None) => end,
    }
}

/// The ends stand under the time, for the Community ID to be copied.
fn session(flow: &FlowLine) -> String {
    let id = flow.community_id.as_deref().unwrap_or("without an id");
    let (client, server) = (party(&flow.client), party(&flow.server));
    let ends = format!("  {} {client} to {server}", flow.transport);
    format!("{}  {id}\n{ends}", flow.first_seen)
}

fn exchange<W: Write>(
    page: &mut Page<'_, W>,
    relay: &RelaySummary,
    names: &Names,
) -> io::Result<()> {
    page.lines("protocol", told(&relay.protocols, ToString::to_string))?;
    page.lines("asked", told(&relay.commands, String::clone))?;
    page.lines("identity", told(&relay.authentication, ToString::to_string))?;
    page.lines("outcome", told(&relay.outcomes, String::clone))?;
    page.lines("target", told(&relay.targets, |target| names.show(target)))?;
    page.lines("then", told(&relay.hops, |hops| path(hops, names)))?;
    page.lines("inside", told(&relay.inner, inner))?;
    page.lines("marks", told(&relay.marks, String::clone))
}

/// `value ×3`, in the order first seen.
fn told<T: PartialEq>(tally: &Tally<T>, show: impl Fn(&T) -> String) -> Vec<String> {
    let values = tally.iter().map(|counted| {
        let value = counted.value.as_ref().map_or("others".to_owned(), &show);
        let (first, rest) = value.split_once('\n').unwrap_or((&value, ""));
        match counted.count {
            1 => value,
            count => format!("{first} ×{count}\n{rest}"),
        }
    });
    values.collect()
}

fn path(hops: &[Hop], names: &Names) -> String {
    let steps = hops.iter().map(|hop| {
        let target = hop.target.as_ref().map(|target| names.show(target));
        format!("{} to {}", hop.protocol, target.unwrap_or("?".to_owned()))
    });
    steps.collect::<Vec<_>>().join(", then ")
}

fn inner(inner: &Inner) -> String {
    let name = inner.name.as_ref().map(|name| format!(" {name}"));
    let prints = [
        ("JA4", &inner.ja4),
        ("JA3", &inner.ja3),
        ("HASSH", &inner.hassh),
    ];
    let prints = prints
        .into_iter()
        .filter_map(|(kind, print)| Some(format!("\n  {kind} {}", print.as_ref()?)));
    let details = name.into_iter().chain(prints);
    inner.protocol.to_owned() + &details.collect::<String>()
}

fn limits<W: Write>(
    page: &mut Page<'_, W>,
    finding: &Finding,
    detector: Option<&Detector>,
) -> io::Result<()> {
    page.lines("quality", quality::words(finding.quality))?;
    page.lines("ATT&CK", finding.attack.iter().map(technique))?;
    let misses = detector.map(|detector| detector.section("Misses"));
    page.lines("misses", misses)
}

/// `T1090.002 Proxy: External Proxy (DET0325, AN0923)`
fn technique(attack: &Attack) -> String {
    let name = attack.name().unwrap_or_default();
    let references: Vec<&str> = [attack.strategy, attack.analytic]
        .into_iter()
        .flatten()
        .collect();
    let references = match references.join(", ") {
        none if none.is_empty() => none,
        some => format!(" ({some})"),
    };
    format!("{:<9} {name}{references}", attack.technique)
}
