//! Command shells in the clear: what a shell shows of itself, and commands that are answered as only a shell answers.
//!
//! The side that shows prompts and answers is the protocol's server, whoever opened the connection; the side that gives
//! commands is its client. A shell either *announces* itself, by a prompt or a banner ([`marks`]), or it is *bare*: it
//! says nothing until it is told something, and is known by answers that fit the commands ([`commands`]).

pub mod commands;
pub mod lines;
pub mod marks;
pub mod stage;

use super::{Answer, End, Exchange, Need, Prefix, Reading};
use commands::Commands;
use lines::Lines;
use marks::{Mark, Start};

/// What was read of a shell's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell {
    /// What the shell showed first, if that announces one.
    pub mark: Option<Mark>,
    /// How far commands and answers were seen.
    pub spoken: Spoken,
}

/// What passed between both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoken {
    /// What a shell shows, and no command.
    Nothing,
    /// Commands whose answers were not recognised.
    Commands,
    /// A command, and what a shell answers to it.
    Answers,
}

/// Reads a session from its start.
pub fn parse(exchange: &Exchange<'_>) -> Answer<Shell> {
    let (operator, shell) = (exchange.client, exchange.server);
    if !commands::may_begin(operator.bytes) || !marks::may_begin(shell.bytes) {
        return Answer::No;
    }
    let glance = Told::new(Lines::shown, shell, GLANCE_BYTES);
    let goes_on = shell.is_open() || shell.bytes.len() > GLANCE_BYTES;
    let start = marks::start(&glance.lines, goes_on);
    let told = || Told::new(Lines::typed, operator, OPERATOR_BYTES);
    match start {
        Start::Foreign if !is_edited(shell.bytes) => Answer::No,
        Start::Announced(mark) => {
            announced(mark, &told(), &Told::new(Lines::shown, shell, SHELL_BYTES))
        }
        Start::Open if goes_on => wait(&told(), &glance),
        _ if begins_otherwise(operator) => Answer::No,
        Start::Bare | Start::Foreign => bare(&told(), &Told::new(Lines::shown, shell, BARE_BYTES)),
        Start::Open => silent(&told(), &glance),
    }
}

/// Whether datagrams that begin with this one may be a shell's session: it shows a mark, hands over to a line editor, or
/// gives a command. Asked of the first datagram of every flow, most of which are no text.
pub fn may_open(datagram: &[u8]) -> bool {
    let head = datagram.get(..GLANCE_BYTES).unwrap_or(datagram);
    if !head.iter().all(|&byte| lines::is_written(byte)) {
        return false;
    }
    let (shown, typed) = (|| Lines::shown(head, None), || Lines::typed(head, None));
    let is_announced = || matches!(marks::start(&shown(), true), Start::Announced(_));
    let is_shown = marks::may_begin(head) && (is_announced() || is_edited(head));
    is_shown || commands::may_begin(head) && Commands::of(&typed(), false).first == Some(true)
}

/// Whether a line editor takes over where a shell's side has said nothing that no shell says. Before each prompt, however
/// it is decorated, readline, zsh and fish ask the terminal to bracket what is pasted (xterm's private mode 2004).
fn is_edited(shell: &[u8]) -> bool {
    let glance = shell.get(..GLANCE_BYTES).unwrap_or(shell);
    let mut places = glance.windows(BRACKETED_PASTE.len());
    let place = places.position(|bytes| bytes == BRACKETED_PASTE);
    let before = place.and_then(|place| glance.get(..place));
    before.is_some_and(|before| marks::start(&Lines::shown(before, None), true) != Start::Foreign)
}

/// Whether the first line that a side gives is no command.
fn begins_otherwise(operator: Prefix<'_>) -> bool {
    let told = Told::new(Lines::typed, operator, GLANCE_BYTES);
    told.commands().first == Some(false)
}

/// Reads a session that was picked up in its middle, where neither side begins with what it first said.
pub fn pick_up(exchange: &Exchange<'_>) -> Answer<Shell> {
    let told = Told::text(Lines::typed, exchange.client);
    let commands = told.commands();
    if !commands.is_known_early && (!told.grows() || commands.lines >= commands::EARLY) {
        return Answer::No;
    }
    let shown = Told::text(Lines::shown, exchange.server);
    let prompts = shown.prompts();
    if prompts == 0 && !shown.grows() && shown.lines.complete().next().is_none() {
        return Answer::No;
    }
    if commands.is_known_early && (prompts > 1 || shown.answers(&commands)) {
        return yes(None, Spoken::Answers);
    }
    match (told.grows(), shown.grows()) {
        (false, false) if prompts > 0 => yes(None, Spoken::Commands),
        (false, false) => Answer::No,
        _ => wait(&told, &shown),
    }
}

/// A shell that showed what it is.
fn announced(mark: Mark, told: &Told, shown: &Told) -> Answer<Shell> {
    let commands = told.commands();
    let is_told = commands.known > 0 || mark.is_distinct && commands.lines > 0;
    if is_told && shown.prompts() > 1 || shown.answers(&commands) {
        return yes(Some(mark), Spoken::Answers);
    }
    match (told.grows(), shown.grows()) {
        (false, false) if commands.known > 0 => yes(Some(mark), Spoken::Commands),
        (false, false) => yes(Some(mark), Spoken::Nothing),
        _ => wait(told, shown),
    }
}

/// A shell that answers and shows nothing else.
fn bare(told: &Told, shown: &Told) -> Answer<Shell> {
    let commands = told.commands();
    if shown.answers(&commands) || commands.ask_for_name(&shown.lines) {
        return yes(None, Spoken::Answers);
    }
    match (told.grows(), shown.grows()) {
        (false, false) if commands.lines == 0 && shown.lines.begins_with(IDENTITY) => {
            yes(None, Spoken::Nothing)
        }
        (false, false) => Answer::No,
        _ => wait(told, shown),
    }
}

/// Commands to a side that says nothing, or that was not seen.
fn silent(told: &Told, shown: &Told) -> Answer<Shell> {
    let commands = told.commands();
    if told.grows() {
        wait(told, shown)
    } else if commands.known >= SEVERAL {
        yes(None, Spoken::Commands)
    } else {
        Answer::No
    }
}

fn yes(mark: Option<Mark>, spoken: Spoken) -> Answer<Shell> {
    Answer::Yes(Reading {
        layer: Shell { mark, spoken },
        client: Reading::<Shell>::EVERYTHING,
        server: Reading::<Shell>::EVERYTHING,
    })
}

fn wait(told: &Told, shown: &Told) -> Answer<Shell> {
    Answer::More(Need {
        client: told.need(),
        server: shown.need(),
    })
}

/// How the lines of a side are read.
type Read = fn(&[u8], Option<&[u8]>) -> Lines;

/// What one side said, as far as it is read: what comes in tiny pieces is read in larger ones once it is long.
struct Told {
    lines: Lines,
    known: usize,
    most: usize,
    is_open: bool,
}

impl Told {
    fn new(read_as: Read, prefix: Prefix<'_>, most: usize) -> Self {
        let is_open = prefix.is_open();
        let known = prefix.bytes.len();
        let read = match known {
            known if known > most => most,
            known if is_open && known > STEPPED => known / STEP * STEP,
            known => known,
        };
        let bytes = prefix.bytes.get(..read).unwrap_or_default();
        let behind = match prefix.end {
            End::Cut { then, .. } if known <= most => then.get(..most).or(Some(then)),
            _ => None,
        };
        Self {
            lines: read_as(bytes, behind),
            known,
            most,
            is_open,
        }
    }

    /// The same of a side that need not be text: what is behind the first byte that nobody writes is not read.
    fn text(read_as: Read, prefix: Prefix<'_>) -> Self {
        let looked_at = prefix.bytes.get(..BARE_BYTES).unwrap_or(prefix.bytes);
        let text = looked_at.iter().position(|&byte| !lines::is_written(byte));
        let Some(text) = text else {
            return Self::new(read_as, prefix, BARE_BYTES);
        };
        let text = Prefix::closed(looked_at.get(..text).unwrap_or_default());
        Self::new(read_as, text, BARE_BYTES)
    }

    /// Whether more of it would be read.
    fn grows(&self) -> bool {
        self.is_open && self.known < self.most
    }

    fn need(&self) -> usize {
        match self.known {
            _ if !self.grows() => usize::MAX,
            known if known < STEPPED => known.saturating_add(1),
            known => (known / STEP).saturating_add(1).saturating_mul(STEP),
        }
    }

    fn commands(&self) -> Commands<'_> {
        Commands::of(&self.lines, self.grows())
    }

    /// Whether it shows what a shell answers to one of the commands.
    fn answers(&self, commands: &Commands<'_>) -> bool {
        if self.grows() {
            commands.are_answered(self.lines.complete())
        } else {
            commands.are_answered(self.lines.all())
        }
    }

    /// How many lines begin with a prompt.
    fn prompts(&self) -> usize {
        let lines = self.lines.all();
        lines.filter(|line| marks::prompt(line).is_some()).count()
    }
}

/// Bytes of a shell that announced itself that are read at most: all that is kept of a stream's beginning.
const SHELL_BYTES: usize = 16 * 1024;
/// Bytes of the side that gives commands that are read at most.
const OPERATOR_BYTES: usize = 4 * 1024;
/// Bytes in which a shell must be known by its answers alone.
const BARE_BYTES: usize = 2 * 1024;
/// From this length on, a side is read again only every [`STEP`] bytes.
const STEPPED: usize = 1024;
const STEP: usize = 256;
/// Bytes that tell whether a side begins as a shell's: a prompt, and what steers the terminal around it.
const GLANCE_BYTES: usize = 512;
/// Commands that are worth a word though nobody was seen to answer them.
const SEVERAL: usize = 2;
/// What turns the bracketing of pasted text on.
const BRACKETED_PASTE: &[u8] = b"\x1b[?2004h";
/// What `id` prints: worth a word even where nobody was seen to ask.
const IDENTITY: &[u8] = b"uid=";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::truncation::{Sample, Settled, exchange};

    fn shell(mark: Option<&'static str>, spoken: Spoken) -> Reading<Shell> {
        let mark = mark.map(|name| {
            marks::MARKS
                .iter()
                .find(|(mark, _)| mark.name == name)
                .unwrap()
                .0
        });
        Reading {
            layer: Shell { mark, spoken },
            client: usize::MAX,
            server: usize::MAX,
        }
    }

    type Case = (
        &'static str,
        &'static [u8],
        &'static [u8],
        Option<&'static str>,
    );

    const ANNOUNCED: [Case; 8] = [
        (
            "bash without a terminal",
            b"id\n",
            b"bash: no job control in this shell\nme@vm:/$ id\nuid=0(root) gid=0(root)\nme@vm:/$ ",
            Some("shell-complaint"),
        ),
        (
            "dash",
            b"cd /tmp\n./run\n",
            b"$ $ it runs\n$ ",
            Some("bare-prompt"),
        ),
        (
            "a terminal",
            b"cat /etc/passwd\r",
            b"\x1b[?2004hme@vm:~# cat /etc/passwd\r\nroot:x:0:0:root\r\n",
            Some("unix-prompt"),
        ),
        (
            "cmd.exe",
            b"dir\n",
            b"Microsoft Windows [Version 10.0.19045]\r\n\r\nC:\\>dir\r\n Volume in drive C\r\n",
            Some("cmd-banner"),
        ),
        (
            "PowerShell",
            b"dir\n",
            b"PS C:\\Users> \r\n    Directory: C:\\Users\r\n",
            Some("powershell-prompt"),
        ),
        (
            "BusyBox",
            b"ls -l\n",
            b"~ # ls -l\ntotal 0\n",
            Some("unix-prompt"),
        ),
        (
            "bash -i",
            b"w\n",
            b"[root@vm ~]# \n[root@vm ~]# ",
            Some("unix-prompt"),
        ),
        (
            "awk",
            b"id\n",
            b"shell>uid=0(root) gid=0(root)\n",
            Some("bare-prompt"),
        ),
    ];

    const BARE: [Case; 10] = [
        ("id", b"id\n", b"uid=33(www-data) gid=33(www-data)\n", None),
        ("name", b"whoami\n", b"vagrant\n", None),
        ("Windows", b"whoami\r\n", b"nt authority\\system\r\n", None),
        (
            "later",
            b"cd /tmp\nls\nuname -a\n",
            b"a.txt\nb.txt\nLinux vm 6.1\n",
            None,
        ),
        ("told", b"echo WSHTGldi\n", b"WSHTGldi\r\n", None),
        ("header", b"\n\nps aux\n", b"USER       PID %CPU\n", None),
        (
            "two lines of a prompt",
            b"id\r",
            "id\x1b[?2004h┌──(me㉿vm)-[/]\r\r\n└─# id\r\n\x1b[?2004l\ruid=0(me)\r\n".as_bytes(),
            None,
        ),
        (
            "the time",
            b"id\r",
            b"\x1b[?2004h21:42:05 me@vm:/# id\r\n\x1b[?2004l\ruid=0(me)\r\n",
            None,
        ),
        (
            "brackets",
            b"cd /\rls -l\r",
            b"\x1b[?2004h(venv) [me@vm:/] {1} # cd /\r\n\x1b[?2004h# ls -l\r\ntotal 4\r\n",
            None,
        ),
        (
            "colours",
            b"id\r",
            b"\x1b[?2004h\x1b[32m[21:28:59] me in / > \x1b[0mid\r\n\x1b[?2004l\ruid=0(me)\r\n",
            None,
        ),
    ];

    #[test]
    fn reads_every_truncation() {
        for (name, client, server, mark) in ANNOUNCED.into_iter().chain(BARE) {
            Sample {
                name,
                client,
                server,
                settled: Settled::AtOnce,
                reading: shell(mark, Spoken::Answers),
            }
            .check(parse);
        }
    }

    #[test]
    fn what_is_left_when_all_is_over() {
        use Spoken::{Commands, Nothing};
        type Left = Option<(Option<&'static str>, Spoken)>;
        let cases: [(&[u8], &[u8], Left); 10] = [
            (b"", b"", None),
            (b"id\nls\n", b"", Some((None, Commands))),
            (b"id\n", b"", None),
            (b"hello\nid\nls\n", b"", None),
            (b"", b"uid=0(root) gid=0(root)\n", Some((None, Nothing))),
            (b"", b"me@vm:/$ ", Some((Some("unix-prompt"), Nothing))),
            (b"./x\n", b"me@vm:/$ ", Some((Some("unix-prompt"), Nothing))),
            (b"ls\n", b"me@vm:/$ ", Some((Some("unix-prompt"), Commands))),
            (b"hello\n", b"world\n", None),
            (b"hostname\n", b"vm\n", None),
        ];
        for (client, server, left) in cases {
            let answer = parse(&exchange(Prefix::closed(client), Prefix::closed(server)));
            let expected = left.map(|(mark, spoken)| shell(mark, spoken));
            let expected = expected.map_or(Answer::No, Answer::Yes);
            assert_eq!(answer, expected, "{client:?} {server:?}");
        }
    }

    #[test]
    fn what_is_told_first_need_be_no_known_command() {
        for first in [&b"./run\n"[..], b"hello\n"] {
            let answer = parse(&exchange(Prefix::open(first), Prefix::open(b"")));
            assert!(matches!(answer, Answer::More(_)), "{first:?}");
        }
    }

    #[test]
    fn what_was_cut_tells_as_far_as_it_goes() {
        let cut = Prefix {
            bytes: b"bash: cannot set terminal proc",
            end: End::Cut {
                missing: 50,
                then: b"bash: no job control in this s",
            },
        };
        let told = b"last | head\n";
        let answer = parse(&exchange(Prefix::closed(told), cut));
        let expected = shell(Some("shell-complaint"), Spoken::Commands);
        assert_eq!(answer, Answer::Yes(expected));
        let answer = parse(&exchange(Prefix::open(told), cut));
        assert!(matches!(answer, Answer::More(_)), "it may yet be answered");
    }

    #[test]
    fn a_middle_is_known_by_prompts_and_answers() {
        let cases: [(&[u8], &[u8], bool); 6] = [
            (b"d\nid\n", b"ome\nuid=0(root) gid=0(root)\n", true),
            (b"ls\n", b"t\nme@vm:/$ ls\na\nme@vm:/$ ", true),
            (b"hello\n", b"me@vm:/$ me@vm:/$ \nme@vm:/$ ", false),
            (b"ls\n", b"welcome to the chat\n", false),
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n", false),
            (b"\0\x01", b"", false),
        ];
        for (client, server, is_shell) in cases {
            let answer = pick_up(&exchange(Prefix::closed(client), Prefix::closed(server)));
            assert_eq!(answer != Answer::No, is_shell, "{client:?} {server:?}");
        }
    }

    #[test]
    fn look_alikes_are_no_at_once() {
        let asked: [&[u8]; 11] = [
            b"GET / HTTP/1.1\r\n",
            b"EHLO a.test\r\n",
            b"USER anonymous\r\n",
            b"NICK me\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"\x16\x03\x01",
            b"\xff\xfd\x03",
            b"{\"id\":1}\n",
            b"SSH-2.0-client\r\n",
            b"1023\0me\0me\0id\0",
            b"id\0\x01\x02",
        ];
        for client in asked {
            let seen = exchange(Prefix::open(client), Prefix::open(b""));
            assert_eq!(parse(&seen), Answer::No, "{client:?}");
        }
        let shown: [&[u8]; 12] = [
            b"220 mail.test ESMTP\r\n",
            b"+OK ready\r\n",
            b"* OK IMAP4rev1\r\n",
            b":irc.test NOTICE * :hi\r\n",
            b"\xff\xfd\x18",
            b"login: ",
            b"hello, world\n",
            b"-ERR unknown command\r\n",
            b"$5\r\nhello\r\n",
            b"$qSupported#37",
            b"READY router-cli 1.2\r\n> ",
            b">>> ",
        ];
        for server in shown {
            let seen = exchange(Prefix::open(b""), Prefix::open(server));
            assert_eq!(parse(&seen), Answer::No, "{server:?}");
        }
        let said: [(&[u8], &[u8]); 3] = [
            (b"hello\n", b"world\n"),
            (b"get key\r\n", b"END\r\n"),
            (b"ls\n", b"-ERR unknown command\r\n"),
        ];
        for (client, server) in said {
            let seen = exchange(Prefix::open(client), Prefix::open(server));
            assert_eq!(parse(&seen), Answer::No, "{client:?} {server:?}");
        }
    }

    #[test]
    fn a_line_editor_is_none_behind_foreign_words() {
        let cases: [(&[u8], bool); 6] = [
            (b"\x1b[?2004h[1] me > ", true),
            (b"id\x1b[?2004h[1] me > ", true),
            (b"", false),
            (b"[1] me > ", false),
            (b"READY cli\r\n\x1b[?2004h> ", false),
            (b"login: \x1b[?2004h> ", false),
        ];
        for (shown, expected) in cases {
            assert_eq!(is_edited(shown), expected, "{shown:?}");
        }
    }

    #[test]
    fn datagrams_begin_with_a_mark_an_editor_or_a_command() {
        let opens: [&[u8]; 6] = [
            b"bash: no job control in this shell\n",
            b"/bin/sh: 0: can't access tty; job control turned off\n# ",
            b"\x1b[?2004hme@vm:~# ",
            b"\x1b[?2004h",
            b"id\n",
            b"uname -a",
        ];
        for datagram in opens {
            assert!(may_open(datagram), "{datagram:?}");
        }
        let others: [&[u8]; 16] = [
            b"",
            b"hello\n",
            b"\n",
            b"<34>Jan  1 00:00:00 vm sh: root@vm:/# id",
            b"sh[7]: uid=0(root)",
            b"page.views:1|c",
            b"servers.vm.load 0.5 1767225600\n",
            b"cpu,host=vm value=1\n",
            b"{\"id\":1}\n",
            b"REGISTER sip:a.test SIP/2.0\r\n",
            b"M-SEARCH * HTTP/1.1\r\n",
            b"\x00\x01pxelinux.0\0octet\0",
            b"#\x02\x06\xec",
            b"\xc3\0\0\0\x01",
            b"stats\r\n",
            b"\xff\xff\xff\xffgetstatus\n",
        ];
        for datagram in others {
            assert!(!may_open(datagram), "{datagram:?}");
        }
    }

    #[test]
    fn a_long_session_is_read_in_steps() {
        let noise = [b"me@vm:/$ ".to_vec(), vec![b'x'; 4_000]].concat();
        let seen = exchange(Prefix::open(b"run\n"), Prefix::open(&noise));
        let need = Need {
            client: 5,
            server: 4_096,
        };
        assert_eq!(parse(&seen), Answer::More(need));
    }
}
