//! The first packets of OpenVPN over TCP: the only ones that can be told from any others.
//!
//! A packet is its length in two bytes, an opcode in five bits, the number of a key in three, and the sender's session
//! (OpenVPN protocol, "TCP/UDP packet format"; draft-openvpn-openvpn-protocol, section 4). Control channel encryption
//! leaves these as they are.

use super::Side;
use super::cursor::Cursor;

/// Whether a payload is the packet by which a side opens a session. It stands alone: its sender waits for the other side.
pub fn opens(side: Side, payload: &[u8], sent_bytes: u32) -> bool {
    let opcodes = match side {
        Side::Client => CLIENT_RESETS,
        Side::Server => SERVER_RESETS,
    };
    reset(payload, sent_bytes).is_some_and(|opcode| opcodes.contains(&opcode))
}

/// The opcode and key of the one packet of a payload.
fn reset(payload: &[u8], sent_bytes: u32) -> Option<u8> {
    let mut cursor = Cursor::new(payload);
    let bytes = cursor.u16()?;
    let opcode = cursor.u8()?;
    let is_alone = u32::from(bytes).checked_add(2) == Some(sent_bytes);
    (is_alone && bytes >= SHORTEST).then_some(opcode)
}

/// `P_CONTROL_HARD_RESET_CLIENT_V2` and `_V3`, for key 0.
const CLIENT_RESETS: &[u8] = &[7 << 3, 10 << 3];

/// `P_CONTROL_HARD_RESET_SERVER_V2`, for key 0.
const SERVER_RESETS: &[u8] = &[8 << 3];

/// Opcode, session, an empty list of acknowledgements, and the number of the packet.
const SHORTEST: u16 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &[u8] = b"\0\x0e\x38\x5b\x4a\xc0\x9d\x31\x88\xf2\x17\0\0\0\0\0";

    #[test]
    fn a_reset_that_stands_alone_opens_a_session() {
        let with = |at: usize, to: u8| {
            let mut payload = CLIENT.to_vec();
            payload[at] = to;
            payload
        };
        let cases = [
            ("a client", CLIENT.to_vec(), 16, Side::Client, true),
            (
                "a client with a key of its own",
                with(2, 0x50),
                16,
                Side::Client,
                true,
            ),
            ("a server", with(2, 0x40), 16, Side::Server, true),
            (
                "a client's as a server's",
                CLIENT.to_vec(),
                16,
                Side::Server,
                false,
            ),
            ("data", with(2, 0x48), 16, Side::Client, false),
            ("another key", with(2, 0x39), 16, Side::Client, false),
            ("more behind it", CLIENT.to_vec(), 17, Side::Client, false),
            ("cut", CLIENT[..3].to_vec(), 16, Side::Client, true),
            (
                "cut before it tells",
                CLIENT[..2].to_vec(),
                16,
                Side::Client,
                false,
            ),
            ("too short", with(1, 9), 11, Side::Client, false),
            ("nothing", Vec::new(), 0, Side::Client, false),
        ];
        for (name, payload, sent, side, expected) in cases {
            assert_eq!(opens(side, &payload, sent), expected, "{name}");
        }
    }
}
