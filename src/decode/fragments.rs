//! Putting IP fragments together, within bounds.

use super::address::Address;
use super::outcome::Drop;
use super::part::Part;
use crate::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// The bounds of reassembly. When one is met, the oldest datagram gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Unfinished datagrams.
    pub datagrams: usize,
    /// Bytes that all unfinished datagrams hold, unused room included.
    pub bytes: usize,
    /// The longest datagram, in bytes behind its IP header.
    pub datagram_bytes: usize,
    /// How long a datagram may wait for its last fragment, from its first one on, by the capture's time.
    pub age: Span,
}

impl Default for FragmentLimits {
    fn default() -> Self {
        Self {
            datagrams: 1_024,
            bytes: 4 << 20,
            datagram_bytes: 65_535,
            age: Span::from_seconds(30),
        }
    }
}

/// The account of reassembly: every datagram begun is completed, expired, evicted, abandoned or waiting still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentCounts {
    /// Fragments kept.
    pub fragments: u64,
    /// Datagrams of which a fragment was kept.
    pub begun: u64,
    /// Datagrams that became whole.
    pub completed: u64,
    /// Datagrams forgotten because of their age.
    pub expired: u64,
    /// Datagrams forgotten because of a cap.
    pub evicted: u64,
    /// Datagrams forgotten because the capture cut one of their fragments.
    pub abandoned: u64,
    /// Fragments that said otherwise than an earlier one about the same bytes. The earlier one counts.
    pub contradicted: u64,
}

impl FragmentCounts {
    /// Datagrams that were begun and given up.
    pub const fn forgotten(&self) -> u64 {
        self.expired + self.evicted + self.abandoned
    }
}

/// The datagrams that wait for fragments.
#[derive(Debug)]
pub(super) struct Fragments {
    limits: FragmentLimits,
    counts: FragmentCounts,
    datagrams: BTreeMap<FragmentKey, Datagram>,
    /// The datagrams in the order in which they were begun.
    ages: BTreeMap<u64, FragmentKey>,
    bytes: usize,
    newest: Timestamp,
}

/// What the fragments of a datagram have in common; RFC 791, 3.2 and RFC 8200, 4.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FragmentKey {
    pub(super) source: Address,
    pub(super) destination: Address,
    pub(super) identification: u32,
    /// In IPv6 the fragment header's own number: fragments need not agree on what follows it.
    pub(super) protocol: u8,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) key: FragmentKey,
    /// What the datagram carries, if this is its first fragment.
    pub(super) protocol: u8,
    /// Where it belongs, in bytes.
    pub(super) offset: usize,
    pub(super) is_last: bool,
    pub(super) part: Part<'a>,
}

/// A datagram put together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) protocol: u8,
    pub(super) bytes: Vec<u8>,
    /// Its length on the wire: more than was captured if the last fragment was cut.
    pub(super) wire: usize,
}

impl Fragments {
    pub(super) fn new(limits: FragmentLimits) -> Self {
        Self {
            limits,
            counts: FragmentCounts::default(),
            datagrams: BTreeMap::new(),
            ages: BTreeMap::new(),
            bytes: 0,
            newest: Timestamp::MIN,
        }
    }

    pub(super) const fn counts(&self) -> &FragmentCounts {
        &self.counts
    }

    pub(super) fn waiting(&self) -> usize {
        self.datagrams.len()
    }

    /// Keeps a fragment, or gives the datagram that it completes.
    pub(super) fn add(
        &mut self,
        now: Timestamp,
        fragment: &Fragment<'_>,
    ) -> Result<Option<Whole>, Drop> {
        self.expire(now);
        self.check(fragment)
            .inspect_err(|reason| self.abandon(*reason, &fragment.key))?;
        if self.keep(fragment)? {
            self.counts.completed += 1;
            return Ok(self.forget(&fragment.key).and_then(Datagram::into_whole));
        }
        self.make_room();
        Ok(None)
    }

    /// Forgets the datagrams that have waited too long.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.newest = self.newest.max(now);
        while let Some(key) = self.oldest()
            && self.is_overdue(&key)
        {
            self.forget(&key);
            self.counts.expired += 1;
        }
    }

    fn check(&self, fragment: &Fragment<'_>) -> Result<(), Drop> {
        let length = fragment.part.wire();
        if fragment.end() > self.limits.datagram_bytes.min(MAX_DATAGRAM) {
            return Err(Drop::FragmentTooLong);
        }
        if fragment.is_last {
            return Ok(());
        }
        if length == 0 || !length.is_multiple_of(BLOCK) {
            return Err(Drop::FragmentShape);
        }
        if !fragment.part.is_whole() {
            return Err(Drop::FragmentCut);
        }
        Ok(())
    }

    /// Forgets a datagram that can never be whole, as the reason for losing one of its fragments tells.
    fn abandon(&mut self, reason: Drop, key: &FragmentKey) {
        if reason == Drop::FragmentCut && self.forget(key).is_some() {
            self.counts.abandoned += 1;
        }
    }

    /// Writes a fragment into its datagram and says whether that is whole now.
    fn keep(&mut self, fragment: &Fragment<'_>) -> Result<bool, Drop> {
        let datagram = self.datagrams.entry(fragment.key).or_insert_with(|| {
            self.counts.begun += 1;
            self.ages.insert(self.counts.begun, fragment.key);
            Datagram::new(self.counts.begun, self.newest)
        });
        datagram.learn_length(fragment)?;
        let before = datagram.cost();
        if !datagram.write(fragment) {
            self.counts.contradicted += 1;
        }
        self.counts.fragments += 1;
        self.bytes = self.bytes - before + datagram.cost();
        Ok(datagram.is_whole())
    }

    fn make_room(&mut self) {
        while self.datagrams.len() > self.limits.datagrams || self.bytes > self.limits.bytes {
            let Some(key) = self.oldest() else { return };
            self.forget(&key);
            self.counts.evicted += 1;
        }
    }

    fn oldest(&self) -> Option<FragmentKey> {
        self.ages.first_key_value().map(|(_, key)| *key)
    }

    fn is_overdue(&self, key: &FragmentKey) -> bool {
        self.datagrams
            .get(key)
            .is_none_or(|datagram| self.newest - datagram.since > self.limits.age)
    }

    fn forget(&mut self, key: &FragmentKey) -> Option<Datagram> {
        let datagram = self.datagrams.remove(key)?;
        self.ages.remove(&datagram.serial);
        self.bytes -= datagram.cost();
        Some(datagram)
    }
}

impl Fragment<'_> {
    fn end(&self) -> usize {
        self.offset.saturating_add(self.part.wire())
    }
}

/// A datagram with holes.
#[derive(Debug)]
struct Datagram {
    serial: u64,
    since: Timestamp,
    /// Known once the first fragment came.
    protocol: Option<u8>,
    /// Known once the last fragment came.
    length: Option<usize>,
    bytes: Vec<u8>,
    /// For each block of eight bytes, the unit of offsets, whether it came.
    blocks: Vec<bool>,
    /// Where the capture ends, if it cut the last fragment.
    captured: usize,
}

impl Datagram {
    const fn new(serial: u64, since: Timestamp) -> Self {
        Self {
            serial,
            since,
            protocol: None,
            length: None,
            bytes: Vec::new(),
            blocks: Vec::new(),
            captured: usize::MAX,
        }
    }

    /// The memory it holds.
    fn cost(&self) -> usize {
        self.bytes.capacity() + self.blocks.capacity()
    }

    /// Takes the length from the last fragment, and refuses a fragment that contradicts it.
    fn learn_length(&mut self, fragment: &Fragment<'_>) -> Result<(), Drop> {
        let end = fragment.end();
        let agrees = match self.length {
            Some(length) if fragment.is_last => end == length,
            Some(length) => end <= length,
            None if fragment.is_last => end >= self.bytes.len(),
            None => true,
        };
        if !agrees {
            return Err(Drop::FragmentConflict);
        }
        if fragment.is_last {
            self.length = Some(end);
        }
        Ok(())
    }

    /// Writes what is new of a fragment. The first writer wins; false if the fragment differs from it.
    fn write(&mut self, fragment: &Fragment<'_>) -> bool {
        self.make_place(fragment.end());
        if fragment.offset == 0 {
            self.protocol.get_or_insert(fragment.protocol);
        }
        let kept = self.bytes.get_mut(fragment.offset..).unwrap_or_default();
        let came = self
            .blocks
            .get_mut(fragment.offset / BLOCK..)
            .unwrap_or_default();
        let new = fragment.part.bytes();
        let agrees = write_at_once(kept, came, new) || write_blocks(kept, came, new);
        self.accept_cut(fragment);
        agrees
    }

    /// A last fragment that the capture cut leaves no hole: the datagram ends early instead.
    fn accept_cut(&mut self, fragment: &Fragment<'_>) {
        if fragment.part.is_whole() {
            return;
        }
        let captured = fragment.offset + fragment.part.bytes().len();
        self.captured = self.captured.min(captured);
        let blocks = self.blocks.iter_mut();
        blocks
            .skip(fragment.offset / BLOCK)
            .for_each(|came| *came = true);
    }

    fn make_place(&mut self, end: usize) {
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
            self.blocks.resize(end.div_ceil(BLOCK), false);
        }
    }

    fn is_whole(&self) -> bool {
        self.length.is_some() && self.blocks.iter().all(|&came| came)
    }

    fn into_whole(mut self) -> Option<Whole> {
        self.bytes.truncate(self.captured);
        Some(Whole {
            protocol: self.protocol?,
            bytes: self.bytes,
            wire: self.length?,
        })
    }
}

/// Writes bytes of which no block came before; false if one did.
fn write_at_once(kept: &mut [u8], came: &mut [bool], new: &[u8]) -> bool {
    let blocks = came.get_mut(..new.len().div_ceil(BLOCK));
    match (kept.get_mut(..new.len()), blocks) {
        (Some(kept), Some(blocks)) if !blocks.contains(&true) => {
            kept.copy_from_slice(new);
            blocks.fill(true);
            true
        }
        _ => false,
    }
}

/// Writes the blocks that did not come already; false if one that did was different.
fn write_blocks(kept: &mut [u8], came: &mut [bool], new: &[u8]) -> bool {
    let blocks = kept.chunks_mut(BLOCK).zip(came).zip(new.chunks(BLOCK));
    blocks.fold(true, |agrees, ((kept, came), new)| {
        agrees & write_block(kept, came, new)
    })
}

/// Writes a block unless it came already; false if it came and was different.
fn write_block(kept: &mut [u8], came: &mut bool, new: &[u8]) -> bool {
    let Some(kept) = kept.get_mut(..new.len()) else {
        return true;
    };
    if *came {
        return kept == new;
    }
    kept.copy_from_slice(new);
    *came = true;
    true
}

/// The unit of fragment offsets, in bytes.
const BLOCK: usize = 8;

/// The longest payload that an IP length field can announce.
const MAX_DATAGRAM: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8; 28] = b"abcdefghijklmnopqrstuvwxyz01";

    fn key(identification: u32) -> FragmentKey {
        FragmentKey {
            source: Address::v4([192, 0, 2, 1]),
            destination: Address::v4([192, 0, 2, 2]),
            identification,
            protocol: 17,
        }
    }

    fn fragment(identification: u32, offset: usize, bytes: &[u8], is_last: bool) -> Fragment<'_> {
        Fragment {
            key: key(identification),
            protocol: 17,
            offset,
            is_last,
            part: Part::new(bytes, 0),
        }
    }

    /// A piece of `MESSAGE`.
    fn piece(identification: u32, offset: usize, end: usize) -> Fragment<'static> {
        let is_last = end == MESSAGE.len();
        fragment(identification, offset, &MESSAGE[offset..end], is_last)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn closes(fragments: &Fragments) -> bool {
        let counts = fragments.counts();
        let ended = counts.completed + counts.expired + counts.evicted + counts.abandoned;
        let held: usize = fragments.datagrams.values().map(Datagram::cost).sum();
        counts.begun == ended + fragments.waiting() as u64
            && fragments.ages.len() == fragments.waiting()
            && fragments.bytes == held
    }

    fn permutations(count: usize) -> Vec<Vec<usize>> {
        if count == 0 {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for shorter in permutations(count - 1) {
            for place in 0..count {
                let mut order = shorter.clone();
                order.insert(place, count - 1);
                all.push(order);
            }
        }
        all
    }

    #[test]
    fn any_order_gives_the_same_datagram() {
        let pieces = [
            piece(1, 0, 8),
            piece(1, 8, 16),
            piece(1, 8, 24),
            piece(1, 16, 24),
            piece(1, 24, 28),
        ];
        for order in permutations(pieces.len()) {
            let mut fragments = Fragments::new(FragmentLimits::default());
            let wholes: Vec<Whole> = order
                .iter()
                .filter_map(|&index| fragments.add(at(0), &pieces[index]).unwrap())
                .collect();
            assert_eq!(wholes.len(), 1, "{order:?}");
            assert_eq!(wholes[0].bytes, MESSAGE, "{order:?}");
            assert_eq!((wholes[0].protocol, wholes[0].wire), (17, 28));
            assert_eq!(fragments.counts().contradicted, 0);
            assert!(closes(&fragments));
        }
    }

    #[test]
    fn the_first_writer_wins_and_a_difference_is_counted() {
        let mut fragments = Fragments::new(FragmentLimits::default());
        let forged = [b'!'; 16];
        for part in [
            piece(1, 8, 16),
            fragment(1, 0, &forged, false),
            fragment(1, 0, &forged[..8], false),
        ] {
            assert_eq!(fragments.add(at(0), &part), Ok(None));
        }
        let whole = fragments.add(at(0), &piece(1, 16, 28)).unwrap().unwrap();
        assert_eq!(whole.bytes, b"!!!!!!!!ijklmnopqrstuvwxyz01");
        assert_eq!(fragments.counts().contradicted, 1);
        assert!(closes(&fragments));
    }

    #[test]
    fn malformed_fragments_are_lost_with_their_reason() {
        let long = [0; 64];
        let cut = Fragment {
            part: Part::new(&long, 96),
            ..fragment(1, 0, &long, false)
        };
        let cases = [
            (fragment(1, 0, &long[..12], false), Drop::FragmentShape),
            (fragment(1, 8, &[], false), Drop::FragmentShape),
            (fragment(1, 65_528, &long[..8], true), Drop::FragmentTooLong),
            (fragment(1, 65_528, &long, false), Drop::FragmentTooLong),
            (cut, Drop::FragmentCut),
        ];
        for (part, reason) in cases {
            let mut fragments = Fragments::new(FragmentLimits::default());
            assert_eq!(fragments.add(at(0), &part), Err(reason));
            assert_eq!(fragments.waiting(), 0);
            assert!(closes(&fragments));
        }
    }

    #[test]
    fn a_length_is_not_taken_back() {
        let long = [0; 64];
        let cases = [
            [
                fragment(1, 0, &long, false),
                fragment(1, 8, &long[..8], true),
            ],
            [
                fragment(1, 8, &long[..8], true),
                fragment(1, 0, &long, false),
            ],
            [
                fragment(1, 8, &long[..8], true),
                fragment(1, 8, &long[..9], true),
            ],
            [fragment(1, 8, &long[..8], true), fragment(1, 8, &[], true)],
        ];
        for [first, second] in cases {
            let mut fragments = Fragments::new(FragmentLimits::default());
            assert_eq!(fragments.add(at(0), &first), Ok(None));
            assert_eq!(fragments.add(at(0), &second), Err(Drop::FragmentConflict));
            assert!(closes(&fragments));
        }
    }

    #[test]
    fn an_empty_last_fragment_only_tells_the_length() {
        let mut fragments = Fragments::new(FragmentLimits::default());
        assert_eq!(fragments.add(at(0), &fragment(1, 8, &[], true)), Ok(None));
        let whole = fragments.add(at(0), &piece(1, 0, 8)).unwrap().unwrap();
        assert_eq!(whole.bytes, b"abcdefgh");
    }

    #[test]
    fn a_cut_fragment_ends_its_datagram_unless_it_is_the_last() {
        let mut fragments = Fragments::new(FragmentLimits::default());
        assert_eq!(fragments.add(at(0), &piece(1, 16, 28)), Ok(None));
        let cut = Fragment {
            part: Part::new(b"abc", 8),
            ..piece(1, 0, 8)
        };
        assert_eq!(fragments.add(at(0), &cut), Err(Drop::FragmentCut));
        assert_eq!((fragments.waiting(), fragments.counts().abandoned), (0, 1));

        let cut = Fragment {
            part: Part::new(b"qrs", 12),
            ..piece(2, 16, 28)
        };
        assert_eq!(fragments.add(at(0), &cut), Ok(None));
        let whole = fragments.add(at(0), &piece(2, 0, 16)).unwrap().unwrap();
        assert_eq!(
            (whole.bytes.as_slice(), whole.wire),
            (&b"abcdefghijklmnopqrs"[..], 28)
        );
        assert!(closes(&fragments));
    }

    #[test]
    fn a_datagram_expires_by_the_time_of_the_capture() {
        let mut fragments = Fragments::new(FragmentLimits::default());
        assert_eq!(fragments.add(at(0), &piece(1, 0, 8)), Ok(None));
        assert_eq!(fragments.add(at(30), &piece(2, 0, 8)), Ok(None));
        assert_eq!(fragments.waiting(), 2);
        assert_eq!(fragments.add(at(31), &piece(1, 8, 28)), Ok(None));
        assert_eq!((fragments.waiting(), fragments.counts().expired), (2, 1));
        fragments.expire(at(10));
        assert_eq!(fragments.waiting(), 2, "time does not run back");
        fragments.expire(at(62));
        assert_eq!((fragments.waiting(), fragments.counts().expired), (0, 3));
        assert!(closes(&fragments));
    }

    #[test]
    fn the_oldest_datagram_gives_way() {
        let limits = FragmentLimits {
            datagrams: 2,
            ..FragmentLimits::default()
        };
        let mut fragments = Fragments::new(limits);
        for identification in [9, 5, 7] {
            assert_eq!(fragments.add(at(0), &piece(identification, 0, 8)), Ok(None));
        }
        assert_eq!((fragments.waiting(), fragments.counts().evicted), (2, 1));
        assert_eq!(fragments.add(at(0), &piece(9, 8, 28)), Ok(None));
        let whole = fragments.add(at(0), &piece(7, 8, 28)).unwrap();
        assert!(whole.is_some());
        assert!(closes(&fragments));
    }

    #[test]
    fn a_flood_stays_within_its_bytes() {
        let limits = FragmentLimits {
            bytes: 200_000,
            ..FragmentLimits::default()
        };
        let mut fragments = Fragments::new(limits);
        let mut random = 1_u32;
        for _ in 0..2_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let offset = usize::try_from(random >> 19).unwrap() * 8;
            let part = fragment(random >> 8 & 0x3f, offset, b"12345678", random & 0x80 == 0);
            let _ = fragments.add(at(0), &part);
            assert!(fragments.bytes <= limits.bytes);
        }
        assert!(fragments.counts().evicted > 0);
        assert!(closes(&fragments));
    }

    #[test]
    fn the_smallest_fragments_make_the_longest_datagram() {
        let mut fragments = Fragments::new(FragmentLimits::default());
        let mut wholes = 0;
        for block in (0..8_191_usize).rev() {
            let part = fragment(1, block * 8, b"12345678", block == 8_190);
            wholes += usize::from(fragments.add(at(0), &part).unwrap().is_some());
        }
        assert_eq!(wholes, 1);
        assert!(closes(&fragments));
    }
}
