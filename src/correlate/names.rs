//! Names for addresses and addresses of names, learned from the DNS answers that were seen before.

use std::num::NonZeroU32;

use super::recent::Recent;
use crate::decode::Address;
use crate::evidence::{Evidence, Says};
use crate::facts::Answers;
use crate::proto::dns::Named;
use crate::proto::target::{Host, Target};
use crate::proto::tls::greeting::digest_of_name;
use crate::time::{Span, Timestamp};

/// The newest names of the addresses last answered with; at most a given number, the oldest go first.
#[derive(Debug)]
pub struct Names {
    known: Recent<Address, Vec<Known>>,
    places: Recent<NonZeroU32, Places>,
}

/// Where a name was said to be.
#[derive(Debug, Default)]
struct Places {
    /// Networks of its addresses; 0 where there is none.
    nets: [u32; NETS_EACH],
    /// There are more, so that an address in none of these may be its own.
    has_more: bool,
}

/// How the name in a TLS hello fits the address that it is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// DNS said so, or nobody can tell.
    Fits,
    /// DNS said other addresses for the name.
    Elsewhere,
    /// The client was told another name for the address, and nobody was told where the one in the hello is.
    OtherName,
}

impl Places {
    fn add(&mut self, address: Address) {
        let net = net_of(address);
        let place = self
            .nets
            .iter_mut()
            .find(|known| **known == net || **known == 0);
        match place {
            Some(place) => *place = net,
            None => self.has_more = true,
        }
    }

    fn may_have(&self, address: Address) -> bool {
        self.has_more || self.nets.contains(&net_of(address))
    }
}

/// Addresses of one provider: those of IPv4 with 16 bits in common, and those of IPv6 with 32.
#[expect(clippy::cast_possible_truncation, reason = "the upper bits are wanted")]
fn net_of(address: Address) -> u32 {
    let bits = address.bits();
    let net = if address.ip().is_ipv4() {
        bits >> 16
    } else {
        bits >> 96
    };
    (net as u32).max(1)
}

#[derive(Debug)]
struct Known {
    name: Box<str>,
    asker: Address,
    until: Timestamp,
}

impl Names {
    /// No name known; at most `cap` addresses are remembered, and where half as many names are.
    pub fn new(cap: usize) -> Self {
        Self {
            known: Recent::new(cap),
            places: Recent::new(cap / 2),
        }
    }

    /// Learns what somebody was answered. It is kept for an hour even where it says less: clients hold on to
    /// addresses for longer than they may.
    pub fn learn(&mut self, answers: &Answers, now: Timestamp) {
        let short = |named: &&Named| named.name.len() <= LONGEST_NAME;
        for Named { name, ip, ttl } in answers.named.iter().filter(short) {
            let address = Address::from(*ip);
            if let Some(places) = self.places.get_or_default(digest_of_name(name.as_bytes())) {
                places.add(address);
            }
            let mut known = self.known.remove(&address).unwrap_or_default();
            known.retain(|known| known.until > now && *known.name != **name);
            known.truncate(NAMES_EACH - 1);
            let until = now + Span::from_seconds(i64::from(*ttl).clamp(HOUR, WEEK));
            let (name, asker) = (name.as_str().into(), answers.asker.address);
            known.insert(0, Known { name, asker, until });
            self.known.insert(address, known);
        }
    }

    /// Whether nobody was told any.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The name that `asker` has for an address, or else the newest that anybody has.
    pub fn name_of(&self, address: Address, asker: Address, now: Timestamp) -> Option<&str> {
        let known = self.known.get(&address)?;
        let mut live = known.iter().filter(|known| known.until > now);
        let newest = live.clone().next()?;
        let own = live.find(|known| known.asker == asker);
        Some(&own.unwrap_or(newest).name)
    }

    /// The name that `asker` itself was told this address for.
    pub fn own_name_of(&self, address: Address, asker: Address, now: Timestamp) -> Option<&str> {
        let known = self.known.get(&address)?;
        let own = |known: &&Known| known.asker == asker && known.until > now;
        Some(&known.iter().find(own)?.name)
    }

    /// Whether somebody was told this address for a name in lower case.
    pub fn is_name_of(&self, name: &str, address: Address, now: Timestamp) -> bool {
        let known = self.known.get(&address).map(Vec::as_slice);
        let mut live = known.unwrap_or_default().iter();
        live.any(|known| known.until > now && known.name.eq_ignore_ascii_case(name))
    }

    /// How a name, of which `digest` is made, fits the address that `asker` sends it to in a TLS hello.
    pub fn fit(&self, digest: NonZeroU32, address: Address, asker: Address, now: Timestamp) -> Fit {
        if let Some(places) = self.places.get(&digest) {
            return match places.may_have(address) {
                true => Fit::Fits,
                false => Fit::Elsewhere,
            };
        }
        match self.own_name_of(address, asker, now) {
            Some(name) if digest_of_name(name.as_bytes()) != digest => Fit::OtherName,
            _ => Fit::Fits,
        }
    }

    /// The names of the hosts that evidence speaks of, as its client would call them.
    pub fn of(&self, evidence: &Evidence, now: Timestamp) -> Vec<(Address, String)> {
        let session = &evidence.session;
        [
            session.client.address,
            session.server.address,
            evidence.relay,
        ]
        .into_iter()
        .chain(mentioned(evidence))
        .filter_map(|address| {
            let name = self.name_of(address, session.client.address, now)?;
            Some((address, name.to_owned()))
        })
        .collect()
    }

    /// How many addresses gave way.
    pub fn forgotten(&self) -> u64 {
        self.known.displaced()
    }

    /// Bytes of memory for one address, an upper bound.
    pub const ENTRY_BYTES: usize = 4 * (size_of::<(Address, Vec<Known>)>() + size_of::<Known>())
        + NAMES_EACH * LONGEST_NAME
        + 2 * size_of::<(NonZeroU32, (u64, Places))>();
}

/// The addresses that evidence mentions apart from its session's ends and its relay.
fn mentioned(evidence: &Evidence) -> Vec<Address> {
    match &evidence.says {
        Says::Exchange(exchange) => {
            let hops = exchange.hops.iter().filter_map(|hop| hop.target.as_ref());
            let targets = exchange.target.iter().chain(hops);
            targets.filter_map(address_of).collect()
        }
        Says::Join(join) => vec![join.target.address],
        Says::Chain(chain) => chain.hosts.clone(),
        Says::Spread(spread) => vec![spread.target],
        Says::Ssh(_) | Says::Lasting(_) | Says::Beacon(_) => Vec::new(),
        Says::Turn(turn) => turn.target.iter().filter_map(address_of).collect(),
        Says::Shell(_) | Says::Drift(_) => Vec::new(),
    }
}

/// The address of a target that was asked for by one.
pub fn address_of(target: &Target) -> Option<Address> {
    match target.host {
        Host::Ip(ip) => Some(ip.into()),
        Host::Name(_) => None,
    }
}

const NAMES_EACH: usize = 2;
const NETS_EACH: usize = 4;
/// Longer ones are made by machines and tell a person nothing.
const LONGEST_NAME: usize = 128;
const HOUR: i64 = 3_600;
/// The most that resolvers give an answer (RFC 8767, section 4).
const WEEK: i64 = 604_800;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Endpoint;

    const ANNA: Address = Address::from_bits(1);
    const BERT: Address = Address::from_bits(2);
    const WEB: Address = Address::from_bits(80);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn answer(asker: Address, name: &str, address: Address, ttl: u32) -> Answers {
        let (name, ip) = (name.to_owned(), address.ip());
        let named = vec![Named { name, ip, ttl }];
        let asker = Endpoint {
            address: asker,
            port: 53_000,
        };
        Answers { asker, named }
    }

    #[test]
    fn a_client_goes_by_its_own_answers() {
        let mut names = Names::new(8);
        names.learn(&answer(ANNA, "a.test", WEB, 60), at(0));
        names.learn(&answer(BERT, "b.test", WEB, 60), at(1));
        assert_eq!(names.name_of(WEB, ANNA, at(2)), Some("a.test"));
        assert_eq!(names.name_of(WEB, WEB, at(2)), Some("b.test"));
        names.learn(&answer(BERT, "c.test", WEB, 60), at(3));
        assert_eq!(names.name_of(WEB, ANNA, at(4)), Some("c.test"));
        assert_eq!(names.name_of(ANNA, BERT, at(4)), None);
    }

    #[test]
    fn a_name_in_a_hello_fits_the_address_or_does_not() {
        let mut names = Names::new(64);
        let address = |text: &str| Address::from(text.parse::<std::net::IpAddr>().unwrap());
        names.learn(&answer(ANNA, "a.test", address("192.0.2.1"), 60), at(0));
        names.learn(&answer(ANNA, "b.test", address("2001:db8::1"), 60), at(0));
        for net in 1..9 {
            let one = address(&format!("203.{net}.0.1"));
            names.learn(&answer(BERT, "many.test", one, 60), at(0));
        }
        let cases = [
            ("a.test", "192.0.2.1", Fit::Fits),
            ("A.test", "192.0.99.7", Fit::Fits),
            ("a.test", "198.51.100.7", Fit::Elsewhere),
            ("b.test", "2001:db8:9::1", Fit::Fits),
            ("b.test", "2001:db9::1", Fit::Elsewhere),
            ("b.test", "192.0.2.1", Fit::Elsewhere),
            ("many.test", "198.51.100.7", Fit::Fits),
            ("never.test", "192.0.2.1", Fit::OtherName),
            ("never.test", "198.51.100.7", Fit::Fits),
        ];
        for (name, to, fit) in cases {
            let told = names.fit(digest_of_name(name.as_bytes()), address(to), ANNA, at(1));
            assert_eq!(told, fit, "{name} {to}");
        }
        let of_bert = names.fit(
            digest_of_name(b"never.test"),
            address("192.0.2.1"),
            BERT,
            at(1),
        );
        assert_eq!(of_bert, Fit::Fits, "he never asked for it");
    }

    #[test]
    fn names_age_by_packet_time() {
        let cases = [
            (0, 3_599, true),
            (0, 3_600, false),
            (7_200, 7_199, true),
            (7_200, 7_200, false),
            (u32::MAX, 604_799, true),
            (u32::MAX, 604_800, false),
        ];
        for (ttl, seconds, known) in cases {
            let mut names = Names::new(8);
            names.learn(&answer(ANNA, "a.test", WEB, ttl), at(0));
            let seen = names.name_of(WEB, ANNA, at(seconds)).is_some();
            assert_eq!(seen, known, "{ttl} {seconds}");
        }
    }

    #[test]
    fn the_address_answered_with_longest_ago_is_forgotten() {
        let mut names = Names::new(2);
        for address in [ANNA, BERT, ANNA, WEB] {
            names.learn(&answer(ANNA, "a.test", address, 60), at(0));
        }
        let known = [ANNA, BERT, WEB].map(|a| names.name_of(a, ANNA, at(1)).is_some());
        assert_eq!(known, [true, false, true]);
    }
}
