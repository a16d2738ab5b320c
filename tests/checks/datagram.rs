//! Parsers that read one datagram.

use hopscope::proto::dns::{self, Named};
use hopscope::proto::socks_udp;
use hopscope::proto::target::is_plausible_name;

/// The header of a relayed datagram does not depend on the payload, and there must be one.
pub(super) fn socks_udp(datagram: &[u8]) {
    let Some(read) = socks_udp::parse_datagram(datagram) else {
        return;
    };
    let (header, payload) = datagram.split_at(read.header_bytes);
    assert!(!payload.is_empty(), "no payload");
    assert_eq!(socks_udp::parse_datagram(header), None, "no payload needed");
    let other = [header, b"?"].concat();
    assert_eq!(socks_udp::parse_datagram(&other), Some(read));
}

/// Answers have plausible names, there are not too many of them, and a response that is cut gives the first of them.
pub(super) fn dns(datagram: &[u8]) {
    let answers_of = |datagram| dns::response(datagram).unwrap_or_default().named;
    let answers = answers_of(datagram);
    let plausible = |named: &Named| is_plausible_name(named.name.as_bytes());
    assert!(answers.iter().all(plausible), "{answers:?}");
    assert!(answers.len() <= usize::from(dns::MOST_RECORDS));
    assert!(answers.is_empty() || dns::is_message(datagram));
    for length in [datagram.len() / 2, datagram.len().saturating_sub(1)] {
        let cut = answers_of(&datagram[..length]);
        assert!(answers.starts_with(&cut), "{cut:?} of {answers:?}");
    }
}
