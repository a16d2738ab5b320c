//! The contract of `hopscope::proto`, held against a parser and two streams that grow.

use std::fmt::Debug;

use hopscope::flow::head::Head;
use hopscope::proto::cursor::Cursor;
use hopscope::proto::{Answer, End, Exchange, Need, Prefix, Reading};

/// Asks the parser twice, first with a part of each stream, later with more of them and with any ends, and compares.
///
/// The input: which ends (one byte), for each side three numbers of two bytes (first, later, missing), then the
/// client's stream, the separator and the server's stream.
pub(super) fn check<T: Debug + PartialEq>(parse: Parse<T>, input: &[u8]) {
    let (client, server) = sides(input);
    let [client_first, client_later] = client.prefixes();
    let [server_first, server_later] = server.prefixes();
    let ask = |client, server| ask(parse, client, server);

    let first = ask(client_first, server_first);
    let client_grew = ask(client_later, server_first);
    let server_grew = ask(client_first, server_later);
    let later = ask(client_later, server_later);
    for (earlier, later) in [
        (&first, &client_grew),
        (&first, &server_grew),
        (&client_grew, &later),
        (&server_grew, &later),
    ] {
        assert_final(earlier, later);
    }
}

/// A parser.
type Parse<T> = fn(&Exchange<'_>) -> Answer<T>;

/// *No* and *Yes* stand whatever follows.
fn assert_final<T: Debug + PartialEq>(earlier: &Answer<T>, later: &Answer<T>) {
    if !matches!(earlier, Answer::More(_)) {
        assert_eq!(earlier, later, "an answer was taken back");
    }
}

/// Asks once. *More* must be on an open side and not there already; *Yes* must not reach beyond what was sent.
fn ask<T: Debug>(parse: Parse<T>, client: Prefix<'_>, server: Prefix<'_>) -> Answer<T> {
    let answer = parse(&Exchange { client, server });
    match &answer {
        Answer::No => {}
        Answer::More(need) => assert_honest(*need, client, server),
        Answer::Yes(reading) => {
            assert_within::<T>(reading.client, client);
            assert_within::<T>(reading.server, server);
        }
    }
    answer
}

fn assert_honest(need: Need, client: Prefix<'_>, server: Prefix<'_>) {
    let sides = [(need.client, client), (need.server, server)];
    assert!(
        sides.iter().any(|&(total, _)| total != NOTHING),
        "asks for nothing"
    );
    for (total, side) in sides {
        let honest = side.is_open() && total > side.bytes.len();
        assert!(
            total == NOTHING || honest,
            "asks for {total} of {side:02x?}"
        );
    }
}

fn assert_within<T>(count: usize, side: Prefix<'_>) {
    let sent = match side.end {
        End::Open | End::Closed => side.bytes.len(),
        End::Cut { missing, then } => side
            .bytes
            .len()
            .saturating_add(missing)
            .saturating_add(then.len()),
    };
    assert!(
        count <= sent || count == Reading::<T>::EVERYTHING,
        "read {count} of {side:02x?}"
    );
}

/// A side's stream, how much of it is there first and later, and what ends it later.
struct Growing<'a> {
    stream: &'a [u8],
    first: usize,
    later: usize,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    Open,
    Closed,
    Cut { missing: usize },
}

fn sides(input: &[u8]) -> (Growing<'_>, Growing<'_>) {
    let mut header = Cursor::new(input);
    let ends = header.u8().unwrap_or_default();
    let mut number = || usize::from(header.u16().unwrap_or_default());
    let [client, server] = [(); 2].map(|()| [number(), number(), number()]);
    let mut streams = super::parts(header.rest());
    let mut stream = || streams.next().unwrap_or_default();
    (
        Growing::new(ends & 0x0f, client, stream()),
        Growing::new(ends >> 4, server, stream()),
    )
}

impl<'a> Growing<'a> {
    fn new(end: u8, [first, later, missing]: [usize; 3], stream: &'a [u8]) -> Self {
        let stream = stream.get(..Head::CAPACITY).unwrap_or(stream);
        let later = later.min(stream.len());
        let ending = match end % 3 {
            0 => Ending::Open,
            1 => Ending::Closed,
            _ if missing == usize::from(u16::MAX) => Ending::Cut {
                missing: usize::MAX,
            },
            _ => Ending::Cut { missing },
        };
        Self {
            stream,
            first: first.min(later),
            later,
            ending,
        }
    }

    fn prefixes(&self) -> [Prefix<'a>; 2] {
        let (bytes, rest) = self.stream.split_at(self.later);
        let end = match self.ending {
            Ending::Open => End::Open,
            Ending::Closed => End::Closed,
            Ending::Cut { missing } => End::Cut {
                missing,
                then: rest.get(missing..).unwrap_or_default(),
            },
        };
        [self.open(self.first), Prefix { bytes, end }]
    }

    fn open(&self, length: usize) -> Prefix<'a> {
        Prefix::open(self.stream.get(..length).unwrap_or(self.stream))
    }
}

/// The need of a side of which more does not help.
const NOTHING: usize = usize::MAX;
