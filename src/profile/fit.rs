//! Whether two shapes of traffic differ by more than chance, how far, and whether something was added to every payload.

use super::shape::Shape;
use crate::evidence::Fit;

/// The share of sizes that must be new, of all flows together or of one that is odd.
pub const NOVEL: f64 = 0.25;

impl Fit {
    /// Of what is seen now against what is usual. Flows of one host come in kinds and in runs, so that there is less to learn
    /// from them than from as many that have nothing to do with each other: only a half of them counts.
    pub fn of(usual: &Shape, now: &Shape) -> Self {
        let (old, new) = (spread(usual, 0), spread(now, 0));
        let (flows, fresh) = (usual.count() / 2.0, now.count() / 2.0);
        let distance = distance(&old, &new);
        Self {
            level: level(&old, &new, flows, fresh),
            distance,
            novelty: News::of(usual, now).share(),
            shift: shift(usual, now, distance),
        }
    }

    /// Of the odd flows alone, a part [`NOVEL`] of each of which is new: whether there are more of them than there can be among
    /// the usual flows. By Markov's inequality their rare sizes make up for no more, however these are dealt out.
    pub fn of_odd(usual: &Shape, odd: &Shape, among: &Shape) -> Self {
        let most = f64::min(News::of(usual, usual).share() / NOVEL, 1.0);
        let seen = odd.count() / among.count();
        let either = |share: f64| [(0, 1.0 - share), (1, share)];
        let level = if seen > most {
            let (flows, fresh) = (usual.count() / 2.0, among.count() / 2.0);
            level(&either(most), &either(seen), flows, fresh)
        } else {
            0.0
        };
        let fit = Self::of(usual, odd);
        Self { level, ..fit }
    }
}

/// The votes at sizes that usually have less than a hundredth of them: their shares of all, by size.
#[derive(Clone, Debug)]
pub struct News(Vec<(i64, f64)>);

impl News {
    /// Of what is seen now against what is usual.
    pub fn of(usual: &Shape, now: &Shape) -> Self {
        let bins = side_by_side(&spread(usual, 0), &spread(now, 0));
        let rare = bins.into_iter().filter(|(_, old, _)| *old < RARE);
        Self(rare.map(|(size, _, new)| (size, new)).collect())
    }

    /// Their share of all votes.
    pub fn share(&self) -> f64 {
        self.0.iter().map(|(_, share)| share).sum()
    }

    /// The share that another has, too.
    pub fn common(&self, other: &Self) -> f64 {
        let bins = side_by_side(&self.0, &other.0);
        bins.iter().map(|(_, one, other)| one.min(*other)).sum()
    }
}

/// Shares by size, each size larger by so many bytes and then again the smallest of its bin.
fn spread(shape: &Shape, more: i64) -> Vec<(i64, f64)> {
    let votes: u64 = shape.sizes.iter().map(|(_, votes)| votes.0).sum();
    let share = |count: u64| precise(count) / precise(votes.max(1));
    let mut spread: Vec<(i64, f64)> = Vec::new();
    for (size, votes) in shape.sizes.iter() {
        let (size, share) = (bin_of(i64::from(size.0) + more), share(votes.0));
        match spread.last_mut().filter(|(last, _)| *last == size) {
            Some((_, sum)) => *sum += share,
            None => spread.push((size, share)),
        }
    }
    spread
}

/// The smallest size of the bin of a size: there are four to each doubling.
fn bin_of(size: i64) -> i64 {
    match size.checked_ilog2() {
        Some(octave) if octave > 2 => size >> (octave - 2) << (octave - 2),
        _ => size,
    }
}

/// Every size that one of the two has, with both shares.
fn side_by_side(old: &[(i64, f64)], new: &[(i64, f64)]) -> Vec<(i64, f64, f64)> {
    let mut sizes: Vec<i64> = old.iter().chain(new).map(|(size, _)| *size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let share = |of: &[(i64, f64)], size| {
        of.iter()
            .find(|(other, _)| *other == size)
            .map_or(0.0, |(_, share)| *share)
    };
    sizes
        .into_iter()
        .map(|size| (size, share(old, size), share(new, size)))
        .collect()
}

/// The G-test of two samples, and Chernoff's bound on the tail of the chi-squared distribution.
fn level(old: &[(i64, f64)], new: &[(i64, f64)], flows: f64, fresh: f64) -> f64 {
    let bins = side_by_side(old, new);
    let term = |seen: f64, expected: f64| {
        if seen > 0.0 {
            seen * (seen / expected).ln()
        } else {
            0.0
        }
    };
    let of_bin = |&(_, old, new): &(i64, f64, f64)| {
        let (seen, more) = (old * flows, new * fresh);
        let each = (seen + more) / (flows + fresh);
        term(seen, each * flows) + term(more, each * fresh)
    };
    let g = 2.0 * bins.iter().map(of_bin).sum::<f64>();
    let freedom = precise(bins.len().saturating_sub(1).max(1) as u64);
    let ratio = g / freedom;
    if ratio <= 1.0 {
        return 0.0;
    }
    freedom / 2.0 * (ratio - 1.0 - ratio.ln()) / std::f64::consts::LN_10
}

fn distance(old: &[(i64, f64)], new: &[(i64, f64)]) -> f64 {
    let bins = side_by_side(old, new);
    let mut ahead = 0.0;
    let mut sum = 0.0;
    for pair in bins.windows(2) {
        if let [(size, old, new), (next, ..)] = pair {
            ahead += new - old;
            sum += f64::abs(ahead) * (doublings(*next) - doublings(*size));
        }
    }
    sum
}

/// What the mean payload grew by, if moving every size by that leaves less than half of the distance.
fn shift(usual: &Shape, now: &Shape, distance: f64) -> Option<i64> {
    let more = now.mean()? - usual.mean()?;
    let moved = self::distance(&spread(usual, more), &spread(now, 0));
    ((1..=MOST_ADDED).contains(&more) && moved < distance / 2.0).then_some(more)
}

fn doublings(size: i64) -> f64 {
    precise(u64::try_from(size.max(0)).unwrap_or(0) + 1).log2()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2⁵³")]
fn precise(count: u64) -> f64 {
    count as f64
}

/// No framing adds more bytes to a payload.
const MOST_ADDED: i64 = 64;

/// A size with less than this share is not usual.
const RARE: f64 = 0.01;

impl Shape {
    /// How many flows it is of.
    pub fn count(&self) -> f64 {
        precise(self.flows.into())
    }

    /// The mean of the mean payload sizes of its flows, in bytes.
    pub fn mean(&self) -> Option<i64> {
        let tenths = self.means.checked_div(self.flows.into())?;
        i64::try_from((tenths + 5) / 10).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Sent, SizeBin};
    use crate::profile::few::Merge;

    /// So many flows of one payload each, of these sizes in turn.
    fn shape(flows: usize, sizes: &[u32]) -> Shape {
        let mut shape = Shape::default();
        for size in sizes.iter().cycle().take(flows) {
            shape.add(&Sent {
                bytes: u64::from(*size),
                sizes: vec![SizeBin {
                    lowest: u32::try_from(bin_of((*size).into())).unwrap(),
                    highest: *size,
                    count: 1,
                }],
            });
        }
        shape
    }

    const USUAL: [u32; 4] = [64, 112, 320, 1_280];

    #[test]
    fn what_is_usual_fits_and_what_is_not_does_not() {
        let cases: [(usize, &[u32], bool); 6] = [
            (40, &USUAL, false),
            (400, &USUAL, false),
            (40, &[64, 64, 112, 320], false),
            (40, &[7_000, 9_000], true),
            (40, &[16, 20], true),
            (4, &[7_000, 9_000], false),
        ];
        for (flows, sizes, differs) in cases {
            let fit = Fit::of(&shape(400, &USUAL), &shape(flows, sizes));
            assert_eq!(fit.level >= 9.0, differs, "{flows} {sizes:?}: {fit:?}");
        }
    }

    #[test]
    fn more_odd_flows_than_can_be_are_told() {
        let mut usual = shape(400, &USUAL);
        usual.merge(shape(4, &[5_000]));
        let cases = [
            (3, 60, false),
            (10, 60, false),
            (60, 60, true),
            (60, 120, true),
        ];
        for (odd, among, differs) in cases {
            let (odd, among) = (shape(odd, &[7_000, 9_000]), shape(among, &USUAL));
            let fit = Fit::of_odd(&usual, &odd, &among);
            assert_eq!(fit.level >= 9.0, differs, "{fit:?}");
        }
    }

    #[test]
    fn distance_is_in_doublings() {
        let fit = Fit::of(&shape(40, &[31]), &shape(40, &[127]));
        assert!(
            (fit.distance - (113.0_f64 / 29.0).log2()).abs() < 1e-9,
            "{fit:?}"
        );
        assert!((fit.novelty - 1.0).abs() < 1e-9, "{fit:?}");
        let news = |sizes: &[u32]| News::of(&shape(40, &USUAL), &shape(40, sizes));
        let (one, other) = (news(&[64, 5_000]), news(&[5_000, 9_000]));
        assert!((one.common(&other) - 0.5).abs() < 1e-9 && (one.share() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_added_to_every_payload_is_told() {
        for more in [22, 28, 34] {
            let wrapped: Vec<u32> = USUAL.iter().map(|size| size + more).collect();
            let fit = Fit::of(&shape(400, &USUAL), &shape(80, &wrapped));
            assert_eq!(fit.shift, Some(i64::from(more)), "{fit:?}");
        }
        let other = Fit::of(&shape(400, &USUAL), &shape(80, &[2_000, 9_000]));
        assert_eq!(other.shift, None, "{other:?}");
    }
}
