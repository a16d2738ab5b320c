//! Words that are the only values of a key, some of them in an order.

use crate::detect::DETECTORS;
use crate::finding::Verdict;

/// The words that the value of a key is one of.
pub(super) fn words(path: &str) -> Option<Vec<&'static str>> {
    match path {
        "detector" => Some(DETECTORS.iter().map(|detector| detector.name).collect()),
        "verdict" => Some(Verdict::ALL.map(Verdict::name).to_vec()),
        _ => ranks(path).map(<[_]>::to_vec),
    }
}

/// Words that have an order, least first.
pub(super) fn ranks(path: &str) -> Option<&'static [&'static str]> {
    match path {
        "severity" => Some(&SEVERITIES),
        "certainty" => Some(&CERTAINTIES),
        _ => None,
    }
}

const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];
const CERTAINTIES: [&str; 4] = ["hint", "possible", "probable", "proven"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evidence::Certainty;
    use crate::finding::Severity;

    #[test]
    fn words_stand_in_their_order() {
        assert_eq!(Severity::ALL.map(Severity::name), SEVERITIES);
        let certainties = [
            Certainty::Hint,
            Certainty::Possible,
            Certainty::Probable,
            Certainty::Proven,
        ];
        assert!(certainties.is_sorted());
        assert_eq!(json!(certainties), json!(CERTAINTIES));
        assert_eq!(json!(Verdict::ALL), json!(Verdict::ALL.map(Verdict::name)));
    }
}
