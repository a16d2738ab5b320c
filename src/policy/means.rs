//! Means: by what a host relays, in the words of an approval.

use std::fmt;

use serde::{Deserialize, Serialize};

/// By what a host relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// SOCKS.
    Socks,
    /// HTTP CONNECT.
    Connect,
    /// HTTP requests in absolute form.
    Forward,
    /// Another protocol in a WebSocket.
    Websocket,
    /// Forwarding in SSH.
    SshForward,
    /// What comes in goes out again, and no protocol asks for it.
    Relay,
    /// Translation of addresses.
    Dnat,
    /// A balancer or reverse proxy.
    Balancer,
    /// Another protocol in any other.
    Tunnel,
    /// A command shell.
    Shell,
    /// The relay connects out to the one it serves.
    BackConnect,
}

impl Means {
    /// Every means.
    pub const ALL: [Self; 11] = [
        Self::Socks,
        Self::Connect,
        Self::Forward,
        Self::Websocket,
        Self::SshForward,
        Self::Relay,
        Self::Dnat,
        Self::Balancer,
        Self::Tunnel,
        Self::Shell,
        Self::BackConnect,
    ];

    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socks => "socks",
            Self::Connect => "connect",
            Self::Forward => "forward",
            Self::Websocket => "websocket",
            Self::SshForward => "ssh-forward",
            Self::Relay => "relay",
            Self::Dnat => "dnat",
            Self::Balancer => "balancer",
            Self::Tunnel => "tunnel",
            Self::Shell => "shell",
            Self::BackConnect => "back-connect",
        }
    }

    /// What it is.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Socks => "SOCKS4, 4a or 5",
            Self::Connect => "HTTP CONNECT, in HTTP/1 or HTTP/2",
            Self::Forward => "HTTP requests in absolute form",
            Self::Websocket => "another protocol in a WebSocket",
            Self::SshForward => "forwarding in SSH",
            Self::Relay => "what comes in goes out again, and no protocol asks for it",
            Self::Dnat => "addresses are translated, payload is not touched",
            Self::Balancer => "a balancer or reverse proxy",
            Self::Tunnel => "another protocol in any other",
            Self::Shell => "a command shell in the clear, or a program sent to be run",
            Self::BackConnect => {
                "the relay connects out to the one it serves; said together with what is spoken then"
            }
        }
    }

    /// What a protocol of a finding may be called in these words; the protocol itself where there is none for it.
    pub fn of_protocol(protocol: &str) -> Result<&'static [Self], &str> {
        Ok(match protocol {
            "socks4" | "socks4a" | "socks5" => &[Self::Socks],
            "http-connect" | "http2-connect" => &[Self::Connect],
            "http-forward" => &[Self::Forward],
            "websocket" => &[Self::Websocket],
            "ssh" | "ssh-forward" => &[Self::SshForward],
            "shell" => &[Self::Shell],
            other => return Err(other),
        })
    }

    /// What the mechanism of a finding may be called, where flows were joined: by which protocol a host is told where to
    /// go, or in which one it hides something, is then not known.
    pub fn of_mechanism(mechanism: &str) -> Result<&'static [Self], &str> {
        Ok(match mechanism {
            "forward" => &[Self::Relay],
            "proxy" => &[Self::Relay, Self::Socks, Self::Connect, Self::Forward],
            "dnat" => &[Self::Dnat],
            "balancer" => &[Self::Balancer],
            "tunnel" => &[Self::Tunnel, Self::Websocket, Self::SshForward],
            other => return Err(other),
        })
    }

    /// The means as a table in Markdown.
    pub fn table() -> String {
        let head = "| means | what it is |\n|---|---|\n";
        Self::ALL.iter().fold(head.to_owned(), |table, means| {
            table + &format!("| `{means}` | {} |\n", means.meaning())
        })
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_written_by_their_names() {
        for means in Means::ALL {
            assert_eq!(serde_json::json!(means), means.name());
        }
    }

    #[test]
    fn protocols_and_mechanisms_have_a_word() {
        let cases = [
            ("socks4", Means::Socks),
            ("socks4a", Means::Socks),
            ("socks5", Means::Socks),
            ("http-connect", Means::Connect),
            ("http2-connect", Means::Connect),
            ("http-forward", Means::Forward),
            ("websocket", Means::Websocket),
        ];
        for (protocol, means) in cases {
            assert_eq!(Means::of_protocol(protocol), Ok(&[means][..]));
        }
        assert_eq!(Means::of_protocol("gopher"), Err("gopher"));
        for mechanism in ["forward", "proxy", "dnat", "tunnel", "balancer"] {
            assert!(Means::of_mechanism(mechanism).is_ok(), "{mechanism}");
        }
        assert_eq!(Means::of_mechanism("magic"), Err("magic"));
    }
}
