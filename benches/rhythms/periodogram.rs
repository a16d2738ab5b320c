//! A periodogram of all moments (Rayleigh's statistic), which would have to keep each of them.

use std::f64::consts::TAU;

use crate::made_up::Series;

/// Whether some frequency stands out as it does once in ten thousand series of a Poisson process.
pub(crate) fn finds(series: &Series) -> bool {
    let count = series.len() as f64;
    let (Some(first), Some(last)) = (series.first(), series.last()) else {
        return false;
    };
    let span = last.0 - first.0;
    // Up to twice the mean rate, four trials for each frequency that the span can tell apart, and at least four periods.
    let trials = (8.0 * count) as usize;
    let powers = (16..trials).map(|trial| power(series, trial as f64 / (4.0 * span)));
    let most = powers.fold(0.0, f64::max);
    (-most).exp() * 2.0 * count < ONCE_IN
}

fn power(series: &Series, frequency: f64) -> f64 {
    let add = |(cos, sin): (f64, f64), (time, _): &(f64, f64)| {
        let (s, c) = (TAU * time * frequency).sin_cos();
        (cos + c, sin + s)
    };
    let (cos, sin) = series.iter().fold((0.0, 0.0), add);
    (cos * cos + sin * sin) / series.len() as f64
}

const ONCE_IN: f64 = 1e-4;
