//! The configuration: parsed once into values that cannot be wrong.
//!
//! `config/hopscope.toml` shows every key with its default. A key that is not known is an error.

mod defaults;
mod limits;
mod number;

pub use number::Number;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::finding::Severity;
use crate::policy::approvals::Approval;
use crate::policy::groups::{self, Group};
use crate::policy::list::List;
use crate::policy::networks::Networks;
use crate::profile::Profile;
use crate::profile::usual::Usual;
use crate::profile::went::Went;
use crate::toml_file::{self, Fault, FileError, TomlFile};

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Threads.
    pub pipeline: Pipeline,
    /// The flow table.
    pub flows: Flows,
    /// The first bytes of streams.
    pub heads: Heads,
    /// IP fragments.
    pub fragments: Fragments,
    /// Findings and what joins them.
    pub findings: Findings,
    /// What joins the two legs of a relay.
    pub relays: Relays,
    /// Who goes where, and when.
    pub rhythms: Rhythms,
    /// What relays are held against.
    pub baseline: Baseline,
    /// Packets of findings.
    pub evidence: Evidence,
    /// Each detector by name.
    pub detectors: Detectors,
    /// What is inside.
    pub networks: Networks,
    /// Hosts that belong together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Uses that somebody answers for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// The profile that `baseline.profile` names, once it is loaded.
    #[serde(skip)]
    known: Option<Profile>,
    /// What it says of payload sizes, where it is asked.
    #[serde(skip)]
    payloads: Option<Usual>,
    /// What it says of where hosts go.
    #[serde(skip)]
    went: Option<Went>,
}

/// Threads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pipeline {
    /// Worker threads; 0 does everything in one thread. The findings are the same.
    pub workers: Number<0, 64>,
    /// Rings of the kernel that a capture reads, each by a worker of its own, which then are all there are; with 1, `workers` counts.
    pub rings: Number<1, 64>,
}

/// The flow table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flows {
    /// Flows that are remembered at once.
    pub max: Number<64, 100_000_000>,
    /// Seconds until TCP that was not answered is forgotten.
    pub half_open_seconds: Number<1, 604_800>,
    /// Seconds of silence until established TCP is forgotten.
    pub tcp_seconds: Number<1, 604_800>,
    /// Seconds of silence until a flow of another transport is forgotten.
    pub datagram_seconds: Number<1, 604_800>,
    /// Seconds that TCP which is over is kept for late segments.
    pub closed_seconds: Number<1, 604_800>,
}

/// The first bytes of streams, kept until their protocols are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Heads {
    /// Mebibytes for all of them; the oldest give way.
    pub budget_mebibytes: Number<1, 1_048_576>,
}

/// IP fragments that wait for the rest of their datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fragments {
    /// Datagrams that wait at once; the oldest give way.
    pub max_datagrams: Number<1, 1_000_000>,
    /// Mebibytes for all of them.
    pub budget_mebibytes: Number<1, 65_536>,
    /// Seconds until an incomplete datagram is forgotten.
    pub timeout_seconds: Number<1, 3_600>,
}

/// Findings and what joins them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Findings {
    /// Findings that are still being added to; beyond it those that are over are given out early, then the least sure.
    pub max: Number<1, 10_000_000>,
    /// Sessions of findings whose end is waited for; the one reported longest ago counts as over.
    pub sessions: Number<1, 100_000_000>,
    /// Endpoints that correlators remember for another flow to come; the oldest give way.
    pub remembered: Number<1, 10_000_000>,
    /// Addresses whose names, seen in DNS answers, are remembered; the oldest give way.
    pub names: Number<1, 10_000_000>,
    /// Mebibytes for findings that were given out early and wait for the end of a replay; the least sure give way.
    pub waiting_mebibytes: Number<1, 65_536>,
    /// Lines about findings a minute while a capture goes on; the surest go first, and the others wait.
    pub per_minute: Number<1, 1_000_000>,
    /// Seconds for which the first news of a finding wait while a capture goes on; the next wait twice as long, up to an
    /// hour.
    pub update_seconds: Number<1, 3_600>,
    /// Seconds without a session after which a finding is closed while a capture goes on.
    pub close_seconds: Number<1, 604_800>,
}

/// What joins the two legs of a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Relays {
    /// Flows that are alive and may be legs; the one that spoke first gives way.
    pub legs: Number<64, 100_000_000>,
    /// Nonces that were seen in the last seconds; the oldest give way.
    pub nonces: Number<64, 100_000_000>,
    /// Pairs of legs, and requests whose second leg was not seen yet; the oldest give way.
    pub joins: Number<64, 10_000_000>,
}

/// Who goes where, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rhythms {
    /// Pairs of a client and the port of a server; of a few, the least useful gives way.
    pub pairs: Number<64, 100_000_000>,
    /// Addresses of which it is remembered which hosts inside go there; the one seen first gives way.
    pub destinations: Number<64, 10_000_000>,
}

/// What is known of hosts before they relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Baseline {
    /// Hosts that are watched; whoever comes later is not.
    pub hosts: Number<1, 10_000_000>,
    /// Seconds for which a host is watched before what it does is new, where there is no profile.
    pub warm_up_seconds: Number<1, 31_622_400>,
    /// What `hopscope learn` wrote; relative to the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<PathBuf>,
}

/// Packets of findings, written while a capture goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Evidence {
    /// The folder that they are written to; relative to the configuration. None are written where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// From which severity on.
    pub severity: Severity,
    /// Room for the newest packets of so many hosts inside that say much; those that are silent give way.
    pub hosts: Number<1, 1_000_000>,
    /// Kibibytes for the packets of each; the oldest give way.
    pub host_kibibytes: Number<4, 1_048_576>,
    /// Packets of one session that are kept at once; later ones are not.
    pub session_packets: Number<1, 1_000_000>,
    /// Files that may be in the folder.
    pub files: Number<1, 1_000_000>,
    /// Kibibytes of one file.
    pub file_kibibytes: Number<4, 1_048_576>,
    /// Mebibytes of all files in the folder.
    pub total_mebibytes: Number<1, 1_048_576>,
}

/// Each detector by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Detectors {
    /// SOCKS4, 4a and 5.
    pub socks_proxy: Switch,
    /// HTTP CONNECT.
    pub http_connect_proxy: Switch,
    /// HTTP requests in absolute form.
    pub http_forward_proxy: Switch,
    /// Tunnels in WebSockets.
    pub websocket_tunnel: Switch,
    /// Forwarding in SSH.
    pub ssh_tunnel: Switch,
    /// Command shells shown by the side that opened the connection.
    pub reverse_shell: Switch,
    /// Command shells shown by the side that was called.
    pub bind_shell: Switch,
    /// Hosts that pass on what they are sent.
    pub relay: Switch,
    /// Ways through several relays.
    pub multi_hop: MultiHop,
    /// Sessions to many in short succession.
    pub fan_out: FanOut,
    /// Hosts that never relayed and do.
    pub new_relay: Switch,
    /// Clients that come back in a rhythm.
    pub beacon: Switch,
    /// Sessions that do not end.
    pub long_lived_session: LongLivedSession,
    /// Payload sizes that are not those of the profile.
    pub payload_anomaly: Switch,
}

/// Sessions that do not end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LongLivedSession {
    /// Whether it speaks.
    pub enabled: bool,
    /// The ages in minutes at which a session that is still open is told.
    pub minutes: List<Number<1, 1_000_000>>,
}

/// Sessions to many in short succession.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FanOut {
    /// Whether it speaks.
    pub enabled: bool,
    /// Targets of one relay for one client from which on it is told; those with a name count for a quarter.
    pub targets: Number<2, 64>,
    /// Relays of one client from which on it is told.
    pub relays: Number<2, 64>,
    /// Seconds within which they are counted.
    pub window_seconds: Number<1, 86_400>,
}

/// Ways through several relays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiHop {
    /// Whether it speaks.
    pub enabled: bool,
    /// Intermediate hosts from which on a way is told (RelayCount of ATT&CK's AN1021).
    pub relays: Number<1, 8>,
}

/// Whether a detector speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switch {
    /// Whether it speaks.
    pub enabled: bool,
}

impl Config {
    /// Reads a configuration file, or gives the defaults where none is named.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or says something that is not known.
    pub fn load(path: Option<&Path>) -> Result<Self, FileError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let mut config: Self = TomlFile::read("the configuration", path)?.read_by(str::parse)?;
        if let Some(profile) = config.profile_path(Some(path)) {
            let known = Profile::load(&profile, config.baseline.hosts.count())?;
            let asked = config.detectors.payload_anomaly.enabled;
            config.payloads = asked
                .then(|| Usual::of(&known, groups::addresses_of_roles(&config.groups)))
                .flatten();
            config.went = Went::of(&known);
            config.known = Some(known.without_details());
        }
        Ok(config)
    }

    /// Where the profile is, in a configuration that was read from `path`.
    pub fn profile_path(&self, path: Option<&Path>) -> Option<PathBuf> {
        Some(beside(path).join(self.baseline.profile.as_ref()?))
    }

    /// Where the packets of findings go, in a configuration that was read from `path`.
    pub fn evidence_path(&self, path: Option<&Path>) -> Option<PathBuf> {
        Some(beside(path).join(self.evidence.directory.as_ref()?))
    }
}

/// The folder of a file.
fn beside(path: Option<&Path>) -> &Path {
    path.and_then(Path::parent).unwrap_or(Path::new(""))
}

impl std::str::FromStr for Config {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let config: Self = toml_file::parse(text)?;
        match config.policy().fault(text) {
            Some(fault) => Err(fault),
            None => Ok(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_flows_fit_into_a_gibibyte() {
        let config = Config::default();
        let bounds = config.memory_bounds();
        let total: usize = bounds.iter().map(|(_, bytes)| bytes).sum();
        assert!(config.flows.max.count() >= 1_000_000);
        assert!(total < 1 << 30, "{} MiB: {bounds:?}", total >> 20);
    }

    #[test]
    fn the_shipped_file_shows_every_key_with_its_default() {
        let shipped = include_str!("../config/hopscope.toml");
        assert_eq!(shipped.parse::<Config>().unwrap(), Config::default());
        let written: toml::Table = toml::to_string(&Config::default())
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(shipped.parse::<toml::Table>().unwrap(), written);
    }

    /// What stands behind `# ` from a line that begins a table on.
    #[test]
    fn what_the_shipped_file_shows_in_comments_is_right() {
        let shipped = include_str!("../config/hopscope.toml");
        let (_, examples) = shipped.split_once("# [[groups]]").unwrap();
        let examples = format!("# [[groups]]{examples}");
        let keys = examples.lines().filter_map(|line| line.strip_prefix("# "));
        let keys = keys.filter(|line| line.starts_with("[[") || line.contains(" = "));
        let config: Config = keys.collect::<Vec<_>>().join("\n").parse().unwrap();
        assert_eq!((config.groups.len(), config.approvals.len()), (1, 1));
    }

    #[test]
    fn the_site_to_start_from_is_in_order() {
        let site: Config = include_str!("../config/site.toml").parse().unwrap();
        let day = "2026-11-21".parse().unwrap();
        assert_eq!(site.policy().review(day), []);
        assert!(site.groups.len() > 5 && site.approvals.len() > 5);
    }

    #[test]
    fn faults_name_the_line_and_the_nearest_key() {
        let cases = [
            ("[flows]\nmaks = 1", "did you mean `max`?"),
            ("[flow]\nmax = 64", "did you mean `flows`?"),
            (
                "[flows]\nmax = 3",
                "must be between 64 and 100000000, not 3",
            ),
            ("[flows]\nmax = \"many\"", "line 2"),
            ("[detectors.socks-proxi]", "did you mean `socks-proxy`?"),
            ("pipeline = 7", "line 1"),
        ];
        for (text, part) in cases {
            let fault = text.parse::<Config>().unwrap_err().to_string();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}
