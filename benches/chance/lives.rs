//! Connections inside SSH, held against connections that have nothing to do with them.

use std::collections::BTreeMap;
use std::rc::Rc;

use hopscope::correlate::measured::fit;
use hopscope::correlate::measured::lives::{Connection, Inside};
use hopscope::evidence::Session;
use hopscope::facts::FlowId;
use hopscope::facts::legs::Lived;
use hopscope::shard::Report;
use hopscope::time::Span;

use super::{BOUNDS, Played, Tally, random};

/// A connection inside a tunnel, and the capture that it is from.
pub(super) type Life = (Rc<str>, Session, Lived, u32);
/// A connection that is over, likewise.
pub(super) type Other = (Rc<str>, Connection);

/// All of some captures.
pub(super) fn of(captures: &[Played]) -> (Vec<Life>, Vec<Other>) {
    let (mut lives, mut connections) = (Vec::new(), Vec::new());
    for played in captures {
        let mut flows: BTreeMap<FlowId, (Session, u32)> = BTreeMap::new();
        for event in &played.events {
            let capture = Rc::clone(&played.capture);
            match &event.report {
                Report::Spoke(spoke) => {
                    flows.insert(spoke.id, ((&**spoke).into(), 0));
                }
                Report::Lived(lived) => {
                    if let Some((session, number)) = flows.get_mut(&lived.flow) {
                        *number += 1;
                        lives.push((capture, *session, **lived, *number));
                    }
                }
                Report::Ended(end) => {
                    if let Some((session, _)) = flows.get(&end.id) {
                        connections.push((capture, Connection::new(session, end)));
                    }
                }
                _ => {}
            }
        }
    }
    (lives, connections)
}

/// How many of so many pairs fit by accident.
pub(super) fn tally(pairs: u64, lives: &[Life], connections: &[Other]) -> Tally {
    let (mut tally, mut next) = (Tally::default(), random());
    for _ in 0..pairs {
        let (Some(life), Some(other)) = (
            lives.get(next(lives.len())),
            connections.get(next(connections.len())),
        ) else {
            return tally;
        };
        if life.0 == other.0 {
            continue;
        }
        let (_, tunnel, lived, number) = life;
        let age = (lived.ended - tunnel.opened).nanos().max(LEAST_AGE.nanos());
        let offset = next(usize::try_from(age).unwrap_or(usize::MAX));
        let opened = (lived.ended + Span::from_nanos(-age))
            + Span::from_nanos(i64::try_from(offset).unwrap_or(0));
        let connection = other.1.begun(opened);
        let asked = next(2) == 0;
        let host = if asked {
            connection.session().server
        } else {
            connection.session().client
        };
        let inside = Inside::new(tunnel, lived, host.address, asked, *number);
        let Some(chance) = inside.fits(&connection) else {
            continue;
        };
        tally.alike += 1;
        tally.told += u64::from(fit::is_enough_alone(chance));
        for (count, bound) in tally.below.iter_mut().zip(BOUNDS) {
            *count += u64::from(chance <= bound);
        }
    }
    tally
}

const LEAST_AGE: Span = Span::from_seconds(2);
