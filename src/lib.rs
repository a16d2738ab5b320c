//! hopscope: a passive network sensor that finds relays.
//!
//! A packet walks down the modules below in the order they are listed. Each does one thing to it and hands on a
//! smaller, truer value. `docs/architecture.md` draws the same walk.

#![cfg_attr(
    test,
    allow(clippy::cast_possible_truncation, reason = "samples are small")
)]

pub mod time;

pub mod toml_file;

pub mod source;

pub mod decode;

pub mod flow;

pub mod proto;

pub mod facts;

pub mod evidence;

pub mod profile;

pub mod detect;

pub mod shard;

pub mod correlate;

pub mod finding;

pub mod exhibit;

pub mod policy;

pub mod pipeline;

pub mod sink;

pub mod config;

pub mod check;

pub mod command;
