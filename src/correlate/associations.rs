//! SOCKS5 UDP associations (RFC 1928, section 7): the datagrams belong to the session that asked for them.

use super::recent::Recent;
use crate::decode::{Address, Endpoint, Transport};
use crate::facts::{FlowFacts, FlowId};
use crate::proto::Side;
use crate::proto::socks5::{Command, Socks5};
use crate::proto::stack::Protocol;
use crate::proto::target::{Host, Target};

/// The relay endpoints that SOCKS servers announced; at most a given number, the oldest go first.
#[derive(Debug)]
pub struct Associations {
    announced: Recent<Endpoint, Association>,
    relays: Recent<FlowId, Endpoint>,
}

#[derive(Clone, Copy, Debug)]
struct Association {
    control: FlowId,
    client: Address,
}

impl Associations {
    /// Nothing announced; at most `cap` are remembered.
    pub fn new(cap: usize) -> Self {
        Self {
            announced: Recent::new(cap),
            relays: Recent::new(cap),
        }
    }

    /// Remembers what a flow announces.
    pub fn announce(&mut self, facts: &FlowFacts) {
        for layer in facts.layers.iter().filter(|layer| layer.depth == 0) {
            let Protocol::Socks5(socks) = &layer.protocol else {
                continue;
            };
            let (serves, asks) = match layer.server {
                Side::Server => (facts.server, facts.client),
                Side::Client => (facts.client, facts.server),
            };
            if let Some(relay) = relay_of(socks, serves.address) {
                let association = Association {
                    control: facts.id,
                    client: asks.address,
                };
                self.announced.insert(relay, association);
                self.relays.insert(facts.id, relay);
            }
        }
    }

    /// The session that asked for the datagrams of a flow, if one did.
    pub fn control_of(&self, facts: &FlowFacts) -> Option<FlowId> {
        if facts.transport != Transport::UDP {
            return None;
        }
        let ends = [
            (facts.server, facts.client.address),
            (facts.client, facts.server.address),
        ];
        ends.into_iter().find_map(|(relay, peer)| {
            let association = self.announced.get(&relay)?;
            (association.client == peer).then_some(association.control)
        })
    }

    /// Forgets what a flow announced: the association ends with its control connection.
    pub fn forget(&mut self, control: FlowId) {
        let Some(relay) = self.relays.remove(&control) else {
            return;
        };
        if self
            .announced
            .get(&relay)
            .is_some_and(|a| a.control == control)
        {
            self.announced.remove(&relay);
        }
    }

    /// Bytes of memory for one association, an upper bound.
    pub const ENTRY_BYTES: usize = 8 * size_of::<(Endpoint, Association)>();
}

/// Whom a flow of relayed datagrams is to reach.
pub fn target_of(facts: &FlowFacts) -> Option<&Target> {
    facts.layers.iter().find_map(|layer| match &layer.protocol {
        Protocol::SocksUdp(datagram) => Some(&datagram.target),
        _ => None,
    })
}

/// Where the datagrams go, if the exchange opened an association. A server that names no address means its own.
fn relay_of(socks: &Socks5, server: Address) -> Option<Endpoint> {
    if socks.command != Some(Command::UdpAssociate) || !socks.is_open() {
        return None;
    }
    let Target { host, port } = socks.reply.as_ref()?.bound.as_ref()?;
    let address = match host {
        Host::Ip(ip) if !ip.is_unspecified() => Address::from(*ip),
        Host::Ip(_) | Host::Name(_) => server,
    };
    Some(Endpoint {
        address,
        port: *port,
    })
}
