//! A report for a person: what failed and how it differs, what was written, and the counts.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::bless::Blessing;
use super::report::{Checked, Report};
use super::verdict::{Compared, Failure, Nearest, Verdict};

/// How words are set off from each other.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    name: Style,
    expected: Style,
    found: Style,
}

impl Paint {
    /// Not at all.
    pub const PLAIN: Self = Self {
        name: Style::new(),
        expected: Style::new(),
        found: Style::new(),
    };

    /// With the colours of a terminal.
    pub const COLOURS: Self = Self {
        name: Style::new().bold(),
        expected: AnsiColor::Red.on_default(),
        found: AnsiColor::Green.on_default(),
    };
}

/// What failed and the counts, without colour.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        write(&mut text, self, Paint::PLAIN).map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Writes what is not as expected, what was written, and the counts.
///
/// # Errors
///
/// If the output fails; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write(out: &mut impl Write, report: &Report, paint: Paint) -> io::Result<()> {
    for checked in report.checked() {
        if let Some(blessing) = &checked.blessing {
            blessed(out, blessing, paint)?;
        }
        if let Some(cut) = &checked.cut {
            writeln!(out, "cut {cut}")?;
        }
        match &checked.outcome {
            Ok(verdicts) => failed(out, checked, verdicts, paint)?,
            Err(unusable) => {
                heading(out, "UNUSABLE", checked, paint)?;
                let sentence = unusable.to_string();
                let mut lines = sentence.lines();
                lines.try_for_each(|line| writeln!(out, "  {line}"))?;
                writeln!(out)?;
            }
        }
    }
    writeln!(out, "{}", report.tally())
}

fn heading(out: &mut impl Write, word: &str, checked: &Checked, paint: Paint) -> io::Result<()> {
    let Paint { name, expected, .. } = paint;
    let subject = checked.subject.display();
    writeln!(out, "{expected}{word}{expected:#} {name}{subject}{name:#}")
}

fn blessed(out: &mut impl Write, blessing: &Blessing, paint: Paint) -> io::Result<()> {
    let word = if blessing.is_new { "wrote" } else { "changed" };
    let (file, name) = (blessing.file.display(), paint.name);
    writeln!(out, "{word} {name}{file}{name:#}")?;
    for line in &blessing.removed {
        marked(out, "  -", line, paint.expected)?;
    }
    for line in &blessing.added {
        marked(out, "  +", line, paint.found)?;
    }
    Ok(())
}

fn failed(
    out: &mut impl Write,
    checked: &Checked,
    verdicts: &[Verdict],
    paint: Paint,
) -> io::Result<()> {
    let mut failed = verdicts.iter().filter(|verdict| !verdict.is_met());
    let Some(first) = failed.next() else {
        return Ok(());
    };
    heading(out, "FAILED", checked, paint)?;
    for verdict in std::iter::once(first).chain(failed) {
        let (file, line) = (checked.file.display(), verdict.expectation.line);
        writeln!(out, "  {file}:{line}: {}", verdict.message())?;
        difference(out, verdict, paint)?;
    }
    writeln!(out)
}

/// Writes how what was found differs from an expectation that is not met.
///
/// # Errors
///
/// If the output fails.
pub fn difference(out: &mut impl Write, verdict: &Verdict, paint: Paint) -> io::Result<()> {
    let terms = verdict.expectation.matching.terms();
    let mut terms = terms.iter().map(ToString::to_string);
    match &verdict.failure {
        None => Ok(()),
        Some(Failure::TooFew(None)) => {
            terms.try_for_each(|term| marked(out, "    -", &term, paint.expected))
        }
        Some(Failure::TooFew(Some(nearest))) => compared(out, nearest, paint),
        Some(Failure::TooMany(names)) => {
            terms.try_for_each(|term| writeln!(out, "      {term}"))?;
            let mut listed = names.iter().take(LISTED);
            listed.try_for_each(|name| marked(out, "    +", name, paint.found))?;
            match names.len().saturating_sub(LISTED) {
                0 => Ok(()),
                more => writeln!(out, "      and {more} more"),
            }
        }
    }
}

fn compared(out: &mut impl Write, nearest: &Nearest, paint: Paint) -> io::Result<()> {
    writeln!(out, "    the nearest is: {}", nearest.name)?;
    let width = nearest.terms.iter().map(|term| term.key.len()).max();
    let width = width.unwrap_or_default();
    for Compared { key, wanted, found } in &nearest.terms {
        let line = |key: &str, value: &str| format!("{key:<width$}  {value}");
        match found {
            None => writeln!(out, "      {}", line(key, wanted))?,
            Some((path, found)) => {
                marked(out, "    -", &line(key, wanted), paint.expected)?;
                marked(out, "    +", &line(path, found), paint.found)?;
            }
        }
    }
    Ok(())
}

fn marked(out: &mut impl Write, mark: &str, line: &str, style: Style) -> io::Result<()> {
    writeln!(out, "{style}{mark} {line}{style:#}")
}

/// Findings that are named where there are too many.
const LISTED: usize = 10;
