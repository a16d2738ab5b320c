//! When a finding is told while a run goes on: as new, with its news, and closed.
//!
//! A new finding waits for a second, so that what belongs together is told at once. Its news wait longer and longer, but a
//! greater certainty does not. It is closed when all its sessions are over and none came for a while; if one comes later,
//! it is told with its news and closed again.

use std::collections::BTreeSet;

use super::Status;
use crate::evidence::Certainty;
use crate::time::{Span, Timestamp};

/// How often findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long the first news of a finding wait; the next wait twice as long, up to an hour.
    pub update: Span,
    /// How long no session may be open before the finding is closed.
    pub close: Span,
}

/// Which findings are to be told when.
#[derive(Debug)]
pub(super) struct Telling<K> {
    pace: Pace,
    wakes: BTreeSet<(Timestamp, K)>,
}

/// What was told of a finding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    line: Option<Line>,
    /// Whether there is something that was not told.
    pub(super) has_news: bool,
    /// When it changed last.
    changed: Timestamp,
    /// When it is looked at next; no later than it is to be told.
    wakes: Option<Timestamp>,
    /// Whether its next line is late already.
    is_delayed: bool,
}

/// The newest line about a finding.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: Timestamp,
    status: Status,
    certainty: Certainty,
    /// How long news wait from here.
    patience: Span,
}

/// What a finding is like now.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) certainty: Certainty,
    pub(super) is_open: bool,
}

impl<K: Copy + Ord> Telling<K> {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            wakes: BTreeSet::new(),
        }
    }

    /// Notes that a finding changed.
    pub(super) fn changed(&mut self, key: K, told: &mut Told, state: State, now: Timestamp) {
        told.changed = now;
        told.has_news = true;
        self.plan(key, told, state);
    }

    /// A finding that may have to be told by now.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<K> {
        let &(wakes, key) = self.wakes.first().filter(|(wakes, _)| *wakes <= now)?;
        self.wakes.remove(&(wakes, key));
        Some(key)
    }

    /// What a finding is told as now, if it is to be told.
    pub(super) fn tell(
        &mut self,
        key: K,
        told: &mut Told,
        state: State,
        now: Timestamp,
    ) -> Option<Status> {
        told.wakes = None;
        let is_due = self.due(told, state).is_some_and(|due| due <= now);
        let status = is_due.then(|| told.tell(self.pace, state, now));
        self.plan(key, told, state);
        status
    }

    /// Looks later at a finding that cannot be told now. Says whether it should be, and was not delayed before.
    pub(super) fn delay(&mut self, key: K, told: &mut Told, state: State, now: Timestamp) -> bool {
        told.wakes = None;
        let is_due = self.due(told, state).is_some_and(|due| due <= now);
        self.plan(key, told, state);
        is_due && !std::mem::replace(&mut told.is_delayed, true)
    }

    /// A finding that is no longer held.
    pub(super) fn forget(&mut self, key: K, told: &Told) {
        if let Some(wakes) = told.wakes {
            self.wakes.remove(&(wakes, key));
        }
    }

    fn plan(&mut self, key: K, told: &mut Told, state: State) {
        let Some(due) = self.due(told, state) else {
            return;
        };
        if told.wakes.is_none_or(|wakes| due < wakes) {
            self.forget(key, told);
            self.wakes.insert((due, key));
            told.wakes = Some(due);
        }
    }

    fn due(&self, told: &Told, state: State) -> Option<Timestamp> {
        let Some(line) = told.line else {
            return Some(told.changed + SETTLING);
        };
        let is_surer = state.certainty > line.certainty;
        let patience = if is_surer { SETTLING } else { line.patience };
        let news = told.has_news.then(|| line.at + patience);
        let is_closing = !state.is_open && (told.has_news || line.status != Status::Closed);
        let close = is_closing.then(|| told.changed + self.pace.close);
        [news, close].into_iter().flatten().min()
    }
}

impl Told {
    /// Nothing was told of a finding that is raised now.
    pub(super) fn nothing(now: Timestamp) -> Self {
        Self {
            line: None,
            has_news: true,
            changed: now,
            wakes: None,
            is_delayed: false,
        }
    }

    /// What the last line about a finding says, if one is needed.
    pub(super) fn last(&self, state: State) -> Option<Status> {
        match (self.line, state.is_open) {
            (None, true) => Some(Status::New),
            (Some(line), false) if !self.has_news && line.status == Status::Closed => None,
            (_, false) => Some(Status::Closed),
            (Some(_), true) => self.has_news.then_some(Status::Update),
        }
    }

    fn tell(&mut self, pace: Pace, state: State, now: Timestamp) -> Status {
        let is_over = !state.is_open && now >= self.changed + pace.close;
        let (status, patience) = match self.line {
            None => (Status::New, pace.update),
            Some(line) if is_over => (Status::Closed, line.patience),
            Some(line) => (Status::Update, (line.patience * 2).min(LONGEST)),
        };
        self.line = Some(Line {
            at: now,
            status,
            certainty: state.certainty,
            patience,
        });
        self.has_news = false;
        self.is_delayed = false;
        status
    }
}

/// How long a finding settles before it is told.
const SETTLING: Span = Span::from_seconds(1);

/// How long news wait at most.
const LONGEST: Span = Span::from_seconds(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use Certainty::{Possible, Proven};
    use Status::{Closed, New, Update};

    const PACE: Pace = Pace {
        update: Span::from_seconds(60),
        close: Span::from_seconds(300),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    /// What happens to a finding at a second: it is added to, with this certainty, or its last session ends.
    #[derive(Clone, Copy)]
    enum Happens {
        Added(Certainty),
        Over,
    }
    use Happens::{Added, Over};

    /// The lines that are told of a finding that is raised at second 0, each with its second.
    fn lines(happens: &[(i64, Happens)], until: i64) -> Vec<(i64, Status)> {
        let mut telling = Telling::new(PACE);
        let mut told = Told::nothing(at(0));
        let mut state = State {
            certainty: Possible,
            is_open: true,
        };
        let mut lines = Vec::new();
        telling.changed(7, &mut told, state, at(0));
        for second in 0..=until {
            for (_, happens) in happens.iter().filter(|(when, _)| *when == second) {
                (state.certainty, state.is_open) = match happens {
                    Added(certainty) => (*certainty, true),
                    Over => (state.certainty, false),
                };
                telling.changed(7, &mut told, state, at(second));
            }
            while let Some(key) = telling.next(at(second)) {
                let status = telling.tell(key, &mut told, state, at(second));
                lines.extend(status.map(|status| (second, status)));
            }
            assert!(telling.wakes.len() <= 1);
        }
        lines
    }

    type Case = (
        &'static str,
        &'static [(i64, Happens)],
        &'static [(i64, Status)],
    );

    #[test]
    fn each_line_has_news_and_none_comes_twice() {
        let cases: [Case; 7] = [
            ("nothing more", &[], &[(1, New)]),
            ("over at once", &[(0, Over)], &[(1, New), (300, Closed)]),
            (
                "news wait",
                &[(5, Added(Possible)), (9, Added(Possible))],
                &[(1, New), (61, Update)],
            ),
            (
                "news wait longer and longer",
                &[
                    (5, Added(Possible)),
                    (70, Added(Possible)),
                    (190, Added(Possible)),
                ],
                &[(1, New), (61, Update), (181, Update), (421, Update)],
            ),
            (
                "certainty does not wait",
                &[(20, Added(Proven))],
                &[(1, New), (20, Update)],
            ),
            (
                "its end closes it, with the news",
                &[(30, Over)],
                &[(1, New), (61, Update), (330, Closed)],
            ),
            (
                "another session after it was closed",
                &[(10, Over), (700, Added(Possible)), (701, Over)],
                &[
                    (1, New),
                    (61, Update),
                    (310, Closed),
                    (700, Update),
                    (940, Update),
                    (1_001, Closed),
                ],
            ),
        ];
        for (name, happens, expected) in cases {
            assert_eq!(lines(happens, 2_000), expected, "{name}");
        }
    }

    #[test]
    fn the_last_line_says_what_was_not_said() {
        let open = |is_open| State {
            certainty: Proven,
            is_open,
        };
        let told = |statuses: &[(Status, bool)]| {
            let mut told = Told::nothing(at(0));
            for (status, is_open) in statuses {
                let now = told.changed
                    + if *status == Closed {
                        PACE.close
                    } else {
                        SETTLING
                    };
                assert_eq!(told.tell(PACE, open(*is_open), now), *status);
            }
            told
        };
        let news = |mut told: Told| {
            told.has_news = true;
            told
        };
        let new = told(&[(New, true)]);
        let closed = told(&[(New, false), (Closed, false)]);
        let cases = [
            (Told::nothing(at(0)), true, Some(New)),
            (Told::nothing(at(0)), false, Some(Closed)),
            (new, true, None),
            (news(new), true, Some(Update)),
            (new, false, Some(Closed)),
            (closed, false, None),
            (news(closed), false, Some(Closed)),
            (news(closed), true, Some(Update)),
        ];
        for (number, (told, is_open, expected)) in cases.into_iter().enumerate() {
            assert_eq!(told.last(open(is_open)), expected, "case {number}");
        }
    }
}
