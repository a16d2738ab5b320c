//! What TCP tells about a conversation: who opened, how far each side got, how it ended.

use crate::decode::TcpHeader;
use crate::facts::{Ending, Phase};
use crate::proto::Side;

/// A TCP connection as a passive listener sees it.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    phase: Phase,
    /// The end itself was acknowledged, or needs no acknowledgement.
    over: bool,
    client: Stream,
    server: Stream,
}

/// One direction's sequence space, unwrapped to 64 bits.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    /// Sequence number of the SYN, if it was seen or told by the other side's SYN-ACK.
    syn: Option<u32>,
    /// The sequence number behind the last byte seen. `None` before anything was seen.
    next: Option<u32>,
    /// Stream bytes up to `next`.
    extent: u64,
    finished: bool,
}

/// What a segment does to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It belongs to it.
    Belongs(Payload),
    /// It opens another connection between the same ends and ports.
    Reopens,
}

/// Where a segment's payload stands in its direction of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Stream offset of the first payload byte; `None` where it lies before the first byte that was seen.
    pub offset: Option<u64>,
    /// Payload bytes that were not seen before.
    pub new_bytes: u32,
    /// Bytes between the end of what was seen and this payload: reordering or loss.
    pub gap_bytes: u64,
}

impl Connection {
    /// A connection, before its first segment is given to [`Connection::step`].
    pub fn new() -> Self {
        Self {
            phase: Phase::Opening,
            over: false,
            client: Stream::default(),
            server: Stream::default(),
        }
    }

    /// Takes a segment into account. On [`Step::Reopens`] nothing has changed.
    #[inline]
    pub fn step(&mut self, from: Side, tcp: TcpHeader, payload_bytes: u32) -> Step {
        if self.phase == Phase::Open && tcp.flags & (SYN | FIN | RST) == 0 {
            return Step::Belongs(self.stream_mut(from).advance(tcp, payload_bytes));
        }
        self.turn(from, tcp, payload_bytes)
    }

    /// A segment that may change how far it got.
    fn turn(&mut self, from: Side, tcp: TcpHeader, payload_bytes: u32) -> Step {
        if self.reopens(from, tcp) {
            return Step::Reopens;
        }
        if has(tcp, SYN) && has(tcp, ACK) {
            self.learn_opener(from, tcp);
        }
        let payload = self.stream_mut(from).advance(tcp, payload_bytes);
        let finished = self.phase == Phase::Closed(Ending::Finished);
        self.phase = self.phase_after(from, tcp);
        self.over = match self.phase {
            Phase::Closed(Ending::Finished) => finished && has(tcp, ACK),
            // A reset may be forged to end the watching; what follows it is read on.
            Phase::Closed(Ending::Reset | Ending::Rejected) | Phase::Opening | Phase::Open => false,
        };
        Step::Belongs(payload)
    }

    /// A SYN with another initial sequence number than the one seen opens a new connection, and so does any SYN on
    /// one that is over, unless it is a late copy of its own.
    fn reopens(&self, from: Side, tcp: TcpHeader) -> bool {
        if !has(tcp, SYN) {
            return false;
        }
        let stream = self.stream(from);
        let same_start = stream.syn == Some(tcp.sequence);
        let fresh = stream.next.is_none() && stream.syn.is_none();
        let over = matches!(self.phase, Phase::Closed(_));
        !same_start && (over || (!fresh && !has(tcp, ACK)) || (stream.syn.is_some()))
    }

    /// A SYN-ACK tells where the opener's stream starts, even if the SYN was not captured.
    fn learn_opener(&mut self, from: Side, tcp: TcpHeader) {
        let opener = self.stream_mut(other(from));
        if opener.next.is_none() {
            opener.syn = Some(tcp.acknowledgement.wrapping_sub(1));
            opener.next = Some(tcp.acknowledgement);
        }
    }

    fn phase_after(&self, from: Side, tcp: TcpHeader) -> Phase {
        match self.phase {
            Phase::Closed(_) => self.phase,
            Phase::Opening if has(tcp, RST) => Phase::Closed(Ending::Rejected),
            Phase::Open if has(tcp, RST) && self.stream(from).accepts_reset(tcp) => {
                Phase::Closed(Ending::Reset)
            }
            _ if self.client.finished && self.server.finished => Phase::Closed(Ending::Finished),
            Phase::Opening if has(tcp, SYN) && !has(tcp, ACK) => Phase::Opening,
            _ => Phase::Open,
        }
    }

    /// How far it got.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it ended and the end was acknowledged.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether a SYN or SYN-ACK was seen, so that it is known who opened and where the streams begin.
    pub fn seen_from_start(&self) -> bool {
        self.client.syn.is_some()
    }

    /// Whether a side said that it has nothing more to send.
    pub fn finished(&self, side: Side) -> bool {
        self.stream(side).finished
    }

    fn stream(&self, side: Side) -> &Stream {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn stream_mut(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    #[inline]
    fn advance(&mut self, tcp: TcpHeader, payload_bytes: u32) -> Payload {
        let syn = u32::from(has(tcp, SYN));
        if syn == 1 {
            self.syn = Some(tcp.sequence);
        }
        let first = tcp.sequence.wrapping_add(syn);
        let next = *self.next.get_or_insert(first);
        let ahead = signed_distance(next, first);
        if ahead.unsigned_abs() > WINDOW {
            return self.resynchronise(tcp, first, payload_bytes);
        }
        let offset = self.extent.checked_add_signed(ahead);
        let gap_bytes = u64::try_from(ahead).unwrap_or(0);
        let end = offset.map_or(0, |offset| offset.saturating_add(payload_bytes.into()));
        let grown = end.saturating_sub(self.extent);
        let behind = first.wrapping_add(payload_bytes);
        let brings = payload_bytes > 0 && grown > 0;
        if brings {
            self.next = Some(behind);
            self.extent = end;
        }
        self.note_fin(tcp, behind);
        Payload {
            offset,
            new_bytes: if brings {
                u32::try_from(grown).unwrap_or(u32::MAX).min(payload_bytes)
            } else {
                0
            },
            gap_bytes: if brings { gap_bytes } else { 0 },
        }
    }

    /// A jump beyond any window: long loss, or a forged segment. Go on from there; a forgery is left again by the
    /// next true segment.
    fn resynchronise(&mut self, tcp: TcpHeader, first: u32, payload_bytes: u32) -> Payload {
        if has(tcp, RST) || payload_bytes == 0 {
            return Payload {
                offset: None,
                new_bytes: 0,
                gap_bytes: 0,
            };
        }
        self.extent = self.extent.saturating_add(WINDOW);
        let offset = self.extent;
        self.extent = self.extent.saturating_add(payload_bytes.into());
        self.next = Some(first.wrapping_add(payload_bytes));
        self.note_fin(tcp, first.wrapping_add(payload_bytes));
        Payload {
            offset: Some(offset),
            new_bytes: payload_bytes,
            gap_bytes: WINDOW,
        }
    }

    /// A FIN takes one sequence number behind its payload.
    fn note_fin(&mut self, tcp: TcpHeader, end: u32) {
        if has(tcp, FIN) && self.next == Some(end) {
            self.finished = true;
        }
    }

    /// RFC 5961 asks for an exact match; a listener that lost segments must be more lenient.
    fn accepts_reset(&self, tcp: TcpHeader) -> bool {
        self.next
            .is_none_or(|next| signed_distance(next, tcp.sequence).unsigned_abs() <= RESET_SLACK)
    }
}

/// The other side.
fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// How far `to` is ahead of `from` in sequence space (RFC 9293, 3.4), negative where it is behind.
fn signed_distance(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from).cast_signed())
}

fn has(tcp: TcpHeader, flag: u8) -> bool {
    tcp.flags & flag != 0
}

/// Whether a segment is a SYN without ACK: its sender opens.
pub fn opens(tcp: TcpHeader) -> bool {
    has(tcp, SYN) && !has(tcp, ACK)
}

/// Whether a segment is a SYN-ACK: its sender was called.
pub fn answers(tcp: TcpHeader) -> bool {
    has(tcp, SYN) && has(tcp, ACK)
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// More than any receive window in use (RFC 7323 allows 1 GiB; Linux ends at 64 MiB by default settings).
const WINDOW: u64 = 64 << 20;
const RESET_SLACK: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(sequence: u32, acknowledgement: u32, flags: u8) -> TcpHeader {
        TcpHeader {
            sequence,
            acknowledgement,
            flags,
            window: 512,
        }
    }

    fn belongs(step: Step) -> Payload {
        match step {
            Step::Belongs(payload) => payload,
            Step::Reopens => panic!("reopens"),
        }
    }

    fn opened(isn: u32) -> Connection {
        let mut connection = Connection::new();
        belongs(connection.step(Side::Client, tcp(isn, 0, SYN), 0));
        belongs(connection.step(Side::Server, tcp(7_000, isn.wrapping_add(1), SYN | ACK), 0));
        connection
    }

    #[test]
    fn offsets_count_from_the_syn_even_across_the_wrap() {
        for isn in [0, 1, u32::MAX, u32::MAX - 5, u32::MAX / 2] {
            let mut connection = opened(isn);
            let first = isn.wrapping_add(1);
            let cases = [
                (0, 10, 0, 10),
                (10, 10, 10, 10),
                (5, 10, 5, 0),
                (15, 10, 15, 5),
            ];
            for (from, bytes, offset, new_bytes) in cases {
                let step = connection.step(
                    Side::Client,
                    tcp(first.wrapping_add(from), 7_001, ACK),
                    bytes,
                );
                let payload = belongs(step);
                assert_eq!(
                    (payload.offset, payload.new_bytes),
                    (Some(offset), new_bytes)
                );
            }
        }
    }

    #[test]
    fn a_gap_is_measured_and_its_late_filling_is_not_new() {
        let mut connection = opened(99);
        let ahead = belongs(connection.step(Side::Client, tcp(200, 7_001, ACK), 10));
        assert_eq!(
            (ahead.offset, ahead.new_bytes, ahead.gap_bytes),
            (Some(100), 10, 100)
        );
        let late = belongs(connection.step(Side::Client, tcp(100, 7_001, ACK), 100));
        assert_eq!(
            (late.offset, late.new_bytes, late.gap_bytes),
            (Some(0), 0, 0)
        );
    }

    #[test]
    fn a_keepalive_lies_before_the_first_byte() {
        let mut connection = opened(99);
        let keepalive = belongs(connection.step(Side::Client, tcp(99, 7_001, ACK), 1));
        assert_eq!((keepalive.offset, keepalive.new_bytes), (None, 0));
    }

    #[test]
    fn a_reused_tuple_reopens_and_a_repeated_syn_does_not() {
        let mut connection = opened(99);
        assert_ne!(
            connection.step(Side::Client, tcp(99, 0, SYN), 0),
            Step::Reopens
        );
        assert_eq!(
            connection.step(Side::Client, tcp(5_000, 0, SYN), 0),
            Step::Reopens
        );
        assert_eq!(
            connection.step(Side::Server, tcp(5_000, 0, SYN), 0),
            Step::Reopens
        );
    }

    #[test]
    fn both_fins_close_and_a_reset_ends() {
        let mut connection = opened(99);
        belongs(connection.step(Side::Client, tcp(100, 7_001, FIN | ACK), 0));
        assert_eq!(connection.phase(), Phase::Open);
        assert!(connection.finished(Side::Client));
        belongs(connection.step(Side::Server, tcp(7_001, 101, FIN | ACK), 0));
        assert_eq!(connection.phase(), Phase::Closed(Ending::Finished));

        let mut connection = opened(99);
        belongs(connection.step(Side::Server, tcp(7_001, 100, RST), 0));
        assert_eq!(connection.phase(), Phase::Closed(Ending::Reset));

        let mut refused = Connection::new();
        belongs(refused.step(Side::Client, tcp(1, 0, SYN), 0));
        belongs(refused.step(Side::Server, tcp(0, 2, RST | ACK), 0));
        assert_eq!(refused.phase(), Phase::Closed(Ending::Rejected));
    }

    #[test]
    fn a_reset_far_outside_the_window_is_ignored() {
        let mut connection = opened(99);
        belongs(connection.step(Side::Server, tcp(7_001 + (1 << 28), 100, RST), 0));
        assert_eq!(connection.phase(), Phase::Open);
    }

    #[test]
    fn mid_stream_starts_at_the_first_byte_seen() {
        let mut connection = Connection::new();
        let payload = belongs(connection.step(Side::Client, tcp(u32::MAX - 2, 77, ACK), 10));
        assert_eq!((payload.offset, payload.new_bytes), (Some(0), 10));
        assert!(!connection.seen_from_start());
    }
}
