//! How much a use asks for attention: one table of verdict, way, certainty, and how the use was found.

use super::networks::Way;
use crate::evidence::Certainty;
use crate::finding::{Severity, Verdict};

/// What of a use bears on how severe it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// How it was found.
    pub class: Class,
    /// The way it takes.
    pub way: Way,
    /// How sure it is.
    pub certainty: Certainty,
    /// The host never relayed before.
    pub turned: bool,
}

/// How a use was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A protocol was spoken that asks for a relay.
    Asked,
    /// Flows were joined: what went in came out.
    Joined,
    /// Flows were joined, and the relay spreads them over servers, or says for whom it speaks.
    Balanced,
    /// A host gives another a command shell.
    Shell,
    /// A session or a rhythm stands out by what it weighs, whoever keeps it.
    Weighed,
}

impl Class {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Asked,
        Self::Joined,
        Self::Balanced,
        Self::Shell,
        Self::Weighed,
    ];

    /// How a detector finds what relays by a mechanism.
    pub fn of(detector: &str, mechanism: Option<&str>) -> Self {
        match mechanism {
            _ if SHELLS.contains(&detector) => Self::Shell,
            _ if WEIGHING.contains(&detector) => Self::Weighed,
            _ if !JOINING.contains(&detector) => Self::Asked,
            Some("balancer") => Self::Balanced,
            _ => Self::Joined,
        }
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Joined => "joined",
            Self::Balanced => "balanced",
            Self::Shell => "shell",
            Self::Weighed => "weighed",
        }
    }
}

/// Whether a known host uses the means of its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It does, or nobody gave it a role.
    InRole,
    /// It has a role, and relaying so is no part of it.
    OutOfRole,
}

impl Scene {
    /// How bad it is before anybody has said anything about it, for the worst of several ways to be chosen.
    pub fn base(self) -> Severity {
        match base(self.class, self.way) {
            usual if self.turned => usual.step_up(),
            usual => usual,
        }
    }

    /// How much it asks for attention.
    ///
    /// What is approved is never above `info`, a hint neither. A host outside its role is a step worse, and so is one that
    /// never relayed before.
    pub fn severity(self, verdict: Verdict, standing: Standing) -> Severity {
        let sure = self.base();
        match (verdict, self.certainty) {
            (Verdict::Approved, _) | (_, Certainty::Hint) => Severity::Info,
            (_, Certainty::Possible) => sure.step_down().min(Severity::Low),
            (Verdict::Unapproved, _)
                if standing == Standing::OutOfRole && self.class != Class::Weighed =>
            {
                sure.step_up()
            }
            _ => sure,
        }
    }
}

/// The severity of a use that is probable or proven, and that nobody said anything about.
fn base(class: Class, way: Way) -> Severity {
    match (class, way) {
        (Class::Weighed, _) => Severity::Medium,
        (_, Way::BackConnect) | (Class::Shell, _) => Severity::High,
        (Class::Balanced, _) | (Class::Joined, Way::Inward) => Severity::Low,
        (Class::Joined, Way::Through | Way::OddOutward) => Severity::High,
        (Class::Joined, Way::DirectedInward | Way::BackIn) => Severity::High,
        (Class::Asked | Class::Joined, _) => Severity::Medium,
    }
}

/// The table in Markdown, as it is printed in `docs/policy.md`.
pub fn table() -> String {
    let rows = Class::ALL
        .into_iter()
        .flat_map(|class| Way::ALL.map(|way| (class, way)))
        .filter(|&(class, way)| class == Class::Joined || !way.is_of_joined());
    rows.fold(HEAD.to_owned(), |table, (class, way)| {
        table + &row(class, way)
    })
}

fn row(class: Class, way: Way) -> String {
    let cell = |certainty, verdict, standing| {
        let scene = Scene {
            class,
            way,
            certainty,
            turned: false,
        };
        scene.severity(verdict, standing)
    };
    let [possible, sure, outside] = [
        cell(Certainty::Possible, Verdict::Undeclared, Standing::InRole),
        cell(Certainty::Proven, Verdict::Undeclared, Standing::InRole),
        cell(Certainty::Proven, Verdict::Unapproved, Standing::OutOfRole),
    ];
    let (class, way, meaning) = (class.name(), way.name(), way.meaning());
    format!("| {class} | {way} | {meaning} | {possible} | {sure} | {outside} |\n")
}

const HEAD: &str = "\
| found | way | | possible | probable, proven | the same, unapproved and outside its role |
|---|---|---|---|---|---|
";

/// The detectors that join flows.
const JOINING: [&str; 3] = ["relay", "multi-hop", "fan-out"];

/// The detectors of command shells.
const SHELLS: [&str; 2] = ["reverse-shell", "bind-shell"];
/// The detectors that weigh what a session or a rhythm does. A role says nothing about that.
const WEIGHING: [&str; 2] = ["beacon", "long-lived-session"];

#[cfg(test)]
mod tests {
    use super::*;
    use Certainty::{Hint, Possible, Probable, Proven};
    use Severity::{Critical, High, Info, Low, Medium};
    use Standing::{InRole, OutOfRole};

    fn scene(class: Class, way: Way, certainty: Certainty) -> Scene {
        Scene {
            class,
            way,
            certainty,
            turned: false,
        }
    }

    #[test]
    fn severity_follows_from_verdict_way_and_certainty() {
        use Class::{Asked, Balanced, Joined, Shell, Weighed};
        use Verdict::{CannotJudge, Expired, Unapproved, Undeclared};
        let cases = [
            (Undeclared, InRole, Asked, Way::Outward, Proven, Medium),
            (Undeclared, InRole, Asked, Way::Outward, Probable, Medium),
            (Undeclared, InRole, Asked, Way::Internal, Possible, Low),
            (Undeclared, InRole, Asked, Way::External, Proven, Medium),
            (Undeclared, InRole, Asked, Way::Inward, Proven, Medium),
            (Undeclared, InRole, Asked, Way::Foreign, Proven, Medium),
            (Undeclared, InRole, Asked, Way::BackConnect, Proven, High),
            (Undeclared, InRole, Asked, Way::BackConnect, Possible, Low),
            (Undeclared, InRole, Asked, Way::Outward, Hint, Info),
            (Expired, InRole, Asked, Way::Outward, Proven, Medium),
            (CannotJudge, InRole, Asked, Way::Outward, Proven, Medium),
            (Unapproved, InRole, Asked, Way::Outward, Proven, Medium),
            (Unapproved, OutOfRole, Asked, Way::Outward, Proven, High),
            (Unapproved, OutOfRole, Asked, Way::Outward, Possible, Low),
            (
                Unapproved,
                OutOfRole,
                Asked,
                Way::BackConnect,
                Proven,
                Critical,
            ),
            (Undeclared, InRole, Joined, Way::Inward, Proven, Low),
            (Undeclared, InRole, Joined, Way::Inward, Possible, Info),
            (Undeclared, InRole, Joined, Way::Outward, Proven, Medium),
            (Undeclared, InRole, Joined, Way::OddOutward, Probable, High),
            (Undeclared, InRole, Joined, Way::Internal, Proven, Medium),
            (Undeclared, InRole, Joined, Way::External, Proven, Medium),
            (Undeclared, InRole, Joined, Way::Through, Proven, High),
            (Undeclared, InRole, Joined, Way::Foreign, Proven, Medium),
            (
                Undeclared,
                InRole,
                Joined,
                Way::DirectedInward,
                Proven,
                High,
            ),
            (Undeclared, InRole, Joined, Way::BackIn, Proven, High),
            (Undeclared, InRole, Balanced, Way::Internal, Proven, Low),
            (Undeclared, InRole, Shell, Way::BackConnect, Proven, High),
            (Undeclared, InRole, Shell, Way::Inward, Probable, High),
            (Undeclared, InRole, Shell, Way::Internal, Possible, Low),
            (
                Unapproved,
                OutOfRole,
                Weighed,
                Way::External,
                Probable,
                Medium,
            ),
            (Undeclared, InRole, Weighed, Way::Internal, Possible, Low),
            (Unapproved, OutOfRole, Joined, Way::Inward, Proven, Medium),
        ];
        for (verdict, standing, class, way, certainty, severity) in cases {
            let scene = scene(class, way, certainty);
            assert_eq!(
                scene.severity(verdict, standing),
                severity,
                "{verdict} {scene:?}"
            );
        }
    }

    #[test]
    fn a_host_that_never_relayed_is_a_step_worse() {
        let cases = [
            (Verdict::Approved, Class::Asked, Proven, Info),
            (Verdict::Undeclared, Class::Asked, Proven, High),
            (Verdict::Undeclared, Class::Joined, Probable, High),
            (Verdict::Undeclared, Class::Balanced, Proven, Medium),
            (Verdict::Expired, Class::Asked, Proven, High),
            (Verdict::Undeclared, Class::Asked, Possible, Low),
        ];
        for (verdict, class, certainty, severity) in cases {
            let turned = Scene {
                turned: true,
                ..scene(class, Way::Outward, certainty)
            };
            assert_eq!(turned.severity(verdict, InRole), severity, "{turned:?}");
        }
    }

    #[test]
    fn a_class_follows_from_detector_and_mechanism() {
        let cases = [
            ("socks-proxy", Some("proxy"), Class::Asked),
            ("relay", Some("forward"), Class::Joined),
            ("relay", Some("proxy"), Class::Joined),
            ("relay", Some("dnat"), Class::Joined),
            ("relay", Some("balancer"), Class::Balanced),
            ("multi-hop", None, Class::Joined),
            ("reverse-shell", None, Class::Shell),
            ("bind-shell", None, Class::Shell),
            ("long-lived-session", None, Class::Weighed),
        ];
        for (detector, mechanism, class) in cases {
            assert_eq!(
                Class::of(detector, mechanism),
                class,
                "{detector} {mechanism:?}"
            );
        }
    }

    #[test]
    fn what_holds_for_the_whole_table() {
        let certainties = [Hint, Possible, Probable, Proven];
        for (class, way) in Class::ALL
            .into_iter()
            .flat_map(|class| Way::ALL.map(|way| (class, way)))
        {
            for standing in [InRole, OutOfRole] {
                let of =
                    |verdict, certainty| scene(class, way, certainty).severity(verdict, standing);
                for certainty in certainties {
                    assert_eq!(of(Verdict::Approved, certainty), Info);
                    let by_verdict = Verdict::ALL.map(|verdict| of(verdict, certainty));
                    assert!(by_verdict.is_sorted(), "{class:?} {way:?} {certainty:?}");
                }
                for verdict in Verdict::ALL {
                    assert!(
                        certainties
                            .map(|certainty| of(verdict, certainty))
                            .is_sorted()
                    );
                    assert!(
                        of(verdict, Possible) < Medium,
                        "what is possible is no alarm"
                    );
                }
            }
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_way() {
        assert_eq!(table().lines().count(), 2 + 8 + 10 + 8 + 8 + 8);
        assert!(table().contains("| joined | outward, odd |"), "{}", table());
    }
}
