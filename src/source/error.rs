//! What keeps a run from its sources.

use std::io;

use super::foreign::Foreign;

/// Why the sources cannot be read. Each is one sentence for the person who named them.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No path was given.
    #[error("no capture was named; name files, directories, or - for standard input")]
    Nothing,
    /// `-` was given more than once.
    #[error("standard input can be read only once; name - once")]
    StandardInputTwice,
    /// There is nothing of that name.
    #[error("{name} does not exist")]
    Missing {
        /// What was named.
        name: String,
    },
    /// It may not be read.
    #[error("{name} may not be read by this user; change its permissions or the user")]
    Denied {
        /// What was named.
        name: String,
    },
    /// It can be read and is something else.
    #[error("{name} is not a pcap or pcapng capture: {foreign}")]
    NotACapture {
        /// What was named.
        name: String,
        /// What it looks like.
        foreign: Foreign,
    },
    /// A directory was named and no file in it is a capture.
    #[error("{name} holds no capture: {}", of_its_files(*files))]
    NoCaptureIn {
        /// The directory.
        name: String,
        /// How many files are in it and below it.
        files: u64,
    },
    /// There is no such network interface.
    #[error("there is no interface {name}; there are {there}")]
    NoInterface {
        /// What was named.
        name: String,
        /// The names of those there are.
        there: String,
    },
    /// The user may not listen.
    #[error(
        "{name} may not be listened to by this user; run as root, or give the program the right: setcap cap_net_raw=ep /path/to/hopscope"
    )]
    NotPermitted {
        /// What was named.
        name: String,
    },
    /// The filter is not one.
    #[error("the filter `{filter}` cannot be used on {name}: {cause}; see pcap-filter(7)")]
    Filter {
        /// The interface.
        name: String,
        /// The filter.
        filter: String,
        /// What libpcap says.
        cause: String,
    },
    /// An interface cannot be listened to.
    #[error("{name} cannot be listened to: {cause}")]
    Interface {
        /// The interface.
        name: String,
        /// What libpcap says.
        cause: String,
    },
    /// The operating system failed to read it.
    #[error("{name} cannot be read: {cause}")]
    Unreadable {
        /// What was named.
        name: String,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
}

fn of_its_files(files: u64) -> String {
    match files {
        0 => "there is no file in it".to_owned(),
        1 => "its only file is not pcap or pcapng".to_owned(),
        _ => format!("none of its {files} files is pcap or pcapng"),
    }
}

impl SourceError {
    /// The error for `name` that the operating system gave.
    pub(super) fn reading(name: &str, cause: io::Error) -> Self {
        let name = name.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { name },
            io::ErrorKind::PermissionDenied => Self::Denied { name },
            _ => Self::Unreadable { name, cause },
        }
    }
}
