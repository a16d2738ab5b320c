//! Watching: the flows that a person asked about.
//!
//! What is read in them is kept until they are over. A run in which nobody asked does nothing here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

use super::facts_of;
use crate::decode::{Endpoint, Transport};
use crate::facts::{self, FlowId, FlowPortrait, Sending};
use crate::flow::Flow;
use crate::flow::sizes::Sizes;
use crate::proto::Side;
use crate::proto::dns::Named;
use crate::proto::stack::Layer;

/// Which flows are to be portrayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Those whose Community ID v1, seed 0, begins so.
    CommunityId(String),
    /// Those between two endpoints, whichever opened, over this transport or over any.
    Ends([Endpoint; 2], Option<Transport>),
}

impl Watch {
    fn holds(&self, flow: &Flow) -> bool {
        let ends = [Side::Client, Side::Server].map(|side| flow.endpoint(side));
        let transport = flow.key.transport();
        match self {
            Self::CommunityId(id) => {
                let [one, other] = ends;
                facts::community_id(one, other, transport)
                    .is_some_and(|whole| whole.starts_with(id))
            }
            Self::Ends([one, other], only) => {
                let same_ends = ends == [*one, *other] || ends == [*other, *one];
                same_ends && only.is_none_or(|only| only == transport)
            }
        }
    }
}

/// Reads a Community ID (`1:…`), or the beginning of one, or two ends (`IP:PORT-IP:PORT`, perhaps with `/tcp` or `/udp` behind).
impl FromStr for Watch {
    type Err = WatchError;

    fn from_str(text: &str) -> Result<Self, WatchError> {
        if let Some(digest) = text.strip_prefix("1:") {
            let id = begins_like_sha1(digest).then(|| text.to_owned());
            return id.map(Self::CommunityId).ok_or(WatchError::CommunityId);
        }
        let (ends, transport) = match text.split_once('/') {
            Some((ends, transport)) => (ends, Some(transport_of(transport)?)),
            None => (text, None),
        };
        let (one, other) = ends.split_once('-').ok_or(WatchError::Shape)?;
        Ok(Self::Ends(
            [endpoint_of(one)?, endpoint_of(other)?],
            transport,
        ))
    }
}

/// What is wrong with the name of a flow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// It looks like nothing that names a flow.
    #[error("it names no flow; give a Community ID (1:…) or both ends (IP:PORT-IP:PORT)")]
    Shape,
    /// It begins like a Community ID.
    #[error(
        "a Community ID is 1: and 28 characters of base64, the last of them =; the first four or more will do"
    )]
    CommunityId,
    /// One end is none.
    #[error("`{0}` is no end of a flow; write 192.0.2.1:443, or [2001:db8::1]:443 for IPv6")]
    End(String),
    /// What stands behind the slash is no transport.
    #[error("`{0}` is no transport; it is /tcp or /udp")]
    Transport(String),
}

/// 20 bytes are 27 characters and one of padding (RFC 4648, section 4). So few flows begin with the same four that it is
/// seldom more than one.
fn begins_like_sha1(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let (digits, lengths) = match text.strip_suffix('=') {
        Some(digits) => (digits, 27..=27),
        None => (text, 4..=27),
    };
    lengths.contains(&digits.len()) && digits.bytes().all(is_digit)
}

fn transport_of(name: &str) -> Result<Transport, WatchError> {
    match name {
        "tcp" => Ok(Transport::TCP),
        "udp" => Ok(Transport::UDP),
        _ => Err(WatchError::Transport(name.to_owned())),
    }
}

fn endpoint_of(text: &str) -> Result<Endpoint, WatchError> {
    let end: SocketAddr = text.parse().map_err(|_| WatchError::End(text.to_owned()))?;
    Ok(Endpoint {
        address: end.ip().into(),
        port: end.port(),
    })
}

/// What one shard knows of the flows that are watched and not over. There are never more of them than transports
/// between two ends, or than flows whose Community IDs begin alike.
#[derive(Debug, Default)]
pub(super) struct Watching {
    watch: Option<Watch>,
    read: BTreeMap<FlowId, Read>,
}

/// What was read in a flow, and the sizes of its payloads that brought something new.
#[derive(Debug, Default)]
struct Read {
    layers: Vec<Layer>,
    names: Vec<Named>,
    client_sizes: Sizes,
    server_sizes: Sizes,
}

impl Watching {
    pub(super) fn new(watch: Option<Watch>) -> Self {
        let read = BTreeMap::new();
        Self { watch, read }
    }

    /// Whether somebody asked about a flow.
    pub(super) fn holds(&self, flow: &Flow) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.holds(flow))
    }

    /// Counts the size of a flow's payload, if it is watched.
    #[cold]
    pub(super) fn note_size(&mut self, flow: &Flow, from: Side, bytes: u32) {
        if !flow.watched {
            return;
        }
        let read = self.read.entry(flow.id).or_default();
        match from {
            Side::Client => read.client_sizes.record(bytes),
            Side::Server => read.server_sizes.record(bytes),
        }
    }

    /// Keeps the layers of a flow, if it is watched.
    pub(super) fn note_layers(&mut self, flow: &Flow, layers: &[Layer]) {
        if flow.watched {
            self.read.entry(flow.id).or_default().layers = layers.to_vec();
        }
    }

    /// Keeps the first names that DNS gave in a flow, each once, if it is watched.
    pub(super) fn note_names(&mut self, flow: &Flow, names: &[Named]) {
        if !flow.watched {
            return;
        }
        let kept = &mut self.read.entry(flow.id).or_default().names;
        for named in names {
            let known = |old: &Named| old.ip == named.ip && old.name == named.name;
            if kept.len() < MOST_NAMES && !kept.iter().any(known) {
                kept.push(named.clone());
            }
        }
    }

    /// The portrait of a flow that is over, if it was watched.
    pub(super) fn portrait(&mut self, flow: &Flow) -> Option<FlowPortrait> {
        if !flow.watched {
            return None;
        }
        let Read {
            layers,
            names,
            client_sizes,
            server_sizes,
        } = self.read.remove(&flow.id).unwrap_or_default();
        Some(FlowPortrait {
            facts: facts_of(flow, layers),
            names,
            phase: flow.tcp.map(|connection| connection.phase()),
            round_trip: flow.round_trip(),
            client: sending(flow, Side::Client, &client_sizes),
            server: sending(flow, Side::Server, &server_sizes),
        })
    }
}

fn sending(flow: &Flow, side: Side, sizes: &Sizes) -> Sending {
    Sending {
        segments: flow.sent_by(side).segments,
        sizes: sizes.bins().collect(),
    }
}

const MOST_NAMES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_named_by_its_id_or_its_ends() {
        let cases = [
            ("1:HGqH+Q4rFDPQKNBXPT8gOkUFFn8=", None, true),
            ("1:HGqH", None, true),
            ("1:HGqH+Q4rFDPQKNBXPT8gOkUFFn8", None, true),
            ("10.0.0.1:5-10.0.0.2:80", None, false),
            (
                "10.0.0.2:80-10.0.0.1:5/tcp",
                Some(Some(Transport::TCP)),
                false,
            ),
            (
                "[2001:db8::1]:5-[2001:db8::2]:53/udp",
                Some(Some(Transport::UDP)),
                false,
            ),
            ("[::ffff:10.0.0.1]:5-10.0.0.2:80", Some(None), false),
        ];
        for (text, transport, is_id) in cases {
            let watch: Watch = text.parse().unwrap();
            assert_eq!(matches!(watch, Watch::CommunityId(_)), is_id, "{text}");
            if let (Watch::Ends(_, only), Some(transport)) = (&watch, transport) {
                assert_eq!(*only, transport, "{text}");
            }
        }
        let mapped: Watch = "[::ffff:10.0.0.1]:5-10.0.0.2:80".parse().unwrap();
        assert_eq!(Ok(mapped), "10.0.0.1:5-10.0.0.2:80".parse());
    }

    #[test]
    fn what_names_no_flow_is_told_what_would() {
        let cases = [
            ("", WatchError::Shape),
            ("10.0.0.1:80", WatchError::Shape),
            ("web.example.test", WatchError::Shape),
            ("1:HGq", WatchError::CommunityId),
            ("1:HGqH=", WatchError::CommunityId),
            ("1:HGqH+Q4rFDPQKNBXPT8gOkUFFn8A", WatchError::CommunityId),
            ("1:HGqH?Q4rFDPQKNBXPT8gOkUFFn8=", WatchError::CommunityId),
            ("10.0.0.1-10.0.0.2:80", WatchError::End("10.0.0.1".into())),
            ("10.0.0.1:5-::1:80", WatchError::End("::1:80".into())),
            (
                "10.0.0.1:5-10.0.0.2:65536",
                WatchError::End("10.0.0.2:65536".into()),
            ),
            (
                "10.0.0.1:5-10.0.0.2:80/quic",
                WatchError::Transport("quic".into()),
            ),
            (
                "10.0.0.1:5-10.0.0.2:80/",
                WatchError::Transport(String::new()),
            ),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Watch>(), Err(error), "{text}");
        }
    }
}
