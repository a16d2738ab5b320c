//! How many bytes the messages have that matter here, as they follow from their fields (RFC 4252, RFC 4254, and
//! OpenSSH's `PROTOCOL`). No text of a message is ever seen: it is encrypted.

use std::ops::RangeInclusive;

/// `SSH_MSG_USERAUTH_SUCCESS`, and the answer to a global request that asks for no port.
pub const BARE: u32 = 1;
/// The answer to a global request that asked for a port, and anything that names a channel alone: success or failure of a
/// request in it, its end of file, its close.
pub const NUMBERED: u32 = 5;
/// `SSH_MSG_SERVICE_REQUEST` and its acceptance, for `ssh-userauth`.
pub const SERVICE: u32 = 17;
/// `SSH_MSG_EXT_INFO` of OpenSSH's client, with `ext-info-in-auth@openssh.com` (RFC 8308).
pub const EXTENSIONS_OF_CLIENT: u32 = 42;
/// `SSH_MSG_USERAUTH_REQUEST` with the method `none`, for a user whose name has one to 32 characters.
pub const METHODS: RangeInclusive<u32> = 32..=63;
/// `SSH_MSG_CHANNEL_OPEN_CONFIRMATION`.
pub const CONFIRMATION: u32 = 17;
/// `SSH_MSG_CHANNEL_OPEN` of a session.
pub const SESSION: u32 = 24;
/// The global request `no-more-sessions@openssh.com`.
pub const NO_MORE_SESSIONS: u32 = 34;
/// The global request `keepalive@openssh.com`.
pub const KEEPALIVE: u32 = 27;
/// The channel request `keepalive@openssh.com`, with which OpenSSH's server asks.
pub const CHANNEL_KEEPALIVE: u32 = 31;
/// The global request `tcpip-forward`, for an address of no to 45 characters.
pub const FORWARD: RangeInclusive<u32> = 27..=72;
/// `SSH_MSG_CHANNEL_OPEN` of `tun@openssh.com`.
pub const TUN: u32 = 40;
/// `SSH_MSG_CHANNEL_OPEN` of `direct-tcpip`, for a host of one to some sixty characters and an originator written as an
/// address.
pub const DIRECT: RangeInclusive<u32> = 55..=140;
/// `SSH_MSG_CHANNEL_OPEN` of `forwarded-tcpip`, likewise.
pub const FORWARDED: RangeInclusive<u32> = 55..=132;
/// What `SSH_MSG_CHANNEL_DATA` puts before the data.
pub const DATA: u32 = 9;
/// `SSH_MSG_CHANNEL_DATA` of a key that was pressed.
pub const KEYSTROKE: u32 = DATA + 1;
/// The packet `SSH_MSG_NEWKEYS`, which is not encrypted yet.
pub const NEWKEYS_PACKET: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of a message number, some 32-bit numbers and some strings.
    fn message(numbers: usize, flags: usize, strings: &[&str]) -> u32 {
        let strings: usize = strings.iter().map(|text| 4 + text.len()).sum();
        (1 + 4 * numbers + flags + strings) as u32
    }

    #[test]
    fn sizes_follow_from_the_fields() {
        let local = "127.0.0.1";
        let cases = [
            (SERVICE, message(0, 0, &["ssh-userauth"])),
            (CONFIRMATION, message(4, 0, &[])),
            (NUMBERED, message(1, 0, &[])),
            (SESSION, message(3, 0, &["session"])),
            (
                NO_MORE_SESSIONS,
                message(0, 1, &["no-more-sessions@openssh.com"]),
            ),
            (KEEPALIVE, message(0, 1, &["keepalive@openssh.com"])),
            (CHANNEL_KEEPALIVE, message(1, 1, &["keepalive@openssh.com"])),
            (*FORWARD.start(), message(1, 1, &["tcpip-forward", ""])),
            (TUN, message(5, 0, &["tun@openssh.com"])),
            (
                *DIRECT.start(),
                message(5, 0, &["direct-tcpip", "a", local]),
            ),
            (DATA, message(1, 0, &[""])),
            (
                EXTENSIONS_OF_CLIENT,
                message(1, 0, &["ext-info-in-auth@openssh.com", "0"]),
            ),
            (
                *METHODS.start(),
                message(0, 0, &["u", "ssh-connection", "none"]),
            ),
        ];
        for (size, fields) in cases {
            assert_eq!(size, fields);
        }
        let forwarded = message(5, 0, &["forwarded-tcpip", "localhost", local]);
        assert!(FORWARDED.contains(&forwarded));
        let direct = message(
            5,
            0,
            &[
                "direct-tcpip",
                "2001:db8:1234:5678:9abc:def0:1234:5678",
                "::1",
            ],
        );
        assert!(DIRECT.contains(&direct));
    }
}
