//! Proposals: approvals for what a profile saw, in TOML, for a person to read, edit and accept.
//!
//! Nothing is approved by them: each lacks its owner and its reason, without which a configuration is refused.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use super::means::Means;
use crate::profile::Profile;
use crate::profile::host::{Listener, Relaying};
use crate::proto::target::Target;

/// An approval for each listener that relayed, in the order of their hosts.
pub fn proposals(profile: &Profile) -> String {
    let relays = profile.hosts().flat_map(|(ip, host)| {
        let relays = host.relays.iter();
        relays.map(move |(listener, relaying)| proposal(*ip, *listener, relaying))
    });
    let relays: Vec<String> = relays.collect();
    let hosts = profile.len();
    let head = match relays.len() {
        0 => {
            format!("# None of the {hosts} hosts that were watched relayed: nothing to approve.\n")
        }
        _ => HEAD.to_owned(),
    };
    relays
        .into_iter()
        .fold(head, |text, one| text + "\n" + &one)
}

fn proposal(relay: IpAddr, listener: Listener, relaying: &Relaying) -> String {
    let named = format!("{relay}-{listener}").replace([':', '/'], "-");
    let mut lines = vec![
        seen(relay, listener, relaying),
        "[[approvals]]".to_owned(),
        format!("name = \"relay-{named}\""),
        format!("relays = [\"{relay}\"]"),
    ];
    let port = listener.0.map(|port| port.number);
    lines.extend(port.map(|port| format!("listens = [{port}]")));
    lines.extend(list("clients", relaying.clients.iter(), quoted));
    lines.extend(more(
        relaying.clients.is_full(),
        "clients",
        "a prefix or a group",
    ));
    lines.extend(whereto(relaying));
    let means = means(listener, relaying);
    lines.extend(list(
        "means",
        means.iter().map(|means| means.name()),
        quoted,
    ));
    lines.push(OPEN.to_owned());
    lines.join("\n") + "\n"
}

/// What the proposal stands on.
fn seen(relay: IpAddr, listener: Listener, relaying: &Relaying) -> String {
    let place = match listener.0 {
        Some(port) => format!("is called at {port}"),
        None => "connects out".to_owned(),
    };
    let words: Vec<&str> = relaying.means.iter().collect();
    let (sessions, words) = (relaying.sessions, words.join(", "));
    let (first, last) = (relaying.first, relaying.last);
    format!("# {relay} {place} and relays ({words}): sessions {sessions}, from {first} to {last}.")
}

/// Where it goes, if that can be asked of every session.
fn whereto(relaying: &Relaying) -> Vec<String> {
    if relaying.blind {
        return vec![BLIND.to_owned()];
    }
    let (hosts, ports) = targets(relaying);
    let more = more(
        relaying.targets.is_full(),
        "targets",
        "suffixes or prefixes",
    );
    let hosts = list("targets", hosts.iter(), quoted);
    let ports = list("ports", ports.iter(), ToString::to_string);
    [hosts, ports, more].into_iter().flatten().collect()
}

fn list<T>(
    key: &str,
    values: impl Iterator<Item = T>,
    show: impl Fn(T) -> String,
) -> Option<String> {
    let values: Vec<String> = values.map(show).collect();
    (!values.is_empty()).then(|| format!("{key} = [{}]", values.join(", ")))
}

/// Whoever stands in a profile is an address, a plausible name, or a word of ours: nothing to escape.
fn quoted(value: impl Display) -> String {
    format!("\"{value}\"")
}

fn more(is_full: bool, what: &str, instead: &str) -> Option<String> {
    is_full.then(|| format!("# There may be more {what} than are kept; name {instead}."))
}

/// Hosts and ports of the targets, of those that are a host and a port.
fn targets(relaying: &Relaying) -> (BTreeSet<String>, BTreeSet<u16>) {
    let targets = relaying.targets.iter();
    let targets = targets.filter_map(|target| Target::from_authority(target.as_bytes()));
    targets
        .map(|target| (target.host.to_string(), target.port))
        .unzip()
}

/// The means that name what was seen; a mechanism that one of the protocols brings with it says no more.
fn means(listener: Listener, relaying: &Relaying) -> BTreeSet<Means> {
    let words = || relaying.means.iter();
    let protocols = words().filter_map(|word| Means::of_protocol(word).ok());
    let mut means: BTreeSet<Means> = protocols.flatten().copied().collect();
    for mechanism in words().filter_map(|word| Means::of_mechanism(word).ok()) {
        let is_told = mechanism.iter().any(|one| means.contains(one));
        means.extend(mechanism.first().filter(|_| !is_told));
    }
    means.extend(spreads(relaying).then_some(Means::Balancer));
    means.extend((listener == Listener(None)).then_some(Means::BackConnect));
    means
}

/// Whether it forwards to one port of several hosts, as a balancer does.
fn spreads(relaying: &Relaying) -> bool {
    let (hosts, ports) = targets(relaying);
    let forwards = relaying.means.iter().any(|word| word == "forward");
    forwards && hosts.len() > 1 && ports.len() == 1
}

const HEAD: &str = "\
# Approvals that `hopscope learn` proposes for what it saw. Nothing is approved by them: read each, take out what nobody
# ordered, say who answers for the rest and why, and put it into the configuration. It refuses them until then.
";

const BLIND: &str = "# No target was seen in some sessions, so an approval that speaks of targets or ports could not judge them.";

const OPEN: &str = "\
# Who answers for it, and why it is there:
owner = \"\"
reason = \"\"
# The last day on which it holds:
# expires = 2027-03-31";

#[cfg(test)]
mod tests {
    use super::*;

    /// What is proposed for 10.0.0.2, of which a profile says this.
    fn proposed(listener: &str, says: &str) -> String {
        let profile: Profile = format!(
            "version = 1\n[hosts.\"10.0.0.2\"]\nfirst = \"{DAY}\"\nlast = \"{DAY}\"\n\
             [hosts.\"10.0.0.2\".relays.\"{listener}\"]\nsessions = 3\nfirst = \"{DAY}\"\nlast = \"{DAY}\"\n{says}"
        )
        .parse()
        .unwrap();
        proposals(&profile)
    }

    const DAY: &str = "2026-11-21T00:00:00Z";

    #[test]
    fn a_proposal_says_what_was_seen() {
        let cases = [
            (
                "1080/tcp",
                "means = [\"socks5\", \"proxy\"]",
                "listens = [1080]\nmeans = [\"socks\"]",
            ),
            (
                "8080/tcp",
                "means = [\"http-connect\", \"forward\"]",
                "means = [\"connect\", \"relay\"]",
            ),
            (
                "8080/tcp",
                "means = [\"websocket\", \"tunnel\"]",
                "means = [\"websocket\"]",
            ),
            (
                "8080/tcp",
                "means = [\"socks5\", \"tunnel\"]",
                "means = [\"socks\", \"tunnel\"]",
            ),
            (
                "out",
                "means = [\"socks5\"]",
                "means = [\"socks\", \"back-connect\"]",
            ),
            (
                "443/tcp",
                "means = [\"forward\"]\ntargets = [\"10.0.0.3:443\", \"10.0.0.4:443\"]",
                "targets = [\"10.0.0.3\", \"10.0.0.4\"]\nports = [443]\nmeans = [\"relay\", \"balancer\"]",
            ),
            (
                "443/tcp",
                "means = [\"forward\"]\nclients = [\"10.0.0.1\"]\ntargets = [\"[2001:db8::1]:22\"]",
                "clients = [\"10.0.0.1\"]\ntargets = [\"2001:db8::1\"]\nports = [22]\nmeans = [\"relay\"]",
            ),
            (
                "80/tcp",
                "means = [\"websocket\"]\nblind = true\ntargets = [\"10.0.0.3:22\"]",
                "could not judge them.\nmeans = [\"websocket\"]",
            ),
        ];
        for (listener, says, expected) in cases {
            let proposed = proposed(listener, says);
            assert!(proposed.contains(expected), "{says}: {proposed}");
        }
    }

    #[test]
    fn lists_that_may_be_longer_say_so() {
        let hosts: Vec<String> = (1..=8)
            .map(|host| format!("\"10.0.1.{host}:22\""))
            .collect();
        let says = format!("means = [\"socks5\"]\ntargets = [{}]", hosts.join(", "));
        let told = "# There may be more targets than are kept; name suffixes or prefixes.";
        assert!(proposed("1080/tcp", &says).contains(told));
        let clients = "means = [\"socks5\"]\nclients = [\"10.0.0.5\", \"10.0.0.6\", \"10.0.0.7\", \"10.0.0.8\"]";
        let told = "# There may be more clients than are kept; name a prefix or a group.";
        assert!(proposed("1080/tcp", clients).contains(told));
    }

    #[test]
    fn who_never_relayed_gets_no_proposal() {
        let none = proposals(&Profile::default());
        assert_eq!(
            none,
            "# None of the 0 hosts that were watched relayed: nothing to approve.\n"
        );
    }
}
