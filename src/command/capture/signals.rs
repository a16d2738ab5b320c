//! What a capture is told from outside while it runs.

use std::io::{self, IsTerminal};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGUSR1};
use signal_hook::flag;

use crate::command::replay::stop_by_signal;
use crate::source::live::Stop;

/// Flags that signals set.
pub(super) struct Signals {
    /// SIGINT and SIGTERM: the capture is to end.
    pub(super) stop: Stop,
    /// SIGUSR1: the present account is asked for.
    pub(super) asked: Arc<AtomicBool>,
    /// SIGHUP: the configuration is to be read again, and the output to be opened anew.
    pub(super) hangup: Arc<AtomicBool>,
}

impl Signals {
    /// Listens to signals. Where a person looks at the output, SIGHUP means that he has closed the window, and ends the
    /// process as it always does.
    pub(super) fn listen() -> io::Result<Self> {
        let (wake, waiting) = UnixStream::pair()?;
        let signals = Self {
            stop: Stop {
                flag: stop_by_signal(wake)?,
                wake: Arc::new(waiting.into()),
            },
            asked: Arc::default(),
            hangup: Arc::default(),
        };
        flag::register(SIGUSR1, Arc::clone(&signals.asked))?;
        if !io::stdout().is_terminal() {
            flag::register(SIGHUP, Arc::clone(&signals.hangup))?;
        }
        Ok(signals)
    }
}
