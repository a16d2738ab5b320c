//! The layers of the house, held: which module may name which, and where the doors to the world stand.
#![cfg(test)]

#[path = "support/source.rs"]
mod source;

use std::sync::OnceLock;

/// What each module may name of the others, in the order in which a packet meets them. An entry permits the path and
/// everything below it; a module may always name what is below itself.
const MAY_NAME: &str = "
    time
    toml_file
    proto::cursor
    source         time proto::cursor
    decode         time proto::cursor source::Frame source::LinkType
    flow           time decode proto facts::ssh facts::FlowId facts::Ending facts::Phase facts::SizeBin
    proto
    facts          time proto decode::Address decode::Endpoint decode::Label decode::Transport
    evidence       time proto facts decode::Address decode::Endpoint decode::Transport
    profile        time proto::target facts evidence decode::Address decode::Endpoint decode::Transport toml_file
    detect         proto facts evidence finding::attack
    shard          time decode flow proto facts evidence detect
    correlate      time proto facts evidence profile finding decode::Address decode::Endpoint decode::Transport
    finding        time proto::target facts evidence detect decode::Address decode::Endpoint decode::Transport
    exhibit        time source::Frame source::LinkType decode finding
    policy         time proto::target evidence::Certainty profile finding decode::Address toml_file
    pipeline       time source decode facts::FlowPortrait flow::nonces::NonceKey shard correlate profile finding exhibit policy config
    sink           time source proto facts evidence detect::Detector finding exhibit policy decode::Label shard::ShardCounts pipeline::Account
    config         time decode::FragmentLimits flow::lasting::Schedule flow::table::Timeouts finding::Severity finding::rate::Rate finding::telling::Pace exhibit detect::Tuning shard correlate profile policy pipeline::memory_bound pipeline::rings toml_file
    check          source detect finding pipeline config toml_file
    command        time source detect shard::Watch finding policy profile exhibit pipeline sink config check toml_file
    main           command
";

/// What stands in these modules and nowhere else: the doors to the machine, and the types of other people's libraries.
const ONLY_IN: &str = "
    std::fs                source sink toml_file check command
    std::io::stdin         source command
    std::io::stdout        command
    std::io::stderr        command
    std::thread            pipeline
    std::sync              source pipeline check command
    std::process           command main
    std::os                source sink command
    std::time              command source
    std::env               command
    std::net::TcpStream    command
    std::net::TcpListener  command
    std::net::UdpSocket    command
    print!
    println!
    eprint!
    eprintln!
    dbg!
    anstream               command
    caps                   command
    landlock               command
    libc                   source command
    nix                    command
    seccompiler            command
    anstyle                sink check
    arrayvec               flow proto correlate pipeline
    clap                   command main
    clap_complete          command
    clap_mangen            command
    community_id           facts finding sink
    crossbeam_channel      pipeline
    etherparse             decode
    flate2                 source
    foldhash               flow correlate finding exhibit profile
    hashbrown              flow correlate
    httparse               proto command
    memchr                 proto
    pcap                   source command
    indicatif              command
    jiff                   time
    md5                    proto
    rustix                 source command
    serde_json             sink check proto finding policy command
    sha2                   proto finding
    signal_hook            command
    strsim                 toml_file
    tls_parser             proto
    toml                   toml_file check policy profile command
    zstd                   source
";

/// A name, and what stands behind it.
type Row = (&'static str, Vec<&'static str>);

fn may_names() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| rows(MAY_NAME))
}

fn only_ins() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| rows(ONLY_IN))
}

fn rows(table: &'static str) -> Vec<Row> {
    let row = |line: &'static str| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.collect()))
    };
    table.lines().filter_map(row).collect()
}

#[test]
fn modules_name_only_what_they_may() {
    let files = source::files();
    let paths = files
        .iter()
        .flat_map(|file| file.paths.iter().map(move |path| (file, path)));
    let wrong: Vec<String> = paths
        .filter(|(file, path)| !may_name(file, &path.text))
        .map(|(file, path)| format!("src/{}.rs:{} names {}", file.name, path.line, path.text))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_row_and_every_row_a_module() {
    let mut modules: Vec<String> = source::files()
        .iter()
        .map(|file| file.top().to_owned())
        .collect();
    modules.dedup();
    modules.retain(|module| module != "lib");
    let mut named: Vec<&str> = may_names().iter().map(|(name, _)| *name).collect();
    named.retain(|name| !name.contains("::"));
    named.sort_unstable();
    assert_eq!(modules, named);
}

/// A test that finds nothing wrong must be able to find something.
#[test]
fn what_is_forbidden_is_found() {
    let cases = [
        ("detect/socks_proxy", "use crate::flow::Flow;"),
        (
            "detect/socks_proxy",
            "use crate::{facts, decode::{self, Segment}};",
        ),
        ("detect/socks_proxy", "fn f(_: &crate::decode::Segment) {}"),
        ("detect/socks_proxy", "use super::super::flow;"),
        (
            "detect/socks_proxy",
            "#[cfg(test)] mod tests {} use crate::flow::Flow;",
        ),
        ("proto/cursor", "use super::half::Half;"),
        ("flow/tcp", "use crate::facts::{Ending, FlowFacts};"),
        ("shard", "fn f() { std::thread::spawn(|| ()); }"),
        ("shard", "use std::{mem, fs};"),
        ("shard", "fn f() { crate::sink::A != 1 }"),
        ("sink/text", "fn f() { println!(\"{}\", 1); }"),
        ("sink/text", "use std::io; fn f() { io::stdout(); }"),
        ("finding/mod", "#[derive(Clone, clap::ValueEnum)] enum A {}"),
        ("time", "use std::time::Instant as Now;"),
    ];
    for (name, text) in cases {
        assert!(!is_clean(name, text), "{name}: {text}");
    }
}

#[test]
fn what_is_allowed_is_left_alone() {
    let cases = [
        (
            "detect/socks_proxy",
            "use super::tunnel; use self::x; use crate::detect::y;",
        ),
        (
            "detect/socks_proxy",
            "#[cfg(test)] mod tests { use crate::flow::Flow; }",
        ),
        (
            "detect/socks_proxy",
            "#[cfg(test)] use crate::flow::Flow; struct A;",
        ),
        (
            "detect/socks_proxy",
            "/* crate::flow */ const A: &str = \"crate::flow\";",
        ),
        ("proto/tls/hello", "use super::super::half::Half;"),
        ("flow/tcp", "use crate::facts::{Ending, FlowId};"),
        ("shard", "fn f() { crate::flow::A != 1 }"),
        ("command/replay", "use std::io; fn f() { io::stdout(); }"),
        ("source/file", "use std::fs::File;"),
    ];
    for (name, text) in cases {
        assert!(is_clean(name, text), "{name}: {text}");
    }
}

fn is_clean(name: &str, text: &str) -> bool {
    let file = source::File::read(name, text);
    file.paths.iter().all(|path| may_name(&file, &path.text))
}

fn may_name(file: &source::File, path: &str) -> bool {
    match path.strip_prefix("crate::") {
        Some(path) => keeps_to_its_row(&file.module(), path),
        None => only_ins()
            .iter()
            .filter(|(door, _)| is_below(path, door))
            .all(|(_, homes)| homes.contains(&file.top())),
    }
}

fn keeps_to_its_row(module: &str, path: &str) -> bool {
    let row = may_names()
        .iter()
        .filter(|(name, _)| is_below(module, name))
        .max_by_key(|(name, _)| name.len());
    row.is_none_or(|(name, may)| is_below(path, name) || may.iter().any(|may| is_below(path, may)))
}

/// Whether a path is another one or something in it.
fn is_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
