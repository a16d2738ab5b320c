//! JSON lines: one finding each, or one host.

use std::io::{self, Write};

use serde::Serialize;

use crate::finding::Finding;
use crate::finding::story::Story;

/// Writes findings, one JSON object a line.
///
/// # Errors
///
/// If the output fails; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    lines(out, findings)
}

/// Writes the stories of hosts, one JSON object a line.
///
/// # Errors
///
/// If the output fails.
pub fn write_hosts(out: &mut impl Write, stories: &[Story]) -> io::Result<()> {
    lines(out, stories)
}

fn lines(out: &mut impl Write, objects: &[impl Serialize]) -> io::Result<()> {
    for object in objects {
        serde_json::to_writer(&mut *out, object)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
