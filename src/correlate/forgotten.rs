//! What correlators forgot to stay inside their caps.

use std::ops::AddAssign;

/// What had to give way, or was never taken in, by the cap that decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Endpoints, and sessions that waited for another flow.
    pub endpoints: u64,
    /// Addresses whose names were remembered.
    pub names: u64,
    /// Flows that were alive and might have been legs.
    pub legs: u64,
    /// Nonces of the last seconds.
    pub nonces: u64,
    /// Requests whose second leg was waited for, hosts whose legs were measured, and hops.
    pub joins: u64,
    /// Addresses of which it was remembered who goes there, and what TLS clients look like.
    pub destinations: u64,
    /// Pairs of a client and a server that came back.
    pub pairs: u64,
}

impl Forgotten {
    /// Each cap by its key in the configuration, and how much gave way.
    pub fn by_key(&self) -> [(&'static str, u64); 7] {
        [
            ("findings.remembered", self.endpoints),
            ("findings.names", self.names),
            ("relays.legs", self.legs),
            ("relays.nonces", self.nonces),
            ("relays.joins", self.joins),
            ("rhythms.destinations", self.destinations),
            ("rhythms.pairs", self.pairs),
        ]
    }
}

impl AddAssign for Forgotten {
    fn add_assign(&mut self, other: Self) {
        self.endpoints += other.endpoints;
        self.names += other.names;
        self.legs += other.legs;
        self.nonces += other.nonces;
        self.joins += other.joins;
        self.destinations += other.destinations;
        self.pairs += other.pairs;
    }
}
