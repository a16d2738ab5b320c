//! How well rhythms are told from accidents: made-up moments of clients that beat and of clients that do not, held against
//! the statistic of `beacon` and against the score that RITA v5 publishes, computed of the same moments and sizes.
//!
//! `cargo bench --bench rhythms -- SERIES`, so many for each cell; 2000 unless said.

#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "numbers are made up here, and small"
)]

mod chance;
mod made_up;
mod periodogram;
mod rita;

use chance::Chance;
use hopscope::correlate::rhythm::{Regularity, Rhythm};
use hopscope::time::Timestamp;
use made_up::{BEATS, Comes, INNOCENT, Series};

/// What both say of the series of one cell.
struct Cell {
    likely: usize,
    sure: usize,
    scores: Vec<f64>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let series = arguments.find_map(|one| one.parse().ok()).unwrap_or(2_000);
    let cells = |all: &[(&str, Comes)], series| -> Vec<Vec<Cell>> {
        let row = |one: &(&str, Comes)| EVENTS.map(|count| cell(one.1, count, series)).into();
        all.iter().map(row).collect()
    };
    let (beats, innocent) = (cells(&BEATS, series), cells(&INNOCENT, 10 * series));
    let same: Vec<f64> = (0..EVENTS.len())
        .map(|place| same_recall(&beats, place))
        .collect();
    println!(
        "{INTRODUCTION}\n\n{series} series of each rhythm, and {} of each that has none.",
        10 * series
    );
    head(
        "Percent found: hopscope / RITA at the score at which it finds as many of all rhythms together",
    );
    table(&BEATS, &beats, &same, 0);
    head("Percent of false alarms: hopscope / RITA at the same score");
    table(&INNOCENT, &innocent, &same, 2);
    head("Percent over all");
    overall("found", &beats, &same);
    overall("false alarms", &innocent, &same);
    head(
        "Percent that a periodogram of all moments finds and the statistic of gaps does not: once in ten thousand, or false alarms",
    );
    let few = series / 8;
    for (name, comes) in BEATS.iter().chain(&INNOCENT) {
        let cells = EVENTS.map(|count| format!(" {:.1} |", gained(*comes, count, few)));
        println!("| {name} |{}", cells.concat());
    }
}

/// Percent of so many series that only a periodogram finds. It is not asked of more than a hundred moments.
fn gained(comes: Comes, count: usize, series: usize) -> f64 {
    if count > MOST_OF_A_PERIODOGRAM {
        return 0.0;
    }
    let only = |number: &usize| {
        let mut chance = Chance(*number as u64 * 7_919 + count as u64);
        let series = comes.series(count, &mut chance);
        regularity(&series) == Regularity::None && periodogram::finds(&series)
    };
    100.0 * (0..series).filter(only).count() as f64 / series as f64
}

fn cell(comes: Comes, count: usize, series: usize) -> Cell {
    let mut cell = Cell {
        likely: 0,
        sure: 0,
        scores: Vec::new(),
    };
    for number in 0..series {
        let mut chance = Chance(number as u64 * 7_919 + count as u64);
        let series = comes.series(count, &mut chance);
        let regularity = regularity(&series);
        cell.likely += usize::from(regularity >= Regularity::Likely);
        cell.sure += usize::from(regularity == Regularity::Sure);
        cell.scores.push(rita::score(&series));
    }
    cell.scores.sort_by(f64::total_cmp);
    cell
}

/// At its most regular moment: who is told once has been told.
fn regularity(series: &Series) -> Regularity {
    let at = |seconds: f64| Timestamp::from_parts(seconds as i64, (seconds.fract() * 1e9) as u32);
    let mut moments = series.iter().map(|(time, _)| at(*time));
    let mut rhythm = Rhythm::new(moments.next().unwrap_or(Timestamp::MIN));
    let mut regularity = Regularity::None;
    for moment in moments {
        rhythm.beat(moment);
        regularity = regularity.max(rhythm.read().regularity);
    }
    regularity
}

impl Cell {
    fn above(&self, score: f64) -> usize {
        self.scores.len() - self.scores.partition_point(|each| *each < score)
    }

    fn part(&self, found: usize) -> f64 {
        100.0 * found as f64 / self.scores.len() as f64
    }
}

/// The highest score at which RITA finds as many of the rhythms as hopscope does; none where that finds none.
fn same_recall(beats: &[Vec<Cell>], place: usize) -> f64 {
    let found: usize = beats.iter().map(|row| row[place].likely).sum();
    let mut scores: Vec<f64> = beats
        .iter()
        .flat_map(|row| row[place].scores.clone())
        .collect();
    scores.sort_by(|one, other| other.total_cmp(one));
    if found == 0 {
        f64::INFINITY
    } else {
        scores[found - 1]
    }
}

fn head(title: &str) {
    println!("\n{title}:\n");
    let events: String = EVENTS.iter().map(|events| format!(" {events} |")).collect();
    println!("| events |{events}\n|---|{}", "---|".repeat(EVENTS.len()));
}

fn table(names: &[(&str, Comes)], rows: &[Vec<Cell>], same: &[f64], digits: usize) {
    for ((name, _), row) in names.iter().zip(rows) {
        let show = |(cell, same): (&Cell, &f64)| {
            let (ours, theirs) = (cell.part(cell.likely), cell.part(cell.above(*same)));
            format!(" {ours:.digits$} / {theirs:.digits$} |")
        };
        let cells: String = row.iter().zip(same).map(show).collect();
        println!("| {name} |{cells}");
    }
}

/// A row for each of: hopscope, hopscope where it is sure, RITA at the same recall, RITA from its medium score on.
fn overall(what: &str, rows: &[Vec<Cell>], same: &[f64]) {
    let row = |who: &str, found: &dyn Fn(&Cell, f64) -> usize| {
        let part = |(place, same): (usize, &f64)| {
            let all: usize = rows.iter().map(|row| row[place].scores.len()).sum();
            let found: usize = rows.iter().map(|row| found(&row[place], *same)).sum();
            format!(" {:.3} |", 100.0 * found as f64 / all as f64)
        };
        let cells: String = same.iter().enumerate().map(part).collect();
        println!("| {what}, {who} |{cells}");
    };
    row("hopscope", &|cell, _| cell.likely);
    row("hopscope once in a million", &|cell, _| cell.sure);
    row("RITA at the same recall", &|cell, same| cell.above(same));
    row("RITA from 0.7 on", &|cell, _| cell.above(0.7));
}

const MOST_OF_A_PERIODOGRAM: usize = 100;

/// What stands above the tables in the page of the detector.
const INTRODUCTION: &str = "
## Figures

Made-up moments over a day or on three (`cargo bench --bench rhythms`): the statistic of gaps alone, at any time while
a series lasts, beside the score of RITA v5 by its published formula, computed of the same moments and sizes. What else is
weighed is not in it. Beats have one size each time; innocent series have one or any.";

const EVENTS: [usize; 9] = [4, 8, 10, 13, 17, 25, 49, 100, 500];
