//! Shells that go through relays: seen on each leg, and of the host behind the first one.

use super::recent::Recent;
use crate::evidence::{Evidence, Says, Session};
use crate::facts::FlowId;

/// The sessions that are known to give somebody a shell.
#[derive(Debug)]
pub struct Shells {
    told: Recent<FlowId, ()>,
}

impl Shells {
    /// No shell seen; at most `cap` sessions are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            told: Recent::new(cap),
        }
    }

    /// Gives evidence to the host that has the shell: what a relay opened, the client at the `origin` of that leg began.
    /// Nothing, where it was told there already.
    pub fn place(&mut self, evidence: Evidence, origin: Option<Session>) -> Option<Evidence> {
        let calls_out = matches!(evidence.says, Says::Shell(shell) if shell.reverse);
        let moved = origin.filter(|_| calls_out);
        let session = moved.unwrap_or(evidence.session);
        let is_new = !self.told.contains(&session.id);
        self.told.insert(session.id, ());
        match moved {
            None => Some(evidence),
            Some(session) => is_new.then(|| Evidence {
                relay: session.client.address,
                session,
                ..evidence
            }),
        }
    }

    /// How many sessions gave way.
    pub fn forgotten(&self) -> u64 {
        self.told.displaced()
    }

    /// Bytes of memory for one session, an upper bound.
    pub const ENTRY_BYTES: usize = 8 * size_of::<FlowId>();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::ShellSession;
    use crate::evidence::{Certainty, samples};

    fn shell(flow: u64, reverse: bool) -> Evidence {
        let says = Says::Shell(ShellSession {
            family: None,
            mark: "unix-prompt",
            spoken: "commands",
            through: None,
            reverse,
        });
        Evidence {
            says,
            ..samples::evidence(flow, Certainty::Proven)
        }
    }

    #[test]
    fn a_shell_is_told_once_and_of_the_host_that_has_it() {
        let first = shell(1, true).session;
        // What is told in turn: of which flow, whether its opener shows the shell, and whether flow 1 is its origin.
        type Told = (u64, bool, bool);
        let cases: [(&str, &[Told], &[u64]); 5] = [
            ("no relay", &[(1, true, false), (2, true, false)], &[1, 2]),
            ("both legs", &[(1, true, false), (2, true, true)], &[1]),
            ("the second leg alone", &[(2, true, true)], &[1]),
            (
                "two relays",
                &[(1, true, false), (2, true, true), (3, true, true)],
                &[1],
            ),
            ("a shell that waits behind it", &[(2, false, true)], &[2]),
        ];
        for (name, told, expected) in cases {
            let mut shells = Shells::new(4);
            let placed = told.iter().filter_map(|&(flow, reverse, is_moved)| {
                let evidence = shell(flow, reverse);
                let placed = shells.place(evidence, is_moved.then_some(first))?;
                Some(placed.session.id.0)
            });
            assert_eq!(placed.collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
