//! Recent packets of hosts inside, kept for the case that a finding tells of their sessions.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;

use crate::decode::{Address, Endpoint, Segment};
use crate::finding::{Finding, Party};
use crate::source::{Frame, LinkType};
use crate::time::Timestamp;

/// The newest packets of each host, up to a cap, and up to one for all. Where that is reached, a host without a packet for a
/// while makes room. Of one session there are only so many at once: its beginning is not pushed out by its bulk.
#[derive(Debug)]
pub struct Recent {
    hosts: HashMap<Address, Shelf, foldhash::fast::RandomState>,
    /// The hosts, the next to make room first.
    order: VecDeque<Address>,
    inside: Vec<RangeInclusive<Address>>,
    limits: Limits,
    taken: u64,
    /// Bytes of memory that all hosts need.
    bytes: usize,
}

/// The caps of [`Recent`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Room for so many hosts that have as much as they may. There may be more that have less.
    pub hosts: usize,
    /// Bytes of memory for the packets of each.
    pub host_bytes: usize,
    /// Packets of one session that are kept at once.
    pub session_packets: usize,
}

/// A packet that is kept.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Which one it is, of all that were kept.
    pub number: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// What it begins with.
    pub link: LinkType,
    /// How long it was on the wire.
    pub wire_bytes: u32,
    /// As much of it as was captured.
    pub bytes: Box<[u8]>,
    ends: Ends,
}

/// The two ends of a session, whoever opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    low: Endpoint,
    high: Endpoint,
    transport: &'static str,
}

/// The packets of one host, the oldest first.
#[derive(Debug, Default)]
struct Shelf {
    packets: VecDeque<Packet>,
    bytes: usize,
    sessions: HashMap<Ends, usize, foldhash::fast::RandomState>,
    /// Whether something came since it was last considered.
    is_busy: bool,
}

impl Recent {
    /// No packet; those of hosts with these addresses are kept.
    pub fn new(inside: Vec<RangeInclusive<Address>>, limits: Limits) -> Self {
        Self {
            hosts: HashMap::default(),
            order: VecDeque::new(),
            inside,
            limits,
            taken: 0,
            bytes: 0,
        }
    }

    /// Keeps a frame and what was decoded in it, for a while.
    pub fn add(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) {
        let ends = Ends::of(segment);
        let Some(host) = self.home(&ends) else {
            return;
        };
        let bytes = Packet::cost(frame.bytes.len());
        if bytes > self.limits.host_bytes {
            return;
        }
        self.make_room(bytes + SHELF_BYTES);
        self.taken += 1;
        let number = self.taken;
        let limits = self.limits;
        let shelf = match self.hosts.entry(host) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                self.order.push_back(host);
                self.bytes += SHELF_BYTES;
                new.insert(Shelf::default())
            }
        };
        // Who comes once is not busy.
        shelf.is_busy = shelf.bytes > 0;
        if shelf.has_room_for(&ends, limits) {
            self.bytes -= shelf.bytes;
            shelf.push(Packet::new(frame, ends, number), limits);
            self.bytes += shelf.bytes;
        }
    }

    /// The host whose packet it is: who looks a name up, or one who is inside, of two the lower.
    fn home(&self, ends: &Ends) -> Option<Address> {
        let [low, high] = [ends.low, ends.high];
        let (first, second) = if low.port == DNS {
            (high, low)
        } else {
            (low, high)
        };
        let is_inside =
            |end: &Endpoint| self.inside.iter().any(|range| range.contains(&end.address));
        [first, second]
            .into_iter()
            .find(is_inside)
            .map(|end| end.address)
    }

    /// Makes room for so many bytes more.
    fn make_room(&mut self, bytes: usize) {
        let mut chances = CHANCES;
        while self.bytes + bytes > Self::memory_bound(self.limits) {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            let shelf = self.hosts.get_mut(&oldest);
            if chances > 0 && shelf.is_some_and(|shelf| std::mem::take(&mut shelf.is_busy)) {
                chances -= 1;
                self.order.push_back(oldest);
            } else if let Some(shelf) = self.hosts.remove(&oldest) {
                self.bytes -= shelf.bytes + SHELF_BYTES;
            }
        }
    }

    /// The packets of a finding's sessions that came later than the `after`th, in order, and the names that their hosts
    /// looked up.
    pub fn of(&self, finding: &Finding, after: u64) -> Vec<Packet> {
        let sessions: Vec<Ends> = finding.flows.iter().map(Ends::from).collect();
        let ends = sessions.iter().flat_map(|ends| [ends.low, ends.high]);
        let mut hosts: Vec<Address> = ends.map(|end| end.address).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let shelves = hosts.iter().filter_map(|host| self.hosts.get(host));
        let belongs = |packet: &&Packet| {
            packet.number > after && (packet.ends.is_look_up() || sessions.contains(&packet.ends))
        };
        let packets = shelves
            .flat_map(|shelf| shelf.packets.iter())
            .filter(belongs);
        let mut packets: Vec<Packet> = packets.cloned().collect();
        packets.sort_unstable_by_key(|packet| (packet.time, packet.number));
        packets
    }

    /// An upper bound of the bytes of memory it holds.
    pub fn memory_bound(limits: Limits) -> usize {
        limits.hosts * (limits.host_bytes + SHELF_BYTES)
    }
}

impl Shelf {
    fn has_room_for(&self, ends: &Ends, limits: Limits) -> bool {
        let of_session = self.sessions.get(ends).copied().unwrap_or_default();
        of_session < limits.session_packets
    }

    fn push(&mut self, packet: Packet, limits: Limits) {
        self.bytes += Packet::cost(packet.bytes.len());
        *self.sessions.entry(packet.ends).or_default() += 1;
        self.packets.push_back(packet);
        while self.bytes > limits.host_bytes {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some(oldest) = self.packets.pop_front() else {
            return;
        };
        self.bytes -= Packet::cost(oldest.bytes.len());
        if let Some(count) = self.sessions.get_mut(&oldest.ends) {
            *count -= 1;
            if *count == 0 {
                self.sessions.remove(&oldest.ends);
            }
        }
    }
}

impl Packet {
    fn new(frame: &Frame<'_>, ends: Ends, number: u64) -> Self {
        Self {
            number,
            time: frame.time,
            link: frame.link,
            wire_bytes: frame.wire_bytes,
            bytes: frame.bytes.into(),
            ends,
        }
    }

    /// What a packet of a length needs, its place among the sessions included.
    const fn cost(bytes: usize) -> usize {
        bytes + 2 * size_of::<Self>() + 2 * size_of::<(Ends, usize)>()
    }
}

impl Ends {
    fn new(one: Endpoint, other: Endpoint, transport: &'static str) -> Self {
        Self {
            low: one.min(other),
            high: one.max(other),
            transport,
        }
    }

    fn of(segment: &Segment<'_>) -> Self {
        Self::new(
            segment.source,
            segment.destination,
            segment.transport.name(),
        )
    }

    fn is_look_up(&self) -> bool {
        self.low.port == DNS || self.high.port == DNS
    }
}

impl From<&crate::finding::FlowLine> for Ends {
    fn from(flow: &crate::finding::FlowLine) -> Self {
        let end = |party: &Party| Endpoint {
            address: party.ip.into(),
            port: party.port.unwrap_or_default(),
        };
        Self::new(end(&flow.client), end(&flow.server), flow.transport)
    }
}

const DNS: u16 = 53;

/// What a host needs beside its packets.
const SHELF_BYTES: usize =
    4 * size_of::<(Address, Shelf)>() + 4 * size_of::<Packet>() + 4 * size_of::<(Ends, usize)>();

/// So many hosts are looked at to find one that is not busy.
const CHANCES: usize = 16;

#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::facts::samples::endpoint;

    /// Packets of so many bytes each, the first with this number.
    pub(crate) fn packets(first: u64, count: u64, bytes: usize) -> Vec<Packet> {
        let packet = |number| Packet {
            number,
            time: Timestamp::from_parts(1_700_000_000, 123_456_789),
            link: LinkType(1),
            wire_bytes: 1_500,
            bytes: vec![7; bytes].into(),
            ends: Ends::new(endpoint("10.0.0.1:1"), endpoint("10.0.0.2:2"), "tcp"),
        };
        (first..first + count).map(packet).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Label, Transport};
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::facts::samples::endpoint;
    use crate::finding::lifecycle::Findings;

    const LIMITS: Limits = Limits {
        hosts: 2,
        host_bytes: 4 * Packet::cost(100),
        session_packets: 3,
    };

    fn recent() -> Recent {
        let inside = endpoint("10.0.0.0:0").address..=endpoint("10.255.255.255:0").address;
        Recent::new(vec![inside], LIMITS)
    }

    fn add(recent: &mut Recent, from: &str, to: &str, bytes: usize) {
        let segment = Segment {
            source: endpoint(from),
            destination: endpoint(to),
            transport: Transport::TCP,
            tcp: None,
            icmp: None,
            payload: &[],
            payload_bytes: 0,
            copy_digest: 0,
            copy_telling: false,
            label: Label::default(),
            fragmented: false,
        };
        let bytes = vec![0; bytes];
        let frame = Frame {
            time: Timestamp::from_parts(1, 0),
            link: LinkType(1),
            bytes: &bytes,
            wire_bytes: 100,
        };
        recent.add(&frame, &segment);
    }

    /// The session of the sample goes from 10.0.0.1:40000 to 10.0.0.2:1080.
    fn numbers(recent: &Recent, after: u64) -> Vec<u64> {
        let mut findings = Findings::new(1, 1);
        findings.add(
            &evidence(1, Certainty::Proven),
            Timestamp::from_parts(150, 0),
        );
        let packets = recent.of(&findings.finish()[0], after);
        packets.iter().map(|packet| packet.number).collect()
    }

    const CLIENT: &str = "10.0.0.1:40000";
    const SERVER: &str = "10.0.0.2:1080";

    #[test]
    fn a_finding_has_the_packets_of_its_sessions_and_what_was_looked_up() {
        let mut recent = recent();
        add(&mut recent, CLIENT, SERVER, 10);
        add(&mut recent, SERVER, CLIENT, 10);
        add(&mut recent, "10.0.0.1:40001", SERVER, 10);
        add(&mut recent, "10.0.0.1:5353", "10.0.0.53:53", 10);
        add(&mut recent, "192.0.2.1:1", "192.0.2.2:2", 10);
        assert_eq!(numbers(&recent, 0), [1, 2, 4]);
        assert_eq!(numbers(&recent, 1), [2, 4]);
    }

    #[test]
    fn the_beginning_of_a_session_outlives_its_bulk() {
        let mut recent = recent();
        (0..50).for_each(|_| add(&mut recent, CLIENT, SERVER, 100));
        assert_eq!(numbers(&recent, 0), [1, 2, 3]);
    }

    #[test]
    fn the_newest_packets_of_a_host_are_kept() {
        let mut recent = recent();
        add(&mut recent, CLIENT, SERVER, 100);
        for port in 1..=4 {
            add(&mut recent, &format!("10.0.0.1:{port}"), SERVER, 100);
        }
        assert!(numbers(&recent, 0).is_empty());
        add(&mut recent, CLIENT, SERVER, 10_000);
        assert!(numbers(&recent, 0).is_empty(), "larger than the room");
        let shelf = recent.hosts.values().next().unwrap();
        assert_eq!((shelf.packets.len(), shelf.sessions.len()), (4, 4));
    }

    #[test]
    fn hosts_that_are_silent_make_room() {
        let mut recent = recent();
        add(&mut recent, "10.0.0.9:1", "192.0.2.1:80", 10);
        for host in 10..40 {
            add(&mut recent, CLIENT, SERVER, 10);
            add(&mut recent, &format!("10.0.0.{host}:1"), "192.0.2.1:80", 10);
            assert!(recent.bytes <= Recent::memory_bound(LIMITS));
            assert_eq!(recent.hosts.len(), recent.order.len());
        }
        assert!(!numbers(&recent, 0).is_empty());
        let first = endpoint("10.0.0.9:1").address;
        assert!(!recent.hosts.contains_key(&first));
    }

    #[test]
    fn hosts_that_say_little_leave_room_for_more_of_them() {
        let mut recent = recent();
        for host in 10..40 {
            add(&mut recent, &format!("10.0.0.{host}:1"), "192.0.2.1:80", 10);
        }
        assert!(recent.hosts.len() > LIMITS.hosts);
        let held = |shelf: &Shelf| shelf.bytes + SHELF_BYTES;
        let all: usize = recent.hosts.values().map(held).sum();
        assert_eq!(recent.bytes, all);
    }
}
