//! The names of protocols.

/// Which protocol, and nothing of what it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SOCKS5.
    Socks5,
    /// SOCKS4a.
    Socks4a,
    /// SOCKS4.
    Socks4,
    /// The datagrams of SOCKS5.
    SocksUdp,
    /// HTTP/1.
    Http,
    /// HTTP/2.
    Http2,
    /// The PROXY protocol.
    Proxy,
    /// TLS.
    Tls,
    /// SSH.
    Ssh,
    /// WebSocket.
    WebSocket,
    /// yamux.
    Yamux,
    /// smux.
    Smux,
    /// Mux.Cool.
    MuxCool,
    /// The framing of penguin.
    Penguin,
    /// A command shell.
    Shell,
    /// A program sent to be run.
    Stage,
    /// DNS in datagrams.
    Dns,
    /// SIP in datagrams.
    Sip,
    /// STUN in datagrams.
    Stun,
}

impl Kind {
    /// Every protocol.
    pub const ALL: [Self; 19] = [
        Self::Socks5,
        Self::Socks4a,
        Self::Socks4,
        Self::SocksUdp,
        Self::Http,
        Self::Http2,
        Self::Proxy,
        Self::Tls,
        Self::Ssh,
        Self::WebSocket,
        Self::Yamux,
        Self::Smux,
        Self::MuxCool,
        Self::Penguin,
        Self::Shell,
        Self::Stage,
        Self::Dns,
        Self::Sip,
        Self::Stun,
    ];

    /// Its name, as findings give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Socks4a => "socks4a",
            Self::Socks4 => "socks4",
            Self::SocksUdp => "socks5-udp",
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Proxy => "proxy-protocol",
            Self::Tls => "tls",
            Self::Ssh => "ssh",
            Self::WebSocket => "websocket",
            Self::Yamux => "yamux",
            Self::Smux => "smux",
            Self::MuxCool => "mux.cool",
            Self::Penguin => "penguin",
            Self::Shell => "shell",
            Self::Stage => "stage",
            Self::Dns => "dns",
            Self::Sip => "sip",
            Self::Stun => "stun",
        }
    }
}
