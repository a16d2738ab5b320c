//! How an SSH session is used, where it carries what others say.

use crate::facts::ssh::{SshConduct, SshCounts};

/// The use of an SSH session for other connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshUse {
    /// What is carried.
    pub kinds: Vec<SshKind>,
    /// What is known of the session.
    pub conduct: SshConduct,
    /// The host that opened the connection lets others in through it.
    pub reverse: bool,
    /// The port is one of another service.
    pub odd_port: bool,
}

impl SshUse {
    /// What a session with these counts carries.
    pub fn kinds_of(counts: SshCounts) -> Vec<SshKind> {
        let has_direct = counts.direct > 0 && !counts.jump;
        let is_dynamic = counts.direct_sizes > 1;
        let kinds = [
            (SshKind::InsideTls, counts.wrapping.is_some()),
            (SshKind::LocalForward, has_direct && !is_dynamic),
            (SshKind::DynamicForward, has_direct && is_dynamic),
            (SshKind::Jump, counts.jump),
            (SshKind::Tun, counts.tun),
            (SshKind::RemoteForward, counts.listens > 0),
            (SshKind::ReverseChannel, counts.reverse > 0),
            (SshKind::SwappedRoles, counts.swapped),
        ];
        let told = kinds.into_iter().filter(|(_, is_so)| *is_so);
        told.map(|(kind, _)| kind).collect()
    }
}

/// What an SSH session carries, in the order in which it asks for attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SshKind {
    /// The session itself, hidden in TLS.
    InsideTls,
    /// Connections that the client has the server open, all with requests of the same size: `ssh -L`.
    LocalForward,
    /// Such connections with requests of different sizes: `ssh -D`, or several `-L`.
    DynamicForward,
    /// One connection, and nothing else may follow: `ssh -W`, and `-J` on the way to the last host.
    Jump,
    /// The packets of a network device: `ssh -w`.
    Tun,
    /// A request to listen on the server's side for connections to the client's: `ssh -R`.
    RemoteForward,
    /// A connection that came in by such a request.
    ReverseChannel,
    /// The side that opened the connection is the SSH server.
    SwappedRoles,
}

impl SshKind {
    /// Its name, as in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InsideTls => "inside-tls",
            Self::LocalForward => "local-forward",
            Self::DynamicForward => "dynamic-forward",
            Self::Jump => "jump",
            Self::RemoteForward => "remote-forward",
            Self::ReverseChannel => "reverse-channel",
            Self::Tun => "tun",
            Self::SwappedRoles => "swapped-roles",
        }
    }

    /// Whether the host that opened the connection lets others in through it.
    pub const fn is_reverse(self) -> bool {
        matches!(
            self,
            Self::RemoteForward | Self::ReverseChannel | Self::SwappedRoles
        )
    }
}
