//! Policies and findings made up for tests.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Policy;
use super::approvals::Approval;
use super::groups::{Assets, Group};
use super::networks::Networks;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    networks: Networks,
    groups: Vec<Group>,
    approvals: Vec<Approval>,
}

/// The policy of a text in TOML.
pub(crate) fn policy(text: &str) -> Policy {
    let written: Written = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    Policy::new(written.networks, written.groups, written.approvals)
}

/// The hosts of a text in TOML.
pub(crate) fn assets(text: &str) -> Assets {
    policy(text).assets
}

/// That 10.0.0.2:1080 served SOCKS to 10.0.0.1, for www.example.test:443.
pub(crate) fn finding() -> Value {
    json!({
        "schema": 1,
        "id": "6ce7fc502e3c42a0",
        "detector": "socks-proxy",
        "severity": "medium",
        "certainty": "proven",
        "verdict": "undeclared",
        "last_seen": "2026-11-21T08:14:28.728005Z",
        "client": { "ip": "10.0.0.1" },
        "server": { "ip": "10.0.0.2", "port": 1080 },
        "relay": "10.0.0.2",
        "mechanism": "proxy",
        "target": { "host": "www.example.test", "port": 443 },
        "evidence": {
            "protocols": [{ "value": "socks5", "count": 1 }],
            "opened": 1,
            "targets": [{ "value": { "host": "www.example.test", "port": 443 }, "count": 1 }],
        },
    })
}

/// A finding with other values; without those that are null.
pub(crate) fn with(mut finding: Value, others: Value) -> Value {
    let (Some(keys), Value::Object(others)) = (finding.as_object_mut(), others) else {
        panic!("no objects")
    };
    keys.extend(others);
    keys.retain(|_, value| !value.is_null());
    finding
}
