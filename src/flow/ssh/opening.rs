//! What a client may say first once it was accepted, told by the size of a write.

use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::message;

/// What a write may have been. A size can stand for several things; the answer tells which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The channel that a confirmation would confirm.
    pub(super) channel: Option<Channel>,
    /// An answer to a global request would say that it asked to listen for connections.
    pub(super) listen: bool,
    /// It bars further sessions, and opens none.
    pub(super) bars: bool,
}

/// A kind of channel that a client opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    /// A connection from the server to somewhere.
    Direct,
    /// The packets of a network device.
    Tun,
    /// A shell, a command or a file transfer. Where it may be one, it is taken for one.
    Session,
}

/// What the first writes behind the client's acceptance may be: requests to listen, then a channel, then the request
/// that bars sessions.
pub(super) fn explain(framing: Framing, bytes: u32) -> Option<Asked> {
    let mut found = Asked::default();
    let mut any = false;
    for listens in 0..=MOST_LISTENS {
        for listen in listen_sizes(framing) {
            let before = listen.saturating_mul(listens);
            let Some(rest) = bytes.checked_sub(before) else {
                continue;
            };
            if let Some(asked) = tail(framing, rest, listens > 0) {
                found = found.or(asked);
                any = true;
            }
            if listens == 0 {
                break;
            }
        }
    }
    let fits = framing.most_payload(bytes);
    if fits.is_some_and(|most| {
        most >= *message::FORWARD.start() && most <= *message::FORWARD.end() + 15
    }) {
        found.listen = true;
        any = true;
    }
    any.then_some(found)
}

/// A request for one connection.
pub(super) fn is_direct(framing: Framing, bytes: u32) -> bool {
    let (least, most) = (*message::DIRECT.start(), *message::DIRECT.end());
    framing.most_payload(bytes).is_some()
        && (framing.packet(least)..=framing.packet(most)).contains(&bytes)
}

/// An offer to take a connection over.
pub(super) fn is_forwarded(framing: Framing, bytes: u32) -> bool {
    let (least, most) = (*message::FORWARDED.start(), *message::FORWARDED.end());
    framing.most_payload(bytes).is_some()
        && (framing.packet(least)..=framing.packet(most)).contains(&bytes)
}

fn tail(framing: Framing, bytes: u32, listens: bool) -> Option<Asked> {
    let session = framing.packet(message::SESSION);
    let tun = framing.packet(message::TUN);
    let barred = framing.packet(message::NO_MORE_SESSIONS);
    let opens = |channel| Asked {
        channel: Some(channel),
        listen: listens,
        bars: false,
    };
    let without = bytes.checked_sub(barred);
    if bytes == session || without == Some(session) {
        return Some(opens(Channel::Session));
    }
    let bars = without.is_some();
    let alone = without.unwrap_or(bytes);
    let only_bars = without == Some(0);
    if bytes == tun || alone == tun || only_bars {
        let channel = (bytes == tun || alone == tun).then_some(Channel::Tun);
        let bars = bars && (only_bars || alone == tun);
        return Some(Asked {
            channel,
            listen: listens,
            bars,
        });
    }
    if listens {
        return None;
    }
    if is_direct(framing, bytes) {
        return Some(opens(Channel::Direct));
    }
    is_direct(framing, alone).then(|| Asked {
        bars,
        ..opens(Channel::Direct)
    })
}

/// Sizes of a request to listen at `*`, at an IPv4 address or `localhost`.
fn listen_sizes(framing: Framing) -> [u32; 3] {
    let least = *message::FORWARD.start();
    [0, 8, 9].map(|name| framing.packet(least.saturating_add(name)))
}

impl Asked {
    fn or(self, other: Self) -> Self {
        Self {
            channel: self.channel.max(other.channel),
            listen: self.listen || other.listen,
            bars: self.bars || other.bars,
        }
    }
}

const MOST_LISTENS: u32 = 2;
