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

    /// How many associations gave way though their sessions went on.
    pub fn forgotten(&self) -> u64 {
        self.announced.displaced()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::{endpoint, flow, layer};
    use crate::proto::socks5::{Reply, Stage};

    /// A UDP ASSOCIATE that was answered with this code and address.
    fn associate(id: u64, code: u8, bound: &str) -> FlowFacts {
        let (host, port) = bound.rsplit_once(':').unwrap();
        let bound = Target {
            host: Host::from_text(host.as_bytes()).unwrap(),
            port: port.parse().unwrap(),
        };
        let socks = Socks5 {
            command: Some(Command::UdpAssociate),
            reply: Some(Reply {
                code,
                bound: Some(bound),
            }),
            stage: Stage::Answered,
            ..Socks5::default()
        };
        FlowFacts {
            id: FlowId(id),
            ..flow(vec![layer(Protocol::Socks5(Box::new(socks)))])
        }
    }

    fn datagrams(client: &str, server: &str) -> FlowFacts {
        FlowFacts {
            client: endpoint(client),
            server: endpoint(server),
            transport: Transport::UDP,
            ..flow(Vec::new())
        }
    }

    const CONTROL: Option<FlowId> = Some(FlowId(7));

    /// The control session is between 10.0.0.1 and 10.0.0.2.
    #[test]
    fn datagrams_belong_to_the_session_that_asked_for_them() {
        let cases = [
            (
                0,
                "10.0.0.2:5000",
                "10.0.0.1:6000",
                "10.0.0.2:5000",
                CONTROL,
            ),
            (
                0,
                "10.0.0.2:5000",
                "10.0.0.2:5000",
                "10.0.0.1:6000",
                CONTROL,
            ),
            (
                0,
                "10.0.0.9:5000",
                "10.0.0.1:6000",
                "10.0.0.9:5000",
                CONTROL,
            ),
            (0, "0.0.0.0:5000", "10.0.0.1:6000", "10.0.0.2:5000", CONTROL),
            (0, "[::]:5000", "10.0.0.1:6000", "10.0.0.2:5000", CONTROL),
            (
                0,
                "relay.test:5000",
                "10.0.0.1:6000",
                "10.0.0.2:5000",
                CONTROL,
            ),
            (0, "10.0.0.2:5000", "10.0.0.1:6000", "10.0.0.2:5001", None),
            (0, "10.0.0.2:5000", "10.0.0.3:6000", "10.0.0.2:5000", None),
            (0, "10.0.0.9:5000", "10.0.0.1:6000", "10.0.0.2:5000", None),
            (1, "10.0.0.2:5000", "10.0.0.1:6000", "10.0.0.2:5000", None),
        ];
        for (code, bound, client, server, expected) in cases {
            let mut associations = Associations::new(4);
            associations.announce(&associate(7, code, bound));
            let control = associations.control_of(&datagrams(client, server));
            assert_eq!(control, expected, "{code} {bound}: {client} to {server}");
        }
    }

    #[test]
    fn only_datagrams_belong_to_an_association() {
        let mut associations = Associations::new(4);
        associations.announce(&associate(7, 0, "10.0.0.2:5000"));
        let stream = FlowFacts {
            transport: Transport::TCP,
            ..datagrams("10.0.0.1:6000", "10.0.0.2:5000")
        };
        assert_eq!(associations.control_of(&stream), None);
    }

    #[test]
    fn other_requests_announce_nothing() {
        let mut associations = Associations::new(4);
        let mut facts = associate(7, 0, "10.0.0.2:5000");
        if let Protocol::Socks5(socks) = &mut facts.layers[0].protocol {
            socks.command = Some(Command::Connect);
        }
        associations.announce(&facts);
        let mut facts = associate(7, 0, "10.0.0.2:5000");
        facts.layers[0].depth = 1;
        associations.announce(&facts);
        let datagrams = datagrams("10.0.0.1:6000", "10.0.0.2:5000");
        assert_eq!(associations.control_of(&datagrams), None);
    }

    #[test]
    fn a_host_that_connects_out_to_serve_announces_its_own_address() {
        let mut associations = Associations::new(4);
        let mut facts = associate(7, 0, "0.0.0.0:5000");
        facts.layers[0].server = Side::Client;
        associations.announce(&facts);
        let datagrams = datagrams("10.0.0.2:6000", "10.0.0.1:5000");
        assert_eq!(associations.control_of(&datagrams), CONTROL);
    }

    #[test]
    fn an_association_ends_with_its_session_and_not_with_an_older_one() {
        let datagrams = datagrams("10.0.0.1:6000", "10.0.0.2:5000");
        let mut associations = Associations::new(4);
        associations.announce(&associate(6, 0, "10.0.0.2:5000"));
        associations.announce(&associate(7, 0, "10.0.0.2:5000"));
        for (ended, left) in [(6, CONTROL), (8, CONTROL), (7, None), (7, None)] {
            associations.forget(FlowId(ended));
            assert_eq!(associations.control_of(&datagrams), left, "{ended}");
        }
    }

    #[test]
    fn the_oldest_association_gives_way() {
        let mut associations = Associations::new(2);
        for port in 1..=3 {
            associations.announce(&associate(port, 0, &format!("10.0.0.2:{port}")));
        }
        let control = |port: u64| {
            let relay = format!("10.0.0.2:{port}");
            associations.control_of(&datagrams("10.0.0.1:6000", &relay))
        };
        let expected = [None, Some(FlowId(2)), Some(FlowId(3))];
        assert_eq!([1, 2, 3].map(control), expected);
    }
}
