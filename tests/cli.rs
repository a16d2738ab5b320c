//! What a user meets: every answer of the program is one sentence that helps, and the right exit code.
#![cfg(test)]

#[path = "support/captures.rs"]
mod captures;
#[path = "support/scratch.rs"]
mod scratch;

use std::fs::{File, OpenOptions};
use std::io::{Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use scratch::Scratch;

/// Two SOCKS sessions of one client: one finding of medium severity.
const MEDIUM: &str = "socks-proxy/hit-qinq.pcap";
/// A host that connects out to serve: a finding of high severity.
const HIGH: &str = "socks-proxy/hit-reverse-socks.pcap";
const QUIET: &str = "http-forward-proxy/miss-ordinary-web.pcap";

#[test]
fn help_is_there_for_every_command() {
    let cases: [(&[&str], &[&str]); 9] = [
        (
            &["--help"],
            &[
                "replay",
                "detectors",
                "config",
                "Exit codes:",
                "  4  a worker died",
            ],
        ),
        (
            &["replay", "--help"],
            &[
                "standard input",
                "--fail-on",
                "A person should look",
                "--workers",
                "--quiet",
            ],
        ),
        (
            &["capture", "--help"],
            &[
                "mirror port",
                "pcap-filter(7)",
                "SIGHUP",
                "--rotate-size",
                "--no-sandbox",
            ],
        ),
        (&["detectors", "--help"], &["hopscope explain detector"]),
        (&["explain", "--help"], &["detector", "finding", "flow"]),
        (
            &["judge", "--help"],
            &["standard input", "--fail-on", "All else stays as it was"],
        ),
        (&["config", "--help"], &["check"]),
        (
            &["config", "check", "--help"],
            &["exit with 2 if the configuration is wrong"],
        ),
        (
            &["--version"],
            &[concat!("hopscope ", env!("CARGO_PKG_VERSION"))],
        ),
    ];
    for (arguments, parts) in cases {
        let told = hopscope(arguments);
        assert_eq!(
            (told.code, told.messages.as_str()),
            (0, ""),
            "{arguments:?}"
        );
        for part in parts {
            assert!(
                told.output.contains(part),
                "{arguments:?}: {part}\n{}",
                told.output
            );
        }
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    let cases: [(&[&str], &str); 13] = [
        (&[], "Usage: hopscope <COMMAND>"),
        (&["listen"], "unrecognized subcommand 'listen'"),
        (&["replay"], "<FILE|DIR|->"),
        (
            &["replay", "--fast", "a.pcap"],
            "unexpected argument '--fast'",
        ),
        (
            &["replay", "--workers", "65", "a.pcap"],
            "65 is not in 0..=64",
        ),
        (
            &["replay", "--format", "xml", "a.pcap"],
            "[possible values: text, json]",
        ),
        (
            &["replay", "--fail-on", "much", "a.pcap"],
            "[possible values: info, low, medium, high, critical]",
        ),
        (&["capture"], "--interface <IFACE>"),
        (
            &["capture", "-i", "lo", "--keep", "3"],
            "the following required arguments were not provided:\n  --output <FILE>",
        ),
        (
            &["capture", "-i", "lo", "--user", "me", "--no-sandbox"],
            "cannot be used with",
        ),
        (
            &["replay", "-", "-"],
            "hopscope: standard input can be read only once; name - once\n",
        ),
        (
            &["explain", "detector", "sock-proxy"],
            "hopscope: there is no detector sock-proxy; there are socks-proxy, ",
        ),
        (&["config"], "Usage: hopscope config <COMMAND>"),
    ];
    for (arguments, part) in cases {
        let told = hopscope(arguments);
        assert_eq!((told.code, told.output.as_str()), (2, ""), "{arguments:?}");
        assert!(
            told.messages.contains(part),
            "{arguments:?}: {}",
            told.messages
        );
    }
}

#[test]
fn what_cannot_be_read_ends_with_3_and_one_sentence() {
    let scratch = Scratch::new("cli-unreadable");
    let capture = std::fs::read(capture(MEDIUM)).unwrap();
    let noise: Vec<u8> = (0..=u8::MAX).rev().collect();
    let cases = [
        (
            scratch.file("empty", ""),
            " is not a pcap or pcapng capture: it is empty",
        ),
        (
            scratch.file("text", "day one\n"),
            " is not a pcap or pcapng capture: it is text",
        ),
        (
            scratch.file("noise", noise),
            " is not a pcap or pcapng capture: its first bytes are of no known kind",
        ),
        (
            scratch.file("header.pcap", &capture[..20]),
            " is not a pcap or pcapng capture: it is cut off inside its first header",
        ),
        (
            scratch.file("empty.gz", captures::gzip(b"")),
            " is not a pcap or pcapng capture: it is empty, packed with gzip",
        ),
        (
            scratch.file("missing", "").with_extension("pcap"),
            " does not exist",
        ),
        (
            scratch.file("one/text", "day one\n").with_file_name(""),
            " holds no capture: its only file is not pcap or pcapng",
        ),
    ];
    for (path, ending) in cases {
        let told = replay(&[], &path);
        let sentence = format!("hopscope: {}{ending}\n", path.display());
        assert_eq!(told, Told::new(3, "", &sentence));
    }
}

#[test]
fn a_directory_stands_for_its_captures() {
    let scratch = Scratch::new("cli-directory");
    let expected = replay(&[], &capture(MEDIUM)).output;
    let inside = scratch.file("day/1.pcap", std::fs::read(capture(MEDIUM)).unwrap());
    let notes = scratch.file("day/notes", "day one\n");
    let stranger = format!("hopscope: {}: not a capture: it is text\n", notes.display());
    let told = replay(&[], inside.parent().unwrap());
    assert_eq!(told, Told::new(0, &expected, &stranger));
}

#[test]
fn a_capture_that_is_cut_keeps_what_came_before() {
    let scratch = Scratch::new("cli-cut");
    let whole = std::fs::read(capture(MEDIUM)).unwrap();
    let packed = captures::gzip(&whole);
    let cases = [
        (
            &whole[..whole.len() - 9],
            "the capture ends inside a record\n",
        ),
        (
            &packed[..packed.len() - 9],
            "the gzip stream is cut off or damaged\n",
        ),
    ];
    for (bytes, ending) in cases {
        let path = scratch.file("cut", bytes);
        let told = replay(&[], &path);
        assert_eq!((told.code, told.findings()), (0, 1));
        let start = format!("hopscope: {}: stopped at byte ", path.display());
        assert!(
            told.messages.starts_with(&start) && told.messages.ends_with(ending),
            "{told:?}"
        );
        assert_eq!(told.messages.lines().count(), 1);
        assert_eq!(replay(&["--quiet"], &path), Told::new(0, &told.output, ""));
    }
}

#[test]
fn standard_input_tells_the_same_as_the_file() {
    let path = capture(MEDIUM);
    let mut command = command(&["replay", "-"]);
    command.stdin(File::open(&path).unwrap());
    assert_eq!(Told::by(command), replay(&[], &path));
}

#[test]
fn findings_are_json_lines_in_a_pipe() {
    let told = replay(&[], &capture(MEDIUM));
    assert_eq!(told, replay(&["--format", "json"], &capture(MEDIUM)));
    assert_eq!(
        (told.code, told.findings(), told.messages.as_str()),
        (0, 1, "")
    );
    let finding: serde_json::Value = serde_json::from_str(told.output.trim_end()).unwrap();
    assert_eq!(finding["schema"], 1);
    assert_eq!(finding["detector"], "socks-proxy");
    assert_eq!(replay(&[], &capture(QUIET)), Told::new(0, "", ""));
}

#[test]
fn text_is_a_story_and_an_account() {
    let told = replay(&["--format", "text"], &capture(MEDIUM));
    let story = "medium   10.9.2.20:1080 serves SOCKS5 to 10.9.1.10, for web.example.test:80 and 1 more target\n";
    let host = "\n10.9.2.20 relays: socks-proxy; 1 client and 2 sessions\n";
    assert!(
        told.output.starts_with(story) && told.output.ends_with(host),
        "{}",
        told.output
    );
    assert!(
        told.messages.contains(" frames in 1 capture: "),
        "{}",
        told.messages
    );
    let quiet = replay(&["--format", "text", "--quiet"], &capture(MEDIUM));
    assert_eq!((quiet.code, quiet.messages.as_str()), (0, ""));
    assert_eq!(format!("{}{}", quiet.output, &host[1..]), told.output);
    let none = replay(&["--format", "text"], &capture(QUIET));
    assert_eq!((none.code, none.output.as_str()), (0, "no relay found\n"));
}

#[test]
fn hosts_are_told_instead_of_findings() {
    let told = replay(&["--hosts"], &capture(MEDIUM));
    let host: serde_json::Value = serde_json::from_str(told.output.trim_end()).unwrap();
    assert_eq!((told.code, host["host"].as_str()), (0, Some("10.9.2.20")));
    assert_eq!(host["severity"], "medium");
    assert_eq!(host["findings"].as_array().unwrap().len(), 1);
    let text = replay(
        &["--hosts", "--format", "text", "--quiet"],
        &capture(MEDIUM),
    );
    let story =
        "medium   10.9.2.20 relays: socks-proxy; 1 client and 2 sessions\n         score     4.6\n";
    assert!(text.output.starts_with(story), "{}", text.output);
    let failing = replay(&["--hosts", "--fail-on", "medium"], &capture(MEDIUM));
    assert_eq!(failing.code, 1);
    assert_eq!(replay(&["--hosts"], &capture(QUIET)), Told::new(0, "", ""));
}

#[test]
fn a_pipe_gets_no_colour_unless_it_is_asked_for() {
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = command(&["replay", "--format", "text"]);
        command.arg(capture(MEDIUM)).envs(variables.iter().copied());
        Told::by(command).output.contains('\u{1b}')
    };
    assert!(!coloured(&[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn fail_on_counts_from_its_severity_up() {
    let cases = [
        (MEDIUM, "low", 1),
        (MEDIUM, "medium", 1),
        (MEDIUM, "high", 0),
        (HIGH, "high", 1),
        (HIGH, "critical", 0),
        (QUIET, "info", 0),
    ];
    for (name, severity, code) in cases {
        let told = replay(&["--fail-on", severity], &capture(name));
        assert_eq!(told.code, code, "{name} {severity}");
        assert_eq!(
            told,
            Told {
                code,
                ..replay(&[], &capture(name))
            }
        );
    }
}

#[test]
fn workers_change_nothing() {
    let alone = replay(&["--workers", "0"], captures::directory());
    let scratch = Scratch::new("cli-workers");
    let config = scratch.file("three.toml", "pipeline.workers = 3\n");
    assert!(alone.findings() > 1);
    assert_eq!(alone, replay(&["--workers", "8"], captures::directory()));
    assert_eq!(
        alone,
        replay(
            &["--config", config.to_str().unwrap()],
            captures::directory()
        )
    );
}

#[test]
fn a_wrong_configuration_is_said_before_anything_is_read() {
    let scratch = Scratch::new("cli-config");
    let missing = PathBuf::from("missing.toml");
    let cases = [
        (
            scratch.file("typo.toml", "[flows]\nmaks = 70\n"),
            "line 2",
            "did you mean `max`?",
        ),
        (
            scratch.file("few.toml", "[flows]\nmax = 3\n"),
            "line 2",
            "must be between 64 and ",
        ),
        (scratch.file("cut.toml", "[flows\n"), "line 1", "unclosed"),
        (missing, "missing.toml", "cannot be read: "),
        (
            captures::directory().to_owned(),
            "pcaps",
            "cannot be read: ",
        ),
    ];
    for (path, place, reason) in cases {
        let path = path.to_str().unwrap();
        let by_replay = hopscope(&["replay", "--config", path, "missing.pcap"]);
        assert_eq!(
            (by_replay.code, by_replay.output.as_str()),
            (2, ""),
            "{path}"
        );
        for part in ["hopscope: the configuration ", path, place, reason] {
            assert!(
                by_replay.messages.contains(part),
                "{part}: {}",
                by_replay.messages
            );
        }
        assert_eq!(hopscope(&["config", "check", path]), by_replay);
    }
}

#[test]
fn config_check_prints_what_is_in_force_and_its_bound() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/hopscope.toml");
    let told = hopscope(&["config", "check"]);
    assert_eq!((told.code, told.messages.as_str()), (0, ""));
    assert!(
        told.output.contains("\n# memory is bounded by "),
        "{}",
        told.output
    );
    assert_eq!(hopscope(&["config", "check", shipped]), told);
    let config: hopscope::config::Config = told.output.parse().unwrap();
    assert_eq!(config, hopscope::config::Config::default());
}

#[test]
fn detectors_are_listed_and_explained() {
    let listed = hopscope(&["detectors"]);
    assert_eq!(listed.code, 0);
    for line in listed.output.lines() {
        let name = line.split(' ').next().unwrap();
        let page = hopscope(&["explain", "detector", name]);
        assert_eq!((page.code, page.messages.as_str()), (0, ""), "{name}");
        assert!(page.output.starts_with(&format!("# {name}\n")));
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for arguments in [
        &["replay", "-f", "json", "-"][..],
        &["replay", "-f", "text", "-"],
        &["config", "check"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = command(arguments);
        command
            .stdin(File::open(capture(MEDIUM)).unwrap())
            .stdout(writer);
        assert_eq!(Told::by(command), Told::new(0, "", ""), "{arguments:?}");
    }
}

#[test]
fn messages_that_nobody_reads_are_no_panic() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = command(&["replay", "missing.pcap"]);
    assert_eq!(command.stderr(writer).status().unwrap().code(), Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = command(&["replay"]);
    command.arg(capture(MEDIUM)).stdout(full);
    let told = Told::by(command);
    assert_eq!(told.code, 3);
    assert!(
        told.messages
            .starts_with("hopscope: the output cannot be written: "),
        "{told:?}"
    );
}

#[test]
fn an_interrupt_ends_a_silent_pipe_with_what_was_found() {
    for signal in [Signal::INT, Signal::TERM] {
        for workers in ["0", "2"] {
            let (reader, writer) = pipe().unwrap();
            let mut command = command(&["replay", "--workers", workers, "-"]);
            command.stdin(reader);
            assert_interrupted(Told::spawn(command), writer, signal);
        }
    }
}

#[test]
fn an_interrupt_ends_a_silent_fifo_with_what_was_found() {
    let scratch = Scratch::new("cli-fifo");
    let path = scratch.file("missing", "").with_file_name("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let mut command = command(&["replay"]);
    command.arg(&path);
    let child = Told::spawn(command);
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    assert_interrupted(child, writer, Signal::INT);
}

/// Feeds a capture and then more than any pipe holds: once that is written the child is in the middle of its run, and
/// it waits for more when it is interrupted.
fn assert_interrupted(child: Child, mut writer: impl Write, signal: Signal) {
    writer
        .write_all(&std::fs::read(capture(MEDIUM)).unwrap())
        .unwrap();
    for _ in 0..32 {
        writer.write_all(&padding(128 * 1024)).unwrap();
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    let told = Told::within_a_minute(child);
    drop(writer);
    assert_eq!((told.code, told.findings()), (0, 1));
    assert_eq!(
        told.messages,
        "hopscope: interrupted; this is what was found so far\n"
    );
}

/// A record with a frame of nothing, as late as a capture can tell.
fn padding(bytes: u32) -> Vec<u8> {
    let header = [u32::MAX, 0, bytes, bytes].map(u32::to_le_bytes).concat();
    [header, vec![0; bytes as usize]].concat()
}

/// What the program told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    code: i32,
    output: String,
    messages: String,
}

impl Told {
    fn new(code: i32, output: &str, messages: &str) -> Self {
        let [output, messages] = [output, messages].map(str::to_owned);
        Self {
            code,
            output,
            messages,
        }
    }

    fn by(mut command: Command) -> Self {
        command.output().unwrap().into()
    }

    fn spawn(mut command: Command) -> Child {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits for the end of a child, but not for ever if it never ends.
    fn within_a_minute(child: Child) -> Self {
        let (sender, receiver) = mpsc::channel();
        let id = Pid::from_child(&child);
        thread::spawn(move || sender.send(child.wait_with_output()));
        let output = receiver.recv_timeout(Duration::from_secs(60));
        output
            .unwrap_or_else(|_| {
                kill_process(id, Signal::KILL).unwrap();
                panic!("the child did not end");
            })
            .unwrap()
            .into()
    }

    fn findings(&self) -> usize {
        self.output
            .lines()
            .filter(|line| line.starts_with("{\"schema\":1,"))
            .count()
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Self::new(
            output.status.code().expect("ended by a signal"),
            &stdout,
            &stderr,
        )
    }
}

fn hopscope(arguments: &[&str]) -> Told {
    Told::by(command(arguments))
}

fn replay(arguments: &[&str], path: &Path) -> Told {
    let mut command = command(&["replay"]);
    command.args(arguments).arg(path);
    Told::by(command)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

fn capture(name: &str) -> PathBuf {
    captures::directory().join(name)
}
