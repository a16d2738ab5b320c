//! Tunnels: how they are announced, and those that need no file of their own.

use super::label::Label;
use super::link::MIN_ETHER_TYPE;
use super::network::Version;
use super::outcome::{Drop, Skip};
use super::part::Part;
use super::segment::Transport;
use super::walk::{Path, Walk, Walked};

/// A tunnel, as the header before it announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tunnel {
    /// An IPv4 packet, RFC 2003.
    Ipv4,
    /// An IPv6 packet in an IPv6 packet, RFC 2473.
    Ipv6,
    /// An IPv6 packet in an IPv4 packet, RFC 4213.
    SixInFour,
    /// GRE, RFC 2784.
    Gre,
    /// Ethernet in IP, RFC 3378.
    EtherIp,
    /// VXLAN, RFC 7348.
    Vxlan,
    /// VXLAN with a protocol field, draft-ietf-nvo3-vxlan-gpe.
    VxlanGpe,
    /// GENEVE, RFC 8926.
    Geneve,
    /// GTP user plane, 3GPP TS 29.281.
    Gtp,
}

impl Tunnel {
    /// The tunnel that an IP header's protocol announces.
    pub(super) fn of_transport(transport: Transport, outer: Version) -> Option<Self> {
        match (transport, outer) {
            (IPV4, _) => Some(Self::Ipv4),
            (IPV6, Version::V4) => Some(Self::SixInFour),
            (IPV6, Version::V6) => Some(Self::Ipv6),
            (Transport::GRE, _) => Some(Self::Gre),
            (ETHERIP, _) => Some(Self::EtherIp),
            _ => None,
        }
    }

    /// The tunnel that a UDP destination port suggests; its header has to agree.
    pub(super) const fn of_port(destination: u16) -> Option<Self> {
        match destination {
            VXLAN_PORT | VXLAN_PORT_LINUX => Some(Self::Vxlan),
            VXLAN_GPE_PORT => Some(Self::VxlanGpe),
            GENEVE_PORT => Some(Self::Geneve),
            GTP_PORT => Some(Self::Gtp),
            _ => None,
        }
    }
}

impl Walk<'_> {
    /// What a tunnel carries.
    #[cold]
    pub(super) fn tunnel<'p>(&mut self, tunnel: Tunnel, part: Part<'p>, path: Path) -> Walked<'p> {
        match tunnel {
            Tunnel::Ipv4 => self.ipv4(part, path.into_tunnel(Label::IP_IN_IP)?),
            Tunnel::Ipv6 => self.ipv6(part, path.into_tunnel(Label::IP_IN_IP)?),
            Tunnel::SixInFour => self.ipv6(part, path.into_tunnel(Label::SIX_IN_FOUR)?),
            Tunnel::Gre => self.gre(part, path.into_tunnel(Label::GRE)?),
            Tunnel::EtherIp => self.etherip(part, path.into_tunnel(Label::ETHERIP)?),
            Tunnel::Vxlan => self.vxlan(part, path.into_tunnel(Label::VXLAN)?),
            Tunnel::VxlanGpe => self.vxlan_gpe(part, path.into_tunnel(Label::VXLAN)?),
            Tunnel::Geneve => self.geneve(part, path.into_tunnel(Label::GENEVE)?),
            Tunnel::Gtp => self.gtp(part, path.into_tunnel(Label::GTP)?),
        }
    }

    /// A packet of the protocol that GRE or GENEVE names by EtherType.
    pub(super) fn tunnelled<'p>(&mut self, kind: u16, part: Part<'p>, path: Path) -> Walked<'p> {
        match kind {
            ETHERNET => self.ethernet(part, path),
            MIN_ETHER_TYPE.. => self.ether(kind, part, path),
            _ => Err(Skip::EtherType.into()),
        }
    }

    fn etherip<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        if part.u16()? != ETHERIP_VERSION {
            return Err(Drop::HeaderLength.into());
        }
        self.ethernet(part, path)
    }
}

const IPV4: Transport = Transport(4);
const IPV6: Transport = Transport(41);
const ETHERIP: Transport = Transport(97);

const VXLAN_PORT: u16 = 4789;
const VXLAN_GPE_PORT: u16 = 4790;
/// The port of Linux and flannel before RFC 7348 had one.
const VXLAN_PORT_LINUX: u16 = 8472;
const GENEVE_PORT: u16 = 6081;
const GTP_PORT: u16 = 2152;

/// The UDP ports to which datagrams go that may carry other packets.
pub const TUNNEL_PORTS: [u16; 5] = [
    VXLAN_PORT,
    VXLAN_PORT_LINUX,
    VXLAN_GPE_PORT,
    GENEVE_PORT,
    GTP_PORT,
];

const ETHERIP_VERSION: u16 = 0x3000;
/// The EtherType of transparent Ethernet bridging.
const ETHERNET: u16 = 0x6558;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_tunnels_are_all_there_are() {
        let mut ports = TUNNEL_PORTS;
        ports.sort_unstable();
        let tunnels = (0..=u16::MAX).filter(|port| Tunnel::of_port(*port).is_some());
        assert_eq!(tunnels.collect::<Vec<_>>(), ports);
    }
}
