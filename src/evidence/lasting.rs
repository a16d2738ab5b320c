//! What a session that does not end says of itself.

use super::Session;
use super::weighed::Weights;
use crate::facts::Traffic;
use crate::facts::lasting::Lasted;
use crate::time::Span;

/// A session that has come to an age at which it is told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Lasting {
    /// The age of the schedule.
    pub age: Span,
    /// From its first segment to the newest when it was told.
    pub lasted: Span,
    /// Whether it was told before, at a lower age.
    pub again: bool,
    /// What is spoken in it, if that was read.
    pub protocol: Option<&'static str>,
    /// What it carried when it was told.
    pub traffic: Traffic,
    /// What makes it worth a look, and what does not.
    pub weights: Weights,
}

impl From<&Lasted> for Session {
    fn from(lasted: &Lasted) -> Self {
        Self {
            last_seen: lasted.last_seen,
            ..Self::from(&lasted.flow)
        }
    }
}
