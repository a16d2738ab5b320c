//! Lines in a file that is rotated, opened anew, and survives a full disk.
//!
//! Each line is given to the operating system at once and whole; what could be written only in part is taken back. A line
//! that cannot be written waits, up to a bound, and is tried again. The file is synced to the disk when it is rotated and at
//! the end: a power failure may lose younger lines, the death of the process none.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::time::{Span, Timestamp};

/// When a file is put aside and begun anew. Time is that of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would hold more bytes than this.
    pub bytes: Option<u64>,
    /// Before a line that comes this long after its first.
    pub age: Option<Span>,
    /// How many old files are kept; none for all.
    pub keep: Option<usize>,
}

/// What happened to a file.
#[derive(Debug)]
pub enum News {
    /// It cannot be written, for the first time.
    Failing(io::Error),
    /// It can be written again; so many lines were lost meanwhile.
    Recovered(u64),
    /// It cannot be rotated, for the first time; lines go on into the old one.
    NotRotated(io::Error),
}

/// A file of lines.
#[derive(Debug)]
pub struct LineFile {
    path: PathBuf,
    rotation: Rotation,
    file: Option<File>,
    /// How long the file is, up to the end of its last line.
    bytes: u64,
    /// When its first line was written.
    begun: Option<Timestamp>,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    lost: u64,
    is_failing: bool,
    /// Why it was not rotated, until that is told.
    unrotated: Option<io::Error>,
    is_unrotated: bool,
    tried: Timestamp,
}

impl LineFile {
    /// Opens a file to add lines to it.
    ///
    /// # Errors
    ///
    /// If the operating system does not let it.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let mut file = Self {
            path: path.to_owned(),
            rotation,
            file: None,
            bytes: 0,
            begun: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            lost: 0,
            is_failing: false,
            unrotated: None,
            is_unrotated: false,
            tried: Timestamp::MIN,
        };
        file.ensure_open()?;
        Ok(file)
    }

    /// Writes a line, which ends with a line feed. Where that fails the line waits.
    pub fn write(&mut self, line: Vec<u8>, now: Timestamp) -> Option<News> {
        if self.waiting_bytes + line.len() > WAITING_BYTES {
            self.lost += 1;
        } else {
            self.waiting_bytes += line.len();
            self.waiting.push_back(line);
        }
        self.drain(now)
    }

    /// Tries again what could not be written, now and then.
    pub fn retry(&mut self, now: Timestamp) -> Option<News> {
        let is_early = (now - self.tried).nanos() < BETWEEN_TRIES.nanos();
        if self.waiting.is_empty() || is_early {
            None
        } else {
            self.drain(now)
        }
    }

    /// Closes the file; the next line opens whatever is called so then.
    pub fn reopen(&mut self) {
        self.file = None;
    }

    /// Tries for the last time what could not be written, and syncs the file to the disk. Gives how many lines were lost.
    ///
    /// # Errors
    ///
    /// If the operating system does not let it.
    pub fn finish(mut self, now: Timestamp) -> (u64, io::Result<()>) {
        let drained = match self.drain(now) {
            Some(News::Failing(error)) => Err(error),
            _ if self.is_failing => Err(io::Error::other("it still cannot be written")),
            _ => self.sync(),
        };
        (self.lost + self.waiting.len() as u64, drained)
    }

    fn drain(&mut self, now: Timestamp) -> Option<News> {
        self.tried = now;
        while let Some(line) = self.waiting.pop_front() {
            if let Err(error) = self.put(&line, now) {
                self.waiting.push_front(line);
                let before = std::mem::replace(&mut self.is_failing, true);
                return (!before).then_some(News::Failing(error));
            }
            self.waiting_bytes -= line.len();
        }
        if std::mem::replace(&mut self.is_failing, false) {
            return Some(News::Recovered(std::mem::take(&mut self.lost)));
        }
        self.unrotated.take().map(News::NotRotated)
    }

    fn put(&mut self, line: &[u8], now: Timestamp) -> io::Result<()> {
        self.ensure_open()?;
        if self.is_due(line.len() as u64, now) {
            let rotated = self.rotate(now);
            let was_unrotated = std::mem::replace(&mut self.is_unrotated, rotated.is_err());
            self.unrotated = rotated
                .err()
                .filter(|_| !was_unrotated)
                .or(self.unrotated.take());
        }
        let length = self.bytes;
        let file = self.ensure_open()?;
        if let Err(error) = file.write_all(line) {
            // Half a line is worse than none. A device cannot be cut, and keeps nothing either.
            let _ = file.set_len(length);
            return Err(error);
        }
        self.bytes += line.len() as u64;
        self.begun.get_or_insert(now);
        Ok(())
    }

    fn is_due(&self, more: u64, now: Timestamp) -> bool {
        let Rotation { bytes, age, .. } = self.rotation;
        let is_long = bytes.is_some_and(|most| self.bytes + more > most);
        let is_old = age
            .zip(self.begun)
            .is_some_and(|(age, begun)| (now - begun).nanos() >= age.nanos());
        self.bytes > 0 && (is_long || is_old)
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        fs::rename(&self.path, self.free_name(now))?;
        self.sync()?;
        self.file = None;
        self.begun = None;
        self.ensure_open()?;
        self.forget_oldest()
    }

    /// `findings.jsonl.20261121T180000Z`, with a number where there is one already.
    fn free_name(&self, now: Timestamp) -> PathBuf {
        let stamp: String = now.to_string();
        let (seconds, _) = stamp.split_once('.').unwrap_or((&stamp, ""));
        let seconds = seconds.replace(['-', ':'], "");
        let named = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{seconds}Z"));
            if number > 0 {
                name.push(format!("-{number:03}"));
            }
            PathBuf::from(name)
        };
        let free = (0..1_000).map(named).find(|path| !path.exists());
        free.unwrap_or_else(|| named(0))
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let Some(keep) = self.rotation.keep else {
            return Ok(());
        };
        let mut old = self.old_files()?;
        old.sort_unstable();
        let many = old.len().saturating_sub(keep);
        old.iter().take(many).try_for_each(fs::remove_file)
    }

    /// The files that this one was put aside as: by name, which is by time.
    fn old_files(&self) -> io::Result<Vec<PathBuf>> {
        let beside = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut start = self.path.file_name().unwrap_or_default().to_owned();
        start.push(".2");
        let mut old = Vec::new();
        for entry in fs::read_dir(beside)? {
            let name = entry?.file_name();
            let is_old = name
                .as_encoded_bytes()
                .starts_with(start.as_encoded_bytes());
            if is_old {
                old.push(beside.join(name));
            }
        }
        Ok(old)
    }

    fn sync(&self) -> io::Result<()> {
        match &self.file {
            Some(file) if file.metadata()?.is_file() => file.sync_all(),
            _ => Ok(()),
        }
    }

    /// The file; where half a line is at its end, as after a crash, the next line begins behind it.
    fn ensure_open(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            let mut file = options.append(true).create(true).open(&self.path)?;
            let metadata = file.metadata()?;
            self.bytes = if metadata.is_file() {
                metadata.len()
            } else {
                0
            };
            if self.bytes > 0 && !ends_with_a_line(&self.path)? {
                file.write_all(b"\n")?;
                self.bytes += 1;
            }
            if self.bytes == 0 {
                self.begun = None;
            }
            self.file = Some(file);
        }
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        self.file.as_mut().ok_or_else(missing)
    }
}

fn ends_with_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Lines that wait until they can be written, in bytes.
pub const WAITING_BYTES: usize = 4 << 20;

const BETWEEN_TRIES: Span = Span::from_seconds(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("hopscope-{}-{test}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("findings.jsonl")
        }

        /// All files, by name, with what is in them.
        fn contents(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap());
            let read = |entry: fs::DirEntry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read_to_string(entry.path()).unwrap())
            };
            let mut contents: Vec<_> = entries.map(read).collect();
            contents.sort();
            contents
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(1_795_000_000 + seconds, 5)
    }

    /// Lines 0, 1, 2 … a second apart, ten bytes each.
    fn write(file: &mut LineFile, lines: std::ops::Range<i64>) {
        for line in lines {
            let text = format!("line {line:4}\n");
            assert!(file.write(text.into_bytes(), at(line)).is_none());
        }
    }

    /// How many lines each file holds, the oldest first.
    fn held(rotation: Rotation) -> Vec<usize> {
        let folder = Folder::new(&format!("{rotation:?}").replace(' ', ""));
        let mut file = LineFile::open(&folder.file(), rotation).unwrap();
        write(&mut file, 0..10);
        assert!(matches!(file.finish(at(10)), (0, Ok(()))));
        let mut contents = folder.contents();
        contents.rotate_left(1);
        contents
            .iter()
            .map(|(_, text)| text.lines().count())
            .collect()
    }

    #[test]
    fn a_file_is_rotated_by_size_and_by_time() {
        let rotation = |bytes: Option<u64>, age: Option<i64>, keep| Rotation {
            bytes,
            age: age.map(Span::from_seconds),
            keep,
        };
        let cases = [
            (rotation(None, None, None), vec![10]),
            (rotation(Some(40), None, None), vec![4, 4, 2]),
            (rotation(Some(5), None, None), vec![1; 10]),
            (rotation(Some(40), None, Some(1)), vec![4, 2]),
            (rotation(Some(40), None, Some(0)), vec![2]),
            (rotation(None, Some(3), None), vec![3, 3, 3, 1]),
            (rotation(Some(20), Some(3), Some(2)), vec![2, 2, 2]),
        ];
        for (rotation, expected) in cases {
            assert_eq!(held(rotation), expected, "{rotation:?}");
        }
    }

    #[test]
    fn rotated_files_bear_the_time_of_the_packet() {
        let folder = Folder::new("names");
        let rotation = Rotation {
            bytes: Some(1),
            ..Rotation::default()
        };
        let mut file = LineFile::open(&folder.file(), rotation).unwrap();
        for line in ["a\n", "b\n", "c\n"] {
            file.write(line.into(), at(0));
        }
        let names: Vec<_> = folder.contents();
        let expected = [
            ("findings.jsonl", "c\n"),
            ("findings.jsonl.20261118T110640Z", "a\n"),
            ("findings.jsonl.20261118T110640Z-001", "b\n"),
        ];
        assert_eq!(names, expected.map(|(n, t)| (n.to_owned(), t.to_owned())));
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let folder = Folder::new("reopen");
        let mut file = LineFile::open(&folder.file(), Rotation::default()).unwrap();
        write(&mut file, 0..1);
        fs::rename(folder.file(), folder.0.join("moved")).unwrap();
        write(&mut file, 1..2);
        file.reopen();
        write(&mut file, 2..3);
        let texts: Vec<String> = folder.contents().into_iter().map(|(_, t)| t).collect();
        assert_eq!(texts, ["line    2\n", "line    0\nline    1\n"]);
    }

    #[test]
    fn a_file_that_cannot_be_rotated_goes_on() {
        let folder = Folder::new("stuck");
        let rotation = Rotation {
            bytes: Some(20),
            ..Rotation::default()
        };
        let mut file = LineFile::open(&folder.file(), rotation).unwrap();
        write(&mut file, 0..2);
        let moved = folder.0.join("moved");
        fs::rename(folder.file(), &moved).unwrap();
        let news = file.write(b"line    2\n".to_vec(), at(2));
        assert!(matches!(news, Some(News::NotRotated(_))), "{news:?}");
        write(&mut file, 3..4);
        assert_eq!(fs::read_to_string(moved).unwrap().lines().count(), 4);
    }

    #[test]
    fn a_file_that_is_opened_anew_is_young() {
        let folder = Folder::new("young");
        let rotation = Rotation {
            age: Some(Span::from_seconds(3)),
            ..Rotation::default()
        };
        let mut file = LineFile::open(&folder.file(), rotation).unwrap();
        write(&mut file, 0..2);
        fs::rename(folder.file(), folder.0.join("moved")).unwrap();
        file.reopen();
        write(&mut file, 5..8);
        let lines: Vec<(String, usize)> = folder
            .contents()
            .into_iter()
            .map(|(name, text)| (name, text.lines().count()))
            .collect();
        assert_eq!(lines, [("findings.jsonl".into(), 3), ("moved".into(), 2)]);
    }

    #[test]
    fn half_a_line_of_an_older_run_is_left_alone() {
        let folder = Folder::new("half");
        fs::write(folder.file(), "whole\nhal").unwrap();
        let mut file = LineFile::open(&folder.file(), Rotation::default()).unwrap();
        write(&mut file, 7..8);
        let text = fs::read_to_string(folder.file()).unwrap();
        assert_eq!(text, "whole\nhal\nline    7\n");
    }

    #[test]
    fn lines_wait_while_the_disk_is_full_and_the_rest_is_counted() {
        let folder = Folder::new("full");
        symlink("/dev/full", folder.file()).unwrap();
        let mut file = LineFile::open(&folder.file(), Rotation::default()).unwrap();
        let line = |n: u8| vec![b'0' + n; WAITING_BYTES / 4];
        let news = file.write(line(0), at(0));
        assert!(matches!(news, Some(News::Failing(_))), "{news:?}");
        for n in 1..6 {
            assert!(file.write(line(n), at(0)).is_none());
        }
        assert!(file.retry(at(0)).is_none());
        fs::remove_file(folder.file()).unwrap();
        file.reopen();
        let news = file.retry(at(1));
        assert!(matches!(news, Some(News::Recovered(2))), "{news:?}");
        let expected: Vec<u8> = (0..4).flat_map(line).collect();
        assert!(fs::read(folder.file()).unwrap() == expected);
        assert!(matches!(file.finish(at(2)), (0, Ok(()))));
    }

    #[test]
    fn lines_that_wait_at_the_end_are_lost_and_counted() {
        let folder = Folder::new("lost");
        symlink("/dev/full", folder.file()).unwrap();
        let mut file = LineFile::open(&folder.file(), Rotation::default()).unwrap();
        for second in 0..3 {
            file.write(b"line\n".to_vec(), at(second));
        }
        assert!(matches!(file.finish(at(3)), (3, Err(_))));
    }
}
