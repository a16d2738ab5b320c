//! Explanations for a person who asks why: a finding line by line, and a flow's facts with its payload sizes drawn.
//!
//! Pages are as wide as they are told, between [`NARROWEST`] and [`WIDEST`] columns.

mod beacon;
mod finding;
mod flow;
mod histogram;
mod layers;
mod page;
mod quality;

pub use finding::finding;
pub use flow::flow;

/// The fewest columns a page is laid out for.
pub const NARROWEST: usize = 60;
/// The most columns: longer lines are hard to read.
pub const WIDEST: usize = 100;
