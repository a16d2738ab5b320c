//! Values under small numbers, which are used again when they are free.

/// A vector with holes.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    /// No value.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Puts a value where there is room; gives its number.
    pub fn insert(&mut self, value: T) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| self.grow());
        if let Some(entry) = self.entries.get_mut(place as usize) {
            *entry = Some(value);
        }
        place
    }

    /// Grows by an eighth, not twofold, so that the bound of memory is near.
    fn grow(&mut self) -> u32 {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(self.entries.len() / 8 + 16);
        }
        self.entries.push(None);
        u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes a value out.
    pub fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.entries.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(value)
    }

    /// The value under a number.
    pub fn get(&self, place: u32) -> Option<&T> {
        self.entries.get(place as usize)?.as_ref()
    }

    /// The value under a number.
    pub fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.entries.get_mut(place as usize)?.as_mut()
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory for one value, an upper bound.
    pub const ENTRY_BYTES: usize = size_of::<Option<T>>() * 9 / 8 + 2 * size_of::<u32>();
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again() {
        let mut slab = Slab::new();
        let places = ['a', 'b', 'c'].map(|value| slab.insert(value));
        assert_eq!(places, [0, 1, 2]);
        assert_eq!((slab.remove(1), slab.remove(1)), (Some('b'), None));
        assert_eq!((slab.get(1), slab.len()), (None, 2));
        assert_eq!((slab.insert('d'), slab.insert('e')), (1, 3));
        slab.get_mut(1).into_iter().for_each(|value| *value = 'f');
        assert_eq!((slab.get(1), slab.get(9)), (Some(&'f'), None));
    }
}
