//! Addresses that begin alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::decode::Address;

/// Every address whose first bits are these: `10.0.0.0/8`, `fd00::/8`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix {
    bits: u128,
    /// Of the 128 bits of an address; IPv4 stands behind the 96 of its IPv4-mapped form.
    length: u32,
}

impl Prefix {
    /// One address alone.
    pub fn alone(ip: IpAddr) -> Self {
        let bits = Address::from(ip).bits();
        Self { bits, length: BITS }
    }

    /// The addresses that begin with the first `length` bits of an IPv4 address, of which the others are 0.
    pub const fn v4(address: Ipv4Addr, length: u32) -> Self {
        Self {
            bits: address.to_ipv6_mapped().to_bits(),
            length: MAPPED + length,
        }
    }

    /// The addresses that begin with the first `length` bits of an IPv6 address, of which the others are 0.
    pub const fn v6(address: std::net::Ipv6Addr, length: u32) -> Self {
        Self {
            bits: address.to_bits(),
            length,
        }
    }

    /// Whether an address is one of these.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.covers(&Self::alone(ip))
    }

    /// Its addresses, from the lowest to the highest.
    pub fn addresses(&self) -> std::ops::RangeInclusive<Address> {
        let highest = self.bits | !mask(self.length);
        Address::from_bits(self.bits)..=Address::from_bits(highest)
    }

    /// Whether all of the other's addresses are among these.
    pub fn covers(&self, other: &Self) -> bool {
        self.length <= other.length && (self.bits ^ other.bits) & mask(self.length) == 0
    }

    /// Whether it is written as IPv4.
    fn is_v4(self) -> bool {
        let head = Self {
            length: MAPPED,
            ..Self::v4(Ipv4Addr::UNSPECIFIED, 0)
        };
        head.covers(&self)
    }
}

/// A bit for each of the first `length`.
fn mask(length: u32) -> u128 {
    u128::MAX
        .checked_shl(BITS.saturating_sub(length))
        .unwrap_or(0)
}

/// As it is written; an address alone without its length.
impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = if self.is_v4() { MAPPED } else { 0 };
        write!(f, "{}", Address::from_bits(self.bits).ip())?;
        match self.length {
            BITS => Ok(()),
            length => write!(f, "/{}", length.saturating_sub(skipped)),
        }
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, length) = text
            .split_once('/')
            .map_or((text, None), |(a, l)| (a, Some(l)));
        let wrong = || format!("`{text}` is neither an address nor a prefix such as 10.0.0.0/8");
        let ip: IpAddr = address.parse().map_err(|_| wrong())?;
        let skipped = if ip.is_ipv4() { MAPPED } else { 0 };
        let length = match length.map(str::parse::<u32>) {
            None => BITS,
            Some(Ok(length)) if length <= BITS - skipped => length + skipped,
            Some(_) => return Err(wrong()),
        };
        let written = Address::from(ip).bits();
        let bits = written & mask(length);
        let prefix = Self { bits, length };
        if bits == written {
            Ok(prefix)
        } else {
            Err(format!(
                "`{text}` has bits behind its prefix; the prefix is {prefix}"
            ))
        }
    }
}

const BITS: u32 = 128;
const MAPPED: u32 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_the_addresses_that_begin_so() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.2", false),
            ("10.1.2.3", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ];
        for (prefix, ip, has) in cases {
            let prefix: Prefix = prefix.parse().unwrap();
            assert_eq!(prefix.has(ip.parse().unwrap()), has, "{prefix} {ip}");
        }
    }

    #[test]
    fn it_is_printed_as_it_is_written() {
        for text in [
            "10.0.0.0/8",
            "10.1.2.3",
            "0.0.0.0/0",
            "::/0",
            "fe80::/10",
            "fd00::1",
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused_with_what_was_meant() {
        let cases = [
            (
                "10.0.0.1/24",
                "has bits behind its prefix; the prefix is 10.0.0.0/24",
            ),
            ("fd00::1/8", "the prefix is fd00::/8"),
            ("10.0.0.0/33", "is neither an address nor a prefix"),
            ("fd00::/129", "is neither an address nor a prefix"),
            ("10.0.0.0/", "is neither an address nor a prefix"),
            ("10.0.0", "is neither an address nor a prefix"),
        ];
        for (text, part) in cases {
            let error = text.parse::<Prefix>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_shorter_prefix_covers_a_longer_one() {
        let covers = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.parse::<Prefix>().unwrap());
            one.covers(&other)
        };
        assert!(covers("10.0.0.0/8", "10.2.0.0/16") && covers("10.0.0.0/8", "10.0.0.0/8"));
        assert!(!covers("10.2.0.0/16", "10.0.0.0/8") && !covers("10.0.0.0/8", "11.0.0.0/16"));
    }
}
