//! The score of RITA v5 (activecm/rita, `analysis/beacons.go` and its default configuration), as published: a quarter
//! each of how even the gaps are, how even the sizes, how much of the day is covered, and how even its hours.

use crate::made_up::{DAY, Series};

/// The best score of any day; 0 for fewer than four moments.
pub(crate) fn score(series: &Series) -> f64 {
    let last = series.last().map_or(0.0, |last| last.0);
    let days = (last / DAY) as usize + 1;
    let of_day = |day| {
        let from = day as f64 * DAY;
        let mut day = series.iter().map(|(time, size)| (time - from, *size));
        let day: Series = day
            .by_ref()
            .filter(|(time, _)| (0.0..DAY).contains(time))
            .collect();
        of_day(&day)
    };
    (0..days).map(of_day).fold(0.0, f64::max)
}

fn of_day(series: &Series) -> f64 {
    let mut times: Vec<f64> = series.iter().map(|(time, _)| time.floor()).collect();
    times.dedup();
    if times.len() < 4 {
        return 0.0;
    }
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let sizes = series.iter().map(|(_, size)| *size).collect();
    let bars = bars(series);
    (evenness(gaps, 1.0) + evenness(sizes, 0.0) + hours(&bars) + duration(series, &bars)) / 4.0
}

fn evenness(mut all: Vec<f64>, unless: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    let [one, two, three] = [0.25, 0.5, 0.75].map(|part| quantile(&all, part));
    let skewed = three - one >= 10.0 && two != one && two != three;
    let skew = if skewed {
        (one + three - 2.0 * two) / (three - one)
    } else {
        0.0
    };
    let mut away: Vec<f64> = all.iter().map(|each| (each - two).abs()).collect();
    away.sort_by(f64::total_cmp);
    let spread = quantile(&away, 0.5);
    let even = if two >= 1.0 {
        ((two - spread) / two).max(0.0)
    } else {
        unless
    };
    round((1.0 - skew.abs() + even) / 2.0)
}

fn bars(series: &Series) -> [f64; 24] {
    let mut bars = [0.0; 24];
    for (time, _) in series {
        bars[((time / DAY * 24.0) as usize).min(23)] += 1.0;
    }
    bars
}

fn hours(bars: &[f64; 24]) -> f64 {
    let mean = bars.iter().sum::<f64>() / 24.0;
    let variance = bars.iter().map(|bar| (bar - mean).powi(2)).sum::<f64>() / 24.0;
    let even = (1.0 - variance.sqrt() / mean).max(0.0);
    round(even.max(two_heights(bars)))
}

fn two_heights(bars: &[f64; 24]) -> f64 {
    let full: Vec<f64> = bars.iter().copied().filter(|bar| *bar > 0.0).collect();
    if full.len() < 11 {
        return 0.0;
    }
    let wide = (0.05 * full.iter().copied().fold(0.0, f64::max)).ceil();
    let mut heights = std::collections::BTreeMap::new();
    for bar in &full {
        *heights.entry((bar / wide) as u64).or_insert(0) += 1;
    }
    let mut counts: Vec<i32> = heights.into_values().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let most: i32 = counts.iter().take(2).sum();
    (f64::from(most) / (full.len() - 1).max(1) as f64).min(1.0)
}

fn duration(series: &Series, bars: &[f64; 24]) -> f64 {
    if bars.iter().filter(|bar| **bar > 0.0).count() < 6 {
        return 0.0;
    }
    let first = series.first().map_or(0.0, |first| first.0);
    let last = series.last().map_or(0.0, |last| last.0);
    let (mut run, mut longest) = (0, 0);
    for bar in bars.iter().chain(bars) {
        run = if *bar > 0.0 { run + 1 } else { 0 };
        longest = longest.max(run.min(24));
    }
    ((last - first) / DAY)
        .max(f64::from(longest) / 12.0)
        .min(1.0)
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * place.fract()
}

fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
