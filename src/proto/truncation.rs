//! Holds a parser against its contract with every truncation of a good exchange, and with holes anywhere.

use std::fmt::Debug;

use super::{Answer, End, Exchange, Prefix, Reading};

/// When the whole exchange is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// As soon as its last byte is there.
    AtOnce,
    /// Only when nothing more can come.
    AtTheEnd,
}

/// A good exchange and the reading that it must give.
#[derive(Debug)]
pub struct Sample<'a, T> {
    /// What it shows, for the failing test's message.
    pub name: &'a str,
    /// All bytes of the client.
    pub client: &'a [u8],
    /// All bytes of the server.
    pub server: &'a [u8],
    /// When the reading can be given.
    pub settled: Settled,
    /// The reading of the whole exchange.
    pub reading: Reading<T>,
}

impl<T: Debug + Clone + PartialEq> Sample<'_, T> {
    /// Runs all checks; panics with the exchange of the first that fails.
    pub fn check(&self, parse: Parse<T>) {
        self.check_whole(parse);
        for client in 0..=self.client.len() {
            for server in 0..=self.server.len() {
                self.check_open(parse, client, server);
                self.check_ends(parse, client, server);
            }
        }
        self.check_holes(parse);
    }

    fn check_whole(&self, parse: Parse<T>) {
        let expected = Answer::Yes(self.reading.clone());
        let (client, server) = (Prefix::closed(self.client), Prefix::closed(self.server));
        assert_eq!(
            self.ask(parse, client, server),
            expected,
            "{}: ended",
            self.name
        );
        let open = self.ask(parse, Prefix::open(self.client), Prefix::open(self.server));
        match self.settled {
            Settled::AtOnce => assert_eq!(open, expected, "{}: open", self.name),
            Settled::AtTheEnd => {
                assert!(matches!(open, Answer::More(_)), "{}: {open:?}", self.name)
            }
        }
    }

    /// Both sides may grow: *More*, and not too much of it, or the one true *Yes*.
    fn check_open(&self, parse: Parse<T>, client: usize, server: usize) {
        let name = self.name;
        match self.ask_open(parse, client, server) {
            Answer::No => panic!("{name}: no at {client} and {server} bytes"),
            Answer::Yes(reading) => assert_eq!(reading, self.reading, "{name}: {client}, {server}"),
            Answer::More(need) => {
                let just_short = self.ask_open(parse, need.client - 1, need.server - 1);
                let waits = matches!(just_short, Answer::More(_));
                assert!(
                    waits,
                    "{name}: {need:?} at {client} and {server} comes late: {just_short:?}"
                );
            }
        }
    }

    /// A side that ended as a whole contradicts nothing.
    fn check_ends(&self, parse: Parse<T>, client: usize, server: usize) {
        let (client, server) = (&self.client[..client], &self.server[..server]);
        self.ask(parse, Prefix::closed(client), Prefix::closed(server));
        let answer = self.ask(parse, Prefix::closed(client), Prefix::open(server));
        let partial = client.len() < self.client.len();
        assert!(
            partial || answer != Answer::No,
            "{}: no, client ended, {server:02x?}",
            self.name
        );
        let answer = self.ask(parse, Prefix::open(client), Prefix::closed(server));
        let partial = server.len() < self.server.len();
        assert!(
            partial || answer != Answer::No,
            "{}: no, server ended, {client:02x?}",
            self.name
        );
    }

    fn check_holes(&self, parse: Parse<T>) {
        for client in holes(self.client) {
            self.ask(parse, client, Prefix::open(&[]));
            self.ask(parse, client, Prefix::open(self.server));
            self.ask(parse, client, Prefix::closed(self.server));
        }
        for server in holes(self.server) {
            self.ask(parse, Prefix::open(self.client), server);
            self.ask(parse, Prefix::closed(self.client), server);
            for client in holes(self.client).step_by(31) {
                self.ask(parse, client, server);
            }
        }
    }

    fn ask_open(&self, parse: Parse<T>, client: usize, server: usize) -> Answer<T> {
        let client = &self.client[..client.min(self.client.len())];
        let server = &self.server[..server.min(self.server.len())];
        self.ask(parse, Prefix::open(client), Prefix::open(server))
    }

    /// Asks the parser; *More* must be on an open side and not satisfied already.
    fn ask(&self, parse: Parse<T>, client: Prefix<'_>, server: Prefix<'_>) -> Answer<T> {
        let answer = parse(&exchange(client, server));
        if let Answer::More(need) = &answer {
            let is_idle = |need: usize| need == usize::MAX;
            let is_honest = |need: usize, side: Prefix<'_>| {
                is_idle(need) || (side.is_open() && need > side.bytes.len())
            };
            let honest = is_honest(need.client, client) && is_honest(need.server, server);
            let idle = is_idle(need.client) && is_idle(need.server);
            assert!(
                honest && !idle,
                "{}: {need:?} at {client:02x?} {server:02x?}",
                self.name
            );
        }
        answer
    }
}

/// A parser.
pub type Parse<T> = fn(&Exchange<'_>) -> Answer<T>;

/// An exchange of two prefixes.
pub const fn exchange<'a>(client: Prefix<'a>, server: Prefix<'a>) -> Exchange<'a> {
    Exchange { client, server }
}

/// Every start of a hole, with holes of several lengths, the rest known behind it.
fn holes(bytes: &[u8]) -> impl Iterator<Item = Prefix<'_>> {
    (0..=bytes.len()).flat_map(move |start| {
        [0, 1, 2, 7, bytes.len() - start, bytes.len()].map(|missing| Prefix {
            bytes: &bytes[..start],
            end: End::Cut {
                missing,
                then: bytes.get(start + missing..).unwrap_or_default(),
            },
        })
    })
}
