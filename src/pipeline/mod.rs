//! The pipeline: frames in, findings out, with or without threads.
//!
//! One thread reads and decodes. Shards are owned by that same thread (`workers = 0`) or by worker threads that get
//! segments in batches. Behind each batch time is told to every shard, and the events of all shards up to that time
//! are put in order and shown to the ordered stage: so the findings are the same for any number of workers and any
//! size of batch.

mod beside;
mod front;
mod inline;
mod keep;
pub mod rings;
mod workers;

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::config::Config;
use crate::correlate::Ordered;
use crate::correlate::forgotten::Forgotten;
use crate::decode::{FragmentCounts, FrameCounts};
use crate::exhibit::Recent;
use crate::facts::FlowPortrait;
use crate::finding::Finding;
use crate::finding::lifecycle::FindingCounts;
use crate::finding::rate::Rate;
use crate::finding::waiting::Waiting;
use crate::flow::nonces::NonceKey;
use crate::policy::Policy;
use crate::profile::Profile;
use crate::shard::{Events, Report, Shard, ShardCounts, Watch};
use crate::source::{Source, SourceAccount, SourceError};
use crate::time::Timestamp;
use front::{Front, Round};
use keep::Keep;

/// What a run is given besides its captures.
pub struct Run<'a> {
    /// What is in force.
    pub config: &'a Config,
    /// Worker threads; 0 does all in the calling thread.
    pub workers: usize,
    /// Which flows to portray, if a person asked about some.
    pub watch: Option<Watch>,
    /// Whether to give what was learned of hosts.
    pub learn: bool,
    /// Set from outside to end the run early, with what was found so far.
    pub stop: &'a AtomicBool,
    /// Called now and then with how far the run is.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Who is told of findings while the run goes on; where there is nobody, all wait for its end.
    pub follow: Option<Following<'a>>,
}

/// Who follows a run, and how it is asked for its account.
pub struct Following<'a> {
    /// Who follows.
    pub by: &'a mut dyn Follow,
    /// Set from outside to have the present account told.
    pub audit: &'a AtomicBool,
    /// Where recent packets are kept, if somebody may ask for them.
    pub keep: Option<&'a Mutex<Recent>>,
}

/// Somebody who is told of a run while it goes on.
pub trait Follow: Send {
    /// Takes a finding: as new, with its news, or closed.
    fn finding(&mut self, finding: &Finding);

    /// Takes the present account, where it was asked for.
    fn account(&mut self, source: &SourceAccount, account: &Account);

    /// Takes that time has come so far. The policy that it may give judges from here on.
    fn round(&mut self, now: Timestamp) -> Option<Policy>;
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Frames read.
    pub frames: u64,
    /// Captured bytes read.
    pub bytes: u64,
}

impl Progress {
    const fn of(account: &SourceAccount) -> Self {
        Self {
            frames: account.frames,
            bytes: account.bytes,
        }
    }
}

/// What a run found and what it saw.
#[derive(Debug)]
pub struct Outcome {
    /// The findings that nobody took while the run went on, in the order they were raised.
    pub findings: Vec<Finding>,
    /// The flows that were watched.
    pub portraits: Portraits,
    /// What was learned of hosts, if that was asked for.
    pub profile: Option<Profile>,
    /// What became of every frame.
    pub account: Account,
}

/// The flows that a run was asked to portray.
#[derive(Debug, Default)]
pub struct Portraits {
    /// The first of them, at most [`Portraits::MOST`], in the order they ended.
    pub first: Vec<FlowPortrait>,
    /// How many there were in all.
    pub count: u64,
}

impl Portraits {
    /// How many are kept: two ends may use the same ports again and again.
    pub const MOST: usize = 1_000;

    fn add(&mut self, portrait: FlowPortrait) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            self.first.push(portrait);
        }
    }
}

/// What became of every frame of a run.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Frames by what decoding made of them.
    pub frames: FrameCounts,
    /// Fragments by what became of them.
    pub fragments: FragmentCounts,
    /// Datagrams that still waited for a fragment at the end.
    pub waiting_datagrams: u64,
    /// What the shards counted, together.
    pub shards: ShardCounts,
    /// Frames that were older than a frame before them, and taken at the newer time.
    pub late_frames: u64,
    /// What findings had to do without.
    pub findings: FindingCounts,
    /// What correlators forgot.
    pub forgotten: Forgotten,
    /// How often a host came that was not watched because too many were.
    pub hosts_unwatched: u64,
    /// Sessions whose rhythm was not followed because too many were.
    pub sessions_unfollowed: u64,
    /// The run was ended from outside before its captures were read.
    pub interrupted: bool,
}

impl Account {
    /// Adds what another ring counted, where fragments never wait.
    fn add(&mut self, ring: &Self) {
        self.frames.add(&ring.frames);
        self.shards.add(ring.shards);
        self.late_frames += ring.late_frames;
    }
}

/// Why a run came to no end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A capture could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A worker thread is gone.
    #[error(
        "a worker died; the findings would be incomplete, so none are given. This is a bug in hopscope: please report it with the capture, if you may share it"
    )]
    WorkerDied,
    /// The books do not balance.
    #[error(
        "the account of frames does not balance: {frames} read, {accounted} accounted for. This is a bug in hopscope: please report it"
    )]
    Unbalanced {
        /// Frames that the sources gave.
        frames: u64,
        /// Frames that were decoded, skipped or dropped.
        accounted: u64,
    },
}

/// Reads a source to its end, or until it is stopped.
///
/// # Errors
///
/// If the source cannot be read, a worker dies, or the account of frames does not balance. What is wrong inside a
/// capture is no error: it is told in the account.
pub fn run<S: Source>(source: &mut S, mut run: Run<'_>) -> Result<Outcome, RunError> {
    let mut front = Front::new(source, run.config, run.stop);
    let follow = run.follow.take().map(|following| {
        front.audit = Some(following.audit);
        front.keep = Keep(following.keep);
        following.by
    });
    let stage = Stage::new(run.config, run.learn, follow);
    let (found, shards) = if run.workers == 0 {
        inline::run(&mut front, stage, run)?
    } else {
        workers::run(&mut front, stage, run)?
    };
    let account = front.account(shards);
    outcome_of(found, source.account(), account)
}

/// What a run came to, once its books were looked through.
fn outcome_of(
    found: Found,
    source: &SourceAccount,
    mut account: Account,
) -> Result<Outcome, RunError> {
    found.ordered.enter(&mut account);
    if !account.frames.holds() || account.frames.frames != source.frames {
        return Err(RunError::Unbalanced {
            frames: source.frames,
            accounted: account.frames.accounted(),
        });
    }
    Ok(Outcome {
        findings: found.findings,
        portraits: found.portraits,
        profile: found.profile,
        account,
    })
}

/// Makes the shards of a run, by their numbers.
fn shards_of(run: &Run<'_>) -> impl Fn(u16) -> Shard + use<> {
    let (limits, tuning) = (run.config.shard_limits(), run.config.tuning());
    let nonces = NonceKey::default();
    let measures = run.learn || run.config.measures();
    let watch = run.watch.clone();
    move |number| {
        Shard::new(number, limits, tuning, nonces.clone())
            .watching(watch.clone())
            .measuring(measures)
    }
}

/// What left the ordered stage.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    portraits: Portraits,
    profile: Option<Profile>,
    ordered: OrderedCounts,
}

/// What the ordered stage counted.
#[derive(Clone, Copy, Debug, Default)]
struct OrderedCounts {
    findings: FindingCounts,
    forgotten: Forgotten,
    hosts_unwatched: u64,
    sessions_unfollowed: u64,
}

impl OrderedCounts {
    fn enter(self, account: &mut Account) {
        account.findings = self.findings;
        account.forgotten = self.forgotten;
        account.hosts_unwatched = self.hosts_unwatched;
        account.sessions_unfollowed = self.sessions_unfollowed;
    }
}

/// The ordered stage and what left it.
struct Stage<'a> {
    ordered: Ordered,
    outlet: Outlet<'a>,
}

/// Where findings go: to who follows the run, or to those that were found.
struct Outlet<'a> {
    policy: Policy,
    follow: Option<&'a mut dyn Follow>,
    /// How many may be told while the run goes on.
    rate: Rate,
    /// Those that had to make room while nobody follows.
    waiting: Waiting,
    /// Those that had to make room and were too many to tell.
    over_rate: u64,
    found: Found,
}

impl Outlet<'_> {
    /// Judges findings and lets them go.
    fn give(&mut self, findings: Vec<Finding>) {
        for mut finding in findings {
            self.policy.judge(&mut finding);
            match &mut self.follow {
                Some(follow) => follow.finding(&finding),
                None => self.found.findings.push(finding),
            }
        }
    }

    /// Lets findings go that had to make room: it is now, at the end of a replay, or never.
    fn displace(&mut self, findings: Vec<Finding>, now: Timestamp) {
        for mut finding in findings {
            self.policy.judge(&mut finding);
            match &mut self.follow {
                None => self.waiting.add(finding),
                Some(_) if self.rate.allows(now) == 0 => self.over_rate += 1,
                Some(follow) => {
                    self.rate.spend(now);
                    follow.finding(&finding);
                }
            }
        }
    }

    /// Tells findings that are due.
    fn tell(&mut self, findings: Vec<Finding>, now: Timestamp) {
        findings.iter().for_each(|_| self.rate.spend(now));
        self.give(findings);
    }

    fn round(&mut self, now: Timestamp) {
        let policy = self.follow.as_mut().and_then(|follow| follow.round(now));
        if let Some(policy) = policy {
            self.policy = policy;
        }
    }
}

/// The present account.
struct Audit {
    source: SourceAccount,
    account: Account,
}

impl Audit {
    /// The account of this and of another ring.
    fn and(mut self, ring: &Self) -> Self {
        self.source.add(&ring.source);
        self.account.add(&ring.account);
        self
    }
}

impl<'a> Stage<'a> {
    fn new(config: &Config, learn: bool, follow: Option<&'a mut dyn Follow>) -> Self {
        let mut ordered = Ordered::new(config.correlation_limits(), config.host_watch(learn));
        if follow.is_some() {
            ordered.tell_as_it_goes(config.pace());
        }
        let policy = config.policy();
        Self {
            ordered,
            outlet: Outlet {
                policy,
                follow,
                rate: config.rate(),
                waiting: Waiting::new(config.waiting_bytes()),
                over_rate: 0,
                found: Found::default(),
            },
        }
    }

    /// Takes all events of a round, from all shards and in any order, and leaves none.
    fn take(&mut self, events: &mut Events, round: Round) {
        if let Some(missed) = round.missed {
            self.ordered.missed(missed.from, missed.to);
        }
        for event in events.in_order() {
            self.ordered.advance(event.order.time);
            match event.report {
                Report::Flow(facts, evidence) => {
                    self.ordered.flow(&facts, evidence, event.order.time);
                }
                Report::Print(print) => self.ordered.print(*print),
                Report::Spoke(spoke) => self.ordered.spoke(&spoke, event.order.time),
                Report::Flight(flight) => self.ordered.flight(&flight, event.order.time),
                Report::Asked(asked) => self.ordered.asked(&asked),
                Report::Lived(lived) => self.ordered.lived(&lived, event.order.time),
                Report::Totals(totals) => self.ordered.totals(&totals),
                Report::Nonce(sighting) => self.ordered.sighted(&sighting, event.order.time),
                Report::Sizes(sizes) => self.ordered.sizes(&sizes, event.order.time),
                Report::Ended(end) => self.ordered.ended(&end, event.order.time),
                Report::Lasted(lasted) => self.ordered.lasted(&lasted, event.order.time),
                Report::Answers(answers) => self.ordered.answered(&answers, event.order.time),
                Report::LookUp(look_up) => self.ordered.looked_up(&look_up, event.order.time),
                Report::Portrait(portrait) => self.outlet.found.portraits.add(*portrait),
            }
        }
        let displaced = self.ordered.take_displaced();
        self.outlet.displace(displaced, round.now);
        // In a replay nothing may depend on where a round ends.
        if self.outlet.follow.is_some() {
            self.ordered.advance(round.now);
            let most = self.outlet.rate.allows(round.now);
            let due = self.ordered.due(round.now, most);
            self.outlet.tell(due, round.now);
        }
        self.outlet.round(round.now);
    }

    fn counts(&self) -> OrderedCounts {
        OrderedCounts {
            findings: FindingCounts {
                over_rate: self.outlet.over_rate,
                over_budget: self.outlet.waiting.refused(),
                ..self.ordered.finding_counts()
            },
            forgotten: self.ordered.forgotten(),
            hosts_unwatched: self.ordered.hosts_unwatched(),
            sessions_unfollowed: self.ordered.sessions_unfollowed(),
        }
    }

    /// Tells the present account.
    fn audit(&mut self, audit: Audit) {
        let Audit {
            source,
            mut account,
        } = audit;
        self.counts().enter(&mut account);
        if let Some(follow) = &mut self.outlet.follow {
            follow.account(&source, &account);
        }
    }

    fn finish(mut self, now: Timestamp) -> Found {
        self.ordered.conclude();
        let displaced = self.ordered.take_displaced();
        self.outlet.displace(displaced, now);
        let counts = self.counts();
        let mut outlet = self.outlet;
        outlet.found.ordered = counts;
        outlet.found.findings = outlet.waiting.take();
        let (findings, profile) = self.ordered.finish();
        outlet.give(findings);
        outlet.found.profile = profile;
        outlet.found
    }
}

/// How many frames lie between two moments at which time is told to all shards, in one thread.
const BATCH_FRAMES: usize = 256;

pub use beside::beside;
pub use workers::memory_bound;
