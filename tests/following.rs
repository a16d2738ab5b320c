//! A run that is followed: findings are told while it goes on, and time passes also where no frame comes.
#![cfg(test)]

use std::sync::atomic::AtomicBool;

use hopscope::finding::{Finding, Status};
use hopscope::pipeline::{self, Account, Follow, Following, Run};
use hopscope::policy::Policy;
use hopscope::source::{
    Arrival, Captures, Frame, Inputs, Missed, Source, SourceAccount, SourceError,
};
use hopscope::time::{Span, Timestamp};

/// A capture, and then silence for so many seconds.
struct ThenSilence {
    captures: Captures,
    newest: Timestamp,
    is_read: bool,
    silence: i64,
    missed: Option<Missed>,
}

impl ThenSilence {
    fn new(silence: i64) -> Self {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/pcaps/socks-proxy");
        let capture = format!("{directory}/hit-microsocks-noauth.pcap").into();
        Self {
            captures: Captures::open(Inputs::collect(&[capture]).unwrap()).unwrap(),
            newest: Timestamp::MIN,
            is_read: false,
            silence,
            missed: None,
        }
    }
}

impl Source for ThenSilence {
    fn proceed(&mut self, most: usize) -> Result<Arrival, SourceError> {
        if !self.is_read {
            match self.captures.proceed(most)? {
                Arrival::Frames => {
                    self.newest = self.frames().map(|frame| frame.time).max().unwrap();
                    return Ok(Arrival::Frames);
                }
                _ => self.is_read = true,
            }
        }
        self.silence -= 1;
        self.newest = self.newest + Span::from_seconds(1);
        Ok(if self.silence < 0 {
            Arrival::Over
        } else {
            Arrival::Idle(self.newest)
        })
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.captures.frames()
    }

    fn take_missed(&mut self) -> Option<Missed> {
        self.missed.take()
    }

    fn account(&self) -> &SourceAccount {
        self.captures.account()
    }
}

/// What a run told while it went on.
#[derive(Default)]
struct Lines {
    told: Vec<(&'static str, Status, bool)>,
    accounts: usize,
    now: Timestamp,
}

impl Follow for Lines {
    fn finding(&mut self, finding: &Finding) {
        self.told
            .push((finding.detector, finding.status, finding.quality.loss));
    }

    fn account(&mut self, source: &SourceAccount, account: &Account) {
        assert!(account.frames.holds() && account.frames.frames == source.frames);
        assert_eq!(account.shards.flows > 0, account.frames.decoded > 0);
        self.accounts += 1;
    }

    fn round(&mut self, now: Timestamp) -> Option<Policy> {
        assert!(now >= self.now);
        self.now = now;
        None
    }
}

/// The lines that are told: detector, status, and whether frames were lost.
fn lines(source: ThenSilence, workers: usize) -> Vec<(&'static str, Status, bool)> {
    let (lines, _) = followed(source, workers, "");
    lines
}

/// The lines that are told under a configuration, and the last account.
fn followed(
    mut source: ThenSilence,
    workers: usize,
    config: &str,
) -> (Vec<(&'static str, Status, bool)>, Account) {
    let mut lines = Lines::default();
    let run = Run {
        config: &config.parse().unwrap(),
        workers,
        watch: None,
        learn: false,
        stop: &AtomicBool::new(false),
        progress: &mut |_| {},
        follow: Some(Following {
            by: &mut lines,
            audit: &AtomicBool::new(true),
            keep: None,
        }),
    };
    let outcome = pipeline::run(&mut source, run).unwrap();
    assert!(outcome.findings.is_empty());
    assert_eq!(lines.accounts, 1);
    (lines.told, outcome.account)
}

/// What may not be told now is told later; what must make room meanwhile is counted.
#[test]
fn a_limit_of_lines_delays_them_and_loses_none_that_is_held() {
    let slow = "[findings]\nper_minute = 1";
    let (told, account) = followed(ThenSilence::new(59), 0, slow);
    let statuses: Vec<Status> = told.iter().map(|(_, status, _)| *status).collect();
    assert_eq!(statuses, [Status::New, Status::Closed, Status::Closed]);
    assert_eq!(
        (account.findings.delayed, account.findings.over_rate),
        (1, 0)
    );

    let (told, account) = followed(ThenSilence::new(59), 0, &format!("{slow}\nmax = 1"));
    let findings = account.findings;
    assert_eq!(told.len() as u64, findings.early - findings.over_rate + 1);
    assert!(findings.over_rate > 0, "{findings:?}");
}

#[test]
fn each_finding_is_told_once_for_each_news() {
    let new = [Status::New; 2];
    let closed = [Status::Closed; 2];
    let cases: [(i64, Vec<Status>); 3] = [
        (0, closed.to_vec()),
        (2, [new, closed].concat()),
        (400, [new, closed].concat()),
    ];
    for (silence, expected) in cases {
        for workers in [0, 1, 4] {
            let lines = lines(ThenSilence::new(silence), workers);
            let statuses: Vec<Status> = lines.iter().map(|(_, status, _)| *status).collect();
            assert_eq!(statuses, expected, "{silence} seconds, {workers} workers");
            let detectors: Vec<&str> = lines.iter().map(|(name, ..)| *name).collect();
            assert!(
                detectors
                    .chunks(2)
                    .all(|told| told == ["socks-proxy", "relay"])
            );
        }
    }
}

/// Frames that were lost before they could be read are told with the findings of that time, and only with these.
#[test]
fn loss_is_told_with_the_findings_of_its_time() {
    let first = {
        let mut captures = ThenSilence::new(0).captures;
        captures.next_frame().unwrap().unwrap().time
    };
    for (after, expected) in [(0, true), (3_600, false)] {
        let from = first + Span::from_seconds(after);
        let mut source = ThenSilence::new(2);
        source.missed = Some(Missed {
            from,
            to: from + Span::from_seconds(1),
        });
        let lines = lines(source, 0);
        assert!(
            lines.iter().all(|(.., loss)| *loss == expected),
            "{lines:?}"
        );
    }
}
