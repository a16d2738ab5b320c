//! How long an encrypted packet is on the wire, by what is in it (RFC 4253, section 6).
//!
//! Length, padding length and padding are as small as the RFC allows with every implementation in use, so that the size
//! of a packet follows from the size of its payload, for a cipher and MAC that the offers in the clear tell.

use super::kexinit::{BothWays, Negotiated};

/// What a cipher and a MAC make of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// What the encrypted part is padded to a multiple of.
    block: u8,
    /// Bytes of the MAC or authentication tag.
    tag: u8,
    /// Whether the length stands outside the padded part: with AEAD ciphers and encrypt-then-MAC.
    apart: bool,
    /// Whether it stands there in the clear.
    clear: bool,
    /// The least that is padded to.
    least: u8,
}

impl Framing {
    /// chacha20-poly1305@openssh.com, which OpenSSH prefers: its lengths are encrypted apart from the rest.
    pub const CHACHA: Self = Self {
        block: 8,
        tag: 16,
        apart: true,
        clear: false,
        least: LEAST,
    };

    /// AES-GCM (RFC 5647, and OpenSSH's `PROTOCOL`, section 1.6).
    pub const GCM: Self = Self {
        block: 16,
        tag: 16,
        apart: true,
        clear: true,
        least: LEAST,
    };

    /// Those in use, the commonest first.
    pub const COMMON: [Self; 6] = [
        Self::CHACHA,
        Self::GCM,
        Self::aes(32, true),
        Self::aes(32, false),
        Self::aes(20, true),
        Self::aes(20, false),
    ];

    const fn aes(tag: u8, apart: bool) -> Self {
        Self {
            block: 16,
            tag,
            apart,
            clear: apart,
            least: LEAST,
        }
    }

    /// The same of an implementation that pads the encrypted part to sixteen bytes at least, as Dropbear does.
    #[must_use]
    pub const fn roomy(self) -> Self {
        Self { least: 16, ..self }
    }

    /// The same where nobody can read lengths, because all is encrypted once more.
    #[must_use]
    pub const fn hidden(self) -> Self {
        Self {
            clear: false,
            ..self
        }
    }

    /// That of a cipher, and of the MAC where the cipher does not authenticate by itself. `None` where one is not known.
    pub fn of(cipher: &str, mac: Option<&str>) -> Option<Self> {
        if cipher.starts_with("chacha20-poly1305") {
            return Some(Self::CHACHA);
        }
        if cipher.contains("gcm") || cipher.contains("GCM") {
            return Some(Self::GCM);
        }
        let block = block_of(cipher)?;
        let mac = mac?;
        let apart = mac.contains("-etm");
        Some(Self {
            block,
            tag: tag_of(mac)?,
            apart,
            clear: apart,
            least: LEAST,
        })
    }

    /// Those of both directions.
    pub fn negotiated(offers: &Negotiated<'_>) -> Option<BothWays<Self>> {
        Some(BothWays {
            to_server: Self::of(offers.cipher.to_server, offers.mac.to_server)?,
            to_client: Self::of(offers.cipher.to_client, offers.mac.to_client)?,
        })
    }

    /// What a packet takes on the wire beside its payload, padded as little as may be.
    pub fn around(self) -> u32 {
        (LENGTH + PADDING_LENGTH + LEAST_PADDING).saturating_add(self.tag.into())
    }

    /// How many bytes more a packet may be padded by.
    pub fn most_padding(self) -> u32 {
        u32::from(self.block).saturating_sub(1)
    }

    /// The size on the wire of a packet with `payload` bytes in it.
    pub fn packet(self, payload: u32) -> u32 {
        let inside = if self.apart { 0 } else { LENGTH };
        let least = payload
            .saturating_add(inside)
            .saturating_add(PADDING_LENGTH + LEAST_PADDING);
        let block = u32::from(self.block);
        let padded = least
            .div_ceil(block)
            .saturating_mul(block)
            .max(self.least.into());
        padded
            .saturating_add(LENGTH.saturating_sub(inside))
            .saturating_add(self.tag.into())
    }

    /// The most payload that a packet of this size can hold; `None` where no packet is of this size.
    pub fn most_payload(self, size: u32) -> Option<u32> {
        let apart = if self.apart { LENGTH } else { 0 };
        let padded = size.checked_sub(u32::from(self.tag).saturating_add(apart))?;
        let inside = LENGTH.saturating_sub(apart);
        let fits = padded >= self.least.into() && padded.is_multiple_of(self.block.into());
        let around = inside.saturating_add(PADDING_LENGTH + LEAST_PADDING);
        fits.then(|| padded.saturating_sub(around))
    }

    /// The whole size of a packet whose first four bytes are these, where they are in the clear.
    pub fn stated(self, header: [u8; 4]) -> Option<u32> {
        let length = u32::from_be_bytes(header);
        let fits = (u32::from(LEAST.min(self.block))..=LONGEST).contains(&length);
        let whole = length.is_multiple_of(self.block.into());
        (self.clear && fits && whole).then(|| {
            length
                .saturating_add(LENGTH)
                .saturating_add(self.tag.into())
        })
    }

    /// Whether lengths can be read in the clear.
    pub fn is_clear(self) -> bool {
        self.clear
    }
}

/// The block size of a cipher; stream ciphers have one of eight (RFC 4253, section 6).
fn block_of(cipher: &str) -> Option<u8> {
    match cipher {
        _ if cipher.starts_with("aes") || cipher.starts_with("rijndael") => Some(16),
        _ if cipher.starts_with("twofish") || cipher.starts_with("serpent") => Some(16),
        _ if cipher.starts_with("camellia") || cipher.starts_with("seed") => Some(16),
        _ if cipher.starts_with("3des") || cipher.starts_with("blowfish") => Some(8),
        _ if cipher.starts_with("cast128") || cipher.starts_with("arcfour") => Some(8),
        _ => None,
    }
}

fn tag_of(mac: &str) -> Option<u8> {
    let name = mac.split('@').next().unwrap_or(mac);
    let name = name.strip_suffix("-etm").unwrap_or(name);
    Some(match name {
        "hmac-sha2-512" => 64,
        "hmac-sha2-256" | "hmac-sha256" => 32,
        "hmac-sha1" | "hmac-ripemd160" => 20,
        "hmac-md5" | "umac-128" => 16,
        "hmac-sha1-96" | "hmac-md5-96" => 12,
        "umac-64" => 8,
        _ => return None,
    })
}

const LENGTH: u32 = 4;
const PADDING_LENGTH: u32 = 1;
const LEAST_PADDING: u32 = 4;
const LEAST: u8 = 8;
/// OpenSSH refuses longer ones.
const LONGEST: u32 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(cipher: &str, mac: &str) -> Framing {
        Framing::of(cipher, Some(mac)).unwrap()
    }

    #[test]
    fn sizes_are_those_on_the_wire() {
        // Of payloads of 1 (success), 10 (a keystroke), 17 (a service request), 24 (a session) and 63 bytes.
        let payloads = [1, 10, 17, 24, 63];
        let cases = [
            ("chacha20-poly1305@openssh.com", "", [28, 36, 44, 52, 92]),
            ("aes256-gcm@openssh.com", "", [36, 36, 52, 52, 100]),
            ("aes128-ctr", "hmac-sha2-256", [48, 64, 64, 80, 112]),
            (
                "aes128-ctr",
                "hmac-sha2-256-etm@openssh.com",
                [52, 52, 68, 68, 116],
            ),
            (
                "aes128-ctr",
                "umac-64-etm@openssh.com",
                [28, 28, 44, 44, 92],
            ),
            ("aes192-cbc", "hmac-sha2-512", [80, 96, 96, 112, 144]),
            ("3des-cbc", "hmac-sha1", [36, 44, 52, 60, 92]),
        ];
        for (cipher, mac, sizes) in cases {
            let framing = framing(cipher, mac);
            assert_eq!(
                payloads.map(|payload| framing.packet(payload)),
                sizes,
                "{cipher} {mac}"
            );
        }
    }

    #[test]
    fn what_a_packet_can_hold_is_the_other_way_round() {
        for framing in [
            Framing::CHACHA,
            Framing::GCM,
            framing("aes128-ctr", "hmac-sha1"),
        ] {
            for size in 0..400 {
                match framing.most_payload(size) {
                    Some(most) => {
                        assert_eq!(framing.packet(most), size);
                        assert!(framing.packet(most + 1) > size);
                    }
                    None => assert!((0..400).all(|payload| framing.packet(payload) != size)),
                }
            }
        }
    }

    #[test]
    fn lengths_in_the_clear_are_whole_blocks() {
        let etm = framing("aes128-ctr", "hmac-sha2-256-etm@openssh.com");
        assert_eq!(Framing::GCM.stated([0, 0, 0, 32]), Some(52));
        assert_eq!(etm.stated([0, 0, 0, 16]), Some(52));
        assert_eq!(etm.stated([0, 0, 0, 17]), None);
        assert_eq!(etm.stated([0, 0, 0, 0]), None);
        assert_eq!(Framing::GCM.stated([1, 0, 0, 0]), None);
        assert_eq!(Framing::CHACHA.stated([0, 0, 0, 32]), None);
    }

    #[test]
    fn ciphers_and_codes_that_are_not_known_tell_nothing() {
        assert_eq!(Framing::of("none", None), None);
        assert_eq!(Framing::of("aes128-ctr", None), None);
        assert_eq!(Framing::of("aes128-ctr", Some("hmac-of-tomorrow")), None);
        assert_eq!(Framing::of("AEAD_AES_128_GCM", None), Some(Framing::GCM));
    }
}
