//! Link layers: from the capture's link type to an EtherType or an IP header.

use super::outcome::Skip;
use super::part::Part;
use super::walk::{Path, Walk, Walked};
use crate::source::LinkType;

impl Walk<'_> {
    /// Walks a frame of the link type `link`.
    #[inline(always)]
    pub(super) fn frame<'p>(&mut self, link: LinkType, part: Part<'p>) -> Walked<'p> {
        let path = Path::default();
        match link.0 {
            NULL | LOOP => self.loopback(part, path),
            ETHERNET => self.ethernet(part, path),
            PPP | PPP_HDLC => self.ppp_link(part, path),
            RAW_BSD | RAW_OPENBSD | RAW => self.ip(part, path),
            PPPOE => self.pppoe(part, path),
            CISCO_HDLC => self.cisco_hdlc(part, path),
            FRAME_RELAY => self.frame_relay(part, path),
            LINUX_COOKED => self.cooked(part, path),
            LINUX_COOKED_V2 => self.cooked_v2(part, path),
            IPV4 => self.ipv4(part, path),
            IPV6 => self.ipv6(part, path),
            _ => Err(Skip::LinkType.into()),
        }
    }

    /// BSD loopback: the address family in the byte order of the capturing host.
    fn loopback<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let family = part.u32()?;
        match family.min(family.swap_bytes()) {
            AF_INET => self.ipv4(part, path),
            AF_INET6_WINDOWS | AF_INET6_BSD | AF_INET6_FREEBSD | AF_INET6_DARWIN
            | AF_INET6_LINUX => self.ipv6(part, path),
            _ => Err(Skip::Family.into()),
        }
    }

    /// Linux cooked capture: packet type, ARP hardware type, address length, address, protocol.
    fn cooked<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        part.skip(2)?;
        let hardware = part.u16()?;
        part.skip(10)?;
        let protocol = part.u16()?;
        self.cooked_payload(hardware, protocol, part, path)
    }

    /// Linux cooked capture, version 2: protocol, interface, ARP hardware type, packet type, address.
    fn cooked_v2<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let protocol = part.u16()?;
        part.skip(6)?;
        let hardware = part.u16()?;
        part.skip(10)?;
        self.cooked_payload(hardware, protocol, part, path)
    }

    fn cooked_payload<'p>(
        &mut self,
        hardware: u16,
        protocol: u16,
        part: Part<'p>,
        path: Path,
    ) -> Walked<'p> {
        match (hardware, protocol) {
            (ARPHRD_NETLINK, _) => Err(Skip::LinkType.into()),
            (_, COOKED_LLC) => self.llc(part, path),
            (_, MIN_ETHER_TYPE..) => self.ether(protocol, part, path),
            _ => Err(Skip::EtherType.into()),
        }
    }

    /// Cisco HDLC: address, control, EtherType.
    pub(super) fn cisco_hdlc<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        part.skip(2)?;
        let kind = part.u16()?;
        if kind < MIN_ETHER_TYPE {
            return Err(Skip::EtherType.into());
        }
        self.ether(kind, part, path)
    }

    /// Frame relay: a Q.922 address, then RFC 2427, or an EtherType as Cisco sends it.
    fn frame_relay<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let mut address = part.u8()?;
        while address & LAST_ADDRESS_BYTE == 0 {
            address = part.u8()?;
        }
        match part.array()? {
            [UNNUMBERED, NLPID_IPV4] => self.ipv4(part, path),
            [UNNUMBERED, NLPID_IPV6] => self.ipv6(part, path),
            [UNNUMBERED, NLPID_SNAP] => self.snap(part, path),
            [UNNUMBERED, 0] if part.u8()? == NLPID_SNAP => self.snap(part, path),
            [UNNUMBERED, _] => Err(Skip::Family.into()),
            kind => self.ether(u16::from_be_bytes(kind), part, path),
        }
    }
}

/// The least value of an EtherType; below are lengths (IEEE 802.3, 3.2.6).
pub(super) const MIN_ETHER_TYPE: u16 = 0x0600;

/// The HDLC control byte of an unnumbered frame, in LLC and frame relay alike.
pub(super) const UNNUMBERED: u8 = 0x03;

const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const PPP: u16 = 9;
const RAW_BSD: u16 = 12;
const RAW_OPENBSD: u16 = 14;
const PPP_HDLC: u16 = 50;
const PPPOE: u16 = 51;
const RAW: u16 = 101;
const CISCO_HDLC: u16 = 104;
const FRAME_RELAY: u16 = 107;
const LOOP: u16 = 108;
const LINUX_COOKED: u16 = 113;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const LINUX_COOKED_V2: u16 = 276;

const AF_INET: u32 = 2;
const AF_INET6_LINUX: u32 = 10;
const AF_INET6_WINDOWS: u32 = 23;
const AF_INET6_BSD: u32 = 24;
const AF_INET6_FREEBSD: u32 = 28;
const AF_INET6_DARWIN: u32 = 30;

const ARPHRD_NETLINK: u16 = 824;
const COOKED_LLC: u16 = 0x0004;

const LAST_ADDRESS_BYTE: u8 = 0x01;
const NLPID_SNAP: u8 = 0x80;
const NLPID_IPV6: u8 = 0x8e;
const NLPID_IPV4: u8 = 0xcc;
