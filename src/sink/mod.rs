//! Sinks: findings as lines.

pub mod account;
pub mod jsonl;
pub mod text;
