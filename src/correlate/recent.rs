//! A map with a cap: the oldest entry gives way.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// At most a given number of entries; a new one beyond that displaces the one inserted first.
#[derive(Debug)]
pub struct Recent<K, V> {
    entries: HashMap<K, (u64, V)>,
    /// Keys by the number of their insertion, so that nothing depends on the order of a hash table.
    order: BTreeMap<u64, K>,
    inserted: u64,
    cap: usize,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// An empty map for at most `cap` entries.
    pub fn new(cap: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            inserted: 0,
            cap,
        }
    }

    /// Inserts an entry as the newest, in place of an older one with the same key. Gives what was displaced.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        self.remove(&key);
        self.inserted += 1;
        self.order.insert(self.inserted, key);
        self.entries.insert(key, (self.inserted, value));
        if self.entries.len() <= self.cap {
            return None;
        }
        let (_, oldest) = self.order.pop_first()?;
        self.entries
            .remove(&oldest)
            .map(|(_, value)| (oldest, value))
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// The value of a key.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// Whether there is an entry.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (number, value) = self.entries.remove(key)?;
        self.order.remove(&number);
        Some(value)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes all entries out, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> {
        let order = std::mem::take(&mut self.order);
        let mut entries = std::mem::take(&mut self.entries);
        order
            .into_values()
            .filter_map(move |key| Some((key, entries.remove(&key)?.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way() {
        let mut recent = Recent::new(2);
        assert_eq!(recent.insert('a', 1), None);
        assert_eq!(recent.insert('b', 2), None);
        assert_eq!(recent.insert('a', 3), None);
        assert_eq!(recent.insert('c', 4), Some(('b', 2)));
        assert_eq!(recent.remove(&'a'), Some(3));
        assert_eq!(recent.drain().collect::<Vec<_>>(), [('c', 4)]);
        assert!(recent.is_empty());
    }
}
