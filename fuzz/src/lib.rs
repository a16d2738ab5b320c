//! What the fuzz targets share: the checks that `tests/fuzz_corpus.rs` runs too.

#[path = "../../tests/checks/mod.rs"]
mod checks;

use std::sync::OnceLock;

use checks::{CHECKS, Check};

/// Runs the check of this fuzz target.
pub fn check(target: &str, bytes: &[u8]) {
    // Looked up once, so that the fuzzer does not take the names of targets for bytes worth trying.
    static CHECK: OnceLock<Check> = OnceLock::new();
    let check = CHECK.get_or_init(|| named(target));
    check(bytes);
}

fn named(target: &str) -> Check {
    let found = CHECKS.iter().find(|(name, _)| *name == target);
    found.map_or_else(|| panic!("no check is named {target}"), |(_, check)| *check)
}
