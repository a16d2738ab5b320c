//! Beats of several clients that go to one place: each of them may be there too seldom to tell anything.

use super::Beats;
use super::scene::Scene;
use crate::correlate::pairs::{Key, Pairs, Visit};
use crate::decode::Address;
use crate::evidence::Evidence;
use crate::time::Timestamp;

/// Places to which hosts inside come back, with the rhythm of all of them together: the gaps of each, summed up.
#[derive(Debug)]
pub(super) struct Crowds(Pairs);

impl Crowds {
    /// Nobody came back; at most `cap` places are remembered.
    pub(super) fn new(cap: usize) -> Self {
        Self(Pairs::new(cap))
    }

    /// How many places gave way.
    pub(super) fn forgotten(&self) -> u64 {
        self.0.forgotten()
    }

    /// Takes a session of a client that was there `before`. Tells of the rhythm of all that come there, if there are
    /// several and it is worth telling.
    pub(super) fn come(
        &mut self,
        scene: Scene<'_>,
        key: Key,
        visit: &Visit,
        before: Timestamp,
    ) -> Option<Evidence> {
        let seen = scene.known.seen;
        if seen.clients_of(visit.server.address) < LEAST_CLIENTS as usize {
            return None;
        }
        let visit = Visit {
            partner: scene.session.client.address,
            ..*visit
        };
        let pair = self.0.join(key.of(EVERYBODY), &visit, before)?;
        let clients = pair.partners();
        if clients < LEAST_CLIENTS {
            return None;
        }
        let beats = Beats {
            servers: 1,
            clients,
            ..Beats::from(&*pair)
        };
        let evidence = scene.weigh(beats, pair.told)?;
        pair.told = true;
        Some(evidence)
    }
}

/// Stands for all clients.
const EVERYBODY: Address = Address::from_bits(0);

/// Two clients are an accident.
const LEAST_CLIENTS: u32 = 3;
