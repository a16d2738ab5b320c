//! The test that an operator makes on his own machine.
#![cfg(test)]

#[path = "support/scratch.rs"]
mod scratch;

use std::process::Command;

use scratch::Scratch;

const HOPSCOPE: &str = env!("CARGO_BIN_EXE_hopscope");

/// Exit code and text, or nothing where this machine cannot make a network, which is told.
fn selftest(arguments: &[&str]) -> Option<(i32, String)> {
    let mut command = Command::new(HOPSCOPE);
    let output = command.arg("selftest").args(arguments).output().unwrap();
    let code = output.status.code().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    if code == 3 {
        assert!(
            messages.contains("no network of its own can be made: "),
            "{messages}"
        );
        println!("SKIPPED: {messages}");
        return None;
    }
    assert_eq!(messages, "");
    Some((code, String::from_utf8(output.stdout).unwrap()))
}

#[test]
fn the_sensor_tells_of_known_relays() {
    for arguments in [&[][..], &["--workers", "2"]] {
        let Some((code, text)) = selftest(arguments) else {
            return;
        };
        assert_eq!(code, 0, "{text}");
        assert!(
            text.contains("told   multi-hop          of 10.9.2.20:8888, HTTP CONNECT"),
            "{text}"
        );
        assert!(text.contains("the sensor told 6 of 6; "), "{text}");
        assert!(text.contains(" 0 dropped, "), "{text}");
    }
}

#[test]
fn what_is_switched_off_is_missed() {
    let scratch = Scratch::new("selftest");
    let config = scratch.file("off.toml", "[detectors.reverse-shell]\nenabled = false");
    let Some((code, text)) = selftest(&["--config", config.to_str().unwrap()]) else {
        return;
    };
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("MISSED reverse-shell      of 198.51.100.77:4444"),
        "{text}"
    );
    assert!(text.contains("the sensor told 5 of 6; "), "{text}");
}

#[test]
fn a_configuration_that_is_wrong_is_told() {
    let scratch = Scratch::new("selftest-wrong");
    let config = scratch.file("wrong.toml", "[flows]\nmaks = 1");
    let mut command = Command::new(HOPSCOPE);
    let output = command
        .args(["selftest", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    let is_refused = messages.contains("no network of its own");
    assert!(
        is_refused || messages.contains("did you mean `max`?"),
        "{messages}"
    );
}
