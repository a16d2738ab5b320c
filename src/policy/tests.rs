//! Verdicts as a table, faults as they are told, and what holds for every policy and every finding.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::samples::{finding, policy, with};
use super::usage::Use;
use super::{Judgement, Policy};
use crate::config::Config;
use crate::finding::{Severity, Verdict};

/// An approval of what the sample finding tells, with more keys.
fn approval(name: &str, more: &str) -> String {
    let given = |key: &str, usual: &str| match more.contains(&format!("{key} =")) {
        true => String::new(),
        false => format!("{key} = {usual}\n"),
    };
    let more = more
        .lines()
        .fold(String::new(), |more, line| more + line + "\n");
    let (relays, clients) = (
        given("relays", "[\"10.0.0.2\"]"),
        given("clients", "[\"inside\"]"),
    );
    format!(
        "[[approvals]]\nname = \"{name}\"\n{relays}{clients}owner = \"net\"\nreason = \"the way out\"\n{more}"
    )
}

fn decide(policy: &Policy, finding: &Value) -> Judgement {
    policy.decide(&Use::read(finding).unwrap())
}

/// What an approval makes of the sample finding with other values.
#[test]
fn a_use_has_the_verdict_a_person_would_expect() {
    use Verdict::{Approved, CannotJudge, Expired, Unapproved, Undeclared};
    let same = json!({});
    let other_client = json!({ "client": { "ip": "10.0.7.7" } });
    let outside_client = json!({ "client": { "ip": "192.0.2.9" } });
    let other_relay = json!({ "relay": "10.0.0.3", "server": { "ip": "10.0.0.3", "port": 1080 } });
    let other_port = json!({ "server": { "ip": "10.0.0.2", "port": 4444 } });
    let no_target = json!({ "target": null, "evidence": { "protocols": [{ "value": "socks5" }] } });
    let unknown_means = json!({ "evidence": { "protocols": [{ "value": "gopher" }] } });
    let guessed = json!({ "certainty": "probable", "quality": { "midstream": true } });
    let midstream = json!({ "quality": { "midstream": true } });
    let turned = json!({
        "certainty": "probable", "quality": { "midstream": true }, "relay": "10.0.0.1",
        "server": { "ip": "10.0.0.1", "port": 1080 }, "client": { "ip": "10.0.0.2" },
    });
    let cases = [
        ("", &same, Approved),
        ("", &other_client, Approved),
        ("", &outside_client, Unapproved),
        ("", &other_relay, Undeclared),
        ("relays = [\"10.0.0.0/24\"]", &other_relay, Approved),
        (
            "relays = [\"inside\"]\nclients = [\"10.9.9.9\"]",
            &same,
            Undeclared,
        ),
        ("relays = [\"anyone\"]", &other_relay, Approved),
        ("clients = [\"10.0.0.0/24\"]", &same, Approved),
        ("clients = [\"10.0.0.0/24\"]", &other_client, Unapproved),
        ("clients = [\"anyone\"]", &outside_client, Approved),
        ("listens = [1080]", &same, Approved),
        ("listens = [1080]", &other_port, Unapproved),
        ("listens = [\"1000-5000\"]", &other_port, Approved),
        ("targets = [\".example.test\"]", &same, Approved),
        ("targets = [\".example.test\"]", &no_target, CannotJudge),
        ("targets = [\"example.test\"]", &same, Unapproved),
        ("targets = [\"192.0.2.0/24\"]", &same, CannotJudge),
        ("ports = [443]", &same, Approved),
        ("ports = [80]", &same, Unapproved),
        ("ports = [443]", &no_target, CannotJudge),
        ("", &no_target, Approved),
        ("means = [\"socks\"]", &same, Approved),
        ("means = [\"connect\", \"forward\"]", &same, Unapproved),
        ("means = [\"socks\"]", &unknown_means, Unapproved),
        ("", &unknown_means, Approved),
        ("expires = 2026-11-21", &same, Approved),
        ("expires = 2026-11-20", &same, Expired),
        ("expires = 2026-11-20", &other_relay, Undeclared),
        (
            "expires = 2026-11-20\nclients = [\"10.9.9.9\"]",
            &same,
            Unapproved,
        ),
        ("expires = 2026-11-20\nports = [443]", &no_target, Expired),
        ("", &guessed, CannotJudge),
        ("", &midstream, Approved),
        ("", &turned, CannotJudge),
        ("clients = [\"10.9.9.9\"]", &guessed, Unapproved),
    ];
    for (more, others, verdict) in cases {
        let judgement = decide(
            &policy(&approval("way-out", more)),
            &with(finding(), others.clone()),
        );
        let has_rule = matches!(verdict, Approved | Expired);
        assert_eq!(judgement.verdict, verdict, "{more} {others}");
        assert_eq!(
            judgement.rule.as_deref(),
            has_rule.then_some("way-out"),
            "{more} {others}"
        );
    }
}

#[test]
fn a_host_outside_its_role_is_a_step_worse() {
    let cases = [
        ("", Verdict::Undeclared, Severity::Medium),
        ("roles = [\"proxy\"]", Verdict::Unapproved, Severity::Medium),
        (
            "roles = [\"workstation\"]",
            Verdict::Unapproved,
            Severity::High,
        ),
        (
            "roles = [\"server\", \"proxy\"]",
            Verdict::Unapproved,
            Severity::Medium,
        ),
        (
            "roles = [\"load-balancer\"]",
            Verdict::Unapproved,
            Severity::High,
        ),
    ];
    for (roles, verdict, severity) in cases {
        let hosts = if roles.is_empty() {
            "10.9.9.9"
        } else {
            "10.0.0.2"
        };
        let group = format!("[[groups]]\nname = \"g\"\nhosts = [\"{hosts}\"]\n{roles}");
        let judgement = decide(&policy(&group), &finding());
        assert_eq!(
            (judgement.verdict, judgement.severity),
            (verdict, severity),
            "{roles}"
        );
    }
}

#[test]
fn both_ends_have_the_first_role_of_their_groups() {
    let groups = "[[groups]]\nname = \"g\"\nhosts = [\"10.0.0.2\"]\nroles = [\"jump\", \"dns\"]";
    let judgement = decide(&policy(groups), &finding());
    let roles = [judgement.client_role, judgement.server_role];
    assert_eq!(
        roles.map(|role| role.map(super::Role::name)),
        [None, Some("jump")]
    );
}

#[test]
fn a_vlan_tells_of_inside_hosts_whose_sessions_all_bear_its_tag() {
    let policy = policy("[[groups]]\nname = \"g\"\nvlans = [30]\nroles = [\"iot\"]");
    let flow = |vlan: Option<u16>| json!({ "server": { "ip": "10.0.0.2" }, "vlan": vlan });
    let cases = [
        (vec![flow(Some(30))], Verdict::Unapproved),
        (vec![flow(Some(30)), flow(Some(30))], Verdict::Unapproved),
        (vec![flow(Some(30)), flow(None)], Verdict::Undeclared),
        (vec![flow(Some(7))], Verdict::Undeclared),
        (vec![], Verdict::Undeclared),
    ];
    for (flows, verdict) in cases {
        let judgement = decide(&policy, &with(finding(), json!({ "flows": flows })));
        assert_eq!(judgement.verdict, verdict, "{flows:?}");
    }
}

#[test]
fn the_best_approval_decides_and_of_equals_the_first() {
    let judged = |approvals: &[String]| {
        let judgement = decide(&policy(&approvals.concat()), &finding());
        (judgement.verdict, judgement.rule.unwrap_or_default())
    };
    let [a, b] = ["a", "b"].map(|name| approval(name, ""));
    let old = approval("old", "expires = 2020-01-01");
    let other = approval("other", "means = [\"dnat\"]");
    let unsure = approval("unsure", "targets = [\"192.0.2.0/24\"]");
    let cases = [
        (vec![a, b.clone()], Verdict::Approved, "a"),
        (vec![old.clone(), b], Verdict::Approved, "b"),
        (vec![other.clone(), old.clone()], Verdict::Expired, "old"),
        (vec![old, unsure], Verdict::CannotJudge, ""),
        (vec![other], Verdict::Unapproved, ""),
    ];
    for (approvals, verdict, rule) in cases {
        let expected = (verdict, rule.to_owned());
        assert_eq!(judged(&approvals), expected, "{approvals:?}");
    }
}

/// A proxy is asked for a name, and goes to the address that it finds for that.
#[test]
fn behind_a_proxy_a_name_is_as_good_as_an_address() {
    let policy = policy(&approval("a", "targets = [\".example.test\"]"));
    let judged = |detector: &str, mechanism: &str, name: &str| {
        let keys = json!({
            "detector": detector, "mechanism": mechanism, "evidence": null,
            "target": { "ip": "192.0.2.80", "port": 443 }, "names": { "192.0.2.80": name },
        });
        decide(&policy, &with(finding(), keys)).verdict
    };
    let cases = [
        ("relay", "proxy", "www.example.test", Verdict::Approved),
        ("relay", "proxy", "www.other.test", Verdict::Unapproved),
        ("relay", "forward", "www.example.test", Verdict::CannotJudge),
        (
            "socks-proxy",
            "proxy",
            "www.example.test",
            Verdict::CannotJudge,
        ),
    ];
    for (detector, mechanism, name, verdict) in cases {
        assert_eq!(
            judged(detector, mechanism, name),
            verdict,
            "{detector} {mechanism} {name}"
        );
    }
}

#[test]
fn every_relay_of_a_chain_must_be_approved() {
    let chain = with(
        finding(),
        json!({
            "detector": "multi-hop", "mechanism": "forward", "evidence": null, "target": null,
            "server": { "ip": "10.0.0.2", "port": 22 },
            "chain": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.80"],
        }),
    );
    let first = approval("first", "");
    let second = approval("second", "relays = [\"10.0.0.3\"]");
    let cases = [
        (first.clone(), Verdict::Undeclared, None),
        (second.clone(), Verdict::Undeclared, None),
        (
            format!("{first}{second}"),
            Verdict::Approved,
            Some("first, second"),
        ),
        (
            approval("both", "relays = [\"10.0.0.0/24\"]"),
            Verdict::Approved,
            Some("both"),
        ),
    ];
    for (text, verdict, rule) in cases {
        let judgement = decide(&policy(&text), &chain);
        assert_eq!(
            (judgement.verdict, judgement.rule.as_deref()),
            (verdict, rule),
            "{text}"
        );
    }
}

fn fault(text: &str) -> String {
    text.parse::<Config>().unwrap_err().to_string()
}

#[test]
fn a_wrong_group_is_told_with_line_and_caret() {
    let group = "[[groups]]\nname = \"proxies\"\nhosts = [\"10.0.0.2\"]\n";
    let twice = format!("{group}{group}");
    let cases = [
        (&*twice, "5, column 8", "there is already group `proxies`"),
        (
            "[[groups]]\nname = \"g\"",
            "2, column 8",
            "a group needs `hosts` or `vlans`",
        ),
        (
            "[[groups]]\nname = \"a b\"",
            "2, column 8",
            "is no name; use letters",
        ),
        (
            "[[groups]]\nname = \"inside\"",
            "2, column 8",
            "has a meaning of its own",
        ),
        (
            "[[groups]]\nroles = [\"prox\"]",
            "2, column 10",
            "did you mean `proxy`?",
        ),
        (
            "[[groups]]\nvlans = [0]",
            "2, column 9",
            "a VLAN is a number from 1 to 4094",
        ),
        (
            "networks.inside = [\"10.0.0.1/8\"]",
            "1, column 19",
            "the prefix is 10.0.0.0/8",
        ),
    ];
    for (text, place, sentence) in cases {
        let fault = fault(text);
        let is_told = fault.contains(&format!("line {place}\n")) && fault.contains(sentence);
        assert!(is_told, "{text}\n{fault}");
    }
}

#[test]
fn a_wrong_approval_is_told_with_line_and_caret() {
    let cases = [
        (
            "relays = [\"inside\", \"proxys\"]",
            "9, column 21",
            "did you mean `proxies`?",
        ),
        (
            "clients = [\"devs\"]",
            "9, column 12",
            "there is no group `devs`",
        ),
        ("targets = []", "10, column 11", "it must not be empty"),
        ("relays = []", "9, column 10", "it must not be empty"),
        (
            "means = [\"sock\"]",
            "10, column 10",
            "did you mean `socks`?",
        ),
        (
            "expires = 2026-02-03T10:00:00Z",
            "10, column 11",
            "must be a day alone",
        ),
        ("ports = [0]", "10, column 9", "no port from 1 to 65535"),
        ("port = [80]", "10, column 1", "did you mean `ports`?"),
    ];
    let group = "[[groups]]\nname = \"proxies\"\nhosts = [\"10.0.0.2\"]\n";
    for (more, place, sentence) in cases {
        let fault = fault(&(group.to_owned() + &approval("a", more)));
        let is_told = fault.contains(&format!("line {place}\n")) && fault.contains(sentence);
        assert!(is_told, "{more}\n{fault}");
    }
    let twice = fault(&approval("a", "").repeat(2));
    assert!(
        twice.contains("line 8, column 8") && twice.contains("already approval `a`"),
        "{twice}"
    );
    let blank = fault(&approval("a", "").replace("net", " "));
    assert!(blank.contains("it must say something"), "{blank}");
    let nobody = fault("[[approvals]]\nname = \"a\"");
    assert!(nobody.contains("the key `relays` is missing"), "{nobody}");
}

#[test]
fn a_policy_is_printed_as_it_can_be_read() {
    let text =
        "[[groups]]\nname = \"g\"\nhosts = [\"10.0.0.0/8\"]\nvlans = [7]\nroles = [\"iot\"]\n"
            .to_owned()
            + &approval(
                "a",
                "relays = [\"g\", \"role:iot\"]\ntargets = [\".a.test\", \"::1\"]\nports = [80, \"81-89\"]\nmeans = [\"socks\"]\nlistens = [1080]\nexpires = 2026-11-21",
            );
    let config: Config = text.parse().unwrap();
    let printed = toml::to_string(&config).unwrap();
    assert_eq!(printed.parse::<Config>().unwrap(), config, "{printed}");
    assert!(
        printed.contains("expires = 2026-11-21") && printed.contains("ports = [80, \"81-89\"]"),
        "{printed}"
    );
}

/// Keys of an approval, and the same keys wider.
fn keys() -> impl Strategy<Value = (String, String)> {
    let choice = |key: &'static str, steps: &'static [&'static str]| {
        (0..steps.len(), 0..steps.len()).prop_map(move |(one, other)| {
            let line = |step: usize| match steps[step] {
                "" => String::new(),
                value => format!("{key} = {value}\n"),
            };
            (line(one.min(other)), line(one.max(other)))
        })
    };
    let lines = (
        choice(
            "relays",
            &[
                "[\"10.0.0.2\"]",
                "[\"10.0.0.0/30\", \"192.0.2.1\"]",
                "[\"10.0.0.0/30\", \"192.0.2.1\", \"g\"]",
                "[\"anyone\"]",
            ],
        ),
        choice(
            "clients",
            &[
                "[\"10.0.0.1\"]",
                "[\"10.0.0.0/29\"]",
                "[\"inside\"]",
                "[\"anyone\"]",
            ],
        ),
        choice(
            "targets",
            &[
                "[\"www.example.test\"]",
                "[\".example.test\"]",
                "[\".example.test\", \"192.0.2.0/24\"]",
                "",
            ],
        ),
        choice("ports", &["[443]", "[80, 443]", "[\"1-1024\"]", ""]),
        choice("listens", &["[1080]", "[\"1000-2000\"]", ""]),
        choice("means", &["[\"socks\"]", "[\"socks\", \"connect\"]", ""]),
        choice("expires", &["2026-11-19", "2026-11-20", "2026-11-21", ""]),
    );
    lines.prop_map(|(a, b, c, d, e, f, g)| {
        let lines = [a, b, c, d, e, f, g];
        let (narrow, wide): (Vec<String>, Vec<String>) = lines.into_iter().unzip();
        (narrow.concat(), wide.concat())
    })
}

fn any_finding() -> impl Strategy<Value = Value> {
    let ip = prop::sample::select(vec![
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.9.9",
        "192.0.2.1",
        "198.51.100.1",
    ]);
    let protocol = prop::sample::select(vec!["socks5", "http-connect", "gopher"]);
    let certainty = prop::sample::select(vec!["hint", "possible", "probable", "proven"]);
    let detector = prop::sample::select(vec!["socks-proxy", "relay"]);
    let day = prop::sample::select(vec!["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"]);
    let target = prop::sample::select(vec![
        Value::Null,
        json!({ "host": "www.example.test", "port": 443 }),
        json!({ "host": "example.test", "port": 80 }),
        json!({ "host": "other.test", "port": 8080 }),
        json!({ "ip": "192.0.2.7", "port": 443 }),
        json!({ "ip": "10.0.9.9", "port": 0 }),
    ]);
    let ends = (ip.clone(), ip, prop::sample::select(vec![1080, 4444]));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_u64);
    (ends, detector, certainty, protocol, day, target, flags).prop_map(
        |((client, server, port), detector, certainty, protocol, day, target, (midstream, reverse, swapped, opened))| {
            let targets = if target.is_null() { json!([]) } else { json!([{ "value": target, "count": 1 }]) };
            with(finding(), json!({
                "detector": detector, "certainty": certainty, "last_seen": format!("{day}T12:00:00Z"),
                "client": { "ip": client }, "server": { "ip": server, "port": port },
                "relay": if swapped { client } else { server }, "target": null,
                "evidence": { "protocols": [{ "value": protocol, "count": 1 }], "opened": opened, "targets": targets, "reverse": reverse },
                "quality": { "midstream": midstream },
            }))
        },
    )
}

/// The order of what is worse; a host that nobody knows is as bad as one that does what nobody approved.
fn rank(verdict: Verdict) -> Verdict {
    verdict.min(Verdict::Undeclared)
}

const GROUP: &str = "[[groups]]\nname = \"g\"\nhosts = [\"198.51.100.1\"]\nroles = [\"iot\"]\n";

proptest! {
    #[test]
    fn a_wider_approval_never_makes_it_worse((narrow, wide) in keys(), other in keys(), finding in any_finding()) {
        let of = |more: &str| {
            let text = GROUP.to_owned() + &approval("other", &other.0) + &approval("one", more);
            decide(&policy(&text), &finding)
        };
        let (narrow, wide) = (of(&narrow), of(&wide));
        prop_assert!(rank(wide.verdict) <= rank(narrow.verdict), "{narrow:?} {wide:?}");
        prop_assert!(wide.severity <= narrow.severity, "{narrow:?} {wide:?}");
    }

    #[test]
    fn a_wider_approval_covers_a_narrower_one((narrow, wide) in keys(), finding in any_finding()) {
        let text = GROUP.to_owned() + &approval("wide", &wide) + &approval("narrow", &narrow);
        let policy = policy(&text);
        let judgement = decide(&policy, &finding);
        prop_assert_ne!(judgement.rule.as_deref(), Some("narrow"));
    }

    #[test]
    fn what_is_approved_is_never_above_info((keys, _) in keys(), finding in any_finding()) {
        let judgement = decide(&policy(&(GROUP.to_owned() + &approval("a", &keys))), &finding);
        prop_assert!(judgement.verdict != Verdict::Approved || judgement.severity == Severity::Info);
        prop_assert_eq!(judgement.rule.is_some(), matches!(judgement.verdict, Verdict::Approved | Verdict::Expired));
    }

    #[test]
    fn judging_again_changes_nothing((keys, _) in keys(), finding in any_finding()) {
        let policy = policy(&(GROUP.to_owned() + &approval("a", &keys)));
        let once = policy.judge_line(finding.to_string().as_bytes()).unwrap();
        let twice = policy.judge_line(once.line.as_bytes()).unwrap();
        prop_assert_eq!(once.line, twice.line);
    }
}
