//! Profiles as files: TOML that a person can read, with a version.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Profile;
use crate::toml_file::{self, Fault, FileError, TomlFile};

/// A profile and the version of its file.
#[derive(Serialize)]
struct Written<'p> {
    version: u32,
    #[serde(flatten)]
    profile: &'p Profile,
}

/// The version alone, whatever else there is.
#[derive(Deserialize)]
struct Version {
    version: toml::Spanned<u32>,
}

/// A file of a version that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[expect(dead_code, reason = "read before by itself, and allowed here")]
    version: u32,
    #[serde(default)]
    hosts: std::collections::BTreeMap<std::net::IpAddr, super::host::Host>,
}

impl Profile {
    /// Reads a file of at most so many hosts.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no profile, is one of a later version, or has more hosts.
    pub fn load(path: &Path, most: usize) -> Result<Self, FileError> {
        let file = TomlFile::read("the profile", path)?;
        file.read_by(|text| {
            let profile: Self = text.parse()?;
            if profile.len() <= most {
                return Ok(profile);
            }
            let hosts = profile.len();
            let sentence = format!("it has {hosts} hosts; `baseline.hosts` allows {most}");
            Err(Fault::at(text, 0..0, &sentence))
        })
    }

    /// The text of its file.
    ///
    /// # Errors
    ///
    /// None that is known: every profile has a text.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        let version = VERSION;
        let written = toml::to_string(&Written {
            version,
            profile: self,
        })?;
        Ok(format!("{HEAD}{written}"))
    }
}

impl std::str::FromStr for Profile {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let Version { version } = toml_file::parse(text)?;
        if !(OLDEST..=VERSION).contains(version.get_ref()) {
            let found = version.get_ref();
            let sentence = format!(
                "this is a profile of version {found}, and hopscope {} reads versions {OLDEST} to {VERSION}; read it with the hopscope that wrote it, or learn anew",
                env!("CARGO_PKG_VERSION")
            );
            return Err(Fault::at(text, version.span(), &sentence));
        }
        let Read { hosts, .. } = toml_file::parse(text)?;
        Ok(Self { hosts })
    }
}

/// What is written. Since version 2 it says how connections open.
const VERSION: u32 = 2;

/// What it says is said in the same words since then.
const OLDEST: u32 = 1;

const HEAD: &str = "\
# What `hopscope learn` saw of hosts. It approves nothing. docs/learn.md says what each key means.
";

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str =
        "[hosts.\"10.0.0.1\"]\nfirst = \"2026-11-21T00:00:00Z\"\nlast = \"2026-11-21T01:00:00Z\"\n";

    #[test]
    fn what_was_written_is_read() {
        let openings = "[hosts.\"10.0.0.1\".calls.\"443/tcp\".openings]\nrandom = 2\ntls = 9\n";
        let sizes = |way: &str| {
            format!("[hosts.\"10.0.0.1\".calls.\"443/tcp\".{way}]\nflows = 9\nmeans = 80\n")
        };
        let text = format!(
            "version = 2\n{HOST}{}{}{openings}",
            sizes("sent"),
            sizes("received")
        );
        let profile: Profile = text.parse().unwrap();
        let written = profile.text().unwrap();
        assert_eq!(written.parse::<Profile>().unwrap(), profile);
        assert!(written.starts_with("# What `hopscope learn` saw"));
        assert!(written.contains(openings), "{written}");
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        let text = format!("version = 1\n{HOST}");
        let profile: Profile = text.parse().unwrap();
        assert!(profile.text().unwrap().contains("version = 2"));
        assert_eq!(
            "version = 1".parse::<Profile>().unwrap(),
            Profile::default()
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_sentence() {
        let cases = [
            (
                format!("version = 3\n[things]\n{HOST}"),
                "a profile of version 3",
            ),
            (format!("version = 0\n{HOST}"), "reads versions 1 to 2"),
            ("version = \"one\"".to_owned(), "line 1"),
            (HOST.to_owned(), "the key `version` is missing"),
            (format!("version = 1\n{}", &HOST[..40]), "line 3"),
            (
                format!("version = 1\n{HOST}extra = 1"),
                "there is no key `extra` here",
            ),
            (
                format!("version = 1\n{HOST}[hosts.\"10.0.0.1\".services.\"http\"]"),
                "`http` is no port",
            ),
            (String::new(), "the key `version` is missing"),
        ];
        for (text, part) in cases {
            let fault = text.parse::<Profile>().unwrap_err().to_string();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}
