//! A rhythm, drawn: how long the gaps are, and how large what is sent.

use std::io::{self, Write};

use super::histogram;
use super::page::Page;
use crate::facts::SizeBin;
use crate::finding::summary::beacon::{BeaconSummary, Bin, Gaps};

/// Writes the evidence, the gaps as bars, and the sizes of both directions.
pub(super) fn draw<W: Write>(page: &mut Page<'_, W>, beacon: &BeaconSummary) -> io::Result<()> {
    for (label, values) in beacon.lines() {
        page.lines(label, values)?;
    }
    page.gap()?;
    page.lines("gaps", bars(Gaps::of(&beacon.gaps).collect(), page.width()))?;
    page.gap()?;
    let bins = |sizes| -> Vec<SizeBin> { Bin::of(sizes).map(SizeBin::from).collect() };
    histogram::draw(page, &bins(&beacon.requests), &bins(&beacon.answers))
}

/// `  55.02 to 65.43 s ████████████ 39`
fn bars(gaps: Vec<Gaps>, width: usize) -> Vec<String> {
    let most = gaps.iter().map(|gap| gap.count).max().unwrap_or(1).max(1);
    let room = width.saturating_sub(BESIDE).clamp(8, 60);
    let bar = |gap: &Gaps| {
        let length = (usize::from(gap.count) * room).div_ceil(most.into());
        let range = format!("{:.2} to {:.2} s", gap.from_s, gap.to_s);
        format!("{range:>22} {} {}", "█".repeat(length), gap.count)
    };
    gaps.iter().map(bar).collect()
}

/// Columns of what stands beside a bar.
const BESIDE: usize = 44;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_gaps_are_many() {
        let gaps = [(0.5, 0.6, 1), (55.02, 65.434, 40)].map(|(from_s, to_s, count)| Gaps {
            from_s,
            to_s,
            count,
        });
        let expected = [
            "        0.50 to 0.60 s █ 1",
            "      55.02 to 65.43 s ████████ 40",
        ];
        assert_eq!(bars(gaps.into(), 50), expected);
    }
}
