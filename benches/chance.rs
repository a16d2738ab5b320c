//! Whether measured joins claim too much: unrelated sides of hosts, from different captures (those whose names differ only
//! behind a dot are variants of one, and relays among each other) and moved in time at random,
//! are fitted in pairs, and for some bounds of chance it is counted how many pairs stayed below. The same for connections inside
//! SSH and connections that have nothing to do with them, begun at random in the time of the tunnel.
//!
//! `cargo bench --bench chance -- PAIRS FOLDER…`, with the folders of laid-out captures.

#[path = "chance/lives.rs"]
mod lives;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hopscope::config::Config;
use hopscope::correlate::measured::fit;
use hopscope::correlate::measured::log::{Carried, Log, Way};
use hopscope::decode::{Address, Decoder, Endpoint, Outcome};
use hopscope::facts::FlowId;
use hopscope::facts::legs::{Asked, Spoke};
use hopscope::flow::nonces::NonceKey;
use hopscope::proto::Side;
use hopscope::shard::{Event, Events, Moment, Report, Route, Shard};
use hopscope::source::{Captures, Inputs};
use hopscope::time::{Span, Timestamp};

/// A host's side: the host, whom it talks with, the port, and whether the host serves it.
type Key = (Address, Address, u16, bool);

/// What happened on a side.
#[derive(Clone, Copy)]
struct Step {
    time: Timestamp,
    flow: FlowId,
    /// A flight or an opening, and its way; else a flow carried more.
    beat: Option<(Way, bool)>,
    more: Carried,
}

struct Recorded {
    capture: Rc<str>,
    steps: Vec<Step>,
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let Some(pairs) = arguments.next().and_then(|count| count.parse::<u64>().ok()) else {
        println!("usage: cargo bench --bench chance -- PAIRS FOLDER…");
        return;
    };
    let folders: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let captures = captures_of(&folders);
    let sides = sides_of(&captures);
    println!("{} sides with {LEAST_BEATS} beats or more", sides.len());
    report(pairs, &tally(pairs, &sides));
    let (lives, connections) = lives::of(&captures);
    println!(
        "{} connections inside SSH, {} others",
        lives.len(),
        connections.len()
    );
    report(pairs, &lives::tally(pairs, &lives, &connections));
}

/// The events of a capture.
struct Played {
    capture: Rc<str>,
    events: Vec<Event>,
}

fn captures_of(folders: &[PathBuf]) -> Vec<Played> {
    let files = folders.iter().flat_map(|folder| {
        let inputs = hopscope::source::files_below(folder);
        inputs.unwrap_or_default()
    });
    let played = files.filter_map(|file| {
        Some(Played {
            capture: stem(&file),
            events: play(&file)?,
        })
    });
    played.collect()
}

fn sides_of(captures: &[Played]) -> Vec<Recorded> {
    let sides = captures.iter().flat_map(|played| {
        let capture = Rc::clone(&played.capture);
        let sides = steps(&played.events);
        let beats = |steps: &[Step]| steps.iter().filter(|step| step.beat.is_some()).count();
        let long = sides.into_values();
        let long = long.filter(move |steps| beats(steps) >= LEAST_BEATS);
        long.map(move |steps| Recorded {
            capture: Rc::clone(&capture),
            steps,
        })
    });
    sides.collect()
}

/// The name of a capture, up to its first dot.
fn stem(file: &Path) -> Rc<str> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().into()
}

fn play(file: &Path) -> Option<Vec<Event>> {
    let inputs = Inputs::collect(&[file.to_owned()]).ok()?;
    let mut captures = Captures::open(inputs).ok()?;
    let config = Config::default();
    let mut decoder = Decoder::new(config.fragment_limits());
    let mut shard = Shard::new(
        0,
        config.shard_limits(),
        config.tuning(),
        NonceKey::default(),
    );
    let mut events = Events::default();
    let mut frame_number = 0;
    let mut now = Timestamp::MIN;
    while let Ok(Some(frame)) = captures.next_frame() {
        frame_number += 1;
        now = now.max(frame.time);
        let moment = Moment {
            time: now,
            frame: frame_number,
        };
        if let Outcome::Segment(segment) = decoder.decode(&frame) {
            shard.segment(moment, &Route::of(&segment), None, &segment, &mut events);
        }
    }
    shard.finish(now, &mut events);
    Some(events.in_order().collect())
}

fn steps(events: &[Event]) -> BTreeMap<Key, Vec<Step>> {
    let mut flows: BTreeMap<FlowId, (Spoke, u64, u64)> = BTreeMap::new();
    let mut sides: BTreeMap<Key, Vec<Step>> = BTreeMap::new();
    for event in events {
        let (flow, from, client, server) = match &event.report {
            Report::Spoke(spoke) => {
                flows.insert(spoke.id, (**spoke, 0, 0));
                (spoke.id, None, 0, 0)
            }
            Report::Flight(flight) => (
                flight.flow,
                Some(flight.from),
                flight.client_bytes,
                flight.server_bytes,
            ),
            Report::Totals(totals) => (totals.flow, None, totals.client_bytes, totals.server_bytes),
            Report::Ended(end) => (
                end.id,
                None,
                end.traffic.client_bytes,
                end.traffic.server_bytes,
            ),
            Report::Asked(asked) => {
                if let Some((spoke, ..)) = flows.get(&asked.flow) {
                    ask(asked, spoke, &mut sides);
                }
                continue;
            }
            _ => continue,
        };
        let Some((spoke, client_told, server_told)) = flows.get_mut(&flow) else {
            continue;
        };
        let client_more = client.saturating_sub(*client_told);
        let server_more = server.saturating_sub(*server_told);
        (*client_told, *server_told) = (client.max(*client_told), server.max(*server_told));
        let opens = matches!(event.report, Report::Spoke(_)) && !spoke.quality.midstream;
        let time = if opens {
            spoke.opened
        } else {
            event.order.time
        };
        for side in [Side::Client, Side::Server] {
            let begins = if opens { Some(Side::Client) } else { from };
            let way = |from| if from == side { Way::Out } else { Way::In };
            let (received, sent) = match side {
                Side::Client => (server_more, client_more),
                Side::Server => (client_more, server_more),
            };
            sides.entry(key(spoke, side)).or_default().push(Step {
                time,
                flow,
                beat: begins.map(|from| (way(from), opens)),
                more: Carried { received, sent },
            });
        }
    }
    sides
}

/// Adds that a connection was asked for inside a flow.
fn ask(asked: &Asked, spoke: &Spoke, sides: &mut BTreeMap<Key, Vec<Step>>) {
    for side in [Side::Client, Side::Server] {
        let way = if asked.by == side { Way::Out } else { Way::In };
        sides.entry(key(spoke, side)).or_default().push(Step {
            time: asked.time,
            flow: asked.flow,
            beat: Some((way, true)),
            more: Carried::default(),
        });
    }
}

fn key(spoke: &Spoke, side: Side) -> Key {
    let (client, server): (Endpoint, Endpoint) = (spoke.client, spoke.server);
    match side {
        Side::Client => (client.address, client.address, 0, false),
        Side::Server => (server.address, client.address, server.port, true),
    }
}

/// The log of a side, moved so that it begins at `begin`.
fn log(steps: &[Step], begin: Timestamp) -> Log {
    let mut log = Log::default();
    let first = steps.first().map_or(begin, |step| step.time);
    for step in steps {
        log.carry(step.more);
        let time = begin + (step.time - first);
        match step.beat {
            Some((way, true)) => log.record_opening(time, step.flow, way),
            Some((way, false)) => log.record(time, step.flow, way),
            None => {}
        }
    }
    log
}

/// Counts of pairs that look like relays and stay below each bound, and of joins that would be told.
#[derive(Default)]
struct Tally {
    below: [u64; BOUNDS.len()],
    alike: u64,
    told: u64,
}

fn tally(pairs: u64, sides: &[Recorded]) -> Tally {
    let mut tally = Tally::default();
    let mut next = random();
    let moved: Vec<(Rc<str>, Log)> = (0..MOVED)
        .flat_map(|_| sides.iter())
        .map(|side| {
            let offset = i64::try_from(next(30_000)).unwrap_or(0);
            let begin = Timestamp::from_parts(1_000, 0) + Span::from_millis(offset);
            (Rc::clone(&side.capture), log(&side.steps, begin))
        })
        .collect();
    let mut done = 0;
    while done < pairs {
        let (Some(one), Some(other)) = (moved.get(next(moved.len())), moved.get(next(moved.len())))
        else {
            return tally;
        };
        if one.0 == other.0 {
            continue;
        }
        done += 1;
        let Some(fit) = fit::fit(&one.1, &other.1) else {
            continue;
        };
        tally.alike += 1;
        tally.told += u64::from(fit.is_told(1));
        for (count, bound) in tally.below.iter_mut().zip(BOUNDS) {
            *count += u64::from(fit.is_relay_like() && fit.chance() <= bound);
        }
    }
    tally
}

/// Numbers below what is asked for.
fn random() -> impl FnMut(usize) -> usize {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    move |below| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below.max(1) as u64).unwrap_or(0)
    }
}

fn report(pairs: u64, tally: &Tally) {
    println!("{pairs} pairs, {} of them alike", tally.alike);
    for (count, bound) in tally.below.iter().zip(BOUNDS) {
        println!(
            "chance at most {bound:.0e}: {count}, claimed {:.0}",
            bound * pairs as f64
        );
    }
    println!("joins told: {}", tally.told);
}

const BOUNDS: [f64; 7] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7];
const LEAST_BEATS: usize = 8;
/// How often each side is moved to another time.
const MOVED: usize = 3;
