//! Writes the packets of findings as they are told.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::operator::tell;
use crate::command::{Exit, Failure};
use crate::config::Config;
use crate::exhibit::{Packet, Recent};
use crate::finding::Finding;
use crate::sink::exhibits::{Budget, Exhibits, Refusal};

/// Recent packets, and the files that those of findings go to.
pub(super) struct Showing {
    recent: Arc<Mutex<Recent>>,
    files: Exhibits,
    refused: u64,
    /// Lines about findings of which no packet was kept.
    gone: u64,
    is_failing: bool,
    /// A file was told to be full.
    is_full: bool,
}

impl Showing {
    /// As the configuration says, if it does.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub(super) fn open(config: &Config, path: Option<&Path>) -> Result<Option<Self>, Failure> {
        let Some(folder) = config.evidence_path(path) else {
            return Ok(None);
        };
        if !folder.is_dir() {
            let folder = folder.display();
            let sentence = format!("evidence.directory: there is no folder {folder}: make it");
            return Err(Failure::new(Exit::Input, sentence));
        }
        let evidence = &config.evidence;
        let budget = Budget {
            severity: evidence.severity,
            files: evidence.files.count(),
            file_bytes: evidence.file_kibibytes.kibibytes(),
            bytes: evidence.total_mebibytes.mebibytes() as u64,
        };
        Ok(Some(Self {
            recent: Arc::new(Mutex::new(config.recent_packets())),
            files: Exhibits::new(&folder, budget),
            refused: 0,
            gone: 0,
            is_failing: false,
            is_full: false,
        }))
    }

    /// Where recent packets are kept.
    pub(super) fn kept(&self) -> Arc<Mutex<Recent>> {
        Arc::clone(&self.recent)
    }

    /// Writes the packets of a finding, if it is severe enough; later its newer ones. Gives the name of their file.
    /// Tells once if that fails, and once when it works again.
    pub(super) fn show(&mut self, finding: &Finding) -> Option<String> {
        let after = self.files.wants(finding)?;
        let packets = self.packets_of(finding, after);
        if after == 0 && packets.is_empty() {
            self.miss(finding);
        }
        self.add(finding, &packets)
    }

    fn add(&mut self, finding: &Finding, packets: &[Packet]) -> Option<String> {
        match self.files.add(finding, packets) {
            Ok(added) => {
                if added.written > 0 {
                    self.work();
                }
                if added.left_out > 0 {
                    self.fill(finding);
                }
                added.file
            }
            Err(why) => {
                self.fail(&why);
                self.files.file(finding)
            }
        }
    }

    fn work(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            let folder = self.files.folder().display();
            tell(format_args!(
                "packets of findings can be written to {folder} again"
            ));
        }
    }

    fn fail(&mut self, why: &Refusal) {
        self.refused += 1;
        if !std::mem::replace(&mut self.is_failing, true) {
            let folder = self.files.folder().display();
            tell(format_args!(
                "packets of findings cannot be written to {folder}: {why}"
            ));
        }
    }

    fn fill(&mut self, finding: &Finding) {
        self.refused += 1;
        if !std::mem::replace(&mut self.is_full, true) {
            let id = &finding.id;
            tell(format_args!(
                "the file of finding {id} is full: raise evidence.file_kibibytes to have more packets of one"
            ));
        }
    }

    fn miss(&mut self, finding: &Finding) {
        if self.gone == 0 {
            let id = &finding.id;
            tell(format_args!(
                "of finding {id} no packet is kept: no end is in networks.inside, or others came since; raise evidence.hosts or evidence.host_kibibytes"
            ));
        }
        self.gone += 1;
    }

    /// How many lines told of findings of which no packet was kept.
    pub(super) fn gone(&self) -> u64 {
        self.gone
    }

    /// Copies them, so that nobody waits for a disk to read on.
    fn packets_of(&self, finding: &Finding, after: u64) -> Vec<Packet> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.of(finding, after)
    }

    /// How often packets were not written.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::exhibit::samples::packets;
    use crate::finding::Severity;
    use crate::finding::lifecycle::Findings;
    use crate::source::samples::Scratch;
    use crate::time::Timestamp;

    fn finding() -> Finding {
        let mut findings = Findings::new(1, 1);
        let moment = Timestamp::from_parts(150, 0);
        findings.add(&evidence(1, Certainty::Proven), moment);
        findings.finish().remove(0)
    }

    fn showing(scratch: &Scratch, files: usize) -> Showing {
        let file = scratch.file("found", b"");
        let budget = Budget {
            severity: Severity::Info,
            files,
            file_bytes: 4_096,
            bytes: 8_192,
        };
        Showing {
            recent: Arc::new(Mutex::new(Config::default().recent_packets())),
            files: Exhibits::new(file.parent().unwrap(), budget),
            refused: 0,
            gone: 0,
            is_failing: false,
            is_full: false,
        }
    }

    #[test]
    fn a_full_folder_stays_so_until_something_is_written() {
        let scratch = Scratch::new("showing-folder");
        let mut showing = showing(&scratch, 0);
        let cases = [(1, 1), (0, 1), (1, 2), (0, 2)];
        for (count, refused) in cases {
            assert_eq!(showing.add(&finding(), &packets(1, count, 100)), None);
            assert_eq!((showing.is_failing, showing.refused()), (true, refused));
        }
        let mut showing = Showing {
            is_failing: true,
            ..self::showing(&scratch, 1)
        };
        assert!(showing.add(&finding(), &packets(1, 1, 100)).is_some());
        assert!(!showing.is_failing);
    }

    #[test]
    fn a_file_is_named_though_the_folder_is_full_now() {
        let scratch = Scratch::new("showing-full");
        let mut showing = showing(&scratch, 1);
        let file = showing.add(&finding(), &packets(1, 1, 100));
        assert!(file.is_some());
        showing.files = self::showing(&scratch, 0).files;
        assert_eq!(showing.add(&finding(), &packets(2, 1, 100)), file);
        assert_eq!(showing.refused(), 1);
    }

    #[test]
    fn what_a_full_file_has_no_room_for_is_counted() {
        let scratch = Scratch::new("showing-file");
        let mut showing = showing(&scratch, 1);
        for (count, refused) in [(1, 0), (100, 1), (0, 1), (100, 2)] {
            assert!(showing.add(&finding(), &packets(1, count, 100)).is_some());
            assert_eq!((showing.is_failing, showing.refused()), (false, refused));
        }
        assert!(showing.is_full);
    }
}
