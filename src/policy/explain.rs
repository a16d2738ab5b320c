//! Why a finding has its verdict and its severity, in words: which approval decided, and why the others did not.

use super::approvals::{Approval, Outcome};
use super::networks::Way;
use super::severity::{Class, Scene, Standing};
use super::usage::{Link, Use};
use super::{Policy, used};
use crate::evidence::Certainty;
use crate::finding::{Finding, Verdict};

/// Why a finding has its verdict and its severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The verdict, and who or what stands behind it.
    pub verdict: String,
    /// Why it asks for so much attention.
    pub severity: &'static str,
    /// The roles of the relay, where they make it worse.
    pub role: Option<String>,
    /// Each approval, and what it came to.
    pub rules: Vec<String>,
}

impl Policy {
    /// Says why [`Policy::judge`] judged a finding as it did.
    pub fn explain(&self, finding: &Finding) -> Explanation {
        used(finding).map_or_else(|_| Explanation::default(), |used| self.explain_use(&used))
    }

    fn explain_use(&self, used: &Use) -> Explanation {
        let verdict = self.decide(used).verdict;
        let scene = used.scene(&self.assets.networks);
        let links = used.links.iter();
        Explanation {
            verdict: format!("{verdict}: {}", self.why(used, verdict)),
            severity: why_so_severe(scene, verdict),
            role: links
                .clone()
                .find_map(|link| self.outside_role(used, link, verdict)),
            rules: links.flat_map(|link| self.rules(used, link)).collect(),
        }
    }

    fn why(&self, used: &Use, verdict: Verdict) -> String {
        let weighed = used.links.iter().flat_map(|link| self.weighed(used, link));
        let mut deciding = weighed.filter(|(_, outcome)| outcome.verdict() == verdict);
        match (verdict, deciding.next()) {
            (Verdict::Undeclared, _) => undeclared(used).to_owned(),
            (Verdict::Unapproved, _) | (_, None) => {
                "the relay is known, and no approval allows this use of it".to_owned()
            }
            (Verdict::CannotJudge, Some((rule, outcome))) => format!("{} {outcome}", rule.name()),
            (_, Some((rule, _))) => behind(rule),
        }
    }

    fn rules(&self, used: &Use, link: &Link) -> Vec<String> {
        let at = match used.links.len() {
            1 => String::new(),
            _ => format!("at {}: ", link.relay),
        };
        let weighed = self.weighed(used, link).into_iter();
        let told = |(rule, outcome): (&Approval, Outcome)| format!("{at}{} {outcome}", rule.name());
        weighed.map(told).collect()
    }

    fn outside_role(&self, used: &Use, link: &Link, verdict: Verdict) -> Option<String> {
        let is_outside = self.standing(used, link) == Standing::OutOfRole;
        let roles = self.assets.roles_of(used.host(link.relay));
        let roles: Vec<&str> = roles.map(super::Role::name).collect();
        let sentence = || {
            let (relay, roles) = (link.relay, roles.join(" and "));
            format!("{relay} is there as {roles}, and relaying so is no part of that: a step worse")
        };
        (is_outside && verdict == Verdict::Unapproved).then(sentence)
    }
}

fn undeclared(used: &Use) -> &'static str {
    match used.class() {
        Class::Weighed => "nobody has said whether it may",
        _ => "nobody has said whether it may relay",
    }
}

/// The approval that decided, and who answers for it.
fn behind(rule: &Approval) -> String {
    let until = rule
        .expires
        .as_ref()
        .map(|day| format!(", until {}", day.0));
    let (name, until) = (rule.name(), until.unwrap_or_default());
    format!(
        "{name}{until}; {} answers for it: {}",
        rule.owner, rule.reason
    )
}

fn why_so_severe(scene: Scene, verdict: Verdict) -> &'static str {
    match (verdict, scene.certainty, scene.class, scene.way) {
        (Verdict::Approved, ..) => "what is approved is no alarm",
        (_, Certainty::Hint, ..) => "a hint is worth a line",
        (_, Certainty::Possible, ..) => "what is only possible is weak",
        (.., Class::Weighed, _) => "what weighs more for it than against it is worth a look",
        _ if scene.turned => {
            "a host that never relayed before is a step worse than one that always did"
        }
        (.., Way::BackConnect) => {
            "a host that connects out to serve is the mark of a back-connect proxy"
        }
        (Verdict::Undeclared, _, Class::Asked, _) => "a relay that nobody declared is worth a look",
        (.., way) => way.meaning(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::samples::{finding, policy, with};

    const POLICY: &str = r#"
        [[groups]]
        name = "cameras"
        hosts = ["10.0.0.2"]
        roles = ["iot"]
        [[approvals]]
        name = "old"
        relays = ["cameras"]
        clients = ["10.0.0.1"]
        owner = "net"
        reason = "updates"
        expires = 2026-11-01
        [[approvals]]
        name = "web"
        relays = ["cameras"]
        clients = ["10.0.0.3"]
        means = ["socks"]
        owner = "ops"
        reason = "the way out"
    "#;

    fn explain(others: serde_json::Value) -> Explanation {
        let used = Use::read(&with(finding(), others)).unwrap();
        policy(POLICY).explain_use(&used)
    }

    #[test]
    fn the_approval_that_decided_is_named_and_why_the_others_did_not() {
        let told = explain(json!({}));
        assert_eq!(
            told.verdict,
            "expired: old, until 2026-11-01; net answers for it: updates"
        );
        assert_eq!(
            told.severity,
            "an inside host takes inside clients to inside targets"
        );
        assert_eq!(told.role, None);
        assert_eq!(
            told.rules,
            [
                "old applied until it ran out on 2026-11-01",
                "web does not apply: 10.0.0.1 is none of its clients"
            ]
        );
        let told = explain(json!({ "client": { "ip": "10.0.0.3" } }));
        assert_eq!(
            told.verdict,
            "approved: web; ops answers for it: the way out"
        );
        assert_eq!(told.severity, "what is approved is no alarm");
    }

    #[test]
    fn a_role_that_makes_it_worse_is_told() {
        let told = explain(json!({ "client": { "ip": "10.0.0.9" } }));
        assert_eq!(
            told.verdict,
            "unapproved: the relay is known, and no approval allows this use of it"
        );
        assert_eq!(
            told.role.as_deref(),
            Some("10.0.0.2 is there as iot, and relaying so is no part of that: a step worse")
        );
    }
}
