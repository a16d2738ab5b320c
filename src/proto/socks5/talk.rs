//! The walk through a SOCKS5 exchange, message by message.

use super::address::Address;
use super::message::{SUBNEGOTIATION, Token, VERSION, command, reply, token};
use super::{Command, Socks5, Stage};
use crate::proto::half::{Half, Stop, ensure};
use crate::proto::{Answer, Exchange, Reading, Side};

/// Reads the exchange as far as it goes.
pub(super) fn read(exchange: &Exchange<'_>) -> Answer<Socks5> {
    if !begins_well(exchange) {
        return Answer::No;
    }
    let mut talk = Talk::new(exchange);
    let stopped = match talk.layer.one_sided {
        None => talk.both_sides(),
        Some(Side::Client) => talk.client_alone(),
        Some(Side::Server) => talk.server_alone(),
    };
    match stopped {
        Err(Stop::No) => Answer::No,
        Err(Stop::More(need)) => Answer::More(need),
        Ok(()) | Err(Stop::Ended) => talk.verdict(),
    }
}

/// What the first bytes of either side say without the other.
fn begins_well(exchange: &Exchange<'_>) -> bool {
    let may_choose = match *exchange.server.bytes {
        [VERSION, NONE, next, ..] => next == VERSION,
        [VERSION, GSSAPI | PASSWORD, next, ..] => next == VERSION || next == SUBNEGOTIATION,
        [first, ..] => first == VERSION,
        [] => true,
    };
    let greets = exchange
        .client
        .bytes
        .first()
        .is_none_or(|&byte| byte == VERSION);
    let unseen = exchange.client.is_unseen() && exchange.server.is_unseen();
    greets && may_choose && !unseen
}

/// The exchange while it is read. Both halves stand behind the last message that was whole.
struct Talk<'a> {
    client: Half<'a>,
    server: Half<'a>,
    layer: Socks5,
    /// Whether any stage was reached at all.
    is_known: bool,
}

impl<'a> Talk<'a> {
    fn new(exchange: &Exchange<'a>) -> Self {
        Self {
            client: Half::new(Side::Client, exchange.client),
            server: Half::new(Side::Server, exchange.server),
            layer: Socks5 {
                one_sided: lone_side(exchange),
                ..Socks5::default()
            },
            is_known: false,
        }
    }

    fn both_sides(&mut self) -> Result<(), Stop> {
        self.greeting()?;
        self.choice()?;
        match self.layer.method {
            Some(NONE) => {}
            Some(PASSWORD) => self.password()?,
            Some(GSSAPI) => self.gssapi()?,
            _ => self.unknown_method()?,
        }
        self.request()?;
        self.replies()
    }

    /// The client without its server: greeting and request must both be there.
    fn client_alone(&mut self) -> Result<(), Stop> {
        self.greeting()?;
        if self.client.peek()? == SUBNEGOTIATION {
            ensure(self.layer.methods.contains(&PASSWORD))?;
            self.credentials()?;
        }
        self.request()
    }

    /// The server without its client: choice and a whole reply must both be there.
    fn server_alone(&mut self) -> Result<(), Stop> {
        let mut half = self.server;
        half.tag(VERSION)?;
        let method = half.u8()?;
        ensure(method == NONE || method == PASSWORD)?;
        if method == PASSWORD {
            half.tag(SUBNEGOTIATION)?;
            half.tag(0)?;
            self.layer.accepted = Some(true);
        }
        let reply = reply(&mut half)?;
        ensure(reply.bound.is_some())?;
        self.server = half;
        self.layer.method = Some(method);
        self.layer.reply = Some(reply);
        self.reached(Stage::Answered);
        Ok(())
    }

    fn greeting(&mut self) -> Result<(), Stop> {
        let mut half = self.client;
        half.tag(VERSION)?;
        let count = usize::from(half.u8()?);
        ensure(count > 0 && are_plausible(half.known(count)))?;
        self.layer.methods = half.take(count)?.to_vec();
        ensure(half.peek().is_ok_and(|byte| self.may_follow(byte)) || half.rest().is_empty())?;
        self.client = half;
        Ok(())
    }

    /// Whether a client that offered these methods may go on with `byte`.
    fn may_follow(&self, byte: u8) -> bool {
        let negotiates =
            self.layer.methods.contains(&PASSWORD) || self.layer.methods.contains(&GSSAPI);
        let is_unknown = |method: &u8| *method > PASSWORD;
        byte == VERSION
            || (byte == SUBNEGOTIATION && negotiates)
            || self.layer.methods.iter().any(is_unknown)
    }

    fn choice(&mut self) -> Result<(), Stop> {
        let mut half = self.server;
        half.tag(VERSION)?;
        let method = half.u8()?;
        ensure(method == Socks5::REFUSED || self.layer.methods.contains(&method))?;
        self.server = half;
        self.layer.method = Some(method);
        self.reached(Stage::Chosen);
        Ok(())
    }

    /// RFC 1929. A client that goes on with its request instead is followed.
    fn password(&mut self) -> Result<(), Stop> {
        if self.client.peek()? == VERSION {
            return Ok(());
        }
        self.credentials()?;
        let mut half = self.server;
        let version = half.u8()?;
        ensure(version == SUBNEGOTIATION || version == VERSION)?;
        let accepted = half.u8()? == 0;
        self.server = half;
        self.authenticated(accepted)
    }

    fn credentials(&mut self) -> Result<(), Stop> {
        let mut half = self.client;
        half.tag(SUBNEGOTIATION)?;
        let user_bytes = usize::from(half.u8()?);
        half.skip(user_bytes)?;
        match half.u8() {
            // The length is missing, but a cut message ends where its hole does.
            Err(Stop::Ended) if half.skip_hole() => {}
            length => _ = half.skip(usize::from(length?))?,
        }
        self.client = half;
        self.layer.user_given = user_bytes > 0;
        Ok(())
    }

    /// RFC 1961, sections 3 to 5: tokens go to and fro until the client asks or speaks protected.
    fn gssapi(&mut self) -> Result<(), Stop> {
        let mut first = true;
        while self.client.peek()? != VERSION {
            let mut half = self.client;
            match token(&mut half, first)? {
                Token::Abort => return self.authenticated(false),
                Token::Protected => return self.protected(),
                Token::Plain => self.client = half,
            }
            if token(&mut self.server, false)? == Token::Abort {
                return self.authenticated(false);
            }
            first = false;
        }
        if first {
            Ok(())
        } else {
            self.authenticated(true)
        }
    }

    fn protected(&mut self) -> Result<(), Stop> {
        self.layer.opaque = true;
        self.authenticated(true)?;
        Err(Stop::Ended)
    }

    fn authenticated(&mut self, accepted: bool) -> Result<(), Stop> {
        self.layer.accepted = Some(accepted);
        self.reached(if accepted {
            Stage::Authenticated
        } else {
            Stage::AuthFailed
        });
        if accepted { Ok(()) } else { Err(Stop::Ended) }
    }

    /// A refusal ends the exchange; an unknown method may have nothing to negotiate, otherwise it is opaque.
    fn unknown_method(&mut self) -> Result<(), Stop> {
        if self.layer.method == Some(Socks5::REFUSED) {
            return Err(Stop::Ended);
        }
        self.layer.opaque = self.client.peek()? != VERSION;
        if self.layer.opaque {
            Err(Stop::Ended)
        } else {
            Ok(())
        }
    }

    fn request(&mut self) -> Result<(), Stop> {
        let mut half = self.client;
        half.tag(VERSION)?;
        let command = command(half.u8()?).ok_or(Stop::No)?;
        half.tag(0)?;
        let address = Address::read(&mut half)?;
        ensure(command != Command::Connect || address.port != Some(0))?;
        self.client = half;
        self.layer.command = Some(command);
        self.layer.target = address.target();
        self.layer.cut_name = address.cut_name();
        self.reached(Stage::Requested);
        Ok(())
    }

    fn replies(&mut self) -> Result<(), Stop> {
        let first = reply(&mut self.server)?;
        let binds = self.layer.command == Some(Command::Bind);
        let waits = binds && first.code == 0;
        self.layer.reply = Some(first);
        self.reached(Stage::Answered);
        if waits { self.second_reply() } else { Ok(()) }
    }

    /// What does not read as a second reply is the inner protocol already.
    fn second_reply(&mut self) -> Result<(), Stop> {
        let mut half = self.server;
        match reply(&mut half) {
            Ok(second) => {
                self.server = half;
                self.layer.second_reply = Some(second);
                Ok(())
            }
            Err(Stop::No) => Ok(()),
            Err(stop) => Err(stop),
        }
    }

    fn reached(&mut self, stage: Stage) {
        self.layer.stage = stage;
        self.is_known = true;
    }

    fn verdict(self) -> Answer<Socks5> {
        match self.suffices() {
            Ok(()) => Answer::Yes(Reading {
                layer: self.layer,
                client: self.client.position(),
                server: self.server.position(),
            }),
            Err(Stop::More(need)) => Answer::More(need),
            Err(Stop::No | Stop::Ended) => Answer::No,
        }
    }

    /// A greeting and a choice alone are few bytes: nothing that follows may speak against them.
    fn suffices(&self) -> Result<(), Stop> {
        ensure(self.is_known)?;
        if self.layer.stage > Stage::Chosen {
            return Ok(());
        }
        ensure(self.layer.methods.len() <= MOST_METHODS_ALONE)?;
        if self.layer.opaque {
            return Ok(());
        }
        ensure(self.server.rest().is_empty())?;
        says_no_more(&self.server)?;
        if self.client.rest().is_empty() {
            says_no_more(&self.client)?;
        }
        Ok(())
    }
}

/// Waits for the end of a side of which all is read.
fn says_no_more(half: &Half<'_>) -> Result<(), Stop> {
    match half.short(1) {
        Stop::Ended => Ok(()),
        more => Err(more),
    }
}

fn lone_side(exchange: &Exchange<'_>) -> Option<Side> {
    if exchange.server.is_unseen() {
        Some(Side::Client)
    } else if exchange.client.is_unseen() {
        Some(Side::Server)
    } else {
        None
    }
}

/// Distinct, and each assigned by IANA or in the range for private methods.
fn are_plausible(methods: &[u8]) -> bool {
    let assigned = |method: u8| matches!(method, 0x00..=0x03 | 0x05..=0x09 | 0x80..=0xfe);
    let mut earlier = methods.iter().enumerate();
    earlier.all(|(at, &method)| {
        assigned(method) && !methods.iter().take(at).any(|&other| other == method)
    })
}

const NONE: u8 = 0;
const GSSAPI: u8 = 1;
const PASSWORD: u8 = 2;
/// A greeting of 12 bytes.
const MOST_METHODS_ALONE: usize = 10;
