//! # bind-shell
//!
//! A host gives whoever calls one of its ports a command shell.
//!
//! ## Sees
//!
//! Shells in the clear, shown by the side that was called, on any port, also through SOCKS or CONNECT, and over UDP:
//! the same prompts, banners, complaints and answers as reverse-shell. A stage, the program that a stager waits for:
//! its length, the lowest byte first, and then a library that loads itself, or code that begins as Metasploit's does,
//! sent by the side that opened the connection.
//!
//! ## Means
//!
//! *proven* (high): a prompt or banner on one side, and a command on the other with its answer, or with the next
//! prompt behind it. *probable* (high): a prompt or banner and known commands whose answers were not recognised;
//! answers that fit the commands without a prompt; a stage that is code from its first byte; all that was picked up in
//! its middle, and all over UDP. *possible* (low): a banner or prompt and one side only, or words that are no known
//! commands; two known commands and no answer; what `id` prints, where the other side is not in the capture; a length
//! and an ordinary program.
//!
//! ## Quiet when
//!
//! The called side negotiates telnet, or asks for a login, or begins as another protocol does. A session that was
//! picked up in its middle on a port of telnet or rlogin: its beginning would have told. Over UDP, only one side
//! speaks. A file with prompts in it is fetched by a side that says nothing. The shell comes out of a WebSocket, as
//! the terminals of web applications do.
//!
//! ## Misses
//!
//! Shells inside TLS or any encryption, and in a WebSocket. Prompts that somebody made up, where no line editor shows
//! them, or no command of the table is given in the first 2 KiB. Over UDP, shells to which something else than a whole
//! command is said first. A console server that hands out a root prompt without a login looks the same, and is no
//! better.

use super::shell;
use crate::evidence::Evidence;
use crate::facts::FlowFacts;
use crate::proto::Side;

/// The detector's name.
pub const NAME: &str = "bind-shell";

/// Looks for a shell that the called side shows; the surest one speaks for the flow.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
    let shown = shell::shown_by(Side::Server, facts)?;
    let may_have_logged_in = facts.quality.midstream && LOGIN_PORTS.contains(&facts.server.port);
    let is_of_the_web = shell::through(facts, shown.layer) == Some(WEBSOCKET);
    (!may_have_logged_in && !is_of_the_web).then(|| shell::evidence(NAME, facts, shown))
}

const WEBSOCKET: &str = "websocket";
/// Telnet, rlogin and rsh, telnet over TLS before it was turned off, and telnet where 23 is taken.
const LOGIN_PORTS: [u16; 5] = [23, 513, 514, 992, 2323];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::reverse_shell;
    use crate::evidence::Certainty::{self, Probable, Proven};
    use crate::facts::samples::spoken;

    #[test]
    fn what_is_shown_and_told_decides() {
        let cases: [(&[u8], &[u8], Option<Certainty>); 7] = [
            (b"id\n", b"me@vm:/$ id\nuid=0(root)\n", Some(Proven)),
            (b"whoami\n", b"vagrant\n", Some(Probable)),
            (b"id\n", b"uid=0(root) gid=0(root)\n", Some(Probable)),
            (b"ls\n", b"me@vm:/$ ", Some(Probable)),
            (b"\0\x76\x0b\0MZRE", b"", Some(Probable)),
            (b"", b"\xff\xfd\x18\xff\xfd\x20login: ", None),
            (b"ls\n", b"220 a.test FTP\r\n", None),
        ];
        for (client, server, certainty) in cases {
            let facts = spoken(client, server);
            let found = inspect(&facts).map(|evidence| evidence.certainty);
            assert_eq!(found, certainty, "{client:?} {server:?}");
            assert!(reverse_shell::inspect(&facts).is_none());
        }
    }

    #[test]
    fn a_middle_on_a_port_of_telnet_is_left_alone() {
        let cases = [
            (23, true, None),
            (23, false, Some(Proven)),
            (4444, true, Some(Probable)),
        ];
        for (port, midstream, certainty) in cases {
            let mut facts = spoken(b"id\n", b"me@vm:/$ id\nuid=0(root)\n");
            facts.server.port = port;
            facts.quality.midstream = midstream;
            let found = inspect(&facts).map(|evidence| evidence.certainty);
            assert_eq!(found, certainty, "{port} {midstream}");
        }
    }

    #[test]
    fn a_terminal_in_a_websocket_is_left_alone() {
        let asks =
            b"GET /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let answers = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let client = [&asks[..], b"\x82\x83\0\0\0\0id\n"].concat();
        let server = [&answers[..], b"\x82\x18me@vm:/$ id\r\nuid=0(x)\r\n$ "].concat();
        let facts = spoken(&client, &server);
        assert!(shell::shown_by(Side::Server, &facts).is_some());
        assert!(inspect(&facts).is_none());
    }
}
