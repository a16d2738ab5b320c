//! Flows spread evenly over the shards, whatever varies between them.

use hopscope::decode::{Address, Endpoint, Segment, Transport};
use hopscope::flow::key::FlowKey;
use hopscope::shard::{self, SHARDS};
use proptest::prelude::*;

use super::{holds, segment};

/// Which part of the five-tuple runs through its values; the rest stays.
#[derive(Clone, Copy, Debug)]
enum Varies {
    ClientPort,
    Client,
    Server,
    ServerPort,
    Both,
}

fn populations() -> impl Strategy<Value = (u128, u128, u16, u16, Varies)> {
    let varies = prop_oneof![
        Just(Varies::ClientPort),
        Just(Varies::Client),
        Just(Varies::Server),
        Just(Varies::ServerPort),
        Just(Varies::Both),
    ];
    let address = || {
        let v4 = any::<[u8; 4]>().prop_map(|octets| Address::v4(octets).bits());
        prop_oneof![v4, any::<u128>()]
    };
    (address(), address(), any::<u16>(), any::<u16>(), varies)
}

#[test]
fn flows_that_differ_in_one_part_spread_over_all_shards() {
    holds(populations(), |(client, server, from, to, varies)| {
        let mut flows = [0u32; SHARDS as usize];
        for number in 0..FLOWS {
            let wide = u128::from(number);
            let (client, from, server, to) = match varies {
                Varies::ClientPort => (client, from.wrapping_add(number), server, to),
                Varies::Client => (client.wrapping_add(wide), from, server, to),
                Varies::Server => (client, from, server.wrapping_add(wide), to),
                Varies::ServerPort => (client, from, server, to.wrapping_add(number)),
                Varies::Both => (
                    client.wrapping_add(wide),
                    from.wrapping_add(number),
                    server,
                    to,
                ),
            };
            let segment = between(client, from, server, to);
            flows[usize::from(shard::Route::of(&segment).shard)] += 1;
        }
        let mean = u32::from(FLOWS / SHARDS);
        let even = mean / 3..=mean * 3;
        assert!(flows.iter().all(|flows| even.contains(flows)), "{flows:?}");
    });
}

#[test]
fn both_directions_of_a_flow_meet_in_one_shard() {
    let ends = any::<(u128, u16, u128, u16)>();
    holds(ends, |(client, from, server, to)| {
        let [there, back] = [
            between(client, from, server, to),
            between(server, to, client, from),
        ];
        let [(key, sender), (other, answerer)] = [there, back].map(|segment| FlowKey::of(&segment));
        assert_eq!(key, other);
        assert_eq!(key.end(sender), there.source);
        assert_eq!(key.end(answerer), back.source);
        assert_eq!(key.transport(), Transport::UDP);
        assert_eq!(
            shard::Route::of(&there).shard,
            shard::Route::of(&back).shard
        );
    });
}

fn between(client: u128, from: u16, server: u128, to: u16) -> Segment<'static> {
    let end = |bits, port| Endpoint {
        address: Address::from_bits(bits),
        port,
    };
    segment(end(client, from), end(server, to), &[])
}

const FLOWS: u16 = SHARDS * 64;
