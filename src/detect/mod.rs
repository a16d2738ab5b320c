//! Detectors: pure functions from the facts of one flow to evidence, and the list of all that speak, correlators too. A
//! detector is a file.
//!
//! Each file begins with the detector's page under four headings (Sees, Means, Quiet when, Misses), which is its
//! documentation wherever it is shown, and is listed in [`DETECTORS`].

pub mod bind_shell;
pub mod http_connect_proxy;
pub mod http_forward_proxy;
pub mod reverse_shell;
mod shell;
pub mod socks_proxy;
pub mod ssh_tunnel;
mod tunnel;
pub mod websocket_tunnel;

use crate::evidence::Evidence;
use crate::facts::FlowFacts;
use crate::finding::attack::{self, Attack};

/// Which detectors speak.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// `socks-proxy`.
    pub socks_proxy: bool,
    /// `http-connect-proxy`.
    pub http_connect_proxy: bool,
    /// `http-forward-proxy`.
    pub http_forward_proxy: bool,
    /// `websocket-tunnel`.
    pub websocket_tunnel: bool,
    /// `ssh-tunnel`.
    pub ssh_tunnel: bool,
    /// `reverse-shell`.
    pub reverse_shell: bool,
    /// `bind-shell`.
    pub bind_shell: bool,
}

/// Whoever speaks in findings: a detector of single flows, or a correlator.
pub struct Detector {
    /// Its name in findings, configuration and documentation.
    pub name: &'static str,
    /// How what it finds relays: `proxy` for whom it is asked to, `tunnel` in another protocol. `None` where that is
    /// told by each finding.
    pub mechanism: Option<&'static str>,
    /// What its findings are in MITRE ATT&CK.
    pub attack: &'static [Attack],
    /// What it sees in one flow.
    inspect: fn(&FlowFacts) -> Option<Evidence>,
    enabled: fn(&Tuning) -> bool,
    /// Its source, whose module documentation is its page.
    source: &'static str,
}

/// Every detector, in the order they are asked and documented.
pub static DETECTORS: [Detector; 14] = [
    Detector {
        name: socks_proxy::NAME,
        mechanism: Some("proxy"),
        attack: &[
            attack::PROXY,
            attack::INTERNAL_PROXY,
            attack::EXTERNAL_PROXY,
        ],
        inspect: socks_proxy::inspect,
        enabled: |tuning| tuning.socks_proxy,
        source: include_str!("socks_proxy.rs"),
    },
    Detector {
        name: http_connect_proxy::NAME,
        mechanism: Some("proxy"),
        attack: &[
            attack::PROXY,
            attack::INTERNAL_PROXY,
            attack::EXTERNAL_PROXY,
        ],
        inspect: http_connect_proxy::inspect,
        enabled: |tuning| tuning.http_connect_proxy,
        source: include_str!("http_connect_proxy.rs"),
    },
    Detector {
        name: http_forward_proxy::NAME,
        mechanism: Some("proxy"),
        attack: &[
            attack::PROXY,
            attack::INTERNAL_PROXY,
            attack::EXTERNAL_PROXY,
        ],
        inspect: http_forward_proxy::inspect,
        enabled: |tuning| tuning.http_forward_proxy,
        source: include_str!("http_forward_proxy.rs"),
    },
    Detector {
        name: websocket_tunnel::NAME,
        mechanism: Some("tunnel"),
        attack: &[
            attack::PROTOCOL_TUNNELING,
            attack::WEB_PROTOCOLS,
            attack::PROXY,
        ],
        inspect: websocket_tunnel::inspect,
        enabled: |tuning| tuning.websocket_tunnel,
        source: include_str!("websocket_tunnel.rs"),
    },
    Detector {
        name: ssh_tunnel::NAME,
        mechanism: Some("tunnel"),
        attack: &[
            attack::PROTOCOL_TUNNELING,
            attack::PROXY,
            attack::REMOTE_SSH,
        ],
        inspect: ssh_tunnel::inspect,
        enabled: |tuning| tuning.ssh_tunnel,
        source: include_str!("ssh_tunnel.rs"),
    },
    Detector {
        name: reverse_shell::NAME,
        mechanism: None,
        attack: shell::ATTACK,
        inspect: reverse_shell::inspect,
        enabled: |tuning| tuning.reverse_shell,
        source: include_str!("reverse_shell.rs"),
    },
    Detector {
        name: bind_shell::NAME,
        mechanism: None,
        attack: shell::ATTACK,
        inspect: bind_shell::inspect,
        enabled: |tuning| tuning.bind_shell,
        source: include_str!("bind_shell.rs"),
    },
    Detector {
        name: "relay",
        mechanism: None,
        attack: &[
            attack::PROXY,
            attack::INTERNAL_PROXY,
            attack::EXTERNAL_PROXY,
        ],
        inspect: nothing,
        enabled: |_| false,
        source: include_str!("../correlate/relay.rs"),
    },
    Detector {
        name: "multi-hop",
        mechanism: None,
        attack: &[attack::MULTI_HOP_PROXY],
        inspect: nothing,
        enabled: |_| false,
        source: include_str!("../correlate/multi_hop.rs"),
    },
    Detector {
        name: "fan-out",
        mechanism: None,
        attack: &[attack::MULTI_HOP_PROXY],
        inspect: nothing,
        enabled: |_| false,
        source: include_str!("../correlate/fan_out.rs"),
    },
    Detector {
        name: "new-relay",
        mechanism: None,
        attack: &[
            attack::PROXY,
            attack::INTERNAL_PROXY,
            attack::EXTERNAL_PROXY,
        ],
        inspect: nothing,
        enabled: |_| false,
        source: include_str!("../correlate/new_relay.rs"),
    },
    Detector {
        name: "beacon",
        mechanism: None,
        attack: &[attack::WEB_PROTOCOLS],
        inspect: nothing,
        enabled: |_| false,
        source: include_str!("../correlate/beacon.rs"),
    },
    Detector {
        name: "long-lived-session",
        mechanism: None,
        attack: &[attack::PROTOCOL_TUNNELING, attack::WEB_PROTOCOLS],
        inspect: nothing,
        enabled: |_| false,
        source: include_str!("../correlate/long_lived.rs"),
    },
    Detector {
        name: "payload-anomaly",
        mechanism: None,
        attack: &[attack::JUNK_DATA],
        inspect: nothing,
        enabled: |_| false,
        source: include_str!("../correlate/payloads.rs"),
    },
];

/// A correlator sees nothing in a single flow.
fn nothing(_: &FlowFacts) -> Option<Evidence> {
    None
}

/// Asks every enabled detector.
pub fn inspect(facts: &FlowFacts, tuning: &Tuning) -> Vec<Evidence> {
    DETECTORS
        .iter()
        .filter(|detector| (detector.enabled)(tuning))
        .filter_map(|detector| (detector.inspect)(facts))
        .collect()
}

/// The detector of a name.
pub fn by_name(name: &str) -> Option<&'static Detector> {
    DETECTORS.iter().find(|detector| detector.name == name)
}

impl Detector {
    /// Its page in Markdown, as in `docs/detectors/`.
    pub fn page(&self) -> String {
        self.source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .fold(String::new(), |page, line| page + line + "\n")
    }

    /// What its page says under a heading, each paragraph on one line; empty where there is no such heading.
    pub fn section(&self, heading: &str) -> String {
        let page = self.page();
        let behind = page.split_once(&format!("\n## {heading}\n\n"));
        let text = behind.map_or("", |(_, text)| text);
        let section = text.split("\n## ").next().unwrap_or_default();
        let paragraphs: Vec<String> = section
            .trim_end()
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect();
        paragraphs.join("\n")
    }

    /// The first sentence of its page.
    pub fn summary(&self) -> String {
        let page = self.page();
        let paragraph = page.split("\n\n").nth(1).unwrap_or_default();
        paragraph.replace('\n', " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_the_four_headings() {
        for detector in &DETECTORS {
            let page = detector.page();
            assert!(page.starts_with(&format!("# {}\n", detector.name)));
            for heading in ["Sees", "Means", "Quiet when", "Misses"] {
                assert!(page.contains(&format!("\n## {heading}\n")), "{heading}");
                assert!(detector.section(heading).ends_with('.'), "{heading}");
            }
            assert_eq!(detector.section("Elsewhere"), "");
            assert!(detector.summary().ends_with('.'));
        }
    }
}
