//! The notice board of a capture: whoever asks from another thread reads here how it stands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::pipeline::Account;
use crate::sink::metrics::Told;
use crate::source::SourceAccount;
use crate::time::Timestamp;

/// The newest account, and whether the capture goes on.
#[derive(Default)]
pub(super) struct Board {
    shown: Mutex<Shown>,
    changed: Condvar,
    /// Set to have the account told.
    audit: Arc<AtomicBool>,
    closed: AtomicBool,
}

/// A notice, and which one it is.
#[derive(Default)]
struct Shown {
    notice: Notice,
    number: u64,
}

/// How a capture stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Notice {
    /// What was read.
    pub(super) source: SourceAccount,
    /// What became of it.
    pub(super) account: Account,
    /// What was told.
    pub(super) told: Told,
    /// The time of the packets.
    pub(super) now: Timestamp,
    /// Whether every worker goes on: each adds to an account when it is asked for one.
    pub(super) is_up: bool,
}

impl Notice {
    /// Whether every worker goes on, and something is listened to.
    pub(super) fn is_ready(&self) -> bool {
        self.is_up && self.source.interfaces.iter().any(|i| i.lost.is_none())
    }
}

impl Board {
    /// A board on which an account appears soon after `audit` was set.
    pub(super) fn new(audit: Arc<AtomicBool>) -> Self {
        Self {
            audit,
            ..Self::default()
        }
    }

    /// Puts up a newer notice.
    pub(super) fn put_up(&self, notice: Notice) {
        let mut shown = self.shown();
        shown.number += 1;
        shown.notice = notice;
        self.changed.notify_all();
    }

    /// Asks for a notice. Where none comes within [`PATIENCE`], somebody hangs or is gone: the last one is given, as not
    /// up.
    pub(super) fn ask(&self) -> Notice {
        let shown = self.shown();
        let before = shown.number;
        self.audit.store(true, Ordering::Relaxed);
        let is_old = |shown: &mut Shown| shown.number == before;
        let waited = self.changed.wait_timeout_while(shown, PATIENCE, is_old);
        let (shown, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Notice {
            is_up: shown.notice.is_up && shown.number != before,
            ..shown.notice.clone()
        }
    }

    /// Nobody needs to ask any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether the capture is over.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A capture goes through a round at least ten times a second, with every worker.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::beside;
    use crate::source::InterfaceAccount;

    fn up(now: i64) -> Notice {
        Notice {
            now: Timestamp::from_parts(now, 0),
            is_up: true,
            ..Notice::default()
        }
    }

    #[test]
    fn who_asks_gets_a_notice_that_was_put_up_later() {
        let audit = Arc::new(AtomicBool::new(false));
        let board = Board::new(Arc::clone(&audit));
        board.put_up(up(1));
        let answer = || {
            while !audit.swap(false, Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            board.put_up(up(2));
        };
        let notice = beside(1, answer, || board.ask());
        assert_eq!((notice.now.seconds(), notice.is_up), (2, true));
    }

    #[test]
    fn a_capture_that_does_not_answer_is_not_up() {
        let board = Board::default();
        board.put_up(up(1));
        let notice = board.ask();
        assert_eq!((notice.now.seconds(), notice.is_up), (1, false));
    }

    #[test]
    fn a_capture_without_interfaces_is_not_ready() {
        let interface = |lost: Option<&str>| InterfaceAccount {
            lost: lost.map(str::to_owned),
            ..InterfaceAccount::default()
        };
        let ready = |interfaces| {
            let mut notice = up(1);
            notice.source.interfaces = interfaces;
            notice.is_ready()
        };
        assert!(!ready(vec![]));
        assert!(!ready(vec![interface(Some("gone"))]));
        assert!(ready(vec![interface(Some("gone")), interface(None)]));
    }
}
