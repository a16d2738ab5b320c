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
    let (hosts, ports) = targets(relaying);
    lines.extend(list("targets", hosts.iter(), quoted));
    lines.extend(list("ports", ports.iter(), ToString::to_string));
    lines.extend(more(
        relaying.targets.is_full(),
        "targets",
        "suffixes or prefixes",
    ));
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

/// The means that name what was seen; where a protocol was read, its mechanism says no more.
fn means(listener: Listener, relaying: &Relaying) -> BTreeSet<Means> {
    let words = || relaying.means.iter();
    let protocols = words().filter_map(|word| Means::of_protocol(word).ok());
    let mut means: BTreeSet<Means> = protocols.flatten().copied().collect();
    let told = !means.is_empty();
    let mechanisms = words().filter(|word| !(told && IMPLIED.contains(word)));
    let mechanisms = mechanisms.filter_map(|word| Means::of_mechanism(word).ok()?.first());
    means.extend(mechanisms);
    means.extend((listener == Listener(None)).then_some(Means::BackConnect));
    means
}

/// Mechanisms that a protocol brings with it.
const IMPLIED: [&str; 2] = ["proxy", "tunnel"];

const HEAD: &str = "\
# Approvals that `hopscope learn` proposes for what it saw. Nothing is approved by them: read each, take out what nobody
# ordered, say who answers for the rest and why, and put it into the configuration. It refuses them until then.
";

const OPEN: &str = "\
# Who answers for it, and why it is there:
owner = \"\"
reason = \"\"
# The last day on which it holds:
# expires = 2027-03-31";
