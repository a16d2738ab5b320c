//! Lines of a terminal's session: what is shown, without what only steers the terminal.

/// What a side said, line by line. What a shorter prefix of the same stream gives is the start of it, but for the line
/// that is still being typed.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    text: Vec<u8>,
}

impl Lines {
    /// The lines that keys give, in `bytes` and in what is known `behind` a hole: a rubbed-out byte is gone.
    pub fn typed(bytes: &[u8], behind: Option<&[u8]>) -> Self {
        Self::new(rub_out, bytes, behind)
    }

    /// The lines that a program shows. To go back over what was shown does not unsay it.
    pub fn shown(bytes: &[u8], behind: Option<&[u8]>) -> Self {
        Self::new(|_| {}, bytes, behind)
    }

    fn new(back: Back, bytes: &[u8], behind: Option<&[u8]>) -> Self {
        let mut text = Vec::with_capacity(bytes.len());
        put(back, &mut text, bytes);
        if let Some(behind) = behind {
            text.push(b'\n');
            put(back, &mut text, behind);
        }
        Self { text }
    }

    /// What was said, from the first line that is not empty on.
    pub fn text(&self) -> &[u8] {
        let start = self.text.iter().position(|&byte| byte != b'\n');
        start.map_or(&[], |start| self.text.get(start..).unwrap_or_default())
    }

    /// Lines that are not empty, the one that may go on included.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.text.split(|&byte| byte == b'\n');
        lines.filter(|line| !line.is_empty())
    }

    /// Lines that ended and are not empty.
    pub fn complete(&self) -> impl Iterator<Item = &[u8]> {
        let ended = self.text.iter().rposition(|&byte| byte == b'\n');
        let ended = ended.and_then(|end| self.text.get(..end));
        let lines = ended.unwrap_or_default().split(|&byte| byte == b'\n');
        lines.filter(|line| !line.is_empty())
    }

    /// Whether the first line begins so.
    pub fn begins_with(&self, text: &[u8]) -> bool {
        self.text().starts_with(text)
    }
}

/// Printable bytes, those of UTF-8, and what keys and terminals send.
pub const fn is_written(byte: u8) -> bool {
    match byte {
        b' '..=b'~' | 0x80..=0xf4 => true,
        _ => matches!(byte, 3 | 4 | 7..=10 | 12 | 13 | 0x1b | 0x7f),
    }
}

/// Adds what is shown. Sequences that steer a terminal (ECMA-48, sections 5.4 and 5.6) are left out, a return is a new
/// line, and a step back is what `back` makes of it.
fn put(back: Back, text: &mut Vec<u8>, bytes: &[u8]) {
    let (mut state, mut rest) = (State::Text, bytes);
    while let Some((&byte, behind)) = rest.split_first() {
        let run = match state {
            State::Text => rest.iter().take_while(|&&byte| is_plain(byte)).count(),
            _ => 0,
        };
        if run > 0 {
            let (shown, behind) = rest.split_at(run);
            text.extend_from_slice(shown);
            rest = behind;
            continue;
        }
        if matches!(state, State::Text) && byte != ESCAPE {
            put_byte(back, text, byte);
        }
        (state, rest) = (state.behind(byte), behind);
    }
}

/// Whether a terminal shows a byte, or begins a line with it.
const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\n'
}

/// What a step back does to a text.
type Back = fn(&mut Vec<u8>);

fn rub_out(text: &mut Vec<u8>) {
    text.pop_if(|last| *last != b'\n');
}

fn put_byte(back: Back, text: &mut Vec<u8>, byte: u8) {
    match byte {
        8 | 0x7f => back(text),
        b'\r' => text.push(b'\n'),
        BELL => {}
        byte => text.push(byte),
    }
}

#[derive(Clone, Copy)]
enum State {
    Text,
    Escape,
    Control,
    Command,
}

impl State {
    const fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Text | Self::Command, ESCAPE) => Self::Escape,
            (Self::Escape, b'[') => Self::Control,
            (Self::Escape, b']') => Self::Command,
            (Self::Control, b' '..=b'?') => Self::Control,
            (Self::Command, BELL) => Self::Text,
            (Self::Command, _) => Self::Command,
            (Self::Text | Self::Escape | Self::Control, _) => Self::Text,
        }
    }
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        let cases: [(&[u8], &[&str], &[&str]); 6] = [
            (b"id\nls", &["id", "ls"], &["id"]),
            (b"id\r\n\r\nls\r", &["id", "ls"], &["id", "ls"]),
            (b"\x1b[?2004hme@vm:~$ ", &["me@vm:~$ "], &[]),
            (b"\x1b]0;me@vm: ~\x07\x1b[01;32mme\x1b[0m$ ", &["me$ "], &[]),
            (b"lss\x7f -l\r", &["ls -l"], &["ls -l"]),
            (b"\x1b]0;unended", &[], &[]),
        ];
        for (bytes, all, complete) in cases {
            let lines = Lines::typed(bytes, None);
            let shown = |lines: Vec<&[u8]>| -> Vec<String> {
                let lines = lines.into_iter();
                lines
                    .map(|line| String::from_utf8_lossy(line).into_owned())
                    .collect()
            };
            assert_eq!(shown(lines.all().collect()), all);
            assert_eq!(shown(lines.complete().collect()), complete);
        }
    }

    #[test]
    fn what_was_shown_is_not_unsaid() {
        let lines = Lines::shown(b"$ lss\x08\x7f -l\n", None);
        assert_eq!(lines.all().next(), Some(&b"$ lss -l"[..]));
    }

    #[test]
    fn a_hole_ends_a_line() {
        let lines = Lines::typed(b"one", Some(b"two"));
        assert_eq!(lines.all().count(), 2);
        assert_eq!(lines.complete().next(), Some(&b"one"[..]));
    }
}
