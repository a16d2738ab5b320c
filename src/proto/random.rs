//! Whether bytes look like nothing but chance: what encrypts everything from its first byte on sends such.
//!
//! A first payload is told from text, and from most protocols, by the exemptions that were found in a censor's test: Wu and
//! others, "How the Great Firewall of China Detects and Blocks Fully Encrypted Traffic" (USENIX Security 2023), section 4.

/// Whether the first payload of a side looks random. It says nothing of protocols that parsers know.
pub fn looks_random(payload: &[u8]) -> bool {
    payload.len() >= SHORTEST && has_even_bits(payload) && !looks_like_text(payload)
}

/// Whether about four bits of eight are set.
fn has_even_bits(payload: &[u8]) -> bool {
    let set: usize = payload.iter().map(|byte| byte.count_ones() as usize).sum();
    let tenths = set.saturating_mul(10);
    let bytes = payload.len();
    tenths > bytes.saturating_mul(FEWEST_TENTHS) && tenths < bytes.saturating_mul(MOST_TENTHS)
}

/// Whether it begins with text, is text for the most part, or has a stretch of text.
fn looks_like_text(payload: &[u8]) -> bool {
    let is_text = |byte: &u8| matches!(byte, 0x20..=0x7e);
    let begins = payload.iter().take(BEGINNING).all(is_text);
    let texts = payload.iter().filter(|byte| is_text(byte)).count();
    let longest = payload.split(|byte| !is_text(byte)).map(<[u8]>::len).max();
    begins || texts.saturating_mul(2) > payload.len() || longest > Some(STRETCH)
}

/// Less than that tells nothing.
const SHORTEST: usize = 16;

/// Bits that are set of eight, on average, in tenths: exempt are those outside.
const FEWEST_TENTHS: usize = 34;
const MOST_TENTHS: usize = 46;

/// As many bytes of text begin a protocol of text.
const BEGINNING: usize = 6;

/// More bytes of text than that in a row are no chance.
const STRETCH: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of SplitMix64, as good as random.
    fn random(bytes: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            u8::try_from((mixed ^ mixed >> 27) >> 40 & 0xff).unwrap()
        };
        (0..bytes).map(|_| next()).collect()
    }

    #[test]
    fn what_is_random_looks_so_and_what_is_said_does_not() {
        let behind = |start: &[u8], bytes: usize| [start, &random(bytes)].concat();
        let cases = [
            ("random", random(300), true),
            ("a salt", random(48), true),
            ("too short", random(15), false),
            ("nothing", Vec::new(), false),
            (
                "text",
                b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec(),
                false,
            ),
            ("six letters and chance", behind(b"HELLO ", 300), false),
            (
                "a stretch of text",
                behind(b"\0\x01\x02 the quick brown fox jumps over", 300),
                false,
            ),
            ("zeros", vec![0; 64], false),
            ("ones", vec![0xff; 64], false),
            ("small numbers", (0..64).map(|n| n % 8).collect(), false),
        ];
        for (name, payload, expected) in cases {
            assert_eq!(looks_random(&payload), expected, "{name}");
        }
    }
}
