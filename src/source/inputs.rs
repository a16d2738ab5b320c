//! From what the user named to a list of captures.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account::{Listing, Stranger};
use super::error::SourceError;
use super::file::Capture;
use super::pipe::Stoppable;

/// The captures of a run, in the order they were named; those of a directory by path.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The captures.
    pub captures: Vec<Input>,
    /// Files in the named directories that are not captures.
    pub strangers: Listing<Stranger>,
    /// Standard input and pipes are over as soon as something can be read from here, even while they are silent.
    pub stop: Option<Arc<OwnedFd>>,
    seen: HashSet<PathBuf>,
}

/// A place to read a capture from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Standard,
    /// A file, which can be opened as often as need be.
    File(PathBuf),
    /// A pipe or device, which can be read once.
    Pipe(PathBuf),
}

impl Inputs {
    /// Finds the captures under `paths`: `-` is standard input; a directory stands for the captures in it and below
    /// it, without those behind symbolic links to directories. A file that several paths lead to is read once.
    ///
    /// # Errors
    ///
    /// If something is missing or may not be read, and if a directory holds no capture. That a named file *is* a
    /// capture is not looked at before it is opened.
    pub fn collect(paths: &[PathBuf]) -> Result<Self, SourceError> {
        let mut inputs = Self::default();
        for path in paths {
            inputs.add(path)?;
        }
        if inputs.captures.is_empty() {
            return Err(SourceError::Nothing);
        }
        Ok(inputs)
    }

    fn add(&mut self, path: &Path) -> Result<(), SourceError> {
        if path == Path::new("-") {
            return self.add_standard();
        }
        let metadata = fs::metadata(path).map_err(failure(path))?;
        if metadata.is_dir() {
            self.add_directory(path)
        } else if metadata.is_file() {
            self.add_file(path)
        } else {
            self.captures.push(Input::Pipe(path.to_owned()));
            Ok(())
        }
    }

    fn add_standard(&mut self) -> Result<(), SourceError> {
        if self.captures.contains(&Input::Standard) {
            return Err(SourceError::StandardInputTwice);
        }
        self.captures.push(Input::Standard);
        Ok(())
    }

    fn add_directory(&mut self, directory: &Path) -> Result<(), SourceError> {
        let files = files_below(directory)?;
        let mut found = false;
        for file in &files {
            found |= self.add_found(file)?;
        }
        if found {
            return Ok(());
        }
        Err(SourceError::NoCaptureIn {
            name: directory.display().to_string(),
            files: files.len() as u64,
        })
    }

    /// Adds what a directory holds; false where it is not a capture.
    fn add_found(&mut self, path: &Path) -> Result<bool, SourceError> {
        let name = path.display().to_string();
        if is_companion(path) {
            return Ok(false);
        }
        let foreign = match open_if_file(&name, path) {
            Ok(Some(_)) => return self.add_file(path).map(|()| true),
            Ok(None) | Err(SourceError::Missing { .. }) => None,
            Err(SourceError::NotACapture { foreign, .. }) => Some(foreign),
            Err(error) => return Err(error),
        };
        self.strangers.push(Stranger { name, foreign });
        Ok(false)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), SourceError> {
        let canonical = fs::canonicalize(path).map_err(failure(path))?;
        if self.seen.insert(canonical) {
            self.captures.push(Input::File(path.to_owned()));
        }
        Ok(())
    }
}

impl Input {
    /// What to call it.
    pub fn name(&self) -> String {
        match self {
            Self::Standard => "standard input".to_owned(),
            Self::File(path) | Self::Pipe(path) => path.display().to_string(),
        }
    }

    /// Opens it.
    pub(super) fn open(&self, stop: Option<&Arc<OwnedFd>>) -> Result<Capture, SourceError> {
        let name = self.name();
        let opened = match self {
            Self::Standard => std::io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .map(File::from),
            Self::File(path) | Self::Pipe(path) => File::open(path),
        };
        let file = opened.map_err(|cause| SourceError::reading(&name, cause))?;
        match (self, stop) {
            (Self::File(_), _) | (_, None) => Capture::read(&name, file),
            (_, Some(stop)) => Capture::read(&name, Stoppable::new(file, Arc::clone(stop))),
        }
    }
}

/// Opens a file; none where it is a pipe, a device or a link to a directory, which opening might wait for.
fn open_if_file(name: &str, path: &Path) -> Result<Option<Capture>, SourceError> {
    if !fs::metadata(path).map_err(failure(path))?.is_file() {
        return Ok(None);
    }
    Capture::open(name, path).map(Some)
}

/// Everything in and below `directory` that is not a directory, sorted by path.
///
/// # Errors
///
/// If a directory may not be read.
pub fn files_below(directory: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).map_err(failure(&directory))? {
            let entry = entry.map_err(failure(&directory))?;
            let kind = entry.file_type().map_err(failure(&entry.path()))?;
            let list = if kind.is_dir() {
                &mut directories
            } else {
                &mut files
            };
            list.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file is what `hopscope check` reads beside captures.
fn is_companion(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == BUDGET || name.ends_with(EXPECTATIONS)
}

/// How the name of a file ends that says what is expected of a capture.
pub const EXPECTATIONS: &str = ".expect.toml";
/// The name of a file that gives the captures of a directory a budget.
pub const BUDGET: &str = "check.toml";

fn failure(path: &Path) -> impl FnOnce(std::io::Error) -> SourceError + use<> {
    let name = path.display().to_string();
    move |cause| SourceError::reading(&name, cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::samples::{PcapFile, Scratch};

    fn names(inputs: &Inputs, scratch: &Scratch) -> Vec<String> {
        let inside = |input: &Input| {
            input
                .name()
                .replace(&format!("{}/", scratch.path().display()), "")
        };
        inputs.captures.iter().map(inside).collect()
    }

    #[test]
    fn a_directory_stands_for_its_captures_by_path() {
        let scratch = Scratch::new("directory");
        let capture = PcapFile::usual().bytes;
        for name in ["b.pcap", "a/2", "a/1.pcap.0", "c.txt"] {
            scratch.file(name, &capture);
        }
        scratch.file("README.md", b"# Captures\n");
        scratch.file("b.expect.toml", b"max-findings = 0\n");
        scratch.file("a/check.toml", b"[budget]\nhigh = 1\n");
        scratch.file("a/empty.pcap", b"");
        std::os::unix::fs::symlink("nowhere", scratch.path().join("dangling")).unwrap();
        std::os::unix::fs::symlink("b.pcap", scratch.path().join("latest")).unwrap();
        std::os::unix::fs::symlink(".", scratch.path().join("loop")).unwrap();
        let inputs = Inputs::collect(&[scratch.path().to_owned()]).unwrap();
        assert_eq!(
            names(&inputs, &scratch),
            ["a/1.pcap.0", "a/2", "b.pcap", "c.txt"]
        );
        let sentences: Vec<_> = inputs
            .strangers
            .first()
            .iter()
            .map(Stranger::to_string)
            .collect();
        let endings = [
            "a/empty.pcap: not a capture: it is empty",
            "dangling: not a file",
            "loop: not a file",
        ];
        assert_eq!(inputs.strangers.count(), 4);
        assert!(
            endings
                .iter()
                .all(|ending| sentences.iter().any(|sentence| sentence.ends_with(ending)))
        );
    }

    #[test]
    fn named_files_keep_their_order_and_are_read_once() {
        let scratch = Scratch::new("named");
        let [a, b] = ["a", "b"].map(|name| scratch.file(name, &PcapFile::usual().bytes));
        let inputs =
            Inputs::collect(&[b, "-".into(), a.clone(), a, scratch.path().to_owned()]).unwrap();
        assert_eq!(names(&inputs, &scratch), ["b", "standard input", "a"]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let scratch = Scratch::new("unreadable");
        let text = scratch.file("logs/today.log", b"started\n");
        let logs = text.parent().unwrap().to_owned();
        scratch.file("notes/1.txt", b"one\n");
        scratch.file("notes/2.txt", b"two\n");
        let notes = scratch.path().join("notes");
        let void = scratch.path().join("void");
        fs::create_dir(&void).unwrap();
        let missing = scratch.path().join("missing.pcap");
        let cases: [(&[PathBuf], &str); 6] = [
            (
                &[],
                "no capture was named; name files, directories, or - for standard input",
            ),
            (
                &["-".into(), "-".into()],
                "standard input can be read only once; name - once",
            ),
            (&[missing], "missing.pcap does not exist"),
            (
                &[logs],
                "logs holds no capture: its only file is not pcap or pcapng",
            ),
            (
                &[notes],
                "notes holds no capture: none of its 2 files is pcap or pcapng",
            ),
            (&[void], "void holds no capture: there is no file in it"),
        ];
        for (paths, ending) in cases {
            let sentence = Inputs::collect(paths).unwrap_err().to_string();
            assert!(sentence.ends_with(ending), "{sentence}");
        }
    }
}
