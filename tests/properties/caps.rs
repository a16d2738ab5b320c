//! Sums that forget the particulars forget no count.

use std::collections::BTreeMap;

use hopscope::correlate::recent::Recent;
use hopscope::facts::SizeBin;
use hopscope::finding::summary::Tally;
use hopscope::flow::sizes::Sizes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::holds;

#[test]
fn a_tally_counts_everything_under_its_cap() {
    holds(vec(0..40u8, 0..200), |values| {
        let mut tally = Tally::default();
        tally.extend(values.iter().copied());
        let mut first_seen: Vec<u8> = Vec::new();
        for value in &values {
            if !first_seen.contains(value) {
                first_seen.push(*value);
            }
        }
        first_seen.truncate(16);
        let count = |value: &u8| values.iter().filter(|other| *other == value).count() as u64;
        let mut expected: Vec<(Option<u8>, u64)> = Vec::new();
        expected.extend(first_seen.iter().map(|value| (Some(*value), count(value))));
        let named: u64 = expected.iter().map(|(_, count)| count).sum();
        let others = values.len() as u64 - named;
        expected.extend((others > 0).then_some((None, others)));
        let counted: Vec<_> = tally.iter().map(|c| (c.value, c.count)).collect();
        assert_eq!(counted, expected);
    });
}

#[test]
fn recent_entries_are_the_newest() {
    let actions = vec((any::<bool>(), 0..12u8), 0..120);
    holds((0..8usize, actions), |(cap, actions)| {
        let mut recent = Recent::new(cap);
        let mut model: Vec<(u8, usize)> = Vec::new();
        for (value, (inserts, key)) in actions.into_iter().enumerate() {
            let known = model.iter().position(|(other, _)| *other == key);
            let removed = known.map(|at| model.remove(at).1);
            if inserts {
                model.push((key, value));
                let displaced = (model.len() > cap).then(|| model.remove(0));
                assert_eq!(recent.insert(key, value), displaced);
            } else {
                assert_eq!(recent.remove(&key), removed);
            }
            let known = model.iter().find(|(other, _)| *other == key);
            assert_eq!(recent.get(&key), known.map(|(_, value)| value));
            assert_eq!(recent.len(), model.len());
        }
        assert_eq!(recent.drain().collect::<Vec<_>>(), model);
    });
}

#[test]
fn sizes_count_each_payload_in_its_bin() {
    let some = vec(prop_oneof![0..2_000u32, any::<u32>()], 0..40);
    // More than a byte can count.
    let often = (0..70_000u32, 0..600usize);
    holds((some, often), |(mut payloads, (size, times))| {
        payloads.extend(std::iter::repeat_n(size, times));
        let mut sizes = Sizes::default();
        payloads.iter().for_each(|&bytes| sizes.record(bytes));
        let bins: Vec<SizeBin> = sizes.bins().collect();
        assert!(bins.is_sorted_by(|a, b| a.highest < b.lowest));
        let mut expected = BTreeMap::new();
        for bytes in payloads {
            let bytes = bytes.min(65_535);
            let bin = bins.iter().rfind(|bin| bin.lowest <= bytes).unwrap();
            assert!(bytes <= bin.highest, "{bytes} stands in {bin:?}");
            assert!(bin.highest - bin.lowest <= bin.lowest / 4, "{bin:?}");
            *expected.entry(bin.lowest).or_default() += 1u32;
        }
        let counts: BTreeMap<u32, u32> = bins.iter().map(|bin| (bin.lowest, bin.count)).collect();
        assert_eq!(counts, expected);
    });
}
