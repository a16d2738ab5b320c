//! Several ordered lists over the same nodes, with constant-time removal.
//!
//! The flow table keeps three kinds of order (expiry slots, eviction classes, stream heads) and each flow stands in at
//! most one list of each kind. The lists are circular, each around a sentinel, so that a node can be taken out
//! without knowing which list it is in.

/// `lists` circular lists over nodes `0..`.
#[derive(Debug)]
pub struct Rings {
    /// The sentinels of all lists, then the nodes.
    links: Vec<Link>,
    lists: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
}

impl Rings {
    /// Empty lists, numbered from 0.
    pub fn new(lists: u32) -> Self {
        let links = (0..lists).map(Link::alone).collect();
        Self { links, lists }
    }

    /// Puts a node at the end of a list, taking it out of the list that it was in.
    pub fn push(&mut self, list: u32, node: u32) {
        let at = self.position(node);
        self.grow(at);
        self.remove(node);
        let last = self.link(list).previous;
        self.set(
            at,
            Link {
                previous: last,
                next: list,
            },
        );
        self.update(last, |link| link.next = at);
        self.update(list, |link| link.previous = at);
    }

    /// Takes a node out of the list that it is in, if it is in one.
    pub fn remove(&mut self, node: u32) {
        let at = self.position(node);
        let Link { previous, next } = self.link(at);
        if next == at {
            return;
        }
        self.update(previous, |link| link.next = next);
        self.update(next, |link| link.previous = previous);
        self.set(at, Link::alone(at));
    }

    /// The node that has been in a list for longest.
    pub fn first(&self, list: u32) -> Option<u32> {
        self.link(list).next.checked_sub(self.lists)
    }

    /// The node behind another one in the same list.
    pub fn next(&self, node: u32) -> Option<u32> {
        self.link(self.position(node)).next.checked_sub(self.lists)
    }

    /// Bytes of memory that one node needs.
    pub const NODE_BYTES: usize = size_of::<Link>() * 9 / 8;

    fn position(&self, node: u32) -> u32 {
        self.lists.saturating_add(node)
    }

    fn grow(&mut self, at: u32) {
        if self.links.len() <= at as usize && self.links.len() == self.links.capacity() {
            self.links.reserve_exact(self.links.len() / 8 + 16);
        }
        while self.links.len() <= at as usize {
            let new = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
            self.links.push(Link::alone(new));
        }
    }

    fn link(&self, at: u32) -> Link {
        let link = self.links.get(at as usize);
        link.copied().unwrap_or(Link::alone(at))
    }

    fn set(&mut self, at: u32, link: Link) {
        self.update(at, |old| *old = link);
    }

    fn update(&mut self, at: u32, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.get_mut(at as usize) {
            change(link);
        }
    }
}

impl Link {
    /// A link that leads back to itself: an empty list, or a node in no list.
    fn alone(at: u32) -> Self {
        Self {
            previous: at,
            next: at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(rings: &mut Rings, list: u32) -> Vec<u32> {
        std::iter::from_fn(|| {
            let node = rings.first(list)?;
            rings.remove(node);
            Some(node)
        })
        .collect()
    }

    #[test]
    fn nodes_leave_in_the_order_they_came() {
        let mut rings = Rings::new(2);
        [3, 0, 7].into_iter().for_each(|node| rings.push(1, node));
        assert_eq!(drain(&mut rings, 1), [3, 0, 7]);
        assert_eq!(rings.first(0), None);
    }

    #[test]
    fn a_node_is_in_one_list_at_a_time() {
        let mut rings = Rings::new(2);
        [1, 2, 3].into_iter().for_each(|node| rings.push(0, node));
        rings.push(1, 2);
        rings.push(0, 1);
        rings.remove(9);
        assert_eq!(drain(&mut rings, 0), [3, 1]);
        assert_eq!(drain(&mut rings, 1), [2]);
    }
}
