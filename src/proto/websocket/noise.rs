//! Telling encrypted bytes from all that have a form.
//!
//! Encrypted bytes are all alike: each bit is set half of the time, each half-byte is as frequent as any other, no
//! byte comes back too often. Compressed bytes are nearly so, but begin with a header.

use crate::proto::Prefix;

/// What bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They have a form, or there are too few to tell.
    Readable,
    /// They have none.
    Noise,
    /// More of them will tell.
    Undecided,
}

/// Judges what two sides sent from their first bytes on: noise only if both sent noise, and not each other's.
pub fn of(client: Prefix<'_>, server: Prefix<'_>) -> Verdict {
    match (of_side(client), of_side(server)) {
        (Verdict::Readable, _) | (_, Verdict::Readable) => Verdict::Readable,
        (Verdict::Noise, Verdict::Noise) if is_echo(client.bytes, server.bytes) => {
            Verdict::Readable
        }
        (Verdict::Noise, Verdict::Noise) => Verdict::Noise,
        _ => Verdict::Undecided,
    }
}

/// Judges at fixed lengths, so that the verdict does not depend on how many bytes came at a time.
fn of_side(prefix: Prefix<'_>) -> Verdict {
    let bytes = prefix.bytes;
    if STEPS
        .iter()
        .filter_map(|&step| bytes.get(..step))
        .any(|start| !is_noise(start))
    {
        return Verdict::Readable;
    }
    match bytes.len() {
        ENOUGH.. => Verdict::Noise,
        _ if prefix.is_open() => Verdict::Undecided,
        FEWEST.. if is_noise(bytes) => Verdict::Noise,
        _ => Verdict::Readable,
    }
}

fn is_noise(bytes: &[u8]) -> bool {
    !has_magic(bytes) && has_even_bits(bytes) && has_even_digits(bytes) && repeats_little(bytes)
}

fn has_magic(bytes: &[u8]) -> bool {
    MAGIC.iter().any(|magic| bytes.starts_with(magic))
}

/// Whether the number of bits set is within four standard deviations of half.
fn has_even_bits(bytes: &[u8]) -> bool {
    let ones: u64 = bytes.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let length = bytes.len() as u64;
    let off = ones.abs_diff(4 * length);
    // The variance is a quarter of the number of bits.
    off * off <= 16 * 2 * length
}

/// A chi-square test over half-bytes. With 15 degrees of freedom noise exceeds 45 once in 13,000 times.
fn has_even_digits(bytes: &[u8]) -> bool {
    let mut counts = [0_u64; 16];
    for digit in bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]) {
        if let Some(count) = counts.get_mut(usize::from(digit)) {
            *count += 1;
        }
    }
    let digits = 2 * bytes.len() as u64;
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    // The sum of (count - digits/16)^2 / (digits/16), in whole numbers.
    16 * squares <= digits * digits + 45 * digits
}

/// Whether pairs of equal bytes are few: noise has one in 256, with a deviation of the root of their number.
fn repeats_little(bytes: &[u8]) -> bool {
    let mut counts = [0_u64; 256];
    let mut pairs = 0;
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            pairs += *count;
            *count += 1;
        }
    }
    let length = bytes.len() as u64;
    let expected = length * length / 512;
    pairs <= expected + 4 * expected.isqrt() + 4
}

/// Whether a server sends back what it was sent.
fn is_echo(client: &[u8], server: &[u8]) -> bool {
    client.get(..FEWEST) == server.get(..FEWEST)
}

/// Where the bytes are judged.
const STEPS: [usize; 4] = [16, 48, FEWEST, ENOUGH];
/// How many bytes of a side that ended are enough.
const FEWEST: usize = 128;
/// How many bytes of a side that goes on are enough.
const ENOUGH: usize = 256;
/// How compressed data begins: gzip, zlib, Zstandard.
const MAGIC: [&[u8]; 6] = [
    b"\x1f\x8b",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x28\xb5\x2f\xfd",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from xorshift, as good as any for what is tested here.
    fn noise(mut state: u32, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            bytes.push((state >> 11) as u8);
        }
        bytes
    }

    #[test]
    fn noise_is_told_from_what_has_a_form() {
        let json =
            br#"{"type":"message","room":"lobby","text":"hello there, how are you?"}"#.repeat(4);
        let counters: Vec<u8> = (0_u32..128).flat_map(u32::to_be_bytes).collect();
        let base64 = b"q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniQ==".repeat(6);
        let gzip = [b"\x1f\x8b".as_slice(), &noise(5, 400)].concat();
        let framed = [b"\0\0\x01\x80".as_slice(), &noise(7, 60)]
            .concat()
            .repeat(6);
        for readable in [&json, &counters, &base64, &gzip, &framed, &vec![0; 300]] {
            assert_eq!(of_side(Prefix::open(readable)), Verdict::Readable);
        }
        let heard = noise(1, 300);
        let false_alarms = (1..2_000)
            .filter(|seed| of_side(Prefix::open(&noise(seed * 7919, 300))) != Verdict::Noise)
            .count();
        assert!(false_alarms < 20, "{false_alarms} of 2000");
        assert_eq!(of_side(Prefix::open(&heard)), Verdict::Noise);
    }

    #[test]
    fn the_verdict_waits_for_enough() {
        let bytes = noise(1, 300);
        let cases = [
            (300, true, Verdict::Noise),
            (255, true, Verdict::Undecided),
            (0, true, Verdict::Undecided),
            (255, false, Verdict::Noise),
            (128, false, Verdict::Noise),
            (127, false, Verdict::Readable),
        ];
        for (length, open, expected) in cases {
            let known = &bytes[..length];
            let prefix = if open {
                Prefix::open(known)
            } else {
                Prefix::closed(known)
            };
            assert_eq!(of_side(prefix), expected, "{length} {open}");
        }
    }

    #[test]
    fn both_sides_count_and_an_echo_does_not() {
        let (one, other) = (noise(1, 300), noise(2, 300));
        let cases = [
            (&one, &other, Verdict::Noise),
            (&one, &one, Verdict::Readable),
            (&one, &vec![b'a'; 300], Verdict::Readable),
            (&one, &other[..100].to_vec(), Verdict::Undecided),
        ];
        for (client, server, expected) in cases {
            let seen = of(Prefix::open(client), Prefix::open(server));
            assert_eq!(seen, expected);
        }
    }
}
