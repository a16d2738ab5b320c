//! Payload sizes of both directions, side by side on one scale.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::page::{DIM, LABEL, Page};
use crate::facts::SizeBin;

/// Draws one line for each range of sizes that either side used: the range in bytes, and for each side a bar and how
/// many payloads it stands for. Ranges that nobody used are left out, with dots in their place.
pub(super) fn draw<W: Write>(
    page: &mut Page<'_, W>,
    client: &[SizeBin],
    server: &[SizeBin],
) -> io::Result<()> {
    let scale = Scale::new(page.width(), client, server);
    let column = scale.column();
    let (one, other) = ("by the client", "by the server");
    writeln!(
        page.out,
        "{DIM}{:<LABEL$} {one:<column$}{other}{DIM:#}",
        "sizes"
    )?;
    let mut expected = None;
    for (&lowest, row) in &rows(client, server) {
        if expected.is_some_and(|next| next < lowest) {
            writeln!(page.out, "{DIM}{:>LABEL$}{DIM:#}", "⋮")?;
        }
        scale.draw(page.out, &range(lowest, row.highest), row)?;
        expected = row.highest.checked_add(1);
    }
    Ok(())
}

/// How many payloads of one range each side sent.
#[derive(Default)]
struct Row {
    highest: u32,
    client: u32,
    server: u32,
}

/// By the smallest size of the range.
fn rows(client: &[SizeBin], server: &[SizeBin]) -> BTreeMap<u32, Row> {
    let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
    for bin in client {
        rows.entry(bin.lowest).or_default().client = bin.count;
    }
    for bin in server {
        rows.entry(bin.lowest).or_default().server = bin.count;
    }
    for bin in client.iter().chain(server) {
        rows.entry(bin.lowest).or_default().highest = bin.highest;
    }
    rows
}

/// How long bars are, the same for both sides.
struct Scale {
    /// The highest count of all.
    most: u64,
    /// Columns of a bar.
    bar: usize,
    /// Columns of a count.
    digits: usize,
}

impl Scale {
    fn new(width: usize, client: &[SizeBin], server: &[SizeBin]) -> Self {
        let most = client.iter().chain(server).map(|bin| bin.count).max();
        let most = most.unwrap_or(0).max(1);
        let digits = most.to_string().len();
        let side = width.saturating_sub(LABEL + 1 + GUTTER) / 2;
        Self {
            most: most.into(),
            bar: side.saturating_sub(digits + 1),
            digits,
        }
    }

    fn draw(&self, out: &mut impl Write, range: &str, row: &Row) -> io::Result<()> {
        let client = self.side(row.client, CLIENT);
        let server = self.side(row.server, SERVER);
        write!(out, "{DIM}{range:>LABEL$}{DIM:#}")?;
        match (row.client, row.server) {
            (_, 0) => writeln!(out, " {client}"),
            (0, _) => writeln!(out, " {:blank$}{server}", "", blank = self.column()),
            _ => writeln!(out, " {client}{:GUTTER$}{server}", ""),
        }
    }

    fn side(&self, count: u32, style: Style) -> String {
        let (bar, digits) = (self.bar(count), self.digits);
        format!("{style}{bar}{style:#} {count:>digits$}")
    }

    /// Columns from one side to the other.
    fn column(&self) -> usize {
        self.bar + 1 + self.digits + GUTTER
    }

    /// A bar in eighths of a column; whatever was seen has at least one of them.
    fn bar(&self, count: u32) -> String {
        let eighths = (u64::from(count) * self.bar as u64 * 8).div_ceil(self.most);
        let full = usize::try_from(eighths / 8).unwrap_or(self.bar);
        let mut bar = "█".repeat(full);
        let rest = usize::try_from(eighths % 8).unwrap_or(0);
        bar.extend(rest.checked_sub(1).and_then(|rest| EIGHTHS.get(rest)));
        format!("{bar:<width$}", width = self.bar)
    }
}

fn range(lowest: u32, highest: u32) -> String {
    if lowest == highest {
        lowest.to_string()
    } else {
        format!("{lowest}–{highest}")
    }
}

/// Columns between both sides.
const GUTTER: usize = 3;
/// One to seven eighths of a column.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const CLIENT: Style = AnsiColor::Cyan.on_default();
const SERVER: Style = AnsiColor::Green.on_default();

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(lowest: u32, highest: u32, count: u32) -> SizeBin {
        SizeBin {
            lowest,
            highest,
            count,
        }
    }

    fn drawn(client: &[SizeBin], server: &[SizeBin], width: usize) -> String {
        let mut out = Vec::new();
        draw(&mut Page::new(&mut out, width), client, server).unwrap();
        let text = String::from_utf8(out).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn bins_become_lines_on_one_scale() {
        let client = [bin(3, 3, 1), bin(4, 4, 40), bin(512, 639, 100)];
        let server = [bin(2, 2, 1), bin(512, 639, 200), bin(57_344, 65_535, 13)];
        let expected = "\
sizes        by the client            by the server
           2                          ▏                    1
           3 ▏                    1
           4 ███▋                40
           ⋮
     512–639 █████████          100   ██████████████████ 200
           ⋮
 57344–65535                          █▎                  13
";
        assert_eq!(drawn(&client, &server, 60), expected);
    }

    #[test]
    fn lines_keep_to_the_page() {
        let bins = [bin(1, 1, 7), bin(57_344, 65_535, u32::MAX), bin(2, 2, 1)];
        for (asked, width) in [(0, 60), (60, 60), (77, 77), (100, 100), (10_000, 100)] {
            let text = drawn(&bins, &bins, asked);
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(
                longest <= Some(width) && longest >= Some(width - 1),
                "{asked}"
            );
        }
    }

    #[test]
    fn what_was_seen_once_is_seen_beside_any_number() {
        let text = drawn(&[bin(1, 1, 1), bin(2, 2, u32::MAX)], &[], 80);
        assert!(text.contains("           1 ▏"), "{text}");
    }
}
