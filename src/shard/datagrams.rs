//! Datagrams: the UDP side of a SOCKS proxy, DNS, command shells, and what keeps a way open.

use super::legs::{Piece, spoke};
use super::report::facts_of;
use super::{Outbox, Place, Report, Shard};
use crate::decode::Segment;
use crate::facts::{Answers, LookUp};
use crate::flow::Flow;
use crate::flow::probing::Probe;
use crate::proto::stack::{self, Kind, Layer};
use crate::proto::{Side, dns, shell, sip, stun};

impl Shard {
    pub(super) fn take_datagram(
        &mut self,
        place: Place,
        piece: &Piece<'_>,
        events: &mut Outbox<'_>,
    ) {
        let Some(flow) = self.table.flow_mut(place) else {
            return;
        };
        recognize(flow, piece.segment.payload);
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
        let is_unread = |flow: &&mut Flow| {
            matches!(flow.probe, Probe::Settled) && flow.protocol.is_none() && !flow.reported
        };
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

/// SIP and STUN are what a flow speaks as long as nothing else comes: data may follow at the same port (RFC 7983).
fn recognize(flow: &mut Flow, datagram: &[u8]) {
    let sent = [Side::Client, Side::Server].map(|side| flow.sent_by(side).segments);
    match flow.protocol {
        None if sent.iter().sum::<u32>() == 1 => flow.protocol = keeps_open(datagram),
        Some(Kind::Sip | Kind::Stun) if !is_of_these(datagram) => flow.protocol = None,
        _ => {}
    }
}

/// Either keeps the way of the other open (RFC 5626, section 4.4), and so do datagrams of next to nothing.
fn is_of_these(datagram: &[u8]) -> bool {
    datagram.len() <= LONGEST_FILLER || keeps_open(datagram).is_some()
}

/// Which protocol it is of those whose clients ask again and again, so that their way stays open.
fn keeps_open(datagram: &[u8]) -> Option<Kind> {
    if stun::is_message(datagram) {
        Some(Kind::Stun)
    } else {
        sip::is_message(datagram).then_some(Kind::Sip)
    }
}

/// Two line ends, or four zeros.
const LONGEST_FILLER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::samples::udp;
    use crate::facts::FlowId;
    use crate::flow::key::FlowKey;
    use crate::time::Timestamp;

    #[test]
    fn a_flow_speaks_what_keeps_ways_open_until_something_else_comes() {
        const STUN: &[u8] = b"\0\x01\0\0\x21\x12\xa4\x42twelve bytes";
        const SIP: &[u8] = b"OPTIONS sip:b SIP/2.0\r\n\r\n";
        let cases: [(&[&[u8]], Option<Kind>); 6] = [
            (&[STUN, STUN], Some(Kind::Stun)),
            (&[SIP, b"\r\n\r\n", STUN], Some(Kind::Sip)),
            (&[STUN, b"\x80 media"], None),
            (&[STUN, b"\x80 media", STUN], None),
            (&[b"hello", STUN], None),
            (&[b"", STUN], None),
        ];
        for (datagrams, protocol) in cases {
            let began = Timestamp::from_parts(0, 0);
            let first = udp("10.0.0.1:4000", "10.0.0.2:3478", b"");
            let (key, sender) = FlowKey::of(&first);
            let mut flow = Flow::open(FlowId(1), key, sender, &first, began);
            for datagram in datagrams {
                let segment = udp("10.0.0.1:4000", "10.0.0.2:3478", datagram);
                flow.observe(Side::Client, &segment, began);
                recognize(&mut flow, datagram);
            }
            assert_eq!(flow.protocol, protocol, "{datagrams:?}");
        }
    }
}
