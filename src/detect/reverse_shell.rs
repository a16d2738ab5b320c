//! # reverse-shell
//!
//! A host connects out and gives whom it called a command shell.
//!
//! ## Sees
//!
//! Shells in the clear, shown by the side that opened the connection, on any port, also through SOCKS, CONNECT or a
//! WebSocket: prompts, banners and complaints of bash, dash, BusyBox, cmd.exe and PowerShell, with or without a
//! terminal, and commands that are answered as only a shell answers (`id` by `uid=…`), also behind prompts that
//! somebody made up, where a line editor shows them (readline, zsh and fish ask the terminal to bracket what is
//! pasted). The same over UDP, where the first datagram shows a prompt or a complaint, hands over to a line editor, or
//! is a command. A stage, the program that a stager calls out to fetch: its length, the lowest byte first, and then a
//! library that loads itself, or code that begins as Metasploit's does, sent by the called side before the opener says
//! anything.
//!
//! Inside TLS, who begins. Where the hello does not say what will be spoken (no ALPN, RFC 7301), exchanges are told
//! apart by silences of half a second. In a shell that calls out, the called side begins at least four in five of
//! them, with as little as a key or a command, and the opener answers.
//!
//! ## Means
//!
//! *proven* (high): a prompt or banner on one side, and a command on the other with its answer, or with the next
//! prompt behind it. *probable* (high): a prompt or banner and known commands whose answers were not recognised;
//! answers that fit the commands without a prompt; a stage that is code from its first byte; all that was picked up in
//! its middle, because who opened is then a guess, and all over UDP; eight such exchanges inside TLS, or six in all of
//! a session that is over, whose answers are longer than what was asked and vary by half their mean, after silences
//! that vary more than a timer's, with a server that the hello does not name. *possible* (low): a banner or prompt and
//! one side only, or words that are no known commands; the same inside TLS with a server that has a name, or at
//! a port of brokers, which push work; two known commands and no answer; what `id` prints, where the other side is not in
//! the capture; a length and an ordinary program.
//!
//! Where a relay is proven to pass the session on, both of its legs show the shell: it is told of the client of the first
//! leg alone, which has it.
//!
//! ## Quiet when
//!
//! The side that shows prompts is the one that was called: that is a bind-shell, or administration. The first bytes of
//! a side belong to another protocol: telnet, FTP, SMTP, IRC, POP and IMAP, Redis, HTTP, which speak in other words. A
//! file with prompts in it is sent to a side that says nothing. Over UDP, only one side is seen to speak. Inside TLS,
//! what the server sends is acknowledged by messages of one length, comes by a timer, or is as long as the requests of
//! a management service; or the client asks for the next job in the same words each time.
//!
//! ## Misses
//!
//! Shells inside SSH, QUIC, or TLS that speaks ALPN, or whose hello is not whole in the capture; those inside TLS with
//! fewer than six exchanges, picked up in their middle, or by a program that does not wait between commands. Programs
//! for remote control look the same inside TLS, and are no better where nobody approved them. Prompts that somebody
//! made up, where no line editor shows them, or no command of the table is given in the first 2 KiB. Over UDP, shells
//! without a prompt to which something else than a whole command is said first. Commands that come in one connection,
//! and answers that go in another. Stages of PHP, Python and Java, whose length is written the other way round, and
//! stages that are encoded. Sessions in which the side that was called begins with capitals, as no Unix command does.

use super::shell;
use crate::evidence::Evidence;
use crate::facts::FlowFacts;
use crate::proto::Side;

/// The detector's name.
pub const NAME: &str = "reverse-shell";

/// Looks for a shell that the opener shows; the surest one speaks for the flow.
pub fn inspect(facts: &FlowFacts) -> Option<Evidence> {
    let shown = shell::shown_by(Side::Client, facts)?;
    Some(shell::evidence(NAME, facts, shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bind_shell;
    use crate::evidence::Certainty::{self, Possible, Probable, Proven};
    use crate::evidence::Says;
    use crate::facts::samples::spoken;

    #[test]
    fn what_is_shown_and_told_decides() {
        let cases: [(&[u8], &[u8], Option<Certainty>); 13] = [
            (b"me@vm:/$ id\nuid=0(root)\n", b"id\n", Some(Proven)),
            (b"$ uid=0(root)\n$ ", b"id\n", Some(Proven)),
            (b"me@vm:/$ ", b"ls\n", Some(Probable)),
            (b"$ ", b"ls\n", Some(Possible)),
            (b"me@vm:/$ ", b"hello\n", Some(Possible)),
            (b"me@vm:/$ ", b"", Some(Possible)),
            (b"$ ", b"", None),
            (b"uid=0(root) gid=0(root)\n", b"id\n", Some(Probable)),
            (b"uid=0(root) gid=0(root)\n", b"", Some(Possible)),
            (b"", b"id\nls\n", Some(Possible)),
            (b"", b"\0\x76\x0b\0MZARU", Some(Probable)),
            (b"", b"\0\x76\x0b\0MZ\x90\0", Some(Possible)),
            (b"id\n", b"uid=0(root) gid=0(root)\n", None),
        ];
        for (client, server, certainty) in cases {
            let found = inspect(&spoken(client, server));
            let found = found.map(|evidence| evidence.certainty);
            assert_eq!(found, certainty, "{client:?} {server:?}");
        }
    }

    #[test]
    fn a_file_of_prompts_is_no_shell_and_a_middle_is_not_proven() {
        let mut facts = spoken(b"me@vm:/$ id\nuid=0(root)\n", b"");
        facts.quality.one_sided = false;
        assert!(inspect(&facts).is_none());
        let mut facts = spoken(b"uid=0(root) gid=0(root)\n", b"");
        facts.quality.one_sided = false;
        assert!(inspect(&facts).is_none());
        let mut facts = spoken(b"me@vm:/$ id\nuid=0(root)\n", b"id\n");
        facts.quality.midstream = true;
        assert_eq!(inspect(&facts).unwrap().certainty, Probable);
    }

    #[test]
    fn the_evidence_names_the_host_that_runs_the_shell_and_the_way() {
        let asks = b"CONNECT a.test:4444 HTTP/1.1\r\n\r\n";
        let client = [
            &asks[..],
            b"sh: 0: can't access tty; job control turned off\n$ uid=0(x)\n$ ",
        ]
        .concat();
        let facts = spoken(&client, b"HTTP/1.1 200 OK\r\n\r\nid\n");
        let evidence = inspect(&facts).unwrap();
        let Says::Shell(said) = evidence.says else {
            panic!("no shell");
        };
        assert_eq!(evidence.relay, evidence.session.client.address);
        assert_eq!((said.mark, said.through), ("shell-complaint", Some("http")));
        assert_eq!((said.family, said.reverse), (Some("unix"), true));
        assert!(bind_shell::inspect(&facts).is_none());
    }
}
