//! The account of a run for a machine: one JSON object. Names are stable; new ones may be added.

use serde_json::{Map, Value, json};

use crate::pipeline::Account;
use crate::source::{InterfaceAccount, SourceAccount};
use crate::time::Timestamp;

/// What became of every frame by a moment of the packets' clock.
pub fn json(source: &SourceAccount, account: &Account, now: Timestamp) -> Value {
    let frames = &account.frames;
    let shards = &account.shards;
    let findings = &account.findings;
    json!({
        "clock": now,
        "frames": {
            "read": frames.frames,
            "decoded": frames.decoded,
            "skipped": counts(frames.skips().map(|(skip, count)| (skip.name(), count))),
            "dropped": counts(frames.drops().map(|(drop, count)| (drop.name(), count))),
            "late": account.late_frames,
        },
        "interfaces": source.interfaces.iter().map(interface).collect::<Vec<_>>(),
        "flows": {
            "opened": shards.flows,
            "evicted_half_open": shards.flows_evicted - shards.answered_evicted,
            "evicted_answered": shards.answered_evicted,
        },
        "streams": {
            "heads_given_up": shards.heads_given_up,
            "scattered": shards.heads_scattered,
            "ssh_unread": shards.ssh_unread,
        },
        "segments": { "copied": shards.copies, "late": shards.late_segments },
        "datagrams": { "given_up": account.fragments.forgotten(), "waiting": account.waiting_datagrams },
        "findings": {
            "raised": findings.raised,
            "early": findings.early,
            "delayed": findings.delayed,
            "untold_rate": findings.over_rate,
            "untold_memory": findings.over_budget,
            "sessions_let_go": findings.let_go,
        },
        "forgotten": counts(account.forgotten.by_key().into_iter()),
        "hosts_unwatched": account.hosts_unwatched,
        "sessions_unfollowed": account.sessions_unfollowed,
    })
}

fn interface(interface: &InterfaceAccount) -> Value {
    json!({
        "name": interface.name,
        "passed": interface.passed,
        "read": interface.read,
        "dropped": interface.dropped,
        "freezes": interface.freezes,
        "dropped_before": interface.dropped_before,
        "outages": interface.outages,
        "lost": interface.lost,
    })
}

/// Those that are not zero, by name.
fn counts(counts: impl Iterator<Item = (&'static str, u64)>) -> Value {
    let told = counts.filter(|&(_, count)| count > 0);
    let told = told.map(|(name, count)| (name.to_owned(), count.into()));
    Value::Object(told.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::forgotten::Forgotten;
    use crate::shard::ShardCounts;

    #[test]
    fn what_is_not_zero_stands_under_its_name() {
        let account = Account {
            shards: ShardCounts {
                flows: 9,
                flows_evicted: 5,
                answered_evicted: 2,
                ..ShardCounts::default()
            },
            forgotten: Forgotten {
                legs: 7,
                ..Forgotten::default()
            },
            ..Account::default()
        };
        let source = SourceAccount {
            interfaces: vec![InterfaceAccount {
                name: "eth1".into(),
                dropped: 4,
                ..InterfaceAccount::default()
            }],
            ..SourceAccount::default()
        };
        let json = json(&source, &account, Timestamp::from_parts(0, 0));
        let cases = [
            ("/clock", json!("1970-01-01T00:00:00.000000Z")),
            ("/flows/evicted_half_open", json!(3)),
            ("/flows/evicted_answered", json!(2)),
            ("/forgotten", json!({ "relays.legs": 7 })),
            ("/frames/skipped", json!({})),
            ("/interfaces/0/dropped", json!(4)),
            ("/interfaces/0/lost", json!(null)),
        ];
        for (path, expected) in cases {
            assert_eq!(json.pointer(path), Some(&expected), "{path}");
        }
    }
}
