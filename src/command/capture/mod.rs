//! `hopscope capture`: findings from the network, as they are raised.

mod board;
mod exhibits;
mod http;
mod interval;
mod metrics;
mod operator;
mod outputs;
mod reload;
mod rights;
mod service;
mod signals;
mod syslog;
mod teller;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::replay::{Format, broken_off, progress_bar, unreadable, unsignalled};
use super::{Exit, Failure, written};
use crate::config::Config;
use crate::finding::Severity;
use crate::pipeline::{self, Following, Outcome, Run, rings};
use crate::sink::account;
use crate::source::live::Listen;
use crate::source::{Live, SourceAccount};
use board::Board;
use exhibits::Showing;
use http::Http;
use operator::tell;
use outputs::{Endpoint, Messages, OutputFile};
use rights::Keeps;
use service::Manager;
use signals::Signals;
use teller::Teller;

/// Find relays on the network, while it happens
///
/// Listens to one or several interfaces, such as that behind a mirror port, and never sends. Each finding is told as new,
/// with its news, and closed. Ctrl-C and SIGTERM end it with what was found, and an account of every frame. SIGUSR1 prints the
/// account so far; SIGHUP reads the configuration again and opens the output anew.
#[derive(Debug, Args)]
pub(super) struct Capture {
    /// Interface to listen to; may be given several times
    #[arg(long, short, required = true, value_name = "IFACE")]
    interface: Vec<String>,

    /// Which frames to look at, in the language of pcap-filter(7) [default: all]
    #[arg(long, value_name = "BPF")]
    filter: Option<String>,

    /// Bytes of a frame to look at
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(i32).range(64..=262_144))]
    snaplen: i32,

    /// Mebibytes that the kernel may hold for each interface until they are read
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(i32).range(1..=1_024))]
    buffer_size: i32,

    /// Look only at frames for this host
    #[arg(long)]
    no_promiscuous: bool,

    /// How to print findings [default: text on a terminal, json otherwise]
    #[arg(long, short)]
    format: Option<Format>,

    #[command(flatten)]
    output: OutputFile,

    /// Exit with 1 if a finding was at or above this severity
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,

    /// Worker threads; 0 does everything in one [default: from the configuration, 0]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=64))]
    workers: Option<u8>,

    /// Rings among which the kernel divides the frames, each read by a worker of its own; 1 reads in one thread [default: from
    /// the configuration, 1]
    #[arg(long, value_name = "N", conflicts_with = "workers", value_parser = clap::value_parser!(u8).range(1..=64))]
    rings: Option<u8>,

    /// Write metrics to this file every 15 seconds, in the format of Prometheus, for a textfile collector
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,

    #[command(flatten)]
    endpoint: Endpoint,

    #[command(flatten)]
    messages: Messages,

    /// Become this user once it listens; it must be able to write the output and to read the configuration
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Keep the rights it was started with
    #[arg(long, conflicts_with = "user")]
    no_sandbox: bool,

    /// Configuration file
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print findings and trouble only: no greeting, no account
    #[arg(long, short)]
    quiet: bool,
}

/// Whoever reads the messages learns why the manager hears nothing; the capture needs none.
fn manager() -> Option<Manager> {
    Manager::of_environment().unwrap_or_else(|error| {
        tell(format_args!(
            "the service manager that NOTIFY_SOCKET names cannot be told anything: {error}; unset it where no service manager started hopscope"
        ));
        None
    })
}

/// Closes the board when the capture is over, however it ends.
struct Closing<'a>(&'a Board);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Capture {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = Config::load(self.config.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let signals = Signals::listen().map_err(unsignalled)?;
        let output = self.output.open(self.format)?;
        let mut teller = Teller::new(output, config.clone(), self.config.clone(), &signals)
            .measured(self.metrics.as_deref())
            .logged(self.messages.open()?)
            .showing(Showing::open(&config, self.config.as_deref())?)
            .watched(manager());
        let report = |interface: &str, change: &_| tell(format_args!("{interface} {change}"));
        let stop = signals.stop.clone();
        let rings = self.rings(&config);
        let program = rings::program(rings);
        let mut lives = Live::open_rings(rings.into(), &program, &self.listen(), &stop, report)
            .map_err(unreadable)?;
        let http = self.endpoint.open()?;
        self.give_up_rights(&config)?;
        self.greet(http.as_ref());
        teller.ready();
        let (audit, board) = (teller.audit(), teller.board());
        let servers = http.as_ref().map_or(0, |_| Http::SERVERS);
        let serve = || http.iter().for_each(|http| http.serve(&board));
        let outcome = pipeline::beside(servers, serve, || {
            let _closing = Closing(&board);
            self.follow(&config, &mut lives, &mut teller, &audit)
        });
        let account = outcome.as_ref().ok().map(|outcome| &outcome.account);
        let source = Live::account_of(&lives);
        teller.over(&source, account);
        let outcome = outcome?;
        written(self.print_account(&source, &outcome))?;
        let worst = teller.worst();
        written(teller.finish())?;
        Ok(self.exit(&source, worst))
    }

    fn give_up_rights(&self, config: &Config) -> Result<(), Failure> {
        if self.no_sandbox {
            return Ok(());
        }
        let mut keeps = Keeps {
            user: self.user.as_deref(),
            answers: self.endpoint.http.is_some(),
            connects: self.messages.are_local(),
            ..Keeps::default()
        };
        keeps.read_beside(self.config.as_deref());
        keeps.read_beside(config.profile_path(self.config.as_deref()).as_deref());
        keeps.write_beside(self.output.output.as_deref());
        keeps.write_beside(self.metrics.as_deref());
        keeps
            .writes
            .extend(config.evidence_path(self.config.as_deref()));
        let given_up = rights::give_up(&keeps).map_err(|why| Failure::new(Exit::Usage, why))?;
        if !self.quiet {
            tell(given_up);
        }
        self.may_begin_files(config)
    }

    /// Another user may be let write a file that is open, and not be let begin the next one beside it.
    fn may_begin_files(&self, config: &Config) -> Result<(), Failure> {
        let Some(user) = &self.user else {
            return Ok(());
        };
        let output = self.output.output.as_deref();
        let rotated = output.filter(|_| self.output.is_rotated());
        let exhibit = config.evidence_path(self.config.as_deref());
        let exhibit = exhibit.map(|folder| folder.join("exhibit"));
        let files = [rotated, self.metrics.as_deref(), exhibit.as_deref()];
        for file in files.into_iter().flatten() {
            rights::begin_file_beside(file).map_err(|error| {
                let file = file.display();
                let sentence = format!(
                    "{user} may not begin files beside {file} ({error}): give that folder to {user}"
                );
                Failure::new(Exit::Input, sentence)
            })?;
        }
        Ok(())
    }

    fn listen(&self) -> Listen {
        let mut interfaces = self.interface.clone();
        let mut seen = BTreeSet::new();
        interfaces.retain(|name| seen.insert(name.clone()));
        Listen {
            interfaces,
            filter: self.filter.clone(),
            snaplen: self.snaplen,
            buffer_bytes: self.buffer_size << 20,
            promiscuous: !self.no_promiscuous,
        }
    }

    fn follow(
        &self,
        config: &Config,
        lives: &mut [Live],
        by: &mut Teller,
        audit: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let kept = by.kept();
        let bar = progress_bar(self.quiet || io::stdout().is_terminal());
        let run = Run {
            config,
            workers: self
                .workers
                .map_or(config.pipeline.workers.count(), usize::from),
            watch: None,
            learn: false,
            // A signal ends the source, which first gives what it has.
            stop: &AtomicBool::new(false),
            progress: &mut |progress| bar.set_position(progress.frames),
            follow: Some(Following {
                by,
                audit,
                keep: kept.as_deref(),
            }),
        };
        let outcome = match lives {
            [live] => pipeline::run(live, run),
            lives => rings::run(lives, run),
        };
        bar.finish_and_clear();
        outcome.map_err(broken_off)
    }

    /// Whoever asks for workers wants one ring, whatever the configuration says.
    fn rings(&self, config: &Config) -> u8 {
        let configured = u8::try_from(config.pipeline.rings.count()).unwrap_or(u8::MAX);
        let otherwise = if self.workers.is_some() {
            1
        } else {
            configured
        };
        self.rings.unwrap_or(otherwise)
    }

    fn greet(&self, http: Option<&Http>) {
        if self.quiet {
            return;
        }
        let interfaces = self.listen().interfaces.join(", ");
        tell(format_args!("listening to {interfaces}"));
        if let Some(address) = http.and_then(|http| http.address().ok()) {
            tell(format_args!("answering at http://{address}"));
        }
    }

    fn print_account(&self, source: &SourceAccount, outcome: &Outcome) -> io::Result<()> {
        if self.quiet {
            account::trouble(&mut io::stderr(), source, &outcome.account)
        } else {
            account::write(&mut io::stderr(), source, &outcome.account)
        }
    }

    fn exit(&self, source: &SourceAccount, worst: Option<Severity>) -> Exit {
        if source.interfaces.iter().all(|i| i.lost.is_some()) {
            Exit::Sensor
        } else if self.fail_on.is_some() && worst >= self.fail_on {
            Exit::Findings
        } else {
            Exit::Done
        }
    }
}
