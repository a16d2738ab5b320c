//! Sinks: findings as lines.

pub mod account;
pub mod exhibits;
pub mod explain;
pub mod jsonl;
pub mod metrics;
pub mod pcapng;
pub mod rotation;
pub mod syslog;
pub mod text;
