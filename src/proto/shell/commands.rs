//! Commands that people give to shells they have just got, and what the answer to each begins with.

use super::lines::{Lines, is_written};
use super::marks;

/// What the side that gives commands said.
#[derive(Clone, Debug, Default)]
pub(super) struct Commands<'a> {
    /// Lines that are not empty.
    pub(super) lines: usize,
    /// Those of them that are commands of [`TABLE`] or [`QUIET`].
    pub(super) known: usize,
    /// Whether the first one is; `None` where there is none yet.
    pub(super) first: Option<bool>,
    /// Whether one of the first [`EARLY`] is.
    pub(super) is_known_early: bool,
    said: Vec<&'a [u8]>,
}

impl<'a> Commands<'a> {
    /// Takes the lines that ended; all of them where the side does not grow.
    pub(super) fn of(lines: &'a Lines, grows: bool) -> Self {
        let said: Vec<&[u8]> = if grows {
            lines.complete().take(MOST).collect()
        } else {
            lines.all().take(MOST).collect()
        };
        let mut commands = Self::default();
        for (at, line) in said.iter().enumerate() {
            let is_known = is_known(name(line));
            commands.first.get_or_insert(is_known);
            commands.known += usize::from(is_known);
            commands.is_known_early |= is_known && at < EARLY;
        }
        Self {
            lines: said.len(),
            said,
            ..commands
        }
    }

    /// Whether a line of the other side is what a shell answers to one of them.
    pub(super) fn are_answered<'s>(&self, shown: impl Iterator<Item = &'s [u8]>) -> bool {
        let mut lines = shown.map(unprompted);
        self.known > 0 && lines.any(|line| self.said.iter().any(|command| answers(line, command)))
    }

    /// Whether the first one asks for the user's name, and the other side begins with one.
    pub(super) fn ask_for_name(&self, shown: &Lines) -> bool {
        let is_asked = self
            .said
            .first()
            .is_some_and(|line| trimmed(line) == b"whoami");
        is_asked && shown.complete().next().is_some_and(is_user)
    }
}

/// Whether the side that gives commands may begin so: asked of every stream, so it looks at one line only. No command
/// that anybody types begins with two capitals, as the words of most protocols do.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let line = bytes.iter().position(|byte| !b"\r\n".contains(byte));
    let Some(line) = line.and_then(|at| bytes.get(at..)) else {
        return true;
    };
    let begins = match line {
        [b'A'..=b'Z', second, ..] => second.is_ascii_lowercase(),
        [first, ..] => first.is_ascii_alphabetic() || b"./~_\x03\x08\x1b\x7f".contains(first),
        [] => true,
    };
    let mut line = line
        .iter()
        .take(LONGEST_GLANCE)
        .take_while(|byte| !b"\r\n".contains(byte));
    begins && line.all(|&byte| is_written(byte))
}

/// Whether a line that begins with this word and a space may be one of the answers in [`TABLE`].
pub(super) fn may_answer_with(word: &[u8]) -> bool {
    let mut answers = TABLE.iter().flat_map(|(_, answers)| answers.iter());
    answers.any(|answer| {
        let answer = answer.as_bytes();
        let goes_on = |rest: &[u8]| rest.first() == Some(&b' ');
        let begins = || word.starts_with(answer) || answer.strip_prefix(word).is_some_and(goes_on);
        word.first() == answer.first() && begins()
    })
}

/// Whether a shell's answer may begin with this line: a word, as names of files, hosts and users are, or what the
/// answers in [`TABLE`] begin with.
pub(super) fn may_answer(line: &[u8], goes_on: bool) -> bool {
    let is_word = line.len() <= LONGEST_WORD
        && line
            .iter()
            .all(|&byte| marks::is_of_word(byte) || byte == b'\\');
    let line = trimmed_start(line);
    let begins = |answer: &&str| {
        let answer = answer.as_bytes();
        line.starts_with(answer) || goes_on && answer.starts_with(line)
    };
    let mut answers = TABLE.iter().flat_map(|(_, answers)| answers.iter());
    is_word || answers.any(begins)
}

/// Whether a line is what a shell answers to a command: `echo`'s own words, or what [`TABLE`] has for it.
fn answers(line: &[u8], command: &[u8]) -> bool {
    let line = trimmed_start(line);
    if let Some(words) = trimmed(command).strip_prefix(b"echo ") {
        let words = words.strip_suffix(b";").unwrap_or(words);
        return words.len() >= SHORTEST_ECHO && line == words;
    }
    let known = TABLE
        .iter()
        .filter(|(known, _)| name(command) == known.as_bytes());
    let mut answers = known.flat_map(|(_, answers)| answers.iter());
    answers.any(|answer| line.starts_with(answer.as_bytes()))
}

fn is_known(name: &[u8]) -> bool {
    let in_table = TABLE.iter().any(|(known, _)| known.as_bytes() == name);
    in_table || QUIET.iter().any(|known| known.as_bytes() == name)
}

/// The word with which a command begins.
fn name(command: &[u8]) -> &[u8] {
    let command = trimmed_start(command);
    let end = command.iter().position(|byte| b" ;|&>".contains(byte));
    end.and_then(|end| command.get(..end)).unwrap_or(command)
}

/// A line without the prompts that it begins with.
fn unprompted(line: &[u8]) -> &[u8] {
    let mut line = line;
    for _ in 0..MOST_PROMPTS {
        match marks::prompt(line).and_then(|length| line.get(length..)) {
            Some(rest) => line = rest,
            None => break,
        }
    }
    line
}

/// `vagrant`, `corp\me`, `nt authority\system`.
fn is_user(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"nt authority\\").unwrap_or(line);
    let is_of_user = |&byte: &u8| marks::is_of_word(byte) || byte == b'\\' || byte == b'$';
    let begins = line
        .first()
        .is_some_and(|&byte| byte == b'_' || byte.is_ascii_alphabetic());
    begins && line.len() <= LONGEST_WORD && line.iter().all(is_of_user)
}

fn trimmed_start(line: &[u8]) -> &[u8] {
    line.trim_ascii_start()
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii()
}

/// Commands, and beginnings of lines that they print, white space in front left out.
const TABLE: [(&str, &[&str]); 38] = [
    ("id", &["uid="]),
    ("whoami", &["nt authority\\"]),
    (
        "uname",
        &[
            "Linux", "Darwin", "FreeBSD", "OpenBSD", "NetBSD", "SunOS", "AIX",
        ],
    ),
    ("pwd", &["/"]),
    ("ls", LISTING),
    ("ll", LISTING),
    ("find", &["/", "./"]),
    ("which", &["/"]),
    ("cat", FILES),
    ("head", FILES),
    ("tail", FILES),
    ("grep", FILES),
    ("ps", &["PID ", "USER ", "UID ", "F S "]),
    ("w", &["USER "]),
    (
        "netstat",
        &["Active Internet", "Active Connections", "Proto "],
    ),
    ("ss", &["Netid ", "State "]),
    ("df", &["Filesystem "]),
    ("free", &["total  "]),
    (
        "mount",
        &[
            "/dev/",
            "sysfs on ",
            "proc on ",
            "overlay on ",
            "tmpfs on ",
            "udev on ",
        ],
    ),
    ("ip", &["1: lo", "default via ", "inet "]),
    ("ifconfig", &["eth0", "ens", "enp", "lo: flags", "lo  "]),
    ("route", &["Kernel IP", "Destination "]),
    ("arp", &["Address ", "? (", "Interface: "]),
    ("env", ENVIRONMENT),
    ("printenv", ENVIRONMENT),
    ("sudo", &["Matching Defaults", "sudo: ", "[sudo] "]),
    ("crontab", &["no crontab"]),
    ("lsb_release", &["No LSB", "Distributor ID:"]),
    ("lscpu", &["Architecture:"]),
    ("dir", &["Volume in drive", "Directory of", "Directory: "]),
    ("ver", &["Microsoft Windows ["]),
    ("ipconfig", &["Windows IP Configuration"]),
    ("systeminfo", &["Host Name:"]),
    ("tasklist", &["Image Name"]),
    (
        "net",
        &[
            "User accounts",
            "User name",
            "Alias name",
            "The command completed",
        ],
    ),
    ("Get-Process", &["Handles "]),
    ("Get-ChildItem", &["Directory: "]),
    ("$PSVersionTable", &["Name  ", "PSVersion"]),
];
const LISTING: &[&str] = &["total ", "drwx", "dr-x", "-rw", "-r--", "lrwx"];
/// Of `/etc/passwd`, `/etc/os-release`, `/etc/resolv.conf`, `/etc/hosts`, `/proc/version` and `/proc/cpuinfo`.
const FILES: &[&str] = &[
    "root:",
    "PRETTY_NAME=",
    "NAME=",
    "nameserver ",
    "127.0.0.1",
    "Linux version ",
    "processor\t",
];
const ENVIRONMENT: &[&str] = &["PATH=", "HOME=", "SHELL=", "USER=", "PWD=", "SHLVL="];
/// Commands that print nothing that could be told from other text.
const QUIET: [&str; 40] = [
    "bash",
    "cd",
    "chmod",
    "chown",
    "clear",
    "cp",
    "curl",
    "date",
    "du",
    "echo",
    "exit",
    "export",
    "file",
    "history",
    "hostname",
    "kill",
    "last",
    "less",
    "mkdir",
    "more",
    "mv",
    "nano",
    "perl",
    "php",
    "ping",
    "powershell",
    "python",
    "python3",
    "rm",
    "sh",
    "sleep",
    "ssh",
    "stty",
    "su",
    "tar",
    "touch",
    "type",
    "uptime",
    "vi",
    "wget",
];
/// Lines in which a command must be known where the beginning was not seen.
pub(super) const EARLY: usize = 4;
/// Commands of a session that are looked at.
const MOST: usize = 64;
const MOST_PROMPTS: usize = 4;
const LONGEST_GLANCE: usize = 64;
const LONGEST_WORD: usize = 64;
/// Shorter words come by chance.
const SHORTEST_ECHO: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_fit_commands() {
        let cases = [
            ("id", "uid=0(root) gid=0(root)", true),
            ("id;uname -a", "uid=0(root)", true),
            ("id", "root", false),
            ("ls -la", "total 20", true),
            ("ls", "a.txt", false),
            (
                "cat /etc/passwd | head -5",
                "root:x:0:0:root:/root:/bin/bash",
                true,
            ),
            ("ps aux", "me@vm:/$ USER       PID %CPU", true),
            ("free -m", "               total        used", true),
            ("echo WSHTGldi2y3k3JeC;", "WSHTGldi2y3k3JeC", true),
            ("echo hi", "hi", false),
            ("echo hello", "echo hello", false),
            ("dir c:\\", " Volume in drive C has no label.", true),
            ("whoami", "nt authority\\system", true),
            ("hello", "uid=0(root)", false),
        ];
        for (command, line, expected) in cases {
            let (told, shown) = (format!("{command}\n"), format!("{line}\n"));
            let told = Lines::typed(told.as_bytes(), None);
            let shown = Lines::shown(shown.as_bytes(), None);
            let commands = Commands::of(&told, true);
            assert_eq!(
                commands.are_answered(shown.complete()),
                expected,
                "{command} {line}"
            );
        }
    }

    #[test]
    fn lines_are_counted_when_they_ended() {
        let lines = Lines::typed(b"\nid\nhello\nls", None);
        let count = |grows| {
            let commands = Commands::of(&lines, grows);
            (commands.lines, commands.known, commands.first)
        };
        assert_eq!(count(true), (2, 1, Some(true)));
        assert_eq!(count(false), (3, 2, Some(true)));
    }

    #[test]
    fn a_name_is_asked_for_first() {
        let cases = [
            ("whoami\n", "vagrant\n", true),
            ("whoami\r\n", "corp\\me\r\n", true),
            ("whoami\n", "vagrant", false),
            ("whoami\n", "You are alice\n", false),
            ("id\nwhoami\n", "vagrant\n", false),
        ];
        for (told, shown, expected) in cases {
            let told = Lines::typed(told.as_bytes(), None);
            let shown = Lines::shown(shown.as_bytes(), None);
            assert_eq!(Commands::of(&told, true).ask_for_name(&shown), expected);
        }
    }
}
