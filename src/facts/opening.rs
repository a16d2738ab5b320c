//! How connections open.

use serde::{Deserialize, Deserializer, Serialize};

use crate::proto::stack::Kind;

/// How a connection opens: the protocol that is spoken in it, or what its first payloads look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Opening(&'static str);

impl Opening {
    /// OpenVPN over TCP.
    pub const OPENVPN: Self = Self("openvpn");

    /// Both sides begin with what looks like chance: everything is encrypted.
    pub const RANDOM: Self = Self("random");

    /// Nobody could read it, and the client went on after the server had spoken.
    pub const UNREAD: Self = Self("unread");

    /// How many there are.
    pub const KINDS: usize = Kind::ALL.len() + 2;

    /// By a protocol. Whether it is HTTP/1 or HTTP/2 is agreed upon from one connection to the next.
    pub const fn by(kind: Kind) -> Self {
        match kind {
            Kind::Http2 => Self(Kind::Http.name()),
            other => Self(other.name()),
        }
    }

    /// Its name: that of a protocol, `openvpn`, `random` or `unread`.
    pub const fn name(self) -> &'static str {
        self.0
    }

    fn all() -> impl Iterator<Item = Self> {
        let kinds = Kind::ALL.into_iter().map(Self::by);
        kinds.chain([Self::OPENVPN, Self::RANDOM, Self::UNREAD])
    }
}

/// A name that is not known, of a later version or of somebody's hand, is an error: it would be lost.
impl<'de> Deserialize<'de> for Opening {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = Self::all().find(|opening| opening.0 == name);
        let sentence = || format!("`{name}` is no way in which connections open");
        known.ok_or_else(|| serde::de::Error::custom(sentence()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_are_counted_and_come_back_by_their_names() {
        let all: BTreeSet<Opening> = Opening::all().collect();
        assert_eq!(all.len(), Opening::KINDS);
        let read = |name: &str| serde_json::from_str::<Opening>(&format!("\"{name}\""));
        for opening in all {
            assert_eq!(read(opening.name()).unwrap(), opening);
        }
        assert!(read("gopher").unwrap_err().to_string().contains("no way"));
        assert_eq!(Opening::by(Kind::Http2), Opening::by(Kind::Http));
    }
}
