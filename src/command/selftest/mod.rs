//! `hopscope selftest`: whether a sensor on this machine would tell of known relays.

mod network;
mod sensor;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{Exit, Failure, written};
use network::Network;
use sensor::Sensor;

/// Try whether the sensor would tell of known relays
///
/// Makes a network of its own, where nothing else is and that is gone afterwards, starts `hopscope capture` there as it would
/// listen to a mirror port, sends recorded sessions of known relays past it, and says which of them it told. Exits with 0 if it
/// told all. Needs root, or the right to make user namespaces; and `ip`, of the package iproute2.
#[derive(Debug, Args)]
pub(super) struct Selftest {
    /// Worker threads of the sensor [default: from the configuration, 0]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=64))]
    workers: Option<u8>,

    /// Configuration file of the sensor
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Become this user once it listens
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// A session that was recorded, and what is to be told of it.
struct Known {
    name: &'static str,
    /// Who is called.
    server: &'static str,
    capture: &'static [u8],
    detectors: &'static [&'static str],
}

impl Selftest {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut network = Network::make().map_err(refused)?;
        let sensor = Sensor::start(&self.options(), network.listens()).map_err(broken)?;
        let mut sent = 0;
        for known in KNOWN {
            sent += network.send(known.capture).map_err(broken)?;
        }
        let told = sensor.stop().map_err(broken)?;
        let missed = KNOWN
            .iter()
            .flat_map(|known| missed(known, &told.findings))
            .count();
        written(report(&told, sent))?;
        Ok(if missed == 0 {
            Exit::Done
        } else {
            Exit::Findings
        })
    }

    fn options(&self) -> Vec<String> {
        let config = self.config.as_ref().map(|path| path.display().to_string());
        let workers = self.workers.map(|workers| workers.to_string());
        let given = [
            ("--config", config),
            ("--workers", workers),
            ("--user", self.user.clone()),
        ];
        let given = given
            .into_iter()
            .filter_map(|(option, value)| Some([option.to_owned(), value?]));
        given.flatten().collect()
    }
}

/// The detectors that did not tell of a session.
fn missed(known: &Known, findings: &[Value]) -> Vec<&'static str> {
    let told = |detector: &&str| {
        findings
            .iter()
            .any(|finding| is_of(finding, known, detector))
    };
    known
        .detectors
        .iter()
        .copied()
        .filter(|detector| !told(detector))
        .collect()
}

/// Whether a finding is what a detector tells of a session.
fn is_of(finding: &Value, known: &Known, detector: &str) -> bool {
    let port = finding.pointer("/server/port").and_then(Value::as_u64);
    let server = format!(
        "{}:{}",
        text(finding, "/server/ip"),
        port.unwrap_or_default()
    );
    text(finding, "/detector") == detector && server == known.server
}

fn text<'a>(finding: &'a Value, path: &str) -> &'a str {
    finding
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn report(told: &sensor::Told, sent: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (mut wanted, mut found) = (0, 0);
    for known in KNOWN {
        let missed = missed(known, &told.findings);
        for detector in known.detectors {
            let is_missed = missed.contains(detector);
            let word = if is_missed { "MISSED" } else { "told" };
            writeln!(
                out,
                "{word:<6} {detector:<18} of {}, {}",
                known.server, known.name
            )?;
            (wanted, found) = (wanted + 1, found + usize::from(!is_missed));
        }
    }
    writeln!(
        out,
        "the sensor told {found} of {wanted}; {sent} frames were sent"
    )?;
    for line in told.account.lines() {
        writeln!(out, "  {line}")?;
    }
    if found < wanted {
        writeln!(out, "{ADVICE}")?;
    }
    out.flush()
}

fn refused(why: String) -> Failure {
    let sentence = format!("no network of its own can be made: {why}");
    Failure::new(Exit::Input, sentence)
}

fn broken(why: io::Error) -> Failure {
    Failure::new(Exit::Sensor, format!("the test broke off: {why}"))
}

const ADVICE: &str = "\
Look at the account above: frames that were dropped or not read were not seen. Detectors that the configuration
switches off tell nothing. If neither is so, please report it with what is printed here.";

const KNOWN: &[Known] = &[
    Known {
        name: "SOCKS5",
        server: "10.9.2.20:1080",
        capture: include_bytes!("../../../testdata/pcaps/socks-proxy/hit-microsocks-noauth.pcap"),
        detectors: &["socks-proxy", "relay"],
    },
    Known {
        name: "HTTP CONNECT through two proxies",
        server: "10.9.2.20:8888",
        capture: include_bytes!("../../../testdata/pcaps/http-connect-proxy/hit-nested.pcap"),
        detectors: &["http-connect-proxy", "relay", "multi-hop"],
    },
    Known {
        name: "reverse shell",
        server: "198.51.100.77:4444",
        capture: include_bytes!("../../../testdata/pcaps/reverse-shell/hit-awk.pcap"),
        detectors: &["reverse-shell"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_told_is_missed() {
        let finding = |detector, ip, port| json!({ "detector": detector, "server": { "ip": ip, "port": port } });
        let socks = finding("socks-proxy", "10.9.2.20", 1080);
        let cases: [(Vec<Value>, &[&str]); 4] = [
            (vec![], &["socks-proxy", "relay"]),
            (vec![socks.clone()], &["relay"]),
            (
                vec![socks.clone(), finding("relay", "10.9.2.20", 1080)],
                &[],
            ),
            (vec![socks, finding("relay", "10.9.2.20", 80)], &["relay"]),
        ];
        for (findings, expected) in cases {
            assert_eq!(missed(&KNOWN[0], &findings), expected, "{findings:?}");
        }
    }
}
