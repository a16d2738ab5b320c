//! Which flow a segment belongs to, and which logical shard owns it.

use crate::decode::{Address, Endpoint, Segment, Transport};

/// The two ends of a flow and its transport, the same for both directions.
///
/// Only the innermost addresses count: encapsulation and VLAN are labels, so that copies of a packet seen on both
/// sides of a router or a tunnel meet in one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    low: Address,
    high: Address,
    /// Port of the low end, port of the high end, protocol number.
    rest: u64,
}

/// Which end of its [`FlowKey`] sent a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The end with the smaller address and port.
    Low,
    /// The other end.
    High,
}

impl Sender {
    /// The opposite end.
    pub fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

impl FlowKey {
    /// The key of a segment and the end that sent it.
    pub fn of(segment: &Segment<'_>) -> (Self, Sender) {
        let (source, destination) = (segment.source, segment.destination);
        if source <= destination {
            let key = Self::new(source, destination, segment.transport);
            (key, Sender::Low)
        } else {
            let key = Self::new(destination, source, segment.transport);
            (key, Sender::High)
        }
    }

    fn new(low: Endpoint, high: Endpoint, transport: Transport) -> Self {
        Self {
            low: low.address,
            high: high.address,
            rest: u64::from(low.port) << 32 | u64::from(high.port) << 16 | u64::from(transport.0),
        }
    }

    /// The endpoint at one end.
    #[expect(clippy::cast_possible_truncation, reason = "a port is 16 of the bits")]
    pub fn end(&self, end: Sender) -> Endpoint {
        let (address, port) = match end {
            Sender::Low => (self.low, self.rest >> 32),
            Sender::High => (self.high, self.rest >> 16),
        };
        Endpoint {
            address,
            port: port as u16,
        }
    }

    /// The transport.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the protocol is the last byte"
    )]
    pub fn transport(&self) -> Transport {
        Transport(self.rest as u8)
    }

    /// A number that spreads keys evenly and is the same in every process and on every machine.
    ///
    /// It picks the logical shard, and a shard's cap decides what is forgotten, so it may not be seeded by chance.
    pub fn stable_hash(&self) -> u64 {
        let [low_network, low_host] = self.low.halves();
        let [high_network, high_host] = self.high.halves();
        let hosts = fold(low_host ^ SEEDS[0], high_host ^ SEEDS[1]);
        let networks = fold(low_network ^ SEEDS[1], high_network ^ SEEDS[2]);
        let mixed = fold(hosts ^ self.rest, networks ^ SEEDS[2]);
        fold(mixed ^ SEEDS[0], SEEDS[1])
    }
}

fn halves(number: u128) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
    [(number >> 64) as u64, number as u64]
}

/// A 64×64→128 bit multiplication, folded: each input bit reaches the middle of the product.
fn fold(a: u64, b: u64) -> u64 {
    let [high, low] = halves(u128::from(a) * u128::from(b));
    high ^ low
}

/// Odd constants without structure: the fractional digits of π.
const SEEDS: [u64; 3] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7345,
    0xa409_3822_299f_31d1,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(last: u8, port: u16) -> Endpoint {
        Endpoint {
            address: Address::v4([10, 0, 0, last]),
            port,
        }
    }

    #[test]
    fn keys_with_ends_in_order_spread_over_shards() {
        let mut shards = [0u32; 64];
        for port in 0..6400 {
            let key = FlowKey::new(endpoint(1, 80), endpoint(2, port), Transport::TCP);
            shards[(key.stable_hash() % 64) as usize] += 1;
        }
        assert!(shards.iter().all(|&n| (50..200).contains(&n)), "{shards:?}");
    }

    #[test]
    fn the_hash_is_the_same_on_every_machine() {
        for (last, port, hash) in [
            (2, 1025, 0x0c7f_db9f_7973_8132),
            (2, 1026, 0x9fe3_efc0_09bc_c83d),
            (3, 1025, 0x3f68_d528_f0a9_bbce),
        ] {
            let key = FlowKey::new(endpoint(1, 80), endpoint(last, port), Transport::TCP);
            assert_eq!(key.stable_hash(), hash, "{:#x}", key.stable_hash());
        }
    }
}
