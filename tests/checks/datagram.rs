//! Parsers that read one datagram.

use hopscope::proto::dns::{self, Named};
use hopscope::proto::target::is_plausible_name;
use hopscope::proto::{sip, socks_udp, stun};

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

/// The first line alone tells, whatever is behind it; without its end it tells nothing.
pub(super) fn sip(datagram: &[u8]) {
    let end = datagram.iter().position(|&byte| byte == b'\n');
    let (line, cut) = match end {
        Some(end) => (&datagram[..=end], &datagram[..end]),
        None => (datagram, datagram),
    };
    assert_eq!(sip::is_message(datagram), sip::is_message(line));
    assert!(!sip::is_message(cut), "no end of the line needed");
}

/// The header tells, and what is cut behind it changes nothing; more than it says makes it none.
pub(super) fn stun(datagram: &[u8]) {
    if !stun::is_message(datagram) {
        return;
    }
    assert!(stun::is_message(&datagram[..20]), "more than the header");
    assert!(!stun::is_message(&datagram[..19]), "no header needed");
    let longer = [datagram, &[0; 1 << 16]].concat();
    assert!(!stun::is_message(&longer), "any length");
}
