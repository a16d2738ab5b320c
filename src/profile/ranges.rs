//! Ranges of addresses, to ask whether an address is in one of them.

use std::ops::RangeInclusive;

use crate::decode::Address;

/// Ranges that do not touch, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(Vec<RangeInclusive<Address>>);

impl Ranges {
    /// What these cover together.
    pub(super) fn new(mut ranges: Vec<RangeInclusive<Address>>) -> Self {
        ranges.sort_by_key(|range| *range.start());
        let mut apart: Vec<RangeInclusive<Address>> = Vec::new();
        for range in ranges {
            match apart.last_mut() {
                Some(last) if range.start() <= last.end() => {
                    let end = *last.end().max(range.end());
                    *last = *last.start()..=end;
                }
                _ => apart.push(range),
            }
        }
        Self(apart)
    }

    /// Whether an address is in one of them.
    pub(super) fn contains(&self, address: Address) -> bool {
        let behind = self.0.partition_point(|range| *range.end() < address);
        self.0
            .get(behind)
            .is_some_and(|range| *range.start() <= address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::samples::endpoint;

    fn address(text: &str) -> Address {
        endpoint(&format!("{text}:0")).address
    }

    #[test]
    fn an_address_is_in_a_range_or_between_two() {
        let ranges = [
            ("10.0.2.0", "10.0.2.9"),
            ("10.0.0.5", "10.0.0.9"),
            ("10.0.0.0", "10.0.0.7"),
            ("10.0.0.1", "10.0.0.2"),
        ];
        let ranges = ranges.map(|(first, last)| address(first)..=address(last));
        let ranges = Ranges::new(ranges.to_vec());
        let cases = [
            ("9.255.255.255", false),
            ("10.0.0.0", true),
            ("10.0.0.9", true),
            ("10.0.0.10", false),
            ("10.0.1.255", false),
            ("10.0.2.0", true),
            ("10.0.2.9", true),
            ("10.0.2.10", false),
        ];
        for (one, expected) in cases {
            assert_eq!(ranges.contains(address(one)), expected, "{one}");
        }
        assert!(!Ranges::default().contains(address("10.0.0.0")));
    }
}
