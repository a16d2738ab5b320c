//! A map with a cap: the oldest entry gives way.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// At most a given number of entries; a new one beyond that displaces the one inserted first.
#[derive(Debug)]
pub struct Recent<K, V> {
    entries: HashMap<K, (u64, V), foldhash::fast::RandomState>,
    /// Keys by the number of their insertion, so that nothing depends on the order of a hash table; among them some that
    /// are gone or were inserted anew.
    order: VecDeque<(u64, K)>,
    inserted: u64,
    displaced: u64,
    cap: usize,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// An empty map for at most `cap` entries.
    pub fn new(cap: usize) -> Self {
        Self {
            entries: HashMap::default(),
            order: VecDeque::new(),
            inserted: 0,
            displaced: 0,
            cap,
        }
    }

    /// Inserts an entry as the newest, in place of an older one with the same key. Gives what was displaced.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        self.inserted += 1;
        self.entries.insert(key, (self.inserted, value));
        self.order.push_back((self.inserted, key));
        self.tidy();
        if self.entries.len() <= self.cap {
            return None;
        }
        self.displaced += 1;
        self.pop_oldest()
    }

    /// How many entries were displaced so far.
    pub fn displaced(&self) -> u64 {
        self.displaced
    }

    /// Takes out what was inserted first.
    fn pop_oldest(&mut self) -> Option<(K, V)> {
        while let Some((number, key)) = self.order.pop_front() {
            if let Entry::Occupied(entry) = self.entries.entry(key)
                && entry.get().0 == number
            {
                return Some((key, entry.remove().1));
            }
        }
        None
    }

    /// Forgets what is gone, once it is more than what is there.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.entries.len() + TIDY_FROM {
            let entries = &self.entries;
            let stands = |(number, key): &(u64, K)| {
                let entry = entries.get(key);
                entry.is_some_and(|(newest, _)| newest == number)
            };
            self.order.retain(stands);
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// The value of a key.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// The value of a key, a new one as the newest where there is none; `None` only where nothing may be kept.
    pub fn get_or_default(&mut self, key: K) -> Option<&mut V>
    where
        V: Default,
    {
        if !self.contains(&key) {
            self.insert(key, V::default());
        }
        self.get_mut(&key)
    }

    /// Whether there is an entry.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        if self.is_empty() {
            return None;
        }
        self.entries.remove(key).map(|(_, value)| value)
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
        order.into_iter().filter_map(move |(number, key)| {
            let stands = entries
                .get(&key)
                .is_some_and(|(newest, _)| *newest == number);
            stands.then(|| entries.remove(&key).map(|(_, value)| (key, value)))?
        })
    }
}

const TIDY_FROM: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way() {
        let mut recent = Recent::new(2);
        assert_eq!(recent.insert('a', 1), None);
        assert_eq!(recent.insert('b', 2), None);
        assert_eq!(recent.insert('a', 3), None);
        assert_eq!(recent.displaced(), 0);
        assert_eq!(recent.insert('c', 4), Some(('b', 2)));
        assert_eq!(recent.displaced(), 1);
        assert_eq!(recent.remove(&'a'), Some(3));
        assert_eq!(recent.drain().collect::<Vec<_>>(), [('c', 4)]);
        assert!(recent.is_empty());
    }

    #[test]
    fn what_comes_and_goes_leaves_nothing_behind() {
        let mut recent = Recent::new(4);
        for number in 0..1_000 {
            recent.insert(number % 3, number);
            if number % 2 == 0 {
                recent.remove(&(number % 3));
            }
            assert!(recent.order.len() <= 2 * 3 + TIDY_FROM + 1);
        }
        assert_eq!(
            recent.drain().map(|(_, value)| value).collect::<Vec<_>>(),
            [997, 999]
        );
    }
}
