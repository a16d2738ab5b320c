//! The evidence of findings of command shells, summed up under a cap.

use serde::Serialize;

use super::{Label, Tally};
use crate::evidence::ShellSession;
use crate::facts::Traffic;

/// Command shells that one host gave another.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ShellSummary {
    /// What was spoken: `shell`.
    pub protocols: Tally<&'static str>,
    /// Families of shells, where they showed one: `unix`, `cmd`, `powershell`.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub families: Tally<&'static str>,
    /// By what they are known.
    pub marks: Tally<&'static str>,
    /// How far commands and answers were seen.
    pub spoken: Tally<&'static str>,
    /// What they were spoken through.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub through: Tally<&'static str>,
    /// The side that opened the connection is the one that shows the shell.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
    /// How often the client began to speak, in sessions that are over.
    pub client_flights: u64,
    /// How often the server began to speak, in sessions that are over.
    pub server_flights: u64,
    /// Payload bytes from the clients, of sessions that are over.
    pub client_bytes: u64,
    /// Payload bytes to the clients, of sessions that are over.
    pub server_bytes: u64,
}

impl ShellSummary {
    /// Adds a session.
    pub fn add(&mut self, shell: ShellSession) {
        self.protocols.add("shell");
        self.families.extend(shell.family);
        self.marks.add(shell.mark);
        self.spoken.add(shell.spoken);
        self.through.extend(shell.through);
        self.reverse |= shell.reverse;
    }

    /// What it says, line by line.
    pub fn lines(&self) -> Vec<(Label, Vec<String>)> {
        let mut lines = vec![
            ("shell", self.families.show(ToString::to_string)),
            ("marks", self.marks.show(ToString::to_string)),
            ("spoken", self.spoken.show(ToString::to_string)),
            ("through", self.through.show(ToString::to_string)),
        ];
        if self.client_flights + self.server_flights > 0 {
            let (client, server) = (self.client_flights, self.server_flights);
            let turns = format!("{client} of the client, {server} of the server");
            lines.push(("turns", vec![turns]));
        }
        lines
    }

    pub(super) fn add_traffic(&mut self, traffic: Traffic) {
        self.client_flights += u64::from(traffic.client_flights);
        self.server_flights += u64::from(traffic.server_flights);
        self.client_bytes = self.client_bytes.saturating_add(traffic.client_bytes);
        self.server_bytes = self.server_bytes.saturating_add(traffic.server_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_summed_up() {
        let mut summary = ShellSummary::default();
        for (family, reverse) in [(None, false), (Some("unix"), true)] {
            summary.add(ShellSession {
                family,
                mark: "unix-prompt",
                spoken: "commands",
                through: None,
                reverse,
            });
        }
        let traffic = Traffic {
            client_bytes: 5,
            server_flights: 2,
            ..Traffic::default()
        };
        summary.add_traffic(traffic);
        assert!(summary.reverse);
        let lines = summary.lines();
        let told: Vec<String> = lines
            .into_iter()
            .map(|(_, values)| values.join(", "))
            .collect();
        let turns = "0 of the client, 2 of the server";
        assert_eq!(told, ["unix", "unix-prompt ×2", "commands ×2", "", turns]);
    }
}
