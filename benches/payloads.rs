//! How often payload-anomaly speaks of made-up hosts that do nothing wrong: they drift, are updated, have bursts, speak
//! several protocols and err.
//!
//! `cargo bench --bench payloads -- HOURS`, for a hundred hosts; 300 hours unless said.

use hopscope::correlate::payloads::Payloads;
use hopscope::decode::{Endpoint, Transport};
use hopscope::facts::legs::Spoke;
use hopscope::facts::opening::Opening;
use hopscope::facts::{FlowId, PayloadSizes, Quality, Sent, SizeBin};
use hopscope::profile::Profile;
use hopscope::profile::learner::{Detail, Learner, Limits};
use hopscope::profile::usual::Usual;
use hopscope::proto::stack::Kind;
use hopscope::time::Timestamp;

const HOSTS: u32 = 100;
const LEARNED_HOURS: u64 = 48;

fn main() {
    let hours = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    let hours: u64 = hours.unwrap_or(300);
    let mut payloads = Payloads::new(Usual::of(&learn(), []));
    let mut told = 0;
    for hour in LEARNED_HOURS..LEARNED_HOURS + hours {
        each_flow(hour, |flow, now| told += payloads.sizes(flow, now).len());
    }
    told += payloads.close().len();
    println!("{} host-hours, told {told} times", u64::from(HOSTS) * hours);
}

fn learn() -> Profile {
    let inside = endpoint(0, 0).address..=endpoint(u32::MAX, 0).address;
    let limits = Limits {
        hosts: HOSTS as usize,
        relays: 1,
    };
    let mut learner = Learner::new(vec![inside], limits, Detail::All);
    (0..LEARNED_HOURS).for_each(|hour| each_flow(hour, |flow, _| learner.sizes(flow)));
    learner.into_profile()
}

/// Each host has a mix of its own of eight kinds of sessions. From day to day the mix drifts by a tenth at most; one hour in
/// fifty is a burst of a single kind; every hundred hours all hosts get an update that adds up to forty bytes.
fn each_flow(hour: u64, mut take: impl FnMut(&PayloadSizes, Timestamp)) {
    let now = Timestamp::from_parts(i64::try_from(hour).unwrap_or(0) * 3_600, 0);
    for host in 0..HOSTS {
        let mut dice = Dice((hour << 32) + u64::from(host) + 1);
        let burst = dice.below(50) == 0;
        let kind = Dice(u64::from(host) + 7).below(8) + dice.below(8) / 7;
        let flows = if burst { 400 } else { 20 + dice.below(60) };
        for number in 0..flows {
            let drift = hour / 24 * 10 % 100;
            let usual = if dice.below(1_000) < 400 + drift {
                kind
            } else {
                dice.below(8)
            };
            let kind = if burst { kind } else { usual };
            let size = size(kind, hour, &mut dice);
            take(&flow(host, number, size, opening(host, hour, number)), now);
        }
    }
}

fn size(kind: u64, hour: u64, dice: &mut Dice) -> u32 {
    const KINDS: [u64; 8] = [40, 90, 180, 300, 517, 700, 1_100, 1_460];
    let known = KINDS
        .get(usize::try_from(kind % 8).unwrap_or(0))
        .unwrap_or(&40);
    let update = hour.saturating_sub(LEARNED_HOURS) / 100 * 20 % 60;
    u32::try_from(known + update + dice.below(known / 4)).unwrap_or(0)
}

/// Most connections open with TLS; every third host speaks HTTP in one of twenty, every seventh what nobody can read in one of
/// a hundred. One in a thousand is a mistake of any kind, and in one hour of a hundred nine more are. Every hundred hours a
/// protocol that is new comes to all hosts, in one connection of four.
fn opening(host: u32, hour: u64, number: u64) -> Opening {
    let mut dice = Dice(hour << 40 | u64::from(host) << 20 | number);
    let new = hour
        .checked_sub(LEARNED_HOURS)
        .map_or(0, |since| since / 100);
    let new = usize::try_from(new).ok().and_then(|place| NEW.get(place));
    let mistakes = if Dice(hour << 32 ^ u64::from(host)).below(100) == 0 {
        9
    } else {
        1
    };
    match (dice.below(1_000), new) {
        (0..250, Some(new)) => *new,
        (250..300, _) if host.is_multiple_of(3) => Opening::by(Kind::Http),
        (300..310, _) if host.is_multiple_of(7) => Opening::UNREAD,
        (draw, _) if draw >= 1_000 - mistakes => {
            let kind = usize::try_from(dice.below(Kind::ALL.len() as u64)).unwrap_or(0);
            Kind::ALL
                .get(kind)
                .map_or(Opening::RANDOM, |kind| Opening::by(*kind))
        }
        _ => Opening::by(Kind::Tls),
    }
}

/// What comes to all hosts, one after the other.
const NEW: [Opening; 3] = [
    Opening::by(Kind::Ssh),
    Opening::RANDOM,
    Opening::by(Kind::Socks5),
];

fn flow(host: u32, number: u64, bytes: u32, opening: Opening) -> PayloadSizes {
    let octave = bytes.ilog2().saturating_sub(2);
    let sent = Sent {
        bytes: bytes.into(),
        sizes: vec![SizeBin {
            lowest: bytes >> octave << octave,
            highest: bytes,
            count: 1,
        }],
    };
    PayloadSizes {
        flow: Spoke {
            id: FlowId(number),
            client: endpoint(0x0a00_0000 + host, 4_000),
            server: endpoint(0xc000_0201, 443),
            transport: Transport::TCP,
            opened: Timestamp::MIN,
            vlan: None,
            quality: Quality::default(),
            flight: None,
            nonce: None,
        },
        last_seen: Timestamp::MIN,
        opening: Some(opening),
        client: sent.clone(),
        server: sent,
    }
}

fn endpoint(bits: u32, port: u16) -> Endpoint {
    let address = std::net::IpAddr::from(std::net::Ipv4Addr::from_bits(bits)).into();
    Endpoint { address, port }
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the same dice in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % limit.max(1)
    }
}
