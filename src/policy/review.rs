//! What a person should look at in the approvals: those that never decide, those that run out, those that met nothing.

use std::fmt;

use super::Policy;
use super::approvals::{Approval, Outcome};
use super::usage::Use;
use crate::time::Day;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark<'p> {
    /// All that it allows, one before it allows.
    Covered {
        /// The one that never decides.
        approval: &'p str,
        /// The one before it.
        by: &'p str,
    },
    /// It has run out.
    RanOut {
        /// Which.
        approval: &'p str,
        /// Its last day.
        on: Day,
    },
    /// It runs out soon.
    RunsOut {
        /// Which.
        approval: &'p str,
        /// Its last day.
        on: Day,
        /// Days until then.
        days: i64,
    },
    /// It met none of the findings.
    Unmet {
        /// Which.
        approval: &'p str,
    },
}

impl fmt::Display for Remark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Covered { approval, by } => {
                write!(
                    f,
                    "approval {approval} never decides: {by} stands before it and allows the same or more"
                )
            }
            Self::RanOut { approval, on } => write!(f, "approval {approval} ran out on {on}"),
            Self::RunsOut { approval, on, days } => {
                write!(
                    f,
                    "approval {approval} runs out on {on}: {}",
                    in_days(*days)
                )
            }
            Self::Unmet { approval } => write!(f, "approval {approval} met none of the findings"),
        }
    }
}

fn in_days(days: i64) -> String {
    match days {
        0 => "that is the day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    }
}

impl Policy {
    /// What to look at on a day, in the order of the approvals.
    pub fn review(&self, day: Day) -> Vec<Remark<'_>> {
        let mut remarks = Vec::new();
        let mut before: Vec<&Approval> = Vec::new();
        for approval in &self.approvals {
            let mut wider = before.iter();
            let covering = wider.find(|wider| wider.covers(approval, &self.assets));
            remarks.extend(covering.map(|by| Remark::Covered {
                approval: approval.name(),
                by: by.name(),
            }));
            remarks.extend(expiry(approval, day));
            before.push(approval);
        }
        remarks
    }

    /// For each approval, whether it meets a use: it applies, or did until it ran out.
    pub fn meets<'p>(&'p self, used: &'p Use) -> impl Iterator<Item = bool> {
        self.approvals.iter().map(|approval| {
            let outcomes = used
                .links
                .iter()
                .map(|link| approval.weigh(used, link, &self.assets));
            let mut outcomes = outcomes;
            outcomes.any(|outcome| matches!(outcome, Outcome::Applies | Outcome::RanOut(_)))
        })
    }
}

fn expiry(approval: &Approval, day: Day) -> Option<Remark<'_>> {
    let (approval, on) = (approval.name(), approval.expires?.0);
    match on.days_since(day) {
        ..0 => Some(Remark::RanOut { approval, on }),
        days @ 0..=SOON => Some(Remark::RunsOut { approval, on, days }),
        _ => None,
    }
}

/// Days before an approval runs out from which on it is pointed at.
const SOON: i64 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::samples::{finding, policy, with};

    fn approval(name: &str, rest: &str) -> String {
        let who = if rest.contains("clients") {
            ""
        } else {
            "clients = [\"inside\"]"
        };
        format!(
            "[[approvals]]\nname = \"{name}\"\nrelays = [\"10.0.0.0/24\"]\n{who}\n{rest}\nowner = \"net\"\nreason = \"the way out\"\n"
        )
    }

    fn told(approvals: &[String]) -> Vec<String> {
        let policy = policy(&approvals.concat());
        let day = "2026-11-21".parse().unwrap();
        policy.review(day).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_approval_that_a_wider_one_stands_before_never_decides() {
        let cases = [
            ("", "", true),
            ("", "means = [\"socks\"]", true),
            ("means = [\"socks\"]", "", false),
            (
                "means = [\"socks\", \"connect\"]",
                "means = [\"connect\"]",
                true,
            ),
            ("ports = [\"80-443\"]", "ports = [443, 80]", true),
            ("ports = [443, 80]", "ports = [\"80-443\"]", false),
            (
                "targets = [\".a.test\"]",
                "targets = [\"a.test\", \"b.a.test\"]",
                true,
            ),
            ("targets = [\"a.test\"]", "targets = [\".a.test\"]", false),
            (
                "clients = [\"10.0.0.0/8\"]",
                "clients = [\"10.0.0.1\"]",
                true,
            ),
            (
                "clients = [\"10.0.0.1\"]",
                "clients = [\"10.0.0.0/8\"]",
                false,
            ),
            ("listens = [1080]", "", false),
            ("", "expires = 2030-01-01", true),
            ("expires = 2030-01-01", "", false),
            ("expires = 2030-01-01", "expires = 2029-01-01", true),
        ];
        for (wide, narrow, is_covered) in cases {
            let told = told(&[approval("a", wide), approval("b", narrow)]);
            let sentence =
                "approval b never decides: a stands before it and allows the same or more";
            assert_eq!(
                told.contains(&sentence.to_owned()),
                is_covered,
                "{wide} {narrow}: {told:?}"
            );
        }
    }

    #[test]
    fn an_approval_that_runs_out_is_pointed_at() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            (
                "expires = 2026-11-20",
                &["approval a ran out on 2026-11-20"],
            ),
            (
                "expires = 2026-11-21",
                &["approval a runs out on 2026-11-21: that is the day"],
            ),
            (
                "expires = 2026-11-22",
                &["approval a runs out on 2026-11-22: in 1 day"],
            ),
            (
                "expires = 2026-12-21",
                &["approval a runs out on 2026-12-21: in 30 days"],
            ),
            ("expires = 2026-12-22", &[]),
        ];
        for (expires, expected) in cases {
            assert_eq!(told(&[approval("a", expires)]), expected, "{expires}");
        }
    }

    #[test]
    fn an_approval_meets_what_it_allows_or_allowed() {
        let text = [
            approval("a", "means = [\"connect\"]"),
            approval("b", "expires = 2001-01-01"),
            approval("c", ""),
            approval("d", "targets = [\"10.0.0.0/8\"]"),
        ];
        let policy = policy(&text.concat());
        let used = Use::read(&with(finding(), serde_json::json!({}))).unwrap();
        assert_eq!(
            policy.meets(&used).collect::<Vec<_>>(),
            [false, true, true, false]
        );
    }
}
