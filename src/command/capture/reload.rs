//! A configuration that is read again while a capture runs.

use std::collections::BTreeMap;

use toml::Value;

use crate::config::Config;

/// What is different, one sentence for each key, and whether it counts at once.
pub(super) fn changes(before: &Config, now: &Config) -> Vec<String> {
    let [before, now] = [before, now].map(leaves);
    let mut keys: Vec<&String> = before.keys().chain(now.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let change = |key: &String| {
        let what = match (before.get(key), now.get(key)) {
            (Some(before), Some(now)) if before == now => return None,
            (Some(before), Some(now)) => format!("is {now} and was {before}"),
            (None, Some(now)) => format!("is {now} and was not there"),
            (before, None) => format!("is gone and was {}", before.map_or("", String::as_str)),
        };
        Some(format!("{key} {what}{}", when(key)))
    };
    keys.into_iter().filter_map(change).collect()
}

/// Verdicts follow the new configuration; what sizes tables and threads cannot.
fn when(key: &str) -> &'static str {
    let is_policy = ["networks.", "groups.", "approvals."]
        .iter()
        .any(|section| key.starts_with(section));
    if is_policy {
        ""
    } else {
        "; this counts after a restart"
    }
}

fn leaves(config: &Config) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    if let Ok(table) = Value::try_from(config) {
        gather(String::new(), &table, &mut leaves);
    }
    leaves
}

fn gather(key: String, value: &Value, leaves: &mut BTreeMap<String, String>) {
    let below = |name: &str| {
        if key.is_empty() {
            name.to_owned()
        } else {
            format!("{key}.{name}")
        }
    };
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                gather(below(name), value, leaves);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_table) => {
            for (number, value) in values.iter().enumerate() {
                let name = value.get("name").and_then(Value::as_str);
                let name = name.map_or_else(|| (number + 1).to_string(), str::to_owned);
                gather(below(&name), value, leaves);
            }
        }
        other => {
            leaves.insert(key, other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_a_sentence() {
        const GROUP: &str =
            "[[groups]]\nname = \"webs\"\nhosts = [\"10.0.0.1\"]\nroles = [\"proxy\"]\n";
        let cases: [(&str, &str, &[&str]); 5] = [
            ("", "", &[]),
            (
                "",
                "[flows]\nmax = 64",
                &["flows.max is 64 and was 1048576; this counts after a restart"],
            ),
            (
                "",
                "[networks]\ninside = [\"10.0.0.0/8\"]",
                &["networks.inside is [\"10.0.0.0/8\"] and was "],
            ),
            (
                "",
                GROUP,
                &[
                    "groups.webs.hosts is [\"10.0.0.1\"] and was not there",
                    "groups.webs.name is \"webs\" and was not there",
                    "groups.webs.roles is [\"proxy\"] and was not there",
                ],
            ),
            (
                GROUP,
                &GROUP.replace(".1\"", ".2\""),
                &["groups.webs.hosts is [\"10.0.0.2\"] and was [\"10.0.0.1\"]"],
            ),
        ];
        for (before, now, expected) in cases {
            let changes = changes(&before.parse().unwrap(), &now.parse().unwrap());
            assert_eq!(changes.len(), expected.len(), "{changes:?}");
            for (change, start) in changes.iter().zip(expected) {
                assert!(change.starts_with(start), "{change}");
            }
        }
    }
}
