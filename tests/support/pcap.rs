//! What a test does to a capture: cuts it up, moves it in time and space, lays several over each other.

use std::path::Path;

/// A classic pcap file in the byte order of this test data: little-endian, microseconds.
#[derive(Clone)]
pub(crate) struct Pcap {
    header: Vec<u8>,
    records: Vec<Record>,
}

/// A record with its header, and the time that stands in it.
#[derive(Clone)]
struct Record {
    microseconds: u64,
    bytes: Vec<u8>,
}

impl Pcap {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (header, mut rest) = bytes.split_at(24);
        assert_eq!(header[..4], [0xd4, 0xc3, 0xb2, 0xa1], "{path:?}");
        let mut records = Vec::new();
        while !rest.is_empty() {
            let (record, behind) = rest.split_at(16 + number(rest, 8) as usize);
            records.push(Record::of(record));
            rest = behind;
        }
        let header = header.to_vec();
        Self { header, records }
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        Self::file(&self.header, &self.records)
    }

    /// The same frames in so many files, one behind the other; some are empty where there are too few.
    pub(crate) fn pieces(&self, count: usize) -> Vec<Vec<u8>> {
        let cut = |piece: usize| self.records.len() * piece / count;
        (0..count)
            .map(|piece| Self::file(&self.header, &self.records[cut(piece)..cut(piece + 1)]))
            .collect()
    }

    fn file(header: &[u8], records: &[Record]) -> Vec<u8> {
        let bytes = records.iter().map(|record| record.bytes.as_slice());
        std::iter::once(header)
            .chain(bytes)
            .collect::<Vec<_>>()
            .concat()
    }

    /// All of these as if they had been recorded at the same time, so that their flows fill the tables together.
    pub(crate) fn at_once(captures: impl IntoIterator<Item = Self>) -> Self {
        let mut header = Vec::new();
        let mut records = Vec::new();
        for capture in captures {
            let first = capture
                .records
                .first()
                .map_or(0, |record| record.microseconds);
            let moved = |record: &Record| record.at(START + record.microseconds - first);
            records.extend(capture.records.iter().map(moved));
            header = capture.header;
        }
        records.sort_by_key(|record| record.microseconds);
        Self { header, records }
    }

    /// The same conversations between hosts of another network: 10.9.0.0/16 becomes 10.`network`.0.0/16.
    pub(crate) fn in_network(mut self, network: u8) -> Self {
        for record in &mut self.records {
            for at in 16..record.bytes.len() - 1 {
                if record.bytes[at..at + 2] == [10, 9] {
                    record.bytes[at + 1] = network;
                }
            }
        }
        self
    }
}

impl Record {
    fn of(bytes: &[u8]) -> Self {
        Self {
            microseconds: u64::from(number(bytes, 0)) * 1_000_000 + u64::from(number(bytes, 4)),
            bytes: bytes.to_vec(),
        }
    }

    fn at(&self, microseconds: u64) -> Self {
        let time = [microseconds / 1_000_000, microseconds % 1_000_000];
        let [seconds, rest] = time.map(|number| u32::try_from(number).unwrap().to_le_bytes());
        let mut bytes = self.bytes.clone();
        bytes[..8].copy_from_slice(&[seconds, rest].concat());
        Self {
            microseconds,
            bytes,
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Microseconds of the epoch.
const START: u64 = 1_700_000_000_000_000;
