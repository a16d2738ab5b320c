//! What the server says in the clear.

use super::Undecided;
use super::certificate::Certificate;
use super::hello::ServerHello;
use super::records::{Message, Messages, Step};
use crate::proto::{Need, Prefix, Side};

/// The server's messages up to its certificate, or up to the place where it starts to encrypt.
#[derive(Debug, Default)]
pub(super) struct Flight {
    pub(super) hello: Option<ServerHello>,
    pub(super) certificate: Option<Certificate>,
    pub(super) alert: Option<u8>,
    /// Whether it was cut in a message that began well.
    pub(super) begun: bool,
    /// The end of the last record that belongs to it.
    pub(super) end: usize,
}

/// What a step is to the flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Within,
    Last,
    Behind,
}

impl Flight {
    /// Reads the flight. A side that speaks no TLS gives an empty one: the client may have met the wrong server.
    pub(super) fn read(prefix: &Prefix<'_>) -> Result<Self, Undecided> {
        let mut messages = Messages::new(prefix);
        let mut flight = Self::default();
        loop {
            let place = match messages.next() {
                Step::Short(total) if messages.is_open() => {
                    return Err(Undecided::Short(Need::of(Side::Server, total)));
                }
                Step::Short(_) => flight.fragment(messages.fragment()),
                step => flight.step(&step),
            };
            if place != Place::Behind {
                flight.end = messages.position();
            }
            if place != Place::Within {
                return Ok(flight);
            }
        }
    }

    fn step(&mut self, step: &Step<'_>) -> Place {
        match step {
            Step::Message(message) if self.expects(message.kind) => self.message(message),
            Step::ChangeCipherSpec if self.asked_again() => Place::Within,
            Step::Alert(description) => {
                self.alert = Some(*description);
                Place::Last
            }
            _ => Place::Behind,
        }
    }

    fn message(&mut self, message: &Message<'_>) -> Place {
        if message.kind == CERTIFICATE {
            self.certificate = Certificate::parse(&message.body);
            return Place::Last;
        }
        let Some(hello) = ServerHello::parse(&message.body) else {
            return Place::Behind;
        };
        let another_follows = hello.retry && !self.asked_again();
        let last = hello.hides_certificate() && !another_follows;
        self.hello = Some(hello);
        if last { Place::Last } else { Place::Within }
    }

    /// The start of a message that was cut.
    fn fragment(&mut self, message: Option<Message<'_>>) -> Place {
        match message {
            Some(message) if self.expects(message.kind) => {
                self.begun = matches!(*message.body, [3, 0..=4, ..]);
                Place::Last
            }
            _ => Place::Behind,
        }
    }

    /// Whether a message of this kind is the next that tells something.
    fn expects(&self, kind: u8) -> bool {
        match (kind, &self.hello) {
            (SERVER_HELLO, None) => true,
            (SERVER_HELLO, Some(hello)) => hello.retry,
            (CERTIFICATE, Some(hello)) => !hello.hides_certificate(),
            _ => false,
        }
    }

    /// Whether the hello so far is a HelloRetryRequest.
    fn asked_again(&self) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.retry)
    }
}

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
