//! What relay detectors share: the layers behind a relay's own, and the evidence around an exchange.

use crate::evidence::{Certainty, Evidence, Hop, Inner, RelayExchange, Says, Session, UNSEEN};
use crate::facts::FlowFacts;
use crate::proto::Side;
use crate::proto::http::{Http, Response};
use crate::proto::stack::{Layer, Protocol};
use crate::proto::target::Target;

/// Adds to the exchange at layer `at` what was spoken through it: further relays, and the innermost protocol.
pub(super) fn describe(exchange: &mut RelayExchange, layers: &[Layer], at: usize) {
    let depth = layers.get(at).map_or(0, |layer| layer.depth);
    let through: Vec<&Layer> = layers
        .iter()
        .skip(at + 1)
        .filter(|layer| layer.depth > depth)
        .collect();
    exchange.hops = through.iter().filter_map(|layer| hop(layer)).collect();
    exchange.inner = through.last().and_then(|layer| inner(layer));
}

/// A relay that was asked through another one.
fn hop(layer: &Layer) -> Option<Hop> {
    let (protocol, target) = match &layer.protocol {
        Protocol::Socks5(socks) => ("socks5", socks.target.clone()),
        Protocol::Socks4(socks) => (layer.protocol.name(), socks.target.clone()),
        Protocol::Http(http) => ("http-connect", connect_target(http)?),
        Protocol::Http2(http) => ("http-connect", Some(http.connect()?.target()?)),
        Protocol::Penguin(penguin) => ("penguin", penguin.target.clone()),
        _ => return None,
    };
    Some(Hop { protocol, target })
}

/// The target of a CONNECT; `None` if it is another request.
fn connect_target(http: &Http) -> Option<Option<Target>> {
    http.is_connect().then(|| http.target.clone())
}

fn inner(layer: &Layer) -> Option<Inner> {
    let mut inner = Inner {
        protocol: layer.protocol.name(),
        ..Inner::default()
    };
    match &layer.protocol {
        Protocol::Tls(tls) => {
            let hello = tls.client_hello.as_ref();
            let print = hello.and_then(|hello| hello.fingerprint());
            inner.name = hello.and_then(|hello| hello.sni.clone());
            (inner.ja3, inner.ja4) = print.map(|print| (print.ja3, print.ja4)).unzip();
        }
        Protocol::Ssh(ssh) => {
            inner.name.clone_from(&ssh.server_banner);
            inner.hassh = ssh.hassh();
        }
        Protocol::Http(http) if !http.is_connect() => inner.name = http.host.clone(),
        Protocol::Http2(http) if http.connect().is_none() => {
            inner.name = http.requests.first().and_then(|r| r.authority.clone());
        }
        Protocol::Yamux(_) | Protocol::Smux(_) | Protocol::MuxCool(_) => {}
        _ => return None,
    }
    Some(inner)
}

/// The evidence of an exchange whose server is the relay.
pub(super) fn evidence(
    detector: &'static str,
    certainty: Certainty,
    facts: &FlowFacts,
    layer: &Layer,
    exchange: RelayExchange,
) -> Evidence {
    let mut session = Session::from(facts);
    let picked_up_backwards = layer.server == Side::Client && facts.quality.midstream;
    if picked_up_backwards {
        std::mem::swap(&mut session.client, &mut session.server);
    }
    let relay = match layer.server {
        Side::Client if !picked_up_backwards => session.client,
        Side::Client | Side::Server => session.server,
    };
    Evidence {
        detector,
        certainty,
        relay: relay.address,
        session,
        further: Vec::new(),
        says: Says::Exchange(Box::new(exchange)),
    }
}

/// Which sides sent something behind a relay's own layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) by_client: bool,
    pub(super) by_server: bool,
}

/// What went through the tunnel that the layer at `at` opened.
pub(super) fn carried(facts: &FlowFacts, at: usize) -> Carried {
    let (client, server) = facts.layers.get(at).map_or((0, 0), |layer| layer.ends);
    Carried {
        by_client: facts.traffic.client_bytes > client as u64,
        by_server: facts.traffic.server_bytes > server as u64,
    }
}

/// `200`, or `answer not seen`.
pub(super) fn outcome(http: &Http) -> String {
    match &http.response {
        Some(response) => format!("status {}", response.status),
        None => UNSEEN.to_owned(),
    }
}

/// Whether the answer came from or through a proxy. `Via` and `X-Cache` of a content delivery network say nothing: its
/// edges are reverse proxies, and some clients send them whole URIs.
pub(super) fn has_proxy_mark(http: &Http) -> bool {
    http.response.as_ref().is_some_and(|response| {
        let passed = [&response.via, &response.x_cache];
        let mut passed = passed.into_iter().flatten().peekable();
        let by_proxy = passed.peek().is_some() && !passed.any(|mark| names_cdn(mark));
        by_proxy || answers_as_proxy(response)
    })
}

fn names_cdn(mark: &str) -> bool {
    let mark = mark.to_ascii_lowercase();
    CDNS.iter().any(|cdn| mark.contains(cdn))
}

/// Whether a forward proxy speaks in its own name. `Via` and `X-Cache` are also set by CDNs and reverse proxies.
pub(super) fn answers_as_proxy(response: &Response) -> bool {
    response.proxy_agent.is_some()
        || response.proxy_connection.is_some()
        || response.squid_error.is_some()
        || response.proxy_authenticate
        || response.server.as_deref().is_some_and(names_proxy)
}

/// `Server` of an answer that a proxy wrote itself.
pub(super) fn names_proxy(server: &str) -> bool {
    let server = server.to_ascii_lowercase();
    PROXIES.iter().any(|proxy| server.starts_with(proxy))
}

/// The header fields that tell of a proxy, on either side.
pub(super) fn marks(http: &Http) -> Vec<String> {
    let mut marks = Vec::new();
    if http.proxy_connection {
        marks.push("client sent Proxy-Connection".to_owned());
    }
    if let Some(response) = &http.response {
        let fields = [
            ("Via", &response.via),
            ("X-Cache", &response.x_cache),
            ("Proxy-Agent", &response.proxy_agent),
            ("Proxy-Connection", &response.proxy_connection),
            ("X-Squid-Error", &response.squid_error),
        ];
        marks.extend(
            fields
                .iter()
                .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}: {value}"))),
        );
    }
    marks
}

const CDNS: [&str; 8] = [
    "akamai",
    "cdn",
    "cloudflare",
    "cloudfront",
    "fastly",
    "google",
    "varnish",
    "vegur",
];
const PROXIES: [&str; 5] = [
    "squid",
    "tinyproxy",
    "privoxy",
    "mikrotik httpproxy",
    "mitmproxy",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::spoken;

    /// What the client and the server say.
    type Said = [&'static [u8]; 2];

    /// A SOCKS5 exchange that opens a stream.
    const SOCKS: Said = [
        b"\x05\x01\0\x05\x01\0\x03\x06a.test\0\x50",
        b"\x05\0\x05\0\0\x01\0\0\0\0\0\0",
    ];
    const CONNECT: Said = [
        b"CONNECT b.test:22 HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ];
    const SSH: Said = [b"SSH-2.0-client\r\n", b"SSH-2.0-server\r\n"];
    const WEB: Said = [
        b"GET / HTTP/1.1\r\nHost: c.test\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ];
    const NOISE: Said = [b"\xff\xfehello", b"\xff\xfehello"];

    fn said(layers: &[Said]) -> FlowFacts {
        let [client, server] = [0, 1].map(|side| {
            let said: Vec<&[u8]> = layers.iter().map(|layer| layer[side]).collect();
            said.concat()
        });
        spoken(&client, &server)
    }

    #[test]
    fn what_is_spoken_through_a_relay_is_named() {
        type Inside = Option<(&'static str, Option<&'static str>)>;
        let cases: [(&[Said], &[&str], Inside); 7] = [
            (&[SOCKS], &[], None),
            (&[SOCKS, NOISE], &[], None),
            (&[SOCKS, SSH], &[], Some(("ssh", Some("SSH-2.0-server")))),
            (&[SOCKS, WEB], &[], Some(("http", Some("c.test")))),
            (
                &[SOCKS, CONNECT, SSH],
                &["http-connect b.test:22"],
                Some(("ssh", Some("SSH-2.0-server"))),
            ),
            (&[SOCKS, CONNECT], &["http-connect b.test:22"], None),
            (
                &[SOCKS, SOCKS, CONNECT, WEB],
                &["socks5 a.test:80", "http-connect b.test:22"],
                Some(("http", Some("c.test"))),
            ),
        ];
        for (layers, hops, inside) in cases {
            let facts = said(layers);
            let mut exchange = RelayExchange::default();
            describe(&mut exchange, &facts.layers, 0);
            let told: Vec<String> = exchange
                .hops
                .iter()
                .map(|hop| format!("{} {}", hop.protocol, hop.target.as_ref().unwrap()))
                .collect();
            assert_eq!(told, hops, "{:?}", facts.layers);
            let inner = exchange.inner.as_ref();
            assert_eq!(
                inner.map(|inner| (inner.protocol, inner.name.as_deref())),
                inside
            );
        }
    }

    #[test]
    fn what_went_through_is_told_by_side() {
        let cases: [(&[u8], &[u8], bool, bool); 4] = [
            (b"", b"", false, false),
            (b"x", b"", true, false),
            (b"", b"x", false, true),
            (b"x", b"x", true, true),
        ];
        for (client, server, by_client, by_server) in cases {
            let facts = said(&[CONNECT, [client, server]]);
            assert_eq!(
                carried(&facts, 0),
                Carried {
                    by_client,
                    by_server
                }
            );
        }
    }
}
