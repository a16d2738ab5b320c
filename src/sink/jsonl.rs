//! JSON lines: one finding each.

use std::io::{self, Write};

use crate::finding::Finding;

/// Writes findings, one JSON object a line.
///
/// # Errors
///
/// If the output fails; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        serde_json::to_writer(&mut *out, finding)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
