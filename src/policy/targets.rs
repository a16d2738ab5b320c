//! Targets: where an approval lets a relay go, by name, address and port.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::prefix::Prefix;
use crate::proto::target::{Host, name_start};

/// Names and addresses that a relay may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// This name alone: `www.example.com`
    Name(String),
    /// This name and every one below it: `.example.com`
    Suffix(String),
    /// Addresses: `192.0.2.80`, `10.0.0.0/8`
    At(Prefix),
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meets {
    /// It is not.
    No,
    /// What was seen is too little to say.
    Unknown,
    /// It is.
    Yes,
}

impl From<bool> for Meets {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Pattern {
    /// Whether a host is one of these. `known` gives the addresses that DNS answers gave a name, and the name that they
    /// gave an address: enough to doubt, too little to decide, for anybody may have answered.
    pub fn meets(&self, host: &Host, known: &[(IpAddr, String)]) -> Meets {
        match (self, host) {
            (Self::At(prefix), Host::Ip(ip)) => prefix.has(*ip).into(),
            (Self::At(prefix), Host::Name(name)) => {
                let mut addresses = known.iter().filter(|(_, other)| other == name).peekable();
                let nothing = addresses.peek().is_none();
                in_doubt(nothing || addresses.any(|(ip, _)| prefix.has(*ip)))
            }
            (_, Host::Name(name)) => self.has_name(name).into(),
            (_, Host::Ip(ip)) => {
                let mut names = known.iter().filter(|(other, _)| other == ip);
                in_doubt(names.any(|(_, name)| self.has_name(name)))
            }
        }
    }

    fn has_name(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Suffix(own) => name
                .strip_suffix(own.as_str())
                .is_some_and(|head| head.is_empty() || head.ends_with('.')),
            Self::At(_) => false,
        }
    }

    /// Whether all that the other one has is among these.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::At(wide), Self::At(narrow)) => wide.covers(narrow),
            (_, Self::Name(name) | Self::Suffix(name)) => {
                self == other || self.has_name(name) && self.is_suffix()
            }
            (_, Self::At(_)) => false,
        }
    }

    fn is_suffix(&self) -> bool {
        matches!(self, Self::Suffix(_))
    }
}

fn in_doubt(may_be: bool) -> Meets {
    if may_be { Meets::Unknown } else { Meets::No }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains(['/', ':']) || text.parse::<IpAddr>().is_ok() {
            return text.parse().map(Self::At);
        }
        let below = text.strip_prefix("*.").or(text.strip_prefix('.'));
        let name = name_start(below.unwrap_or(&text).as_bytes());
        let name = name.filter(|name| !name.contains('*'));
        let wrong = || {
            format!(
                "`{text}` is no name; say `example.com`, or `.example.com` for it and all below it"
            )
        };
        let name = name.ok_or_else(wrong)?;
        Ok(below.map_or(Self::Name(name.clone()), |_| Self::Suffix(name)))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

/// As it is written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Suffix(name) => write!(f, ".{name}"),
            Self::At(prefix) => prefix.fmt(f),
        }
    }
}

/// Ports from one to another: `443`, `"8000-8099"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Ports {
    first: u16,
    last: u16,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(i64),
    Several(String),
}

impl Ports {
    /// Whether a port is one of these.
    pub fn has(&self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether all of the other's ports are among these.
    pub fn covers(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

impl TryFrom<Written> for Ports {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let (text, first, last) = match &written {
            Written::One(port) => (port.to_string(), port.to_string(), port.to_string()),
            Written::Several(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                (text.clone(), first.to_owned(), last.to_owned())
            }
        };
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Self { first, last }),
            _ => Err(format!(
                "`{text}` is no port from 1 to 65535, and no range such as \"8000-8099\""
            )),
        }
    }
}

impl From<Ports> for Written {
    fn from(ports: Ports) -> Self {
        if ports.first == ports.last {
            Self::One(ports.first.into())
        } else {
            Self::Several(ports.to_string())
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Meets::{No, Unknown, Yes};

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).unwrap()
    }

    fn host(text: &str) -> Host {
        Host::from_text(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_suffix_meets_the_apex_and_all_below_it() {
        let known = [("192.0.2.80".parse().unwrap(), "www.example.test".to_owned())];
        let cases = [
            ("example.test", "example.test", Yes),
            ("example.test", "www.example.test", No),
            (".example.test", "example.test", Yes),
            (".example.test", "www.example.test", Yes),
            (".example.test", "a.b.example.test", Yes),
            (".example.test", "badexample.test", No),
            ("*.example.test", "example.test", Yes),
            (".Example.TEST.", "www.example.test", Yes),
            ("192.0.2.0/24", "192.0.2.80", Yes),
            ("192.0.2.0/24", "192.0.3.80", No),
            ("2001:db8::/32", "2001:db8::1", Yes),
            (".example.test", "192.0.2.80", Unknown),
            (".example.test", "192.0.2.81", No),
            ("192.0.2.0/24", "www.example.test", Unknown),
            ("192.0.3.0/24", "www.example.test", No),
            ("192.0.2.0/24", "other.test", Unknown),
        ];
        for (text, target, expected) in cases {
            assert_eq!(
                pattern(text).meets(&host(target), &known),
                expected,
                "{text} {target}"
            );
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        let cases = [
            (".example.test", "example.test", true),
            (".example.test", ".www.example.test", true),
            ("example.test", ".example.test", false),
            ("example.test", "example.test", true),
            (".example.test", ".badexample.test", false),
            ("10.0.0.0/8", "10.1.0.0/16", true),
            (".example.test", "10.0.0.1", false),
            ("10.0.0.0/8", "example.test", false),
        ];
        for (wide, narrow, expected) in cases {
            assert_eq!(
                pattern(wide).covers(&pattern(narrow)),
                expected,
                "{wide} {narrow}"
            );
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in ["", ".", "a b", "*", "www.*.test", "10.0.0.1/8", "*.*.test"] {
            assert!(Pattern::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_one_or_a_range() {
        let read = |written| Ports::try_from(written).map(|ports| ports.to_string());
        let several = |text: &str| read(Written::Several(text.to_owned())).ok();
        assert_eq!(read(Written::One(443)).as_deref(), Ok("443"));
        assert_eq!(several("8000-8099").as_deref(), Some("8000-8099"));
        assert_eq!(several("22").as_deref(), Some("22"));
        for text in ["0", "65536", "9-8", "", "-", "http"] {
            assert_eq!(several(text), None, "{text}");
        }
        for port in [0, -1, 65_536] {
            assert!(read(Written::One(port)).is_err(), "{port}");
        }
        let ports = Ports {
            first: 80,
            last: 90,
        };
        assert!(ports.has(80) && ports.has(90) && !ports.has(79) && !ports.has(91));
    }
}
