//! What a ClientHello shows of its client and of whom it looks for, in eight bytes.

use std::num::NonZeroU32;

use super::hello::{ALPN, Offer, SERVER_NAME, is_grease};

/// A ClientHello as two digests, which are the same on every machine and in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Greeting {
    /// Of what JA4 is made of: hellos with one JA4 have one digest.
    pub fingerprint: NonZeroU32,
    /// Of the server's name, as [`digest_of_name`] makes it; `None` where the hello names no server.
    pub name: Option<NonZeroU32>,
}

impl Greeting {
    /// That of a whole hello.
    pub fn of(offer: &Offer<'_>) -> Self {
        Self {
            fingerprint: ends(fingerprint(offer)),
            name: offer.server_name().map(digest_of_name),
        }
    }
}

/// A name in few bytes, whatever the case of its letters.
pub fn digest_of_name(name: &[u8]) -> NonZeroU32 {
    let add = |sum: u64, byte: &u8| stir(sum ^ u64::from(byte.to_ascii_lowercase()));
    ends(name.iter().fold(0, add))
}

/// JA4 sorts ciphers and extensions, so that their order does not count here either.
fn fingerprint(offer: &Offer<'_>) -> u64 {
    let ciphers = without_order(1, offer.ciphers.iter().copied());
    let kinds = offer.extensions.iter().map(|extension| extension.kind);
    let told_otherwise = |kind: &u16| *kind == SERVER_NAME || *kind == ALPN;
    let kinds = without_order(2, kinds.filter(|kind| !told_otherwise(kind)));
    let has = |kind| u64::from(offer.extension(kind).is_some());
    let version = offer.supported_versions().max().unwrap_or(offer.version);
    let protocol = offer.protocols().next().unwrap_or_default();
    let ends = [protocol.first(), protocol.last()].map(|end| end.copied().unwrap_or_default());
    let algorithms = offer
        .signature_algorithms()
        .fold(3, |sum, one| stir(sum ^ u64::from(one)));
    let told = [
        ciphers,
        kinds,
        algorithms,
        has(SERVER_NAME),
        has(ALPN),
        version.into(),
        u16::from_be_bytes(ends).into(),
    ];
    told.iter().fold(0, |sum, one| stir(sum ^ one))
}

fn without_order(seed: u64, numbers: impl Iterator<Item = u16>) -> u64 {
    let numbers = numbers.filter(|number| !is_grease(*number));
    numbers.fold(seed, |sum, one| {
        sum.wrapping_add(stir(seed << 32 | u64::from(one)))
    })
}

/// One round of the finaliser of MurmurHash3 (Appleby).
const fn stir(number: u64) -> u64 {
    let one = (number ^ (number >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    one ^ (one >> 29)
}

/// The upper half, in which every bit depends on all that went in; never zero.
const fn ends(number: u64) -> NonZeroU32 {
    let upper = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32;
    match NonZeroU32::new(upper) {
        Some(digest) => digest,
        None => NonZeroU32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::tls::hello::Extension;

    fn offer(ciphers: &[u16], kinds: &[u16]) -> Offer<'static> {
        let extension = |&kind| Extension {
            kind,
            body: match kind {
                SERVER_NAME => b"\0\x0e\0\0\x0bWeb.Example".as_slice(),
                ALPN => b"\0\x03\x02h2",
                _ => &[],
            },
        };
        Offer {
            version: 0x0303,
            random: [0; 32],
            ciphers: ciphers.to_vec(),
            extensions: kinds.iter().map(extension).collect(),
        }
    }

    #[test]
    fn what_has_one_ja4_has_one_digest_and_what_has_not_has_not() {
        let base = Greeting::of(&offer(&[0x1301, 0x1302], &[0, 16, 43, 10]));
        let cases: [(&str, &[u16], &[u16], bool); 7] = [
            ("the order", &[0x1302, 0x1301], &[10, 43, 0, 16], true),
            (
                "GREASE",
                &[0x0a0a, 0x1301, 0x1302],
                &[0, 16, 43, 10, 0x1a1a],
                true,
            ),
            ("a cipher less", &[0x1301], &[0, 16, 43, 10], false),
            (
                "another extension",
                &[0x1301, 0x1302],
                &[0, 16, 43, 11],
                false,
            ),
            ("no name", &[0x1301, 0x1302], &[16, 43, 10], false),
            ("no protocol", &[0x1301, 0x1302], &[0, 43, 10], false),
            (
                "a cipher that is an extension",
                &[0x1301, 10],
                &[0, 16, 43, 0x1302],
                false,
            ),
        ];
        for (case, ciphers, kinds, same) in cases {
            let greeting = Greeting::of(&offer(ciphers, kinds));
            assert_eq!(greeting.fingerprint == base.fingerprint, same, "{case}");
            let is_named = kinds.contains(&SERVER_NAME);
            assert_eq!(greeting.name.is_some(), is_named, "{case}");
        }
        assert_eq!(base.name, Some(digest_of_name(b"web.example")));
        assert_ne!(base.name, Some(digest_of_name(b"web.example.")));
    }

    #[test]
    fn a_greeting_takes_eight_bytes() {
        assert_eq!(size_of::<Option<Greeting>>(), 8);
    }
}
