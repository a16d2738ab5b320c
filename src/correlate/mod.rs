//! Correlators: what several flows tell together, in the order of capture time.
//!
//! Everything that crosses flows lives behind the shards, in [`Ordered`], which sees the events of all shards in one
//! order whatever the number of workers.

pub mod associations;
pub mod beacon;
pub mod destinations;
pub mod echoes;
pub mod fan_out;
pub mod forgotten;
pub mod initiative;
pub mod legs;
pub mod long_lived;
pub mod measured;
pub mod multi_hop;
pub mod names;
pub mod new_relay;
pub mod newcomers;
pub mod nonces;
pub mod pairs;
pub mod payloads;
pub mod ports;
pub mod prints;
pub mod proxies;
pub mod recent;
pub mod relay;
pub mod rhythm;
pub mod shells;
pub mod sizes;
pub mod slab;
pub mod talks;
pub mod targets;

use crate::evidence::{Certainty, Evidence, Says, Session};
use crate::facts::lasting::Lasted;
use crate::facts::legs::{Asked, Flight, Lived, Sighting, Spoke, Totals};
use crate::facts::{Answers, FlowEnd, FlowFacts, FlowId, LookUp, PayloadSizes, Print};
use crate::finding::Finding;
use crate::finding::lifecycle::{FindingCounts, Findings};
use crate::finding::telling::Pace;
use crate::profile::Profile;
use crate::proto::target::Target;
use crate::time::Timestamp;
use associations::Associations;
use beacon::{Beacons, Known};
use destinations::{Destinations, Inside};
use fan_out::{FanOutLimits, FanOuts};
use forgotten::Forgotten;
use initiative::Initiatives;
use names::Names;
use new_relay::{NewRelays, Watch};
use payloads::Payloads;
use prints::Prints;
use proxies::Proxies;
use relay::{RelayLimits, Relays};
use shells::Shells;

/// The stage that sees the events of all shards in order of time, and turns them into findings.
#[derive(Debug)]
pub struct Ordered {
    associations: Associations,
    proxies: Proxies,
    names: Names,
    relays: Relays,
    fan_outs: FanOuts,
    initiatives: Initiatives,
    shells: Shells,
    new_relays: NewRelays,
    destinations: Destinations,
    prints: Prints,
    beacons: Option<Beacons>,
    payloads: Payloads,
    speaks: Speaks,
    now: Timestamp,
    findings: Findings,
    displaced: Vec<Finding>,
}

/// The caps of the ordered stage.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Findings that are still being added to.
    pub findings: usize,
    /// Sessions of findings whose end is waited for.
    pub flows: usize,
    /// Flows that a correlator remembers for another one to come.
    pub remembered: usize,
    /// Addresses whose names are remembered.
    pub names: usize,
    /// Addresses of which it is remembered who goes there.
    pub destinations: usize,
    /// Pairs of a client and a server whose rhythm is remembered.
    pub pairs: usize,
    /// What joins the legs of relays.
    pub relays: RelayLimits,
    /// From how many on sessions in short succession are told.
    pub fan_outs: FanOutLimits,
    /// Which correlators speak.
    pub speaks: Speaks,
}

/// Which correlators speak.
#[derive(Clone, Copy, Debug)]
pub struct Speaks {
    /// `relay`.
    pub relay: bool,
    /// `multi-hop`.
    pub multi_hop: bool,
    /// `fan-out`.
    pub fan_out: bool,
    /// `beacon`.
    pub beacon: bool,
    /// `reverse-shell`, where it is encrypted.
    pub reverse_shell: bool,
}

impl Ordered {
    /// Nothing seen yet; hosts are known and learned of as `watch` says.
    pub fn new(limits: Limits, watch: Watch) -> Self {
        let inside = Inside::new(watch.inside.clone());
        Self {
            associations: Associations::new(limits.remembered),
            proxies: Proxies::new(limits.remembered),
            names: Names::new(limits.names),
            relays: Relays::new(limits.relays),
            fan_outs: FanOuts::new(limits.fan_outs),
            destinations: Destinations::new(inside, watch.before.clone(), limits.destinations),
            prints: Prints::new(limits.destinations / DESTINATIONS_OF_A_PRINT),
            beacons: limits.speaks.beacon.then(|| Beacons::new(limits.pairs)),
            initiatives: Initiatives::new(limits.remembered, limits.speaks.reverse_shell),
            shells: Shells::new(limits.remembered),
            payloads: Payloads::new(watch.payloads.clone()),
            new_relays: NewRelays::new(watch),
            speaks: limits.speaks,
            now: Timestamp::MIN,
            findings: Findings::new(limits.findings, limits.flows),
            displaced: Vec::new(),
        }
    }

    /// Takes a flow that was read, with what detectors say of it.
    pub fn flow(&mut self, facts: &FlowFacts, evidence: Vec<Evidence>, now: Timestamp) {
        self.initiatives.read(facts, now);
        let joins = self.relays.read(facts, &evidence, &self.names, now);
        for evidence in evidence {
            if matches!(evidence.says, Says::Shell(_)) {
                self.add_shell(evidence, now);
                continue;
            }
            let evidence = proxies::carried_out(evidence, &joins);
            for known in self.proxies.weigh(evidence) {
                self.add(&known.evidence, now);
                self.spread(&known.evidence, now);
                self.turn(&known.evidence, now);
                if let Some(end) = known.end {
                    self.findings.end(&end);
                }
            }
        }
        self.add_all(&joins, now);
        self.associations.announce(facts);
        if let Some(control) = self.associations.control_of(facts) {
            let target = associations::target_of(facts);
            self.findings.join(control, &facts.into(), target);
            self.name_target(facts, target, now);
            if let Some(target) = target {
                let joins = self.relays.datagrams(facts, target, &self.names, now);
                self.add_all(&joins, now);
            }
        }
    }

    /// Lets time pass up to that of the next event: what waited for more is told.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = now;
        self.findings.advance(now);
        if self.relays.has_way(now) {
            let ways = self.relays.ways(Some(now));
            self.add_all(&ways, now);
        }
    }

    /// Takes the hello of a TLS client that was not seen for a while.
    pub fn print(&mut self, print: Print) {
        self.prints.shown(print);
    }

    /// Takes a flow that carried its first payload, and what that payload was.
    pub fn spoke(&mut self, spoke: &Spoke, now: Timestamp) {
        self.new_relays.spoke(spoke);
        self.destinations.spoke(spoke);
        let joins = self.relays.spoke(spoke, &self.names, now);
        self.add_all(&joins, now);
        if let Some(flight) = &spoke.flight {
            self.flight(flight, now);
        }
        if let Some(nonce) = &spoke.nonce {
            self.sighted(nonce, now);
        }
    }

    /// Takes a flight that a side began.
    pub fn flight(&mut self, flight: &Flight, now: Timestamp) {
        if let Some(beacons) = &mut self.beacons {
            beacons.flight(flight, now);
        }
        if let Some(shell) = self.initiatives.flight(flight, now) {
            self.add_shell(shell, now);
        }
        let joins = self.relays.flight(flight, now);
        self.add_measured(&joins, now);
    }

    /// Adds a shell to what is told of the host that has it.
    fn add_shell(&mut self, shell: Evidence, now: Timestamp) {
        let seen_in = shell.session.id;
        let origin = self.relays.origin(seen_in);
        let Some(shell) = self.shells.place(shell, origin) else {
            return;
        };
        self.add(&shell, now);
        let session = shell.session.id;
        if session != seen_in && !self.relays.is_alive(session) {
            self.findings.over(session);
        }
    }

    /// Takes a connection that a side of a multiplexed tunnel asked for.
    pub fn asked(&mut self, asked: &Asked) {
        self.relays.asked(asked);
    }

    /// Takes a connection inside a multiplexed tunnel that is over.
    pub fn lived(&mut self, lived: &Lived, now: Timestamp) {
        let joins = self.relays.lived(lived, now);
        self.add_measured(&joins, now);
    }

    /// Takes what a flow carried that TCP ended.
    pub fn totals(&mut self, totals: &Totals) {
        self.relays.totals(totals);
    }

    /// Measured joins may come when one of their flows is over.
    #[inline]
    fn add_measured(&mut self, joins: &[Evidence], now: Timestamp) {
        for join in joins {
            self.add_join(join, now);
        }
        for join in joins {
            self.end_legs(join);
        }
    }

    fn end_legs(&mut self, join: &Evidence) {
        for session in join.sessions() {
            if let Some(end) = self.relays.end_of(session.id) {
                self.findings.end(end);
            }
        }
    }

    /// Takes a nonce seen on a flow.
    pub fn sighted(&mut self, sighting: &Sighting, now: Timestamp) {
        let joins = self.relays.sighted(sighting, now);
        self.add_all(&joins, now);
    }

    /// Nearly always there is nothing to add.
    #[inline]
    fn add_all(&mut self, evidence: &[Evidence], now: Timestamp) {
        for evidence in evidence {
            self.add_join(evidence, now);
        }
    }

    fn add_join(&mut self, evidence: &Evidence, now: Timestamp) {
        self.spread(evidence, now);
        self.turn(evidence, now);
        if self.speaks(evidence.detector) {
            self.add(evidence, now);
        }
        let over = |leg: &&Session| !self.relays.is_alive(leg.id);
        let over: Vec<FlowId> = evidence.sessions().filter(over).map(|leg| leg.id).collect();
        over.into_iter().for_each(|leg| self.findings.over(leg));
    }

    /// Counts a relayed session among those of its relay and client.
    fn spread(&mut self, evidence: &Evidence, now: Timestamp) {
        if !self.speaks.fan_out || evidence.certainty < Certainty::Probable {
            return;
        }
        if let Some(spread) = self.fan_outs.relayed(evidence, &self.names, now) {
            self.add(&spread, now);
        }
    }

    /// Holds a relay against what is known of its host.
    fn turn(&mut self, evidence: &Evidence, now: Timestamp) {
        if let Some(turn) = self.new_relays.relayed(evidence, now) {
            self.add(&turn, now);
        }
    }

    fn speaks(&self, detector: &str) -> bool {
        match detector {
            "relay" => self.speaks.relay,
            "multi-hop" => self.speaks.multi_hop,
            _ => true,
        }
    }

    fn add(&mut self, evidence: &Evidence, now: Timestamp) {
        if evidence.certainty > Certainty::Hint {
            self.displaced.extend(self.findings.add(evidence, now));
            let names = self.names.of(evidence, now);
            self.findings.name(evidence.session.id, names);
        }
    }

    fn name_target(&mut self, facts: &FlowFacts, target: Option<&Target>, now: Timestamp) {
        let address = target.and_then(names::address_of);
        let named = address.and_then(|address| {
            let name = self.names.name_of(address, facts.client.address, now)?;
            Some((address, name.to_owned()))
        });
        self.findings.name(facts.id, named);
    }

    /// Takes a flow that has come to an age at which it is told of.
    pub fn lasted(&mut self, lasted: &Lasted, now: Timestamp) {
        let evidence = long_lived::weigh(lasted, &self.destinations, &self.names);
        self.add(&evidence, now);
        let known = Known {
            seen: &self.destinations,
            names: &self.names,
            prints: &self.prints,
        };
        let beacons = self.beacons.as_mut();
        if let Some(beacon) = beacons.and_then(|beacons| beacons.lasted(lasted, known)) {
            self.add(&beacon, now);
        }
    }

    /// Takes a DNS response.
    pub fn answered(&mut self, answers: &Answers, now: Timestamp) {
        self.names.learn(answers, now);
    }

    /// Takes a name that DNS was asked for.
    pub fn looked_up(&mut self, look_up: &LookUp, now: Timestamp) {
        let Some(beacons) = &mut self.beacons else {
            return;
        };
        if let Some(beacon) = beacons.looked_up(look_up, now, &self.destinations) {
            self.add(&beacon, now);
        }
    }

    /// Takes the payload sizes of a flow that is about to end.
    pub fn sizes(&mut self, sizes: &PayloadSizes, now: Timestamp) {
        self.new_relays.sizes(sizes);
        let moved = self.payloads.sizes(sizes, now);
        self.add_all(&moved, now);
    }

    /// Takes the end of a flow that was read.
    pub fn ended(&mut self, end: &FlowEnd, now: Timestamp) {
        self.associations.forget(end.id);
        if let Some(shell) = self.initiatives.ended(end, now) {
            self.add_shell(shell, now);
        }
        let (leg, joins) = self.relays.ended(end, now);
        if let Some(leg) = leg {
            self.new_relays.ended(&leg.session, end);
            self.beat(&leg.session, end, now);
        } else if let Some(beacons) = &mut self.beacons {
            beacons.forget(end.id);
        }
        self.add_measured(&joins, now);
        self.proxies.ended(end);
        self.findings.end(end);
    }

    /// Findings are told while they are added to, at this pace.
    pub fn tell_as_it_goes(&mut self, pace: Pace) {
        self.findings.tell_as_it_goes(pace);
    }

    /// Notes that frames were lost between two moments.
    pub fn missed(&mut self, from: Timestamp, to: Timestamp) {
        self.findings.missed(from, to);
    }

    /// The findings that are to be told by now, at most so many.
    pub fn due(&mut self, now: Timestamp, most: usize) -> Vec<Finding> {
        self.findings.due(now, most)
    }

    /// Takes a session that spoke and is over as a beat of whoever opened it.
    fn beat(&mut self, session: &Session, end: &FlowEnd, now: Timestamp) {
        let client = session.client.address;
        if let Some(greeting) = end.greeting
            && self.destinations.is_inside(client)
        {
            self.prints.greets(client, greeting.fingerprint);
        }
        let Some(beacons) = &mut self.beacons else {
            return;
        };
        let known = Known {
            seen: &self.destinations,
            names: &self.names,
            prints: &self.prints,
        };
        let told = beacons.ended(session, end, known);
        for beacon in told {
            self.add(&beacon, now);
        }
    }

    /// Findings that had to make room for newer ones since this was last asked.
    pub fn take_displaced(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.displaced)
    }

    /// What was given out early, let go and delayed so far.
    pub fn finding_counts(&self) -> FindingCounts {
        self.findings.counts()
    }

    /// What correlators forgot so far to stay inside their caps.
    pub fn forgotten(&self) -> Forgotten {
        let mut forgotten = Forgotten {
            endpoints: self.associations.forgotten()
                + self.proxies.forgotten()
                + self.initiatives.forgotten()
                + self.shells.forgotten()
                + self.fan_outs.forgotten(),
            names: self.names.forgotten(),
            destinations: self.destinations.forgotten() + self.prints.forgotten(),
            pairs: self.beacons.as_ref().map_or(0, Beacons::forgotten),
            ..Forgotten::default()
        };
        forgotten += self.relays.forgotten();
        forgotten
    }

    /// How many sessions there were whose rhythm was not followed because too many were.
    pub fn sessions_unfollowed(&self) -> u64 {
        self.beacons.as_ref().map_or(0, Beacons::unfollowed)
    }

    /// How often a host came that is not watched because too many are.
    pub fn hosts_unwatched(&self) -> u64 {
        self.new_relays.hosts_unwatched() + self.payloads.refused()
    }

    /// Gives all findings, in the order they were raised (where they are told as it goes, those with news), and what was
    /// learned of hosts.
    pub fn finish(mut self) -> (Vec<Finding>, Option<Profile>) {
        self.conclude();
        (self.findings.finish(), self.new_relays.into_profile())
    }

    /// Takes that nothing more comes: what waited for more is told. Findings may have to make room for it.
    pub fn conclude(&mut self) {
        let ways = self.relays.ways(None);
        self.add_all(&ways, self.now);
        let moved = self.payloads.close();
        self.add_all(&moved, self.now);
    }

    /// An upper bound of the bytes of memory it holds.
    pub fn memory_bound(limits: Limits) -> usize {
        limits.findings * Findings::FINDING_BYTES
            + limits.flows * Findings::OPEN_BYTES
            + limits.names * Names::ENTRY_BYTES
            + limits.destinations * Destinations::ENTRY_BYTES
            + limits.destinations / DESTINATIONS_OF_A_PRINT * Prints::ENTRY_BYTES
            + Beacons::memory_bound(limits.pairs)
            + limits.remembered
                * (Associations::ENTRY_BYTES
                    + Proxies::ENTRY_BYTES
                    + NewRelays::ENTRY_BYTES
                    + Initiatives::ENTRY_BYTES
                    + Shells::ENTRY_BYTES)
            + Relays::memory_bound(limits.relays)
            + limits.fan_outs.remembered * FanOuts::ENTRY_BYTES
    }
}

/// One fingerprint is remembered for so many destinations.
const DESTINATIONS_OF_A_PRINT: usize = 16;

#[cfg(test)]
mod tests {
    use super::destinations::Before;
    use super::*;
    use crate::decode::Transport;
    use crate::evidence::samples::evidence;
    use crate::facts::FlowId;
    use crate::facts::samples::{end, endpoint, flow, layer};
    use crate::profile::learner;
    use crate::proto::Side;
    use crate::proto::socks_udp::SocksUdp;
    use crate::proto::socks5::{Command, Reply, Socks5, Stage};
    use crate::proto::stack::Protocol;
    use crate::proto::target::Target;
    use crate::time::Span;

    const NOW: Timestamp = Timestamp::from_parts(150, 0);

    fn ordered(findings: usize) -> Ordered {
        let limits = Limits {
            findings,
            flows: 8,
            remembered: 8,
            names: 8,
            destinations: 8,
            pairs: 8,
            relays: RelayLimits {
                legs: 8,
                nonces: 8,
                joins: 8,
                relays: 2,
            },
            fan_outs: FanOutLimits {
                remembered: 8,
                targets: 16,
                relays: 8,
                window: Span::from_seconds(60),
            },
            speaks: Speaks {
                relay: true,
                multi_hop: true,
                fan_out: true,
                beacon: true,
                reverse_shell: true,
            },
        };
        let watch = Watch {
            baseline: None,
            learns: false,
            payloads: None,
            before: Before::Run(Span::from_seconds(86_400)),
            inside: Vec::new(),
            limits: learner::Limits {
                hosts: 8,
                relays: 8,
            },
            remembered: 8,
        };
        Ordered::new(limits, watch)
    }

    /// A session that asked for an association at 10.0.0.2:5000.
    fn control() -> FlowFacts {
        let socks = Socks5 {
            command: Some(Command::UdpAssociate),
            reply: Some(Reply {
                code: 0,
                bound: Target::from_authority(b"10.0.0.2:5000"),
            }),
            stage: Stage::Answered,
            ..Socks5::default()
        };
        flow(vec![layer(Protocol::Socks5(Box::new(socks)))])
    }

    fn datagrams(client: &str) -> FlowFacts {
        let datagram = SocksUdp {
            target: Target::from_authority(b"10.0.0.53:53").unwrap(),
            header_bytes: 10,
            fragment: 0,
        };
        FlowFacts {
            id: FlowId(2),
            client: endpoint(client),
            server: endpoint("10.0.0.2:5000"),
            transport: Transport::UDP,
            ..flow(vec![layer(Protocol::SocksUdp(Box::new(datagram)))])
        }
    }

    #[test]
    fn datagrams_of_an_association_join_its_finding() {
        for (client, sessions, target) in [
            ("10.0.0.1:6000", 2, Some("10.0.0.53:53")),
            ("10.0.0.9:6000", 1, None),
        ] {
            let mut ordered = ordered(8);
            ordered.flow(&control(), vec![evidence(1, Certainty::Proven)], NOW);
            ordered.flow(&datagrams(client), Vec::new(), NOW);
            let (findings, _) = ordered.finish();
            let told = findings[0].target.as_ref().map(ToString::to_string);
            assert_eq!((findings.len(), findings[0].sessions), (1, sessions));
            assert_eq!(told.as_deref(), target);
        }
    }

    #[test]
    fn an_association_is_over_with_its_session() {
        let mut ordered = ordered(8);
        ordered.flow(&control(), vec![evidence(1, Certainty::Proven)], NOW);
        ordered.ended(&end(FlowId(1)), NOW);
        ordered.flow(&datagrams("10.0.0.1:6000"), Vec::new(), NOW);
        assert_eq!(ordered.finish().0[0].sessions, 1);
    }

    /// However long the others stay, their places among the sessions that are followed are free when they are over.
    #[test]
    fn a_session_whose_leg_gave_way_is_followed_no_longer_than_it_lives() {
        let mut ordered = ordered(8);
        for number in 0..100 {
            let id = FlowId(number);
            let spoke = Spoke {
                id,
                ..legs::samples::spoke(number, "10.0.0.1:1", "10.0.0.2:80")
            };
            ordered.spoke(&spoke, NOW);
        }
        let unfollowed = |ordered: &mut Ordered, from: u64| {
            for number in from..from + 2 {
                let flight = Flight {
                    flow: FlowId(number),
                    opened: NOW,
                    from: Side::Client,
                    client_bytes: 1,
                    server_bytes: 1,
                    one_sided: false,
                };
                ordered.flight(&flight, NOW + Span::from_seconds(60));
            }
            ordered.sessions_unfollowed()
        };
        assert_eq!(unfollowed(&mut ordered, 0), 0);
        (0..2).for_each(|number| ordered.ended(&end(FlowId(number)), NOW));
        assert_eq!(unfollowed(&mut ordered, 2), 0);
        assert_eq!(unfollowed(&mut ordered, 4), 2);
    }

    #[test]
    fn a_hint_alone_is_no_finding() {
        let mut ordered = ordered(8);
        let facts = flow(Vec::new());
        let hint = evidence(1, Certainty::Hint).over("http-forward");
        ordered.flow(&facts, vec![hint], NOW);
        assert!(ordered.finish().0.is_empty());
    }

    #[test]
    fn a_hint_that_is_backed_keeps_the_end_of_its_flow() {
        let mut ordered = ordered(8);
        let facts = flow(Vec::new());
        let hint = evidence(1, Certainty::Hint).over("http-forward");
        let proof = evidence(2, Certainty::Proven).over("http-forward");
        ordered.flow(&facts, vec![hint], NOW);
        ordered.ended(&end(FlowId(1)), NOW);
        ordered.flow(&facts, vec![proof], NOW);
        ordered.ended(&end(FlowId(2)), NOW);
        let (findings, _) = ordered.finish();
        assert_eq!((findings.len(), findings[0].sessions), (1, 2));
        assert_eq!(findings[0].status, crate::finding::Status::Closed);
    }

    #[test]
    fn what_makes_room_is_given_out_once() {
        let mut ordered = ordered(1);
        let facts = flow(Vec::new());
        for client in ["10.0.0.1:1", "10.0.0.3:1"] {
            ordered.flow(&facts, vec![evidence(1, Certainty::Proven).by(client)], NOW);
        }
        assert_eq!(ordered.take_displaced().len(), 1);
        assert!(ordered.take_displaced().is_empty());
        assert_eq!(ordered.finish().0.len(), 1);
    }
}
