//! Expectations: how many findings of which kind there must be, as they are written beside a capture.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::matching::{Match, Term};
use crate::toml_file::{self, FileError, TomlFile};

/// So many findings that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// How it is written.
    pub form: Form,
    /// How many.
    pub count: Count,
    /// Of which kind.
    pub matching: Match,
    /// The line that it begins at, from 1; 0 where it was not read from a file.
    pub line: usize,
}

/// How an expectation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// An entry of `[[checks]]`.
    Check,
    /// An entry of `absent`.
    Absent,
    /// `max-findings`.
    MaxFindings,
    /// A line of `[budget]`.
    Budget,
}

impl Expectation {
    /// Findings that fit must be there.
    pub fn check(count: Count, matching: Match, line: usize) -> Self {
        let form = Form::Check;
        Self {
            form,
            count,
            matching,
            line,
        }
    }

    /// No finding that fits may be there.
    pub fn absent(matching: Match, line: usize) -> Self {
        Self {
            form: Form::Absent,
            count: Count::up_to(0),
            matching,
            line,
        }
    }

    /// There may be so many findings in all.
    pub fn max_findings(most: u64, line: usize) -> Self {
        Self {
            form: Form::MaxFindings,
            count: Count::up_to(most),
            matching: Match::default(),
            line,
        }
    }

    /// Whether a finding that fits is one that must be there.
    pub fn wants(&self) -> bool {
        self.count.least > 0
    }
}

/// `1 finding with detector socks-proxy, server.port 1080`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count)?;
        let terms: Vec<String> = self.matching.terms().iter().map(Term::to_string).collect();
        match terms.as_slice() {
            [] => Ok(()),
            terms => write!(f, " with {}", terms.join(", ")),
        }
    }
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// At least so many.
    pub least: u64,
    /// At most so many.
    pub most: Option<u64>,
}

impl Count {
    /// So many.
    pub const fn exactly(count: u64) -> Self {
        Self {
            least: count,
            most: Some(count),
        }
    }

    /// So many, or fewer.
    pub const fn up_to(most: u64) -> Self {
        Self {
            least: 0,
            most: Some(most),
        }
    }

    /// Whether a count is right.
    pub fn allows(self, count: u64) -> bool {
        count >= self.least && !self.is_exceeded_by(count)
    }

    /// Whether a count is too high.
    pub fn is_exceeded_by(self, count: u64) -> bool {
        self.most.is_some_and(|most| count > most)
    }
}

/// `1 finding`, `no finding`, `at most 3 findings`, `2 to 4 findings`.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (_, Some(0)) => f.write_str("no finding"),
            (1, Some(1)) => f.write_str("1 finding"),
            (least, Some(most)) if least == most => write!(f, "{least} findings"),
            (0, Some(1)) => f.write_str("at most 1 finding"),
            (0, Some(most)) => write!(f, "at most {most} findings"),
            (least, Some(most)) => write!(f, "{least} to {most} findings"),
            (1, None) => f.write_str("at least 1 finding"),
            (least, None) => write!(f, "at least {least} findings"),
        }
    }
}

/// What stands beside a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    /// What is expected, in the order of [`Form`] and then as it was written.
    pub all: Vec<Expectation>,
    /// The configuration that the capture is read with, beside the file; else that of the whole check.
    pub config: Option<PathBuf>,
    /// The lines of comment that the file begins with.
    pub preface: String,
}

impl Expectations {
    /// Reads the expectations of a capture.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, says something that is not known, or says nothing.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let file = TomlFile::read("the expectations file", path)?;
        let written: Written = file.parse()?;
        Ok(written.read(file.text()))
    }
}

impl std::str::FromStr for Expectations {
    type Err = crate::toml_file::Fault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let written: Written = crate::toml_file::parse(text)?;
        Ok(written.read(text))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "Keys")]
struct Written(Keys);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    config: Option<PathBuf>,
    max_findings: Option<Spanned<u64>>,
    #[serde(default)]
    absent: Vec<Spanned<Match>>,
    #[serde(default)]
    checks: Vec<Spanned<Check>>,
}

impl TryFrom<Keys> for Written {
    type Error = &'static str;

    fn try_from(keys: Keys) -> Result<Self, &'static str> {
        let is_empty = keys.checks.is_empty() && keys.absent.is_empty();
        if is_empty && keys.max_findings.is_none() {
            return Err("it expects nothing; say `max-findings = 0` if nothing may be found");
        }
        Ok(Self(keys))
    }
}

impl Written {
    fn read(self, text: &str) -> Expectations {
        let Keys {
            config,
            max_findings,
            absent,
            checks,
        } = self.0;
        let checks = checks.into_iter().map(|check| {
            let line = line(text, &check);
            let Filter { count, matching } = check.into_inner().filter;
            Expectation::check(count, matching, line)
        });
        let absent = absent.into_iter().map(|matching| {
            let line = line(text, &matching);
            Expectation::absent(matching.into_inner(), line)
        });
        let most = max_findings.into_iter().map(|most| {
            let line = line(text, &most);
            Expectation::max_findings(most.into_inner(), line)
        });
        Expectations {
            all: checks.chain(absent).chain(most).collect(),
            config,
            preface: preface(text),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    filter: Filter,
}

#[derive(Deserialize)]
#[serde(try_from = "FilterKeys")]
struct Filter {
    count: Count,
    matching: Match,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FilterKeys {
    count: Option<u64>,
    count_min: Option<u64>,
    count_max: Option<u64>,
    r#match: Match,
}

impl TryFrom<FilterKeys> for Filter {
    type Error = &'static str;

    fn try_from(keys: FilterKeys) -> Result<Self, &'static str> {
        let count = match (keys.count, keys.count_min, keys.count_max) {
            (Some(count), None, None) => Count::exactly(count),
            (None, least, Some(most)) if least.unwrap_or(0) <= most => Count {
                least: least.unwrap_or(0),
                most: Some(most),
            },
            (None, Some(least), None) => Count { least, most: None },
            _ => return Err("say how many: `count`, or `count-min` up to `count-max`"),
        };
        Ok(Self {
            count,
            matching: keys.r#match,
        })
    }
}

/// The line at which something begins, from 1.
pub(super) fn line<T>(text: &str, written: &Spanned<T>) -> usize {
    toml_file::line(text, written.span().start)
}

fn preface(text: &str) -> String {
    text.lines()
        .take_while(|line| line.starts_with('#'))
        .fold(String::new(), |preface, line| preface + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"# One relay, and nothing else.
# Seen in the lab.
max-findings = 2
absent = [{ detector = "http-connect-proxy" }]

[[checks]]
filter = { count = 1, match = { detector = "socks-proxy", "server.port" = 1080, target.host.__find = "example" } }

[[checks]]
[checks.filter]
count-min = 1
count-max = 3
[checks.filter.match]
has-key = "target"
not-has-key = ["client.port", "quality"]
severity__gte = "low"
evidence.targets.__contains = { value = { port = 80 } }
[checks.filter.match.client]
ip.__startswith = "10."
"#;

    #[test]
    fn reads_what_people_write() {
        let read: Expectations = EXAMPLE.parse().unwrap();
        let told: Vec<_> = read.all.iter().map(|e| (e.line, e.to_string())).collect();
        let wanted = [
            (
                6,
                "1 finding with detector socks-proxy, server.port 1080, target.host.__find example",
            ),
            (
                9,
                "1 to 3 findings with severity.__gte low, client.ip.__startswith 10., \
                 not-has-key client.port, has-key target, \
                 evidence.targets.__contains [{\"value\":{\"port\":80}}], not-has-key quality",
            ),
            (4, "no finding with detector http-connect-proxy"),
            (3, "at most 2 findings"),
        ];
        assert_eq!(told, wanted.map(|(line, text)| (line, text.to_owned())));
        assert_eq!(
            read.preface,
            "# One relay, and nothing else.\n# Seen in the lab.\n"
        );
    }

    #[test]
    fn faults_name_the_line_and_the_nearest_key() {
        let cases = [
            ("", "it expects nothing"),
            ("max-finding = 1", "did you mean `max-findings`?"),
            ("[[cheks]]", "did you mean `checks`?"),
            ("[[checks]]\nfilters = {}", "it may be `filter`"),
            (
                "[[checks]]\nfilter = { count = 1 }",
                "the key `match` is missing",
            ),
            ("[[checks]]\nfilter = { match = {} }", "say how many"),
            (
                "[[checks]]\nfilter = { count-min = 3, count-max = 2, match = {} }",
                "say how many",
            ),
            (
                "[[checks]]\nfilter = { count = 1, count-min = 1, match = {} }",
                "say how many",
            ),
            (
                "[[checks]]\nfilter.count = 1\n[checks.filter.match]\nclient.ip = \"10.0.0.1\"\nclient.prot = 1",
                "line 5, column 8",
            ),
            (
                "absent = [{ \"client.prot\" = 1 }]",
                "did you mean `client.port`?",
            ),
            ("absent = [{ detektor = 1 }]", "did you mean `detector`?"),
            ("absent = [{ sessions.__gt = \"3\" }]", "must be a number"),
            ("absent = [{ sessions__gtee = 3 }]", "did you mean `__gte`?"),
            (
                "absent = [{ has-key = \"serve\" }]",
                "did you mean `server`?",
            ),
            (
                "absent = [{ has-key = 1 }]",
                "must be a key or a list of keys",
            ),
            ("absent = 3", "line 1"),
            ("max-findings = -1", "line 1"),
        ];
        for (text, part) in cases {
            let fault = text.parse::<Expectations>().unwrap_err().to_string();
            assert!(fault.contains(part), "{text}:\n{fault}");
        }
    }

    #[test]
    fn counts_are_told_in_words() {
        let cases = [
            (Count::exactly(0), "no finding"),
            (Count::exactly(1), "1 finding"),
            (Count::exactly(2), "2 findings"),
            (Count::up_to(1), "at most 1 finding"),
            (Count::up_to(7), "at most 7 findings"),
        ];
        for (count, words) in cases {
            assert_eq!(count.to_string(), words);
        }
    }
}
