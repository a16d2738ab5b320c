//! Writes the packets of findings as they are told.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::teller::tell;
use crate::command::{Exit, Failure};
use crate::config::Config;
use crate::exhibit::{Packet, Recent};
use crate::finding::Finding;
use crate::sink::exhibits::{Budget, Exhibits};

/// Recent packets, and the files that those of findings go to.
pub(super) struct Showing {
    recent: Arc<Mutex<Recent>>,
    files: Exhibits,
    refused: u64,
    /// Lines about findings of which no packet was left.
    gone: u64,
    is_failing: bool,
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
        let written = self.files.add(finding, &packets);
        self.refused += u64::from(written.is_err());
        let folder = self.files.folder().display();
        match (&written, self.is_failing) {
            (Err(why), false) => tell(format_args!(
                "packets of findings cannot be written to {folder}: {why}"
            )),
            (Ok(_), true) => tell(format_args!(
                "packets of findings can be written to {folder} again"
            )),
            _ => {}
        }
        self.is_failing = written.is_err();
        written.ok().flatten()
    }

    fn miss(&mut self, finding: &Finding) {
        if self.gone == 0 {
            let id = &finding.id;
            tell(format_args!(
                "of finding {id} no packet is left, for others came since: raise evidence.hosts"
            ));
        }
        self.gone += 1;
    }

    /// How many lines told of findings of which no packet was left.
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
