//! At which ports protocols are served, where nobody hides them.

use crate::proto::stack::Kind;

/// Whether a protocol, or one that is not known, is served at a port where it is not expected.
pub fn is_odd(protocol: Option<Kind>, port: u16) -> bool {
    let usual: &[u16] = match protocol {
        Some(Kind::Tls) => &TLS,
        Some(Kind::Http | Kind::Http2 | Kind::WebSocket) => &HTTP,
        Some(Kind::Ssh) => &[22],
        Some(Kind::Dns) => &[53, 5353],
        Some(_) => return false,
        None => return !is_assigned(port),
    };
    !usual.contains(&port)
}

/// Whether a broker of messages is served there in TLS, which pushes work to those who wait for it.
pub fn is_of_broker(port: u16) -> bool {
    BROKERS.contains(&port)
}

/// Below 1,024, or of a service that many run above.
fn is_assigned(port: u16) -> bool {
    port < 1_024 || SERVICES.contains(&port) || TLS.contains(&port) || HTTP.contains(&port)
}

/// HTTPS, SMTPS, LDAPS, NNTPS, DoT, FTPS, TelnetS, IMAPS, POP3S, SIPS, XMPP, push, AMQPS, MQTTS, RDP, Kubernetes.
const TLS: [u16; 24] = [
    443, 465, 563, 587, 636, 853, 989, 990, 992, 993, 995, 3389, 5061, 5222, 5223, 5228, 5269,
    5671, 6443, 6697, 8443, 8883, 9443, 25,
];

/// AMQPS and MQTTS of the IANA registry, and where Redis, Kafka and STOMP are served in TLS.
const BROKERS: [u16; 5] = [5671, 6380, 8883, 9093, 61614];

/// HTTP and what is like it.
const HTTP: [u16; 15] = [
    80, 443, 591, 3000, 3128, 3142, 5000, 5985, 8000, 8008, 8080, 8081, 8088, 8888, 9090,
];

/// Databases, queues, desktops, chat and monitoring: of the IANA registry, what is met most.
const SERVICES: [u16; 46] = [
    1080, 1194, 1433, 1521, 1701, 1723, 1812, 1813, 1883, 2049, 2181, 2379, 3260, 3268, 3306, 3478,
    3690, 4222, 4369, 4500, 4505, 4506, 5044, 5060, 5432, 5555, 5601, 5672, 5900, 6000, 6379, 6514,
    6667, 7077, 8086, 8125, 8300, 8301, 9000, 9092, 9100, 9200, 9300, 11211, 27017, 51820,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_odd_for_a_protocol() {
        let cases = [
            (Some(Kind::Tls), 443, false),
            (Some(Kind::Tls), 4_444, true),
            (Some(Kind::Tls), 80, true),
            (Some(Kind::Http), 8_080, false),
            (Some(Kind::Http), 4_444, true),
            (Some(Kind::Ssh), 22, false),
            (Some(Kind::Ssh), 443, true),
            (Some(Kind::Socks5), 4_444, false),
            (None, 5_432, false),
            (None, 4_455, true),
        ];
        for (protocol, port, odd) in cases {
            assert_eq!(is_odd(protocol, port), odd, "{protocol:?} {port}");
        }
    }
}
