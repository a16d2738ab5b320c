//! The account as metrics, in the text format of Prometheus.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{self, Write};

use crate::finding::{Severity, Status};
use crate::pipeline::Account;
use crate::shard::ShardCounts;
use crate::source::SourceAccount;
use crate::time::Timestamp;

/// Findings that were told, by severity and by where they stood.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    lines: [[u64; STATUSES.len()]; Severity::ALL.len()],
    /// Messages to syslog that could not be sent.
    pub lost_by_syslog: u64,
    /// Times that packets of a finding were not written, or not all of them.
    pub unshown: u64,
    /// Lines about findings of which no packet was kept that could be written.
    pub gone: u64,
}

impl Told {
    /// Counts a line.
    pub fn count(&mut self, severity: Severity, status: Status) {
        let place = |(severity_of, statuses): (Severity, &mut [u64; STATUSES.len()])| {
            let counts = STATUSES.iter().zip(statuses);
            for (_, count) in counts.filter(|((of, _), _)| severity_of == severity && *of == status)
            {
                *count += 1;
            }
        };
        Severity::ALL
            .into_iter()
            .zip(&mut self.lines)
            .for_each(place);
    }
}

/// All metrics of a capture at a moment of the packets' clock.
///
/// # Errors
///
/// None: text in memory does not fail.
pub fn write(
    source: &SourceAccount,
    account: &Account,
    told: &Told,
    now: Timestamp,
    is_up: bool,
) -> Result<String, fmt::Error> {
    let mut page = Page::default();
    page.metric(
        "up",
        "gauge",
        "1 while the capture goes on, 0 when it has ended.",
    )?;
    page.value("", u64::from(is_up))?;
    page.metric("clock_seconds", "gauge", "The time of the packets.")?;
    page.value("", now.seconds())?;
    frames(&mut page, account)?;
    interfaces(&mut page, source)?;
    shards(&mut page, account)?;
    evicted(&mut page, &account.shards)?;
    findings(&mut page, account)?;
    page.metric("findings_told_total", "counter", "Lines about findings.")?;
    for (severity, counts) in Severity::ALL.into_iter().zip(told.lines) {
        for ((_, status), count) in STATUSES.iter().zip(counts) {
            let labels = format!("severity=\"{severity}\",status=\"{status}\"");
            page.value(&labels, count)?;
        }
    }
    page.counter(
        "syslog_lost_total",
        "Messages to syslog that could not be sent.",
        told.lost_by_syslog,
    )?;
    page.counter(
        "evidence_refused_total",
        "Times that packets of a finding were not written.",
        told.unshown,
    )?;
    page.counter(
        "evidence_gone_total",
        "Lines about findings of which no packet was kept.",
        told.gone,
    )?;
    Ok(page.text)
}

fn frames(page: &mut Page, account: &Account) -> fmt::Result {
    let frames = &account.frames;
    page.counter("frames_total", "Frames read.", frames.frames)?;
    page.counter("frames_decoded_total", "Frames decoded.", frames.decoded)?;
    page.metric(
        "frames_skipped_total",
        "counter",
        "Frames that are not for us.",
    )?;
    for (reason, count) in frames.skips() {
        page.value(&label("reason", reason.name()), count)?;
    }
    page.metric(
        "frames_dropped_total",
        "counter",
        "Frames malformed, cut or above a cap.",
    )?;
    for (reason, count) in frames.drops() {
        page.value(&label("reason", reason.name()), count)?;
    }
    page.counter(
        "frames_late_total",
        "Frames older than a frame before.",
        account.late_frames,
    )
}

fn interfaces(page: &mut Page, source: &SourceAccount) -> fmt::Result {
    type Count = fn(&crate::source::InterfaceAccount) -> u64;
    let counts: [(&str, &str, Count); 6] = [
        ("passed", "Frames that passed the filter.", |i| i.passed),
        ("read", "Frames that were read.", |i| i.read),
        ("dropped", "Frames that the kernel dropped.", |i| i.dropped),
        (
            "freezes",
            "How often the kernel's buffer became full.",
            |i| i.freezes,
        ),
        (
            "dropped_before",
            "Frames that the interface dropped.",
            |i| i.dropped_before,
        ),
        ("outages", "How often it could not be read.", |i| i.outages),
    ];
    for (name, help, count) in counts {
        page.metric(&format!("interface_{name}_total"), "counter", help)?;
        for interface in &source.interfaces {
            page.value(&label("interface", &interface.name), count(interface))?;
        }
    }
    page.metric(
        "interface_up",
        "gauge",
        "0 when it is listened to no longer.",
    )?;
    for interface in &source.interfaces {
        let is_up = u64::from(interface.lost.is_none());
        page.value(&label("interface", &interface.name), is_up)?;
    }
    Ok(())
}

fn shards(page: &mut Page, account: &Account) -> fmt::Result {
    let shards = &account.shards;
    for (name, help, count) in [
        ("flows_total", "Flows opened.", shards.flows),
        (
            "heads_given_up_total",
            "Stream heads given up to stay inside the budget.",
            shards.heads_given_up,
        ),
        (
            "segments_copied_total",
            "Segments delivered twice by a mirror.",
            shards.copies,
        ),
        (
            "segments_late_total",
            "Segments later than the end of their connection.",
            shards.late_segments,
        ),
        (
            "heads_scattered_total",
            "Streams too scattered to be read to their end.",
            shards.heads_scattered,
        ),
        (
            "ssh_unread_total",
            "SSH sessions read no further than their key exchange.",
            shards.ssh_unread,
        ),
        (
            "hosts_unwatched_total",
            "How often a host came that was not watched.",
            account.hosts_unwatched,
        ),
        (
            "sessions_unfollowed_total",
            "Sessions whose rhythm was not followed because too many were.",
            account.sessions_unfollowed,
        ),
        (
            "datagrams_given_up_total",
            "Fragmented datagrams given up.",
            account.fragments.forgotten(),
        ),
    ] {
        page.counter(name, help, count)?;
    }
    Ok(())
}

fn evicted(page: &mut Page, shards: &ShardCounts) -> fmt::Result {
    page.metric(
        "flows_evicted_total",
        "counter",
        "Flows forgotten because the table was full.",
    )?;
    let half_open = shards.flows_evicted - shards.answered_evicted;
    page.value(&label("state", "half-open"), half_open)?;
    page.value(&label("state", "answered"), shards.answered_evicted)
}

fn findings(page: &mut Page, account: &Account) -> fmt::Result {
    let findings = &account.findings;
    for (name, help, count) in [
        (
            "findings_raised_total",
            "Findings that were raised.",
            findings.raised,
        ),
        (
            "findings_early_total",
            "Findings given out early because too many were held.",
            findings.early,
        ),
        (
            "findings_delayed_total",
            "Lines about findings that came late because too many came.",
            findings.delayed,
        ),
        (
            "sessions_let_go_total",
            "Sessions of findings whose end was waited for no longer.",
            findings.let_go,
        ),
    ] {
        page.counter(name, help, count)?;
    }
    page.metric(
        "findings_untold_total",
        "counter",
        "Findings with news that were not told.",
    )?;
    page.value(&label("cause", "rate"), findings.over_rate)?;
    page.value(&label("cause", "memory"), findings.over_budget)?;
    page.metric(
        "forgotten_total",
        "counter",
        "What correlators remembered and had to forget, by the key of the cap.",
    )?;
    for (key, count) in account.forgotten.by_key() {
        page.value(&label("key", key), count)?;
    }
    Ok(())
}

/// `name="value"`, whatever is in the value.
fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

#[derive(Default)]
struct Page {
    text: String,
    name: String,
}

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        self.name = format!("hopscope_{name}");
        let name = &self.name;
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    fn value(&mut self, labels: &str, value: impl fmt::Display) -> fmt::Result {
        let name = &self.name;
        match labels {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        }
    }

    fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        self.metric(name, "counter", help)?;
        self.value("", count)
    }
}

const STATUSES: [(Status, &str); 3] = [
    (Status::New, "new"),
    (Status::Update, "update"),
    (Status::Closed, "closed"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::InterfaceAccount;

    fn page() -> String {
        let mut told = Told::default();
        told.count(Severity::High, Status::New);
        told.count(Severity::High, Status::New);
        let source = SourceAccount {
            interfaces: vec![InterfaceAccount {
                name: "odd\"name".into(),
                passed: 12,
                read: 10,
                dropped: 2,
                ..InterfaceAccount::default()
            }],
            ..SourceAccount::default()
        };
        write(
            &source,
            &Account::default(),
            &told,
            Timestamp::from_parts(7, 5),
            true,
        )
        .unwrap()
    }

    #[test]
    fn each_count_is_a_line() {
        let page = page();
        for line in [
            "hopscope_up 1",
            "hopscope_clock_seconds 7",
            "hopscope_frames_total 0",
            "hopscope_frames_skipped_total{reason=\"arp\"} 0",
            "hopscope_interface_dropped_total{interface=\"odd\\\"name\"} 2",
            "hopscope_interface_up{interface=\"odd\\\"name\"} 1",
            "hopscope_findings_told_total{severity=\"high\",status=\"new\"} 2",
            "hopscope_findings_told_total{severity=\"low\",status=\"closed\"} 0",
        ] {
            assert!(page.lines().any(|told| told == line), "{line}\n{page}");
        }
    }

    /// Every metric is described once, before its values, and counters end as counters do.
    #[test]
    fn the_page_is_in_the_format() {
        let page = page();
        let mut described = std::collections::BTreeSet::new();
        let mut current = String::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(described.insert(name.to_owned()), "{name} twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                current = name.to_owned();
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                assert_eq!(name, current);
            }
        }
        assert!(described.len() > 15 && page.ends_with('\n'));
    }
}
