//! Names that DNS answers gave are shown on findings, whatever the number of workers.
#![cfg(test)]

#[path = "support/replay.rs"]
mod replay;

use std::net::IpAddr;

use hopscope::finding::Finding;
use replay::{findings, findings_of};

#[test]
fn a_finding_names_its_server_and_its_target() {
    let capture = "socks-proxy/hit-microsocks-local-names.pcap";
    for workers in [0, 1, 4] {
        let findings = findings_of("socks-proxy", capture, workers, "");
        let [finding] = findings.as_slice() else {
            panic!("{} findings", findings.len());
        };
        assert_eq!(finding.server.name.as_deref(), Some("relay.example.test"));
        assert_eq!(finding.client.name, None);
        assert_eq!(
            finding.title,
            "10.9.2.20:1080 (relay.example.test) serves SOCKS5 to 10.9.1.10, for 192.0.2.80:80 (web.example.test)"
        );
    }
}

#[test]
fn what_a_relay_looked_up_names_later_targets() {
    let cases = [
        ("socks-proxy/hit-dante-noauth.pcap", "192.0.2.80"),
        ("socks-proxy/hit-microsocks-ipv6.pcap", "2001:db8:80::80"),
        ("http-connect-proxy/hit-tinyproxy.pcap", "192.0.2.80"),
        ("http-forward-proxy/hit-squid.pcap", "192.0.2.80"),
    ];
    for (capture, ip) in cases {
        let ip: IpAddr = ip.parse().unwrap();
        let named = |finding: &Finding| finding.names.of(ip).is_some();
        assert!(findings(capture, 0, "").iter().any(named), "{capture}");
    }
}

#[test]
fn only_so_many_addresses_are_remembered() {
    let capture = "socks-proxy/hit-microsocks-local-names.pcap";
    let findings = findings_of("socks-proxy", capture, 0, "findings.names = 1");
    let names: Vec<_> = findings.iter().map(|f| f.server.name.clone()).collect();
    assert_eq!(names, [None]);
}
