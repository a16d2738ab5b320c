//! Stages: the program that a stager fetches and runs. Metasploit's `reverse_tcp` and `bind_tcp` send its length, four
//! bytes, the lowest first, and then the program itself; the other side says nothing before.

use crate::proto::half::{Half, Stop, ensure};
use crate::proto::{Answer, Exchange, Reading, Side};

/// A program sent to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What it is.
    pub image: Image,
    /// How long it says it is, in bytes.
    pub bytes: u32,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// A Windows library whose header is code that loads it: it is run where it was received.
    ReflectiveLibrary,
    /// Position-independent code that begins as Metasploit's does.
    Shellcode,
    /// An ordinary Windows program.
    Windows,
    /// An ordinary ELF program.
    Elf,
}

impl Image {
    /// Its name, as findings give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReflectiveLibrary => "reflective-library",
            Self::Shellcode => "shellcode",
            Self::Windows => "windows-program",
            Self::Elf => "elf-program",
        }
    }
}

/// Reads a stage that the client sends. What the other side says does not matter.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Stage> {
    match stage(Half::new(Side::Client, exchange.client)) {
        Ok(layer) => Answer::Yes(Reading {
            layer,
            client: Reading::<Stage>::EVERYTHING,
            server: Reading::<Stage>::EVERYTHING,
        }),
        Err(Stop::More(need)) => Answer::More(need),
        Err(Stop::No | Stop::Ended) => Answer::No,
    }
}

fn stage(mut half: Half<'_>) -> Result<Stage, Stop> {
    let bytes = u32::from_le_bytes(half.array()?);
    ensure((SHORTEST..=LONGEST).contains(&bytes))?;
    let image = match half.u8()? {
        b'M' => windows(half)?,
        0x7f => magic(half, b"ELF", Image::Elf)?,
        0xfc => shellcode(half)?,
        _ => return Err(Stop::No),
    };
    Ok(Stage { image, bytes })
}

/// An ordinary header begins with the size of its last page, a loader with code: a call to the next instruction, or a
/// register saved.
fn windows(mut half: Half<'_>) -> Result<Image, Stop> {
    half.tag(b'Z')?;
    Ok(match half.u8()? {
        0xe8 => magic(half, &[0; 4], Image::ReflectiveLibrary)?,
        b'R' => magic(half, b"E", Image::ReflectiveLibrary)?,
        b'A' => magic(half, b"RU", Image::ReflectiveLibrary)?,
        _ => magic(half, &[0], Image::Windows)?,
    })
}

/// `cld; call`, or `cld; and rsp, -16; call`.
fn shellcode(mut half: Half<'_>) -> Result<Image, Stop> {
    match half.u8()? {
        0xe8 => {
            half.take(1)?;
            magic(half, &[0, 0, 0], Image::Shellcode)
        }
        0x48 => magic(half, &[0x83, 0xe4, 0xf0, 0xe8], Image::Shellcode),
        _ => Err(Stop::No),
    }
}

fn magic(mut half: Half<'_>, bytes: &[u8], image: Image) -> Result<Image, Stop> {
    bytes.iter().try_for_each(|&byte| half.tag(byte))?;
    Ok(image)
}

/// Of the shortest that opens a shell over a socket it is given.
const SHORTEST: u32 = 64;
const LONGEST: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Prefix;
    use crate::proto::truncation::{Sample, Settled, exchange};

    #[test]
    fn reads_every_truncation() {
        let cases: [(&[u8], Image, u32); 7] = [
            (
                b"\0\x76\x0b\0MZ\xe8\0\0\0\0",
                Image::ReflectiveLibrary,
                751_104,
            ),
            (b"\0\x76\x0b\0MZRE", Image::ReflectiveLibrary, 751_104),
            (b"\0\x76\x0b\0MZARU", Image::ReflectiveLibrary, 751_104),
            (b"\0\x76\x0b\0MZ\x90\0", Image::Windows, 751_104),
            (b"\0\x10\0\0\x7fELF", Image::Elf, 4096),
            (b"\xf0\0\0\0\xfc\xe8\x89\0\0\0", Image::Shellcode, 240),
            (b"\0\x02\0\0\xfc\x48\x83\xe4\xf0\xe8", Image::Shellcode, 512),
        ];
        for (client, image, bytes) in cases {
            Sample {
                name: image.name(),
                client,
                server: b"",
                settled: Settled::AtOnce,
                reading: Reading {
                    layer: Stage { image, bytes },
                    client: usize::MAX,
                    server: usize::MAX,
                },
            }
            .check(parse);
        }
    }

    #[test]
    fn look_alikes_are_no() {
        let cases: [&[u8]; 7] = [
            b"GET / HTTP",
            b"\x4a\0\0\0\x0a8.0.36",
            b"\x10\0\0\0MZ\x90\0",
            b"\0\x76\x0b\x01MZ\x90\0",
            b"\0\0\x0b\x76MZ\x90\0",
            b"\0\x76\x0b\0\x7fELK",
            b"MZ\x90\0\x03\0\0\0",
        ];
        for client in cases {
            let seen = exchange(Prefix::open(client), Prefix::open(b""));
            assert_eq!(parse(&seen), Answer::No, "{client:02x?}");
        }
    }
}
