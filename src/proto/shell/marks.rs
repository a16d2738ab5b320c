//! What shells show of themselves: prompts, banners, and what they complain of where there is no terminal.
//!
//! | mark | shown by |
//! |---|---|
//! | `shell-complaint` | bash, dash, ash, zsh, ksh: `bash: no job control in this shell`, `sh: 1: x: not found` |
//! | `unix-prompt` | `me@host:path$ `, `[me@host dir]# `, `bash-5.2$ `, and BusyBox's `/path # ` |
//! | `bare-prompt` | dash and ash, `$ ` or `# `; `shell>` of the awk one-liner |
//! | `busybox-banner` | BusyBox's ash |
//! | `cmd-banner`, `cmd-prompt` | cmd.exe: `Microsoft Windows [Version …]`, `C:\>` |
//! | `powershell-banner`, `powershell-prompt` | PowerShell: `Windows PowerShell`, `PS C:\> ` |

use super::commands;
use super::lines::Lines;

/// Something that a shell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its name in findings.
    pub name: &'static str,
    /// Which family of shells shows it.
    pub family: Family,
    /// Whether nothing else is likely to show it.
    pub is_distinct: bool,
}

/// A family of shells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The Bourne shell and its children.
    Unix,
    /// `cmd.exe`.
    Cmd,
    /// PowerShell.
    PowerShell,
}

impl Family {
    /// Its name, as findings give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Cmd => "cmd",
            Self::PowerShell => "powershell",
        }
    }
}

/// What a side begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Too little to say.
    Open,
    /// A mark.
    Announced(Mark),
    /// What a shell may answer.
    Bare,
    /// Nothing of a shell's.
    Foreign,
}

/// Whether a mark stands at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// It does, in so many bytes.
    Yes(usize),
    /// It may, when the line goes on.
    Perhaps,
    No,
}

/// Whether a shell's side may begin so: asked of every stream, so it looks at the first word only.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let end = bytes
        .iter()
        .take(LONGEST_PATH)
        .position(|&byte| !is_of_path(byte));
    match (bytes, end) {
        ([], _) | (_, None) => true,
        ([first, ..], Some(0)) => FIRST.contains(first),
        ([b'/' | b'~', ..], _) => true,
        (_, Some(end)) if bytes.get(end) == Some(&b' ') => {
            let word = bytes.get(..end).unwrap_or_default();
            BANNERS.contains(&word) || commands::may_answer_with(word)
        }
        (_, Some(end)) => bytes.get(end).is_some_and(|byte| SECOND.contains(byte)),
    }
}

/// What the lines of a shell's side begin with; `grows` says that the last line may go on.
pub(super) fn start(lines: &Lines, grows: bool) -> Start {
    let text = lines.text();
    if text.is_empty() {
        return Start::Open;
    }
    let end = text.iter().position(|&byte| byte == b'\n');
    let line = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let goes_on = grows && end.is_none();
    let mut may_be_mark = false;
    let head = line.get(..LONGEST_PROMPT).unwrap_or(line);
    for (mark, read) in &MARKS {
        match read(head) {
            Read::Yes(_) => return Start::Announced(*mark),
            Read::Perhaps => may_be_mark |= goes_on && head.len() < LONGEST_PROMPT,
            Read::No => {}
        }
    }
    match commands::may_answer(line, goes_on) {
        true if !goes_on => Start::Bare,
        false if !may_be_mark => Start::Foreign,
        _ => Start::Open,
    }
}

/// The length of the prompt at the start of a line, if there is one.
pub(super) fn prompt(line: &[u8]) -> Option<usize> {
    let reads = MARKS
        .iter()
        .filter(|(mark, _)| mark.name.ends_with("prompt"));
    reads
        .map(|(_, read)| read(line))
        .find_map(|read| match read {
            Read::Yes(length) => Some(length),
            Read::Perhaps | Read::No => None,
        })
}

/// Looks for a mark at the start of a line.
type Reader = fn(&[u8]) -> Read;

/// Every mark, the surest first.
pub(super) static MARKS: [(Mark, Reader); 8] = [
    mark("shell-complaint", Family::Unix, true, complaint),
    mark("cmd-banner", Family::Cmd, true, |line| {
        banner(line, b"Microsoft Windows", b" [")
    }),
    mark("powershell-banner", Family::PowerShell, true, |line| {
        banner(line, b"Windows PowerShell", b"")
    }),
    mark("busybox-banner", Family::Unix, true, |line| {
        banner(line, b"BusyBox v", b"built-in shell")
    }),
    mark("unix-prompt", Family::Unix, true, unix_prompt),
    mark("powershell-prompt", Family::PowerShell, true, |line| {
        drive_prompt(line, b"PS ", b"> ")
    }),
    mark("cmd-prompt", Family::Cmd, true, |line| {
        drive_prompt(line, b"", b">")
    }),
    mark("bare-prompt", Family::Unix, false, bare_prompt),
];

const fn mark(
    name: &'static str,
    family: Family,
    is_distinct: bool,
    read: Reader,
) -> (Mark, Reader) {
    let mark = Mark {
        name,
        family,
        is_distinct,
    };
    (mark, read)
}

/// `bash: …`, `-bash: …`, `/bin/sh: 1: …`, with something that shells complain of.
fn complaint(line: &[u8]) -> Read {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return perhaps(line.len() <= LONGEST_PATH && line.iter().all(|&b| is_of_path(b)));
    };
    let path = line.get(..colon).unwrap_or_default();
    if !path.iter().all(|&byte| is_of_path(byte)) {
        return Read::No;
    }
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let name = name.strip_prefix(b"-").unwrap_or(name);
    if !SHELLS.contains(&name) {
        return Read::No;
    }
    match COMPLAINTS.iter().any(|text| has(line, text)) {
        true => Read::Yes(line.len()),
        false => Read::Perhaps,
    }
}

/// A line that begins and goes on so.
fn banner(line: &[u8], begins: &[u8], has_too: &[u8]) -> Read {
    match starts(line, begins) {
        Read::Yes(_) if has(line, has_too) => Read::Yes(line.len()),
        Read::Yes(_) => Read::Perhaps,
        other => other,
    }
}

/// `me@host:path$ `, `[me@host dir]# `, `bash-5.2$ `, `/path # `, `~ $ `, behind what stands in parentheses.
fn unix_prompt(line: &[u8]) -> Read {
    let behind = match line.first() {
        Some(b'(') => line
            .windows(2)
            .position(|two| two == b") ")
            .map(|at| at + 2),
        _ => Some(0),
    };
    let Some(behind) = behind else {
        return Read::Perhaps;
    };
    let line = line.get(..LONGEST_PROMPT).unwrap_or(line);
    let Some(prompt) = line.get(behind..).filter(|prompt| !prompt.is_empty()) else {
        return Read::Perhaps;
    };
    if !may_be_prompt_name(prompt) {
        return Read::No;
    }
    let end = prompt
        .windows(2)
        .position(|two| two == b"$ " || two == b"# ");
    let name = end.and_then(|end| prompt.get(..end)).unwrap_or(prompt);
    match (is_prompt_name(name, end.is_some()), end) {
        (true, Some(end)) => Read::Yes(behind.saturating_add(end).saturating_add(2)),
        (true, None) => Read::Perhaps,
        (false, _) => Read::No,
    }
}

/// Whether a line begins as the name in a prompt may: no user and no version of a shell goes on but so.
fn may_be_prompt_name(line: &[u8]) -> bool {
    let mut behind = line.iter().skip_while(|&&byte| is_of_word(byte));
    let is_path = line.first().is_some_and(|first| b"/~[".contains(first));
    is_path || behind.next().is_none_or(|byte| b"@$#".contains(byte))
}

/// Whether what stands before `$ ` names a user, a shell or a directory; of a name that goes on, whether it may.
fn is_prompt_name(name: &[u8], is_whole: bool) -> bool {
    let name = name
        .strip_suffix(b"$")
        .or(name.strip_suffix(b"#"))
        .unwrap_or(name);
    match name.first() {
        Some(b'/' | b'~') => match name.strip_suffix(b" ") {
            Some(path) => path.iter().all(|&byte| is_of_path(byte)),
            None => !is_whole && name.iter().all(|&byte| is_of_path(byte)),
        },
        Some(b'[') => {
            let (user, rest) = split(name.get(1..).unwrap_or_default(), b'@');
            match rest {
                Some(rest) => is_user(user) && (!is_whole || rest.ends_with(b"]")),
                None => !is_whole && (user.is_empty() || is_user(user)),
            }
        }
        Some(_) => is_user_prompt(name, is_whole) || is_version_prompt(name, is_whole),
        None => false,
    }
}

/// `me@host:path`.
fn is_user_prompt(name: &[u8], is_whole: bool) -> bool {
    let (user, rest) = split(name, b'@');
    let Some(rest) = rest else {
        return !is_whole && is_user(user);
    };
    let (host, path) = split(rest, b':');
    let is_host = host.iter().all(|&byte| is_of_word(byte));
    is_user(user) && is_host && (path.is_some() && !host.is_empty() || !is_whole)
}

/// `bash-5.2`.
fn is_version_prompt(name: &[u8], is_whole: bool) -> bool {
    let (shell, version) = split(name, b'-');
    let is_version = |version: &[u8]| version.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    match version {
        Some(version) => SHELLS.contains(&shell) && is_version(version),
        None => !is_whole && SHELLS.iter().any(|name| name.starts_with(shell)),
    }
}

/// `C:\path>`, behind `begins`.
fn drive_prompt(line: &[u8], begins: &[u8], ends: &[u8]) -> Read {
    let Some(path) = line.strip_prefix(begins) else {
        return starts(line, begins);
    };
    match path {
        [] => Read::Perhaps,
        [drive] | [drive, b':'] => perhaps(drive.is_ascii_alphabetic()),
        [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic() => {
            let end = path.windows(ends.len()).position(|found| found == ends);
            end.map_or(Read::Perhaps, |end| {
                Read::Yes(begins.len().saturating_add(end).saturating_add(ends.len()))
            })
        }
        _ => Read::No,
    }
}

fn bare_prompt(line: &[u8]) -> Read {
    let reads = BARE_PROMPTS.iter().map(|prompt| starts(line, prompt));
    reads
        .max_by_key(|read| match read {
            Read::Yes(_) => 2,
            Read::Perhaps => 1,
            Read::No => 0,
        })
        .unwrap_or(Read::No)
}

fn starts(line: &[u8], begins: &[u8]) -> Read {
    if line.starts_with(begins) {
        return Read::Yes(begins.len());
    }
    perhaps(begins.starts_with(line))
}

const fn perhaps(may_be: bool) -> Read {
    if may_be { Read::Perhaps } else { Read::No }
}

fn has(line: &[u8], text: &[u8]) -> bool {
    text.is_empty() || line.windows(text.len()).any(|found| found == text)
}

fn split(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == at) {
        Some(place) => {
            let (before, behind) = text.split_at(place);
            (before, behind.get(1..))
        }
        None => (text, None),
    }
}

fn is_user(name: &[u8]) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.iter().all(|&byte| is_of_word(byte))
}

/// What names of users and hosts are made of.
pub(super) const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

const fn is_of_path(byte: u8) -> bool {
    is_of_word(byte) || matches!(byte, b'/' | b'~' | b'+' | b',')
}

const SHELLS: [&[u8]; 6] = [b"bash", b"sh", b"dash", b"ash", b"zsh", b"ksh"];
const COMPLAINTS: [&[u8]; 8] = [
    b"cannot set terminal",
    b"no job control",
    b"can't access tty",
    b"initialize_job_control",
    b"not found",
    b"No such file",
    b"Permission denied",
    b"syntax error",
];
const BARE_PROMPTS: [&[u8]; 3] = [b"$ ", b"# ", b"shell>"];
const LONGEST_NAME: usize = 64;
const LONGEST_PATH: usize = 64;
const LONGEST_PROMPT: usize = 256;
/// The first words of banners and prompts that a space follows.
const BANNERS: [&[u8]; 4] = [b"Microsoft", b"Windows", b"BusyBox", b"PS"];
/// What a shell's side may begin with, words left out.
const FIRST: &[u8] = b" \t\r\n\x1b$#[(?%";
/// What may stand behind the first word, a space left out.
const SECOND: &[u8] = b"\r\n\t@:\\=>\x1b([;?\"'$*&!%^`|{}]#";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_by_name() {
        let cases = [
            ("bash: no job control in this shell", "shell-complaint"),
            ("/bin/sh: 0: can't access tty; job c", "shell-complaint"),
            ("-bash: x: command not found", "shell-complaint"),
            ("sh: line 1: Trying: command not found", "shell-complaint"),
            ("Microsoft Windows XP [Version 5.1.2600]", "cmd-banner"),
            ("Windows PowerShell running as user", "powershell-banner"),
            (
                "BusyBox v1.35.0 (Debian) built-in shell (ash)",
                "busybox-banner",
            ),
            ("root@vm:~# ", "unix-prompt"),
            ("(venv) me@vm.lan:/var/www/a b$ id", "unix-prompt"),
            ("[root@vm ~]# ", "unix-prompt"),
            ("bash-5.2$ ", "unix-prompt"),
            ("sh-4.4# id", "unix-prompt"),
            ("/ # ", "unix-prompt"),
            ("~ $ ", "unix-prompt"),
            ("/usr/bin $ ls", "unix-prompt"),
            ("PS C:\\Users\\me> ", "powershell-prompt"),
            ("C:\\WINDOWS\\system32>dir", "cmd-prompt"),
            ("$ ", "bare-prompt"),
            ("# id", "bare-prompt"),
            ("shell>", "bare-prompt"),
        ];
        for (text, name) in cases {
            let lines = Lines::shown(text.as_bytes(), None);
            match start(&lines, true) {
                Start::Announced(mark) => assert_eq!(mark.name, name, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_mark_is_none() {
        let cases = [
            "me@vm said: hello$ ",
            "a b@c:d$ ",
            "bash: hello there\n",
            "Windows is a trademark\n",
            "$5\r\nhello",
            "#comment\n",
            "ftp> ",
            "Router# ",
            "Password: ",
            "C:/x> ",
            "dash-board$ ",
        ];
        for text in cases {
            let lines = Lines::shown(text.as_bytes(), None);
            assert_eq!(start(&lines, true), Start::Foreign, "{text}");
        }
    }

    #[test]
    fn a_prompt_ends_where_the_command_begins() {
        let cases: [(&str, Option<usize>); 6] = [
            ("root@vm:~# id", Some(11)),
            ("$ id", Some(2)),
            ("C:\\>dir", Some(4)),
            ("PS C:\\> dir", Some(8)),
            ("uid=0(root)", None),
            ("Microsoft Windows [Version", None),
        ];
        for (line, length) in cases {
            assert_eq!(prompt(line.as_bytes()), length, "{line}");
        }
    }
}
