//! What a SOCKS exchange says.

use super::{Detail, asked};
use crate::evidence::UNSEEN;
use crate::proto::Side;
use crate::proto::socks_udp::SocksUdp;
use crate::proto::socks4::Socks4;
use crate::proto::socks5::{Reply, Socks5, Stage};

pub(super) fn version5(socks: &Socks5) -> Vec<Detail> {
    let methods: Vec<&str> = socks
        .methods
        .iter()
        .map(|&m| Socks5::method_name(m))
        .collect();
    let seen = socks.one_sided.map(|side| match side {
        Side::Client => "the client's side only",
        Side::Server => "the server's side only",
    });
    let opaque = "nothing behind the authentication can be read";
    vec![
        ("seen", seen.map(str::to_owned)),
        ("auth offered", Some(methods.join(", "))),
        (
            "auth chosen",
            socks.method.map(|m| Socks5::method_name(m).to_owned()),
        ),
        ("user", user(socks)),
        ("opaque", socks.opaque.then(|| opaque.to_owned())),
        (
            "request",
            socks
                .command
                .map(|c| asked(c.name(), socks.target.as_ref(), socks.cut_name.as_deref())),
        ),
        ("reply", Some(answer(socks))),
        ("reply", socks.second_reply.as_ref().map(reply)),
    ]
}

fn user(socks: &Socks5) -> Option<String> {
    let given = if socks.user_given {
        "given"
    } else {
        "not given"
    };
    match socks.accepted {
        Some(true) => Some(format!("{given}, accepted")),
        Some(false) => Some(format!("{given}, refused")),
        None => socks.user_given.then(|| given.to_owned()),
    }
}

fn answer(socks: &Socks5) -> String {
    match (&socks.reply, socks.stage) {
        (Some(first), _) => reply(first),
        (None, Stage::AuthFailed) => "none: the authentication failed".to_owned(),
        (None, _) if socks.method == Some(Socks5::REFUSED) => {
            "none: no method was accepted".to_owned()
        }
        (None, _) => UNSEEN.to_owned(),
    }
}

fn reply(reply: &Reply) -> String {
    match &reply.bound {
        Some(bound) => format!("{}, bound to {bound}", reply.name()),
        None => reply.name(),
    }
}

pub(super) fn version4(socks: &Socks4) -> Vec<Detail> {
    let reply = |code: u8| Socks4::reply_name(code).to_owned();
    vec![
        ("user", socks.user_given.then(|| "given".to_owned())),
        (
            "request",
            Some(asked(
                socks.command.name(),
                socks.target.as_ref(),
                socks.cut_name.as_deref(),
            )),
        ),
        ("reply", Some(reply(socks.reply))),
        ("reply", socks.second_reply.map(reply)),
    ]
}

pub(super) fn datagram(udp: &SocksUdp) -> Vec<Detail> {
    let fragment = (udp.fragment != 0).then(|| udp.fragment.to_string());
    vec![
        ("target", Some(udp.target.to_string())),
        ("fragment", fragment),
        (
            "note",
            Some(
                "a datagram that fits; it counts only where a UDP ASSOCIATE announced it"
                    .to_owned(),
            ),
        ),
    ]
}
