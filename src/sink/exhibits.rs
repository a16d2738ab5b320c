//! Files with the packets of findings, inside budgets.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::pcapng;
use crate::exhibit::Packet;
use crate::finding::{Finding, Severity};

/// A folder of such files.
#[derive(Debug)]
pub struct Exhibits {
    folder: PathBuf,
    budget: Budget,
    /// The findings that were written lately, the oldest first.
    written: VecDeque<Written>,
}

/// Which findings are written, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// From this severity on.
    pub severity: Severity,
    /// Files in the folder.
    pub files: usize,
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Bytes of all files in the folder.
    pub bytes: u64,
}

#[derive(Debug)]
struct Written {
    name: String,
    /// The number of the newest packet that was.
    newest: u64,
}

/// What became of the packets of a finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Added {
    /// The name of its file, if there is one.
    pub file: Option<String>,
    /// How many were written.
    pub written: usize,
    /// How many its file had no room for.
    pub left_out: usize,
}

/// Why packets were not written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The folder is full.
    #[error(
        "there is no room for it: move files away, or raise evidence.files or evidence.total_mebibytes"
    )]
    Budget,
    /// The operating system does not let it.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Exhibits {
    /// Files in a folder that exists.
    pub fn new(folder: &Path, budget: Budget) -> Self {
        Self {
            folder: folder.to_owned(),
            budget,
            written: VecDeque::new(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the packets of a finding are wanted, and if so, those behind which one.
    pub fn wants(&self, finding: &Finding) -> Option<u64> {
        let name = name_of(finding);
        let written = self.written.iter().find(|written| written.name == name);
        match written {
            Some(written) => Some(written.newest),
            None => (finding.severity >= self.budget.severity).then_some(0),
        }
    }

    /// The name of a finding's file, if there is one in the folder.
    pub fn file(&self, finding: &Finding) -> Option<String> {
        let name = name_of(finding);
        self.folder.join(&name).is_file().then_some(name)
    }

    /// Adds packets to the file of a finding, as many as have room. Where there are none to be written the folder is not
    /// touched.
    ///
    /// # Errors
    ///
    /// If the budget is used up, or the operating system does not let it.
    pub fn add(&mut self, finding: &Finding, packets: &[Packet]) -> Result<Added, Refusal> {
        let name = name_of(finding);
        let path = self.folder.join(&name);
        let comment = format!("hopscope finding {}: {}", finding.id, finding.title);
        let there = fs::metadata(&path).map_or(0, |file| file.len());
        let fitting = fitting(packets, &comment, self.budget.file_bytes, there);
        let Some(newest) = fitting.iter().map(|packet| packet.number).max() else {
            return Ok(Added {
                file: self.file(finding),
                written: 0,
                left_out: packets.len(),
            });
        };
        let written = fitting.len();
        let section = pcapng::section(fitting, &comment);
        self.afford(there == 0, section.len())?;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(&section)?;
        self.remember(&name, newest);
        Ok(Added {
            file: Some(name),
            written,
            left_out: packets.len() - written,
        })
    }

    /// Whether so many bytes more have room among what is in the folder.
    fn afford(&self, is_new: bool, bytes: usize) -> Result<(), Refusal> {
        let (mut files, mut total) = (usize::from(is_new), bytes as u64);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == EXTENSION)
            {
                files += 1;
                total += entry.metadata().map_or(0, |file| file.len());
            }
        }
        let has_room = files <= self.budget.files && total <= self.budget.bytes;
        has_room.then_some(()).ok_or(Refusal::Budget)
    }

    fn remember(&mut self, name: &str, newest: u64) {
        self.written.retain(|written| written.name != name);
        if self.written.len() >= REMEMBERED {
            self.written.pop_front();
        }
        self.written.push_back(Written {
            name: name.to_owned(),
            newest,
        });
    }
}

/// The first packets that have room in a file beside what is there.
fn fitting<'a>(
    packets: &'a [Packet],
    comment: &str,
    file_bytes: usize,
    there: u64,
) -> &'a [Packet] {
    let there = usize::try_from(there).unwrap_or(usize::MAX);
    let mut room = file_bytes.saturating_sub(there).saturating_sub(HEADERS);
    let mut count = 0;
    for packet in packets {
        let bytes = pcapng::packet_bytes(packet, comment);
        if bytes > room {
            break;
        }
        room -= bytes;
        count += 1;
    }
    packets.get(..count).unwrap_or_default()
}

/// `6ce7fc502e3c42a0-20261121T081453Z.pcapng`, by when it was raised: one that is raised anew has another file.
fn name_of(finding: &Finding) -> String {
    let moment = finding.raised.to_string();
    let second = moment.split('.').next().unwrap_or_default();
    let second = second.replace(['-', ':'], "");
    format!("{}-{second}Z.{EXTENSION}", finding.id)
}

const EXTENSION: &str = "pcapng";
/// Room for what stands before the packets of a section.
const HEADERS: usize = 512;
const REMEMBERED: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::exhibit::samples::packets;
    use crate::finding::lifecycle::Findings;
    use crate::source::samples::Scratch;
    use crate::time::Timestamp;

    const NAME: &str = "6ce7fc502e3c42a0-19700101T000230Z.pcapng";

    const BUDGET: Budget = Budget {
        severity: Severity::Medium,
        files: 1,
        file_bytes: 4_096,
        bytes: 8_192,
    };

    fn finding() -> Finding {
        let mut findings = Findings::new(1, 1);
        findings.add(
            &evidence(1, Certainty::Proven),
            Timestamp::from_parts(150, 0),
        );
        findings.finish().remove(0)
    }

    /// An empty folder.
    fn folder(scratch: &Scratch) -> PathBuf {
        let file = scratch.file("exhibits", b"");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        file
    }

    #[test]
    fn newer_packets_are_added_to_the_file_of_a_finding() {
        let scratch = Scratch::new("exhibits-added");
        let folder = folder(&scratch);
        let mut exhibits = Exhibits::new(&folder, BUDGET);
        assert_eq!(exhibits.wants(&finding()), Some(0));
        let added = |written| Added {
            file: Some(NAME.to_owned()),
            written,
            left_out: 0,
        };
        let first = exhibits.add(&finding(), &packets(1, 3, 100)).unwrap();
        assert_eq!(first, added(3));
        assert_eq!(exhibits.wants(&finding()), Some(3));
        let length = || fs::metadata(folder.join(NAME)).unwrap().len();
        let before = length();
        assert_eq!(exhibits.add(&finding(), &[]).unwrap(), added(0));
        assert_eq!(length(), before);
        exhibits.add(&finding(), &packets(4, 1, 100)).unwrap();
        assert!(length() > before);
    }

    #[test]
    fn what_is_not_severe_is_not_written_unless_it_was() {
        let scratch = Scratch::new("exhibits-severe");
        let folder = folder(&scratch);
        let mut exhibits = Exhibits::new(&folder, BUDGET);
        let low = Finding {
            severity: Severity::Low,
            ..finding()
        };
        assert_eq!(exhibits.wants(&low), None);
        exhibits.add(&finding(), &packets(1, 1, 100)).unwrap();
        assert_eq!(exhibits.wants(&low), Some(1));
    }

    #[test]
    fn the_budgets_hold() {
        let scratch = Scratch::new("exhibits-budget");
        let folder = folder(&scratch);
        let mut exhibits = Exhibits::new(&folder, BUDGET);
        for (first, is_new) in [(1, true), (1_000, false), (2_000, false)] {
            let added = exhibits.add(&finding(), &packets(first, 100, 100)).unwrap();
            assert_eq!(added.written + added.left_out, 100);
            assert_eq!(added.written > 0, is_new, "the file is full");
            assert_eq!(added.file.as_deref(), Some(NAME));
            assert!(fs::metadata(folder.join(NAME)).unwrap().len() <= 4_096);
        }
        let other = Finding {
            id: "other".to_owned(),
            ..finding()
        };
        let refused = exhibits.add(&other, &packets(1, 1, 100));
        assert!(matches!(refused, Err(Refusal::Budget)), "a second file");
        fs::write(folder.join("stranger.txt"), [0; 100]).unwrap();
        fs::rename(folder.join(NAME), folder.join("moved-away")).unwrap();
        assert!(exhibits.add(&other, &packets(1, 1, 100)).is_ok());
    }
}
