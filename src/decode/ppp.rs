//! PPP and PPP over Ethernet.

use super::label::Label;
use super::outcome::{Drop, Skip};
use super::part::Part;
use super::walk::{Path, Walk, Walked};

impl Walk<'_> {
    /// A serial link: PPP, or Cisco HDLC as its address byte says.
    pub(super) fn ppp_link<'p>(&mut self, part: Part<'p>, path: Path) -> Walked<'p> {
        match part.bytes() {
            [CISCO_UNICAST | CISCO_MULTICAST, 0, ..] => self.cisco_hdlc(part, path),
            _ => self.ppp(part, path),
        }
    }

    /// A PPPoE header and its session's PPP; RFC 2516, 4.
    pub(super) fn pppoe<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let [_version, code, _, _] = part.array()?;
        let length = part.u16()?;
        if code != SESSION_DATA {
            return Err(Skip::Ppp.into());
        }
        let path = path.into_tunnel(Label::PPPOE)?;
        self.ppp(part.at_most(length.into()), path)
    }

    /// A PPP frame, with or without address and control bytes; RFC 1661, 2 and RFC 1662, 3.1.
    pub(super) fn ppp<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        if part.bytes().starts_with(&ALL_STATIONS) {
            part.skip(ALL_STATIONS.len())?;
        }
        match protocol(&mut part)? {
            IPV4 => self.ipv4(part, path),
            IPV6 => self.ipv6(part, path),
            MPLS | MPLS_MULTICAST => self.mpls(part, path),
            _ => Err(Skip::Ppp.into()),
        }
    }
}

/// The protocol number, which is one byte long if compressed: then, and only then, its first byte is odd.
fn protocol(part: &mut Part<'_>) -> Result<u16, Drop> {
    match part.bytes() {
        [first, ..] if first & 1 == 1 => part.u8().map(u16::from),
        _ => part.u16(),
    }
}

const ALL_STATIONS: [u8; 2] = [0xff, 0x03];
const CISCO_UNICAST: u8 = 0x0f;
const CISCO_MULTICAST: u8 = 0x8f;
const SESSION_DATA: u8 = 0;

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const MPLS: u16 = 0x0281;
const MPLS_MULTICAST: u16 = 0x0283;
