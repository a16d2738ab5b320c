//! Verdicts: whether an expectation is met, and if not, what comes nearest to it.

use serde_json::Value;

use super::expect::Expectation;
use super::matching::{Match, Term, plain};

/// A finding as a check sees it.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    /// What to call it in a failure.
    pub title: &'a str,
    /// The capture it was found in, where captures are judged together.
    pub capture: Option<&'a str>,
    /// Its JSON.
    pub json: &'a Value,
}

/// What an expectation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was expected.
    pub expectation: Expectation,
    /// How many findings fit.
    pub found: u64,
    /// What there is to say where it is not met.
    pub failure: Option<Failure>,
}

/// Why an expectation is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Too few findings fit; the one that comes nearest, if there is another one.
    TooFew(Option<Nearest>),
    /// Too many findings fit: their names.
    TooMany(Vec<String>),
}

/// A finding that does not fit, term by term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The finding's name.
    pub name: String,
    /// The terms, in the order of the match.
    pub terms: Vec<Compared>,
}

/// A term beside what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The key, with its operator.
    pub key: String,
    /// What was expected.
    pub wanted: String,
    /// What was found instead, with the path to it; none where the term holds.
    pub found: Option<(String, String)>,
}

impl Expectation {
    /// Holds the expectation against everything that was found.
    pub fn judge(self, witnesses: &[Witness<'_>]) -> Verdict {
        let fits = |witness: &&Witness<'_>| self.matching.fits(witness.json);
        let (fitting, others): (Vec<&Witness<'_>>, Vec<_>) = witnesses.iter().partition(fits);
        let found = fitting.len() as u64;
        let failure = if self.count.allows(found) {
            None
        } else if self.count.is_exceeded_by(found) {
            let names = fitting.iter().map(|witness| witness.name()).collect();
            Some(Failure::TooMany(names))
        } else {
            Some(Failure::TooFew(nearest(&self.matching, &others)))
        };
        Verdict {
            expectation: self,
            found,
            failure,
        }
    }
}

impl Verdict {
    /// Whether the expectation is met.
    pub fn is_met(&self) -> bool {
        self.failure.is_none()
    }

    /// `expected 1 finding, found 2`.
    pub fn message(&self) -> String {
        let Self {
            expectation, found, ..
        } = self;
        format!("expected {}, found {found}", expectation.count)
    }
}

impl Witness<'_> {
    fn name(&self) -> String {
        match self.capture {
            Some(capture) => format!("{capture}: {}", self.title),
            None => self.title.to_owned(),
        }
    }
}

/// The finding for which most terms hold; of several, the first.
fn nearest(matching: &Match, others: &[&Witness<'_>]) -> Option<Nearest> {
    let held = |witness: &Witness<'_>| {
        let holds = |term: &&Term| term.holds(witness.json);
        matching.terms().iter().filter(holds).count()
    };
    let witness = others.iter().rev().max_by_key(|witness| held(witness))?;
    let compared = |term| Compared::new(term, witness.json);
    Some(Nearest {
        name: witness.name(),
        terms: matching.terms().iter().map(compared).collect(),
    })
}

impl Compared {
    fn new(term: &Term, finding: &Value) -> Self {
        let found: Vec<String> = term.found(finding).into_iter().map(plain).collect();
        let found = match found.as_slice() {
            [] => "(nothing)".to_owned(),
            found => found.join(", "),
        };
        Self {
            key: term.key(),
            wanted: plain(&term.value()),
            found: (!term.holds(finding)).then(|| (term.path().to_string(), found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::expect::Expectations;

    fn judge(text: &str, findings: &[Value]) -> Verdict {
        let expectations: Expectations = text.parse().unwrap();
        let titles: Vec<String> = (1..).take(findings.len()).map(|n| n.to_string()).collect();
        let witness = |(title, json)| Witness {
            title,
            capture: None,
            json,
        };
        let titled = titles.iter().map(String::as_str).zip(findings);
        let witnesses: Vec<Witness<'_>> = titled.map(witness).collect();
        expectations.all[0].clone().judge(&witnesses)
    }

    #[test]
    fn counts_decide() {
        let findings = [json!({"sessions": 1}), json!({"sessions": 2})];
        let cases = [
            ("count = 2, match = {}", true),
            ("count = 1, match = {}", false),
            ("count = 3, match = {}", false),
            ("count-min = 1, match = {}", true),
            ("count-min = 3, match = {}", false),
            ("count-max = 1, match = {}", false),
            ("count-min = 1, count-max = 2, match = {}", true),
            ("count = 1, match = { sessions = 2 }", true),
            ("count = 0, match = { sessions = 2 }", false),
            ("count = 0, match = { sessions = 3 }", true),
        ];
        for (filter, met) in cases {
            let text = format!("[[checks]]\nfilter = {{ {filter} }}");
            assert_eq!(judge(&text, &findings).is_met(), met, "{filter}");
        }
        assert!(!judge("absent = [{ sessions = 2 }]", &findings).is_met());
        assert!(judge("absent = [{ sessions = 3 }]", &findings).is_met());
        assert!(judge("max-findings = 2", &findings).is_met());
        assert!(!judge("max-findings = 1", &findings).is_met());
    }

    #[test]
    fn the_nearest_finding_is_compared_term_by_term() {
        let findings = [
            json!({"client": {"ip": "10.0.0.1"}, "server": {"port": 1}}),
            json!({"client": {"ip": "10.0.0.2"}, "server": {"port": 2}, "target": {"host": "a"}}),
            json!({"client": {"ip": "10.0.0.2"}, "server": {"port": 3}}),
        ];
        let text = "[[checks]]\nfilter = { count = 1, match = { client.ip = \"10.0.0.2\", \
                    server.port = 7, has-key = \"relay\" } }";
        let verdict = judge(text, &findings);
        assert_eq!(verdict.message(), "expected 1 finding, found 0");
        let Some(Failure::TooFew(Some(nearest))) = verdict.failure else {
            panic!("{verdict:?}");
        };
        assert_eq!(nearest.name, "2");
        let told = |compared: &Compared| {
            let (path, found) = compared.found.clone().unwrap_or_default();
            format!("{} {} {path} {found}", compared.key, compared.wanted)
        };
        let terms: Vec<String> = nearest.terms.iter().map(told).collect();
        assert_eq!(
            terms,
            [
                "client.ip 10.0.0.2  ",
                "server.port 7 server.port 2",
                "has-key relay relay (nothing)"
            ]
        );
    }

    #[test]
    fn what_is_too_much_is_named() {
        let verdict = judge("max-findings = 1", &[json!({}), json!({})]);
        let names = ["1", "2"].map(str::to_owned).to_vec();
        assert_eq!(verdict.failure, Some(Failure::TooMany(names)));
        let verdict = judge("[[checks]]\nfilter = { count = 1, match = {} }", &[]);
        assert_eq!(verdict.failure, Some(Failure::TooFew(None)));
    }
}
