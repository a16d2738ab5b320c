//! Ethernet: VLAN tags, EtherTypes, IEEE 802.2.

use super::label::Label;
use super::link::{MIN_ETHER_TYPE, UNNUMBERED};
use super::outcome::{Drop, Skip};
use super::part::Part;
use super::walk::{Path, Walk, Walked};

impl Walk<'_> {
    /// An Ethernet frame from its destination address on.
    #[inline(always)]
    pub(super) fn ethernet<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let [.., high, low] = part.array::<HEADER>()?;
        let kind = u16::from_be_bytes([high, low]);
        match kind {
            IPV4 => self.ipv4(part, path),
            IPV6 => self.ipv6(part, path),
            ..MIN_ETHER_TYPE => self.llc(part.at_most(kind.into()), path),
            _ => self.ether(kind, part, path),
        }
    }

    /// What follows the EtherType `kind`.
    pub(super) fn ether<'p>(
        &mut self,
        kind: u16,
        mut part: Part<'p>,
        mut path: Path,
    ) -> Walked<'p> {
        match untagged(kind, &mut part, &mut path)? {
            IPV4 => self.ipv4(part, path),
            IPV6 => self.ipv6(part, path),
            ARP | RARP => Err(Skip::Arp.into()),
            MPLS | MPLS_UPSTREAM => self.mpls(part, path),
            PPPOE_SESSION => self.pppoe(part, path),
            PPPOE_DISCOVERY => Err(Skip::Ppp.into()),
            PPP => self.ppp(part, path),
            PBB => self.backbone(part, path),
            length @ ..MIN_ETHER_TYPE => {
                self.llc(part.at_most(length.into()), path.into_tunnel(0)?)
            }
            _ => Err(Skip::EtherType.into()),
        }
    }

    /// IEEE 802.2, of which only IP and SNAP (RFC 1042) lead on.
    pub(super) fn llc<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        match part.array()? {
            [SAP_SNAP, SAP_SNAP, UNNUMBERED] => self.snap(part, path),
            [SAP_IP, SAP_IP, UNNUMBERED] => self.ipv4(part, path),
            _ => Err(Skip::Llc.into()),
        }
    }

    /// SNAP: an organisation and, where that is none or "bridged Ethernet", an EtherType.
    pub(super) fn snap<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let organisation: [u8; 3] = part.array()?;
        let kind = part.u16()?;
        match organisation {
            OUI_ETHERNET | OUI_BRIDGE if kind >= MIN_ETHER_TYPE => self.ether(kind, part, path),
            _ => Err(Skip::Llc.into()),
        }
    }

    /// The service tag of IEEE 802.1ah and the customer's frame behind it.
    fn backbone<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        part.skip(4)?;
        self.ethernet(part, path.into_tunnel(Label::PBB)?)
    }
}

/// Whether an EtherType makes it likely that the bytes before it are an Ethernet header.
pub(super) const fn is_familiar(kind: u16) -> bool {
    matches!(kind, IPV4 | IPV6 | ARP | MPLS | PPPOE_SESSION) || is_tag(kind)
}

/// Takes off the VLAN tags and gives the EtherType behind them.
fn untagged(mut kind: u16, part: &mut Part<'_>, path: &mut Path) -> Result<u16, Drop> {
    let mut tags = 0;
    while is_tag(kind) {
        if tags == MAX_TAGS {
            return Err(Drop::TooDeep);
        }
        path.label = path.label.tagged(part.u16()?);
        kind = part.u16()?;
        tags += 1;
    }
    Ok(kind)
}

const fn is_tag(kind: u16) -> bool {
    matches!(kind, VLAN | PROVIDER | QINQ_9100 | QINQ_9200)
}

const MAX_TAGS: usize = 8;

/// Destination address, source address, EtherType.
const HEADER: usize = 14;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
const VLAN: u16 = 0x8100;
const IPV6: u16 = 0x86dd;
const PPP: u16 = 0x880b;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_DISCOVERY: u16 = 0x8863;
const PPPOE_SESSION: u16 = 0x8864;
const PROVIDER: u16 = 0x88a8;
const PBB: u16 = 0x88e7;
const QINQ_9100: u16 = 0x9100;
const QINQ_9200: u16 = 0x9200;

const SAP_IP: u8 = 0x06;
const SAP_SNAP: u8 = 0xaa;
const OUI_ETHERNET: [u8; 3] = [0, 0, 0];
const OUI_BRIDGE: [u8; 3] = [0, 0, 0xf8];
