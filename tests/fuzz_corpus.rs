//! Runs the checks of the fuzz targets on every input that was kept in `fuzz/corpus`.
#![cfg(test)]

mod checks;

use std::fs;
use std::panic;
use std::path::Path;

use checks::CHECKS;

#[test]
fn every_kept_input_holds() {
    for (target, check) in CHECKS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let mut inputs = 0;
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let input = fs::read(&path).unwrap();
            let held = panic::catch_unwind(|| check(&input));
            assert!(held.is_ok(), "{} does not hold", path.display());
            inputs += 1;
        }
        assert!(inputs > 0, "{} holds no input", directory.display());
    }
}
