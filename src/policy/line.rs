//! Findings as lines of JSON, judged without the captures: keys that are not known, and the order of keys, stay.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::usage::Use;
use super::{Judgement, Policy};
use crate::finding::Severity;

/// A line that was judged.
#[derive(Debug)]
pub struct Judged {
    /// The finding, with its new verdict.
    pub line: String,
    /// Its new severity.
    pub severity: Severity,
}

impl Policy {
    /// Judges a finding that was written as a line of JSON, as [`Policy::judge`] judges a finding.
    ///
    /// # Errors
    ///
    /// If it is no finding.
    pub fn judge_line(&self, line: &[u8]) -> Result<Judged, String> {
        let told = |error: serde_json::Error| error.to_string();
        let finding: Value = serde_json::from_slice(line).map_err(told)?;
        let judgement = self.decide(&Use::read(&finding)?);
        let mut object: Object = serde_json::from_slice(line).map_err(told)?;
        object.write(&judgement).map_err(told)?;
        Ok(Judged {
            line: serde_json::to_string(&object).map_err(told)?,
            severity: judgement.severity,
        })
    }
}

/// An object as it was written: each key with the very text of its value.
struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    fn write(&mut self, judgement: &Judgement) -> serde_json::Result<()> {
        self.set("severity", Some(&judgement.severity), "detector")?;
        self.set("verdict", Some(&judgement.verdict), "severity")?;
        self.set("rule", judgement.rule.as_ref(), "verdict")?;
        for (end, role) in [
            ("client", judgement.client_role),
            ("server", judgement.server_role),
        ] {
            if let Some(place) = self.place(end).and_then(|place| self.0.get_mut(place)) {
                let mut party: Object = serde_json::from_str(place.1.get())?;
                party.set("role", role.as_ref(), "name")?;
                place.1 = serde_json::value::to_raw_value(&party)?;
            }
        }
        Ok(())
    }

    /// Sets a key where it stands, or else behind another one, or last. Takes it out where there is no value.
    fn set(
        &mut self,
        key: &str,
        value: Option<&impl Serialize>,
        behind: &str,
    ) -> serde_json::Result<()> {
        let Some(value) = value else {
            self.0.retain(|(other, _)| other != key);
            return Ok(());
        };
        let value = serde_json::value::to_raw_value(value)?;
        match self.place(key).and_then(|place| self.0.get_mut(place)) {
            Some(known) => known.1 = value,
            None => {
                let place = self.place(behind).map_or(self.0.len(), |place| place + 1);
                self.0.insert(place, (key.to_owned(), value));
            }
        }
        Ok(())
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|(other, _)| other == key)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut keys, mut seen) = (Vec::new(), BTreeSet::new());
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    // Readers differ in which of two they believe.
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("`{key}` stands there twice")));
                    }
                    keys.push((key, value));
                }
                Ok(Object(keys))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::samples::policy;

    const POLICY: &str = r#"
        [[groups]]
        name = "proxies"
        hosts = ["10.0.0.2"]
        roles = ["proxy"]
        [[approvals]]
        name = "web"
        relays = ["proxies"]
        clients = ["inside"]
        owner = "net"
        reason = "the way out"
    "#;
    const OLD: &str = r#"{"z":1.10,"severity":"high","detector":"socks-proxy","certainty":"proven","verdict":"undeclared","last_seen":"2026-11-21T08:14:28.728005Z","client":{"ip":"10.0.0.1"},"server":{"ip":"10.0.0.2","later":{"b":1e3,"a":[]},"port":1080},"new":"\u00e4"}"#;
    const NEW: &str = r#"{"z":1.10,"severity":"info","detector":"socks-proxy","certainty":"proven","verdict":"approved","rule":"web","last_seen":"2026-11-21T08:14:28.728005Z","client":{"ip":"10.0.0.1"},"server":{"ip":"10.0.0.2","later":{"b":1e3,"a":[]},"port":1080,"role":"proxy"},"new":"\u00e4"}"#;

    #[test]
    fn a_line_keeps_what_is_not_judged() {
        let judged = policy(POLICY).judge_line(OLD.as_bytes()).unwrap();
        assert_eq!(
            (judged.line.as_str(), judged.severity),
            (NEW, Severity::Info)
        );
    }

    #[test]
    fn a_line_that_is_judged_again_says_the_same() {
        let again = policy(POLICY).judge_line(NEW.as_bytes()).unwrap();
        assert_eq!(again.line, NEW);
    }

    #[test]
    fn what_no_longer_holds_is_taken_back() {
        let judged = policy("").judge_line(NEW.as_bytes()).unwrap();
        assert_eq!(judged.line, OLD.replace("high", "medium"));
    }

    #[test]
    fn what_is_no_finding_is_an_error() {
        let twice = OLD.replacen('{', "{\"verdict\":\"approved\",", 1);
        for line in [
            "",
            "{",
            "[]",
            "7",
            "{}",
            "{\"detector\":1}",
            "\u{1}",
            &twice,
        ] {
            assert!(policy("").judge_line(line.as_bytes()).is_err(), "{line}");
        }
    }
}
