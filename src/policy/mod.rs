//! Policy: whether a use is known and approved, and how much it asks for attention.
//!
//! `docs/policy.md` is its manual. A finding is judged by its JSON alone ([`usage`]): each [`approvals`] entry is weighed
//! against each relay of the use, the best outcome is the verdict, and [`severity`] is one table of verdict, way and
//! certainty. Nothing that was seen is ever deleted.

pub mod approvals;
pub mod explain;
pub mod groups;
pub mod line;
pub mod list;
pub mod means;
pub mod networks;
pub mod prefix;
pub mod propose;
pub mod review;
pub mod roles;
#[cfg(test)]
pub(crate) mod samples;
pub mod severity;
pub mod targets;
pub mod usage;

use std::net::IpAddr;

use crate::finding::{Finding, Severity, Verdict};
use crate::toml_file::Fault;
use approvals::{Approval, Outcome};
use groups::{Assets, Group, Who};
use list::List;
use means::Means;
use networks::Networks;
use roles::Role;
use severity::Standing;
use usage::{Link, Spoken, Use};

/// What is known of hosts, and what they may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    assets: Assets,
    approvals: Vec<Approval>,
}

/// What a policy says of a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it is known and approved.
    pub verdict: Verdict,
    /// The approval that decided; several in a chain of relays, with commas between.
    pub rule: Option<String>,
    /// How much it asks for attention.
    pub severity: Severity,
    /// What the client of the first session is there for.
    pub client_role: Option<Role>,
    /// What its server is there for.
    pub server_role: Option<Role>,
}

impl Policy {
    /// A policy of what a configuration says; [`Policy::fault`] tells what is wrong with it.
    pub fn new(networks: Networks, groups: Vec<Group>, approvals: Vec<Approval>) -> Self {
        let assets = Assets { networks, groups };
        Self { assets, approvals }
    }

    /// Judges a finding: sets its verdict, rule, severity and the roles of its ends, and touches nothing else.
    pub fn judge(&self, finding: &mut Finding) {
        let Ok(used) = used(finding) else {
            return;
        };
        let judgement = self.decide(&used);
        finding.verdict = judgement.verdict;
        finding.rule = judgement.rule;
        finding.severity = judgement.severity;
        finding.client.role = judgement.client_role.map(Role::name);
        finding.server.role = judgement.server_role.map(Role::name);
    }

    /// What it says of a use. In a chain, the worst relay decides.
    pub fn decide(&self, used: &Use) -> Judgement {
        let links = used.links.iter();
        let decided: Vec<Decision<'_>> = links.map(|link| self.decide_link(used, link)).collect();
        let worst = decided.iter().map(|one| one.verdict).max();
        let verdict = worst.unwrap_or(Verdict::Undeclared);
        let deciding = decided.iter().filter(|one| one.verdict == verdict);
        let standing = deciding.clone().map(|one| one.standing).max();
        let mut rules: Vec<&str> = deciding.filter_map(|one| one.rule).collect();
        rules.dedup();
        let scene = used.scene(&self.assets.networks);
        Judgement {
            verdict,
            rule: (!rules.is_empty()).then(|| rules.join(", ")),
            severity: scene.severity(verdict, standing.unwrap_or(Standing::InRole)),
            client_role: self.role(used, used.client),
            server_role: self.role(used, used.server),
        }
    }

    fn decide_link(&self, used: &Use, link: &Link) -> Decision<'_> {
        let weighed = self.weighed(used, link);
        let best = weighed
            .into_iter()
            .min_by_key(|(_, outcome)| outcome.verdict());
        let (verdict, rule) = match best {
            Some((rule, Outcome::Applies)) => (Verdict::Approved, Some(rule.name())),
            Some((rule, Outcome::RanOut(_))) => (Verdict::Expired, Some(rule.name())),
            Some((_, Outcome::TooLittle(_))) => (Verdict::CannotJudge, None),
            _ if self.knows(used, link.relay) => (Verdict::Unapproved, None),
            _ => (Verdict::Undeclared, None),
        };
        Decision {
            verdict,
            rule,
            standing: self.standing(used, link),
        }
    }

    /// Every approval with what it comes to, in the order they were written.
    pub fn weighed<'p>(&'p self, used: &Use, link: &Link) -> Vec<(&'p Approval, Outcome)> {
        let approvals = self.approvals.iter();
        let weighed = approvals.map(|one| (one, one.weigh(used, link, &self.assets)));
        weighed.collect()
    }

    /// Whether somebody said something about a host: it is of a group, or an approval names it as a relay.
    fn knows(&self, used: &Use, ip: IpAddr) -> bool {
        let host = used.host(ip);
        let mut approvals = self.approvals.iter();
        self.assets.groups_of(host).next().is_some()
            || approvals.any(|approval| approval.names(host, &self.assets))
    }

    /// Whether all that a relay does is part of one of its roles, or nobody gave it one.
    pub fn standing(&self, used: &Use, link: &Link) -> Standing {
        let host = used.host(link.relay);
        let roles: Vec<Role> = self.assets.roles_of(host).collect();
        let is_part = |means: &Means| roles.iter().any(|role| role.means().contains(means));
        let fits = |one: &Spoken| one.means().iter().any(is_part);
        if roles.is_empty() || link.means.iter().all(fits) && !link.means.is_empty() {
            Standing::InRole
        } else {
            Standing::OutOfRole
        }
    }

    fn role(&self, used: &Use, ip: IpAddr) -> Option<Role> {
        self.assets.roles_of(used.host(ip)).next()
    }

    /// What is known of hosts.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The approvals, in the order they were written.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// What is wrong with it, in the text that it was read from: names that are there twice, groups that are not there,
    /// groups that name no host.
    pub fn fault(&self, text: &str) -> Option<Fault> {
        self.empty_group(text)
            .or_else(|| {
                twice(
                    text,
                    self.assets.groups.iter().map(|group| &group.name),
                    "group",
                )
            })
            .or_else(|| twice(text, self.approvals.iter().map(|one| &one.name), "approval"))
            .or_else(|| self.unknown_group(text))
    }

    fn empty_group(&self, text: &str) -> Option<Fault> {
        let mut groups = self.assets.groups.iter();
        let empty = groups.find(|group| group.says_nothing())?;
        let sentence = "a group needs `hosts` or `vlans`, or nobody is of it";
        Some(Fault::at(text, empty.name.span(), sentence))
    }

    fn unknown_group(&self, text: &str) -> Option<Fault> {
        let names: Vec<&str> = self
            .assets
            .groups
            .iter()
            .map(|g| g.name.get_ref().as_str())
            .collect();
        let lists = self
            .approvals
            .iter()
            .flat_map(|one| [&one.relays, &one.clients]);
        let (name, place) = lists
            .flat_map(List::places)
            .find_map(|(who, place)| match who {
                Who::Group(name) if !names.contains(&name.as_str()) => Some((name, place)),
                _ => None,
            })?;
        let sentence = format!("there is no group `{name}`");
        Some(Fault::at(text, place, &sentence).nearest_to(name.as_str(), names))
    }
}

/// What becomes of one relay of a use.
struct Decision<'p> {
    verdict: Verdict,
    rule: Option<&'p str>,
    standing: Standing,
}

/// Reads the use out of a finding.
///
/// # Errors
///
/// If the finding's JSON lacks what every finding has.
pub fn used(finding: &Finding) -> Result<Use, String> {
    let json = serde_json::to_value(finding).map_err(|error| error.to_string())?;
    Use::read(&json)
}

fn twice<'a>(
    text: &str,
    names: impl Iterator<Item = &'a toml::Spanned<groups::Name>>,
    what: &str,
) -> Option<Fault> {
    let mut seen = std::collections::BTreeSet::new();
    let mut names = names.filter(|name| !seen.insert(name.get_ref()));
    let again = names.next()?;
    let sentence = format!(
        "there is already {what} `{}`; give each a name of its own",
        again.get_ref()
    );
    Some(Fault::at(text, again.span(), &sentence))
}

#[cfg(test)]
mod tests;
