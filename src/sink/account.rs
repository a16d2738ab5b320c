//! The account of a run, for a person: what was read, what was not, and why.

use std::io::{self, Write};

use super::text::plural;
use crate::pipeline::Account;
use crate::source::{Loss, SourceAccount};

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
        "{} in {}: {} decoded, skipped {skipped}, dropped {dropped}; {}",
        plural(frames.frames, "frame"),
        plural(source.captures, "capture"),
        frames.decoded,
        plural(account.shards.flows, "flow"),
    )?;
    trouble(out, source, account)
}

/// Writes only what went wrong: cut captures, strangers in directories, and everything that was given up.
///
/// # Errors
///
/// If the output fails.
pub fn trouble(out: &mut impl Write, source: &SourceAccount, account: &Account) -> io::Result<()> {
    for cut in source.cuts.first() {
        writeln!(out, "hopscope: {cut}")?;
    }
    more(
        out,
        source.cuts.count(),
        source.cuts.first().len(),
        "capture that ends early",
    )?;
    for stranger in source.strangers.first() {
        writeln!(out, "hopscope: {stranger}")?;
    }
    more(
        out,
        source.strangers.count(),
        source.strangers.first().len(),
        "file that was passed over",
    )?;
    for (count, what) in losses(source, account) {
        if count > 0 {
            writeln!(out, "hopscope: {}", what.replace('#', &count.to_string()))?;
        }
    }
    if account.interrupted {
        writeln!(out, "hopscope: interrupted; this is what was found so far")?;
    }
    Ok(())
}

fn losses(source: &SourceAccount, account: &Account) -> Vec<(u64, &'static str)> {
    let shards = &account.shards;
    vec![
        (
            source.lost(Loss::UndescribedInterface),
            "# pcapng packets of an interface that was not described were passed over",
        ),
        (
            source.lost(Loss::MalformedBlock),
            "# malformed pcapng blocks were passed over",
        ),
        (
            account.late_frames,
            "# frames were older than a frame before them and were taken at the newer time",
        ),
        (
            shards.copies,
            "# segments were mirrored copies and were counted once",
        ),
        (
            shards.flows_evicted,
            "# flows were forgotten because the flow table was full; raise flows.max",
        ),
        (
            shards.heads_given_up,
            "# stream heads were given up to stay inside the budget; raise heads.budget_mebibytes",
        ),
        (
            account.fragments.forgotten(),
            "# fragmented datagrams never became whole and were forgotten",
        ),
    ]
}

fn more(out: &mut impl Write, count: u64, listed: usize, what: &str) -> io::Result<()> {
    match count.saturating_sub(listed as u64) {
        0 => Ok(()),
        rest => writeln!(out, "hopscope: and {}", plural(rest, what)),
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
