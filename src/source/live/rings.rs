//! Several rings for the same interfaces, among which the kernel divides the frames.

use super::tap::Tap;
use super::{Change, Instruction, Listen, Live, Stop, clock};
use crate::source::error::SourceError;
use crate::source::{Source, SourceAccount};

impl Live {
    /// Listens with as many rings as are asked for. Each frame comes by one of them: `program` says by which, as a number below
    /// their count, and where it cannot read a header, by the first. What happens to an interface is told by the first, too.
    ///
    /// # Errors
    ///
    /// As [`Live::open`]; and if the kernel cannot divide the frames of an interface.
    pub fn open_rings(
        rings: usize,
        program: &[Instruction],
        listen: &Listen,
        stop: &Stop,
        tell: impl FnMut(&str, &Change) + Send + 'static,
    ) -> Result<Vec<Self>, SourceError> {
        let mut lives = vec![Self::open(listen, stop.clone(), tell)?];
        for _ in 1..rings {
            let mut live = Self::open(listen, stop.clone(), |_, _| {})?;
            live.is_first = false;
            lives.push(live);
        }
        for place in 0..listen.interfaces.len() {
            let taps = lives.iter().filter_map(|live| live.taps.get(place));
            join(&taps.collect::<Vec<_>>(), program)?;
        }
        // Before its ring was in the group, each had every frame.
        let from = clock();
        let taps = lives.iter_mut().flat_map(|live| &mut live.taps);
        taps.for_each(|tap| tap.begin(from));
        Ok(lives)
    }

    /// What all rings of the same interfaces read, and could not.
    pub fn account_of(rings: &[Self]) -> SourceAccount {
        let mut accounts = rings.iter().map(Source::account);
        let mut first = accounts.next().cloned().unwrap_or_default();
        accounts.for_each(|account| first.add(account));
        first
    }
}

#[cfg(target_os = "linux")]
fn join(taps: &[&Tap], program: &[Instruction]) -> Result<(), SourceError> {
    use super::fanout::{Direction, Group};
    use std::os::fd::AsFd;

    let [first, others @ ..] = taps else {
        return Ok(());
    };
    let direction = if first.is_loopback() {
        Direction::In
    } else {
        Direction::Both
    };
    let joined = Group::begin(first.as_fd(), direction).and_then(|group| {
        others.iter().try_for_each(|tap| group.add(tap.as_fd()))?;
        Group::divide(first.as_fd(), program)
    });
    joined.map_err(|error| indivisible(first, &error.to_string()))
}

#[cfg(not(target_os = "linux"))]
fn join(taps: &[&Tap], _: &[Instruction]) -> Result<(), SourceError> {
    match taps {
        [first, _, ..] => Err(indivisible(first, "only Linux does that")),
        _ => Ok(()),
    }
}

fn indivisible(tap: &Tap, why: &str) -> SourceError {
    SourceError::Interface {
        name: tap.name().to_owned(),
        cause: format!("its frames cannot be divided among rings ({why}); leave out --rings"),
    }
}
