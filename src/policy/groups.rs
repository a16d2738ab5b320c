//! Groups: hosts that belong together, and how an approval says whom it means.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::list::List;
use super::networks::{Networks, Place};
use super::prefix::Prefix;
use super::roles::Role;
use crate::decode::Address;

/// Hosts that belong together: at these addresses, in these VLANs, or both where both are given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What they are called.
    pub name: Spanned<Name>,
    /// Their addresses; left out where the VLAN alone tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<List<Prefix>>,
    /// The VLANs in which they are seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlans: Option<List<Vlan>>,
    /// What they are there for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<List<Role>>,
}

impl Group {
    /// Whether a host is of this group. `place` is where its address is; an outside host is of no VLAN.
    fn has(&self, host: Host<'_>, place: Place) -> bool {
        let at = self.hosts.as_ref();
        let at = at.is_none_or(|hosts| hosts.iter().any(|prefix| prefix.has(host.ip)));
        let within = self.vlans.as_ref().is_none_or(|vlans| {
            let is_one = |seen: &u16| vlans.iter().any(|vlan| vlan.0 == *seen);
            place == Place::Inside && !host.vlans.is_empty() && host.vlans.iter().all(is_one)
        });
        at && within && !self.says_nothing()
    }

    /// Whether it names no host at all.
    pub(super) fn says_nothing(&self) -> bool {
        self.hosts.is_none() && self.vlans.is_none()
    }

    /// Whether all of these addresses are of this group, in whatever VLAN.
    fn covers(&self, narrow: &Prefix) -> bool {
        let mut hosts = self.hosts.iter().flat_map(List::iter);
        self.vlans.is_none() && hosts.any(|prefix| prefix.covers(narrow))
    }

    fn has_role(&self, role: Role) -> bool {
        self.roles().any(|other| other == role)
    }

    /// The addresses of its hosts, in whatever VLAN.
    fn addresses(&self) -> impl Iterator<Item = RangeInclusive<Address>> {
        self.hosts
            .iter()
            .flat_map(List::iter)
            .map(Prefix::addresses)
    }

    /// The roles of its hosts.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.roles.iter().flat_map(List::iter).copied()
    }
}

/// The addresses of each role that a group has. A VLAN alone tells of no address.
pub fn addresses_of_roles(groups: &[Group]) -> impl Iterator<Item = Vec<RangeInclusive<Address>>> {
    let of = |role: Role| {
        let groups = groups.iter().filter(move |group| group.has_role(role));
        groups.flat_map(Group::addresses).collect::<Vec<_>>()
    };
    let all = Role::ALL.into_iter().map(of);
    all.filter(|addresses| !addresses.is_empty())
}

/// A host as it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// Its address.
    pub ip: IpAddr,
    /// The VLANs in which its sessions were seen; none where one of them bore no tag.
    pub vlans: &'a [u16],
}

/// A VLAN, IEEE 802.1Q: 1 to 4094.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16")]
pub struct Vlan(u16);

impl TryFrom<u16> for Vlan {
    type Error = String;

    fn try_from(id: u16) -> Result<Self, String> {
        if (1..=4_094).contains(&id) {
            Ok(Self(id))
        } else {
            Err(format!("a VLAN is a number from 1 to 4094, not {id}"))
        }
    }
}

/// What a group or an approval is called: letters, digits, `-`, `_` and dots that are no address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let sane = name
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.".contains(c));
        if name.is_empty() || !sane {
            Err(format!("`{name}` is no name; use letters, digits, - and _"))
        } else if RESERVED.contains(&name.as_str()) || name.parse::<Prefix>().is_ok() {
            Err(format!(
                "`{name}` has a meaning of its own; choose another name"
            ))
        } else {
            Ok(Self(name))
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whom an approval means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Who {
    /// `anyone`
    Anyone,
    /// `inside`
    Inside,
    /// `outside`
    Outside,
    /// The hosts of a role: `role:proxy`
    Role(Role),
    /// Addresses: `10.0.8.10`, `10.0.8.0/24`
    At(Prefix),
    /// A group: its name.
    Group(Name),
}

impl TryFrom<String> for Who {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "anyone" => Ok(Self::Anyone),
            "inside" => Ok(Self::Inside),
            "outside" => Ok(Self::Outside),
            address if address.contains(['/', ':']) && !address.starts_with("role:") => {
                address.parse().map(Self::At)
            }
            other => match (other.strip_prefix("role:"), other.parse()) {
                (Some(role), _) => role.parse().map(Self::Role),
                (None, Ok(prefix)) => Ok(Self::At(prefix)),
                (None, Err(_)) => Name::try_from(text).map(Self::Group),
            },
        }
    }
}

impl From<Who> for String {
    fn from(who: Who) -> Self {
        who.to_string()
    }
}

/// As it is written.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::Inside => f.write_str("inside"),
            Self::Outside => f.write_str("outside"),
            Self::Role(role) => write!(f, "role:{role}"),
            Self::At(prefix) => prefix.fmt(f),
            Self::Group(name) => name.fmt(f),
        }
    }
}

/// All that is known of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    /// What is inside.
    pub networks: Networks,
    /// The groups, in the order they were written.
    pub groups: Vec<Group>,
}

impl Assets {
    /// The groups that a host is of, in the order they were written.
    pub fn groups_of<'a>(&'a self, host: Host<'a>) -> impl Iterator<Item = &'a Group> {
        let place = self.networks.place(host.ip);
        let groups = self.groups.iter();
        groups.filter(move |group| group.has(host, place))
    }

    /// What a host is there for.
    pub fn roles_of<'a>(&'a self, host: Host<'a>) -> impl Iterator<Item = Role> {
        self.groups_of(host).flat_map(Group::roles)
    }

    /// Whether it is one of those that are meant.
    pub fn means(&self, who: &Who, host: Host<'_>) -> bool {
        match who {
            Who::Anyone => true,
            Who::Inside => self.networks.place(host.ip) == Place::Inside,
            Who::Outside => self.networks.place(host.ip) == Place::Outside,
            Who::At(prefix) => prefix.has(host.ip),
            Who::Role(role) => self.roles_of(host).any(|other| other == *role),
            Who::Group(name) => {
                let mut groups = self.groups_of(host);
                groups.any(|group| group.name.get_ref() == name)
            }
        }
    }

    /// Whether everybody whom `narrow` means is meant by one of `wide`, as far as can be told from what is written.
    pub fn covers(&self, wide: &List<Who>, narrow: &Who) -> bool {
        let is_within = |wide: &Who| match (wide, narrow) {
            _ if wide == narrow => true,
            (Who::Anyone, _) => true,
            (Who::At(wide), Who::At(narrow)) => wide.covers(narrow),
            (Who::Inside, Who::At(narrow)) => {
                let mut inside = self.networks.inside.iter();
                inside.any(|prefix| prefix.covers(narrow))
            }
            (Who::Group(name), Who::At(narrow)) => {
                self.group(name).is_some_and(|group| group.covers(narrow))
            }
            (Who::Role(role), Who::At(narrow)) => {
                let mut groups = self.groups.iter().filter(|group| group.has_role(*role));
                groups.any(|group| group.covers(narrow))
            }
            (Who::Role(role), Who::Group(name)) => {
                self.group(name).is_some_and(|group| group.has_role(*role))
            }
            _ => false,
        };
        wide.iter().any(is_within) || self.covers_hosts_of(wide, narrow)
    }

    /// Whether each address of a group that is given by addresses is meant.
    fn covers_hosts_of(&self, wide: &List<Who>, narrow: &Who) -> bool {
        let Who::Group(name) = narrow else {
            return false;
        };
        let hosts = self.group(name).and_then(|group| group.hosts.as_ref());
        hosts.is_some_and(|hosts| {
            let mut hosts = hosts.iter();
            hosts.all(|prefix| self.covers(wide, &Who::At(*prefix)))
        })
    }

    fn group(&self, name: &Name) -> Option<&Group> {
        let mut groups = self.groups.iter();
        groups.find(|group| group.name.get_ref() == name)
    }
}

const RESERVED: [&str; 3] = ["anyone", "inside", "outside"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::samples::assets;

    const GROUPS: &str = r#"
        [[groups]]
        name = "proxies"
        hosts = ["10.0.8.0/28", "fd00::8"]
        roles = ["proxy"]
        [[groups]]
        name = "cameras"
        vlans = [30, 31]
        roles = ["iot"]
        [[groups]]
        name = "twins"
        hosts = ["10.0.8.1"]
        vlans = [30]
    "#;

    fn who(text: &str) -> Who {
        Who::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_host_is_of_the_groups_that_have_its_address_and_vlan() {
        let assets = assets(GROUPS);
        let cases: [(&str, &[u16], &[&str]); 9] = [
            ("10.0.8.1", &[], &["proxies"]),
            ("10.0.8.1", &[30], &["proxies", "cameras", "twins"]),
            ("10.0.8.1", &[31], &["proxies", "cameras"]),
            ("10.0.8.16", &[], &[]),
            ("10.0.8.16", &[30, 31], &["cameras"]),
            ("10.0.8.16", &[30, 7], &[]),
            ("fd00::8", &[], &["proxies"]),
            ("192.0.2.1", &[30], &[]),
            ("10.0.9.9", &[7], &[]),
        ];
        for (ip, vlans, expected) in cases {
            let ip = ip.parse().unwrap();
            let groups = assets.groups_of(Host { ip, vlans });
            let names: Vec<&str> = groups.map(|group| group.name.get_ref().as_str()).collect();
            assert_eq!(names, expected, "{ip} {vlans:?}");
        }
    }

    #[test]
    fn an_approval_says_whom_it_means() {
        let assets = assets(GROUPS);
        let cases = [
            ("anyone", "192.0.2.1", true),
            ("inside", "10.0.0.1", true),
            ("inside", "192.0.2.1", false),
            ("outside", "192.0.2.1", true),
            ("outside", "10.0.0.1", false),
            ("10.0.0.0/16", "10.0.8.1", true),
            ("10.0.8.1", "10.0.8.2", false),
            ("fd00::/8", "fd00::8", true),
            ("proxies", "10.0.8.15", true),
            ("proxies", "10.0.8.16", false),
            ("role:proxy", "fd00::8", true),
            ("role:mail", "10.0.8.1", false),
        ];
        for (text, ip, expected) in cases {
            let ip = ip.parse().unwrap();
            let means = assets.means(&who(text), Host { ip, vlans: &[] });
            assert_eq!(means, expected, "{text} {ip}");
            assert_eq!(who(text).to_string(), text);
        }
    }

    #[test]
    fn whoever_is_meant_by_the_narrow_is_meant_by_the_wide() {
        let assets = assets(GROUPS);
        let cases = [
            ("anyone", "outside", true),
            ("inside", "10.1.0.0/16", true),
            ("inside", "0.0.0.0/0", false),
            ("inside", "proxies", true),
            ("10.0.0.0/8", "10.0.8.1", true),
            ("10.0.0.0/8", "proxies", false),
            ("role:proxy", "proxies", true),
            ("proxies", "10.0.8.1", true),
            ("proxies", "10.0.8.0/24", false),
            ("role:proxy", "10.0.8.0/30", true),
            ("twins", "10.0.8.1", false),
            ("10.0.8.0/24", "twins", true),
            ("inside", "cameras", false),
        ];
        for (wide, narrow, expected) in cases {
            let list = List::from(vec![who(wide)]);
            assert_eq!(
                assets.covers(&list, &who(narrow)),
                expected,
                "{wide} {narrow}"
            );
        }
    }

    #[test]
    fn what_is_nobody_is_refused() {
        let cases = [
            ("10.0.0.1/24", "the prefix is 10.0.0.0/24"),
            ("role:proxi", "there is no role `proxi`"),
            ("two words", "use letters, digits"),
            ("", "use letters, digits"),
        ];
        for (text, part) in cases {
            let error = Who::try_from(text.to_owned()).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let error = Name::try_from("inside".to_owned()).unwrap_err();
        assert!(error.contains("has a meaning of its own"), "{error}");
    }
}
