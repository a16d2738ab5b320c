//! Flights: runs of payload in one direction, as request and response take turns.

use crate::proto::Side;
use crate::time::{Span, Timestamp};

/// Counts the flights of a flow.
///
/// A flight ends when the direction turns or when nothing follows for three round trips, as in Xue et al., USENIX
/// Security 2024 (there called a burst).
#[derive(Clone, Copy, Debug, Default)]
pub struct Flights {
    last: Option<(Side, Timestamp)>,
    client: u32,
    server: u32,
}

impl Flights {
    /// Counts new payload of one side. `round_trip` is the flow's, if it could be measured.
    pub fn record(&mut self, side: Side, time: Timestamp, round_trip: Option<Span>) {
        let pause = round_trip.map_or(UNKNOWN_PAUSE, |rtt| (rtt * 3).max(LEAST_PAUSE));
        let goes_on = self
            .last
            .is_some_and(|(last, seen)| last == side && time - seen <= pause);
        if !goes_on {
            let count = match side {
                Side::Client => &mut self.client,
                Side::Server => &mut self.server,
            };
            *count = count.saturating_add(1);
        }
        self.last = Some((side, time));
    }

    /// How many flights a side sent.
    pub fn count(&self, side: Side) -> u32 {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }
}

const UNKNOWN_PAUSE: Span = Span::from_millis(200);
const LEAST_PAUSE: Span = Span::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_or_a_pause_begins_a_flight() {
        let mut flights = Flights::default();
        let rtt = Some(Span::from_millis(10));
        for (side, millis) in [
            (Side::Client, 0),
            (Side::Client, 29),
            (Side::Server, 30),
            (Side::Client, 31),
            (Side::Client, 62),
        ] {
            flights.record(side, Timestamp::MIN + Span::from_millis(millis), rtt);
        }
        assert_eq!(flights.count(Side::Client), 3);
        assert_eq!(flights.count(Side::Server), 1);
    }
}
