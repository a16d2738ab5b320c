//! What the handshakes of known tunnels say of themselves.

use crate::evidence::Certainty;
use crate::proto::http::Http;
use crate::proto::http::upgrade::Handshake;

/// The mark of a known tunnel, as it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'a> {
    tool: &'static Tool,
    /// The words in which it was found.
    words: &'a str,
}

/// A known tunnel.
#[derive(Debug)]
struct Tool {
    name: &'static str,
    sign: Sign,
    /// Whether its client is always the side that serves.
    is_reverse: bool,
}

/// By what a tunnel is known.
#[derive(Debug)]
enum Sign {
    /// A subprotocol that begins so and goes on with a number.
    Version(&'static str),
    /// A subprotocol, and a route that can be read.
    Route(&'static str),
    /// The path.
    Path(&'static str),
    /// A `User-Agent` that names a browser, of a client that is none.
    Agent(&'static str),
    /// A `Host` in a domain under which tunnel services publish hosts.
    Domain(&'static str),
}

impl<'a> Mark<'a> {
    /// The first mark of a handshake.
    pub(super) fn of(http: &'a Http, handshake: &'a Handshake) -> Option<Self> {
        TOOLS.iter().find_map(|tool| {
            let words = tool.sign.find(http, handshake)?;
            Some(Self { tool, words })
        })
    }

    pub(super) fn certainty(self) -> Certainty {
        match self.tool.sign {
            Sign::Version(_) | Sign::Route(_) | Sign::Path(_) => Certainty::Proven,
            Sign::Agent(_) | Sign::Domain(_) => Certainty::Possible,
        }
    }

    pub(super) fn is_reverse(self) -> bool {
        self.tool.is_reverse
    }

    /// The tool and its sign.
    pub(super) fn describe(self) -> String {
        let (name, words) = (self.tool.name, self.words);
        match self.tool.sign {
            Sign::Version(_) => format!("{name} (subprotocol {words})"),
            Sign::Route(_) => format!("{name} (subprotocol {words} with a route)"),
            Sign::Path(_) => format!("{name} (path {words})"),
            Sign::Agent(_) => format!("{name} (its user agent)"),
            Sign::Domain(_) => format!("{name} (host {words})"),
        }
    }
}

impl Sign {
    /// The words in which the sign is found.
    fn find<'a>(&self, http: &'a Http, handshake: &'a Handshake) -> Option<&'a str> {
        let mut offered = handshake.offered.iter().map(String::as_str);
        match self {
            Self::Version(name) => offered.find(|word| is_version(word, name)),
            Self::Route(name) => {
                let has_route = handshake.route.is_some();
                offered.find(|word| has_route && word == name)
            }
            Self::Path(path) => Some(&*handshake.path).filter(|known| known == path),
            Self::Agent(agent) => {
                let claimed = handshake.agent.as_deref();
                claimed.filter(|known| known == agent && !handshake.has_origin)
            }
            Self::Domain(domain) => http.host.as_deref().filter(|host| is_in(host, domain)),
        }
    }
}

/// `chisel-v3` is a version of `chisel-v`.
fn is_version(word: &str, name: &str) -> bool {
    let version = word.strip_prefix(name);
    version
        .is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit()) && !version.is_empty())
}

/// Whether a host, perhaps with a port, lies in a domain.
fn is_in(host: &str, domain: &str) -> bool {
    let name = host
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.ends_with('.'))
}

const fn by(name: &'static str, sign: Sign) -> Tool {
    Tool {
        name,
        sign,
        is_reverse: false,
    }
}

const fn reverse(name: &'static str, sign: Sign) -> Tool {
    Tool {
        name,
        sign,
        is_reverse: true,
    }
}

/// Read in the tools' sources; the surest first.
static TOOLS: [Tool; 15] = [
    by("chisel", Sign::Version("chisel-v")),
    by("rusty-penguin", Sign::Version("penguin-v")),
    by("wstunnel", Sign::Route("v1")),
    by("wstunnel for Node.js", Sign::Route("tunnel-protocol")),
    reverse("frp", Sign::Path("/~!frp")),
    reverse("ligolo-ng", Sign::Agent(LIGOLO_AGENT)),
    by("cloudflared", Sign::Domain("trycloudflare.com")),
    by("cloudflared", Sign::Domain("cfargotunnel.com")),
    by("cloudflared", Sign::Domain("argotunnel.com")),
    by("ngrok", Sign::Domain("ngrok.io")),
    by("ngrok", Sign::Domain("ngrok.app")),
    by("ngrok", Sign::Domain("ngrok-free.app")),
    by("ngrok", Sign::Domain("ngrok-agent.com")),
    by("dev tunnels", Sign::Domain("devtunnels.ms")),
    by("dev tunnels", Sign::Domain("tunnels.api.visualstudio.com")),
];

const LIGOLO_AGENT: &str = concat!(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 ",
    "(KHTML, like Gecko) Chrome/103.0.0.0 Safari/537.36"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_number() {
        let cases = [
            ("chisel-v3", true),
            ("chisel-v12", true),
            ("chisel-v", false),
            ("chisel-vx", false),
            ("my-chisel-v3", false),
        ];
        for (word, expected) in cases {
            assert_eq!(is_version(word, "chisel-v"), expected, "{word}");
        }
    }

    #[test]
    fn a_host_lies_in_a_domain() {
        let cases = [
            ("a.ngrok.io", true),
            ("A.NGROK.IO:80", true),
            ("ngrok.io", false),
            ("a-ngrok.io", false),
            ("a.ngrok.io.test", false),
        ];
        for (host, expected) in cases {
            assert_eq!(is_in(host, "ngrok.io"), expected, "{host}");
        }
    }
}
