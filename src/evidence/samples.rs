//! Evidence made up for tests.

use super::{Certainty, Evidence, RelayExchange, Says, Session};
use crate::facts::FlowId;
use crate::facts::samples::{endpoint, flow};

/// That 10.0.0.1 asked 10.0.0.2:1080 for something, in the flow of this number.
pub(crate) fn evidence(number: u64, certainty: Certainty) -> Evidence {
    let mut session = Session::from(&flow(Vec::new()));
    session.id = FlowId(number);
    Evidence {
        detector: "socks-proxy",
        certainty,
        session,
        relay: session.server.address,
        further: Vec::new(),
        says: Says::Exchange(Box::new(RelayExchange {
            protocol: "socks5",
            outcome: "succeeded".to_owned(),
            opened: true,
            ..RelayExchange::default()
        })),
    }
}

impl Evidence {
    /// The same from another client.
    pub(crate) fn by(mut self, client: &str) -> Self {
        self.session.client = endpoint(client);
        self
    }

    /// The same of another server.
    pub(crate) fn at(mut self, server: &str) -> Self {
        self.session.server = endpoint(server);
        self.relay = self.session.server.address;
        self
    }

    /// The same over another protocol.
    pub(crate) fn over(mut self, protocol: &'static str) -> Self {
        self.exchange_mut().protocol = protocol;
        self
    }

    /// What was exchanged, to be changed.
    pub(crate) fn exchange_mut(&mut self) -> &mut RelayExchange {
        let Says::Exchange(exchange) = &mut self.says else {
            panic!("no exchange");
        };
        exchange
    }
}
