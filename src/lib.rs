//! hopscope: a passive network sensor that finds relays.
//!
//! A packet walks down the modules below in the order they are listed. Each does one thing to it and hands on a
//! smaller, truer value. `docs/architecture.md` draws the same walk.

#![cfg_attr(test, allow(clippy::cast_possible_truncation))]

pub mod decode;
pub mod proto;
pub mod source;
pub mod time;
