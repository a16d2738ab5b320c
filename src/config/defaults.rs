//! What holds where the configuration says nothing.

use super::{
    Baseline, Evidence, FanOut, Findings, Flows, Fragments, Heads, LongLivedSession, MultiHop,
    Number, Pipeline, Relays, Rhythms, Switch,
};
use crate::finding::Severity;
use crate::policy::list::List;

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            workers: Number::new(0),
            rings: Number::new(1),
        }
    }
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            max: Number::new(1 << 20),
            half_open_seconds: Number::new(30),
            tcp_seconds: Number::new(3_600),
            datagram_seconds: Number::new(180),
            closed_seconds: Number::new(10),
        }
    }
}

impl Default for Heads {
    fn default() -> Self {
        Self {
            budget_mebibytes: Number::new(96),
        }
    }
}

impl Default for Fragments {
    fn default() -> Self {
        Self {
            max_datagrams: Number::new(1_024),
            budget_mebibytes: Number::new(4),
            timeout_seconds: Number::new(30),
        }
    }
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            max: Number::new(1_024),
            sessions: Number::new(65_536),
            remembered: Number::new(4_096),
            names: Number::new(65_536),
            waiting_mebibytes: Number::new(8),
            per_minute: Number::new(600),
            update_seconds: Number::new(60),
            close_seconds: Number::new(300),
        }
    }
}

impl Default for Relays {
    fn default() -> Self {
        Self {
            legs: Number::new(7 << 15),
            nonces: Number::new(1 << 18),
            joins: Number::new(4_096),
        }
    }
}

impl Default for Rhythms {
    fn default() -> Self {
        Self {
            pairs: Number::new(16_384),
            destinations: Number::new(8_192),
        }
    }
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            hosts: Number::new(4_096),
            warm_up_seconds: Number::new(86_400),
            profile: None,
        }
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            directory: None,
            severity: Severity::High,
            hosts: Number::new(256),
            host_kibibytes: Number::new(256),
            session_packets: Number::new(256),
            files: Number::new(1_000),
            file_kibibytes: Number::new(4_096),
            total_mebibytes: Number::new(1_024),
        }
    }
}

impl Default for FanOut {
    fn default() -> Self {
        Self {
            enabled: true,
            targets: Number::new(16),
            relays: Number::new(8),
            window_seconds: Number::new(60),
        }
    }
}

impl Default for LongLivedSession {
    fn default() -> Self {
        let minutes = [10, 30, 60, 240, 720, 1_440, 4_320];
        Self {
            enabled: true,
            minutes: List::from(minutes.map(Number::new).to_vec()),
        }
    }
}

impl Default for MultiHop {
    fn default() -> Self {
        Self {
            enabled: true,
            relays: Number::new(2),
        }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}
