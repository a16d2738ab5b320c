//! A relay that is measured is told behind others as it is alone: what its hosts did before takes nothing away from it.
#![cfg(test)]

#[path = "support/replay.rs"]
mod replay;
#[path = "support/scratch.rs"]
mod scratch;

use hopscope::time::Timestamp;
use scratch::Scratch;

/// All through the same relay host, most of them asking the same of the same server.
const COMPANY: [&str; 8] = [
    "relay/hit-socat.pcap",
    "relay/hit-websockify.pcap",
    "ssh-tunnel/hit-dropbear-ctr-local.pcap",
    "ssh-tunnel/hit-dropbear-chacha20-local.pcap",
    "ssh-tunnel/hit-dropbear-server-stunnel-dynamic.pcap",
    "ssh-tunnel/hit-libssh-ctr-local.pcap",
    "ssh-tunnel/hit-libssh2-gcm-local.pcap",
    "ssh-tunnel/hit-openssh-chacha20-websocket-dynamic.pcap",
];

#[test]
fn what_is_told_alone_is_told_behind_others() {
    let scratch = Scratch::new("company");
    for (place, last) in COMPANY.iter().enumerate() {
        let others = COMPANY[place + 1..].iter().chain(&COMPANY[..place]);
        let mut row = Row::default();
        others.for_each(|capture| row.append(capture));
        let start = row.ends;
        row.append(last);
        let file = scratch.file(&format!("{place}.pcap"), &row.file);
        let told = relays(&file.to_string_lossy());
        let alone = relays(last);
        assert!(!alone.is_empty(), "{last}");
        for (relay, _) in alone {
            let mut told = told.iter();
            let is_told = told.any(|(known, seen)| *known == relay && seen.seconds() >= start);
            assert!(is_told, "{relay} behind others in {last}");
        }
    }
}

/// The ids of the relays that a capture shows, and when they were seen last.
fn relays(capture: &str) -> Vec<(String, Timestamp)> {
    let relays = replay::findings_of("relay", capture, 0, "");
    let told = relays
        .iter()
        .map(|relay| (relay.id.to_string(), relay.last_seen));
    told.collect()
}

/// Captures one behind the other.
#[derive(Default)]
struct Row {
    file: Vec<u8>,
    /// Seconds.
    ends: i64,
}

impl Row {
    fn append(&mut self, capture: &str) {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/pcaps");
        let bytes = std::fs::read(format!("{directory}/{capture}")).unwrap();
        let (header, mut records) = bytes.split_at(24);
        if self.file.is_empty() {
            self.file.extend(header);
        }
        let moved = self.ends - i64::from(number(records, 0));
        while !records.is_empty() {
            let (record, behind) = records.split_at(16 + number(records, 8) as usize);
            self.ends = moved + i64::from(number(record, 0));
            let seconds = u32::try_from(self.ends).unwrap();
            self.file.extend(seconds.to_le_bytes());
            self.file.extend(&record[4..]);
            records = behind;
        }
        self.ends += APART;
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Seconds between two captures.
const APART: i64 = 10;
