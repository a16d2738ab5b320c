//! What holds for every input: reassembly, tables, caps and sums, each against a model that is simpler than the code.
//!
//! The cases are the same in every run. `PROPTEST_RNG_SEED` and `PROPTEST_CASES` choose others.
#![cfg(test)]
#![allow(clippy::cast_possible_truncation, reason = "inputs are small")]

mod caps;
mod reassembly;
mod shards;
mod spread;
mod tables;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use hopscope::decode::{Address, Endpoint, Label, Segment, TcpHeader, Transport};

/// Runs a property over many inputs and panics with the smallest input that breaks it.
fn holds<S: Strategy>(inputs: S, property: impl Fn(S::Value)) {
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let checked = TestRunner::new(config).run(&inputs, |input| {
        property(input);
        Ok(())
    });
    if let Err(broken) = checked {
        panic!("{broken}");
    }
}

const SEED: u64 = 0x686f_7073_636f_7065;

fn endpoint(host: u8, port: u16) -> Endpoint {
    Endpoint {
        address: Address::v4([10, 0, 0, host]),
        port,
    }
}

fn segment(from: Endpoint, to: Endpoint, payload: &[u8]) -> Segment<'_> {
    Segment {
        source: from,
        destination: to,
        transport: Transport::UDP,
        tcp: None,
        icmp: None,
        payload,
        payload_bytes: u32::try_from(payload.len()).unwrap(),
        copy_digest: 0,
        copy_telling: false,
        label: Label::default(),
        fragmented: false,
    }
}

fn tcp(from: Endpoint, to: Endpoint, flags: u8) -> Segment<'static> {
    Segment {
        transport: Transport::TCP,
        tcp: Some(header(0, flags)),
        ..segment(from, to, &[])
    }
}

fn header(sequence: u32, flags: u8) -> TcpHeader {
    TcpHeader {
        sequence,
        acknowledgement: 0,
        flags,
        window: 512,
    }
}

const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
