//! What sizes, directions and order tell of an encrypted SSH session.

/// What is known of an SSH session behind its key exchange. Nothing of it was read: it follows from sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshConduct {
    /// What both ends call themselves, and what they agreed on in the clear.
    pub greeting: SshGreeting,
    /// What was counted.
    pub counts: SshCounts,
    /// What was counted when evidence was given last; `None` where none was.
    pub told: Option<SshCounts>,
}

/// What both ends said in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshGreeting {
    /// The identification of the side that acts as the client.
    pub client: Option<String>,
    /// The identification of the side that acts as the server.
    pub server: Option<String>,
    /// The cipher towards the server, and the MAC where it needs one.
    pub cipher: Option<String>,
    /// HASSH of the client.
    pub hassh: Option<String>,
}

/// What was counted in an SSH session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SshCounts {
    /// How the client proved who it is.
    pub authentication: Authentication,
    /// Attempts that were refused, beyond the first one that only asks for the methods.
    pub refusals: u16,
    /// The side that opened the connection acts as the SSH server.
    pub swapped: bool,
    /// The session was picked up in its middle.
    pub midstream: bool,
    /// What it stands in, where nothing of it is in the clear and the client was accepted.
    pub wrapping: Option<Wrapping>,
    /// The client barred itself from sessions: nothing but forwarding can follow.
    pub bars_sessions: bool,
    /// Session channels: shells, commands, file transfers.
    pub sessions: u16,
    /// Connections that the client had the server open.
    pub direct: u16,
    /// How many sizes the requests for them had, 8 at most: a lower bound of the targets.
    pub direct_sizes: u8,
    /// The one connection that the client asked for before anything else, and barred itself from more: `ssh -W`, `-J`.
    pub jump: bool,
    /// Requests to listen for connections on the server's side.
    pub listens: u16,
    /// Connections that the server passed on to the client.
    pub reverse: u16,
    /// A channel for the packets of a network device.
    pub tun: bool,
    /// An SSH handshake was seen inside a channel.
    pub nested: bool,
    /// Keys that were pressed and echoed.
    pub keystrokes: u32,
    /// Keys that were pressed and echoed inside a nested session.
    pub nested_keystrokes: u32,
    /// Questions whether the other side is still there.
    pub keepalives: u32,
    /// Encrypted bytes of the client behind its authentication.
    pub client_bytes: u64,
    /// Encrypted bytes of the server behind it.
    pub server_bytes: u64,
}

impl SshCounts {
    /// Whether connections are, or may be, forwarded.
    pub fn forwards(&self) -> bool {
        self.direct > 0
            || self.reverse > 0
            || self.listens > 0
            || self.bars_sessions
            || self.midstream
    }
}

/// How many bytes one side wrote in a connection inside a session, as far as sizes tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Bytes, if each write was one packet that is padded as little as may be.
    pub most: u64,
    /// Writes.
    pub writes: u32,
    /// How many bytes more a packet may be padded by.
    pub padding: u32,
    /// What each further packet of a write takes beside its content.
    pub around: u32,
    /// Bytes among those in writes that may have said something else.
    pub doubtful: u64,
}

/// What an SSH session stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// TLS.
    Tls,
    /// A WebSocket inside TLS.
    WebSocket,
}

impl Wrapping {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Tls, Self::WebSocket];
}

/// How a client proved who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Its end was not seen.
    #[default]
    Unseen,
    /// It was accepted.
    Accepted,
}
