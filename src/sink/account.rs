//! The account of a run, for a person: what was read, what was not, and why.

mod json;

pub use json::json;

use std::fmt::Display;
use std::io::{self, Write};

use super::text::plural;
use crate::pipeline::Account;
use crate::source::{InterfaceAccount, Listing, Loss, SourceAccount};

/// Writes what became of every frame.
///
/// # Errors
///
/// If the output fails.
pub fn write(out: &mut impl Write, source: &SourceAccount, account: &Account) -> io::Result<()> {
    let frames = &account.frames;
    let skipped = reasons(frames.skips().map(|(skip, count)| (skip.name(), count)));
    let dropped = reasons(frames.drops().map(|(drop, count)| (drop.name(), count)));
    writeln!(
        out,
        "{} {}: {} decoded, skipped {skipped}, dropped {dropped}; {}",
        plural(frames.frames, "frame"),
        origin(source),
        frames.decoded,
        plural(account.shards.flows, "flow"),
    )?;
    for interface in &source.interfaces {
        writeln!(out, "{}", passed(interface))?;
    }
    trouble(out, source, account)
}

fn origin(source: &SourceAccount) -> String {
    match source.interfaces.len() as u64 {
        0 => format!("in {}", plural(source.captures, "capture")),
        interfaces => format!("from {}", plural(interfaces, "interface")),
    }
}

/// `eth1: 12 frames passed the filter: 10 read, 2 dropped, 0 unread; 0 dropped before it`
fn passed(interface: &InterfaceAccount) -> String {
    format!(
        "{}: {} passed the filter: {} read, {} dropped, {} unread; {} dropped before it",
        interface.name,
        plural(interface.passed, "frame"),
        interface.read,
        interface.dropped,
        interface.unread(),
        interface.dropped_before,
    )
}

/// Writes only what went wrong: cut captures, strangers in directories, and everything that was given up.
///
/// # Errors
///
/// If the output fails.
pub fn trouble(out: &mut impl Write, source: &SourceAccount, account: &Account) -> io::Result<()> {
    for interface in &source.interfaces {
        loss(out, interface)?;
    }
    list(out, &source.cuts, "more capture", "cut short")?;
    list(out, &source.strangers, "more file", "passed over")?;
    for (count, what, fate) in losses(source, account) {
        if count > 0 {
            writeln!(out, "hopscope: {} {fate}", plural(count, what))?;
        }
    }
    for (key, count) in account.forgotten.by_key() {
        if count > 0 {
            let times = plural(count, "time");
            writeln!(
                out,
                "hopscope: {times} what was remembered of other flows gave way; raise {key}"
            )?;
        }
    }
    if account.interrupted {
        writeln!(out, "hopscope: interrupted; this is what was found so far")?;
    }
    Ok(())
}

/// What an interface lost before it could be read.
fn loss(out: &mut impl Write, interface: &InterfaceAccount) -> io::Result<()> {
    let lost = [
        (
            interface.dropped,
            "frame",
            "dropped because the buffer was full; raise --buffer-size, or look at less with --filter",
        ),
        (interface.freezes, "time", "the buffer became full"),
        (
            interface.dropped_before,
            "frame",
            "dropped by the interface or its driver; see ethtool -S",
        ),
        (
            interface.unread(),
            "frame",
            "still in the buffer when the listening ended",
        ),
        (interface.outages, "time", "it could not be read"),
    ];
    for (count, what, fate) in lost.into_iter().filter(|&(count, ..)| count > 0) {
        let name = &interface.name;
        writeln!(out, "hopscope: {name}: {} {fate}", plural(count, what))?;
    }
    match &interface.lost {
        Some(why) => writeln!(out, "hopscope: {} was given up: {why}", interface.name),
        None => Ok(()),
    }
}

/// Writes the first few of many, and how many more there were.
fn list<T: Display>(
    out: &mut impl Write,
    listing: &Listing<T>,
    more: &str,
    fate: &str,
) -> io::Result<()> {
    for item in listing.first() {
        writeln!(out, "hopscope: {item}")?;
    }
    match listing.count().saturating_sub(listing.first().len() as u64) {
        0 => Ok(()),
        rest => writeln!(out, "hopscope: and {} {fate}", plural(rest, more)),
    }
}

/// What was given up: how many, of what, and what became of it.
fn losses(
    source: &SourceAccount,
    account: &Account,
) -> impl Iterator<Item = (u64, &'static str, &'static str)> {
    let blocks = Loss::ALL.map(|loss| {
        let (block, fate) = lost(loss);
        (source.lost(loss), block, fate)
    });
    let shards = &account.shards;
    let rest = [
        (
            account.late_frames,
            "frame",
            "older than a frame before, taken at the newer time",
        ),
        (
            shards.copies,
            "segment",
            "delivered twice by a mirror, counted once",
        ),
        (
            shards.late_segments,
            "segment",
            "later than the end of its connection, passed over",
        ),
        (
            shards.flows_evicted - shards.answered_evicted,
            "flow",
            "that nobody had answered forgotten because the flow table was full; raise flows.max",
        ),
        (
            shards.answered_evicted,
            "flow",
            "that went on forgotten because the flow table was full; raise flows.max",
        ),
        (
            shards.heads_given_up,
            "stream head",
            "given up to stay inside the budget; raise heads.budget_mebibytes",
        ),
        (
            shards.heads_scattered,
            "stream",
            "too scattered to be read to its end",
        ),
        (
            shards.ssh_unread,
            "SSH session",
            "read no further than its key exchange; raise flows.max",
        ),
        (
            account.hosts_unwatched,
            "time",
            "a host came that was not watched because too many were; raise baseline.hosts",
        ),
        (
            account.sessions_unfollowed,
            "session",
            "whose rhythm was not followed because too many were; raise rhythms.pairs",
        ),
        (
            account.fragments.forgotten(),
            "fragmented datagram",
            "given up before all fragments were there",
        ),
        (
            account.waiting_datagrams,
            "fragmented datagram",
            "still waiting for a fragment at the end",
        ),
    ];
    blocks.into_iter().chain(rest).chain(of_findings(account))
}

/// What findings had to do without.
fn of_findings(account: &Account) -> [(u64, &'static str, &'static str); 5] {
    let findings = &account.findings;
    [
        (
            findings.early,
            "finding",
            "given out early because too many were held; raise findings.max",
        ),
        (
            findings.let_go,
            "session",
            "of findings whose end was waited for no longer; raise findings.sessions",
        ),
        (
            findings.delayed,
            "line",
            "about findings delayed because too many came; raise findings.per_minute",
        ),
        (
            findings.over_rate,
            "finding",
            "with news not told, because too many were held and too many came; raise findings.max",
        ),
        (
            findings.over_budget,
            "finding",
            "not told, because too many were given out early; raise findings.max",
        ),
    ]
}

fn lost(loss: Loss) -> (&'static str, &'static str) {
    match loss {
        Loss::UndescribedInterface => (
            "pcapng packet",
            "of an interface that was not described, passed over",
        ),
        Loss::MalformedBlock => ("malformed pcapng block", "passed over"),
        Loss::UnknownVersion => (
            "pcapng block",
            "of a section whose version is not known, passed over",
        ),
    }
}

/// `0`, or `12 (arp 10, cut 2)`.
fn reasons(counts: impl Iterator<Item = (&'static str, u64)>) -> String {
    let told: Vec<(&str, u64)> = counts.filter(|&(_, count)| count > 0).collect();
    let total: u64 = told.iter().map(|&(_, count)| count).sum();
    if told.is_empty() {
        return total.to_string();
    }
    let told: Vec<String> = told
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    format!("{total} ({})", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::forgotten::Forgotten;
    use crate::finding::lifecycle::FindingCounts;
    use crate::shard::ShardCounts;

    fn told(source: &SourceAccount, account: &Account) -> String {
        let mut out = Vec::new();
        trouble(&mut out, source, account).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_is_said_where_nothing_went_wrong() {
        assert_eq!(told(&SourceAccount::default(), &Account::default()), "");
    }

    #[test]
    fn each_loss_is_a_line_in_the_right_number() {
        let account = Account {
            late_frames: 1,
            shards: ShardCounts {
                copies: 2,
                flows_evicted: 3,
                answered_evicted: 1,
                heads_given_up: 3,
                ..ShardCounts::default()
            },
            findings: FindingCounts {
                early: 2,
                over_budget: 1,
                ..FindingCounts::default()
            },
            sessions_unfollowed: 5,
            forgotten: Forgotten {
                legs: 7,
                ..Forgotten::default()
            },
            interrupted: true,
            ..Account::default()
        };
        let source = SourceAccount {
            losses: [1, 2, 1],
            ..SourceAccount::default()
        };
        let expected = "\
hopscope: 1 pcapng packet of an interface that was not described, passed over
hopscope: 2 malformed pcapng blocks passed over
hopscope: 1 pcapng block of a section whose version is not known, passed over
hopscope: 1 frame older than a frame before, taken at the newer time
hopscope: 2 segments delivered twice by a mirror, counted once
hopscope: 2 flows that nobody had answered forgotten because the flow table was full; raise flows.max
hopscope: 1 flow that went on forgotten because the flow table was full; raise flows.max
hopscope: 3 stream heads given up to stay inside the budget; raise heads.budget_mebibytes
hopscope: 5 sessions whose rhythm was not followed because too many were; raise rhythms.pairs
hopscope: 2 findings given out early because too many were held; raise findings.max
hopscope: 1 finding not told, because too many were given out early; raise findings.max
hopscope: 7 times what was remembered of other flows gave way; raise relays.legs
hopscope: interrupted; this is what was found so far
";
        assert_eq!(told(&source, &account), expected);
    }

    #[test]
    fn a_long_list_ends_with_how_many_more() {
        for (count, ending) in [
            (16, "hopscope: cut 15\n"),
            (17, "hopscope: and 1 more capture cut short\n"),
            (99, "hopscope: and 83 more captures cut short\n"),
        ] {
            let mut listing = Listing::default();
            (0..count).for_each(|number| listing.push(format!("cut {number}")));
            let mut out = Vec::new();
            list(&mut out, &listing, "more capture", "cut short").unwrap();
            assert!(String::from_utf8(out).unwrap().ends_with(ending), "{count}");
        }
    }
}
