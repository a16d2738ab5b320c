//! JA3, the older fingerprint of a TLS client.

use md5::{Digest, Md5};

use super::text::hex;
use super::tls::hello::{Offer, is_grease};

/// The JA3 of a ClientHello: MD5, in hexadecimal, of version, ciphers, extensions, groups and point formats, each a
/// list of decimal numbers in the order of the wire without GREASE (salesforce/ja3).
pub fn ja3(offer: &Offer<'_>) -> String {
    hex(&Md5::digest(plain(offer)))
}

fn plain(offer: &Offer<'_>) -> String {
    let kinds = offer.extensions.iter().map(|extension| extension.kind);
    let real = |number: &u16| !is_grease(*number);
    let formats = offer.point_formats().iter().copied();
    [
        offer.version.to_string(),
        dashed(offer.ciphers.iter().copied().filter(real)),
        dashed(kinds.filter(real)),
        dashed(offer.groups()),
        dashed(formats.map(u16::from)),
    ]
    .join(",")
}

fn dashed(numbers: impl Iterator<Item = u16>) -> String {
    let numbers: Vec<_> = numbers.map(|number| number.to_string()).collect();
    numbers.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::tls::hello::Extension;

    // Both digests are in the README of salesforce/ja3.
    #[test]
    fn the_published_examples() {
        let groups: &[u8] = &[0, 6, 0, 23, 0, 24, 0, 25];
        let extension = |kind, body| Extension { kind, body };
        let offer = Offer {
            version: 769,
            random: [0; 32],
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![
                extension(0, &[]),
                extension(10, groups),
                extension(11, &[1, 0]),
            ],
        };
        assert_eq!(
            plain(&offer),
            "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"
        );
        assert_eq!(ja3(&offer), "ada70206e40642a3e4461f35503241d5");

        let offer = Offer {
            version: 769,
            random: [0; 32],
            ciphers: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99],
            extensions: Vec::new(),
        };
        assert_eq!(plain(&offer), "769,4-5-10-9-100-98-3-6-19-18-99,,,");
        assert_eq!(ja3(&offer), "de350869b8c85de67a350c8d186f11e6");
    }

    #[test]
    fn grease_is_left_out() {
        let extension = |kind, body| Extension { kind, body };
        let offer = Offer {
            version: 771,
            random: [0; 32],
            ciphers: vec![0x1a1a, 4865],
            extensions: vec![
                extension(0xdada, &[]),
                extension(10, &[0, 4, 0x3a, 0x3a, 0, 29]),
                extension(0x2a2a, &[0]),
            ],
        };
        assert_eq!(plain(&offer), "771,4865,10,29,");
    }
}
