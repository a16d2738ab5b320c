//! Made packets for tests.

/// The body of a KEXINIT behind its kind, with ten name-lists.
pub(crate) fn payload(lists: &[&str]) -> Vec<u8> {
    let mut payload = b"sixteen cookies!".to_vec();
    for list in lists {
        payload.extend((list.len() as u32).to_be_bytes());
        payload.extend(list.bytes());
    }
    payload.extend([0; 5]);
    payload
}

/// A KEXINIT packet with four bytes of padding or more.
pub(crate) fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (6 + payload.len() + 4) % 8) % 8;
    let mut packet = ((2 + payload.len() + padding) as u32)
        .to_be_bytes()
        .to_vec();
    packet.extend([padding as u8, 20]);
    packet.extend(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}
