//! Where hosts went when they were learned.

use std::net::IpAddr;

use super::Profile;
use super::host::{Destination, Host};

/// Services that hosts were learned to go to, and the hosts of which every one is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Went {
    /// In order, each once.
    destinations: Vec<Destination>,
    /// In order.
    wholly_known: Vec<IpAddr>,
}

impl Went {
    /// What a profile says; `None` where it says nothing of where hosts go.
    pub fn of(known: &Profile) -> Option<Self> {
        let all = known.hosts().flat_map(|(_, host)| host.destinations.iter());
        let mut destinations: Vec<_> = all.map(|(destination, _)| *destination).collect();
        destinations.sort_unstable();
        destinations.dedup();
        let whole = known
            .hosts()
            .filter(|(_, host)| !host.destinations.is_full());
        let went = Self {
            wholly_known: whole.map(|(ip, _)| *ip).collect(),
            destinations,
        };
        (!went.destinations.is_empty()).then_some(went)
    }

    /// Whether any host went to a service; `None` where this one was not learned, or went to more than is kept.
    pub fn to(&self, host: IpAddr, destination: Destination) -> Option<bool> {
        if self.destinations.binary_search(&destination).is_ok() {
            return Some(true);
        }
        self.wholly_known.binary_search(&host).ok().map(|_| false)
    }

    /// Bytes of memory for one host that was learned, an upper bound.
    pub const HOST_BYTES: usize =
        2 * (size_of::<IpAddr>() + Host::DESTINATIONS * size_of::<Destination>());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::learner::Detail;
    use crate::profile::learner::samples::{learner, session};

    #[test]
    fn where_hosts_went_is_known_and_where_they_never_went_is_known_of_some() {
        let mut learner = learner(8, Detail::All);
        session(&mut learner, "10.0.0.1:4000", "192.0.2.80:443", 9);
        for last in 0..20 {
            session(
                &mut learner,
                "10.0.0.2:4000",
                &format!("198.51.100.{last}:443"),
                9,
            );
        }
        let went = Went::of(&learner.into_profile()).unwrap();
        let to = |host: &str, destination: &str| {
            went.to(host.parse().unwrap(), destination.parse().unwrap())
        };
        let cases = [
            ("10.0.0.1", "192.0.2.80:443/tcp", Some(true)),
            ("10.0.0.9", "192.0.2.80:443/tcp", Some(true)),
            ("10.0.0.1", "192.0.2.80:80/tcp", Some(false)),
            ("10.0.0.1", "203.0.113.66:443/tcp", Some(false)),
            ("10.0.0.2", "203.0.113.66:443/tcp", None),
            ("10.0.0.9", "203.0.113.66:443/tcp", None),
        ];
        for (host, destination, expected) in cases {
            assert_eq!(to(host, destination), expected, "{host} {destination}");
        }
        assert_eq!(Went::of(&Profile::default()), None);
    }
}
