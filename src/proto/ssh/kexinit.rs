//! The first packet of either side (RFC 4253, sections 6 and 7.1): the algorithms it offers, in the clear.

use md5::{Digest, Md5};

use crate::proto::cursor::Cursor;
use crate::proto::half::{Half, Stop, ensure};
use crate::proto::text::hex;

/// What one side offers, each list in the order of its preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kexinit {
    /// Sixteen random bytes.
    pub cookie: [u8; 16],
    /// Key exchange methods, and markers such as `ext-info-c`.
    pub key_exchange: Names,
    /// Host key algorithms.
    pub host_key: Names,
    /// Ciphers.
    pub cipher: BothWays<Names>,
    /// Message authentication codes.
    pub mac: BothWays<Names>,
    /// Compression methods.
    pub compression: BothWays<Names>,
    /// Languages (RFC 3066), mostly none.
    pub language: BothWays<Names>,
    /// Whether a guessed key exchange packet follows.
    pub first_kex_follows: bool,
}

/// Something for each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BothWays<T> {
    /// From the client to the server.
    pub to_server: T,
    /// From the server to the client.
    pub to_client: T,
}

/// A name-list (RFC 4251, section 5): names between commas, printable ASCII without spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(String);

/// What two offers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated<'a> {
    /// The key exchange method.
    pub key_exchange: &'a str,
    /// The host key algorithm.
    pub host_key: &'a str,
    /// The ciphers.
    pub cipher: BothWays<&'a str>,
    /// The message authentication codes; `None` where the cipher authenticates by itself.
    pub mac: BothWays<Option<&'a str>>,
    /// The compression methods.
    pub compression: BothWays<&'a str>,
}

impl Kexinit {
    /// Reads the packet at `half`; gives it and where it ends. No packet beyond [`LONGEST_PACKET`] is read.
    pub(super) fn read(mut half: Half<'_>) -> Result<(Self, usize), Stop> {
        let [a, b, c, d, padding, kind] = half.array()?;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        ensure(kind == KEXINIT && length <= LONGEST_PACKET)?;
        let behind_kind = length.checked_sub(KIND_END).ok_or(Stop::No)?;
        let payload = behind_kind.checked_sub(padding.into()).ok_or(Stop::No)?;
        let body = half.take(behind_kind)?;
        let offer = body.get(..payload).and_then(Self::from_payload);
        Ok((offer.ok_or(Stop::No)?, half.position()))
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(payload);
        Some(Self {
            cookie: cursor.array()?,
            key_exchange: Names::read(&mut cursor)?,
            host_key: Names::read(&mut cursor)?,
            cipher: both_ways(&mut cursor)?,
            mac: both_ways(&mut cursor)?,
            compression: both_ways(&mut cursor)?,
            language: both_ways(&mut cursor)?,
            first_kex_follows: cursor.u8()? != 0,
        })
    }

    /// HASSH: the fingerprint of a client by its offer (salesforce/hassh).
    pub fn hassh(&self) -> String {
        let lists = [&self.cipher, &self.mac, &self.compression].map(|list| &list.to_server);
        self.fingerprint(lists)
    }

    /// HASSHServer: the fingerprint of a server by its offer.
    pub fn hassh_server(&self) -> String {
        let lists = [&self.cipher, &self.mac, &self.compression].map(|list| &list.to_client);
        self.fingerprint(lists)
    }

    /// MD5, in hexadecimal, of the key exchange methods and three lists more, with semicolons between them.
    fn fingerprint(&self, [cipher, mac, compression]: [&Names; 3]) -> String {
        let lists = [&self.key_exchange, cipher, mac, compression].map(|names| names.0.as_str());
        hex(&Md5::digest(lists.join(";")))
    }

    /// What this client's and a server's offers come to (RFC 4253, section 7.1): of each list the client's first
    /// name that is also the server's. `None` where they have nothing in common.
    pub fn negotiate<'a>(&'a self, server: &Self) -> Option<Negotiated<'a>> {
        let cipher = self.cipher.common(&server.cipher)?;
        Some(Negotiated {
            key_exchange: self.key_exchange.common(&server.key_exchange)?,
            host_key: self.host_key.common(&server.host_key)?,
            mac: BothWays {
                to_server: mac(cipher.to_server, &self.mac, &server.mac, |m| &m.to_server)?,
                to_client: mac(cipher.to_client, &self.mac, &server.mac, |m| &m.to_client)?,
            },
            compression: self.compression.common(&server.compression)?,
            cipher,
        })
    }
}

/// The code that goes with a cipher, if it needs one.
fn mac<'a>(
    cipher: &str,
    client: &'a BothWays<Names>,
    server: &BothWays<Names>,
    way: fn(&BothWays<Names>) -> &Names,
) -> Option<Option<&'a str>> {
    if authenticates(cipher) {
        return Some(None);
    }
    way(client).common(way(server)).map(Some)
}

impl BothWays<Names> {
    fn common<'a>(&'a self, server: &Self) -> Option<BothWays<&'a str>> {
        Some(BothWays {
            to_server: self.to_server.common(&server.to_server)?,
            to_client: self.to_client.common(&server.to_client)?,
        })
    }
}

impl Names {
    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    fn common(&self, server: &Self) -> Option<&str> {
        self.iter()
            .filter(|name| !is_marker(name))
            .find(|name| server.iter().any(|other| other == *name))
    }

    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let length = usize::try_from(cursor.u32()?).ok()?;
        let names = std::str::from_utf8(cursor.take(length)?).ok()?;
        let clean = names.bytes().all(|byte| byte.is_ascii_graphic());
        clean.then(|| Self(names.to_owned()))
    }
}

fn both_ways(cursor: &mut Cursor<'_>) -> Option<BothWays<Names>> {
    Some(BothWays {
        to_server: Names::read(cursor)?,
        to_client: Names::read(cursor)?,
    })
}

/// Whether a name among the key exchange methods is none: RFC 8308, and OpenSSH's strict key exchange.
fn is_marker(name: &str) -> bool {
    name.starts_with("ext-info-") || name.starts_with("kex-strict-")
}

/// Whether a cipher needs no code of its own: RFC 5647 and OpenSSH's PROTOCOL.
fn authenticates(cipher: &str) -> bool {
    cipher.starts_with("AEAD_")
        || cipher.contains("-gcm@")
        || cipher.starts_with("chacha20-poly1305")
}

/// `SSH_MSG_KEXINIT`.
const KEXINIT: u8 = 20;
/// Bytes of the packet behind its length up to the end of the message's kind.
const KIND_END: usize = 2;
/// Real ones have 400 to 2,500 bytes. The lists of no longer one are kept in memory.
pub(super) const LONGEST_PACKET: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ssh::samples::{packet, payload};
    use crate::proto::{Prefix, Side};

    fn read(bytes: &[u8]) -> Result<(Kexinit, usize), Stop> {
        Kexinit::read(Half::new(Side::Client, Prefix::closed(bytes)))
    }

    fn offer(kex: &str, cipher: &str, mac: &str, compression: &str) -> Kexinit {
        let lists = [kex, "ssh-ed25519", cipher, cipher, mac, mac];
        let payload = payload(&[&lists[..], &[compression, compression, "", ""]].concat());
        read(&packet(&payload)).unwrap().0
    }

    #[test]
    fn the_published_fingerprints() {
        // A libssh2 client and an OpenSSH 7.2 server, as salesforce/hassh prints them in python/README.md.
        let client = offer(
            "diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",
            "aes128-ctr,aes192-ctr,aes256-ctr,aes256-cbc,rijndael-cbc@lysator.liu.se,aes192-cbc,aes128-cbc,blowfish-cbc,arcfour128,arcfour,cast128-cbc,3des-cbc",
            "hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-sha1-96,hmac-md5,hmac-md5-96,hmac-ripemd160,hmac-ripemd160@openssh.com",
            "none",
        );
        assert_eq!(client.hassh(), "a7a87fbe86774c2e40cc4a7ea2ab1b3c");
        let server = offer(
            "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha1",
            "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
            "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1",
            "none,zlib@openssh.com",
        );
        assert_eq!(server.hassh_server(), "d43d91bc39d5aaed819ad9f6b57b7348");
    }

    #[test]
    fn a_client_and_a_server_are_told_by_their_own_direction() {
        let lists = ["kex", "key", "c1", "c2", "m1", "m2", "z1", "z2", "", ""];
        let offer = read(&packet(&payload(&lists))).unwrap().0;
        assert_eq!(offer.hassh(), hex(&Md5::digest("kex;c1;m1;z1")));
        assert_eq!(offer.hassh_server(), hex(&Md5::digest("kex;c2;m2;z2")));
    }

    #[test]
    fn the_clients_first_name_that_the_server_has_too() {
        let client = offer(
            "ext-info-c,a,b",
            "x,aes128-gcm@openssh.com,c",
            "m,n",
            "none",
        );
        let server = offer(
            "ext-info-c,b,a",
            "c,aes128-gcm@openssh.com",
            "o",
            "none,zlib",
        );
        let negotiated = client.negotiate(&server).unwrap();
        assert_eq!(negotiated.key_exchange, "a");
        assert_eq!(negotiated.cipher.to_client, "aes128-gcm@openssh.com");
        assert_eq!(negotiated.mac.to_client, None);
        assert_eq!(negotiated.compression.to_server, "none");
        let plain = offer("b", "c", "o,m", "none");
        let negotiated = client.negotiate(&plain).unwrap();
        assert_eq!(negotiated.mac.to_server, Some("m"));
        assert_eq!(server.negotiate(&offer("b", "d", "o", "none")), None);
        assert_eq!(
            client.negotiate(&server.clone()).unwrap().host_key,
            "ssh-ed25519"
        );
    }

    #[test]
    fn what_is_no_offer_is_refused() {
        let good = packet(&payload(&["a"; 10]));
        let change = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        let cases = [
            ("another message", change(5, 21)),
            ("padding beyond the packet", change(4, 250)),
            ("longer than any", change(2, 0x40)),
            ("a list beyond the packet", change(25, 200)),
            ("a control character in a name", change(26, 7)),
        ];
        for (name, bytes) in cases {
            assert_eq!(read(&bytes), Err(Stop::No), "{name}");
        }
        assert!(read(&good).is_ok());
    }
}
