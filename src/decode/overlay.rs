//! Tunnels over UDP. A port only suggests them, so a header that is not plausible is refused.

use super::outcome::{Drop, Skip};
use super::part::Part;
use super::walk::{Path, Walk, Walked};

impl Walk<'_> {
    /// VXLAN, RFC 7348, 5: the I flag set and all reserved bits zero, or the group policy extension.
    pub(super) fn vxlan<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        match part.array()? {
            [VXLAN_NETWORK, 0, 0, 0, _, _, _, 0] | [VXLAN_POLICY, _, _, _, _, _, _, 0] => {
                self.ethernet(part, path)
            }
            _ => Err(Skip::EtherType.into()),
        }
    }

    /// VXLAN with a protocol field; draft-ietf-nvo3-vxlan-gpe, 3.1.
    pub(super) fn vxlan_gpe<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        match part.array()? {
            [VXLAN_PROTOCOL, 0, 0, GPE_IPV4, _, _, _, 0] => self.ipv4(part, path),
            [VXLAN_PROTOCOL, 0, 0, GPE_IPV6, _, _, _, 0] => self.ipv6(part, path),
            [VXLAN_PROTOCOL, 0, 0, GPE_ETHERNET, _, _, _, 0] => self.ethernet(part, path),
            _ => Err(Skip::EtherType.into()),
        }
    }

    /// GENEVE, RFC 8926, 3.4: version 0, no reserved bit set.
    pub(super) fn geneve<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let [version_and_length, flags] = part.array()?;
        let kind = part.u16()?;
        let [_, _, _, reserved] = part.array()?;
        if version_and_length > GENEVE_LENGTH || flags & GENEVE_RESERVED != 0 || reserved != 0 {
            return Err(Skip::EtherType.into());
        }
        part.skip(usize::from(version_and_length) * 4)?;
        self.tunnelled(kind, part, path)
    }

    /// A user packet of GTP version 1; 3GPP TS 29.281, 5.1.
    pub(super) fn gtp<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let [flags, kind] = part.array()?;
        let length = part.u16()?;
        part.skip(4)?;
        if flags & GTP_FIXED != GTP_VERSION || kind != GTP_USER_PACKET {
            return Err(Skip::EtherType.into());
        }
        let mut part = part.at_most(length.into());
        if flags & GTP_OPTIONS != 0 {
            let [_, _, _, extension] = part.array()?;
            let is_extended = flags & GTP_EXTENSION != 0;
            skip_gtp_extensions(if is_extended { extension } else { 0 }, &mut part)?;
        }
        self.ip(part, path)
    }
}

/// Takes off GTP extension headers: a length in units of four bytes, contents, the next one's type.
fn skip_gtp_extensions(mut kind: u8, part: &mut Part<'_>) -> Result<(), Drop> {
    for _ in 0..=MAX_EXTENSIONS {
        if kind == 0 {
            return Ok(());
        }
        let length = usize::from(part.u8()?) * 4;
        part.skip(length.checked_sub(2).ok_or(Drop::HeaderLength)?)?;
        kind = part.u8()?;
    }
    Err(Drop::TooDeep)
}

const VXLAN_NETWORK: u8 = 0x08;
const VXLAN_PROTOCOL: u8 = 0x0c;
const VXLAN_POLICY: u8 = 0x88;

const GPE_IPV4: u8 = 1;
const GPE_IPV6: u8 = 2;
const GPE_ETHERNET: u8 = 3;

/// Version 0 and the length of the options, in units of four bytes.
const GENEVE_LENGTH: u8 = 0x3f;
const GENEVE_RESERVED: u8 = 0x3f;

const GTP_FIXED: u8 = 0xf0;
const GTP_VERSION: u8 = 0x30;
const GTP_OPTIONS: u8 = 0x07;
const GTP_EXTENSION: u8 = 0x04;
const GTP_USER_PACKET: u8 = 0xff;

/// GTP extension headers in a row.
const MAX_EXTENSIONS: usize = 16;
