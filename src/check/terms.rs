//! Reads a match from TOML: a table whose keys are paths, written whole (`"client.ip"`) or as tables in tables.

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::matching::{Match, Term};
use super::operator::{HAS_KEY, NOT_HAS_KEY, Operator};
use super::path::Path;

impl<'de> Deserialize<'de> for Match {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut terms = Vec::new();
        deserializer.deserialize_map(Table {
            above: None,
            terms: &mut terms,
        })?;
        Ok(Self::new(terms))
    }
}

/// The match itself, or a table in it that is reached by a path.
struct Table<'a> {
    above: Option<&'a Path>,
    terms: &'a mut Vec<Term>,
}

impl<'de> Visitor<'de> for Table<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a table of keys and values that a finding must have")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Above(self.above))? {
            let terms = &mut *self.terms;
            map.next_value_seed(Entry { key, terms })?;
        }
        Ok(())
    }
}

/// Reads a key that stands below a path.
struct Above<'a>(Option<&'a Path>);

/// What a key asks for.
struct Key {
    /// None where the value is the path.
    path: Option<Path>,
    operator: Operator,
}

impl<'de> DeserializeSeed<'de> for Above<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        let text = String::deserialize(deserializer)?;
        self.key(&text).map_err(de::Error::custom)
    }
}

impl Above<'_> {
    fn key(&self, text: &str) -> Result<Key, String> {
        let operator = match (self.0, text) {
            (None, HAS_KEY) => Operator::HasKey,
            (None, NOT_HAS_KEY) => Operator::NotHasKey,
            _ => return self.path(text),
        };
        Ok(Key {
            path: None,
            operator,
        })
    }

    fn path(&self, text: &str) -> Result<Key, String> {
        let (below, operator) = match text.find("__") {
            Some(at) => {
                let (path, suffix) = text.split_at(at);
                (path.trim_end_matches('.'), Operator::from_suffix(suffix)?)
            }
            None => (text, Operator::Equals),
        };
        let path = match (self.0, below) {
            (Some(above), "") => above.clone(),
            (Some(above), below) => Path::new(&format!("{above}.{below}"))?,
            (None, below) => Path::new(below)?,
        };
        Ok(Key {
            path: Some(path),
            operator,
        })
    }
}

/// Reads the value of a key.
struct Entry<'a> {
    key: Key,
    terms: &'a mut Vec<Term>,
}

impl Entry<'_> {
    fn add<E: de::Error>(self, value: Value) -> Result<(), E> {
        let Key { path, operator } = self.key;
        let terms = match path {
            Some(path) => vec![Term::new(path, operator, value)],
            None => paths(value)
                .map_err(E::custom)?
                .into_iter()
                .map(|path| Term::new(path, operator, Value::Null))
                .collect(),
        };
        for term in terms {
            self.terms.push(term.map_err(E::custom)?);
        }
        Ok(())
    }
}

/// The paths that `has-key` names: one, or a list of them.
fn paths(value: Value) -> Result<Vec<Path>, String> {
    let several = match value {
        Value::Array(several) => several,
        one => vec![one],
    };
    several
        .iter()
        .map(|path| match path {
            Value::String(text) => Path::new(text),
            other => Err(format!("must be a key or a list of keys, not {other}")),
        })
        .collect()
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("what a finding must have there")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match &self.key {
            Key {
                path: Some(path),
                operator: Operator::Equals,
            } => Table {
                above: Some(path),
                terms: self.terms,
            }
            .visit_map(map),
            _ => self.add(Value::deserialize(MapAccessDeserializer::new(map))?),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.add(Value::deserialize(SeqAccessDeserializer::new(seq))?)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.add(text.into())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.add(number.into())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.add(number.into())
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<(), E> {
        self.add(truth.into())
    }
}
