//! How well something was seen, in words: what each defect means for a conclusion.

use crate::facts::Quality;

/// One sentence for each defect, or one that says that there is none.
pub(super) fn words(quality: Quality) -> Vec<String> {
    let all = [
        (
            quality.gaps,
            "gaps: payload is missing or was too disordered to keep; what stood in it was not read, and the byte counts are too low",
        ),
        (
            quality.one_sided,
            "one-sided: only one side was seen; what the other said, and whether it spoke at all, is not known",
        ),
        (
            quality.midstream,
            "midstream: the beginning was not seen; who opened is a guess, and what was said before is not known",
        ),
        (
            quality.truncated,
            "truncated: the capture cut packets (snaplen); names and header fields may be incomplete, sizes are right",
        ),
        (
            quality.fragments,
            "fragments: segments came in IP fragments and were put together; this takes nothing from the conclusion",
        ),
        (
            quality.loss,
            "loss: the head of the stream was given up to stay inside the memory bound, so protocols may be missing; raise heads.budget_mebibytes",
        ),
        (
            quality.copies,
            "copies: a mirror port delivered segments twice; they were counted once, and this takes nothing from the conclusion",
        ),
        (
            quality.rewritten,
            "rewritten: a retransmission brought other bytes than the first transmission; the first were believed, the receiver may have taken the others",
        ),
        (
            quality.forgotten,
            "forgotten: a session was forgotten to stay inside a cap; its end is not known and its totals are too low; raise flows.max, findings.max or findings.sessions",
        ),
    ];
    let words: Vec<String> = all
        .into_iter()
        .filter(|&(holds, _)| holds)
        .map(|(_, sentence)| sentence.to_owned())
        .collect();
    if words.is_empty() {
        return vec!["whole: nothing was missing or odd".to_owned()];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_has_a_sentence_under_its_name() {
        let quality = Quality {
            gaps: true,
            one_sided: true,
            midstream: true,
            truncated: true,
            fragments: true,
            loss: true,
            copies: true,
            rewritten: true,
            forgotten: true,
        };
        let words = words(quality);
        let fields = serde_json::to_value(quality).unwrap();
        let names = fields.as_object().unwrap();
        assert_eq!(words.len(), names.len());
        for name in names.keys() {
            let start = format!("{}:", name.replace('_', "-"));
            assert!(words.iter().any(|word| word.starts_with(&start)), "{name}");
        }
    }
}
