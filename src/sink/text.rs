//! Text for a person: the story in one line, the evidence under it, and the story of each host at the end.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::evidence::{Hop, Inner};
use crate::finding::names::Names;
use crate::finding::story::Story;
use crate::finding::summary::{Label, RelaySummary, Summary, Tally};
use crate::finding::{Finding, Severity, Status, Verdict};

/// Writes findings, most severe first, and within a severity in the order they were raised.
///
/// # Errors
///
/// If the output fails; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for finding in sorted {
        block(out, finding, status(finding))?;
    }
    Ok(())
}

/// Writes a finding as it is told while a capture goes on: with whether it is new, has news, or is over.
///
/// # Errors
///
/// If the output fails; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write_news(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let status = match finding.status {
        Status::New => "new",
        Status::Update => "update of what was told before",
        Status::Closed => "closed: no session of it is open",
    };
    block(out, finding, status)
}

fn block(out: &mut impl Write, finding: &Finding, status: &str) -> io::Result<()> {
    story(out, finding)?;
    evidence(out, finding, status)?;
    writeln!(out)
}

fn story(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let (style, severity) = (style_of(finding.severity), finding.severity);
    writeln!(
        out,
        "{style}{severity:<8}{style:#} {BOLD}{}{BOLD:#}",
        finding.title
    )
}

fn evidence(out: &mut impl Write, finding: &Finding, status: &str) -> io::Result<()> {
    let certainty = format!("{:?}", finding.certainty).to_lowercase();
    let techniques: Vec<&str> = finding.attack.iter().map(|a| a.technique).collect();
    let detector = format!(
        "{} ({certainty}), {}",
        finding.detector,
        techniques.join(" ")
    );
    line(out, "detector", &detector)?;
    line(out, "status", status)?;
    line(out, "verdict", &verdict(finding))?;
    line(
        out,
        "seen",
        &format!("{} to {}", finding.first_seen, finding.last_seen),
    )?;
    line(out, "sessions", &sessions(finding))?;
    match &finding.evidence {
        Summary::Exchanges(relay) => exchanges(out, relay, &finding.names)?,
        Summary::Joins(joins) => lines(out, joins.lines(&finding.names))?,
        Summary::Chains(chains) => lines(out, chains.lines())?,
        Summary::Spreads(spreads) => lines(out, spreads.lines())?,
        Summary::Ssh(ssh) => lines(out, ssh.lines())?,
        Summary::Drifts(drifts) => lines(out, drifts.lines())?,
        Summary::Turns(turns) => lines(out, turns.lines(&finding.names))?,
        Summary::Shells(shells) => lines(out, shells.lines())?,
        Summary::Lasting(lasting) => lines(out, lasting.lines())?,
        Summary::Beacon(beacon) => lines(out, beacon.lines())?,
    }
    line(out, "quality", &quality(finding))
}

fn exchanges(out: &mut impl Write, relay: &RelaySummary, names: &Names) -> io::Result<()> {
    line(out, "asked", &tally(&relay.commands, String::clone))?;
    line(
        out,
        "identity",
        &tally(&relay.authentication, ToString::to_string),
    )?;
    line(out, "outcome", &tally(&relay.outcomes, String::clone))?;
    line(
        out,
        "targets",
        &tally(&relay.targets, |target| names.show(target)),
    )?;
    line(out, "then", &tally(&relay.hops, |hops| path(hops, names)))?;
    line(out, "inside", &tally(&relay.inner, inner))?;
    line(out, "marks", &tally(&relay.marks, String::clone))
}

fn lines(out: &mut impl Write, lines: Vec<(Label, Vec<String>)>) -> io::Result<()> {
    lines
        .into_iter()
        .try_for_each(|(label, values)| line(out, label, &values.join(", ")))
}

/// Nothing where it may be told for the first time.
fn status(finding: &Finding) -> &'static str {
    match finding.status {
        Status::New | Status::Closed => "",
        Status::Update => "update of what was told before",
    }
}

/// Nothing where nobody said anything about the host.
fn verdict(finding: &Finding) -> String {
    match (finding.verdict, &finding.rule) {
        (Verdict::Undeclared, _) => String::new(),
        (Verdict::Approved, Some(rule)) => format!("approved by {rule}"),
        (verdict, Some(rule)) => format!("{verdict}: {rule} has run out"),
        (Verdict::Unapproved, None) => "unapproved: the host is known, this use is not".to_owned(),
        (verdict, None) => format!("{verdict}: what was seen is too little"),
    }
}

fn line(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(out, "         {DIM}{label:<9}{DIM:#} {text}")
}

fn sessions(finding: &Finding) -> String {
    let opened = finding.evidence.exchanges().map(|relay| relay.opened);
    let opened = opened.map_or(String::new(), |opened| format!(" ({opened} opened)"));
    let mut text = format!("{}{opened}", finding.sessions);
    let (from_client, to_client) = finding.evidence.traffic();
    if from_client + to_client > 0 {
        text += &format!(
            ", {} from the client, {} to it",
            bytes(from_client),
            bytes(to_client)
        );
    }
    text
}

fn tally<T: PartialEq>(tally: &Tally<T>, show: impl Fn(&T) -> String) -> String {
    tally.show(show).join(", ")
}

fn path(hops: &[Hop], names: &Names) -> String {
    let steps: Vec<String> = hops
        .iter()
        .map(|hop| {
            let target = hop.target.as_ref().map(|target| names.show(target));
            format!("{} to {}", hop.protocol, target.unwrap_or("?".to_owned()))
        })
        .collect();
    steps.join(", then ")
}

fn inner(inner: &Inner) -> String {
    [
        Some(inner.protocol),
        inner.name.as_deref(),
        inner.ja4.as_deref(),
        inner.hassh.as_deref(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" ")
}

/// The defects of what was seen, by their names in the JSON.
fn quality(finding: &Finding) -> String {
    let fields = serde_json::to_value(finding.quality).unwrap_or_default();
    let names = fields.as_object().map(|fields| {
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        names.join(", ")
    });
    names.unwrap_or_default()
}

/// Writes the story of each host with what it stands on.
///
/// # Errors
///
/// If the output fails.
pub fn write_stories(out: &mut impl Write, stories: &[Story]) -> io::Result<()> {
    for story in stories {
        let (style, severity) = (style_of(story.severity), story.severity);
        let (host, told) = (story.host, told(story));
        writeln!(
            out,
            "{style}{severity:<8}{style:#} {BOLD}{host} {told}{BOLD:#}"
        )?;
        line(out, "name", story.name.as_deref().unwrap_or_default())?;
        line(out, "role", story.role.unwrap_or_default())?;
        line(out, "score", &format!("{:.1}", story.score))?;
        line(
            out,
            "seen",
            &format!("{} to {}", story.first_seen, story.last_seen),
        )?;
        line(out, "findings", &story.findings.join(", "))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the story of each host, a line each.
///
/// # Errors
///
/// If the output fails.
pub fn write_hosts(out: &mut impl Write, stories: &[Story]) -> io::Result<()> {
    for story in stories {
        let style = style_of(story.severity);
        writeln!(out, "{style}{}{style:#} {}", story.host, told(story))?;
    }
    Ok(())
}

/// `relays: socks-proxy; goes out: websocket-tunnel; 1 client and 2 sessions; more than one at once`.
fn told(story: &Story) -> String {
    let listed = |detectors: &BTreeSet<&str>| {
        let detectors: Vec<&str> = detectors.iter().copied().collect();
        detectors.join(", ")
    };
    let relays = (!story.relays.is_empty()).then(|| format!("relays: {}", listed(&story.relays)));
    let goes_out = listed(&story.goes_out);
    let goes_out = (!goes_out.is_empty()).then(|| format!("goes out: {goes_out}"));
    let commanded = listed(&story.commanded);
    let commanded = (!commanded.is_empty()).then(|| format!("is commanded: {commanded}"));
    let clients = plural(story.clients as u64, "client");
    let both = if story.both {
        "; more than one at once"
    } else {
        ""
    };
    let counts = format!("{clients} and {}{both}", plural(story.sessions, "session"));
    let parts: Vec<String> = [relays, goes_out, commanded, Some(counts)]
        .into_iter()
        .flatten()
        .collect();
    parts.join("; ")
}

/// `1 session`, `2 sessions`.
pub(super) fn plural(count: u64, noun: impl Display) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// Bytes in decimal units, with one digit behind the point.
pub(super) fn bytes(count: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match units.into_iter().find(|&(_, size)| count >= size) {
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} bytes"),
    }
}

pub(super) fn style_of(severity: Severity) -> Style {
    let color = match severity {
        Severity::Info => AnsiColor::Blue,
        Severity::Low => AnsiColor::Cyan,
        Severity::Medium => AnsiColor::Yellow,
        Severity::High | Severity::Critical => AnsiColor::Red,
    };
    color.on_default().bold()
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_decimal_units() {
        let cases = [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_999_999, "1.9 MB"),
            (3_210_000_000, "3.2 GB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }
}
