//! Numbers of the configuration.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// A whole number between `MIN` and `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Number<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> TryFrom<i64> for Number<MIN, MAX> {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("must be between {MIN} and {MAX}, not {number}"))
        }
    }
}

impl<const MIN: i64, const MAX: i64> From<Number<MIN, MAX>> for i64 {
    fn from(number: Number<MIN, MAX>) -> Self {
        number.0
    }
}

impl<const MIN: i64, const MAX: i64> Number<MIN, MAX> {
    /// A default; clamped to the bounds.
    pub(super) const fn new(number: i64) -> Self {
        if number < MIN {
            Self(MIN)
        } else if number > MAX {
            Self(MAX)
        } else {
            Self(number)
        }
    }

    /// As a count.
    pub fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// As kibibytes, in bytes.
    pub fn kibibytes(self) -> usize {
        self.count().saturating_mul(1 << 10)
    }

    /// As mebibytes, in bytes.
    pub fn mebibytes(self) -> usize {
        self.count().saturating_mul(1 << 20)
    }

    pub(super) fn seconds(self) -> Span {
        Span::from_seconds(self.0)
    }
}
