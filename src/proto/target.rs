//! Where a relay was asked to connect.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::text::printable;

/// A host and a port, as a client asked a relay for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Target {
    /// The host.
    #[serde(flatten)]
    pub host: Host,
    /// The port; 0 only where a protocol lets a client leave it out.
    pub port: u16,
}

impl Target {
    /// Reads `host:port` with a port from 1 to 65535, as in RFC 9110, section 9.3.6.
    pub fn from_authority(authority: &[u8]) -> Option<Self> {
        let colon = authority.iter().rposition(|&byte| byte == b':')?;
        let (host, port) = authority.split_at_checked(colon)?;
        let port = port_number(port.get(1..)?)?;
        let host = Host::from_authority(host)?;
        Some(Self { host, port })
    }
}

/// `host:port`, an IPv6 address in brackets.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A host by address or by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Host {
    /// An address; an IPv4-mapped one is given as IPv4.
    #[serde(rename = "ip")]
    Ip(IpAddr),
    /// A name in lower case, without the root's dot.
    #[serde(rename = "host")]
    Name(String),
}

impl Host {
    /// The host that has this address.
    pub fn from_ip(ip: impl Into<IpAddr>) -> Self {
        Self::Ip(ip.into().to_canonical())
    }

    /// Reads a host name or an address in text, with or without brackets; nothing that could not be one.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        if !is_plausible_name(text) {
            return None;
        }
        let text = printable(text, text.len());
        let bare = text.trim_matches(['[', ']']);
        match bare.parse::<IpAddr>() {
            Ok(ip) => Some(Self::from_ip(ip)),
            Err(_) => Some(Self::Name(name_in_one_form(&text))),
        }
    }

    /// Reads the host of a URI's authority (RFC 3986, section 3.2.2): a colon only inside brackets.
    pub fn from_authority(text: &[u8]) -> Option<Self> {
        if let Some(inner) = text.strip_prefix(b"[") {
            let literal = std::str::from_utf8(inner.strip_suffix(b"]")?).ok()?;
            return literal.parse::<Ipv6Addr>().ok().map(Self::from_ip);
        }
        let plain = text.iter().all(|&byte| is_name_byte(byte) && byte != b':');
        plain.then(|| Self::from_text(text)).flatten()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What a cut capture left of a name: its known start, for people to read.
pub fn name_start(known: &[u8]) -> Option<String> {
    is_plausible_name(known).then(|| name_in_one_form(&printable(known, known.len())))
}

/// Whether clients send such names: 1 to 255 bytes, no spaces or controls, and 95 of 100 bytes from the alphabet of
/// names and address literals. The rest leaves room for names that were never encoded as RFC 5890 wants.
pub fn is_plausible_name(text: &[u8]) -> bool {
    let odd = text.iter().filter(|&&byte| !is_name_byte(byte)).count();
    let sane = text.iter().all(|&byte| byte > b' ' && byte != DELETE);
    let length = text.len();
    sane && (1..=LONGEST_NAME).contains(&length) && odd.saturating_mul(20) <= length
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%')
}

fn name_in_one_form(name: &str) -> String {
    let rooted = name.strip_suffix('.').filter(|name| !name.is_empty());
    rooted.unwrap_or(name).to_ascii_lowercase()
}

/// Reads a decimal port from 1 to 65535.
pub fn port_number(digits: &[u8]) -> Option<u16> {
    let decimal = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| decimal)?;
    text.parse().ok().filter(|&port| port != 0)
}

const LONGEST_NAME: usize = 255;
const DELETE: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_authority() {
        let cases: [(&str, Option<&str>); 15] = [
            ("abc:443", Some("abc:443")),
            (
                "News.Vendor-One.test.:8443",
                Some("news.vendor-one.test:8443"),
            ),
            ("203.0.113.80:80", Some("203.0.113.80:80")),
            ("[FD50:1::1e]:80", Some("[fd50:1::1e]:80")),
            ("[::ffff:10.0.0.1]:80", Some("10.0.0.1:80")),
            ("a_b.test:1", Some("a_b.test:1")),
            ("abc", None),
            ("abc:", None),
            ("abc:0", None),
            ("abc:65536", None),
            ("abc:+80", None),
            (":443", None),
            ("fd50:1::1e:80", None),
            ("user@abc:443", None),
            ("{\"verbose\":1", None),
        ];
        for (text, expected) in cases {
            let target = Target::from_authority(text.as_bytes()).map(|target| target.to_string());
            assert_eq!(target.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tells_names_from_noise() {
        let cases: [(&[u8], bool); 7] = [
            (b"target.example.com", true),
            (b"::1", true),
            (
                "b\u{fc}cher.example.and-a-long-name-behind-it.example".as_bytes(),
                true,
            ),
            (b"", false),
            (b"two words", false),
            (b"\x01\x02\x03", false),
            (b"ab/cd", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_plausible_name(text), expected, "{text:?}");
        }
    }
}
