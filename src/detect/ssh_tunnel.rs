//! # ssh-tunnel
//!
//! A host carries other connections in an SSH session: local, dynamic and remote forwarding, jumps, networks.
//!
//! ## Sees
//!
//! The sizes, directions and order of what is encrypted behind the key exchange. How long a packet is follows from what
//! it says (RFC 4252, RFC 4254) and from cipher and MAC, which both sides agree on in the clear: a request for a
//! session, for a connection, to listen, and the answers to them have sizes of their own. No session is compared with
//! another. The side whose message comes first behind the offers is the SSH client, whoever opened the connection.
//!
//! Inside TLS whose hello does not say what will be spoken (RFC 7301), and in a WebSocket there, the same by the lengths of
//! records: programs that put a stream into TLS put each write into a record, and what TLS adds is fixed. Two lines, two
//! offers, a key exchange of whole blocks, sixteen bytes that take the keys into use, a request for a service that is as
//! long as its acceptance, and the acceptance of the client: then it is SSH, and the rest is read as above.
//!
//! ## Means
//!
//! *proven* (high): the side that opened the connection is the SSH server. *probable* (medium): connections were opened
//! in the session for its client, one of them and no more (a jump), or the packets of a network device go through it; or
//! the session, whatever it is for, is hidden in TLS. *probable* (high): the client asked the server to listen for
//! connections and to pass them back, or the server passed one on; swapped roles inside TLS. Beside a shell or a command,
//! and where the beginning was not seen, it takes two connections whose whole life was seen: request, confirmation, data,
//! and the end from both sides. An unusual port is a mark, and no more.
//!
//! ## Quiet when
//!
//! SSH is what it mostly is: a shell, commands, scp, sftp, rsync, git, ansible with its multiplexed sessions, X11 and an
//! agent that are forwarded. A client that only bars itself from commands and carries nothing is no finding either.
//!
//! ## Misses
//!
//! Sessions that are compressed, or padded beyond what the RFC asks for. Forwarding beside a shell with fewer than two
//! connections of which one is over. Whom connections are for. SSH in HTTP/2, inside TLS that speaks ALPN, with a block
//! cipher, behind a record that is lost, or whose client is not accepted. A session picked up in its middle at a port other
//! than 22, or with another cipher than chacha20-poly1305. NETCONF that calls home (RFC 8071) has swapped roles by design,
//! and is found.

use crate::evidence::ssh::{SshKind, SshUse};
use crate::evidence::{Certainty, Evidence, Says, Session};
use crate::facts::FlowFacts;
use crate::facts::ssh::SshCounts;

/// The detector's name.
pub const NAME: &str = "ssh-tunnel";

/// Looks for what an SSH session carries beside sessions.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
    let conduct = facts.ssh.as_deref()?;
    let mut kinds = SshUse::kinds_of(conduct.counts);
    if facts.quality.midstream {
        kinds.retain(|kind| *kind != SshKind::SwappedRoles);
    }
    let worst = kinds.iter().copied().max()?;
    let session = Session::from(facts);
    let reverse = kinds.iter().any(|kind| kind.is_reverse());
    let relay = if reverse {
        session.client.address
    } else {
        session.server.address
    };
    Some(Evidence {
        detector: NAME,
        certainty: certainty(worst, conduct.counts),
        session,
        further: Vec::new(),
        relay,
        says: Says::Ssh(Box::new(SshUse {
            kinds,
            conduct: conduct.clone(),
            reverse,
            odd_port: session.server.port != SSH_PORT && conduct.counts.wrapping.is_none(),
        })),
    })
}

/// Who is the client can be read in the clear; the rest follows from sizes.
fn certainty(kind: SshKind, counts: SshCounts) -> Certainty {
    match kind {
        SshKind::SwappedRoles if counts.wrapping.is_none() => Certainty::Proven,
        _ => Certainty::Probable,
    }
}

const SSH_PORT: u16 = 22;
