//! Frames from network interfaces, as they come.
//!
//! A `tap` takes frames of one interface from libpcap. [`Live`] merges several by time: each frame bears the moment when
//! the kernel saw it, and the kernel gives frames of one interface in order, a while later. So a frame may go on as soon
//! as every other interface has given a newer one, or has had that while to do so.
//!
//! Where the kernel divides frames among several rings (`rings`, by the socket options in `fanout`), each is a [`Live`] of its own.

mod counters;
#[cfg(target_os = "linux")]
mod fanout;
mod rings;
mod tap;

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::account::{InterfaceAccount, SourceAccount};
use super::error::SourceError;
use super::{Arrival, Frame, Missed, Ring, Source};
use crate::time::{Span, Timestamp};
use tap::{Reading, Record, Tap};

/// What to listen to, and how.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The interfaces, each once.
    pub interfaces: Vec<String>,
    /// Which frames are wanted, in the language of pcap-filter(7).
    pub filter: Option<String>,
    /// How many bytes of a frame are wanted.
    pub snaplen: i32,
    /// How many bytes the kernel may hold for each interface.
    pub buffer_bytes: i32,
    /// Whether frames for others are wanted.
    pub promiscuous: bool,
}

/// An instruction of a classic BPF program; bpf(4) of the BSDs, and `linux/filter.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What is done.
    pub code: u16,
    /// How many instructions are left out if a condition holds.
    pub if_true: u8,
    /// How many if it does not.
    pub if_false: u8,
    /// A number or place.
    pub operand: u32,
}

/// What ends the listening: a flag, and something that can be read when it is set.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Set when the listening is to end.
    pub flag: Arc<AtomicBool>,
    /// Can be read then, so that a silent network is no longer waited for.
    pub wake: Arc<OwnedFd>,
}

/// What happened to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is down or gone; why, most often in the words of libpcap.
    Out(String),
    /// It is back.
    Back,
    /// It is gone for good.
    Lost(String),
}

/// Takes what happens to the interface of a name.
type Tell = Box<dyn FnMut(&str, &Change) + Send>;

/// `cannot be read for now: it is down`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Out(why) => write!(f, "cannot be read for now: {why}"),
            Self::Back => f.write_str("can be read again"),
            Self::Lost(why) => write!(f, "is given up: {why}"),
        }
    }
}

/// Network interfaces as the source of a run.
pub struct Live {
    taps: Vec<Tap>,
    /// The frames that were handed out last, each with the tap it is from.
    batch: Vec<(usize, Record)>,
    stop: Stop,
    /// How many frames each tap must have read, and until when, once the end was asked for.
    ending: Option<Ending>,
    idle_was_told: bool,
    end_was_told: bool,
    /// When the kernel's counters were read last.
    counted: Timestamp,
    missed: Option<Missed>,
    tell: Tell,
    /// Whether it looks after what its rings have in common: the interfaces themselves.
    is_first: bool,
    account: SourceAccount,
}

struct Ending {
    deadline: Timestamp,
    passed: Vec<u64>,
}

impl Live {
    /// Listens. What happens to an interface is told to `tell`, with its name.
    ///
    /// # Errors
    ///
    /// If there is no such interface, the user may not listen, or the filter is wrong.
    pub fn open(
        listen: &Listen,
        stop: Stop,
        tell: impl FnMut(&str, &Change) + Send + 'static,
    ) -> Result<Self, SourceError> {
        let names = listen.interfaces.iter();
        let taps = names
            .map(|name| Tap::open(name, listen))
            .collect::<Result<Vec<_>, _>>()?;
        let accounts = taps.iter().map(|tap| InterfaceAccount {
            name: tap.name().to_owned(),
            ..InterfaceAccount::default()
        });
        Ok(Self {
            account: SourceAccount {
                interfaces: accounts.collect(),
                ..SourceAccount::default()
            },
            taps,
            batch: Vec::new(),
            stop,
            ending: None,
            idle_was_told: false,
            end_was_told: false,
            counted: clock(),
            missed: None,
            tell: Box::new(tell),
            is_first: true,
        })
    }

    /// Takes what the kernel has.
    fn refill(&mut self) {
        self.attend(Tap::refill);
    }

    /// Does something with each interface, and tells of those that cannot be read or can again.
    fn attend(&mut self, mut read: impl FnMut(&mut Tap) -> Reading) {
        for (tap, account) in self.taps.iter_mut().zip(&mut self.account.interfaces) {
            if account.lost.is_some() {
                continue;
            }
            let change = match read(tap) {
                Reading::Well => continue,
                Reading::Back => Change::Back,
                Reading::Out(why) => Change::Out(why),
                Reading::StillOut if tap.is_there() => continue,
                Reading::StillOut => Change::Lost("it is there no more".to_owned()),
            };
            match &change {
                Change::Out(_) => account.outages += 1,
                Change::Lost(why) => account.lost = Some(why.clone()),
                Change::Back => {}
            }
            (self.tell)(tap.name(), &change);
        }
    }

    /// Puts the oldest frames that may go on, none younger than `until`, into the batch.
    fn merge(&mut self, most: usize, now: Timestamp, until: Timestamp) {
        let all_there = now - HOLD;
        while self.batch.len() < most {
            let waiting = self.taps.iter().enumerate();
            let waiting = waiting.filter_map(|(place, tap)| Some((tap.next()?.time, place)));
            let Some((time, place)) = waiting.min() else {
                return;
            };
            if time > until {
                return;
            }
            if time > all_there && self.taps.iter().any(|tap| tap.next().is_none()) {
                return;
            }
            self.hand_out(place);
        }
    }

    fn hand_out(&mut self, place: usize) {
        let Some(tap) = self.taps.get_mut(place) else {
            return;
        };
        let Some(record) = tap.next().copied() else {
            return;
        };
        self.account.hand_out(tap.frame(&record).bytes.len());
        if let Some(account) = self.account.interfaces.get_mut(place) {
            account.read += 1;
        }
        tap.step();
        self.batch.push((place, record));
    }

    /// Reads the kernel's counters now and then, before they wrap around.
    fn count(&mut self, now: Timestamp) {
        let before = std::mem::replace(&mut self.counted, now);
        let dropped = self.dropped();
        for (tap, account) in self.taps.iter_mut().zip(&mut self.account.interfaces) {
            tap.count(account);
            if self.is_first {
                tap.count_errors(account);
            }
        }
        if self.dropped() > dropped {
            let missed = Missed {
                from: before,
                to: now,
            };
            self.missed = Some(self.missed.map_or(missed, |before| before.and(missed)));
        }
    }

    fn dropped(&self) -> u64 {
        let interfaces = self.account.interfaces.iter();
        interfaces.map(|i| i.dropped + i.dropped_before).sum()
    }

    /// Whether the end was asked for and what was there by then is read, or no interface is left.
    fn is_over(&mut self, now: Timestamp) -> bool {
        let interfaces = &self.account.interfaces;
        if interfaces.iter().all(|interface| interface.lost.is_some()) {
            return true;
        }
        let Some(ending) = &self.ending else {
            return false;
        };
        let is_read = |(interface, passed): (&InterfaceAccount, &u64)| {
            interface.read + interface.dropped >= *passed
        };
        let all_read = interfaces.iter().zip(&ending.passed).all(is_read);
        all_read || now >= ending.deadline
    }

    /// Remembers what is in the kernel's buffers when the end is asked for.
    fn heed_stop(&mut self, now: Timestamp) {
        if self.ending.is_none() && self.stop.flag.load(Ordering::Relaxed) {
            self.count(now);
            let passed = self.account.interfaces.iter().map(|i| i.passed);
            self.ending = Some(Ending {
                deadline: now + LAST_FRAMES,
                passed: passed.collect(),
            });
        }
    }

    /// Counts and looks after the interfaces, now and then.
    fn look_after(&mut self, now: Timestamp) {
        if (now - self.counted).nanos().abs() >= COUNTED_EVERY.nanos() {
            self.count(now);
            if self.is_first {
                self.attend(Tap::look);
            }
        }
    }

    /// Whether no frame up to `until` can come any more.
    fn is_complete(&self, until: Timestamp, now: Timestamp) -> bool {
        let is_beyond = |tap: &Tap| tap.next().is_some_and(|record| record.time > until);
        now - HOLD >= until || self.taps.iter().all(is_beyond)
    }

    /// Waits until there may be a frame, the end is asked for, or some time has passed.
    fn wait(&mut self, most: Span) -> Result<(), SourceError> {
        // Other rings end when the first does.
        let is_asked = self.is_first && self.ending.is_none();
        let wake = is_asked.then(|| self.stop.wake.as_fd());
        // An interface that is out is always ready, to say so; one whose frames wait for others has nothing to add.
        let asked = |tap: &&Tap| !tap.is_out() && tap.next().is_none();
        let taps = self.taps.iter().filter(asked).map(AsFd::as_fd);
        let mut waiting: Vec<PollFd<'_>> = wake
            .into_iter()
            .chain(taps)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        match poll(&mut waiting, Some(&self.patience(most))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(SourceError::reading("the network", error.into())),
        }
    }

    /// Until the oldest frame may go on, or for a while.
    fn patience(&self, most: Span) -> Timespec {
        let heads = self.taps.iter().filter_map(Tap::next);
        let oldest = heads.map(|record| record.time).min();
        let rest = oldest.map_or(most, |time| (time + HOLD - clock()).min(most));
        Timespec {
            tv_sec: 0,
            tv_nsec: rest.nanos().max(1_000_000),
        }
    }
}

impl Source for Live {
    fn proceed(&mut self, most: usize) -> Result<Arrival, SourceError> {
        self.batch.clear();
        loop {
            let now = clock();
            self.heed_stop(now);
            self.look_after(now);
            self.refill();
            self.merge(most, now, Timestamp::MAX);
            if !self.batch.is_empty() {
                self.idle_was_told = false;
                return Ok(Arrival::Frames);
            }
            if self.is_over(now) {
                self.count(now);
                let was_told = std::mem::replace(&mut self.end_was_told, true);
                return Ok(if was_told {
                    Arrival::Over
                } else {
                    Arrival::Idle(now)
                });
            }
            if !self.idle_was_told {
                self.idle_was_told = true;
                return Ok(Arrival::Idle(now - HOLD));
            }
            self.wait(TICK)?;
            self.idle_was_told = false;
        }
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let frame = |(place, record): &(usize, Record)| Some(self.taps.get(*place)?.frame(record));
        self.batch.iter().filter_map(frame)
    }

    fn take_missed(&mut self) -> Option<Missed> {
        self.missed.take()
    }

    fn settle(&mut self) {
        self.count(clock());
    }

    fn account(&self) -> &SourceAccount {
        &self.account
    }
}

impl Ring for Live {
    fn proceed_until(&mut self, most: usize, until: Timestamp) -> Result<Arrival, SourceError> {
        self.batch.clear();
        loop {
            let now = clock();
            self.look_after(now);
            self.refill();
            self.merge(most, now, until);
            if !self.batch.is_empty() {
                return Ok(Arrival::Frames);
            }
            if self.is_complete(until, now) {
                return Ok(Arrival::Idle(until));
            }
            self.wait((until + HOLD - now).min(TICK))?;
        }
    }
}

/// The clock by which the kernel stamps frames.
#[expect(
    clippy::disallowed_methods,
    reason = "where no frame comes, only the machine knows how late it is"
)]
fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_parts(seconds, since.subsec_nanos())
}

/// After this long the kernel gives frames although it could wait for more.
const PATIENCE_MILLIS: i32 = 50;

/// After this long a frame has certainly been given: the kernel's patience, and as much again for a busy machine.
const HOLD: Span = Span::from_millis(100);

/// How often time is told where no frame comes.
const TICK: Span = Span::from_millis(100);

/// How often the kernel's counters are read.
const COUNTED_EVERY: Span = Span::from_seconds(1);

/// How long the last frames are waited for.
const LAST_FRAMES: Span = Span::from_seconds(1);
