//! Frames made by hand.

use etherparse::PacketBuilder;

pub(super) const ETHERNET: u16 = 1;
pub(super) const RAW: u16 = 101;

/// What the usual segment carries.
pub(super) const HELLO: &[u8] = b"hello";

/// A frame with the usual segment: name, link type, bytes, VLAN, names of the tunnels.
pub(super) type Case = (&'static str, u16, Vec<u8>, Option<u16>, &'static str);

/// Frames of every encapsulation, all with one segment inside.
pub(super) fn good_frames() -> Vec<Case> {
    [
        links(),
        tags_and_labels(),
        gre_tunnels(),
        other_tunnels(),
        extensions(),
    ]
    .concat()
}

#[rustfmt::skip]
fn links() -> Vec<Case> {
    let (four, six) = (four(), six());
    let cooked = [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 8, 0], &four[..]].concat();
    let cooked_v2 = [&[0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6], &[0; 8][..], &six].concat();
    let relayed = behind(&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 0x86, 0xdd], &six);
    let pppoe = behind(&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &four);
    let snap = llc(&behind(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &four));
    vec![
        ("null, little endian", 0, behind(&[2, 0, 0, 0], &four), None, ""),
        ("null, big endian", 0, behind(&[0, 0, 0, 2], &four), None, ""),
        ("null, darwin", 0, behind(&[30, 0, 0, 0], &six), None, ""),
        ("null, freebsd", 0, behind(&[0, 0, 0, 28], &six), None, ""),
        ("null, linux", 0, behind(&[10, 0, 0, 0], &six), None, ""),
        ("loop", 108, behind(&[0, 0, 0, 24], &six), None, ""),
        ("ethernet 4", ETHERNET, ethernet(0x0800, &four), None, ""),
        ("ethernet 6", ETHERNET, ethernet(0x86dd, &six), None, ""),
        ("llc", ETHERNET, llc(&behind(&[6, 6, 3], &four)), None, ""),
        ("snap", ETHERNET, snap, None, ""),
        ("ppp", 9, behind(&[0xff, 3, 0, 0x21], &four), None, ""),
        ("ppp, compressed", 9, behind(&[0x57], &six), None, ""),
        ("ppp, hdlc", 50, behind(&[0xff, 3, 0, 0x57], &six), None, ""),
        ("ppp, cisco", 50, behind(&[0x0f, 0, 8, 0], &four), None, ""),
        ("cisco hdlc", 104, behind(&[0x8f, 0, 0x86, 0xdd], &six), None, ""),
        ("frame relay", 107, behind(&[0x18, 0x41, 3, 0xcc], &four), None, ""),
        ("frame relay, cisco", 107, behind(&[0x18, 0x41, 8, 0], &four), None, ""),
        ("frame relay, snap", 107, relayed, None, ""),
        ("raw 4", RAW, four.clone(), None, ""),
        ("raw 6", RAW, six.clone(), None, ""),
        ("raw, bsd", 12, four.clone(), None, ""),
        ("raw, openbsd", 14, six.clone(), None, ""),
        ("cooked", 113, cooked, None, ""),
        ("cooked, version 2", 276, cooked_v2, None, ""),
        ("ipv4", 228, four, None, ""),
        ("ipv6", 229, six, None, ""),
        ("pppoe", 51, pppoe, None, "pppoe"),
    ]
}

#[rustfmt::skip]
fn tags_and_labels() -> Vec<Case> {
    let (four, six) = (four(), six());
    let inner = ethernet(0x0800, &four);
    let alike = behind(&[0x44, 0x55, 0x66], &inner[3..]);
    let labelled = |payload: &[u8]| ethernet(0x8847, &behind(&[0, 1, 0, 64, 0, 2, 1, 64], payload));
    let tags = behind(&[0x60, 5, 0x81, 0, 0, 7, 0x86, 0xdd], &six);
    let pppoe = behind(&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &four);
    vec![
        ("vlan", ETHERNET, ethernet(0x8100, &behind(&[0x60, 5, 8, 0], &four)), Some(5), ""),
        ("priority tag", ETHERNET, ethernet(0x8100, &behind(&[0x60, 0, 8, 0], &four)), None, ""),
        ("qinq", ETHERNET, ethernet(0x88a8, &tags), Some(7), "qinq"),
        ("qinq, 9100", ETHERNET, ethernet(0x9100, &tags), Some(7), "qinq"),
        ("mpls 4", ETHERNET, labelled(&four), None, "mpls"),
        ("mpls 6", ETHERNET, labelled(&six), None, "mpls"),
        ("pseudowire", ETHERNET, labelled(&inner), None, "mpls"),
        ("pseudowire, control word", ETHERNET, labelled(&behind(&[0; 4], &inner)), None, "mpls"),
        ("pseudowire, address like ipv4", ETHERNET, labelled(&alike), None, "mpls"),
        ("pppoe", ETHERNET, ethernet(0x8864, &pppoe), None, "pppoe"),
        ("pbb", ETHERNET, ethernet(0x88e7, &behind(&[0; 4], &inner)), None, "pbb"),
    ]
}

#[rustfmt::skip]
fn gre_tunnels() -> Vec<Case> {
    let (four, six) = (four(), six());
    let inner = ethernet(0x0800, &four);
    let tagged = ethernet(0x8100, &behind(&[0, 9, 8, 0], &four));
    let full = [0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1];
    let erspan_ii = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 0, 0, 0, 0, 0];
    let erspan_iii = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let plain = behind(&[0, 0], &inner);
    let long = behind(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &inner);
    let no_ethernet = behind(&[0x08, 0], &four);
    let pptp = [0x30, 0x81, 0x88, 0x0b, 0, 49, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
    vec![
        ("gre 4", RAW, gre(&[0, 0, 8, 0], &four), None, "gre"),
        ("gre 6", RAW, gre(&[0, 0, 0x86, 0xdd], &six), None, "gre"),
        ("gre, all fields", RAW, gre(&full, &four), None, "gre"),
        ("nvgre", RAW, gre(&[0x20, 0, 0x65, 0x58, 0, 0, 1, 0], &tagged), None, "gre"),
        ("erspan i", RAW, gre(&[0, 0, 0x88, 0xbe], &inner), None, "gre+erspan"),
        ("erspan ii", RAW, gre(&erspan_ii, &tagged), None, "gre+erspan"),
        ("erspan iii", RAW, gre(&erspan_iii, &plain), None, "gre+erspan"),
        ("erspan iii, subheader", RAW, gre(&erspan_iii, &long), None, "gre+erspan"),
        ("erspan iii, ip", RAW, gre(&erspan_iii, &no_ethernet), None, "gre+erspan"),
        ("wccp 1", RAW, gre(&[0, 0, 0x88, 0x3e], &four), None, "gre"),
        ("wccp 2", RAW, gre(&[0, 0, 0x88, 0x3e, 0, 0, 0, 0], &four), None, "gre"),
        ("pptp", RAW, gre(&pptp, &four), None, "gre+pptp"),
        ("eoip", RAW, gre(&[0x20, 1, 0x64, 0, 0, 59, 7, 0], &inner), None, "gre"),
    ]
}

#[rustfmt::skip]
fn other_tunnels() -> Vec<Case> {
    let (four, six) = (four(), six());
    let inner = ethernet(0x0800, &four);
    let vxlan = udp(4_789, &behind(&[8, 0, 0, 0, 0, 0, 1, 0], &inner));
    let policy = behind(&[0x88, 0, 1, 2, 0, 0, 1, 0], &inner);
    let gpe = behind(&[0x0c, 0, 0, 2, 0, 0, 1, 0], &six);
    let geneve = behind(&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9], &inner);
    let geneve_six = behind(&[0, 0x40, 0x86, 0xdd, 0, 0, 1, 0], &six);
    let gtp = behind(&[0x34, 0xff, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 1, 0], &four);
    let tagged = behind(&[0, 3, 8, 0], &vxlan);
    let nested = gre(&[0, 0, 8, 0], &vxlan);
    let length = u8::try_from(nested.len() + 2).unwrap();
    let pppoe = behind(&[0x11, 0, 0, 1, 0, length, 0, 0x21], &nested);
    vec![
        ("ip in ip", RAW, ip_of(4, &four), None, "ip-in-ip"),
        ("6in4", RAW, ip_of(41, &six), None, "6in4"),
        ("6in6", RAW, behind(&six_header(41, 65), &six), None, "ip-in-ip"),
        ("4in6", RAW, behind(&six_header(4, 45), &four), None, "ip-in-ip"),
        ("etherip", RAW, ip_of(97, &behind(&[0x30, 0], &inner)), None, "etherip"),
        ("vxlan", RAW, vxlan, None, "vxlan"),
        ("vxlan in a vlan", ETHERNET, ethernet(0x8100, &tagged), Some(3), "vxlan"),
        ("vxlan, policy", RAW, udp(8_472, &policy), None, "vxlan"),
        ("vxlan-gpe", RAW, udp(4_790, &gpe), None, "vxlan"),
        ("geneve, options", RAW, udp(6_081, &geneve), None, "geneve"),
        ("geneve 6", RAW, udp(6_081, &geneve_six), None, "geneve"),
        ("gtp", RAW, udp(2_152, &gtp), None, "gtp"),
        ("vxlan in gre in pppoe", ETHERNET, ethernet(0x8864, &pppoe), None, "pppoe+gre+vxlan"),
    ]
}

#[rustfmt::skip]
fn extensions() -> Vec<Case> {
    let options = [6, 0, 1, 4, 0, 0, 0, 0];
    let mut signature = vec![6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    signature.extend([0; 12]);
    let chain = [60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 51, 0, 4, 0, 0, 0, 0, 0];
    let signed = behind(&signature, &four()[20..]);
    vec![
        ("hop by hop", RAW, six_with(0, &options), None, ""),
        ("a chain", RAW, six_with(0, &behind(&chain, &signature)), None, ""),
        ("a fragment alone", RAW, six_with(44, &[6, 0, 0, 0, 0, 0, 0, 1]), None, ""),
        ("authentication in ipv4", RAW, ip_of(51, &signed), None, ""),
    ]
}

/// An IPv4 packet with the TCP segment that every good frame below carries.
pub(super) fn four() -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [198, 51, 100, 2], 64)
        .tcp(40_000, 443, 1_000, 500)
        .psh()
        .ack(2_000)
        .write(&mut packet, HELLO)
        .unwrap();
    packet
}

/// The same in an IPv6 packet.
pub(super) fn six() -> Vec<u8> {
    let mut packet = six_header(6, 25);
    packet.extend(&four()[20..]);
    packet
}

pub(super) fn six_header(next: u8, length: u16) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, high, low, next, 64];
    header.extend([0x20; 32]);
    header
}

/// A packet of six() with `extensions` in front of its TCP header; `first` is the first one's protocol.
pub(super) fn six_with(first: u8, extensions: &[u8]) -> Vec<u8> {
    let tcp = &six()[40..];
    let length = u16::try_from(extensions.len() + tcp.len()).unwrap();
    [&six_header(first, length), extensions, tcp].concat()
}

pub(super) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .udp(5_000, port)
        .write(&mut packet, payload)
        .unwrap();
    packet
}

pub(super) fn ip_of(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .write(&mut packet, protocol.into(), payload)
        .unwrap();
    packet
}

pub(super) fn gre(header: &[u8], payload: &[u8]) -> Vec<u8> {
    ip_of(47, &[header, payload].concat())
}

pub(super) fn behind(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

pub(super) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[0x02; 12][..], &kind.to_be_bytes(), payload].concat()
}

/// An 802.3 frame.
pub(super) fn llc(payload: &[u8]) -> Vec<u8> {
    ethernet(u16::try_from(payload.len()).unwrap(), payload)
}

/// Cuts an IPv4 packet without options into fragments of `size` bytes.
pub(super) fn four_fragments(packet: &[u8], size: usize) -> Vec<Vec<u8>> {
    let payload = &packet[20..];
    let mut fragments = Vec::new();
    for (index, piece) in payload.chunks(size).enumerate() {
        let offset = index * size;
        let more = u16::from(offset + piece.len() < payload.len()) << 13;
        let mut fragment = [&packet[..20], piece].concat();
        let length = u16::try_from(fragment.len()).unwrap();
        let place = u16::try_from(offset / 8).unwrap() | more;
        fragment[2..4].copy_from_slice(&length.to_be_bytes());
        fragment[4..6].copy_from_slice(&[0, 7]);
        fragment[6..8].copy_from_slice(&place.to_be_bytes());
        fragments.push(fragment);
    }
    fragments
}

pub(super) fn six_fragments(packet: &[u8], size: usize) -> Vec<Vec<u8>> {
    let payload = &packet[40..];
    let mut fragments = Vec::new();
    for (index, piece) in payload.chunks(size).enumerate() {
        let offset = index * size;
        let more = u16::from(offset + piece.len() < payload.len());
        let place = u16::try_from(offset).unwrap() | more;
        let header = six_header(44, u16::try_from(piece.len() + 8).unwrap());
        let [high, low] = place.to_be_bytes();
        let fragment = [packet[6], 0, high, low, 0, 0, 0, 9];
        fragments.push([&header, &fragment[..], piece].concat());
    }
    fragments
}
