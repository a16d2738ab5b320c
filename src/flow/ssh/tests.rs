//! Sessions written as lines: who writes how many bytes, behind the key exchange.

use super::*;
use crate::evidence::ssh::{SshKind, SshUse};
use crate::facts::ssh::Content;
use crate::flow::probing::Piece;
use crate::proto::ssh;
use crate::proto::ssh::samples::{packet, payload};
use crate::proto::{Answer, Exchange, Prefix, Reading};
use crate::time::{Span, Timestamp};

/// What both sides say in the clear, and the offers of one cipher and MAC.
fn clear(cipher: &str, mac: &str, compression: &str) -> Vec<u8> {
    let lists = [
        "curve25519-sha256",
        "ssh-ed25519",
        cipher,
        cipher,
        mac,
        mac,
        compression,
        compression,
        "",
        "",
    ];
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec(),
        packet(&payload(&lists)),
    ]
    .concat()
}

/// A packet of the key exchange with this number. All but the last are longer than any write behind it.
fn message(kind: u8) -> Vec<u8> {
    let length = if kind == 21 { 12 } else { 1_996_u32 };
    let mut packet = length.to_be_bytes().to_vec();
    packet.extend([4, kind]);
    packet.resize(length as usize + 4, 0);
    packet
}

/// A session whose payloads are cut into segments of at most `most` bytes.
struct Session {
    reader: Reader,
    sent: [u64; 2],
    now: Timestamp,
    most: usize,
}

impl Session {
    fn of(cipher: &str, mac: &str, most: usize) -> Self {
        let said = clear(cipher, mac, "none");
        let exchange = Exchange {
            client: Prefix::closed(&said),
            server: Prefix::closed(&said),
        };
        let Answer::Yes(Reading { layer, .. }) = ssh::parse(&exchange) else {
            panic!("no SSH");
        };
        let mut session = Self {
            reader: Reader::beginning(),
            sent: [0; 2],
            now: Timestamp::from_parts(100, 0),
            most,
        };
        session.says(Side::Client, &said);
        session.says(Side::Server, &said);
        session.reader.learn(&layer);
        session
    }

    fn chacha(most: usize) -> Self {
        Self::of("chacha20-poly1305@openssh.com", "hmac-sha1", most)
    }

    fn exchanges_keys(mut self, client: Side) -> Self {
        self.says(client, &message(30));
        self.says(client.other(), &[message(31), message(21)].concat());
        self.says(client, &message(21));
        self
    }

    fn says(&mut self, from: Side, bytes: &[u8]) {
        self.now = self.now + Span::from_millis(10);
        for captured in bytes.chunks(self.most) {
            let sent = match from {
                Side::Client => &mut self.sent[0],
                Side::Server => &mut self.sent[1],
            };
            let offset = *sent;
            *sent += captured.len() as u64;
            let size = captured.len() as u32;
            self.reader.take(&NewPayload {
                piece: Piece {
                    from,
                    offset,
                    captured,
                    sent: size,
                },
                new_bytes: size,
                gap: false,
                time: self.now,
            });
        }
    }

    /// `+44 -44`: the client writes 44 bytes, then the server; `~5` lets five seconds pass, `^5` milliseconds.
    fn writes(mut self, line: &str) -> Self {
        for word in line.split_whitespace() {
            let (way, count) = word.split_at(1);
            let count: usize = count.parse().unwrap();
            match way {
                "+" => self.says(Side::Client, &vec![0xa5; count]),
                "-" => self.says(Side::Server, &vec![0xa5; count]),
                "^" => self.now = self.now + Span::from_millis(count as i64),
                _ => self.now = self.now + Span::from_seconds(count as i64),
            }
        }
        self
    }

    fn kinds(mut self) -> Vec<&'static str> {
        self.reader.flush();
        let kinds = SshUse::kinds_of(self.reader.conduct().counts);
        kinds.into_iter().map(|kind| kind.name()).collect()
    }

    fn counts(mut self) -> SshCounts {
        self.reader.flush();
        self.reader.conduct().counts
    }
}

/// OpenSSH 9.2 with a key, up to its acceptance.
const AUTH: &str = "+44 -44 +60 -76 +140 -100 +308 -28 ";

/// Sizes as OpenSSH 9.2 has them with chacha20-poly1305.
const CASES: [(&str, &str, &[&str]); 20] = [
    (
        "a shell",
        "+112 -396 -44 +376 -108 -92 +36 -36 +36 -36 +36 -60 +36 -116",
        &[],
    ),
    (
        "its confirmation behind other things",
        "+112 -256 -184 +124 -72 +44 -76 +68",
        &[],
    ),
    (
        "a command",
        "+112 -396 -44 +52 -72 +36 -152 -72 +36 +60",
        &[],
    ),
    (
        "one as long as a connection's request",
        "+112 -256 -184 +176 -72 -284 +44 +36",
        &[],
    ),
    (
        "commands one after the other",
        "+52 -396 -44 +68 -72 +36 -360 -72 +36 +52 -44 +84 -72 +36 +52 -44 +116 -72",
        &[],
    ),
    (
        "commands, at once",
        "+52 -396 +68 -72 +36 -72 +36 +52 -44 +84 -72 +36",
        &[],
    ),
    (
        "nothing at all, and soon a question",
        "+60 -396 ^300 +52 -28 ~1 +52 -28 ~1 +52 -28",
        &[],
    ),
    (
        "nothing at all",
        "+60 -396 ~5 +52 -28 ~5 +52 -28 ~5 +52 -28",
        &[],
    ),
    (
        "a paste that is answered in a word",
        "+112 -396 -44 +376 -108 +92 -44 +36 -36 +100 -44 +36",
        &[],
    ),
    (
        "a connection",
        "+60 -396 ~1 +92 -44 +124 -1400 -36 +36",
        &["local-forward"],
    ),
    (
        "connections to several",
        "+60 -396 ~1 +92 -44 +124 -1400 +36 -72 +36 +108 -44 +556 -900",
        &["dynamic-forward"],
    ),
    ("a jump", "+152 -396 -120 +76 +1400 -1124", &["jump"]),
    (
        "a request to listen",
        "+60 +60 -396 -28",
        &["remote-forward"],
    ),
    (
        "one that is used",
        "+68 +60 -396 -28 ~1 -100 +44 -124 +1400",
        &["remote-forward", "reverse-channel"],
    ),
    (
        "one beside a shell",
        "+68 +112 -368 -72 +444 -108 -36 +36",
        &["remote-forward"],
    ),
    (
        "one whose answer hides",
        "+68 -256 +112 -140 -72 +392 -108 ~1 -92 +44 -556",
        &["remote-forward", "reverse-channel"],
    ),
    ("a device", "+128 -396 -44 ~1 +92 -92 +100", &["tun"]),
    (
        "a device whose confirmation hides",
        "+128 -440 ~1 +92 -92 +100",
        &["tun"],
    ),
    (
        "connections beside a shell",
        "+112 -396 -44 +376 -108 +36 -36 +92 -44 +124 -900 +36 -72 +36 +36 -36 +92 -44 +124 -900 -36 +72 -36",
        &["local-forward"],
    ),
    (
        "one connection beside a shell",
        "+112 -396 -44 +376 -108 +36 -36 +92 -44 +124 -900 +36 -72 +36",
        &[],
    ),
];

#[test]
fn what_a_session_carries() {
    for (name, line, kinds) in CASES {
        let session = Session::chacha(1448).exchanges_keys(Side::Client);
        assert_eq!(session.writes(AUTH).writes(line).kinds(), kinds, "{name}");
    }
}

#[test]
fn how_it_is_cut_into_segments_does_not_matter() {
    for (name, line, _) in CASES {
        let counts = |most| {
            let session = Session::chacha(most).exchanges_keys(Side::Client);
            session.writes(AUTH).writes(line).counts()
        };
        let whole = counts(65_000);
        for most in [1, 7, 100, 536, 1448] {
            assert_eq!(counts(most), whole, "{name} {most}");
        }
    }
}

/// Packets of these sizes, with their lengths in the clear.
fn packets(sizes: &[u32], tag: u32) -> Vec<u8> {
    let packet = |size: &u32| {
        let mut packet = (size - tag - 4).to_be_bytes().to_vec();
        packet.resize(*size as usize, 0xa5);
        packet
    };
    sizes.iter().flat_map(packet).collect()
}

#[test]
fn keepalives_are_no_requests() {
    let mac = "hmac-sha2-256-etm@openssh.com";
    let mut session = Session::of("aes128-ctr", mac, 1448).exchanges_keys(Side::Client);
    let writes = [
        (Side::Client, 0, &[68][..]),
        (Side::Server, 0, &[68]),
        (Side::Client, 0, &[84]),
        (Side::Server, 0, &[100]),
        (Side::Client, 0, &[324]),
        (Side::Server, 0, &[52]),
        (Side::Client, 0, &[84]),
        (Side::Server, 0, &[132, 164, 164]),
    ];
    let alive = [(Side::Client, 1, &[68][..]), (Side::Server, 0, &[52])];
    for (from, seconds, sizes) in writes.into_iter().chain(alive.repeat(8)) {
        session.now = session.now + Span::from_seconds(seconds);
        session.says(from, &packets(sizes, 32));
    }
    assert!(session.kinds().is_empty());
}

#[test]
fn lengths_in_the_clear_are_followed() {
    let gcm = Session::of("aes128-gcm@openssh.com", "hmac-sha1", 1448).exchanges_keys(Side::Client);
    let mut session = gcm;
    for (from, sizes) in [
        (Side::Client, &[52][..]),
        (Side::Server, &[52]),
        (Side::Client, &[68]),
        (Side::Server, &[84]),
        (Side::Client, &[308]),
        (Side::Server, &[36]),
        (Side::Client, &[68, 68]),
        (Side::Server, &[116, 148, 36]),
        (Side::Server, &[100]),
        (Side::Client, &[52]),
        (Side::Server, &[564]),
    ] {
        session.says(from, &packets(sizes, 16));
    }
    assert_eq!(session.kinds(), ["remote-forward", "reverse-channel"]);
}

#[test]
fn the_side_that_asks_first_is_the_client() {
    let session = Session::chacha(1448).exchanges_keys(Side::Server);
    assert_eq!(session.kinds(), ["swapped-roles"]);
}

#[test]
fn authentication_is_counted() {
    let session = Session::chacha(1448).exchanges_keys(Side::Client);
    let refused = "+44 -44 +60 -76 +148 -76 +148 -76 +148 -28 +112";
    let counts = session.writes(refused).counts();
    assert_eq!(
        (counts.authentication, counts.refusals),
        (Authentication::Accepted, 2)
    );
    let session = Session::chacha(1448).exchanges_keys(Side::Client);
    let counts = session.writes("+44 -44 +60 -76 +148 -76").counts();
    assert_eq!(
        (counts.authentication, counts.refusals),
        (Authentication::Unseen, 1)
    );
}

#[test]
fn keys_and_keepalives_are_counted() {
    let session = Session::chacha(1448).exchanges_keys(Side::Client);
    let line = "+112 -396 -44 +376 -108 +36 -36 +36 -36 +36 -36 ~5 +52 -28 ~5 -60 +36";
    let counts = session.writes(AUTH).writes(line).counts();
    assert_eq!((counts.keystrokes, counts.keepalives), (3, 2));
}

#[test]
fn a_middle_needs_whole_lives() {
    let middle = |line: &str| {
        let session = Session {
            reader: Reader::midstream(),
            sent: [1 << 20; 2],
            now: Timestamp::from_parts(100, 0),
            most: 1448,
        };
        session.writes(line).kinds()
    };
    let life = "+100 -44 +556 -1448 -620 +132 +36 -72 +36 ";
    assert_eq!(middle(&life.repeat(2)), ["local-forward"]);
    assert!(middle(life).is_empty());
    assert!(middle(&"+36 -36 +36 -60 +36 -116 ".repeat(9)).is_empty());
    assert!(
        middle(&format!("+37 {}", life.repeat(2))).is_empty(),
        "no packets of SSH"
    );
}

#[test]
fn what_is_compressed_is_not_read() {
    let said = clear(
        "chacha20-poly1305@openssh.com",
        "hmac-sha1",
        "zlib@openssh.com",
    );
    let exchange = Exchange {
        client: Prefix::closed(&said),
        server: Prefix::closed(&said),
    };
    let Answer::Yes(Reading { layer, .. }) = ssh::parse(&exchange) else {
        panic!("no SSH");
    };
    let mut session = Session::chacha(1448);
    session.reader.learn(&layer);
    let session = session.exchanges_keys(Side::Client);
    assert!(
        session
            .writes(AUTH)
            .writes("+60 -396 +92 -44 +124 -900")
            .kinds()
            .is_empty()
    );
}

#[test]
fn what_one_connection_inside_carries_follows_from_sizes() {
    let session = Session::chacha(1448).exchanges_keys(Side::Client);
    let asked = session.writes(AUTH).writes("+68 +60 -28 ~5");
    let mut session = asked.writes("-100 +44 -124 +17076 -36 +72 -36 ~1 +52 -28");
    let lives: Vec<Life> = session.reader.lives().collect();
    let content = |most, doubtful| Content {
        most,
        writes: 1,
        padding: 7,
        around: 34,
        doubtful,
    };
    let [life] = lives.as_slice() else {
        panic!("{lives:?}");
    };
    assert_eq!(life.by, Side::Server);
    // 87 bytes in 124, and an end that could be two more; 17042 bytes in one packet.
    assert_eq!(life.asker, content(92, 2));
    assert_eq!(life.answerer, content(17_042, 0));
    assert_eq!(life.ended - life.asked, Span::from_millis(60));
    assert_eq!(session.reader.lives().count(), 0);
}

#[test]
fn a_session_inside_tls_is_read_like_any_other() {
    let mut sent = [0; 2];
    let mut reader = Reader::suspecting((0, 0), 17);
    let said = "+41 -41 -1088 +1560 +1208 -1564 +16 ";
    let line = format!("{said}{AUTH}+60 -396 +92 -44 +124 -900 +92 -44 +124 -900");
    for (number, word) in line.split_whitespace().enumerate() {
        let (way, bytes) = word.split_at(1);
        let (from, sent) = match way {
            "+" => (Side::Client, &mut sent[0]),
            _ => (Side::Server, &mut sent[1]),
        };
        let held: u16 = bytes.parse().unwrap();
        let [high, low] = (held + 17).to_be_bytes();
        let mut captured = vec![23, 3, 3, high, low];
        captured.resize(usize::from(held) + 22, 0xa5);
        let size = captured.len() as u32;
        reader.take(&NewPayload {
            piece: Piece {
                from,
                offset: *sent,
                captured: &captured,
                sent: size,
            },
            new_bytes: size,
            gap: false,
            time: Timestamp::from_parts(100 + number as i64, 0),
        });
        *sent += u64::from(size);
        assert!(!reader.is_foreign(), "{word}");
    }
    let kinds = SshUse::kinds_of(reader.conduct().counts);
    assert_eq!(kinds, [SshKind::InsideTls, SshKind::LocalForward]);
}
