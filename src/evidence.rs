//! Evidence: what a detector or correlator concludes from facts, with the facts it stood on.

pub mod beacon;
pub mod bins;
pub mod lasting;
#[cfg(test)]
pub(crate) mod samples;
pub mod ssh;
pub mod weighed;

use crate::decode::{Address, Endpoint, Transport};
use crate::facts::legs::Spoke;
use crate::facts::opening::Opening;
use crate::facts::{FlowFacts, FlowId, Quality};
use crate::proto::nonce::Kind;
use crate::proto::target::Target;
use crate::time::{Span, Timestamp};
use beacon::Beacon;
use lasting::Lasting;
use ssh::SshUse;

/// What one flow, or a few that belong together, contribute to a finding.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Which detector speaks: the name of an entry of [`crate::detect::DETECTORS`].
    pub detector: &'static str,
    /// How sure it is.
    pub certainty: Certainty,
    /// The flow it speaks of; of several, the one that comes first on the way to the target.
    pub session: Session,
    /// The other flows it speaks of, in the order of that way.
    pub further: Vec<Session>,
    /// The host that relays.
    pub relay: Address,
    /// What was seen.
    pub says: Says,
}

impl Evidence {
    /// All flows it speaks of, in the order of the way to the target.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        std::iter::once(&self.session).chain(&self.further)
    }

    /// What was exchanged with a relay, where that is what it says.
    pub fn exchange(&self) -> Option<&RelayExchange> {
        match &self.says {
            Says::Exchange(exchange) => Some(exchange),
            _ => None,
        }
    }
}

/// What evidence says of its flows.
#[derive(Clone, Debug)]
pub enum Says {
    /// A client asked a relay for something.
    Exchange(Box<RelayExchange>),
    /// Two flows are the legs of one relayed session.
    Join(Box<Join>),
    /// Sessions were relayed one into the other.
    Chain(Chain),
    /// Sessions went to many in short succession.
    Spread(Spread),
    /// An SSH session carries other connections.
    Ssh(Box<SshUse>),
    /// A host that never relayed does.
    Turn(Box<Turn>),
    /// A host does something else at a port than it did.
    Drift(Drift),
    /// One side gave the other a command shell.
    Shell(ShellSession),
    /// A client comes back in a rhythm.
    Beacon(Box<Beacon>),
    /// A session does not end.
    Lasting(Box<Lasting>),
}

/// Two flows as the legs of one relayed session: [`Evidence::session`] comes in, the first of [`Evidence::further`] goes
/// out.
#[derive(Clone, Debug)]
pub struct Join {
    /// How the host relays.
    pub mechanism: Mechanism,
    /// What proves it.
    pub proof: Proof,
    /// Where the session comes from: the far end of the first leg.
    pub client: Endpoint,
    /// Where the session goes: the far end of the second leg.
    pub target: Endpoint,
    /// From the proof's first appearance on the first leg to its appearance on the second one.
    pub delay: Span,
    /// Bytes that a relay's own handshake took on the first leg before what it passed on.
    pub preamble: u64,
    /// Whether the two legs were joined before, by another proof.
    pub again: bool,
}

/// How a host relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// It passes on what comes, to where it was set up to.
    Forward,
    /// It is told in each session where to go.
    Proxy,
    /// It rewrites addresses; the connection is the same on both legs.
    Dnat,
    /// It passes on through another protocol.
    Tunnel,
    /// It spreads sessions over several servers, or tells them for whom it speaks.
    Balancer,
}

impl Mechanism {
    /// Its name, as in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Proxy => "proxy",
            Self::Dnat => "dnat",
            Self::Tunnel => "tunnel",
            Self::Balancer => "balancer",
        }
    }
}

/// What proves that two flows are legs of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Proof {
    /// Both carry bytes that only one party can have made up.
    Content(Kind),
    /// The first asked for the target that the second reached.
    Target,
    /// The second one's PROXY protocol header names the first.
    Proxied,
    /// Their flights fit in time and size as those of unrelated flows do not.
    Measured(Measured),
}

impl Proof {
    /// Its name in findings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Content(_) => "content",
            Self::Target => "target",
            Self::Proxied => "proxy-protocol",
            Self::Measured(_) => "timing-and-bytes",
        }
    }
}

/// How well the flights of two flows fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Flights that could have had a partner.
    pub flights: u32,
    /// Flights that had one.
    pub matched: u32,
    /// Whether several flows that came in went out on the second one.
    pub shared: bool,
    /// An upper bound of the chance that unrelated flows fit as well, corrected for the pairs tried.
    pub chance: f64,
}

/// Sessions that were relayed one into the other, in order: [`Evidence::session`], then [`Evidence::further`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The hosts, from the first client to the last target seen.
    pub hosts: Vec<Address>,
    /// Which of them relay: `hosts` without its ends, and a last one that is known to pass on what comes to it.
    pub relays: usize,
    /// How the relays relay, in order.
    pub mechanisms: Vec<Mechanism>,
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

/// One more of many sessions in short succession.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Who was reached by this one.
    pub target: Address,
    /// Targets of the relay within the window.
    pub targets: usize,
    /// Relays of the client within the window.
    pub relays: usize,
}

/// A host that was watched and never relayed does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// For how long it was watched.
    pub watched: Watched,
    /// Which detector found that it relays.
    pub cause: &'static str,
    /// What it never did before.
    pub first: Vec<First>,
    /// The protocol in which it was asked to, if it was asked.
    pub protocol: Option<&'static str>,
    /// How it relays.
    pub mechanism: Mechanism,
    /// For whom.
    pub client: Address,
    /// To where.
    pub target: Option<Target>,
    /// Whether it called the one whom it serves.
    pub calls_out: bool,
    /// Whether the session was told before, by another detector.
    pub again: bool,
}

/// What a host does at a port that it calls is no longer what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The port that it calls.
    pub port: u16,
    /// Flows that show it.
    pub flows: u64,
    /// All flows of the hour that could.
    pub among: u64,
    /// What is other than it was.
    pub change: Change,
}

/// What is other than it was.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Payload sizes, of all flows of the hour or of the odd ones.
    Sizes {
        /// Whether the host sends them, or is sent them.
        sent: bool,
        /// How they differ.
        fit: Fit,
    },
    /// Connections open as none did.
    Openings {
        /// How unlikely that is by chance: the negative decimal logarithm of a probability.
        level: f64,
        /// The new ways, the commonest first.
        new: Vec<Opening>,
        /// Those that were learned, the commonest first.
        usual: Vec<Opening>,
    },
}

/// How payload sizes differ from the usual ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// How unlikely it is by chance: the negative decimal logarithm of a bound on the p-value of the G-test, in which each
    /// flow is one observation; of their sizes, or of how many are odd.
    pub level: f64,
    /// How far sizes moved: Wasserstein distance of the two, in doublings.
    pub distance: f64,
    /// The share of votes at sizes that usually have less than a hundredth of them.
    pub novelty: f64,
    /// Bytes that every payload is larger by, if one number explains most of the distance.
    pub shift: Option<i64>,
}

impl Change {
    /// How unlikely it is by chance: the negative decimal logarithm of a p-value or of a bound on one.
    pub const fn level(&self) -> f64 {
        match self {
            Self::Sizes { fit, .. } => fit.level,
            Self::Openings { level, .. } => *level,
        }
    }
}

impl Fit {
    /// What adds as many bytes to each payload as were added.
    pub fn framing(&self) -> Option<&'static str> {
        let shift = self.shift?;
        let framings = FRAMINGS.iter();
        let known = framings.filter(|(least, most, _)| (*least..=*most).contains(&shift));
        known.map(|(.., name)| *name).next()
    }
}

/// Bytes that a framing adds to each payload: WebSocket headers with and without a mask (RFC 6455 5.2), a TLS 1.3 record with
/// its tag (RFC 8446 5.2), an SSH packet with padding and tag (RFC 4253 6), WireGuard's data message and what OpenVPN adds.
const FRAMINGS: [(i64, i64, &str); 4] = [
    (2, 8, "WebSocket frames"),
    (21, 23, "TLS records"),
    (24, 31, "SSH packets or TLS 1.2 records"),
    (32, 60, "a VPN"),
];

/// For how long a host was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Since when.
    pub since: Timestamp,
    /// By whom: `profile`, or `run`.
    pub by: &'static str,
}

/// What a host never did before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    /// It answered at this port.
    Listener,
    /// It was asked to relay.
    ProxyExchange,
    /// What came in went out again.
    ForwardedLeg,
}

impl First {
    /// What it is, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Listener => "first listener on this port",
            Self::ProxyExchange => "first proxy exchange",
            Self::ForwardedLeg => "first forwarded leg",
        }
    }
}

impl Chain {
    /// The hosts that relay, in order.
    pub fn relaying(&self) -> &[Address] {
        self.hosts.get(1..=self.relays).unwrap_or_default()
    }
}

/// What was seen of a command shell. What was typed and answered in it is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShellSession {
    /// The family of shells, where it showed one.
    pub family: Option<&'static str>,
    /// By what it is known.
    pub mark: &'static str,
    /// How far commands and answers were seen, in words.
    pub spoken: &'static str,
    /// What it was spoken through, if not with the other end itself.
    pub through: Option<&'static str>,
    /// Whether the side that opened the connection is the one that shows the shell.
    pub reverse: bool,
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

impl From<&Spoke> for Session {
    fn from(spoke: &Spoke) -> Self {
        Self {
            id: spoke.id,
            client: spoke.client,
            server: spoke.server,
            transport: spoke.transport,
            opened: spoke.opened,
            last_seen: spoke.opened,
            vlan: spoke.vlan,
            quality: spoke.quality,
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
