//! Beats at servers that take turns and have no name in common: what they have in common is who greets them, by its JA4.

use super::scene::Scene;
use crate::correlate::pairs::{Key, Pairs, Visit, Whom};
use crate::evidence::Evidence;

/// The TLS clients of hosts inside, each with its rhythm.
#[derive(Debug)]
pub(super) struct Turns(Pairs);

impl Turns {
    /// Nobody greeted; at most `cap` TLS clients are remembered.
    pub(super) fn new(cap: usize) -> Self {
        Self(Pairs::new(cap))
    }

    /// How many TLS clients gave way.
    pub(super) fn forgotten(&self) -> u64 {
        self.0.forgotten()
    }

    /// Takes a session that is over. Tells of the rhythm in which its client greets others, if several take turns and it
    /// is worth telling.
    pub(super) fn come(&mut self, scene: Scene<'_>, visit: &Visit) -> Option<Evidence> {
        let greeting = scene.end.greeting?;
        let key = Key::new(
            scene.session.client.address,
            Whom::Greeted(greeting.fingerprint),
            scene.session.server.port,
            scene.session.transport,
        );
        let (pair, _) = self.0.come(key, visit)?;
        let servers = pair.partners();
        if servers < LEAST_SERVERS || pair.rhythm.gaps() > servers * MOST_BEATS {
            return None;
        }
        scene.tell(pair)
    }
}

/// Fewer servers are told apart by their own beats.
const LEAST_SERVERS: u32 = 4;
/// So are those that are gone to more often, each.
const MOST_BEATS: u32 = 8;
