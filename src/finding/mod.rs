//! Findings: what an analyst reads. Schema 1, one JSON object each.

pub mod attack;
pub mod keys;
pub mod lifecycle;
mod missed;
pub mod names;
mod order;
pub mod rate;
pub mod story;
pub mod summary;
pub mod telling;
mod title;
pub mod waiting;

use std::fmt;
use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::evidence::Certainty;
use crate::facts::Quality;
use crate::proto::target::Target;
use crate::time::Timestamp;
use attack::Attack;
use names::Names;
use summary::Summary;

/// One finding. Names and meanings are stable; keys without a value are left out.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The version of this schema.
    pub schema: u8,
    /// The same for the same detector, client and server, in every run and for any number of workers.
    pub id: String,
    /// Where it stands in its life.
    pub status: Status,
    /// Which detector found it.
    pub detector: &'static str,
    /// One sentence that an analyst understands.
    pub title: String,
    /// How much it asks for attention.
    pub severity: Severity,
    /// How sure it is.
    pub certainty: Certainty,
    /// The certainty as a number from 0 to 1.
    pub confidence: f64,
    /// Whether the use is known and approved.
    pub verdict: Verdict,
    /// The approval that decided, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// First segment of the first session.
    pub first_seen: Timestamp,
    /// Newest segment of any session.
    pub last_seen: Timestamp,
    /// When there was first enough to say it.
    pub raised: Timestamp,
    /// `tcp`, `udp` …
    pub transport: &'static str,
    /// Who opened the first session.
    pub client: Party,
    /// Who was called.
    pub server: Party,
    /// Community ID v1 of the first session, seed 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub community_id: Option<String>,
    /// How many sessions it sums up.
    pub sessions: u64,
    /// The first sessions, at most eight.
    pub flows: Vec<FlowLine>,
    /// The host that relays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<IpAddr>,
    /// How it relays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<&'static str>,
    /// The hosts that sessions went through, from the first client to the last target seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<IpAddr>,
    /// Who was to be reached, in the first session that said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What DNS answers called the addresses in it, as far as they were seen before.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub names: Names,
    /// What it is in MITRE ATT&CK.
    pub attack: Vec<Attack>,
    /// What it stands on.
    pub evidence: Summary,
    /// The file with its packets, where such files are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<String>,
    /// How well the sessions were seen.
    #[serde(skip_serializing_if = "Quality::is_whole")]
    pub quality: Quality,
}

impl Finding {
    /// The bytes of memory that it needs, about: names take twice their length at most, and its JSON has them all.
    pub fn memory_bytes(&self) -> usize {
        let mut length = Length(0);
        // Nothing fails that only counts.
        let _ = serde_json::to_writer(&mut length, self);
        size_of::<Self>() + 2 * length.0
    }
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a finding stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Raised, and a session of it was open when last seen.
    New,
    /// Told before, and there is news; a session of it was open when last seen, or was a moment ago.
    Update,
    /// Every session of it is over.
    Closed,
}

/// How much a finding asks for attention. From `medium` on a person is asked to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Known and approved, or a fact worth a line.
    Info,
    /// Weak or incomplete.
    Low,
    /// A person should look.
    Medium,
    /// A person should look first.
    High,
    /// A person should be woken.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The next one above, if there is one.
    #[must_use]
    pub fn step_up(self) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|other| *other > self).unwrap_or(self)
    }

    /// The next one below, if there is one.
    #[must_use]
    pub fn step_down(self) -> Self {
        let mut all = Self::ALL.into_iter().rev();
        all.find(|other| *other < self).unwrap_or(self)
    }

    /// Its name, as in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a relay is known and approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// An approval allows this use.
    Approved,
    /// An approval may allow this use, and what was seen is too little to say so.
    CannotJudge,
    /// An approval allowed this use until it ran out.
    Expired,
    /// Nobody said anything about the host.
    Undeclared,
    /// The host is known, and nobody approved this use of it.
    Unapproved,
}

impl Verdict {
    /// Every verdict, the best first.
    pub const ALL: [Self; 5] = [
        Self::Approved,
        Self::CannotJudge,
        Self::Expired,
        Self::Undeclared,
        Self::Unapproved,
    ];

    /// Its name, as in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::CannotJudge => "cannot-judge",
            Self::Expired => "expired",
            Self::Undeclared => "undeclared",
            Self::Unapproved => "unapproved",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its address.
    pub ip: IpAddr,
    /// Its port; left out for the client of several sessions, and where the transport has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What a DNS answer called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is there for, where the configuration says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
}

/// One session of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowLine {
    /// Who opened it.
    pub client: Party,
    /// Who was called.
    pub server: Party,
    /// `tcp` or `udp`.
    pub transport: &'static str,
    /// Community ID v1, seed 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub community_id: Option<String>,
    /// The VLAN it was seen in, if it bore a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// Time of its first segment.
    pub first_seen: Timestamp,
}
