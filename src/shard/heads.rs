//! Stream heads: shown to the parsers while they can tell something, inside a budget.

use super::limits::most_readers;
use super::report::report;
use super::{Outbox, Place, Shard, dark, legs};
use crate::flow::Flow;
use crate::flow::probing::{FirstPiece, Piece, Probe, Probing};
use crate::proto::Side;
use crate::proto::stack::{Progress, Stack};

impl Shard {
    /// Shows new payload, and the end of a side, to the parsers.
    pub(super) fn probe(&mut self, place: Place, piece: &legs::Piece<'_>, events: &mut Outbox<'_>) {
        let segment = piece.segment;
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        let before = flow.probe.allocated();
        let mut progress = Progress::Waiting;
        if let Some(offset) = piece.payload.offset.filter(|_| segment.payload_bytes > 0) {
            let piece = Piece {
                from: piece.from,
                offset,
                captured: segment.payload,
                sent: segment.payload_bytes,
            };
            progress = ask(flow, piece);
        }
        for side in [Side::Client, Side::Server] {
            if progress == Progress::Waiting && flow.finished(side) {
                progress = finish(flow, side);
            }
        }
        self.account(place, before, progress, events);
    }

    /// Keeps the pool of heads inside its budget: settled heads go at once, the oldest when room is needed.
    fn account(
        &mut self,
        place: Place,
        before: usize,
        progress: Progress,
        events: &mut Outbox<'_>,
    ) {
        let after = self.table.flow(place).map_or(0, |f| f.probe.allocated());
        self.head_bytes = self.head_bytes.saturating_sub(before).saturating_add(after);
        if progress == Progress::Settled {
            self.settle(place, events);
        } else if before == 0 && after > 0 {
            self.asking.push(0, place);
        }
        while self.head_bytes > self.limits.head_bytes {
            let Some(oldest) = self.asking.first(0) else {
                break;
            };
            self.counts.heads_given_up += 1;
            self.give_up(oldest, events);
        }
    }

    fn give_up(&mut self, place: Place, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow_mut(place) {
            flow.defects.head_lost = true;
            conclude(flow);
        }
        self.settle(place, events);
    }

    /// Reports a flow whose protocols are known and frees its heads.
    fn settle(&mut self, place: Place, events: &mut Outbox<'_>) {
        self.asking.remove(place);
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        self.counts.heads_scattered += u64::from(flow.probe.is_scattered());
        let freed = flow.probe.allocated();
        self.head_bytes = self.head_bytes.saturating_sub(freed);
        let had_reader = flow.ssh.is_some();
        if had_reader || self.readers < most_readers(self.limits) {
            dark::begin(flow);
        }
        if flow.ssh.is_none() && self.readers < most_readers(self.limits).div_ceil(2) {
            dark::suspect(flow);
        }
        self.readers = dark::count_reader(self.readers, had_reader, flow.ssh.is_some());
        report(
            flow,
            &self.tuning,
            &self.nonces,
            &mut self.watching,
            &mut self.prints,
            events,
        );
    }
}

/// Shows a payload to the parsers of its flow. The first one is shown where it lies in the packet: most flows are
/// settled by it and never need a head.
fn ask(flow: &mut Flow, piece: Piece<'_>) -> Progress {
    if let Probe::Asking(probing) = &mut flow.probe {
        return probing.add(piece);
    }
    let mut stack = first_stack(flow);
    let settled = piece.offset == 0 && stack.probe(&FirstPiece(piece)) == Progress::Settled;
    if settled {
        flow.probe = Probe::Read(stack.into_layers());
        return Progress::Settled;
    }
    let mut probing = Box::new(Probing::new(stack));
    let progress = probing.add(piece);
    flow.probe = Probe::Asking(probing);
    progress
}

fn first_stack(flow: &Flow) -> Stack {
    let stack = match flow.tcp {
        Some(_) => Stack::new(flow.is_midstream()),
        None => Stack::of_datagrams(),
    };
    stack.in_full(flow.watched)
}

fn finish(flow: &mut Flow, side: Side) -> Progress {
    match &mut flow.probe {
        Probe::Asking(probing) => probing.finish(side),
        Probe::Fresh | Probe::Read(_) | Probe::Names | Probe::Settled => Progress::Waiting,
    }
}

pub(super) fn conclude(flow: &mut Flow) {
    if let Probe::Asking(probing) = &mut flow.probe {
        probing.conclude();
    }
}
