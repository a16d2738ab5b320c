//! Dotted paths into the JSON of a finding: `server.port`, `flows[0].client.ip`, `evidence.targets.value.host`,
//! `names.192.0.2.80`.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use crate::finding::keys::{BY_ADDRESS, KEYS};

/// A path that the schema of findings knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
    is_leaf: bool,
    place: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    /// A place in a list, from 0.
    Index(usize),
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// If no finding has such a key; the sentence names the keys there are.
    pub fn new(text: &str) -> Result<Self, String> {
        let steps = steps(text).ok_or_else(|| format!("`{text}` is not a path"))?;
        let names: Vec<&str> = steps.iter().filter_map(Step::name).collect();
        let place = place(&names).ok_or_else(|| unknown(&names))?;
        // The table by address is a key of the schema, but the values are in it.
        let is_by_address = names.first() == Some(&BY_ADDRESS);
        let is_key = KEYS.get(place) == Some(&names.join(".").as_str());
        Ok(Self {
            text: text.to_owned(),
            is_leaf: is_key != is_by_address,
            place,
            steps,
        })
    }

    /// Whether findings have a value of its own there, and not further keys.
    pub fn is_leaf(&self) -> bool {
        self.is_leaf
    }

    /// Its place in the schema, to sort by.
    pub fn place(&self) -> usize {
        self.place
    }

    /// Every value it leads to. Where a name meets a list, it leads into each element.
    pub fn values<'v>(&self, finding: &'v Value) -> Vec<&'v Value> {
        let mut values = Vec::new();
        follow(&self.steps, finding, &mut values);
        values
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Step {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Index(_) => None,
        }
    }
}

fn follow<'v>(steps: &[Step], value: &'v Value, values: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else {
        values.extend((!value.is_null()).then_some(value));
        return;
    };
    match (step, value) {
        (Step::Name(name), Value::Object(fields)) => {
            if let Some(value) = fields.get(name) {
                follow(rest, value, values);
            }
        }
        (Step::Name(_), Value::Array(elements)) => {
            for element in elements {
                follow(steps, element, values);
            }
        }
        (Step::Index(index), Value::Array(elements)) => {
            if let Some(value) = elements.get(*index) {
                follow(rest, value, values);
            }
        }
        _ => {}
    }
}

/// `a.b[0]` is the name a, the name b and the index 0.
fn steps(text: &str) -> Option<Vec<Step>> {
    if let Some((BY_ADDRESS, address)) = text.split_once('.') {
        let address: IpAddr = address.parse().ok()?;
        let names = [BY_ADDRESS.to_owned(), address.to_string()];
        return Some(names.map(Step::Name).to_vec());
    }
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (name, indexes) = match part.split_once('[') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(']')?)),
            None => (part, None),
        };
        steps.push(Step::Name(some_name(name)?));
        for index in indexes.into_iter().flat_map(|indexes| indexes.split("][")) {
            steps.push(Step::Index(index.parse().ok()?));
        }
    }
    Some(steps)
}

fn some_name(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

/// The place of the first key that begins with these names.
fn place(names: &[&str]) -> Option<usize> {
    let names = match names {
        [BY_ADDRESS, _] => &[BY_ADDRESS],
        names => names,
    };
    KEYS.iter().position(|key| {
        let mut key = key.split('.');
        names.iter().all(|&name| key.next() == Some(name))
    })
}

/// Names the keys beside the first one that is not known, in the words of serde.
fn unknown(names: &[&str]) -> String {
    let known = (1..=names.len())
        .map(|count| names.get(..count).unwrap_or_default())
        .take_while(|names| place(names).is_some())
        .last()
        .unwrap_or_default();
    let wrong: Vec<&str> = names.iter().copied().take(known.len() + 1).collect();
    let mut beside: Vec<String> = KEYS
        .iter()
        .map(|key| key.split('.').take(wrong.len()).collect::<Vec<_>>())
        .filter(|key| key.len() == wrong.len() && key.starts_with(known))
        .map(|key| key.join("."))
        .collect();
    beside.dedup();
    let (wrong, beside) = (wrong.join("."), beside.join("`, `"));
    if beside.is_empty() {
        return format!("nothing is below `{}`", known.join("."));
    }
    format!("unknown field `{wrong}`, expected one of `{beside}`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn leads_to_values_through_lists() {
        let finding = json!({
            "client": {"ip": "10.0.0.1"},
            "flows": [{"client": {"port": 1}}, {"client": {"port": 2}}],
            "evidence": {"hops": [{"value": [{"protocol": "socks5"}, {"protocol": "tls"}], "count": 1}]},
            "relay": null,
            "names": {"192.0.2.80": "web", "2001:db8::1": "six"},
        });
        let cases = [
            ("client.ip", json!(["10.0.0.1"])),
            ("client.port", json!([])),
            ("flows.client.port", json!([1, 2])),
            ("flows[1].client.port", json!([2])),
            ("flows[2].client.port", json!([])),
            ("evidence.hops.value.protocol", json!(["socks5", "tls"])),
            ("evidence.hops[0].value[1].protocol", json!(["tls"])),
            ("relay", json!([])),
            ("names.192.0.2.80", json!(["web"])),
            ("names.2001:DB8:0::1", json!(["six"])),
            ("names.192.0.2.81", json!([])),
            ("client[0]", json!([])),
        ];
        for (path, values) in cases {
            let found = json!(Path::new(path).unwrap().values(&finding));
            assert_eq!(found, values, "{path}");
        }
    }

    #[test]
    fn knows_the_schema() {
        let cases = [
            (
                "client.iq",
                "unknown field `client.iq`, expected one of `client.ip`, `client.port`",
            ),
            (
                "clients.ip",
                "unknown field `clients`, expected one of `schema`, `id`,",
            ),
            ("sessions.count", "nothing is below `sessions`"),
            ("", "`` is not a path"),
            ("names.web", "`names.web` is not a path"),
            ("flows[", "`flows[` is not a path"),
            ("flows[]", "`flows[]` is not a path"),
            ("flows[x]", "`flows[x]` is not a path"),
            ("flows[0", "`flows[0` is not a path"),
            ("[0]", "`[0]` is not a path"),
            ("client..ip", "`client..ip` is not a path"),
        ];
        for (path, sentence) in cases {
            let error = Path::new(path).unwrap_err();
            assert!(error.starts_with(sentence), "{error}");
        }
        for (path, is_leaf) in [
            ("client", false),
            ("client.ip", true),
            ("evidence.hops", false),
            ("flows[0]", false),
            ("names", false),
            ("names.192.0.2.80", true),
        ] {
            assert_eq!(Path::new(path).unwrap().is_leaf(), is_leaf, "{path}");
        }
    }
}
