//! What a shard counted.

/// What a shard counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Flows opened.
    pub flows: u64,
    /// Flows forgotten because the table was full.
    pub flows_evicted: u64,
    /// Those of them that both sides had spoken in.
    pub answered_evicted: u64,
    /// Segments recognised as mirrored copies.
    pub copies: u64,
    /// Segments with payload that came after the end of their connection.
    pub late_segments: u64,
    /// Stream heads given up because their budget was used up.
    pub heads_given_up: u64,
    /// Flows whose segments were too scattered for a head to keep.
    pub heads_scattered: u64,
    /// SSH sessions of which only the clear part was read, because too many are read at once.
    pub ssh_unread: u64,
}

impl ShardCounts {
    /// Adds what another shard counted.
    pub fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.flows_evicted += other.flows_evicted;
        self.answered_evicted += other.answered_evicted;
        self.copies += other.copies;
        self.late_segments += other.late_segments;
        self.heads_given_up += other.heads_given_up;
        self.heads_scattered += other.heads_scattered;
        self.ssh_unread += other.ssh_unread;
    }
}
