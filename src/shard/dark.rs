//! SSH sessions behind their key exchange: only their flows have a reader, and only its news leave the shard.

use super::limits::most_readers;
use super::{Outbox, Place, Report, Shard, facts_of, legs};
use crate::decode::{Segment, Transport};
use crate::detect;
use crate::facts::legs::{Asked, Lived};
use crate::facts::ssh::SshConduct;
use crate::flow::Flow;
use crate::flow::probing::Piece;
use crate::flow::ssh::{NewPayload, Reader};
use crate::flow::tcp::Payload;
use crate::proto::Side;
use crate::proto::ssh::Ssh;
use crate::proto::stack::{Layer, Protocol};
use crate::proto::tls::ClientHello;
use crate::proto::tls::hello::ServerHello;
use crate::time::Timestamp;

impl Shard {
    /// Shows a payload to the reader of an SSH session, or to a new one where the session [`begins`].
    pub(super) fn read_dark(
        &mut self,
        place: Place,
        piece: &legs::Piece<'_>,
        now: Timestamp,
        events: &mut Outbox<'_>,
    ) {
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        let had_reader = flow.ssh.is_some();
        if !had_reader {
            if self.readers < most_readers(self.limits) {
                meet(flow);
            } else {
                self.counts.ssh_unread += 1;
            }
        }
        if flow.ssh.is_some() && piece.payload.new_bytes > 0 {
            take(flow, piece.from, piece.segment, piece.payload, now);
            tell(flow, &self.tuning, events);
        }
        self.readers = count_reader(self.readers, had_reader, flow.ssh.is_some());
    }
}

/// Whether a side begins as SSH does.
pub(super) fn begins(flow: &Flow, segment: &Segment<'_>, payload: Payload) -> bool {
    payload.offset == Some(0) && flow.probe.is_open() && segment.payload.starts_with(b"SSH-")
}

/// Gives such a flow a reader: its sizes are to be known before it is read.
fn meet(flow: &mut Flow) {
    flow.ssh = Some(Box::new(Reader::beginning()));
}

/// Gives a flow a reader where SSH was read in it, or where it may be SSH that was picked up in its middle. Its heads
/// must not be freed yet.
pub(super) fn begin(flow: &mut Flow) {
    if flow.key.transport() != Transport::TCP {
        return;
    }
    let Some((last, before)) = flow.probe.layers().split_last() else {
        if flow.is_answered() {
            flow.ssh = None;
        }
        let is_called_ssh = flow.endpoint(Side::Server).port == SSH_PORT;
        if flow.is_midstream() && is_called_ssh {
            flow.ssh = Some(Box::new(Reader::midstream()));
        }
        return;
    };
    let Some(ssh) = spoken(last, before) else {
        return;
    };
    if let Some(reader) = &mut flow.ssh {
        reader.learn(&ssh);
        return;
    }
    let reader = Reader::behind(&ssh, last.ends);
    flow.ssh = read_behind(flow, reader, last.ends);
}

/// Gives a flow a reader where SSH may stand inside TLS: the hello does not say what will be spoken, as it does in nearly all
/// of TLS. Its heads must not be freed yet.
pub(super) fn suspect(flow: &mut Flow) {
    let Some((last, before)) = flow.probe.layers().split_last() else {
        return;
    };
    let Protocol::Tls(tls) = &last.protocol else {
        return;
    };
    let hello = tls.client_hello.as_ref();
    let is_mute = hello.and_then(ClientHello::is_mute).unwrap_or_default();
    let growth = tls
        .server_hello
        .as_ref()
        .and_then(ServerHello::record_growth);
    let Some(growth) = growth.filter(|_| is_mute && are_passed(before)) else {
        return;
    };
    let reader = Reader::suspecting(last.ends, growth);
    flow.ssh = read_behind(flow, reader, last.ends);
}

/// Shows a reader what is kept of a flow behind what was read in it.
fn read_behind(flow: &Flow, mut reader: Reader, ends: (usize, usize)) -> Option<Box<Reader>> {
    for (side, from) in [(Side::Server, ends.1), (Side::Client, ends.0)] {
        let captured = flow.probe.behind(side, from);
        let bytes = u32::try_from(captured.len()).unwrap_or(u32::MAX);
        if bytes == 0 {
            continue;
        }
        reader.take(&NewPayload {
            piece: Piece {
                from: side,
                offset: from as u64,
                captured,
                sent: bytes,
            },
            new_bytes: bytes,
            gap: false,
            time: flow.last_seen,
        });
    }
    (!reader.is_foreign()).then(|| Box::new(reader))
}

/// SSH that stands in the stream itself, as its opener's client sees it.
fn spoken(last: &Layer, before: &[Layer]) -> Option<Ssh> {
    let Protocol::Ssh(ssh) = &last.protocol else {
        return None;
    };
    let is_known = ssh.client_banner.is_some() || ssh.server_banner.is_some();
    if !is_known || !are_passed(before) {
        return None;
    }
    let ssh = Ssh::clone(ssh);
    Some(match last.server {
        Side::Server => ssh,
        Side::Client => Ssh {
            client_banner: ssh.server_banner,
            server_banner: ssh.client_banner,
            client_offer: ssh.server_offer,
            server_offer: ssh.client_offer,
        },
    })
}

/// Whether layers hand on what follows them as it is.
fn are_passed(layers: &[Layer]) -> bool {
    layers.iter().all(|layer| match &layer.protocol {
        Protocol::Socks5(_) | Protocol::Socks4(_) | Protocol::Proxy(_) => true,
        Protocol::Http(http) => http.is_connect(),
        _ => false,
    })
}

/// Shows a payload to the reader of its flow.
fn take(flow: &mut Flow, from: Side, segment: &Segment<'_>, payload: Payload, now: Timestamp) {
    let (Some(reader), Some(offset)) = (&mut flow.ssh, payload.offset) else {
        return;
    };
    reader.take(&NewPayload {
        piece: Piece {
            from,
            offset,
            captured: segment.payload,
            sent: segment.payload_bytes,
        },
        new_bytes: payload.new_bytes,
        gap: payload.gap_bytes > 0,
        time: now,
    });
    if reader.is_foreign() {
        flow.ssh = None;
    }
}

/// Tells what came to be known of how a session is used, and which connections were asked for.
fn tell(flow: &mut Flow, tuning: &detect::Tuning, events: &mut Outbox<'_>) {
    let id = flow.id;
    let requests = flow.ssh.iter_mut().flat_map(|reader| reader.requests());
    requests.for_each(|request| {
        events.push(Report::Asked(Asked {
            flow: id,
            by: request.by,
            time: request.time,
        }));
    });
    tell_lives(flow, events);
    if let Some(conduct) = flow.ssh.as_mut().and_then(|reader| reader.news()) {
        say(flow, conduct, tuning, events);
    }
}

/// Tells which connections inside a session are over.
fn tell_lives(flow: &mut Flow, events: &mut Outbox<'_>) {
    let id = flow.id;
    let lives = flow.ssh.iter_mut().flat_map(|reader| reader.lives());
    lives.for_each(|life| {
        events.push(Report::Lived(Box::new(Lived {
            flow: id,
            by: life.by,
            asked: life.asked,
            ended: life.ended,
            asker: life.asker,
            answerer: life.answerer,
        })));
    });
}

fn say(flow: &mut Flow, conduct: SshConduct, tuning: &detect::Tuning, events: &mut Outbox<'_>) {
    let mut facts = facts_of(flow, Vec::new());
    facts.ssh = Some(Box::new(conduct));
    let evidence = detect::inspect(&facts, tuning);
    if evidence.is_empty() {
        return;
    }
    if let Some(reader) = &mut flow.ssh {
        reader.told();
    }
    flow.reported = true;
    events.push(Report::Flow(Box::new(facts), evidence));
}

/// Tells the last of it: the flow is over.
pub(super) fn end(flow: &mut Flow, tuning: &detect::Tuning, events: &mut Outbox<'_>) {
    if let Some(reader) = &mut flow.ssh {
        reader.flush();
    }
    tell_lives(flow, events);
    if let Some(reader) = &mut flow.ssh {
        let last = reader.news().or_else(|| reader.rest());
        last.into_iter()
            .for_each(|conduct| say(flow, conduct, tuning, events));
    }
}

pub(super) fn count_reader(readers: usize, had: bool, has: bool) -> usize {
    readers
        .saturating_sub(had.into())
        .saturating_add(has.into())
}

/// At which sessions that are picked up in their middle are looked at.
const SSH_PORT: u16 = 22;
