//! Floods: memory stays inside the bound that `config check` prints, sessions are kept, and what is forgotten is told.
#![cfg(test)]

#[path = "support/scratch.rs"]
mod scratch;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use scratch::Scratch;
use serde_json::Value;

const HOPSCOPE: &str = env!("CARGO_BIN_EXE_hopscope");
const SESSION: &str = "socks-proxy/hit-microsocks-noauth.pcap";

/// As many as the table holds, and four times as many as another one holds.
#[test]
fn half_open_flows_stay_inside_the_bound_and_established_ones_are_kept() {
    for (flows, syns, forgotten) in [
        (1_048_576, 1_000_000, 0..1),
        (65_536, 262_144, 190_000..200_000),
    ] {
        let told = flood(&format!("[flows]\nmax = {flows}"), syns, syn);
        assert_eq!(told.findings, replay_of_the_session(), "{}", told.messages);
        assert!(
            forgotten.contains(&told.count("that nobody had answered")),
            "{}",
            told.messages
        );
        assert_eq!(told.count("that went on"), 0, "{}", told.messages);
        assert!(
            told.memory < told.bound + PROGRAM,
            "{} of {}",
            told.memory,
            told.bound
        );
    }
}

/// Flows that somebody answers cannot be told from the session: it is forgotten, and its finding says so.
#[test]
fn a_session_that_is_forgotten_says_so() {
    let told = flood("[flows]\nmax = 64", 4_000, |number| {
        let answer = number % 2 == 1;
        syn_from(number / 2, answer)
    });
    assert!(told.count("that went on") > 1_000, "{}", told.messages);
    let is_forgotten = |finding: &Value| finding["quality"]["forgotten"] == true;
    assert!(
        told.findings.iter().any(is_forgotten),
        "{:?}",
        told.findings
    );
}

/// A finding that had to make room is told none the less, and counted.
#[test]
fn findings_beyond_the_cap_are_told_early() {
    let few = flood("[findings]\nmax = 1\nwaiting_mebibytes = 1", 0, syn);
    let early = few.count("given out early");
    assert!(early > 0, "{}", few.messages);
    assert_eq!(few.findings.len() as u64, early + 1);
}

/// What a replay of a flood in the middle of a session told.
struct Told {
    findings: Vec<Value>,
    messages: String,
    /// Bytes of memory that it needed at most, and the bound for that.
    memory: u64,
    bound: u64,
}

impl Told {
    /// The number in the line of the account that says this.
    fn count(&self, what: &str) -> u64 {
        let mut lines = self.messages.lines();
        let line = lines
            .find(|line| line.contains(what))
            .unwrap_or("hopscope: 0");
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

fn replay_of_the_session() -> Vec<Value> {
    flood("", 0, syn).findings
}

/// Replays a capture of a session with so many frames of a flood in its middle, all at the same moment.
fn flood(config: &str, frames: u32, frame: fn(u32) -> Vec<u8>) -> Told {
    let scratch = Scratch::new(&format!("flood-{frames}-{}", config.len()));
    let config = scratch.file("site.toml", config);
    let mut replay = Command::new(HOPSCOPE)
        .args(["replay", "-", "--format", "json", "--config"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = BufWriter::new(replay.stdin.take().unwrap());
    send(&mut input, frames, frame);
    let memory = peak(replay.id());
    drop(input);
    let output = replay.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    Told {
        findings: text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        messages: String::from_utf8(output.stderr).unwrap(),
        memory,
        bound: bound(&config),
    }
}

fn send(input: &mut BufWriter<ChildStdin>, frames: u32, frame: fn(u32) -> Vec<u8>) {
    let path = format!("{}/testdata/pcaps/{SESSION}", env!("CARGO_MANIFEST_DIR"));
    let session = std::fs::read(path).unwrap();
    let mut middle = 24;
    while middle < session.len() / 2 {
        middle += 16 + number(&session, middle + 8);
    }
    let time = &session[middle..middle + 8];
    input.write_all(&session[..middle]).unwrap();
    for frame in (0..frames).map(frame) {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        input
            .write_all(&[time, &length, &length, &frame].concat())
            .unwrap();
    }
    input.write_all(&session[middle..]).unwrap();
    input.flush().unwrap();
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn syn(number: u32) -> Vec<u8> {
    syn_from(number, false)
}

/// A SYN from one of many addresses to one port, or the answer to it.
fn syn_from(number: u32, answer: bool) -> Vec<u8> {
    let client = (0x0b00_0000 | number >> 8).to_be_bytes();
    let [_, _, _, low] = number.to_be_bytes();
    let (client, server) = ((client, [0x40, low]), ([10, 9, 2, 20], [0, 80]));
    let ((source, from), (destination, to), flags) = match answer {
        false => (client, server, 0x02),
        true => (server, client, 0x12),
    };
    let ip = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
    let tcp = [0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 2, 0, 0, 0, 0, 0];
    [
        &[2; 12][..],
        &[8, 0],
        &ip,
        &source,
        &destination,
        &from,
        &to,
        &tcp,
    ]
    .concat()
}

/// The most memory that a process has needed so far, in bytes.
fn peak(process: u32) -> u64 {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| {
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    })
}

fn bound(config: &Path) -> u64 {
    let checked = Command::new(HOPSCOPE)
        .args(["config", "check"])
        .arg(config)
        .output()
        .unwrap();
    let text = String::from_utf8(checked.stdout).unwrap();
    let (_, rest) = text.split_once("memory is bounded by ").unwrap();
    rest.split(' ').next().unwrap().parse::<u64>().unwrap() << 20
}

/// What the program and the reading of one capture need.
const PROGRAM: u64 = 40 << 20;
