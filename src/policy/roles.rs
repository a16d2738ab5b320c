//! Roles: what a host is there for, and by which means a host of that role relays.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::means::Means;

/// What a host is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A forward proxy.
    Proxy,
    /// A gateway of a VPN.
    Vpn,
    /// A jump host.
    Jump,
    /// A load balancer.
    LoadBalancer,
    /// A reverse proxy.
    ReverseProxy,
    /// A cache or an origin shield of a content delivery network.
    CdnRelay,
    /// A router that translates addresses.
    Gateway,
    /// A host that runs containers.
    ContainerHost,
    /// A host that probes others.
    Monitoring,
    /// A mail server.
    Mail,
    /// A name server.
    Dns,
    /// A server.
    Server,
    /// A workstation.
    Workstation,
    /// A thing.
    Iot,
}

impl Role {
    /// Every role; those that relay come first.
    pub const ALL: [Self; 14] = [
        Self::Proxy,
        Self::Vpn,
        Self::Jump,
        Self::LoadBalancer,
        Self::ReverseProxy,
        Self::CdnRelay,
        Self::Gateway,
        Self::ContainerHost,
        Self::Monitoring,
        Self::Mail,
        Self::Dns,
        Self::Server,
        Self::Workstation,
        Self::Iot,
    ];

    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Vpn => "vpn",
            Self::Jump => "jump",
            Self::LoadBalancer => "load-balancer",
            Self::ReverseProxy => "reverse-proxy",
            Self::CdnRelay => "cdn-relay",
            Self::Gateway => "gateway",
            Self::ContainerHost => "container-host",
            Self::Monitoring => "monitoring",
            Self::Mail => "mail",
            Self::Dns => "dns",
            Self::Server => "server",
            Self::Workstation => "workstation",
            Self::Iot => "iot",
        }
    }

    /// What such a host does.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Proxy => "takes clients where they ask to go",
            Self::Vpn => "ends the tunnels of hosts that are elsewhere",
            Self::Jump => "people log in here to go on to others",
            Self::LoadBalancer => "spreads clients over servers that do the same",
            Self::ReverseProxy => "stands before servers that have no address of their own outside",
            Self::CdnRelay => "fetches from an origin for many clients",
            Self::Gateway => "translates addresses between networks",
            Self::ContainerHost => "hands connections to the containers on it",
            Self::Monitoring => "asks others how they are",
            Self::Mail => "takes and sends mail",
            Self::Dns => "answers for names",
            Self::Server => "serves what is on it",
            Self::Workstation => "a person sits before it",
            Self::Iot => "a camera, a printer, a controller",
        }
    }

    /// The means by which such a host relays; any other is outside its role. None for hosts that do not relay.
    pub const fn means(self) -> &'static [Means] {
        match self {
            Self::Proxy => &[Means::Socks, Means::Connect, Means::Forward, Means::Relay],
            Self::Vpn => &[Means::Tunnel, Means::Relay, Means::Dnat],
            Self::Jump => &[Means::SshForward, Means::Relay],
            Self::LoadBalancer | Self::ReverseProxy => {
                &[Means::Balancer, Means::Relay, Means::Dnat]
            }
            Self::CdnRelay => &[Means::Balancer, Means::Relay],
            Self::Gateway => &[Means::Dnat],
            Self::ContainerHost => &[Means::Dnat, Means::Balancer, Means::Relay],
            Self::Monitoring
            | Self::Mail
            | Self::Dns
            | Self::Server
            | Self::Workstation
            | Self::Iot => &[],
        }
    }

    /// The roles as a table in Markdown.
    pub fn table() -> String {
        let head = "| role | what such a host does | relays by |\n|---|---|---|\n";
        Self::ALL.iter().fold(head.to_owned(), |table, role| {
            let means: Vec<String> = role.means().iter().map(|m| format!("`{m}`")).collect();
            let (name, meaning, means) = (role.name(), role.meaning(), means.join(", "));
            table + &format!("| `{name}` | {meaning} | {means} |\n").replace("|  |", "| |")
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.name() == word);
        role.ok_or_else(|| format!("there is no role `{word}`; there are {}", Self::list()))
    }
}

impl Role {
    fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_written_by_its_name() {
        for role in Role::ALL {
            assert_eq!(serde_json::json!(role), role.name());
            assert_eq!(role.name().parse(), Ok(role));
        }
        let error = "proxi".parse::<Role>().unwrap_err();
        assert!(
            error.starts_with("there is no role `proxi`; there are proxy, vpn"),
            "{error}"
        );
    }

    #[test]
    fn the_table_has_a_line_for_each() {
        assert_eq!(Role::table().lines().count(), 2 + Role::ALL.len());
    }
}
