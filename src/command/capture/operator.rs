//! What the operator is told beside findings, on standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Where nobody listens any more there is nothing left to do.
pub(super) fn tell(what: impl Display) {
    let _ = writeln!(io::stderr(), "hopscope: {what}");
}
