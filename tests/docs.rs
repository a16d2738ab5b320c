//! The documents say what the program does: generated pages are fresh, shown output is real, links lead somewhere.
//!
//! `BLESS=1 cargo test --test docs` renews what is generated.

#![cfg(test)]

#[path = "support/replay.rs"]
mod replay;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hopscope::detect::DETECTORS;
use hopscope::finding::Finding;
use hopscope::finding::summary::Summary;
use hopscope::policy::means::Means;
use hopscope::policy::roles::Role;
use hopscope::policy::severity;
use hopscope::time::Timestamp;

#[test]
fn detector_pages_are_their_module_docs() {
    for detector in &DETECTORS {
        let page = root().join(format!("docs/detectors/{}.md", detector.name));
        let figures = match detector.name {
            "relay" => relay_figures(),
            "ssh-tunnel" => ssh_figures(),
            "beacon" => include_str!("../benches/rhythms/figures.md").to_owned(),
            "payload-anomaly" => include_str!("../benches/tunnels.md").to_owned(),
            _ => String::new(),
        };
        renew_or_compare(&page, &(detector.page() + &figures));
    }
}

/// What proved the relay in each of the project's captures of one, and how soon.
fn relay_figures() -> String {
    let folder = root().join("testdata/pcaps/relay");
    let mut captures = files_in(&folder);
    captures.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("hit-") && name.ends_with(".pcap")
    });
    captures.sort();
    let rows: String = captures.iter().map(|path| relay_rows(path)).collect();
    format!("{RELAY_FIGURES}{rows}")
}

fn relay_rows(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let capture = format!("relay/{stem}.pcap");
    let findings = replay::findings(&capture, 0, "");
    let relays = findings.iter().filter(|found| found.detector == "relay");
    let row = |found: &Finding| {
        let Summary::Joins(joins) = &found.evidence else {
            return String::new();
        };
        let what = stem.trim_start_matches("hit-");
        let mechanism = found.mechanism.unwrap_or_default();
        let proofs = joins.proofs.show(ToString::to_string).join(", ");
        let content = joins.content.show(ToString::to_string).join(", ");
        let seconds = (found.raised - found.first_seen).as_seconds_f64();
        let packets = packets_until(path, found.raised);
        let certainty = format!("{:?}", found.certainty).to_lowercase();
        let port = found.server.port;
        let port = port.map_or_else(|| found.transport.to_owned(), |port| port.to_string());
        format!(
            "| {what} | {port} | {mechanism} | {proofs} | {content} | {packets} | {seconds:.3} | {certainty} |\n"
        )
    };
    relays.map(row).collect()
}

/// What was found in the project's captures of SSH: by implementation, cipher and use, and in ordinary sessions.
fn ssh_figures() -> String {
    let mut captures = files_in(&root().join("testdata/pcaps/ssh-tunnel"));
    captures.retain(|path| path.extension().is_some_and(|end| end == "pcap"));
    captures.sort();
    let (mut carrying, mut ordinary) = (String::new(), String::new());
    for path in &captures {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let findings = replay::findings(&format!("ssh-tunnel/{stem}.pcap"), 0, "");
        let tunnels: Vec<&Finding> = findings
            .iter()
            .filter(|found| found.detector == "ssh-tunnel")
            .collect();
        match stem.split_once('-') {
            Some(("hit", name)) => carrying += &ssh_row(name, &tunnels),
            Some((_, name)) => {
                let (sessions, alarms) = (sessions_in(path), tunnels.len());
                ordinary += &format!("| {name} | {sessions} | {alarms} |\n");
            }
            None => {}
        }
    }
    format!("{SSH_FIGURES}{carrying}{SSH_ORDINARY}{ordinary}")
}

fn ssh_row(name: &str, tunnels: &[&Finding]) -> String {
    let kinds = tunnels.iter().map(|found| match &found.evidence {
        Summary::Ssh(ssh) => ssh.kinds.show(|kind| kind.name().to_owned()).join(", "),
        _ => String::new(),
    });
    let seconds = tunnels
        .iter()
        .map(|found| format!("{:.1}", (found.raised - found.first_seen).as_seconds_f64()));
    let kinds: Vec<String> = kinds.collect();
    let seconds: Vec<String> = seconds.collect();
    format!(
        "| {name} | {} | {} |\n",
        kinds.join("; "),
        seconds.join("; ")
    )
}

/// Connections that are opened in a capture of Ethernet frames with IPv4, those for names left out.
fn sessions_in(path: &Path) -> u64 {
    let mut capture = pcap::Capture::from_file(path).unwrap();
    let mut count = 0;
    while let Ok(packet) = capture.next_packet() {
        let [.., 8, 0, first, _] = packet.data[..16] else {
            continue;
        };
        let tcp = 14 + usize::from(first & 15) * 4;
        count += u64::from(packet.data[23] == 6 && packet.data[tcp + 13] & 0x12 == 2);
    }
    count
}

const SSH_FIGURES: &str = "
## Figures

Each capture in `testdata/pcaps/ssh-tunnel` was made by running an implementation with a cipher for a use, which give it its
name; the README there tells how. `gcm` is AES-GCM, `etm` AES-CTR with HMAC-SHA2-256 over what is encrypted, `ctr` the same
over what is not, `umac` AES-CTR with UMAC-64. `stunnel`, `socat`, `ncat` and `websocket` have put the session into TLS.

| implementation, cipher, use | found | seconds |
|---|---|---|
";

const SSH_ORDINARY: &str = "
And what was found where nothing is carried: connections that were opened, and alarms. Over ordinary sessions that are made
and not kept (`testdata/pcaps/make/ssh-ordinary.sh`: typing, commands, scp, sftp, rsync, git, twenty sessions in one connection, an
agent that is forwarded, five ciphers in turn) there were none in 1,080 of OpenSSH 9.2 and none in 1,560 of OpenSSH 10.0.

| implementation, cipher, use | connections | alarms |
|---|---|---|
";

/// Packets of a capture up to a moment, all flows together.
fn packets_until(path: &Path, moment: Timestamp) -> u64 {
    let mut capture = pcap::Capture::from_file(path).unwrap();
    let mut count = 0;
    while let Ok(packet) = capture.next_packet() {
        let time = packet.header.ts;
        let nanos = u32::try_from(time.tv_usec).unwrap_or(0) * 1_000;
        if Timestamp::from_parts(time.tv_sec, nanos) > moment {
            break;
        }
        count += 1;
    }
    count
}

const RELAY_FIGURES: &str = "
## Figures

Of ten million pairs of sides of hosts that have nothing to do with each other (`cargo bench --bench chance`: all of the labelled
captures, with what is asked for inside SSH, moved in time at random), one was told as a measured join, where a hundred are claimed
at most. Of as many pairs of a connection inside SSH and one that has nothing to do with it, begun at random in the time of the
session, two were told, where a hundred are claimed at most.

Each capture in `testdata/pcaps/relay` was made by running the tool that it is named for; the README there tells how. A row
is one service of the relay: what proved it over all of its sessions, after how many packets of the capture and seconds of
its first session, and how sure that is.

| tool | port | mechanism | proofs | content | packets | seconds | certainty |
|---|---|---|---|---|---|---|---|
";

#[test]
fn every_detector_has_a_page_a_place_in_readme_and_a_key() {
    let names: Vec<&str> = DETECTORS.iter().map(|detector| detector.name).collect();
    let readme = read(&root().join("README.md"));
    let config = read(&root().join("config/hopscope.toml"));
    assert!(
        readme.contains("(config/hopscope.toml)"),
        "README.md does not name it"
    );
    for name in &names {
        assert!(
            readme.contains(&format!("docs/detectors/{name}.md")),
            "README.md: {name}"
        );
        assert!(
            config.contains(&format!("[detectors.{name}]")),
            "config/hopscope.toml: {name}"
        );
    }
    for page in files_in(&root().join("docs/detectors")) {
        let name = page
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        assert!(names.contains(&name), "{} has no detector", page.display());
    }
}

#[test]
fn the_tables_of_the_policy_are_those_of_the_program() {
    let page = root().join("docs/policy.md");
    let tables = [
        ("roles", Role::table()),
        ("means", Means::table()),
        ("severity", severity::table()),
    ];
    let wanted = tables.iter().fold(read(&page), |text, (name, table)| {
        let start = format!("<!-- {name} -->\n");
        let (before, behind) = text.split_once(&start).unwrap_or((&text, ""));
        let (_, behind) = behind.split_once(TABLE_END).unwrap_or_default();
        format!("{before}{start}{table}{TABLE_END}{behind}")
    });
    renew_or_compare(&page, &wanted);
}

#[test]
fn shown_output_is_what_the_program_prints() {
    for document in documents() {
        let text = read(&document);
        let shown: String = split_at_consoles(&text).map(Part::today).collect();
        renew_or_compare(&document, &shown);
    }
}

#[test]
fn architecture_names_every_module() {
    let architecture = read(&root().join("docs/architecture.md"));
    let mut missing = files_in(&root().join("src"));
    missing.retain(|path| {
        let name = path.strip_prefix(root()).unwrap_or(path).to_string_lossy();
        !architecture.contains(&format!("`{name}"))
    });
    assert!(
        missing.is_empty(),
        "docs/architecture.md is silent about {missing:?}"
    );
}

#[test]
fn every_dependency_has_a_reason() {
    let reasons = read(&root().join("docs/decisions/0001-dependencies.md"));
    let manifest: toml::Table = read(&root().join("Cargo.toml"))
        .parse()
        .unwrap_or_else(|error| panic!("Cargo.toml: {error}"));
    for section in ["dependencies", "dev-dependencies"] {
        let names = manifest.get(section).and_then(toml::Value::as_table);
        for name in names.into_iter().flat_map(toml::Table::keys) {
            let is_named = reasons
                .split(|c: char| !(c.is_alphanumeric() || "-_".contains(c)))
                .any(|word| word == name);
            assert!(
                is_named,
                "docs/decisions/0001-dependencies.md is silent about {name}"
            );
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let folder = document.parent().unwrap_or(root());
        for link in links(&read(&document)) {
            let target = link.split('#').next().unwrap_or_default();
            let is_local = !target.is_empty() && !target.contains("://");
            assert!(
                !is_local || folder.join(target).exists(),
                "{}: {link} leads nowhere",
                document.display()
            );
        }
    }
}

/// A document in pieces: prose, and console blocks that show a run of the program.
enum Part<'a> {
    Prose(&'a str),
    /// The command line behind `$ hopscope `.
    Run(&'a str),
}

impl Part<'_> {
    /// The piece with what the program prints today.
    fn today(self) -> String {
        match self {
            Self::Prose(text) => text.to_owned(),
            Self::Run(line) => format!("{CONSOLE}{line}\n{}{FENCE}", output(line)),
        }
    }
}

fn split_at_consoles(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut pieces = text.split(CONSOLE);
    let first = pieces.next().map(Part::Prose);
    let rest = pieces.flat_map(|piece| {
        let (run, prose) = piece.split_once(FENCE).unwrap_or((piece, ""));
        let line = run.lines().next().unwrap_or_default();
        [Part::Run(line), Part::Prose(prose)]
    });
    first.into_iter().chain(rest)
}

/// What a command prints on a terminal. Behind a pipe into `jq '{key, …}'`, those keys of its first line.
fn output(line: &str) -> String {
    let (command, filter) = line.split_once(" | jq ").unwrap_or((line, ""));
    let mut words: Vec<&str> = command.split(' ').collect();
    if words.first() == Some(&"replay") && !words.contains(&"--format") {
        words.extend(["--format", "text"]);
    }
    let printed = run(&words);
    if filter.is_empty() {
        return printed;
    }
    let keys = filter.trim_matches(['\'', '{', '}']).split(", ");
    chosen(printed.lines().next().unwrap_or_default(), keys)
}

fn run(words: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(words)
        .current_dir(root())
        .output();
    let ran = ran.unwrap_or_else(|error| panic!("hopscope does not start: {error}"));
    [ran.stdout, ran.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat()
}

/// Some keys of a JSON object, in their order and laid out as jq does.
fn chosen<'a>(object: &str, keys: impl Iterator<Item = &'a str>) -> String {
    let object: serde_json::Value =
        serde_json::from_str(object).unwrap_or_else(|error| panic!("{error} in {object}"));
    let lines: Vec<String> = keys
        .map(|key| {
            let value = serde_json::to_string_pretty(&object[key]).unwrap_or_default();
            format!("  \"{key}\": {}", value.replace('\n', "\n  "))
        })
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// Writes the file if the run is to bless it, else holds it against what it should be.
fn renew_or_compare(path: &Path, wanted: &str) {
    if blesses() {
        fs::write(path, wanted).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is stale; renew it with BLESS=1 cargo test --test docs\n{}",
        path.display(),
        first_difference(&found, wanted)
    );
}

fn first_difference(found: &str, wanted: &str) -> String {
    let lines = found.lines().chain([""]).zip(wanted.lines().chain([""]));
    let differing = lines
        .enumerate()
        .find(|(_, (found, wanted))| found != wanted);
    differing.map_or_else(
        || "one is longer".to_owned(),
        |(at, (found, wanted))| format!("line {}\n- {found}\n+ {wanted}", at + 1),
    )
}

fn blesses() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// The Markdown files that people wrote.
fn documents() -> Vec<PathBuf> {
    [
        "",
        "docs",
        "docs/decisions",
        "docs/detectors",
        "testdata/pcaps",
        "fuzz",
    ]
    .iter()
    .flat_map(|folder| files_in(&root().join(folder)))
    .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    .collect()
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const CONSOLE: &str = "```console\n$ hopscope ";
const FENCE: &str = "```\n";
const TABLE_END: &str = "<!-- end -->\n";
