//! What a finding must be like: the terms of a match, each a path into its JSON, an operator and a value.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

use super::operator::Operator;
use super::path::Path;
use super::words::{ranks, words};

/// Terms that hold together. Without terms it fits every finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    terms: Vec<Term>,
}

impl Match {
    /// A match of terms.
    pub fn new(mut terms: Vec<Term>) -> Self {
        terms.sort_by_key(|term| term.path.place());
        Self { terms }
    }

    /// The terms, in the order of the schema.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether every term holds for the JSON of a finding.
    pub fn fits(&self, finding: &Value) -> bool {
        self.terms.iter().all(|term| term.holds(finding))
    }
}

/// One thing that must be true of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    path: Path,
    operator: Operator,
    value: Value,
}

impl Term {
    /// A term with a value that its operator can work with.
    ///
    /// # Errors
    ///
    /// If it cannot, or if no finding could ever have the value.
    pub fn new(path: Path, operator: Operator, value: Value) -> Result<Self, String> {
        let wanted = match operator {
            Operator::Equals => fault_of_equality(&path, &value),
            Operator::Find | Operator::StartsWith | Operator::EndsWith => {
                (!value.is_string()).then(|| "a string".to_owned())
            }
            Operator::Contains => {
                know(&path.to_string(), &value)?;
                return Ok(Self::contains(path, value));
            }
            Operator::Length => (!value.is_u64()).then(|| "a whole number".to_owned()),
            Operator::Greater | Operator::AtLeast | Operator::Less | Operator::AtMost => {
                fault_of_bound(&path, &value)
            }
            Operator::HasKey | Operator::NotHasKey => None,
        };
        match wanted {
            Some(wanted) => Err(format!("`{path}{operator}` must be {wanted}, not {value}")),
            None => Ok(Self {
                path,
                operator,
                value,
            }),
        }
    }

    /// That a finding has the value.
    ///
    /// # Errors
    ///
    /// If no finding could ever have it.
    pub fn equals(path: &str, value: impl Into<Value>) -> Result<Self, String> {
        Self::new(Path::new(path)?, Operator::Equals, value.into())
    }

    fn contains(path: Path, value: Value) -> Self {
        Self {
            path,
            operator: Operator::Contains,
            value: match value {
                Value::Array(wanted) => wanted.into(),
                one => vec![one].into(),
            },
        }
    }

    /// Whether it is true of the JSON of a finding. Where the path leads to several values, one is enough.
    pub fn holds(&self, finding: &Value) -> bool {
        let values = self.path.values(finding);
        match self.operator {
            Operator::HasKey => !values.is_empty(),
            Operator::NotHasKey => values.is_empty(),
            _ => values.into_iter().any(|value| self.holds_for(value)),
        }
    }

    fn holds_for(&self, value: &Value) -> bool {
        let texts = value.as_str().zip(self.value.as_str());
        let text = |test: fn(&str, &str) -> bool| texts.is_some_and(|(a, b)| test(a, b));
        let order = || order(&self.path, value, &self.value);
        match self.operator {
            Operator::Equals => *value == self.value,
            Operator::Find => text(|value, part| value.contains(part)),
            Operator::StartsWith => text(|value, part| value.starts_with(part)),
            Operator::EndsWith => text(|value, part| value.ends_with(part)),
            Operator::Contains => contains_all(value, &self.value),
            Operator::Length => length(value) == self.value.as_u64(),
            Operator::Greater => order().is_some_and(Ordering::is_gt),
            Operator::AtLeast => order().is_some_and(Ordering::is_ge),
            Operator::Less => order().is_some_and(Ordering::is_lt),
            Operator::AtMost => order().is_some_and(Ordering::is_le),
            Operator::HasKey | Operator::NotHasKey => false,
        }
    }

    /// Where it looks.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its key as it is written: a path and the operator's name.
    pub fn key(&self) -> String {
        match self.operator {
            Operator::HasKey | Operator::NotHasKey => self.operator.to_string(),
            _ => format!("{}{}", self.path, self.operator),
        }
    }

    /// The value that it wants.
    pub fn value(&self) -> Value {
        match self.operator {
            Operator::HasKey | Operator::NotHasKey => self.path.to_string().into(),
            _ => self.value.clone(),
        }
    }

    /// What a finding has there.
    pub fn found<'v>(&self, finding: &'v Value) -> Vec<&'v Value> {
        self.path.values(finding)
    }
}

/// `client.ip 10.0.0.1`, `sessions.__gte 2`, `has-key target`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key(), plain(&self.value()))
    }
}

/// A value for people: a string without quotes where it can do without.
pub(super) fn plain(value: &Value) -> String {
    let bare = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    match value.as_str().filter(bare) {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

/// What the value must be instead, if no finding could be equal to it.
fn fault_of_equality(path: &Path, value: &Value) -> Option<String> {
    if !value.is_array() && !path.is_leaf() {
        return Some("a table".to_owned());
    }
    let words = words(&path.to_string())?;
    let known = words.iter().any(|word| value.as_str() == Some(word));
    (!known).then(|| format!("one of {}", words.join(", ")))
}

/// What the value must be instead, if nothing can be compared with it.
fn fault_of_bound(path: &Path, value: &Value) -> Option<String> {
    match ranks(&path.to_string()) {
        Some(_) => fault_of_equality(path, value),
        None => (!value.is_number()).then(|| "a number".to_owned()),
    }
}

fn order(path: &Path, value: &Value, bound: &Value) -> Option<Ordering> {
    if let Some(words) = ranks(&path.to_string()) {
        let rank = |value: &Value| words.iter().position(|&word| value.as_str() == Some(word));
        return Some(rank(value)?.cmp(&rank(bound)?));
    }
    value.as_f64()?.partial_cmp(&bound.as_f64()?)
}

/// Checks that the keys of tables stand below a path in findings.
fn know(path: &str, wanted: &Value) -> Result<(), String> {
    match wanted {
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            let path = format!("{path}.{key}");
            Path::new(&path)?;
            know(&path, value)
        }),
        Value::Array(elements) => elements.iter().try_for_each(|element| know(path, element)),
        _ => Ok(()),
    }
}

fn contains_all(list: &Value, wanted: &Value) -> bool {
    let (Some(elements), Some(wanted)) = (list.as_array(), wanted.as_array()) else {
        return false;
    };
    wanted
        .iter()
        .all(|wanted| elements.iter().any(|element| is_like(element, wanted)))
}

/// Whether a value has everything that is wanted; of a table, the keys that are named.
fn is_like(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(fields), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            let field = fields.get(key);
            field.is_some_and(|field| is_like(field, wanted))
        }),
        _ => value == wanted,
    }
}

fn length(value: &Value) -> Option<u64> {
    let length = match value {
        Value::Array(elements) => elements.len(),
        Value::String(text) => text.chars().count(),
        Value::Object(fields) => fields.len(),
        _ => return None,
    };
    u64::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finding() -> Value {
        json!({
            "detector": "socks-proxy",
            "severity": "medium",
            "certainty": "proven",
            "sessions": 3,
            "confidence": 0.99,
            "client": {"ip": "10.9.1.10"},
            "server": {"ip": "10.9.2.20", "port": 1080},
            "target": {"host": "web.example.test", "port": 80},
            "attack": [{"technique": "T1090"}, {"technique": "T1090.001"}],
            "evidence": {"targets": [
                {"value": {"host": "web.example.test", "port": 80}, "count": 2},
                {"value": {"ip": "192.0.2.80", "port": 443}, "count": 1},
            ]},
        })
    }

    fn term(key: &str, value: &Value) -> Result<Term, String> {
        let (path, operator) = match key.split_once(".__") {
            Some((path, suffix)) => (path, Operator::from_suffix(&format!("__{suffix}"))?),
            None => (key, Operator::Equals),
        };
        Term::new(Path::new(path)?, operator, value.clone())
    }

    #[test]
    fn operators_mean_what_suricata_verify_means_by_them() {
        let cases = [
            ("server.port", json!(1080), true),
            ("server.port", json!(1081), false),
            ("server.port", json!("1080"), false),
            ("client.port", json!(1080), false),
            ("target.host.__find", json!("example"), true),
            ("target.host.__find", json!("Example"), false),
            ("server.port.__find", json!("10"), false),
            ("target.host.__startswith", json!("web."), true),
            ("target.host.__startswith", json!("example"), false),
            ("target.host.__endswith", json!(".test"), true),
            ("target.host.__endswith", json!("web."), false),
            ("attack.__len", json!(2), true),
            ("attack.__len", json!(1), false),
            ("target.host.__len", json!(16), true),
            ("sessions.__len", json!(1), false),
            ("sessions.__gt", json!(2), true),
            ("sessions.__gt", json!(3), false),
            ("sessions.__gte", json!(3), true),
            ("sessions.__lt", json!(3), false),
            ("sessions.__lte", json!(3), true),
            ("confidence.__gte", json!(0.9), true),
            ("target.host.__gte", json!(0), false),
            ("severity.__gte", json!("low"), true),
            ("severity.__gte", json!("high"), false),
            ("certainty.__lt", json!("proven"), false),
            ("attack.technique", json!("T1090.001"), true),
            ("attack[0].technique", json!("T1090.001"), false),
            ("attack.__contains", json!({"technique": "T1090.001"}), true),
            (
                "attack.__contains",
                json!([{"technique": "T1090"}, {"technique": "T1095"}]),
                false,
            ),
            (
                "evidence.targets.__contains",
                json!({"value": {"port": 80}}),
                true,
            ),
            (
                "evidence.targets.__contains",
                json!({"value": {"host": "web.example.test", "port": 443}}),
                false,
            ),
        ];
        for (key, value, holds) in cases {
            let term = term(key, &value).unwrap();
            assert_eq!(term.holds(&finding()), holds, "{term}");
        }
    }

    #[test]
    fn what_could_never_be_is_refused() {
        let cases = [
            ("client", json!("10.9.1.10"), "`client` must be a table"),
            (
                "detector",
                json!("sock-proxy"),
                "must be one of socks-proxy, http-connect-proxy",
            ),
            ("severity", json!("mediun"), "must be one of info, low"),
            ("severity.__gt", json!(2), "must be one of info, low"),
            ("sessions.__gt", json!("2"), "must be a number, not \"2\""),
            ("target.host.__find", json!(7), "must be a string, not 7"),
            ("attack.__len", json!(-1), "must be a whole number, not -1"),
            ("sessions.__gtr", json!(1), "unknown field `__gtr`"),
            (
                "attack.__contains",
                json!({"tecnique": "T1090"}),
                "unknown field `attack.tecnique`",
            ),
        ];
        for (key, value, part) in cases {
            let error = term(key, &value).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
