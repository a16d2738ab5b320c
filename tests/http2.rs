//! CONNECT over HTTP/2 in the clear, as real servers speak it.
#![cfg(test)]

#[path = "support/replay.rs"]
mod replay;

use hopscope::evidence::Certainty;
use replay::{findings, findings_of};

#[test]
fn a_tunnel_in_a_stream_is_found_with_what_it_carries() {
    let capture = "http-connect-proxy/hit-nghttpx-h2c.pcap";
    let findings = findings_of("http-connect-proxy", capture, 0, "");
    let [finding] = findings.as_slice() else {
        panic!("{} findings", findings.len());
    };
    assert_eq!(finding.certainty, Certainty::Proven);
    let evidence = finding.evidence.exchanges().unwrap();
    assert_eq!(evidence.opened, 1);
    let inner: Vec<_> = evidence.inner.iter().collect();
    let [inner] = inner.as_slice() else {
        panic!("{inner:?}");
    };
    let inner = inner.value.as_ref().unwrap();
    assert_eq!(
        (inner.protocol, inner.name.as_deref()),
        ("tls", Some("web.example.test"))
    );
    assert!(inner.ja4.is_some());
    let targets = evidence.targets.iter().filter_map(|t| t.value.as_ref());
    let targets: Vec<String> = targets.map(ToString::to_string).collect();
    assert_eq!(targets, ["web.example.test:443", "web.example.test:25"]);
}

#[test]
fn web_servers_and_websockets_are_none() {
    for capture in ["miss-nginx-h2c", "miss-h2c-websocket"] {
        let findings = findings(&format!("http-connect-proxy/{capture}.pcap"), 0, "");
        assert_eq!(findings.len(), 0, "{capture}");
    }
}
