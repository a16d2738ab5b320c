//! A page: labels on the left, text behind them, broken where the page ends.

use std::io::{self, Write};

use anstyle::Style;

use super::{NARROWEST, WIDEST};
use crate::time::Span;

/// A page that is being written.
pub(super) struct Page<'a, W> {
    pub(super) out: &'a mut W,
    width: usize,
}

impl<'a, W: Write> Page<'a, W> {
    pub(super) fn new(out: &'a mut W, width: usize) -> Self {
        let width = width.clamp(NARROWEST, WIDEST);
        Self { out, width }
    }

    /// Columns from edge to edge.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A sentence at the head of the page, behind a word in a style of its own.
    pub(super) fn title(&mut self, word: &str, style: Style, sentence: &str) -> io::Result<()> {
        let indent = columns(word) + 2;
        let mut start = format!("{style}{word}{style:#}  ");
        for piece in wrap(sentence, self.width.saturating_sub(indent)) {
            writeln!(self.out, "{start}{BOLD}{piece}{BOLD:#}")?;
            start = " ".repeat(indent);
        }
        Ok(())
    }

    /// Ends a block of lines that belong together.
    pub(super) fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A label and a text; nothing where there is no text.
    pub(super) fn line(&mut self, label: &str, text: &str) -> io::Result<()> {
        self.lines(label, [text.to_owned()])
    }

    /// A label and its texts, each on lines of its own; nothing where there is none.
    pub(super) fn lines(
        &mut self,
        label: &str,
        texts: impl IntoIterator<Item = String>,
    ) -> io::Result<()> {
        let mut label = label;
        for text in texts {
            for line in text.lines().filter(|line| !line.is_empty()) {
                for piece in wrap(line, self.width.saturating_sub(LABEL + 1)) {
                    writeln!(self.out, "{DIM}{label:<LABEL$}{DIM:#} {piece}")?;
                    label = "";
                }
            }
        }
        Ok(())
    }

    /// A detail of the line above.
    pub(super) fn detail(&mut self, label: &str, text: &str) -> io::Result<()> {
        let mut label = label;
        let indent = LABEL + 3;
        for piece in wrap(text, self.width.saturating_sub(indent + DETAIL + 1)) {
            writeln!(
                self.out,
                "{:indent$}{DIM}{label:<DETAIL$}{DIM:#} {piece}",
                ""
            )?;
            label = "";
        }
        Ok(())
    }
}

/// Breaks a line that is too long between words. Leading spaces are kept, on each piece.
fn wrap(line: &str, width: usize) -> Vec<String> {
    if columns(line) <= width {
        return vec![line.to_owned()];
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    let indent = " ".repeat(indent);
    let mut pieces: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        match pieces.last_mut() {
            Some(piece) if columns(piece) + 1 + columns(word) <= width => {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(format!("{indent}{word}")),
        }
    }
    pieces
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// `120 µs`, `58.305 ms`, `12.500 s`, `2 h 05 min 09 s`.
pub(super) fn span(span: Span) -> String {
    let micros = span.nanos() / 1_000;
    let seconds = micros / 1_000_000;
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match seconds {
        0 if micros < 1_000 => format!("{micros} µs"),
        0 => format!("{}.{:03} ms", micros / 1_000, micros % 1_000),
        1..60 => format!("{seconds}.{:03} s", micros / 1_000 % 1_000),
        60..3_600 => format!("{minutes} min {rest:02} s"),
        _ => format!("{} h {:02} min {rest:02} s", minutes / 60, minutes % 60),
    }
}

/// Columns of the labels.
pub(super) const LABEL: usize = 12;
/// Columns of the labels of details.
const DETAIL: usize = 12;
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let cases: [(&str, &[&str]); 5] = [
            ("", &[""]),
            ("one   two", &["one   two"]),
            ("one two three", &["one two", "three"]),
            ("  one two three", &["  one two", "  three"]),
            (
                "a-word-that-is-too-long ×2",
                &["a-word-that-is-too-long", "×2"],
            ),
        ];
        for (line, pieces) in cases {
            assert_eq!(wrap(line, 9), pieces, "{line}");
        }
    }

    #[test]
    fn spans_are_told_in_units_that_fit() {
        let cases = [
            (0, "0 µs"),
            (999, "999 µs"),
            (58_305, "58.305 ms"),
            (12_500_999, "12.500 s"),
            (60_000_000, "1 min 00 s"),
            (7_509_999_999, "2 h 05 min 09 s"),
        ];
        for (micros, text) in cases {
            assert_eq!(span(Span::from_micros(micros)), text);
        }
    }
}
