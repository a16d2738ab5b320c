//! Operators of a match: the suffixes of suricata-verify, behind a path.

use std::fmt;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// It is the value.
    Equals,
    /// It has the string in it.
    Find,
    /// It begins with the string.
    StartsWith,
    /// It ends with the string.
    EndsWith,
    /// It is a list that has the value in it, or all of a list of values. A table fits an element that has its keys.
    Contains,
    /// It is a list or a string of this length.
    Length,
    /// It is greater.
    Greater,
    /// It is as great or greater.
    AtLeast,
    /// It is less.
    Less,
    /// It is as great or less.
    AtMost,
    /// There is something.
    HasKey,
    /// There is nothing.
    NotHasKey,
}

impl Operator {
    /// The operator of a suffix.
    ///
    /// # Errors
    ///
    /// If there is none; the sentence names those there are.
    pub fn from_suffix(suffix: &str) -> Result<Self, String> {
        let known = SUFFIXES.iter().find(|(name, _)| *name == suffix);
        known.map(|&(_, operator)| operator).ok_or_else(|| {
            let names: Vec<&str> = SUFFIXES.iter().map(|&(name, _)| name).collect();
            format!(
                "unknown field `{suffix}`, expected one of `{}`",
                names.join("`, `")
            )
        })
    }
}

/// The suffix behind a path, or nothing for equality.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HasKey => f.write_str(HAS_KEY),
            Self::NotHasKey => f.write_str(NOT_HAS_KEY),
            operator => match SUFFIXES.iter().find(|(_, known)| known == operator) {
                Some((suffix, _)) => write!(f, ".{suffix}"),
                None => Ok(()),
            },
        }
    }
}

/// The key whose value is a path that must lead to something.
pub(super) const HAS_KEY: &str = "has-key";
/// The key whose value is a path that must lead nowhere.
pub(super) const NOT_HAS_KEY: &str = "not-has-key";

const SUFFIXES: [(&str, Operator); 9] = [
    ("__find", Operator::Find),
    ("__startswith", Operator::StartsWith),
    ("__endswith", Operator::EndsWith),
    ("__contains", Operator::Contains),
    ("__len", Operator::Length),
    ("__gt", Operator::Greater),
    ("__gte", Operator::AtLeast),
    ("__lt", Operator::Less),
    ("__lte", Operator::AtMost),
];
