//! What there is to check: captures with the files beside them, and the budgets of directories.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::CheckError;
use crate::source::{BUDGET, EXPECTATIONS, Input, Inputs, files_below};

/// Everything that a check looks at, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The captures.
    pub(super) cases: Vec<Case>,
    /// The `check.toml` of the named directories and those below them.
    pub(super) budgets: Vec<PathBuf>,
    /// Expectations without a capture.
    pub(super) orphans: Vec<PathBuf>,
    /// Files in the named directories that are called as captures are, and are none.
    pub(super) impostors: Vec<PathBuf>,
}

/// A capture and where its expectations stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// The capture.
    pub(super) capture: PathBuf,
    /// Its expectations.
    pub(super) expectations: PathBuf,
    /// Another capture before it that has the same expectations by its name.
    pub(super) rival: Option<PathBuf>,
}

impl Plan {
    /// Looks at what was named: captures, and directories for the captures in and below them.
    ///
    /// # Errors
    ///
    /// If something is missing or may not be read, if a directory holds no capture, or if it is no file.
    pub(super) fn collect(paths: &[PathBuf]) -> Result<Self, CheckError> {
        let captures = captures(paths)?;
        let below = below(paths)?;
        let mut owners: HashMap<PathBuf, PathBuf> = HashMap::new();
        let mut plan = Self {
            impostors: impostors(&below, &captures),
            ..Self::default()
        };
        for impostor in &plan.impostors {
            owners.insert(true_path(&beside(impostor)), impostor.clone());
        }
        for capture in captures {
            let expectations = beside(&capture);
            let rival = owners.get(&true_path(&expectations)).cloned();
            owners
                .entry(true_path(&expectations))
                .or_insert_with(|| capture.clone());
            plan.cases.push(Case {
                capture,
                expectations,
                rival,
            });
        }
        for file in written(below) {
            if file.ends_with(BUDGET) {
                plan.budgets.push(file);
            } else if !owners.contains_key(&true_path(&file)) {
                plan.orphans.push(file);
            }
        }
        Ok(plan)
    }
}

fn captures(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CheckError> {
    let inputs = Inputs::collect(paths)?.captures.into_iter();
    let mut captures = inputs
        .map(|input| match input {
            Input::File(path) => Ok(path),
            other => Err(CheckError::NotAFile { name: other.name() }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    captures.sort();
    Ok(captures)
}

/// Files called as captures are that nobody can read as one: somebody believes that they are checked.
fn impostors(below: &[PathBuf], captures: &[PathBuf]) -> Vec<PathBuf> {
    let known: HashSet<PathBuf> = captures.iter().map(|path| true_path(path)).collect();
    let is_impostor = |file: &&PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let unpacked = strip(&name, &PACKED);
        strip(unpacked, &FORMATS) != unpacked && !known.contains(&true_path(file))
    };
    below.iter().filter(is_impostor).cloned().collect()
}

/// The files that belong to checks.
fn written(mut below: Vec<PathBuf>) -> Vec<PathBuf> {
    below.retain(|file| {
        let name = file.to_string_lossy();
        file.ends_with(BUDGET) || name.ends_with(EXPECTATIONS)
    });
    below
}

/// The files of the named directories, each once, sorted by path.
fn below(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CheckError> {
    let mut files = Vec::new();
    for directory in paths.iter().filter(|path| path.is_dir()) {
        files.extend(files_below(directory)?);
    }
    files.sort();
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(true_path(file)));
    Ok(files)
}

/// Where the expectations of a capture stand: `a.pcap`, `a.pcapng.gz` and the like have `a.expect.toml`.
pub(super) fn beside(capture: &Path) -> PathBuf {
    let name = capture.file_name().unwrap_or_default().to_string_lossy();
    let unpacked = strip(&name, &PACKED);
    let stem = strip(unpacked, &FORMATS);
    capture.with_file_name(format!("{stem}{EXPECTATIONS}"))
}

fn strip<'n>(name: &'n str, endings: &[&str]) -> &'n str {
    let stripped = endings
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|name| !name.is_empty());
    stripped.unwrap_or(name)
}

/// The path of a file whatever it was called by; the file itself need not be there.
pub(super) fn true_path(file: &Path) -> PathBuf {
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let parent = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
    parent.join(file.file_name().unwrap_or_default())
}

const PACKED: [&str; 2] = [".gz", ".zst"];
const FORMATS: [&str; 3] = [".pcap", ".pcapng", ".cap"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::samples::{PcapFile, Scratch};

    fn names<'p>(paths: impl IntoIterator<Item = &'p PathBuf>, scratch: &Scratch) -> Vec<String> {
        let root = format!("{}/", scratch.path().display());
        paths
            .into_iter()
            .map(|path| path.display().to_string().replace(&root, ""))
            .collect()
    }

    #[test]
    fn expectations_stand_beside_a_capture() {
        let cases = [
            ("a.pcap", "a.expect.toml"),
            ("d/a.b.pcapng", "d/a.b.expect.toml"),
            ("a.cap.gz", "a.expect.toml"),
            ("a.pcap.zst", "a.expect.toml"),
            ("a.pcap.0", "a.pcap.0.expect.toml"),
            ("trace", "trace.expect.toml"),
            (".pcap", ".pcap.expect.toml"),
        ];
        for (capture, expectations) in cases {
            assert_eq!(
                beside(Path::new(capture)),
                Path::new(expectations),
                "{capture}"
            );
        }
    }

    #[test]
    fn a_directory_is_looked_through() {
        let scratch = Scratch::new("check-plan");
        let capture = PcapFile::usual().bytes;
        for name in ["b/x.pcap", "b/x.pcapng", "a.pcap"] {
            scratch.file(name, &capture);
        }
        for name in [
            "a.expect.toml",
            "b/gone.expect.toml",
            "b/check.toml",
            "README.md",
        ] {
            scratch.file(name, b"");
        }
        let twice = [scratch.path().to_owned(), scratch.path().join("b")];
        let plan = Plan::collect(&twice).unwrap();
        let captures = plan.cases.iter().map(|case| &case.capture);
        assert_eq!(
            names(captures, &scratch),
            ["a.pcap", "b/x.pcap", "b/x.pcapng"]
        );
        let rivals = plan.cases.iter().filter_map(|case| case.rival.as_ref());
        assert_eq!(names(rivals, &scratch), ["b/x.pcap"]);
        assert_eq!(names(&plan.budgets, &scratch), ["b/check.toml"]);
        assert_eq!(names(&plan.orphans, &scratch), ["b/gone.expect.toml"]);
    }

    #[test]
    fn standard_input_has_nothing_beside_it() {
        let error = Plan::collect(&["-".into()]).unwrap_err().to_string();
        assert!(
            error.starts_with("standard input has no place beside it"),
            "{error}"
        );
    }
}
