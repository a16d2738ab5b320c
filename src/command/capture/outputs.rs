//! The options of a capture that say where findings go and who may ask.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::http::Http;
use super::syslog::{Destination, Syslog};
use super::teller::Output;
use crate::command::replay::Format;
use crate::command::{Exit, Failure};
use crate::finding::Severity;
use crate::sink::rotation::{LineFile, Rotation};
use crate::sink::syslog::Sender;
use crate::time::Span;

/// Findings as JSON lines in a file.
#[derive(Debug, Args)]
pub(super) struct OutputFile {
    /// Write findings as JSON lines to the end of this file, not to standard output
    #[arg(long, short, value_name = "FILE", conflicts_with = "format")]
    pub(super) output: Option<PathBuf>,

    /// Begin a new file before it grows beyond this many mebibytes
    #[arg(long, value_name = "MIB", requires = "output", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    rotate_size: Option<u64>,

    /// Begin a new file when it is this many seconds old, by the time of packets
    #[arg(long, value_name = "SECONDS", requires = "output", value_parser = clap::value_parser!(i64).range(1..=31_622_400))]
    rotate_seconds: Option<i64>,

    /// Keep this many old files [default: all]
    #[arg(long, value_name = "N", requires = "output")]
    keep: Option<usize>,
}

impl OutputFile {
    pub(super) fn is_rotated(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_seconds.is_some()
    }

    /// Where findings go.
    pub(super) fn open(&self, format: Option<Format>) -> Result<Output, Failure> {
        let Some(path) = &self.output else {
            let format = format.unwrap_or_else(Format::by_terminal);
            return Ok(Output::Standard(format, Ok(())));
        };
        let rotation = Rotation {
            bytes: self.rotate_size.map(|mebibytes| mebibytes << 20),
            age: self.rotate_seconds.map(Span::from_seconds),
            keep: self.keep,
        };
        let file = LineFile::open(path, rotation).map_err(|error| {
            let sentence = format!("{} cannot be written: {error}", path.display());
            Failure::new(Exit::Input, sentence)
        })?;
        Ok(Output::File(file))
    }
}

/// Answers over HTTP.
#[derive(Debug, Args)]
pub(super) struct Endpoint {
    /// Answer over HTTP at this address: /metrics for Prometheus, /healthz, /readyz and /account
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) http: Option<SocketAddr>,

    /// Let that be an address that others can reach, who need no password to ask
    #[arg(long, requires = "http")]
    http_for_others: bool,
}

impl Endpoint {
    pub(super) fn open(&self) -> Result<Option<Http>, Failure> {
        let Some(address) = self.http else {
            return Ok(None);
        };
        if !address.ip().is_loopback() && !self.http_for_others {
            let sentence = format!(
                "others can reach {address}: choose 127.0.0.1 or [::1], or say --http-for-others"
            );
            return Err(Failure::new(Exit::Usage, sentence));
        }
        let http = Http::open(address).map_err(|error| {
            let sentence = format!("nobody can be answered at {address}: {error}");
            Failure::new(Exit::Input, sentence)
        })?;
        Ok(Some(http))
    }
}

/// Messages to a syslog daemon.
#[derive(Debug, Args)]
pub(super) struct Messages {
    /// Send findings to syslog, too (RFC 5424): to a socket such as /dev/log, or by UDP to an address and port
    #[arg(long, value_name = "SOCKET|ADDRESS:PORT")]
    pub(super) syslog: Option<Destination>,

    /// Send those at or above this severity
    #[arg(
        long,
        requires = "syslog",
        value_name = "SEVERITY",
        default_value = "info"
    )]
    syslog_from: Severity,

    /// Private enterprise number that names the structured data
    #[arg(long, requires = "syslog", value_name = "NUMBER", default_value_t = Sender::EXAMPLE)]
    syslog_enterprise: u32,
}

impl Messages {
    pub(super) fn open(&self) -> Result<Option<Syslog>, Failure> {
        let Some(destination) = &self.syslog else {
            return Ok(None);
        };
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let sender = Sender::new(&host, std::process::id(), self.syslog_enterprise);
        let syslog = Syslog::open(destination, self.syslog_from, sender).map_err(|error| {
            Failure::new(Exit::Input, format!("syslog cannot be reached: {error}"))
        })?;
        Ok(Some(syslog))
    }

    /// Whether a daemon here may have to be connected with again.
    pub(super) fn are_local(&self) -> bool {
        matches!(self.syslog, Some(Destination::Here(_)))
    }
}
