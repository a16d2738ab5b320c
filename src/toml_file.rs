//! Files that people write in TOML: read whole, parsed into values that cannot be wrong, and what is said when not.

mod plain;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct TomlFile {
    what: &'static str,
    path: PathBuf,
    text: String,
}

impl TomlFile {
    /// Reads a file; `what` it is to the person who wrote it stands in errors, such as "the configuration".
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(what: &'static str, path: &Path) -> Result<Self, FileError> {
        let path = path.to_owned();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { what, path, text }),
            Err(cause) => Err(FileError::Unreadable { what, path, cause }),
        }
    }

    /// Parses it.
    ///
    /// # Errors
    ///
    /// If it says something that is not known.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        self.read_by(parse)
    }

    /// Reads it in a way of its own.
    ///
    /// # Errors
    ///
    /// If `read` finds something wrong in the text.
    pub fn read_by<T>(&self, read: impl Fn(&str) -> Result<T, Fault>) -> Result<T, FileError> {
        read(&self.text).map_err(|fault| FileError::Wrong {
            what: self.what,
            path: self.path.clone(),
            fault,
        })
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Parses the text of a file.
///
/// # Errors
///
/// If the text says something that is not known.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    toml::from_str(text).map_err(|error| {
        let nearest = nearest_key(error.message());
        let sentence = plain::sentence(error.message());
        let fault = match error.span() {
            Some(bytes) => Fault::at(text, bytes, &sentence),
            None => Fault {
                sentence: format!("{sentence}\n"),
                nearest: None,
            },
        };
        Fault { nearest, ..fault }
    })
}

/// The line that a byte of a text stands in, from 1.
pub fn line(text: &str, byte: usize) -> usize {
    let before = text.bytes().take(byte);
    before.filter(|&byte| byte == b'\n').count() + 1
}

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{what} {} cannot be read: {}", path.display(), plain::cause(cause))]
    Unreadable {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The file says something that is not known.
    #[error("{what} {} is wrong: {fault}", path.display())]
    Wrong {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Where and why.
        fault: Fault,
    },
}

/// What is wrong in a file: line, column, the line itself with a caret, and the nearest key that is known.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}{}", nearest.as_ref().map_or(String::new(), |key| format!("did you mean `{key}`?")))]
pub struct Fault {
    /// Ends with a line end.
    sentence: String,
    nearest: Option<String>,
}

impl Fault {
    /// What is wrong with a value that could be read, in the bytes where it stands.
    pub fn at(text: &str, bytes: Range<usize>, sentence: &str) -> Self {
        let number = line(text, bytes.start);
        let shown = text.lines().nth(number - 1).unwrap_or_default();
        let before = text.get(..bytes.start).unwrap_or_default();
        let indent = before.chars().rev().take_while(|&c| c != '\n').count();
        let inside = text.get(bytes).and_then(|inside| inside.lines().next());
        let carets = "^".repeat(inside.map_or(1, |inside| inside.chars().count().max(1)));
        let (column, margin) = (indent + 1, " ".repeat(number.to_string().len()));
        let head = format!("line {number}, column {column}\n{margin} |");
        let pointer = format!("{margin} | {:indent$}{carets}", "");
        Self {
            sentence: format!("{head}\n{number} | {shown}\n{pointer}\n{sentence}\n"),
            nearest: None,
        }
    }

    /// The same with the word that was probably meant: the one of `known` that is most like `unknown`.
    pub fn nearest_to<'k>(
        mut self,
        unknown: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Self {
        self.nearest = nearest(unknown, known.into_iter());
        self
    }
}

/// The known key that is most like the unknown one, read from the parser's own list of what it expected. Where it expected
/// one only, that is said already.
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_list = ["unknown field", "unknown variant"]
        .iter()
        .any(|start| message.contains(start));
    let unknown = is_list.then(|| quoted.next())??;
    let known: Vec<&str> = quoted.collect();
    (known.len() > 1).then(|| nearest(unknown, known.into_iter()))?
}

fn nearest<'k>(unknown: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    known
        .map(|key| (strsim::damerau_levenshtein(unknown, key), key))
        .filter(|(distance, key)| *distance <= key.len().div_ceil(2))
        .min()
        .map(|(_, key)| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_points_at_its_bytes() {
        let text = "a = 1\nnäme = \"x\"\n";
        let at = text.find("\"x\"").unwrap();
        let fault = Fault::at(text, at..at + 3, "there is no `x`");
        let shown = "\
line 2, column 8
  |
2 | näme = \"x\"
  |        ^^^
there is no `x`
";
        assert_eq!(fault.to_string(), shown);
        let fault = fault.nearest_to("x", ["xy", "long-word"]);
        assert!(fault.to_string().ends_with("did you mean `xy`?"));
    }
}
