//! What it costs to remember who comes back to whom: pairs of a client and a server over a day, most of which come once, and
//! among them clients that beat.
//!
//! `cargo bench --bench pairs -- PAIRS`, so many pairs in the day; ten million unless said.

#![expect(
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "time is measured here"
)]

use std::time::Instant;

use hopscope::config::Config;
use hopscope::correlate::beacon::Beacons;
use hopscope::correlate::pairs::{Key, Pairs, Visit, Whom};
use hopscope::correlate::rhythm::Regularity;
use hopscope::decode::{Address, Endpoint, Transport};
use hopscope::time::{Span, Timestamp};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let strangers = arguments
        .find_map(|one| one.parse().ok())
        .unwrap_or(10_000_000);
    let cap = Config::default().correlation_limits().pairs;
    let bound = Beacons::memory_bound(cap);
    println!(
        "{cap} pairs are remembered, {} bytes each with who came once; the bound is {bound} bytes",
        Pairs::PAIR_BYTES
    );
    println!(
        "{strangers} pairs come in a day, each once, and {BEATING} of each period come back:\n"
    );
    println!("| period | found, of {BEATING} | ns for each event |\n|---|---|---|");
    for minutes in [1, 5, 15, 30, 60, 120] {
        let (found, nanoseconds) = day(cap, strangers, minutes);
        println!("| {minutes} min | {found} | {nanoseconds:.0} |");
    }
    println!("\nthe process took {} kB at most", peak());
}

/// How many of those that beat are regular at the end of a day, and what an event took.
fn day(cap: usize, strangers: u64, minutes: i64) -> (usize, f64) {
    let mut pairs = Pairs::new(cap);
    let begun = Instant::now();
    let mut events = 0_u64;
    let mut next = 0_i64;
    for number in 0..strangers {
        let second = i64::try_from(number * 86_400 / strangers).unwrap_or(0);
        while next <= second {
            for client in 0..BEATING {
                pairs.come(key(client, 0), &visit(next + client as i64 % 7));
                events += 1;
            }
            next += 60 * minutes;
        }
        pairs.come(key(number, 1), &visit(second));
        events += 1;
    }
    let nanoseconds = begun.elapsed().as_nanos() as f64 / events as f64;
    let is_regular = |client: &u64| {
        let pair = pairs.come(key(*client, 0), &visit(next + *client as i64 % 7));
        pair.is_some_and(|(pair, _)| pair.rhythm.read().regularity > Regularity::None)
    };
    ((0..BEATING).filter(is_regular).count(), nanoseconds)
}

fn key(client: u64, server: u64) -> Key {
    let server = Address::from_bits((0xC000_0200 + u128::from(server)) | 0xFFFF_0000_0000);
    let client = Address::from_bits(u128::from(client) | 0x2001_0DB8 << 96);
    Key::new(client, Whom::Address(server), 443, Transport::TCP)
}

fn visit(second: i64) -> Visit {
    let server = Endpoint {
        address: Address::from_bits(0xFFFF_C000_0201),
        port: 443,
    };
    Visit {
        server,
        partner: server.address,
        opened: Timestamp::from_parts(second, 0),
        stayed: Span::from_seconds(1),
        client_bytes: 400,
        server_bytes: 200,
    }
}

/// What the operating system says that the process took at most.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("?", |line| line.trim().trim_end_matches(" kB"))
        .to_owned()
}

const BEATING: u64 = 200;
