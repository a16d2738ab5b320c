//! How much of the time around a beat lies within a delay of anything on the other side.

use super::log::{Beat, JITTER};
use crate::time::Span;

/// The beats of a side, and what they cover together: the time up to `delay` behind each, or before each.
///
/// Each covers what lies between it and the next, but no more than the delay. So what any run of them covers is the
/// difference of two sums, and only its end has to be looked at.
pub(super) struct Cover<'p, 'a> {
    partners: &'p [&'a Beat],
    delay: Span,
    /// Whether the time behind the beats is covered; else that before them.
    backward: bool,
    /// For each beat, the nanoseconds between the first one and it that are covered.
    sums: Vec<i64>,
    /// The first beat in the window, and the first behind it.
    window: (usize, usize),
}

impl<'p, 'a> Cover<'p, 'a> {
    /// What `partners`, in order of time, cover.
    pub(super) fn new(partners: &'p [&'a Beat], delay: Span, backward: bool) -> Self {
        let gaps = partners.windows(2).map(|pair| match pair {
            [one, next] => (next.time - one.time).min(delay).nanos(),
            _ => 0,
        });
        let mut sums = Vec::with_capacity(partners.len());
        sums.push(0);
        sums.extend(gaps.scan(0, |sum, gap| {
            *sum += gap;
            Some(*sum)
        }));
        Self {
            partners,
            delay,
            backward,
            sums,
            window: (0, 0),
        }
    }

    /// The part that is covered of the window around a beat. Beats are to be asked for in order of time.
    pub(super) fn around(&mut self, anchor: &Beat) -> f64 {
        let (first, behind) = self.move_window(anchor);
        let near = self.partners.get(first..behind).unwrap_or_default();
        let (Some(oldest), Some(newest)) = (near.first(), near.last()) else {
            return 0.0;
        };
        let sum = |place: usize| self.sums.get(place).copied().unwrap_or_default();
        let edge = match self.backward {
            true => (anchor.time + JITTER) - newest.time,
            false => oldest.time - (anchor.time + JITTER * -1),
        };
        let covered = sum(behind - 1) - sum(first) + edge.min(self.delay).nanos();
        covered as f64 / (JITTER * 2).nanos() as f64
    }

    fn move_window(&mut self, anchor: &Beat) -> (usize, usize) {
        let (first, behind) = self.window;
        let is_early = |beat: &&&Beat| anchor.time - beat.time > JITTER;
        let rest = self.partners.get(first..).unwrap_or_default();
        let first = first + rest.iter().take_while(is_early).count();
        let behind = behind.max(first);
        let rest = self.partners.get(behind..).unwrap_or_default();
        let near = rest.iter().take_while(|beat| beat.is_near(anchor));
        self.window = (first, behind + near.count());
        self.window
    }
}
