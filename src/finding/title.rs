//! The one sentence of a finding.

use crate::decode::Address;
use crate::evidence::ssh::SshKind;
use crate::evidence::{Mechanism, Session, UNSEEN};
use crate::finding::names::Names;
use crate::finding::summary::beacon::BeaconSummary;
use crate::finding::summary::lasting::{self, LastingSummary};
use crate::finding::summary::{
    DriftSummary, JoinSummary, RelaySummary, ShellSummary, SpreadSummary, SshSummary, Summary,
    TurnSummary,
};
use crate::proto::target::{Host, Target};

/// Who relays for whom, by what, and to where.
pub(super) fn of(
    first: &Session,
    relay: Address,
    evidence: &Summary,
    target: Option<&Target>,
    names: &Names,
    chain: &[Address],
) -> String {
    match evidence {
        Summary::Exchanges(summary) => exchanges(first, relay, summary, target, names),
        Summary::Joins(summary) => joins(first, relay, summary, target, names),
        Summary::Chains(summary) => path(chain, summary.relays),
        Summary::Spreads(summary) => spread(first, relay, summary),
        Summary::Drifts(summary) => drift(first, summary),
        Summary::Turns(summary) => turn(first, relay, summary, target, names),
        Summary::Shells(summary) => shell(first, summary),
        Summary::Lasting(summary) => lasts(first, summary, names),
        Summary::Beacon(summary) => comes_back(first, summary, names),
        Summary::Ssh(summary) => ssh(first, summary, names),
    }
}

/// What was called: `192.0.2.80:443 (web.example.test)`, or `192.0.2.80 by icmp` where the transport has no ports.
fn service(first: &Session, names: &Names) -> String {
    let ip = first.server.address.ip();
    if !first.transport.has_ports() {
        return format!("{ip} by {}", first.transport.name());
    }
    names.show(&Target {
        host: Host::from_ip(ip),
        port: first.server.port,
    })
}

/// `10.0.0.2:22 forwards connections in SSH for 10.0.0.1`; the worst use of several is told.
fn ssh(first: &Session, summary: &SshSummary, names: &Names) -> String {
    let client = first.client.address.ip();
    let server = service(first, names);
    match summary.worst() {
        Some(SshKind::SwappedRoles) => {
            format!("{client} connects out to {server} and is the SSH server there")
        }
        Some(SshKind::ReverseChannel) => {
            format!("{client} lets {server} in through an SSH session that it opened")
        }
        Some(SshKind::RemoteForward) => {
            format!("{client} asks {server} to forward connections back to it in SSH")
        }
        Some(SshKind::Tun) => format!("{server} and {client} carry a network in SSH"),
        Some(SshKind::DynamicForward) => {
            format!("{server} opens connections to several targets for {client} in SSH")
        }
        Some(SshKind::Jump) => format!("{client} goes through {server} by SSH to a host behind it"),
        Some(SshKind::InsideTls) => format!("{client} hides SSH in TLS with {server}"),
        Some(SshKind::LocalForward) | None => {
            format!("{server} opens connections for {client} in SSH")
        }
    }
}

/// `10.0.0.1 comes back to 192.0.2.80:443 (www.example.test) every 60.0 s`
fn comes_back(first: &Session, summary: &BeaconSummary, names: &Names) -> String {
    let client = first.client.address.ip();
    let server = names.show(&Target {
        host: Host::from_ip(first.server.address.ip()),
        port: first.server.port,
    });
    let period = summary.period();
    match &summary.domain {
        Some(domain) => format!("{client} asks {server} for names below {domain} {period}"),
        None => format!("{client} comes back to {server} {period}"),
    }
}

/// `10.0.0.1 has a session with 192.0.2.80:443 (www.example.test) for 1 h 42 min`
fn lasts(first: &Session, summary: &LastingSummary, names: &Names) -> String {
    let client = first.client.address.ip();
    let server = names.show(&Target {
        host: Host::from_ip(first.server.address.ip()),
        port: first.server.port,
    });
    let lasted = lasting::words(summary.longest_s);
    format!("{client} has a session with {server} for {lasted}")
}

/// `10.0.0.2 begins sessions to 30 hosts within a minute for 10.0.0.1`
fn spread(first: &Session, relay: Address, summary: &SpreadSummary) -> String {
    let (client, relay) = (first.client.address.ip(), relay.ip());
    if summary.most_relays > 1 {
        let relays = summary.most_relays;
        return format!("{client} uses {relays} relays within a minute");
    }
    let targets = summary.most_targets;
    format!("{relay} begins sessions to {targets} hosts within a minute for {client}")
}

/// `10.0.0.1 connects out and gives 192.0.2.80 on port 4444 a command shell`, `10.0.0.2:4444 gives …`; where all that was
/// seen is the program, `… is sent a program to run by …`.
fn shell(first: &Session, summary: &ShellSummary) -> String {
    let (client, server) = (first.client.address.ip(), first.server.address.ip());
    let port = first.server.port;
    let is_program = |mark: &&str| mark.starts_with(STAGED);
    let mut marks = summary.marks.iter().filter_map(|counted| counted.value);
    let is_staged = marks.all(|mark| is_program(&mark));
    let called = Target {
        host: Host::from_ip(server),
        port,
    };
    match (summary.reverse, is_staged) {
        (true, false) => {
            format!("{client} connects out and gives {server} on port {port} a command shell")
        }
        (true, true) => {
            format!("{client} connects out and is sent a program to run by {server} on port {port}")
        }
        (false, false) => format!("{called} gives {client} a command shell"),
        (false, true) => format!("{called} is sent a program to run by {client}"),
    }
}

/// `10.0.0.1 sends payloads of other sizes to port 443 than it did, larger by 22 bytes as by TLS records`
fn drift(first: &Session, summary: &DriftSummary) -> String {
    let host = first.client.address.ip();
    let port = first.server.port;
    let new = summary.openings.iter().find_map(|one| one.value);
    let usual = summary.usual_openings.iter().find_map(|one| one.value);
    if let (Some(new), Some(usual)) = (new, usual) {
        let ((does, _), (_, did)) = (opening(new), opening(usual));
        return format!("{host} {does} at port {port}, where it {did}");
    }
    let sends = summary
        .directions
        .iter()
        .any(|one| one.value == Some("sent"));
    let whats = if sends {
        format!("{host} sends payloads of other sizes to port {port} than it did")
    } else {
        format!("{host} is sent payloads of other sizes by port {port} than it was")
    };
    let first_of = |counted: Option<i64>| counted.map(|bytes| format!(", larger by {bytes} bytes"));
    let added = summary
        .added_bytes
        .iter()
        .find_map(|one| first_of(one.value));
    let framing = summary.framings.iter().find_map(|one| one.value);
    let framing = framing.map(|framing| format!(" as by {framing}"));
    whats + &added.unwrap_or_default() + &framing.unwrap_or_default()
}

/// What somebody does who opens connections so, and did.
fn opening(name: &str) -> (String, String) {
    match name {
        "random" => (
            "sends what looks random".to_owned(),
            "sent what looks random".to_owned(),
        ),
        "unread" => (
            "speaks what nobody knows".to_owned(),
            "spoke what nobody knows".to_owned(),
        ),
        protocol => (format!("speaks {protocol}"), format!("spoke {protocol}")),
    }
}

/// `10.0.0.2 begins to relay at port 1080, as a proxy for 10.0.0.1 to www.example.test:443`
fn turn(
    first: &Session,
    relay: Address,
    summary: &TurnSummary,
    target: Option<&Target>,
    names: &Names,
) -> String {
    let place = if summary.reverse {
        format!("by connecting out to {}", first.server)
    } else if !first.transport.has_ports() {
        format!("by {}", first.transport.name())
    } else if first.server.address == relay {
        format!("at port {}", first.server.port)
    } else {
        format!("at {}", first.server)
    };
    let role = match summary.mechanism() {
        Mechanism::Forward => "",
        Mechanism::Proxy => " as a proxy",
        Mechanism::Dnat => " by rewriting addresses",
        Mechanism::Tunnel => " through a tunnel",
        Mechanism::Balancer => " as a balancer",
    };
    let mut clients = summary.clients.iter().filter_map(|counted| counted.value);
    let client = clients.next().unwrap_or(first.client.address.ip());
    let shown = target.map(|target| format!(" to {}", names.show(target)));
    let (relay, shown) = (relay.ip(), shown.unwrap_or_default());
    format!("{relay} begins to relay {place},{role} for {client}{shown}")
}

/// `10.0.0.1 reaches 192.0.2.80 through 2 hosts: 10.0.0.2, then 10.0.0.3`; where the last host seen relays, too, its
/// target is not known.
fn path(chain: &[Address], relays: usize) -> String {
    let [client, behind @ ..] = chain else {
        return String::new();
    };
    let hops: Vec<String> = behind
        .iter()
        .take(relays)
        .map(|host| host.ip().to_string())
        .collect();
    let (client, hops) = (client.ip(), hops.join(", then "));
    let target = behind.get(relays).map(|target| target.ip().to_string());
    let target = target.unwrap_or_else(|| "what is behind them".to_owned());
    format!("{client} reaches {target} through {relays} hosts: {hops}")
}

fn joins(
    first: &Session,
    relay: Address,
    evidence: &JoinSummary,
    target: Option<&Target>,
    names: &Names,
) -> String {
    let mut clients = evidence.clients.iter().filter_map(|counted| counted.value);
    let client = clients.next().unwrap_or(first.client.address.ip());
    let relay = if relay != first.client.address {
        service(first, names)
    } else {
        format!("{} connects out and", relay.ip())
    };
    let does = match evidence.mechanism() {
        Mechanism::Forward => "passes on what comes",
        Mechanism::Proxy => "passes on as a proxy what comes",
        Mechanism::Dnat => "rewrites addresses and passes on what comes",
        Mechanism::Tunnel => "passes on through a tunnel what comes",
        Mechanism::Balancer => "balances what comes",
    };
    let shown = target.map(|target| names.show(target)).unwrap_or_default();
    let more = match evidence.targets.iter().count().saturating_sub(1) {
        0 => String::new(),
        1 => " and 1 more target".to_owned(),
        more => format!(" and {more} more targets"),
    };
    format!("{relay} {does} from {client} to {shown}{more}")
}

fn exchanges(
    first: &Session,
    relay: Address,
    evidence: &RelaySummary,
    target: Option<&Target>,
    names: &Names,
) -> String {
    let protocols = spoken(evidence);
    let (relay, client) = if evidence.reverse {
        let (outside, port) = (first.server.address.ip(), first.server.port);
        let relay = format!("{} connects out and", relay.ip());
        (relay, format!("{outside} on port {port}"))
    } else {
        let relay = Target {
            host: Host::from_ip(relay.ip()),
            port: first.server.port,
        };
        (names.show(&relay), first.client.address.ip().to_string())
    };
    let where_to = destinations(evidence, target.map(|target| names.show(target)));
    if evidence.opened > 0 {
        format!("{relay} serves {protocols} to {client}{where_to}")
    } else if evidence
        .outcomes
        .iter()
        .all(|outcome| is_unseen(outcome.value.as_deref()))
    {
        format!("{relay} is asked for {protocols} by {client}{where_to}")
    } else {
        format!("{relay} refuses {protocols} to {client}{where_to}")
    }
}

fn is_unseen(outcome: Option<&str>) -> bool {
    outcome == Some(UNSEEN)
}

fn spoken(evidence: &RelaySummary) -> String {
    let names: Vec<&str> = evidence
        .protocols
        .iter()
        .filter_map(|counted| counted.value)
        .map(word)
        .collect();
    names.join(" and ")
}

/// The protocol as people write it.
fn word(protocol: &str) -> &str {
    match protocol {
        "socks4" => "SOCKS4",
        "socks4a" => "SOCKS4a",
        "socks5" => "SOCKS5",
        "http-connect" => "HTTP CONNECT",
        "http2-connect" => "HTTP/2 CONNECT",
        "http-forward" => "HTTP forward proxying",
        "websocket" => "a WebSocket tunnel",
        other => other,
    }
}

fn destinations(evidence: &RelaySummary, target: Option<String>) -> String {
    let Some(target) = target else {
        return String::new();
    };
    match evidence.targets.iter().count().saturating_sub(1) {
        0 => format!(", for {target}"),
        1 => format!(", for {target} and 1 more target"),
        more => format!(", for {target} and {more} more targets"),
    }
}

/// What the mark of a program that was sent begins with.
const STAGED: &str = "stage: ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::samples::evidence;
    use crate::evidence::{Certainty, RelayExchange};

    fn exchange(protocol: &'static str, outcome: &str, target: &str) -> RelayExchange {
        RelayExchange {
            protocol,
            outcome: outcome.to_owned(),
            opened: outcome == "succeeded",
            target: Target::from_authority(target.as_bytes()),
            ..RelayExchange::default()
        }
    }

    fn title(server: &str, asked: &[RelayExchange]) -> String {
        let evidence = evidence(1, Certainty::Proven).at(server);
        let mut summary = RelaySummary::default();
        asked.iter().for_each(|exchange| summary.add(exchange));
        let target = asked.iter().find_map(|exchange| exchange.target.as_ref());
        let names = Names::default();
        exchanges(&evidence.session, evidence.relay, &summary, target, &names)
    }

    #[test]
    fn says_where_somebody_relays_who_never_did() {
        let evidence = evidence(1, Certainty::Proven);
        let client = evidence.session.client.address;
        let server = evidence.session.server.address;
        let cases = [
            (
                server,
                "10.0.0.2 begins to relay at port 1080, for 10.0.0.1",
            ),
            (
                client,
                "10.0.0.1 begins to relay at 10.0.0.2:1080, for 10.0.0.1",
            ),
        ];
        for (relay, title) in cases {
            let summary = TurnSummary::default();
            let names = Names::default();
            assert_eq!(
                turn(&evidence.session, relay, &summary, None, &names),
                title
            );
        }
    }

    #[test]
    fn says_what_is_spoken_and_what_was() {
        use crate::evidence::{Change, Drift};
        use crate::facts::opening::Opening;
        use crate::proto::stack::Kind;
        let (tls, ssh) = (Opening::by(Kind::Tls), Opening::by(Kind::Ssh));
        let cases = [
            (
                ssh,
                tls,
                "10.0.0.1 speaks ssh at port 1080, where it spoke tls",
            ),
            (
                Opening::RANDOM,
                tls,
                "10.0.0.1 sends what looks random at port 1080, where it spoke tls",
            ),
            (
                tls,
                Opening::UNREAD,
                "10.0.0.1 speaks tls at port 1080, where it spoke what nobody knows",
            ),
        ];
        for (new, usual, title) in cases {
            let (new, usual) = (vec![new], vec![usual]);
            let mut summary = DriftSummary::default();
            summary.add(&Drift {
                port: 1080,
                flows: 9,
                among: 9,
                change: Change::Openings {
                    level: 9.0,
                    new,
                    usual,
                },
            });
            let session = evidence(1, Certainty::Proven).session;
            assert_eq!(drift(&session, &summary), title);
        }
    }

    #[test]
    fn says_who_gives_a_shell_to_whom() {
        let cases = [
            (
                true,
                "unix-prompt",
                "10.0.0.1 connects out and gives 10.0.0.2 on port 1080 a command shell",
            ),
            (
                false,
                "cmd-banner",
                "10.0.0.2:1080 gives 10.0.0.1 a command shell",
            ),
            (
                true,
                "stage: shellcode",
                "10.0.0.1 connects out and is sent a program to run by 10.0.0.2 on port 1080",
            ),
            (
                false,
                "stage: shellcode",
                "10.0.0.2:1080 is sent a program to run by 10.0.0.1",
            ),
        ];
        for (reverse, mark, title) in cases {
            let mut summary = ShellSummary::default();
            summary.add(crate::evidence::ShellSession {
                family: None,
                mark,
                spoken: "commands",
                through: None,
                reverse,
            });
            let session = evidence(1, Certainty::Proven).session;
            assert_eq!(shell(&session, &summary), title);
        }
    }

    #[test]
    fn says_who_relays_for_whom_by_what_and_to_where() {
        let socks = |outcome, target| exchange("socks5", outcome, target);
        let cases: [(&[RelayExchange], &str); 8] = [
            (
                &[socks("succeeded", "a.test:80")],
                "10.0.0.2:1080 serves SOCKS5 to 10.0.0.1, for a.test:80",
            ),
            (
                &[
                    socks("succeeded", "a.test:80"),
                    socks("succeeded", "a.test:80"),
                ],
                "10.0.0.2:1080 serves SOCKS5 to 10.0.0.1, for a.test:80",
            ),
            (
                &[
                    socks("connection refused", "a.test:80"),
                    socks("succeeded", "b.test:80"),
                ],
                "10.0.0.2:1080 serves SOCKS5 to 10.0.0.1, for a.test:80 and 1 more target",
            ),
            (
                &["a.test:1", "a.test:2", "a.test:3"]
                    .map(|target| socks("connection refused", target)),
                "10.0.0.2:1080 refuses SOCKS5 to 10.0.0.1, for a.test:1 and 2 more targets",
            ),
            (
                &[socks(UNSEEN, "a.test:80")],
                "10.0.0.2:1080 is asked for SOCKS5 by 10.0.0.1, for a.test:80",
            ),
            (
                &[socks(UNSEEN, "")],
                "10.0.0.2:1080 is asked for SOCKS5 by 10.0.0.1",
            ),
            (
                &[socks(UNSEEN, ""), socks("authentication failed", "")],
                "10.0.0.2:1080 refuses SOCKS5 to 10.0.0.1",
            ),
            (
                &[
                    exchange("socks4", "succeeded", ""),
                    exchange("socks4a", "succeeded", ""),
                ],
                "10.0.0.2:1080 serves SOCKS4 and SOCKS4a to 10.0.0.1",
            ),
        ];
        for (exchanges, expected) in cases {
            assert_eq!(title("10.0.0.2:1080", exchanges), expected);
        }
    }

    #[test]
    fn every_protocol_is_written_as_people_write_it() {
        for (protocol, word) in [
            ("socks4", "SOCKS4"),
            ("socks4a", "SOCKS4a"),
            ("socks5", "SOCKS5"),
            ("http-connect", "HTTP CONNECT"),
            ("http-forward", "HTTP forward proxying"),
        ] {
            let title = title("[2001:db8::2]:8080", &[exchange(protocol, "succeeded", "")]);
            assert_eq!(
                title,
                format!("[2001:db8::2]:8080 serves {word} to 10.0.0.1")
            );
        }
    }

    #[test]
    fn a_host_that_connects_out_is_called_so() {
        let mut evidence = evidence(1, Certainty::Proven);
        evidence.exchange_mut().reverse = true;
        let mut summary = RelaySummary::default();
        summary.add(evidence.exchange().unwrap());
        let relay = evidence.session.client.address;
        let title = exchanges(&evidence.session, relay, &summary, None, &Names::default());
        assert_eq!(
            title,
            "10.0.0.1 connects out and serves SOCKS5 to 10.0.0.2 on port 1080"
        );
    }
}
