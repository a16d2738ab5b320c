//! The messages of SOCKS5 that stand alone.

use super::address::{self, Address};
use super::{Command, Reply};
use crate::proto::half::{Half, Stop, ensure};
use crate::proto::target::Target;

/// What a GSSAPI message is.
#[derive(PartialEq, Eq)]
pub(super) enum Token {
    /// A step of the negotiation.
    Plain,
    /// A message of the protected stream.
    Protected,
    /// The end of the negotiation, without success.
    Abort,
}

/// Passes one GSSAPI message: version, type, length and token; a protected one is not passed. The first token of a
/// context is an ASN.1 application tag.
pub(super) fn token(half: &mut Half<'_>, first: bool) -> Result<Token, Stop> {
    let mut message = *half;
    message.tag(SUBNEGOTIATION)?;
    let token = match message.u8()? {
        ABORT => Token::Abort,
        PROTECTED if !first => return Ok(Token::Protected),
        kind => {
            ensure(kind == CONTEXT || (kind == PROTECTION && !first))?;
            let length = usize::from(message.u16()?);
            ensure(!first || message.peek()? == ASN1_APPLICATION)?;
            message.skip(length)?;
            Token::Plain
        }
    };
    *half = message;
    Ok(token)
}

/// The command with this code.
pub(super) fn command(code: u8) -> Option<Command> {
    match code {
        0x01 => Some(Command::Connect),
        0x02 => Some(Command::Bind),
        0x03 => Some(Command::UdpAssociate),
        0xf0 => Some(Command::Resolve),
        0xf1 => Some(Command::ResolvePtr),
        _ => None,
    }
}

/// Reads a reply. A server that refuses and closes may leave the address out.
pub(super) fn reply(half: &mut Half<'_>) -> Result<Reply, Stop> {
    let mut message = *half;
    message.tag(VERSION)?;
    let code = message.u8()?;
    ensure(matches!(code, 0..=8 | 0xf0..=0xf7))?;
    let bound = match bound_address(&mut message) {
        Err(Stop::Ended) if code != 0 => None,
        bound => bound?,
    };
    *half = message;
    Ok(Reply { code, bound })
}

/// Some servers give an empty name for an address that they do not tell.
fn bound_address(message: &mut Half<'_>) -> Result<Option<Target>, Stop> {
    message.tag(0)?;
    if message.rest().starts_with(&[address::NAME, 0]) {
        message.skip(EMPTY_NAME_BYTES)?;
        return Ok(None);
    }
    Ok(Address::read(message)?.target())
}

/// The version of requests and replies.
pub(super) const VERSION: u8 = 5;
/// The version of the messages that negotiate.
pub(super) const SUBNEGOTIATION: u8 = 1;
/// GSSAPI message types, RFC 1961, sections 3 to 5.
const CONTEXT: u8 = 1;
const PROTECTION: u8 = 2;
const PROTECTED: u8 = 3;
const ABORT: u8 = 0xff;
const ASN1_APPLICATION: u8 = 0x60;
/// Type, length 0 and port.
const EMPTY_NAME_BYTES: usize = 4;
