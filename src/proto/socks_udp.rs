//! The header of a relayed SOCKS5 datagram: RFC 1928, section 7.

use super::half::Half;
use super::socks5::address::Address;
use super::target::{Host, Target};
use super::{Prefix, Side};

/// A datagram between a SOCKS5 client and its UDP relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocksUdp {
    /// To whom the client sends, or from whom the relay received.
    pub target: Target,
    /// Bytes before the relayed payload.
    pub header_bytes: usize,
    /// The fragment's place in its sequence, bit 7 set on the last; 0 where the datagram stands alone.
    pub fragment: u8,
}

/// Reads one whole datagram. Eight plain bytes prove little: ask this only of flows that a UDP ASSOCIATE announced.
pub fn parse_datagram(bytes: &[u8]) -> Option<SocksUdp> {
    let mut half = Half::new(Side::Client, Prefix::closed(bytes));
    let [0, 0, fragment] = half.array().ok()? else {
        return None;
    };
    let target = Address::read(&mut half).ok()?.target()?;
    let carries = !half.rest().is_empty() && fragment != LAST_OF_NONE;
    (carries && is_reachable(&target)).then(|| SocksUdp {
        target,
        header_bytes: half.position(),
        fragment,
    })
}

fn is_reachable(target: &Target) -> bool {
    let somewhere = match &target.host {
        Host::Ip(ip) => !ip.is_unspecified(),
        Host::Name(_) => true,
    };
    somewhere && target.port != 0
}

const LAST_OF_NONE: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_datagrams_and_nothing_else() {
        type Header<'a> = Option<(&'a str, usize, u8)>;
        let cases: [(&[u8], Header<'_>); 13] = [
            (
                b"\0\0\0\x01\x0a\x32\0\x35\0\x35query",
                Some(("10.50.0.53:53", 10, 0)),
            ),
            (
                b"\0\0\0\x03\x07example\0\x35query",
                Some(("example:53", 14, 0)),
            ),
            (
                b"\0\0\0\x04\xfd\x50\0\x01\0\0\0\0\0\0\0\0\0\0\0\x1e\x01\xbbq",
                Some(("[fd50:1::1e]:443", 22, 0)),
            ),
            (
                b"\0\0\x82\x01\x0a\x32\0\x35\0\x35q",
                Some(("10.50.0.53:53", 10, 0x82)),
            ),
            (b"\0\0\0\x01\x0a\x32\0\x35\0\x35", None),
            (b"\0\0\0\x01\x0a\x32\0\x35\0\0q", None),
            (b"\0\0\0\x01\0\0\0\0\0\x35q", None),
            (b"\0\0\x80\x01\x0a\x32\0\x35\0\x35q", None),
            (b"\0\x01\0\x01\x0a\x32\0\x35\0\x35q", None),
            (b"\0\0\0\x02\x0a\x32\0\x35\0\x35q", None),
            (b"\0\0\0\x03\x07exam le\0\x35q", None),
            (b"\0\0\0\x03\x40example\0\x35q", None),
            (b"\0\0\0", None),
        ];
        for (bytes, expected) in cases {
            let read = parse_datagram(bytes)
                .map(|read| (read.target.to_string(), read.header_bytes, read.fragment));
            let expected =
                expected.map(|(target, bytes, fragment)| (target.to_owned(), bytes, fragment));
            assert_eq!(read, expected, "{bytes:02x?}");
        }
    }
}
