//! Tells findings of a capture as they come, and does what signals ask for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::board::{Board, Notice};
use super::exhibits::Showing;
use super::metrics::Metrics;
use super::operator::tell;
use super::reload::changes;
use super::service::Manager;
use super::signals::Signals;
use super::syslog::Syslog;
use crate::command::replay::Format;
use crate::config::Config;
use crate::exhibit::Recent;
use crate::finding::{Finding, Severity};
use crate::pipeline::{Account, Follow};
use crate::policy::Policy;
use crate::sink::metrics::Told;
use crate::sink::rotation::{LineFile, News};
use crate::sink::{account, jsonl, text};
use crate::source::SourceAccount;
use crate::time::Timestamp;

/// Who follows a capture.
pub(super) struct Teller {
    output: Output,
    config: Config,
    path: Option<PathBuf>,
    stop: Arc<AtomicBool>,
    hangup: Arc<AtomicBool>,
    worst: Option<Severity>,
    now: Timestamp,
    /// Set when somebody asks for the account.
    asked: Arc<AtomicBool>,
    /// Set to have the account told.
    audit: Arc<AtomicBool>,
    /// The next account is for a person.
    prints: bool,
    metrics: Option<Metrics>,
    syslog: Option<Syslog>,
    exhibits: Option<Showing>,
    manager: Option<Manager>,
    /// What was told.
    told: Told,
    /// Where others read how the capture stands.
    board: Arc<Board>,
}

/// Where findings go.
pub(super) enum Output {
    /// To standard output. When that fails, nobody listens any more or nothing can be kept: the capture is ended.
    Standard(Format, io::Result<()>),
    /// To a file. When that fails, they wait.
    File(LineFile),
}

impl Teller {
    pub(super) fn new(
        output: Output,
        config: Config,
        path: Option<PathBuf>,
        signals: &Signals,
    ) -> Self {
        let audit = Arc::default();
        Self {
            output,
            config,
            path,
            stop: Arc::clone(&signals.stop.flag),
            hangup: Arc::clone(&signals.hangup),
            worst: None,
            now: Timestamp::MIN,
            asked: Arc::clone(&signals.asked),
            board: Arc::new(Board::new(Arc::clone(&audit))),
            told: Told::default(),
            audit,
            prints: false,
            metrics: None,
            syslog: None,
            exhibits: None,
            manager: None,
        }
    }

    /// Metrics are written to this file, too.
    pub(super) fn measured(mut self, path: Option<&Path>) -> Self {
        self.metrics = path.map(Metrics::new);
        self
    }

    /// Findings are sent there, too.
    pub(super) fn logged(mut self, syslog: Option<Syslog>) -> Self {
        self.syslog = syslog;
        self
    }

    /// The packets of findings are written, too.
    pub(super) fn showing(mut self, exhibits: Option<Showing>) -> Self {
        self.exhibits = exhibits;
        self
    }

    /// A service manager is told how the capture goes.
    pub(super) fn watched(mut self, manager: Option<Manager>) -> Self {
        self.manager = manager;
        self
    }

    /// Tells the service manager that frames are looked at from now on.
    pub(super) fn ready(&self) {
        self.manager.iter().for_each(Manager::ready);
    }

    /// Where recent packets are kept, if somebody will ask for them.
    pub(super) fn kept(&self) -> Option<Arc<Mutex<Recent>>> {
        self.exhibits.as_ref().map(Showing::kept)
    }

    /// Where others read how the capture stands.
    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// What makes the run tell its account.
    pub(super) fn audit(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.audit)
    }

    /// Takes that the capture has ended, and the last account if it ended well.
    pub(super) fn over(&mut self, source: &SourceAccount, account: Option<&Account>) {
        if let Some(metrics) = &mut self.metrics {
            let account = account.cloned().unwrap_or_default();
            metrics.write(source, &account, &self.told, self.now, false);
        }
    }

    /// The most severe finding that was told.
    pub(super) fn worst(&self) -> Option<Severity> {
        self.worst
    }

    /// Writes what is still to be written, and tells if that failed.
    pub(super) fn finish(self) -> io::Result<()> {
        match self.output {
            Output::Standard(_, result) => result,
            Output::File(file) => match file.finish(self.now) {
                (0, result) => result,
                (lost, result) => Err(io::Error::other(format!(
                    "{lost} findings were lost: {}",
                    result.err().map_or(String::new(), |e| e.to_string())
                ))),
            },
        }
    }

    /// Reads the configuration again; what is wrong with it changes nothing.
    fn reload(&mut self) -> Option<Policy> {
        let Some(path) = self.path.clone() else {
            // Whoever moves the output away by night asks for no more than a new one.
            if matches!(self.output, Output::Standard(..)) {
                tell("there is no configuration to be read again; --config names one");
            }
            return None;
        };
        let config = match Config::load(Some(&path)) {
            Ok(config) => config,
            Err(error) => {
                tell(format_args!("the configuration stays as it was: {error}"));
                return None;
            }
        };
        let changes = changes(&self.config, &config);
        tell(format_args!(
            "{} was read again: {}",
            path.display(),
            match changes.len() {
                0 => "nothing has changed".to_owned(),
                _ => changes.join("\nhopscope:   "),
            }
        ));
        self.config = config;
        Some(self.config.policy())
    }
}

impl Follow for Teller {
    fn finding(&mut self, finding: &Finding) {
        let mut finding = finding.clone();
        if let Some(exhibits) = &mut self.exhibits {
            finding.packets = exhibits.show(&finding);
            self.told.unshown = exhibits.refused();
            self.told.gone = exhibits.gone();
        }
        let finding = &finding;
        self.worst = self.worst.max(Some(finding.severity));
        self.told.count(finding.severity, finding.status);
        if let Some(syslog) = &mut self.syslog {
            syslog.send(finding, self.now);
            self.told.lost_by_syslog = syslog.lost();
        }
        match &mut self.output {
            Output::Standard(format, result) => {
                if result.is_ok() {
                    *result = print(*format, finding);
                }
                self.stop.fetch_or(result.is_err(), Ordering::Relaxed);
            }
            Output::File(file) => {
                let mut line = Vec::new();
                // Nothing fails that writes to memory.
                let _ = jsonl::write(&mut line, std::slice::from_ref(finding));
                file.write(line, self.now).iter().for_each(tell_news);
            }
        }
    }

    fn account(&mut self, source: &SourceAccount, account: &Account) {
        if let Some(metrics) = self.metrics.as_mut().filter(|m| m.is_due()) {
            metrics.write(source, account, &self.told, self.now, true);
        }
        self.board.put_up(Notice {
            source: source.clone(),
            account: account.clone(),
            told: self.told,
            now: self.now,
            is_up: true,
        });
        if std::mem::take(&mut self.prints) {
            tell("the account so far");
            // Where nobody listens there is nobody to tell.
            let _ = account::write(&mut io::stderr(), source, account);
        }
    }

    fn round(&mut self, now: Timestamp) -> Option<Policy> {
        self.now = now;
        self.manager.iter_mut().for_each(Manager::alive);
        self.prints |= self.asked.swap(false, Ordering::Relaxed);
        let is_due = self.metrics.as_ref().is_some_and(Metrics::is_due);
        self.audit
            .fetch_or(self.prints || is_due, Ordering::Relaxed);
        let is_hung_up = self.hangup.swap(false, Ordering::Relaxed);
        if let Output::File(file) = &mut self.output {
            if is_hung_up {
                file.reopen();
            }
            file.retry(now).iter().for_each(tell_news);
        }
        if is_hung_up { self.reload() } else { None }
    }
}

fn print(format: Format, finding: &Finding) -> io::Result<()> {
    match format {
        Format::Json => jsonl::write(&mut io::stdout().lock(), std::slice::from_ref(finding)),
        Format::Text => {
            let mut out = anstream::stdout().lock();
            text::write_news(&mut out, finding)?;
            out.flush()
        }
    }
}

fn tell_news(news: &News) {
    match news {
        News::Failing(error) => tell(format_args!(
            "the output cannot be written: {error}; findings wait for it"
        )),
        News::NotRotated(error) => tell(format_args!(
            "the output cannot be rotated: {error}; findings go on into the old file"
        )),
        News::Recovered(0) => tell("the output can be written again; nothing was lost"),
        News::Recovered(lost) => tell(format_args!(
            "the output can be written again; {lost} findings were lost"
        )),
    }
}
