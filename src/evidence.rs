//! Evidence: what a detector or correlator concludes from facts, with the facts it stood on.

#[cfg(test)]
pub(crate) mod samples;

use crate::decode::{Address, Endpoint, Transport};
use crate::facts::{FlowFacts, FlowId, Quality};
use crate::proto::target::Target;
use crate::time::Timestamp;

/// One flow's contribution to a finding.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Which detector speaks: the name of an entry of [`crate::detect::DETECTORS`].
    pub detector: &'static str,
    /// How sure it is.
    pub certainty: Certainty,
    /// The flow it speaks of.
    pub session: Session,
    /// The host that relays.
    pub relay: Address,
    /// What was exchanged with the relay.
    pub exchange: RelayExchange,
}

/// How sure a conclusion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Worth knowing, never an alarm.
    Hint,
    /// It looks like it.
    Possible,
    /// Hard to explain otherwise.
    Probable,
    /// A protocol exchange was parsed to its end.
    Proven,
}

impl Certainty {
    /// The certainty as a number from 0 to 1, for consumers that sort by one.
    pub fn confidence(self) -> f64 {
        match self {
            Self::Hint => 0.2,
            Self::Possible => 0.5,
            Self::Probable => 0.85,
            Self::Proven => 0.99,
        }
    }
}

/// The flow that evidence speaks of.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Its name within the run.
    pub id: FlowId,
    /// Who opened it.
    pub client: Endpoint,
    /// Who was called.
    pub server: Endpoint,
    /// Its transport.
    pub transport: Transport,
    /// Time of its first segment.
    pub opened: Timestamp,
    /// Time of its newest segment when the evidence was found.
    pub last_seen: Timestamp,
    /// The VLAN it was seen in.
    pub vlan: Option<u16>,
    /// How well it was seen.
    pub quality: Quality,
}

impl From<&FlowFacts> for Session {
    fn from(facts: &FlowFacts) -> Self {
        Self {
            id: facts.id,
            client: facts.client,
            server: facts.server,
            transport: facts.transport,
            opened: facts.opened,
            last_seen: facts.last_seen,
            vlan: facts.label.vlan,
            quality: facts.quality,
        }
    }
}

/// The outcome of an exchange whose end was not seen.
pub const UNSEEN: &str = "answer not seen";

/// What a client asked of a relay in one session, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayExchange {
    /// The relay's protocol: `socks4`, `socks4a`, `socks5`, `http-connect`, `http2-connect`, `http-forward`,
    /// `websocket`.
    pub protocol: &'static str,
    /// What was asked for: `connect`, `bind`, `udp-associate`, or an HTTP method.
    pub command: Option<String>,
    /// How the client proved who it is, where the protocol has a word for it. Never a secret.
    pub authentication: Option<&'static str>,
    /// How the exchange ended, in words of the protocol.
    pub outcome: String,
    /// Whether the relay did what was asked.
    pub opened: bool,
    /// Who was to be reached.
    pub target: Option<Target>,
    /// Further relays asked for through the first one, in order.
    pub hops: Vec<Hop>,
    /// What was spoken with the target, innermost layer.
    pub inner: Option<Inner>,
    /// What else tells that this is a relay, such as a `Via` header.
    pub marks: Vec<String>,
    /// Whether the side that opened the connection is the one that serves.
    pub reverse: bool,
}

/// A relay behind the relay, asked for in the tunnel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Hop {
    /// The protocol spoken with it.
    pub protocol: &'static str,
    /// Whom it was asked to reach.
    pub target: Option<Target>,
}

/// The protocol inside a tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Inner {
    /// Its name: `tls`, `ssh`, `http`.
    pub protocol: &'static str,
    /// The name it asks for: TLS server name, HTTP host, SSH server banner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// JA4 of a TLS client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<String>,
    /// JA3 of a TLS client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja3: Option<String>,
    /// HASSH of an SSH client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hassh: Option<String>,
}
