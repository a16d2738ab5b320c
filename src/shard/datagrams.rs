//! Datagrams: the UDP side of a SOCKS proxy, DNS, and command shells.

use super::legs::{Piece, spoke};
use super::report::facts_of;
use super::{Outbox, Place, Report, Shard};
use crate::decode::Segment;
use crate::facts::{Answers, LookUp};
use crate::flow::Flow;
use crate::flow::probing::Probe;
use crate::proto::stack::{self, Kind, Layer};
use crate::proto::{Side, dns, shell};

impl Shard {
    pub(super) fn take_datagram(
        &mut self,
        place: Place,
        piece: &Piece<'_>,
        events: &mut Outbox<'_>,
    ) {
        let Some(flow) = self.table.flow(place) else {
            return;
        };
        let is_first = !flow.is_answered();
        if flow.sent_by(piece.from).segments == 1 {
            self.probe_datagram(place, piece.segment, events);
            if is_first {
                self.expect_shell(place, piece, events);
            }
        }
        self.learn(place, piece.segment, events);
    }

    /// A shell shows itself in the first datagram, or is told something there: then they are read as a stream is, in the
    /// order in which they came.
    fn expect_shell(&mut self, place: Place, piece: &Piece<'_>, events: &mut Outbox<'_>) {
        let is_unread = |flow: &&mut Flow| matches!(flow.probe, Probe::Settled) && !flow.reported;
        let Some(flow) = self.table.flow_mut(place).filter(is_unread) else {
            return;
        };
        if shell::may_open(piece.segment.payload) {
            flow.probe = Probe::Fresh;
            self.probe(place, piece, events);
        }
    }

    /// Every datagram of a flow that speaks DNS may name addresses: resolvers use a flow for many questions.
    fn learn(&mut self, place: Place, segment: &Segment<'_>, events: &mut Outbox<'_>) {
        let answers_names = |flow: &&Flow| matches!(flow.probe, Probe::Names);
        let Some(flow) = self.table.flow(place).filter(answers_names) else {
            return;
        };
        let Some(dns::Response { named, question }) = dns::response(segment.payload) else {
            return;
        };
        if let Some(question) = question {
            let flow = spoke(flow);
            events.push(Report::LookUp(Box::new(LookUp { flow, question })));
        }
        if !named.is_empty() {
            self.watching.note_names(flow, &named);
            let asker = segment.destination;
            events.push(Report::Answers(Box::new(Answers { asker, named })));
        }
    }

    /// The UDP side of a SOCKS proxy shows itself in the first datagram, and so does DNS.
    fn probe_datagram(&mut self, place: Place, segment: &Segment<'_>, events: &mut Outbox<'_>) {
        if let Some(flow) = self.table.flow_mut(place)
            && dns::is_message(segment.payload)
        {
            flow.probe = Probe::Names;
            flow.protocol = Some(Kind::Dns);
        }
        let (Some(protocol), Some(flow)) =
            (stack::datagram(segment.payload), self.table.flow_mut(place))
        else {
            return;
        };
        if flow.reported {
            return;
        }
        flow.reported = true;
        let layer = Layer {
            protocol,
            server: Side::Server,
            depth: 0,
            ends: (0, 0),
        };
        flow.protocol = Some(layer.protocol.kind());
        let facts = facts_of(flow, vec![layer]);
        self.watching.note_layers(flow, &facts.layers);
        events.push(Report::Flow(Box::new(facts), Vec::new()));
    }
}
