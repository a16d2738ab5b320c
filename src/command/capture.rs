//! `hopscope capture`: findings from the network, as they are raised.

use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use super::replay::{Format, broken_off, progress_bar, stop_by_signal, unreadable, unsignalled};
use super::{Exit, Failure, written};
use crate::config::Config;
use crate::finding::{Finding, Severity};
use crate::pipeline::{self, Outcome, Run};
use crate::sink::{account, jsonl, text};
use crate::source::live::{Change, Listen, Stop};
use crate::source::{Live, Source, SourceAccount};

/// Find relays on the network, while it happens
///
/// Listens to one or several interfaces, such as that behind a mirror port, and never sends. Each finding is told as new,
/// with its news, and closed. Ctrl-C and SIGTERM end it with what was found, and an account of every frame.
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

    /// Exit with 1 if a finding was at or above this severity
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,

    /// Worker threads; 0 does everything in one [default: from the configuration, 0]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=64))]
    workers: Option<u8>,

    /// Configuration file
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print findings and trouble only: no greeting, no account
    #[arg(long, short)]
    quiet: bool,
}

impl Capture {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = Config::load(self.config.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let (wake, waiting) = UnixStream::pair().map_err(unsignalled)?;
        let stop = Stop {
            flag: stop_by_signal(wake).map_err(unsignalled)?,
            wake: Arc::new(waiting.into()),
        };
        let mut printer = Printer::new(
            self.format.unwrap_or_else(Format::by_terminal),
            Arc::clone(&stop.flag),
        );
        let mut live = Live::open(&self.listen(), stop, tell).map_err(unreadable)?;
        written(self.greet())?;
        let outcome = self.follow(&config, &mut live, &mut printer)?;
        written(self.print_account(live.account(), &outcome))?;
        written(printer.result)?;
        Ok(self.exit(live.account(), printer.worst))
    }

    fn listen(&self) -> Listen {
        let mut interfaces = self.interface.clone();
        let mut seen = std::collections::BTreeSet::new();
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
        live: &mut Live,
        printer: &mut Printer,
    ) -> Result<Outcome, Failure> {
        let bar = progress_bar(self.quiet || io::stdout().is_terminal());
        let outcome = pipeline::run(
            live,
            Run {
                config,
                workers: self
                    .workers
                    .map_or(config.pipeline.workers.count(), usize::from),
                watch: None,
                learn: false,
                // A signal ends the source, which first gives what it has.
                stop: &AtomicBool::new(false),
                progress: &mut |progress| bar.set_position(progress.frames),
                follow: Some(&mut |finding| printer.print(&finding)),
            },
        );
        bar.finish_and_clear();
        outcome.map_err(broken_off)
    }

    fn greet(&self) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let names = self.listen().interfaces.join(", ");
        writeln!(io::stderr(), "hopscope: listening to {names}")
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

/// Prints findings as they come. When that fails, nobody listens any more or nothing can be kept: the run is ended.
struct Printer {
    format: Format,
    stop: Arc<AtomicBool>,
    worst: Option<Severity>,
    result: io::Result<()>,
}

impl Printer {
    fn new(format: Format, stop: Arc<AtomicBool>) -> Self {
        Self {
            format,
            stop,
            worst: None,
            result: Ok(()),
        }
    }

    fn print(&mut self, finding: &Finding) {
        self.worst = self.worst.max(Some(finding.severity));
        if self.result.is_ok() {
            self.result = self.write(finding);
        }
        if self.result.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn write(&self, finding: &Finding) -> io::Result<()> {
        let findings = std::slice::from_ref(finding);
        match self.format {
            Format::Json => jsonl::write(&mut io::stdout().lock(), findings),
            Format::Text => {
                let mut out = anstream::stdout().lock();
                text::write(&mut out, findings)?;
                out.flush()
            }
        }
    }
}

/// Tells what happens to an interface. Where nobody listens any more there is nothing left to do.
fn tell(interface: &str, change: &Change) {
    let _ = writeln!(io::stderr(), "hopscope: {interface} {change}");
}
