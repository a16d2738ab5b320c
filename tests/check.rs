//! `hopscope check` as it is typed: what it prints and how it exits.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of its own with one capture in it, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let name = format!("hopscope-check-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let scratch = Self(path);
        let capture = "testdata/pcaps/socks-proxy/hit-qinq.pcap";
        std::fs::copy(capture, scratch.file("a.pcap")).unwrap();
        scratch
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a check in a directory.
fn check(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .arg("check")
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_exit_code_says_how_it_ended() {
    let scratch = Scratch::new("exit");
    let check = |arguments| check(&scratch.0, arguments);
    let cases: [(&str, &[&str], i32, &str); 9] = [
        ("", &["."], 2, "it expects nothing"),
        (
            "max-findings = 0",
            &["."],
            1,
            "1 capture, 1 expectation: 0 met, 1 failed",
        ),
        (
            "max-findings = 1",
            &["."],
            0,
            "1 capture, 1 expectation: 1 met, 0 failed",
        ),
        (
            "max-findings = 1",
            &["a.pcap"],
            0,
            "1 capture, 1 expectation: 1 met, 0 failed",
        ),
        ("max-findings = 1", &["b.pcap"], 3, "b.pcap does not exist"),
        (
            "max-findings = 1",
            &["-"],
            2,
            "standard input has no place beside it",
        ),
        (
            "max-findings = 1",
            &[],
            2,
            "required arguments were not provided",
        ),
        (
            "max-findings = 1",
            &[".", "-c", "none.toml"],
            2,
            "the configuration none.toml cannot be read",
        ),
        (
            "max-findings = 1",
            &[".", "--junit", "no/j.xml"],
            3,
            "no/j.xml cannot be written",
        ),
    ];
    for (expectations, arguments, code, part) in cases {
        scratch.write("a.expect.toml", expectations);
        let output = check(arguments);
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(printed.contains(part), "{arguments:?}: {printed}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
    }
}

#[test]
fn the_configuration_decides_what_is_found() {
    let scratch = Scratch::new("config");
    scratch.write("a.expect.toml", "max-findings = 0");
    scratch.write("quiet.toml", "[detectors.socks-proxy]\nenabled = false\n");
    let output = check(&scratch.0, &["a.pcap", "--config", "quiet.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn outputs_are_the_same_every_time() {
    let scratch = Scratch::new("same");
    let written = || {
        let arguments = [".", "--bless", "--junit", "j.xml", "--sarif", "s.sarif"];
        let output = check(&scratch.0, &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        ["a.expect.toml", "j.xml", "s.sarif"].map(|name| std::fs::read(scratch.file(name)).ok())
    };
    let first = written();
    assert!(first.iter().all(Option::is_some));
    assert_eq!(first, written());
    assert_eq!(text(&check(&scratch.0, &["."]).stderr), "");
}
