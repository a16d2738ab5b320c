//! What findings are about: evidence of the same subject is one finding.

use sha2::{Digest, Sha256};

use crate::decode::{Address, Endpoint};
use crate::evidence::{Evidence, Says};
use crate::finding::summary::Summary;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// What a client has to do with a server.
    Pair {
        detector: &'static str,
        client: Address,
        server: Endpoint,
    },
    /// What a host does at one of its ports, for whomever.
    Service {
        detector: &'static str,
        server: Endpoint,
    },
    /// What a client asks for below a domain, told by a digest of its name.
    Domain {
        detector: &'static str,
        client: Address,
        name: u64,
    },
    /// What goes from a client through some hosts, told by a digest of their addresses.
    Path {
        detector: &'static str,
        client: Address,
        hosts: [u8; 8],
    },
}

impl Subject {
    /// What evidence is about.
    pub(super) fn of(evidence: &Evidence) -> Self {
        let detector = evidence.detector;
        let (client, server) = (evidence.session.client.address, evidence.session.server);
        match &evidence.says {
            Says::Spread(spread) if spread.relays > 1 => Self::Path {
                detector,
                client,
                hosts: digest_of(&[]),
            },
            Says::Exchange(_)
            | Says::Spread(_)
            | Says::Shell(_)
            | Says::Ssh(_)
            | Says::Lasting(_) => Self::Pair {
                detector,
                client,
                server,
            },
            Says::Beacon(beacon) => match &beacon.domain {
                Some(domain) => Self::Domain {
                    detector,
                    client,
                    name: domain.digest,
                },
                None => Self::Pair {
                    detector,
                    client,
                    server: beacon.home,
                },
            },
            Says::Join(join) if join.client == evidence.session.client => {
                Self::Service { detector, server }
            }
            Says::Drift(_) => Self::Path {
                detector,
                client,
                hosts: digest_of(&[]),
            },
            Says::Turn(turn) if !turn.calls_out => Self::Service { detector, server },
            Says::Join(_) | Says::Turn(_) => Self::Pair {
                detector,
                client,
                server,
            },
            Says::Chain(chain) => Self::Path {
                detector,
                client,
                hosts: digest_of(chain.relaying()),
            },
        }
    }

    /// The detector that speaks of it.
    pub(super) fn detector(&self) -> &'static str {
        match self {
            Self::Pair { detector, .. }
            | Self::Service { detector, .. }
            | Self::Domain { detector, .. }
            | Self::Path { detector, .. } => detector,
        }
    }

    /// The first 64 bits of a SHA-256 over it; `evidence` knows the name of a domain.
    pub(super) fn id(&self, evidence: &Summary) -> String {
        let mut hash = Sha256::new();
        hash.update(self.detector());
        hash.update([0]);
        match self {
            Self::Pair { client, server, .. } => {
                hash.update(client.bits().to_be_bytes());
                update(&mut hash, *server);
            }
            Self::Service { server, .. } => update(&mut hash, *server),
            Self::Domain { client, .. } => {
                hash.update(client.bits().to_be_bytes());
                hash.update(digest_of_name(evidence.domain().unwrap_or_default()));
            }
            Self::Path { client, hosts, .. } => {
                hash.update(client.bits().to_be_bytes());
                hash.update(hosts);
            }
        }
        let digest = first_64_bits(hash);
        digest.iter().fold(String::new(), |mut id, byte| {
            use std::fmt::Write;
            let _ = write!(id, "{byte:02x}");
            id
        })
    }
}

fn digest_of(hosts: &[Address]) -> [u8; 8] {
    let mut hash = Sha256::new();
    hosts
        .iter()
        .for_each(|host| hash.update(host.bits().to_be_bytes()));
    first_64_bits(hash)
}

fn digest_of_name(name: &str) -> [u8; 8] {
    first_64_bits(Sha256::new().chain_update(name))
}

fn first_64_bits(hash: Sha256) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    [a, b, c, d, e, f, g, h]
}

fn update(hash: &mut Sha256, server: Endpoint) {
    hash.update(server.address.bits().to_be_bytes());
    hash.update(server.port.to_be_bytes());
}
