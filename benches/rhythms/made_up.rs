//! Series of moments in seconds, each with the bytes that were exchanged.

use crate::chance::Chance;

pub(crate) const DAY: f64 = 86_400.0;

/// Moments and bytes.
pub(crate) type Series = Vec<(f64, f64)>;

/// How a client comes.
#[derive(Clone, Copy)]
pub(crate) enum Comes {
    /// With sleeps between so much less than a period and a period.
    Jitter(f64),
    /// With sleeps of a normal distribution with such a deviation.
    Gauss(f64),
    /// With 10 % of jitter, and such a part of the beats is missing.
    Missing(f64),
    /// With a period that grows by half.
    Drift,
    /// With two periods, one 1.7 times the other.
    TwoPeriods,
    /// From nine to five on three days, with 20 % of jitter.
    WorkHours,
    /// By accident, for the same number of bytes each time.
    Poisson,
    /// By accident, for any number of bytes.
    PoissonAnySize,
    /// By accident, from nine to five on three days.
    PoissonWorkHours,
    /// As people do who think between two clicks.
    Clicks,
    /// As people do who look at pages: a few at once, and then for a while none.
    Bursts,
}

pub(crate) const BEATS: [(&str, Comes); 18] = [
    ("jitter 0 %", Comes::Jitter(0.0)),
    ("jitter 10 %", Comes::Jitter(0.1)),
    ("jitter 20 %", Comes::Jitter(0.2)),
    ("jitter 30 %", Comes::Jitter(0.3)),
    ("jitter 50 %", Comes::Jitter(0.5)),
    ("jitter 70 %", Comes::Jitter(0.7)),
    ("jitter 90 %", Comes::Jitter(0.9)),
    ("jitter 100 %", Comes::Jitter(1.0)),
    ("Gaussian 5 %", Comes::Gauss(0.05)),
    ("Gaussian 10 %", Comes::Gauss(0.1)),
    ("Gaussian 20 %", Comes::Gauss(0.2)),
    ("Gaussian 30 %", Comes::Gauss(0.3)),
    ("10 % missing", Comes::Missing(0.1)),
    ("30 % missing", Comes::Missing(0.3)),
    ("50 % missing", Comes::Missing(0.5)),
    ("drift", Comes::Drift),
    ("two periods", Comes::TwoPeriods),
    ("work hours", Comes::WorkHours),
];

pub(crate) const INNOCENT: [(&str, Comes); 5] = [
    ("Poisson, one size", Comes::Poisson),
    ("Poisson, any size", Comes::PoissonAnySize),
    ("Poisson, work hours", Comes::PoissonWorkHours),
    ("clicks", Comes::Clicks),
    ("page bursts", Comes::Bursts),
];

impl Comes {
    /// So many moments, over nine tenths of a day, or on three.
    pub(crate) fn series(self, count: usize, chance: &mut Chance) -> Series {
        let period = 0.9 * DAY / count as f64;
        match self {
            Self::Jitter(jitter) => beats(count, chance, |chance, _| {
                period * (1.0 - jitter * chance.unit())
            }),
            Self::Gauss(deviation) => beats(count, chance, |chance, _| {
                period * (1.0 + deviation * chance.normal()).max(0.01)
            }),
            Self::Missing(part) => missing(count, part, chance),
            Self::Drift => beats(count, chance, |_, number| {
                period * (0.75 + 0.5 * number as f64 / count as f64)
            }),
            Self::TwoPeriods => two_periods(count, period),
            Self::WorkHours => work_hours(beats(count, chance, |chance, _| {
                DAY / count as f64 * (1.0 - 0.2 * chance.unit())
            })),
            Self::Poisson => beats(count, chance, |chance, _| chance.wait(period)),
            Self::PoissonAnySize => {
                let mut series = Self::Poisson.series(count, chance);
                resize(&mut series, chance);
                series
            }
            Self::PoissonWorkHours => work_hours(beats(count, chance, |chance, _| {
                chance.wait(DAY / count as f64)
            })),
            Self::Clicks => {
                let mut series = beats(count, chance, |chance, _| {
                    period * (chance.normal() - 0.5).exp()
                });
                resize(&mut series, chance);
                series
            }
            Self::Bursts => bursts(count, period, chance),
        }
    }
}

fn beats(
    count: usize,
    chance: &mut Chance,
    mut sleep: impl FnMut(&mut Chance, usize) -> f64,
) -> Series {
    let mut now = 600.0 * chance.unit();
    let beat = |number| {
        let beat = (now, SIZE);
        now += sleep(chance, number);
        beat
    };
    (0..count).map(beat).collect()
}

fn missing(count: usize, part: f64, chance: &mut Chance) -> Series {
    let sent = (count as f64 / (1.0 - part)).ceil() as usize;
    let mut series = Comes::Jitter(0.1).series(sent, chance);
    while series.len() > count {
        let place = 1 + (chance.unit() * (series.len() - 2) as f64) as usize;
        series.remove(place);
    }
    series
}

fn two_periods(count: usize, period: f64) -> Series {
    let (one, other) = (period * 1.6, period * 1.6 * 1.7);
    let every = |period: f64, from: f64| {
        (0..count).map(move |number| (from + period * number as f64, SIZE))
    };
    let mut both: Series = every(one, 5.0).chain(every(other, 77.0)).collect();
    both.sort_by(|one, other| one.0.total_cmp(&other.0));
    both.truncate(count);
    both
}

/// Moments within a day become moments within three days' work hours.
fn work_hours(series: Series) -> Series {
    let third = DAY / 3.0;
    let shift = |(time, size): (f64, f64)| {
        let day = (time / third).floor().min(2.0);
        (day * DAY + 9.0 * 3_600.0 + (time - day * third), size)
    };
    series.into_iter().map(shift).collect()
}

fn bursts(count: usize, period: f64, chance: &mut Chance) -> Series {
    let mut left = 0;
    let mut series = beats(count, chance, |chance, _| {
        if left == 0 {
            left = 1 + (9.0 * chance.unit()) as usize;
            return 5.0 * period * (chance.normal() - 0.5).exp();
        }
        left -= 1;
        3.0 * (0.8 * chance.normal()).exp()
    });
    resize(&mut series, chance);
    series
}

fn resize(series: &mut Series, chance: &mut Chance) {
    for (_, size) in series {
        *size = (SIZE * (1.2 * chance.normal()).exp()).round();
    }
}

const SIZE: f64 = 900.0;
