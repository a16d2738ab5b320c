//! JA4, the fingerprint of a TLS client. Of the JA4+ family it is the one under a free licence, and the only one here.
//!
//! The source is FoxIO's description, `technical_details/JA4.md`.

use sha2::{Digest, Sha256};

use super::text::hex;
use super::tls::hello::{ALPN, Offer, SERVER_NAME, is_grease};

/// What carried the ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// TLS over TCP.
    Tcp,
    /// The CRYPTO frames of QUIC.
    Quic,
}

/// The JA4 of a ClientHello, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub fn ja4(offer: &Offer<'_>, carrier: Carrier) -> String {
    let ciphers = without_grease(offer.ciphers.iter().copied());
    let kinds = without_grease(offer.extensions.iter().map(|extension| extension.kind));
    let start = start(offer, carrier, ciphers.len(), kinds.len());
    let extensions = extension_list(offer, kinds);
    format!(
        "{start}_{}_{}",
        digest(&sorted(ciphers)),
        digest(&extensions)
    )
}

/// The part that a person reads.
fn start(offer: &Offer<'_>, carrier: Carrier, ciphers: usize, extensions: usize) -> String {
    let carrier = match carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
    };
    let version = version(offer.supported_versions().max().unwrap_or(offer.version));
    let name = match offer.extension(SERVER_NAME) {
        Some(_) => 'd',
        None => 'i',
    };
    let alpn = first_and_last(offer.protocols().next().unwrap_or_default());
    let (ciphers, extensions) = (ciphers.min(MOST), extensions.min(MOST));
    format!("{carrier}{version}{name}{ciphers:02}{extensions:02}{alpn}")
}

fn version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character of a protocol's name, or of its hexadecimal form where either is no letter or digit.
fn first_and_last(name: &[u8]) -> String {
    let ends = |text: &[u8]| Some([*text.first()?, *text.last()?]);
    let ends = match ends(name) {
        Some(ends) if ends.iter().all(u8::is_ascii_alphanumeric) => Some(ends),
        _ => ends(hex(name).as_bytes()),
    };
    ends.map_or("00".to_owned(), |ends| {
        ends.map(char::from).iter().collect()
    })
}

/// The extensions without those that the readable part tells, and the signature algorithms in their own order.
fn extension_list(offer: &Offer<'_>, mut kinds: Vec<u16>) -> String {
    kinds.retain(|&kind| kind != SERVER_NAME && kind != ALPN);
    let algorithms: Vec<_> = offer.signature_algorithms().collect();
    match (sorted(kinds), listed(&algorithms)) {
        (kinds, algorithms) if algorithms.is_empty() => kinds,
        (kinds, algorithms) => format!("{kinds}_{algorithms}"),
    }
}

fn without_grease(numbers: impl Iterator<Item = u16>) -> Vec<u16> {
    numbers.filter(|&number| !is_grease(number)).collect()
}

fn sorted(mut numbers: Vec<u16>) -> String {
    numbers.sort_unstable();
    listed(&numbers)
}

fn listed(numbers: &[u16]) -> String {
    let mut list = String::with_capacity(numbers.len() * ",0000".len());
    for number in numbers {
        if !list.is_empty() {
            list.push(',');
        }
        let digits = [12, 8, 4, 0].map(|shift| u32::from(number >> shift) & 0xf);
        list.extend(
            digits
                .iter()
                .filter_map(|&digit| char::from_digit(digit, 16)),
        );
    }
    list
}

/// The first twelve digits of a list's SHA-256; zeros where there is nothing to hash.
fn digest(list: &str) -> String {
    if list.is_empty() {
        return "0".repeat(DIGITS);
    }
    let mut digest = hex(&Sha256::digest(list));
    digest.truncate(DIGITS);
    digest
}

const DIGITS: usize = 12;
const MOST: usize = 99;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::tls::hello::Extension;

    const CIPHERS: [u16; 15] = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
        0x009c, 0x009d, 0x002f, 0x0035,
    ];
    const KINDS: [u16; 16] = [
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
        0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
    ];
    const ALGORITHMS: &[u8] = &[0, 16, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1];

    /// The example of the description.
    fn example() -> Offer<'static> {
        let body = |kind| -> &'static [u8] {
            match kind {
                0x0010 => b"\0\x0c\x02h2\x08http/1.1",
                0x000d => ALGORITHMS,
                0x002b => &[4, 3, 4, 3, 3],
                _ => &[],
            }
        };
        let extension = |kind| Extension {
            kind,
            body: body(kind),
        };
        Offer {
            version: 0x0303,
            random: [0; 32],
            ciphers: CIPHERS.to_vec(),
            extensions: KINDS.map(extension).to_vec(),
        }
    }

    fn of(change: impl Fn(&mut Offer<'static>)) -> String {
        let mut offer = example();
        change(&mut offer);
        ja4(&offer, Carrier::Tcp)
    }

    fn replace(offer: &mut Offer<'static>, kind: u16, body: &'static [u8]) {
        offer
            .extensions
            .iter_mut()
            .filter(|extension| extension.kind == kind)
            .for_each(|extension| extension.body = body);
    }

    #[test]
    fn the_published_example() {
        let expected = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        assert_eq!(ja4(&example(), Carrier::Tcp), expected);
        assert_eq!(
            ja4(&example(), Carrier::Quic),
            expected.replacen('t', "q", 1)
        );
        let greased = of(|offer| {
            offer.ciphers.insert(0, 0x8a8a);
            offer.extensions.push(Extension {
                kind: 0xfafa,
                body: &[0],
            });
            replace(offer, 0x002b, &[6, 0xba, 0xba, 3, 4, 3, 3]);
            replace(
                offer,
                0x000d,
                &[
                    0, 18, 0x5a, 0x5a, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1,
                ],
            );
        });
        assert_eq!(greased, expected);
    }

    /// The second digest is that of the description for a hello without signature algorithms.
    #[test]
    fn empty_lists() {
        let no_algorithms = of(|offer| replace(offer, 0x000d, &[0, 0]));
        assert_eq!(no_algorithms, "t13d1516h2_8daaf6152771_6d807ffa2a79");
        let bare = of(|offer| {
            offer.ciphers.clear();
            offer.extensions.clear();
        });
        assert_eq!(bare, "t12i000000_000000000000_000000000000");
        let name_only = of(|offer| {
            offer
                .extensions
                .retain(|extension| extension.kind == SERVER_NAME)
        });
        assert_eq!(name_only, "t12d150100_8daaf6152771_000000000000");
    }

    #[test]
    fn the_highest_version_counts() {
        let cases: [(&'static [u8], &str); 5] = [
            (&[4, 3, 2, 3, 3], "t12"),
            (&[4, 3, 1, 3, 2], "t11"),
            (&[2, 3, 1], "t10"),
            (&[2, 3, 0], "ts3"),
            (&[4, 3, 4, 0x7f, 0x1c], "t00"),
        ];
        for (versions, start) in cases {
            let ja4 = of(|offer| replace(offer, 0x002b, versions));
            assert!(ja4.starts_with(start), "{ja4} {start}");
        }
    }

    /// The cases of the description, section "ALPN Extension Value".
    #[test]
    fn the_first_protocol_in_two_characters() {
        let cases: [(&[u8], &str); 11] = [
            (b"h2", "h2"),
            (b"http/1.1", "h1"),
            (b"", "00"),
            (b"x", "xx"),
            (&[0xab], "ab"),
            (&[0x20], "20"),
            (&[0xab, 0xcd], "ad"),
            (&[0x20, 0x61], "21"),
            (&[0x30, 0xab], "3b"),
            (&[0x61, 0x20], "60"),
            (&[0x30, 0xab, 0xcd, 0x31], "01"),
        ];
        for (name, characters) in cases {
            assert_eq!(first_and_last(name), characters, "{name:?}");
        }
    }

    #[test]
    fn counts_stop_at_99() {
        let many = of(|offer| offer.ciphers = (0..150).collect());
        assert!(many.starts_with("t13d9916h2_"), "{many}");
    }
}
