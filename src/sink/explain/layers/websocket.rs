//! What a WebSocket says: its handshake, and the manner of its messages.

use super::{Detail, asked};
use crate::proto::http::Http;
use crate::proto::http::upgrade::{Acceptance, Handshake};
use crate::proto::target::Target;
use crate::proto::websocket::{Content, Manner, Penguin, WebSocket};

pub(super) fn handshake(handshake: &Handshake) -> Vec<Detail> {
    let proof = match handshake.acceptance {
        Acceptance::Right => "right: the server speaks WebSocket",
        Acceptance::Wrong => "wrong: the server does not speak WebSocket",
        Acceptance::Missing => "missing",
    };
    let origin = match handshake.has_origin {
        true => "named, as browsers do",
        false => "not named, as no browser does",
    };
    let route = handshake.route.as_ref();
    vec![
        ("path", Some(handshake.path.clone())),
        ("origin", Some(origin.to_owned())),
        ("subprotocol", subprotocol(handshake)),
        ("accept key", Some(proof.to_owned())),
        (
            "messages",
            handshake.deflates.then(|| "compressed".to_owned()),
        ),
        (
            "route",
            route.map(|route| asked(&route.command, route.target.as_ref(), None)),
        ),
    ]
}

fn subprotocol(handshake: &Handshake) -> Option<String> {
    let offered = handshake.offered.join(", ");
    match &handshake.chosen {
        Some(chosen) => Some(format!("{chosen}, of {offered}")),
        None => (!offered.is_empty()).then(|| format!("none, of {offered}")),
    }
}

/// Where a tunnel's client asks to be taken.
pub(super) fn target(http: &Http) -> Option<Target> {
    http.websocket.as_ref()?.route.as_ref()?.target.clone()
}

pub(super) fn frames(socket: &WebSocket) -> Vec<Detail> {
    let noise = "both sides send encrypted bytes from the first one on";
    vec![
        ("client", Some(manner(socket.client))),
        ("server", Some(manner(socket.server))),
        ("note", socket.is_noise.then(|| noise.to_owned())),
    ]
}

fn manner(manner: Option<Manner>) -> String {
    let Some(manner) = manner else {
        return "no message seen".to_owned();
    };
    let masked = if manner.is_masked {
        "masked"
    } else {
        "not masked"
    };
    let content = match manner.content {
        Content::Text => "text",
        Content::Binary => "binary",
        Content::Compressed => "compressed",
    };
    format!("{content}, {masked}")
}

pub(super) fn penguin(penguin: &Penguin) -> Vec<Detail> {
    let command = if penguin.is_reverse {
        "listen on"
    } else {
        "connect"
    };
    vec![(
        "request",
        Some(asked(command, penguin.target.as_ref(), None)),
    )]
}
