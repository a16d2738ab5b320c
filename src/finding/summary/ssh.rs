//! The evidence of findings that stand on SSH sessions.

use serde::Serialize;

use super::{Label, Tally};
use crate::evidence::ssh::{SshKind, SshUse};
use crate::facts::Traffic;
use crate::facts::ssh::{Authentication, SshCounts};

/// What SSH sessions carried, over all sessions of a finding.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SshSummary {
    /// By which means they relay: `ssh-forward`.
    pub protocols: Tally<&'static str>,
    /// What is carried.
    pub kinds: Tally<SshKind>,
    /// Connections that were carried: whom they reach is not known.
    pub opened: u64,
    /// Sessions in which the client barred itself from shells and commands.
    pub without_command: u64,
    /// Session channels: shells, commands and file transfers beside it.
    pub shells: u64,
    /// Sessions in which an SSH handshake was seen inside.
    pub nested: u64,
    /// Sessions in which the client was seen to be accepted.
    pub accepted: u64,
    /// Attempts of clients to prove who they are that were refused.
    pub refusals: u64,
    /// What the clients call themselves.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub client_software: Tally<String>,
    /// What the servers call themselves.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub server_software: Tally<String>,
    /// The ciphers, and their MACs.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub ciphers: Tally<String>,
    /// HASSH of the clients.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub hassh: Tally<String>,
    /// What else is odd.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub marks: Tally<&'static str>,
    /// The side that opened the connection lets others in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
    /// Payload bytes from the clients, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients, of sessions that are over.
    pub server_bytes: u64,
}

impl SshSummary {
    /// Adds a session, or what came to be known of it since.
    pub fn add(&mut self, used: &SshUse) {
        let conduct = &used.conduct;
        let (now, before) = (conduct.counts, conduct.told.unwrap_or_default());
        self.reverse |= used.reverse;
        self.opened += carried(now).saturating_sub(carried(before));
        self.shells += u64::from(now.sessions.saturating_sub(before.sessions));
        self.refusals += u64::from(now.refusals.saturating_sub(before.refusals));
        self.without_command += u64::from(now.bars_sessions && !before.bars_sessions);
        self.nested += u64::from(now.nested && !before.nested);
        self.accepted += u64::from(is_accepted(now) && !is_accepted(before));
        self.count_kinds(&used.kinds, before);
        if conduct.told.is_some() {
            return;
        }
        self.protocols.add("ssh-forward");
        self.client_software.extend(conduct.greeting.client.clone());
        self.server_software.extend(conduct.greeting.server.clone());
        self.ciphers.extend(conduct.greeting.cipher.clone());
        self.hassh.extend(conduct.greeting.hassh.clone());
        self.marks
            .extend(used.odd_port.then_some("port of another service"));
    }

    fn count_kinds(&mut self, kinds: &[SshKind], before: SshCounts) {
        let known = SshUse::kinds_of(before);
        let fresh = kinds.iter().filter(|kind| !known.contains(kind));
        self.kinds.extend(fresh.copied());
    }

    /// The kind that asks most for attention.
    pub fn worst(&self) -> Option<SshKind> {
        self.kinds.iter().filter_map(|counted| counted.value).max()
    }

    /// What it says, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        let own = String::clone;
        vec![
            ("carries", self.kinds.show(|kind| kind.name().to_owned())),
            ("channels", vec![self.channels()]),
            ("client", self.client_software.show(own)),
            ("server", self.server_software.show(own)),
            ("cipher", self.ciphers.show(own)),
            ("HASSH", self.hassh.show(own)),
            ("marks", self.marks.show(ToString::to_string)),
        ]
    }

    /// `12 connections, no shell or command, SSH inside`
    fn channels(&self) -> String {
        let connections = match self.opened {
            1 => "1 connection".to_owned(),
            opened => format!("{opened} connections"),
        };
        let shells = match (self.shells, self.without_command) {
            (0, 0) => None,
            (0, _) => Some("no shell or command".to_owned()),
            (1, _) => Some("1 shell or command".to_owned()),
            (shells, _) => Some(format!("{shells} shells or commands")),
        };
        let nested = (self.nested > 0).then(|| "SSH inside".to_owned());
        let words = [Some(connections), shells, nested];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    pub(super) fn add_traffic(&mut self, traffic: Traffic) {
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }
}

fn carried(counts: SshCounts) -> u64 {
    u64::from(counts.direct) + u64::from(counts.reverse) + u64::from(counts.tun)
}

fn is_accepted(counts: SshCounts) -> bool {
    counts.authentication == Authentication::Accepted
}
