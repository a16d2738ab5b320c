//! Lists that say something, and remember where it was written.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

/// A list that is not empty. Each entry knows the bytes of the file where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Spanned<T>>")]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct List<T>(Vec<Spanned<T>>);

impl<T> List<T> {
    /// The entries, in the order they were written.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(Spanned::get_ref)
    }

    /// The entries, and the bytes where each stands.
    pub fn places(&self) -> impl Iterator<Item = (&T, Range<usize>)> {
        self.0.iter().map(|entry| (entry.get_ref(), entry.span()))
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(entries: Vec<T>) -> Self {
        Self(
            entries
                .into_iter()
                .map(|entry| Spanned::new(0..0, entry))
                .collect(),
        )
    }
}

impl<T> TryFrom<Vec<Spanned<T>>> for List<T> {
    type Error = &'static str;

    fn try_from(entries: Vec<Spanned<T>>) -> Result<Self, &'static str> {
        if entries.is_empty() {
            return Err("it must not be empty, for then nothing would ever fit");
        }
        Ok(Self(entries))
    }
}
