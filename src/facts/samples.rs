//! Facts made up for tests: what is said becomes layers as it would in a flow.

use super::{FlowEnd, FlowFacts, FlowId, Quality, Traffic};
pub(crate) use crate::decode::samples::endpoint;
use crate::decode::{Label, Transport};
use crate::proto::stack::{Heads, Layer, Protocol, Stack};
use crate::proto::{Prefix, Side};
use crate::time::Timestamp;

/// A TCP flow from 10.0.0.1:40000 to 10.0.0.2:1080 that was seen whole.
pub(crate) fn flow(layers: Vec<Layer>) -> FlowFacts {
    FlowFacts {
        id: FlowId(1),
        client: endpoint("10.0.0.1:40000"),
        server: endpoint("10.0.0.2:1080"),
        transport: Transport::TCP,
        opened: Timestamp::from_parts(100, 0),
        last_seen: Timestamp::from_parts(101, 0),
        label: Label::default(),
        layers,
        traffic: Traffic::default(),
        quality: Quality::default(),
        ssh: None,
    }
}

/// A protocol spoken with the server itself.
pub(crate) fn layer(protocol: Protocol) -> Layer {
    Layer {
        protocol,
        server: Side::Server,
        depth: 0,
        ends: (0, 0),
    }
}

/// The end of a flow that went silent.
pub(crate) fn end(id: FlowId) -> FlowEnd {
    FlowEnd {
        id,
        last_seen: Timestamp::from_parts(200, 0),
        traffic: Traffic::default(),
        ending: None,
        protocol: None,
        greeting: None,
        quality: Quality::default(),
    }
}

/// The flow in which both sides say this and no more. A side that says nothing was not seen.
pub(crate) fn spoken(client: &[u8], server: &[u8]) -> FlowFacts {
    let mut stack = Stack::new(false);
    stack.probe(&Said { client, server });
    FlowFacts {
        traffic: Traffic {
            client_bytes: client.len() as u64,
            server_bytes: server.len() as u64,
            ..Traffic::default()
        },
        quality: Quality {
            one_sided: client.is_empty() || server.is_empty(),
            ..Quality::default()
        },
        ..flow(stack.into_layers())
    }
}

struct Said<'a> {
    client: &'a [u8],
    server: &'a [u8],
}

impl Heads for Said<'_> {
    fn prefix(&self, side: Side, from: usize) -> Prefix<'_> {
        let said = match side {
            Side::Client => self.client,
            Side::Server => self.server,
        };
        Prefix::closed(said.get(from..).unwrap_or_default())
    }

    fn preamble(&self) -> Option<usize> {
        None
    }
}
