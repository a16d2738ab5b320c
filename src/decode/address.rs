//! Who talks: addresses and endpoints.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An IPv6 address, or an IPv4 address in its IPv4-mapped form, as one number in two halves that compares and hashes
/// quickly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    high: u64,
    low: u64,
}

impl Address {
    /// The address of an IPv4 header.
    #[inline]
    pub fn v4(octets: [u8; 4]) -> Self {
        let low = MAPPED | u64::from(u32::from_be_bytes(octets));
        Self { high: 0, low }
    }

    /// The address of an IPv6 header.
    pub const fn v6(octets: [u8; 16]) -> Self {
        Self::from_bits(u128::from_be_bytes(octets))
    }

    /// The address of a number that [`Address::bits`] gave.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
    pub const fn from_bits(bits: u128) -> Self {
        Self {
            high: (bits >> 64) as u64,
            low: bits as u64,
        }
    }

    /// The number itself.
    pub const fn bits(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    /// Its upper and its lower half, for hashes.
    pub const fn halves(self) -> [u64; 2] {
        [self.high, self.low]
    }

    /// The address as the standard library knows it.
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.bits()).to_canonical()
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::v4(v4.octets()),
            IpAddr::V6(v6) => Self::v6(v6.octets()),
        }
    }
}

/// One end of a conversation. The port is 0 where the transport has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// The TCP, UDP or SCTP port.
    pub port: u16,
}

/// `192.0.2.1:443`, an IPv6 address in brackets.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address.ip(), self.port).fmt(f)
    }
}

const MAPPED: u64 = 0xffff_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_went_in() {
        for text in ["192.0.2.1", "255.255.255.255", "2001:db8::1", "::"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(Address::from(ip).ip(), ip);
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let mapped: Ipv6Addr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(Address::v6(mapped.octets()), Address::v4([192, 0, 2, 1]));
    }
}
