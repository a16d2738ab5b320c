//! Files that people write in TOML: read whole, parsed into values that cannot be wrong, and what is said when not.

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
        parse(&self.text).map_err(|fault| FileError::Wrong {
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
    toml::from_str(text).map_err(|error| Fault {
        nearest: nearest_key(error.message()),
        error: Box::new(error),
    })
}

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{what} {} cannot be read: {cause}", path.display())]
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
#[error("{error}{}", nearest.as_ref().map_or(String::new(), |key| format!("did you mean `{key}`?")))]
pub struct Fault {
    error: Box<toml::de::Error>,
    nearest: Option<String>,
}

/// The known key that is most like the unknown one, read from the parser's own list of what it expected.
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.contains("unknown field").then(|| quoted.next())??;
    quoted
        .map(|key| (strsim::damerau_levenshtein(unknown, key), key))
        .filter(|(distance, key)| *distance <= key.len().div_ceil(2))
        .min()
        .map(|(_, key)| key.to_owned())
}
