//! Words of findings, kept as one number.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::few::Merge;

/// A set of words, each of which is a protocol or a mechanism as findings name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words(u32);

impl Words {
    /// Adds a word; one that is not known is left out.
    pub fn add(&mut self, word: &str) {
        let place = KNOWN.iter().position(|known| *known == word);
        self.0 |= place.map_or(0, |place| 1 << place);
    }

    /// Its words, in an order of their own.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        let words = KNOWN.iter().enumerate();
        words.filter_map(move |(place, word)| (self.0 >> place & 1 == 1).then_some(*word))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl Merge for Words {
    fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A word that is not known, of a later version or of somebody's hand, is an error: it would be lost.
impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let unknown = words.iter().find(|word| !KNOWN.contains(&word.as_str()));
        if let Some(unknown) = unknown {
            return Err(serde::de::Error::unknown_variant(unknown, KNOWN));
        }
        let mut all = Self::default();
        words.iter().for_each(|word| all.add(word));
        Ok(all)
    }
}

/// At most 32.
const KNOWN: &[&str] = &[
    "socks4",
    "socks4a",
    "socks5",
    "socks5-udp",
    "http-connect",
    "http2-connect",
    "http-forward",
    "websocket",
    "http",
    "http2",
    "tls",
    "ssh",
    "dns",
    "sip",
    "stun",
    "proxy-protocol",
    "yamux",
    "smux",
    "mux.cool",
    "penguin",
    "shell",
    "stage",
    "forward",
    "proxy",
    "dnat",
    "tunnel",
    "balancer",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Mechanism;
    use crate::proto::stack::Kind;

    #[test]
    fn every_protocol_and_mechanism_is_known() {
        use Mechanism::{Balancer, Dnat, Forward, Proxy, Tunnel};
        let kinds = Kind::ALL.map(Kind::name);
        let mechanisms = [Forward, Proxy, Dnat, Tunnel, Balancer].map(Mechanism::name);
        let asked = ["http-connect", "http2-connect", "http-forward"];
        assert!(KNOWN.len() <= 32);
        for word in kinds.into_iter().chain(mechanisms).chain(asked) {
            let mut words = Words::default();
            words.add(word);
            assert_eq!(words.iter().collect::<Vec<_>>(), [word]);
        }
    }
}
