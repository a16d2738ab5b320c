//! JUnit XML, as the dashboards of continuous integration read it: a test case for each expectation.
//!
//! The class is the capture. Times are 0, because a check reads no clock.

use std::io::{self, Write};

use super::report::{Checked, Report};
use super::text;
use super::verdict::Verdict;

/// Writes a report.
///
/// # Errors
///
/// If the output fails.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let tally = report.tally();
    let tests = tally.met + tally.failed + tally.unusable;
    let counts = format!(
        r#"tests="{tests}" failures="{}" errors="{}" skipped="0" time="0""#,
        tally.failed, tally.unusable
    );
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="hopscope check" {counts}>"#)?;
    writeln!(out, r#"  <testsuite name="hopscope check" {counts}>"#)?;
    for checked in report.checked() {
        cases(out, checked)?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn cases(out: &mut impl Write, checked: &Checked) -> io::Result<()> {
    match &checked.outcome {
        Ok(verdicts) => verdicts
            .iter()
            .try_for_each(|verdict| judged(out, checked, verdict)),
        Err(unusable) => {
            let sentence = unusable.to_string();
            let message = sentence.lines().next().unwrap_or_default();
            let name = "there are usable expectations";
            case(out, checked, name, Some(("error", message, &sentence)))
        }
    }
}

fn judged(out: &mut impl Write, checked: &Checked, verdict: &Verdict) -> io::Result<()> {
    let name = verdict.expectation.to_string();
    if verdict.is_met() {
        return case(out, checked, &name, None);
    }
    let mut told = Vec::new();
    let (file, line) = (checked.file.display(), verdict.expectation.line);
    writeln!(told, "{file}:{line}")?;
    text::difference(&mut told, verdict, text::Paint::PLAIN)?;
    if let Some(cut) = &checked.cut {
        writeln!(told, "the capture is cut: {cut}")?;
    }
    let (message, told) = (verdict.message(), String::from_utf8_lossy(&told));
    case(out, checked, &name, Some(("failure", &message, &told)))
}

fn case(
    out: &mut impl Write,
    checked: &Checked,
    name: &str,
    fault: Option<(&str, &str, &str)>,
) -> io::Result<()> {
    let class = escaped(&checked.subject.display().to_string());
    let file = escaped(&checked.file.display().to_string());
    let name = escaped(name);
    let attributes = format!(r#"classname="{class}" name="{name}" file="{file}" time="0""#);
    let Some((kind, message, told)) = fault else {
        return writeln!(out, "    <testcase {attributes}/>");
    };
    let (message, told) = (escaped(message), escaped(told));
    writeln!(out, "    <testcase {attributes}>")?;
    writeln!(out, r#"      <{kind} message="{message}">{told}</{kind}>"#)?;
    writeln!(out, "    </testcase>")
}

/// Text for elements and attributes. What XML 1.0 has no place for (section 2.2) becomes U+FFFD.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, char| {
        match char {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' => escaped += "\n",
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            control if control.is_control() => escaped.push('\u{fffd}'),
            char => escaped.push(char),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let cases = [
            ("a<b> & \"c\"", "a&lt;b&gt; &amp; &quot;c&quot;"),
            ("\u{1b}[31m\0", "\u{fffd}[31m\u{fffd}"),
            ("two\nlines", "two\nlines"),
            ("\u{fffe}\u{e9}", "\u{fffd}\u{e9}"),
        ];
        for (text, xml) in cases {
            assert_eq!(escaped(text), xml);
        }
    }
}
