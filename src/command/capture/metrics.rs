//! A file of metrics that is written anew now and then, for the textfile collector of Prometheus' node exporter.

use std::io;
use std::path::{Path, PathBuf};

use super::teller::tell;
use crate::command::write_whole;
use crate::pipeline::Account;
use crate::sink::metrics::{self, Told};
use crate::source::SourceAccount;
use crate::time::{Span, Timestamp};

/// The file.
pub(super) struct Metrics {
    path: PathBuf,
    written: Timestamp,
    is_failing: bool,
}

impl Metrics {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            written: Timestamp::MIN,
            is_failing: false,
        }
    }

    /// Whether it is time to write.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        (now - self.written).nanos() >= EVERY.nanos()
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
        self.written = now;
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
const EVERY: Span = Span::from_seconds(15);
