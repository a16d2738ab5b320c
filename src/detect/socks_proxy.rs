//! # socks-proxy
//!
//! A host serves SOCKS4, SOCKS4a or SOCKS5.
//!
//! ## Sees
//!
//! The exchange itself, byte by byte, on any port and in either direction of the TCP connection (RFC 1928, 1929, 1961;
//! `SOCKS4.protocol`, `SOCKS4A.protocol`): greeting, method, authentication, request, reply. A greeting and a request
//! sent in one piece, data sent early, refused and failed requests, BIND with its two replies, and UDP ASSOCIATE with
//! the datagrams that belong to it are all read. What follows a granted request is probed again, so that the finding
//! names the protocol inside and further proxies asked for through this one.
//!
//! ## Means
//!
//! *proven* (medium): the server answered a request, whatever it answered. *probable* (medium): a request was sent and
//! its answer not seen, or the server checked a user and password, or only one side was captured and it fits to the
//! last byte. *possible* (low): the server chose a method, or refused all, and that was all. If the side that opened
//! the connection is the one that serves, the finding is high: a host that connects out to serve SOCKS is the mark of
//! a back-connect proxy.
//!
//! ## Quiet when
//!
//! A client greets and the server does not speak SOCKS: that is a scan. Binary protocols that begin with `05 01 00` or
//! `04 01` fail at the lengths or at the answer.
//!
//! ## Misses
//!
//! SOCKS inside TLS, SSH, WebSocket or an encrypted proxy, where only the outer protocol is seen. A session whose
//! handshake was not captured. Behind NAT the client is the translator's address. Which process serves is not in the
//! packets: the five-tuple, the times and the Community ID are the key for endpoint telemetry.

use super::tunnel;
use crate::evidence::{Certainty, Evidence, RelayExchange, UNSEEN};
use crate::facts::FlowFacts;
use crate::proto::Side;
use crate::proto::socks4::Socks4;
use crate::proto::socks5::{self, Socks5, Stage};
use crate::proto::stack::{Layer, Protocol};

/// The detector's name.
pub const NAME: &str = "socks-proxy";

/// Looks for a SOCKS exchange with the other end of the flow itself.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
    let (at, layer) = facts
        .layers
        .iter()
        .enumerate()
        .find(|(_, layer)| layer.depth == 0 && is_socks(layer))?;
    let reverse = layer.server == Side::Client && !facts.quality.midstream;
    let (certainty, mut exchange) = match &layer.protocol {
        Protocol::Socks5(socks) => (certainty_of(socks), exchange5(socks)),
        Protocol::Socks4(socks) => (Certainty::Proven, exchange4(socks)),
        _ => return None,
    };
    let needs_proof = layer.server == Side::Client;
    if (needs_proof && certainty < Certainty::Proven) || is_unanswered(&layer.protocol, facts) {
        return None;
    }
    exchange.reverse = reverse;
    tunnel::describe(&mut exchange, &facts.layers, at);
    Some(tunnel::evidence(NAME, certainty, facts, layer, exchange))
}

fn is_socks(layer: &Layer) -> bool {
    matches!(layer.protocol, Protocol::Socks5(_) | Protocol::Socks4(_))
}

/// Whether the server was seen and kept silent: then a client's words prove nothing.
fn is_unanswered(protocol: &Protocol, facts: &FlowFacts) -> bool {
    let alone = matches!(protocol, Protocol::Socks5(socks) if socks.one_sided.is_some());
    alone && !facts.quality.one_sided
}

fn certainty_of(socks: &Socks5) -> Certainty {
    match socks.stage {
        Stage::Answered if socks.one_sided.is_none() => Certainty::Proven,
        Stage::Answered | Stage::Requested | Stage::Authenticated | Stage::AuthFailed => {
            Certainty::Probable
        }
        Stage::Chosen => Certainty::Possible,
    }
}

fn exchange5(socks: &Socks5) -> RelayExchange {
    RelayExchange {
        protocol: "socks5",
        command: socks.command.map(|command| command.name().to_owned()),
        authentication: socks.method.map(Socks5::method_name),
        outcome: outcome5(socks),
        opened: socks.is_open(),
        // For UDP the request names the client's own port; the targets stand in the datagrams.
        target: socks
            .target
            .clone()
            .filter(|_| socks.command != Some(socks5::Command::UdpAssociate)),
        ..RelayExchange::default()
    }
}

fn exchange4(socks: &Socks4) -> RelayExchange {
    RelayExchange {
        protocol: if socks.is_4a { "socks4a" } else { "socks4" },
        command: Some(socks.command.name().to_owned()),
        authentication: socks.user_given.then_some("user-id"),
        outcome: Socks4::reply_name(socks.reply).to_owned(),
        opened: socks.is_open(),
        target: socks.target.clone(),
        ..RelayExchange::default()
    }
}

fn outcome5(socks: &Socks5) -> String {
    match (socks.stage, &socks.reply) {
        (_, Some(reply)) => reply.name(),
        (Stage::AuthFailed, _) => "authentication failed".to_owned(),
        (_, None) if socks.method == Some(Socks5::REFUSED) => "no acceptable method".to_owned(),
        (_, None) => UNSEEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Address;
    use crate::facts::Quality;
    use crate::facts::samples::{flow, layer, spoken};
    use crate::proto::socks4;
    use crate::proto::socks5::Reply;
    use crate::proto::target::Target;
    use Certainty::{Possible, Probable, Proven};

    fn socks5(stage: Stage) -> Socks5 {
        Socks5 {
            method: Some(0),
            stage,
            ..Socks5::default()
        }
    }

    fn answered(code: u8) -> Socks5 {
        Socks5 {
            command: Some(socks5::Command::Connect),
            target: Target::from_authority(b"a.test:443"),
            reply: Some(Reply { code, bound: None }),
            ..socks5(Stage::Answered)
        }
    }

    fn alone(socks: Socks5) -> Socks5 {
        Socks5 {
            one_sided: Some(Side::Client),
            ..socks
        }
    }

    fn refused() -> Socks5 {
        Socks5 {
            method: Some(Socks5::REFUSED),
            ..socks5(Stage::Chosen)
        }
    }

    fn facts(socks: Socks5) -> FlowFacts {
        flow(vec![layer(Protocol::Socks5(Box::new(socks)))])
    }

    const WHOLE: Quality = Quality {
        gaps: false,
        one_sided: false,
        midstream: false,
        truncated: false,
        fragments: false,
        loss: false,
        copies: false,
        rewritten: false,
        forgotten: false,
    };
    const ONE_SIDED: Quality = Quality {
        one_sided: true,
        ..WHOLE
    };
    const MIDSTREAM: Quality = Quality {
        midstream: true,
        ..WHOLE
    };

    #[test]
    fn the_stage_decides_how_sure_it_is() {
        let cases = [
            (answered(0), WHOLE, Some((Proven, "succeeded", true))),
            (
                answered(2),
                WHOLE,
                Some((Proven, "connection not allowed by ruleset", false)),
            ),
            (
                answered(5),
                ONE_SIDED,
                Some((Proven, "connection refused", false)),
            ),
            (
                alone(answered(0)),
                ONE_SIDED,
                Some((Probable, "succeeded", true)),
            ),
            (alone(answered(0)), WHOLE, None),
            (
                socks5(Stage::Requested),
                WHOLE,
                Some((Probable, "answer not seen", false)),
            ),
            (
                alone(socks5(Stage::Requested)),
                ONE_SIDED,
                Some((Probable, "answer not seen", false)),
            ),
            (alone(socks5(Stage::Requested)), WHOLE, None),
            (
                socks5(Stage::Authenticated),
                WHOLE,
                Some((Probable, "answer not seen", false)),
            ),
            (
                socks5(Stage::AuthFailed),
                WHOLE,
                Some((Probable, "authentication failed", false)),
            ),
            (
                socks5(Stage::Chosen),
                WHOLE,
                Some((Possible, "answer not seen", false)),
            ),
            (
                refused(),
                WHOLE,
                Some((Possible, "no acceptable method", false)),
            ),
        ];
        for (socks, quality, expected) in cases {
            let facts = FlowFacts {
                quality,
                ..facts(socks)
            };
            let evidence = inspect(&facts);
            let judged = evidence.as_ref().map(|evidence| {
                let exchange = evidence.exchange().unwrap();
                (
                    evidence.certainty,
                    exchange.outcome.as_str(),
                    exchange.opened,
                )
            });
            assert_eq!(judged, expected, "{:?}", facts.layers);
        }
    }

    /// Who serves, how well it was seen, and who then is the client, the relay, and whether it is called reverse.
    #[test]
    fn a_host_that_connects_out_to_serve_is_reverse() {
        let [one, two] = [1, 2].map(|host| Address::v4([10, 0, 0, host]));
        let cases = [
            (Side::Server, WHOLE, answered(0), Some((one, two, false))),
            (Side::Client, WHOLE, answered(0), Some((one, one, true))),
            (
                Side::Client,
                MIDSTREAM,
                answered(0),
                Some((two, one, false)),
            ),
            (
                Side::Server,
                MIDSTREAM,
                answered(0),
                Some((one, two, false)),
            ),
            (Side::Client, WHOLE, socks5(Stage::Requested), None),
            (Side::Client, MIDSTREAM, socks5(Stage::Requested), None),
            (Side::Client, WHOLE, socks5(Stage::Chosen), None),
        ];
        for (server, quality, socks, expected) in cases {
            let mut facts = FlowFacts {
                quality,
                ..facts(socks)
            };
            facts.layers[0].server = server;
            let judged = inspect(&facts).map(|evidence| {
                let client = evidence.session.client.address;
                (client, evidence.relay, evidence.exchange().unwrap().reverse)
            });
            assert_eq!(judged, expected, "{server:?} {:?}", facts.layers);
        }
    }

    #[test]
    fn version_4_is_proven_by_its_answer() {
        let cases = [
            (0x5a, false, "socks4", "succeeded", true),
            (0x5a, true, "socks4a", "succeeded", true),
            (0x5b, false, "socks4", "refused or failed", false),
            (0x5c, false, "socks4", "client is not running identd", false),
            (
                0x5d,
                true,
                "socks4a",
                "identd does not confirm the user",
                false,
            ),
        ];
        for (reply, is_4a, protocol, outcome, opened) in cases {
            let socks = Socks4 {
                command: socks4::Command::Bind,
                target: None,
                cut_name: None,
                is_4a,
                user_given: true,
                reply,
                second_reply: None,
            };
            let evidence = inspect(&flow(vec![layer(Protocol::Socks4(Box::new(socks)))])).unwrap();
            assert_eq!(evidence.certainty, Proven);
            let expected = RelayExchange {
                protocol,
                command: Some("bind".to_owned()),
                authentication: Some("user-id"),
                outcome: outcome.to_owned(),
                opened,
                ..RelayExchange::default()
            };
            assert_eq!(*evidence.exchange().unwrap(), expected);
        }
    }

    #[test]
    fn requests_are_told_by_their_names() {
        use socks5::Command::{Bind, Connect, Resolve, ResolvePtr, UdpAssociate};
        let cases = [
            (Connect, 0, "connect", "none", Some("a.test:443")),
            (Bind, 1, "bind", "gssapi", Some("a.test:443")),
            (UdpAssociate, 2, "udp-associate", "user-password", None),
            (Resolve, 3, "resolve", "chap", Some("a.test:443")),
            (
                ResolvePtr,
                0x80,
                "resolve-ptr",
                "private",
                Some("a.test:443"),
            ),
        ];
        for (command, method, name, authentication, target) in cases {
            let socks = Socks5 {
                command: Some(command),
                method: Some(method),
                ..answered(0)
            };
            let exchange = inspect(&facts(socks)).unwrap();
            let exchange = exchange.exchange().unwrap();
            assert_eq!(exchange.command.as_deref(), Some(name));
            assert_eq!(exchange.authentication, Some(authentication));
            let asked = exchange.target.as_ref().map(ToString::to_string);
            assert_eq!(asked.as_deref(), target);
        }
    }

    #[test]
    fn every_reply_has_its_words() {
        let told: Vec<String> = (0..=9).map(|code| outcome5(&answered(code))).collect();
        let distinct: std::collections::BTreeSet<&String> = told.iter().collect();
        assert_eq!(distinct.len(), told.len());
        assert_eq!(told[9], "reply 9");
        assert_eq!(outcome5(&answered(0xf4)), "reply 244");
    }

    #[test]
    fn only_what_is_spoken_with_the_server_itself_counts() {
        let mut inside = layer(Protocol::Socks5(Box::new(answered(0))));
        inside.depth = 1;
        assert!(inspect(&flow(vec![inside])).is_none());
        assert!(inspect(&flow(Vec::new())).is_none());
        let web = spoken(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n");
        assert!(inspect(&web).is_none());
    }
}
