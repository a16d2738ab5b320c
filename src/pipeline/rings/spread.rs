//! Which shard owns a flow in a run of several rings, and the program by which the kernel sends its frames there.
//!
//! The kernel sees outer headers only, and its programs count in 32 bits, so the hash is another one than that of a replay. It says
//! nothing but which shard: what is found does not depend on it.

use crate::decode::{Address, Segment, TUNNEL_PORTS};
use crate::pipeline::front::Plan;
use crate::shard::{Route, SHARDS};
use crate::source::live::Instruction;
use crate::time::Timestamp;

/// How shards and numbers of frames are spread over rings.
#[derive(Debug)]
pub(super) struct Spread {
    rings: u8,
    /// Which of them this is.
    ring: u8,
    /// The number of the newest frame.
    newest: u64,
}

impl Spread {
    pub(super) const fn new(rings: u8, ring: u8) -> Self {
        Self {
            rings,
            ring,
            newest: ring as u64,
        }
    }

    /// The ring to which a flow goes, and which of its shards owns it there.
    #[inline]
    pub(super) fn place_of(&self, route: &Route) -> (usize, usize) {
        let rings = u16::from(self.rings);
        let place = (route.shard % rings, route.shard / rings);
        (place.0.into(), place.1.into())
    }

    /// Which shard of this ring owns the flow of a route, if one does.
    #[inline]
    pub(super) fn lane(&self, route: &Route) -> Option<usize> {
        let (ring, lane) = self.place_of(route);
        (ring == usize::from(self.ring)).then_some(lane)
    }
}

impl Plan for Spread {
    #[inline]
    fn route(&self, segment: &Segment<'_>) -> Route {
        Route::to(shard_of(segment), segment)
    }

    /// Frames are numbered by their time, so that flows which end together are told in the order in which they began, whatever
    /// their rings; no two rings give the same number.
    #[inline]
    fn number(&mut self, time: Timestamp, _: u64) -> u64 {
        let nanos = u64::try_from(time.nanos()).unwrap_or_default();
        let by_time = nanos / RINGS * RINGS + u64::from(self.ring);
        self.newest = by_time.max(self.newest + RINGS);
        self.newest
    }
}

/// The shard that owns the flow of a segment; the same for both directions.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "it counts in 32 bits")]
fn shard_of(segment: &Segment<'_>) -> u16 {
    let (source, destination) = (segment.source, segment.destination);
    let hosts = words(source.address).wrapping_add(words(destination.address));
    let ports = u32::from(source.port) + u32::from(destination.port);
    let mut hash = ports.wrapping_mul(FACTORS[0]).wrapping_add(hosts as u32);
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(FACTORS[1]);
    hash ^= hash >> 13;
    (hash % u32::from(SHARDS)) as u16
}

/// The sum of the words of an address; only its last 32 bits mean something.
fn words(address: Address) -> u64 {
    let [high, low] = address.halves();
    (high >> 32)
        .wrapping_add(high)
        .wrapping_add(low >> 32)
        .wrapping_add(low)
}

/// The program that sends a frame to the ring whose worker owns its flow: TCP and UDP in IPv4 without options or in IPv6
/// without extension headers. Fragments, tunnels and all else go to the first ring, and so does what it cannot read.
pub fn program(rings: u8) -> Vec<Instruction> {
    let mut steps = Vec::new();
    steps.extend(FAMILIES);
    steps.extend(IPV4);
    steps.extend(ipv6());
    steps.extend(TRANSPORTS);
    steps.extend(TUNNEL_PORTS.map(|port| If(EQUAL, port as u32, Place::First, Place::Next)));
    steps.extend(HASH);
    steps.extend([
        Do(ALU | AND, SHARDS as u32 - 1),
        Do(ALU | REMAINDER, rings as u32),
        Do(RETURN_RESULT, 0),
        At(Place::First),
        Do(RETURN, 0),
    ]);
    assemble(&steps)
}

/// A line of the program.
#[derive(Clone, Copy, Debug)]
enum Line {
    /// An instruction and its operand.
    Do(u16, u32),
    /// A condition, with what the result is compared, and where it goes on if it holds and if not.
    If(u16, u32, Place, Place),
    /// Goes on there.
    Go(Place),
    /// The next line has this name.
    At(Place),
}
use Line::{At, Do, Go, If};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Next,
    Ipv4,
    Ipv6,
    Transport,
    Hash,
    First,
}

fn assemble(lines: &[Line]) -> Vec<Instruction> {
    let is_instruction = |line: &&Line| !matches!(line, At(_));
    let distance = |from: usize, to: Place| {
        let behind = lines.iter().skip(from + 1);
        let passed = behind.take_while(|line| !matches!(line, At(place) if *place == to));
        match to {
            Place::Next => 0,
            _ => u8::try_from(passed.filter(is_instruction).count()).unwrap_or(u8::MAX),
        }
    };
    let instruction = |(number, line): (usize, &Line)| {
        let (code, operand, yes, no) = match *line {
            Do(code, operand) => (code, operand, Place::Next, Place::Next),
            If(code, operand, yes, no) => (code, operand, yes, no),
            Go(place) => (EQUAL, 0, place, place),
            At(_) => return None,
        };
        Some(Instruction {
            code,
            if_true: distance(number, yes),
            if_false: distance(number, no),
            operand,
        })
    };
    lines.iter().enumerate().filter_map(instruction).collect()
}

const FAMILIES: [Line; 3] = [
    Do(LOAD_WORD, PROTOCOL),
    If(EQUAL, 0x0800, Place::Ipv4, Place::Next),
    If(EQUAL, 0x86dd, Place::Ipv6, Place::First),
];

/// RFC 791, 3.1: no options, no fragment. The addresses are summed as mapped ones.
const IPV4: [Line; 17] = [
    At(Place::Ipv4),
    Do(LOAD_BYTE, NETWORK),
    If(EQUAL, 0x45, Place::Next, Place::First),
    Do(LOAD_HALF, NETWORK + 6),
    If(ANY_BIT, 0x3fff, Place::First, Place::Next),
    Do(LOAD_HALF, NETWORK + 20),
    Do(STORE, SOURCE_PORT),
    Do(LOAD_HALF, NETWORK + 22),
    Do(STORE, DESTINATION_PORT),
    Do(LOAD_WORD, NETWORK + 12),
    Do(TO_INDEX, 0),
    Do(LOAD_WORD, NETWORK + 16),
    Do(ALU | ADD | BY_INDEX, 0),
    Do(ALU | ADD, 2 * 0xffff),
    Do(STORE, HOSTS),
    Do(LOAD_BYTE, NETWORK + 9),
    Go(Place::Transport),
];

/// RFC 8200, 3.
fn ipv6() -> Vec<Line> {
    let mut lines = vec![
        At(Place::Ipv6),
        Do(LOAD_HALF, NETWORK + 40),
        Do(STORE, SOURCE_PORT),
        Do(LOAD_HALF, NETWORK + 42),
        Do(STORE, DESTINATION_PORT),
        Do(LOAD_WORD, NETWORK + 8),
    ];
    for word in 1..8 {
        lines.extend([
            Do(TO_INDEX, 0),
            Do(LOAD_WORD, NETWORK + 8 + 4 * word),
            Do(ALU | ADD | BY_INDEX, 0),
        ]);
    }
    lines.extend([Do(STORE, HOSTS), Do(LOAD_BYTE, NETWORK + 6)]);
    lines
}

const TRANSPORTS: [Line; 4] = [
    At(Place::Transport),
    If(EQUAL, 6, Place::Hash, Place::Next),
    If(EQUAL, 17, Place::Next, Place::First),
    Do(LOAD_STORED, DESTINATION_PORT),
];

const HASH: [Line; 15] = [
    At(Place::Hash),
    Do(LOAD_STORED, SOURCE_PORT),
    Do(TO_INDEX, 0),
    Do(LOAD_STORED, DESTINATION_PORT),
    Do(ALU | ADD | BY_INDEX, 0),
    Do(ALU | TIMES, FACTORS[0]),
    Do(INDEX_STORED, HOSTS),
    Do(ALU | ADD | BY_INDEX, 0),
    Do(TO_INDEX, 0),
    Do(ALU | RIGHT, 16),
    Do(ALU | DIFFER | BY_INDEX, 0),
    Do(ALU | TIMES, FACTORS[1]),
    Do(TO_INDEX, 0),
    Do(ALU | RIGHT, 13),
    Do(ALU | DIFFER | BY_INDEX, 0),
];

/// More rings than there are.
const RINGS: u64 = 64;

/// Odd constants without structure: of the golden ratio, and of MurmurHash3.
const FACTORS: [u32; 2] = [0x9e37_79b1, 0x85eb_ca6b];

/// Where the program keeps words.
const SOURCE_PORT: u32 = 0;
const DESTINATION_PORT: u32 = 1;
const HOSTS: u32 = 2;

/// Places that the kernel knows: the EtherType, and the first byte behind the link layer. `SKF_AD_OFF` and `SKF_NET_OFF` of
/// `linux/filter.h`.
const PROTOCOL: u32 = 0xffff_f000;
const NETWORK: u32 = 0xfff0_0000;

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_STORED: u16 = 0x60;
const INDEX_STORED: u16 = 0x61;
const STORE: u16 = 0x02;
const TO_INDEX: u16 = 0x07;
const ALU: u16 = 0x04;
const ADD: u16 = 0x00;
const TIMES: u16 = 0x20;
const AND: u16 = 0x50;
const RIGHT: u16 = 0x70;
const REMAINDER: u16 = 0x90;
const DIFFER: u16 = 0xa0;
const BY_INDEX: u16 = 0x08;
const EQUAL: u16 = 0x15;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;
const RETURN_RESULT: u16 = 0x16;
