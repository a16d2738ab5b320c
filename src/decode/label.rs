//! The encapsulation around a segment.

/// The encapsulation around a segment's inner addresses; kept as a label, never part of a flow's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The innermost 802.1Q VLAN id outside any tunnel, if tagged. Id 0 is a priority, not a VLAN.
    pub vlan: Option<u16>,
    /// The tunnels that were taken off, as a set of `Label::…` bits.
    pub tunnels: u16,
}

impl Label {
    /// More than one VLAN tag in a row, outside any tunnel (IEEE 802.1ad).
    pub const QINQ: u16 = 1 << 0;
    /// MPLS labels, RFC 3032, with or without a pseudowire, RFC 4448.
    pub const MPLS: u16 = 1 << 1;
    /// PPP over Ethernet, RFC 2516.
    pub const PPPOE: u16 = 1 << 2;
    /// Provider backbone bridging (IEEE 802.1ah).
    pub const PBB: u16 = 1 << 3;
    /// GRE, RFC 2784 and 2890, NVGRE (RFC 7637) included.
    pub const GRE: u16 = 1 << 4;
    /// A mirrored frame: ERSPAN I, II or III; always together with [`Label::GRE`].
    pub const ERSPAN: u16 = 1 << 5;
    /// PPP in GRE version 1, RFC 2637; always together with [`Label::GRE`].
    pub const PPTP: u16 = 1 << 6;
    /// VXLAN, RFC 7348.
    pub const VXLAN: u16 = 1 << 7;
    /// GENEVE, RFC 8926.
    pub const GENEVE: u16 = 1 << 8;
    /// IPv4 in IPv4 or IPv6, or IPv6 in IPv6; RFC 2003, 2473.
    pub const IP_IN_IP: u16 = 1 << 9;
    /// IPv6 in IPv4, RFC 4213.
    pub const SIX_IN_FOUR: u16 = 1 << 10;
    /// Ethernet in IP, RFC 3378.
    pub const ETHERIP: u16 = 1 << 11;
    /// GTP user plane, 3GPP TS 29.281.
    pub const GTP: u16 = 1 << 12;

    /// The names of the tunnels, in the order of their bits.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .iter()
            .filter(move |(bit, _)| self.tunnels & bit != 0)
            .map(|&(_, name)| name)
    }

    /// Whether a tag that comes next is outside every tunnel.
    const fn is_outermost(self) -> bool {
        self.tunnels & !Self::QINQ == 0
    }

    /// The label behind one more VLAN tag.
    pub(super) fn tagged(mut self, control: u16) -> Self {
        let id = control & VLAN_ID;
        if id == 0 || !self.is_outermost() {
            return self;
        }
        if self.vlan.replace(id).is_some() {
            self.tunnels |= Self::QINQ;
        }
        self
    }
}

const VLAN_ID: u16 = 0x0fff;

const NAMES: [(u16, &str); 13] = [
    (Label::QINQ, "qinq"),
    (Label::MPLS, "mpls"),
    (Label::PPPOE, "pppoe"),
    (Label::PBB, "pbb"),
    (Label::GRE, "gre"),
    (Label::ERSPAN, "erspan"),
    (Label::PPTP, "pptp"),
    (Label::VXLAN, "vxlan"),
    (Label::GENEVE, "geneve"),
    (Label::IP_IN_IP, "ip-in-ip"),
    (Label::SIX_IN_FOUR, "6in4"),
    (Label::ETHERIP, "etherip"),
    (Label::GTP, "gtp"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_bits() {
        let label = Label {
            vlan: None,
            tunnels: Label::VXLAN | Label::QINQ,
        };
        assert_eq!(label.names().collect::<Vec<_>>(), ["qinq", "vxlan"]);
        let all = NAMES.iter().fold(0, |bits, (bit, _)| bits | bit);
        assert_eq!(all.count_ones() as usize, NAMES.len());
    }

    #[test]
    fn the_innermost_tag_outside_tunnels_wins() {
        let cases: [(&[u16], u16, Option<u16>, u16); 5] = [
            (&[], 0, None, 0),
            (&[0x6005], 0, Some(5), 0),
            (&[7, 9], 0, Some(9), Label::QINQ),
            (&[7, 0xe000], 0, Some(7), 0),
            (&[7], Label::VXLAN, None, Label::VXLAN),
        ];
        for (tags, tunnels, vlan, expected) in cases {
            let start = Label {
                vlan: None,
                tunnels,
            };
            let label = tags.iter().fold(start, |label, &tag| label.tagged(tag));
            assert_eq!((label.vlan, label.tunnels), (vlan, expected), "{tags:?}");
        }
    }
}
