//! A file of metrics that is written anew now and then, for the textfile collector of Prometheus' node exporter.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::interval::Interval;
use super::operator::tell;
use crate::command::write_whole;
use crate::pipeline::Account;
use crate::sink::metrics::{self, Told};
use crate::source::SourceAccount;
use crate::time::Timestamp;

/// The file.
pub(super) struct Metrics {
    path: PathBuf,
    interval: Interval,
    is_failing: bool,
}

impl Metrics {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            interval: Interval::new(EVERY),
            is_failing: false,
        }
    }

    /// Whether it is time to write.
    pub(super) fn is_due(&self) -> bool {
        self.interval.is_over()
    }

    /// Writes the file, whole or not at all. Tells once if that fails, and once when it works again.
    pub(super) fn write(
        &mut self,
        source: &SourceAccount,
        account: &Account,
        told: &Told,
        now: Timestamp,
        is_up: bool,
    ) {
        self.interval.begin();
        let text = metrics::write(source, account, told, now, is_up);
        let text = text.map_err(io::Error::other);
        let written = text.and_then(|text| write_whole(&self.path, &text));
        let path = self.path.display();
        match (&written, self.is_failing) {
            (Err(error), false) => tell(format_args!("{path} cannot be written: {error}")),
            (Ok(()), true) => tell(format_args!("{path} can be written again")),
            _ => {}
        }
        self.is_failing = written.is_err();
    }
}

/// As often as Prometheus asks by default.
const EVERY: Duration = Duration::from_secs(15);
