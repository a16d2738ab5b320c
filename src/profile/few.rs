//! At most so many entries: the smallest keys stay, so that whatever is put together in whatever order comes to the same.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What becomes of two values of one key. It may not matter in which order they meet.
pub trait Merge {
    /// Takes another value in.
    fn merge(&mut self, other: Self);
}

/// At most `MOST` entries, in the order of their keys. A key that had to go never comes back: there are `MOST` smaller ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<K, V, const MOST: usize>(Vec<(K, V)>);

/// At most `MOST` values, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FewOf<T, const MOST: usize>(Few<T, (), MOST>);

impl<K: Ord, V: Merge, const MOST: usize> Few<K, V, MOST> {
    /// Adds an entry to what there is of its key.
    pub fn add(&mut self, key: K, value: V) {
        match self.0.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(place) => {
                if let Some((_, known)) = self.0.get_mut(place) {
                    known.merge(value);
                }
            }
            Err(place) if place >= MOST => {}
            Err(place) => {
                self.0.truncate(MOST - 1);
                self.0.insert(place, (key, value));
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let place = self.0.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// Its entries, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter()
    }

    /// Whether there may have been more.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Ord, const MOST: usize> FewOf<T, MOST> {
    /// Adds a value.
    pub fn add(&mut self, value: T) {
        self.0.add(value, ());
    }

    /// Its values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(value, ())| value)
    }

    /// Whether there may have been more.
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord, V: Merge, const MOST: usize> Merge for Few<K, V, MOST> {
    fn merge(&mut self, other: Self) {
        other
            .0
            .into_iter()
            .for_each(|(key, value)| self.add(key, value));
    }
}

impl<T: Ord, const MOST: usize> Merge for FewOf<T, MOST> {
    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

impl Merge for () {
    fn merge(&mut self, (): Self) {}
}

impl<K, V, const MOST: usize> Default for Few<K, V, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MOST: usize> Default for FewOf<T, MOST> {
    fn default() -> Self {
        Self(Few::default())
    }
}

impl<K: Serialize, V: Serialize, const MOST: usize> Serialize for Few<K, V, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<T: Serialize, const MOST: usize> Serialize for FewOf<T, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.0.iter().map(|(value, ())| value))
    }
}

impl<'de, K, V, const MOST: usize> Deserialize<'de> for Few<K, V, MOST>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de> + Merge,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<'de, T: Deserialize<'de> + Ord, const MOST: usize> Deserialize<'de> for FewOf<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Values(PhantomData)).map(Self)
    }
}

struct Entries<K, V, const MOST: usize>(PhantomData<(K, V)>);

struct Values<T, const MOST: usize>(PhantomData<T>);

impl<'de, K, V, const MOST: usize> Visitor<'de> for Entries<K, V, MOST>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de> + Merge,
{
    type Value = Few<K, V, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut few = Few::default();
        while let Some((key, value)) = map.next_entry()? {
            few.add(key, value);
        }
        Ok(few)
    }
}

impl<'de, T: Deserialize<'de> + Ord, const MOST: usize> Visitor<'de> for Values<T, MOST> {
    type Value = Few<T, (), MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut few = Few::default();
        while let Some(value) = seq.next_element()? {
            few.add(value, ());
        }
        Ok(few)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u8]) -> FewOf<u8, 3> {
        let mut few = FewOf::default();
        values.iter().for_each(|value| few.add(*value));
        few
    }

    #[test]
    fn the_smallest_stay() {
        let cases: [(&[u8], &[u8]); 5] = [
            (&[], &[]),
            (&[2, 1, 2], &[1, 2]),
            (&[3, 2, 1], &[1, 2, 3]),
            (&[9, 8, 7, 1, 2, 9], &[1, 2, 7]),
            (&[1, 2, 3, 4], &[1, 2, 3]),
        ];
        for (added, kept) in cases {
            let few = of(added);
            assert_eq!(few.iter().copied().collect::<Vec<_>>(), kept, "{added:?}");
            assert_eq!(few.is_full(), kept.len() == 3, "{added:?}");
        }
    }

    #[test]
    fn nothing_fits_where_there_is_no_room() {
        let mut few: FewOf<u8, 0> = FewOf::default();
        few.add(1);
        assert!(few.is_empty());
    }
}
