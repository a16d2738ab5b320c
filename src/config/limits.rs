//! What the configuration means to each stage, and how much memory that takes.

use super::{Config, Detectors, LongLivedSession};
use crate::correlate::destinations::Before;
use crate::correlate::fan_out::FanOutLimits;
use crate::correlate::new_relay::{self, Watch};
use crate::correlate::payloads::Payloads;
use crate::correlate::relay::RelayLimits;
use crate::correlate::{self, Ordered, Speaks};
use crate::decode::FragmentLimits;
use crate::detect::Tuning;
use crate::exhibit::{self, Recent};
use crate::finding::rate::Rate;
use crate::finding::telling::Pace;
use crate::flow::lasting::Schedule;
use crate::flow::table::Timeouts;
use crate::pipeline::{memory_bound, rings};
use crate::policy::Policy;
use crate::policy::prefix::Prefix;
use crate::profile::host::{Call, Host};
use crate::profile::learner::{self, Detail, Learner};
use crate::profile::went::Went;
use crate::shard::{self, SHARDS, Shard};

impl Config {
    /// Nothing of recent packets; those of hosts inside are kept.
    pub fn recent_packets(&self) -> Recent {
        let inside = self.networks.inside.iter().map(Prefix::addresses);
        Recent::new(inside.collect(), self.packet_limits())
    }

    fn packet_limits(&self) -> exhibit::Limits {
        exhibit::Limits {
            hosts: self.evidence.hosts.count(),
            host_bytes: self.evidence.host_kibibytes.kibibytes(),
            session_packets: self.evidence.session_packets.count(),
        }
    }

    fn packets_bound(&self) -> usize {
        match self.evidence.directory {
            Some(_) => Recent::memory_bound(self.packet_limits()),
            None => 0,
        }
    }

    /// The caps of one shard.
    pub fn shard_limits(&self) -> shard::Limits {
        shard::Limits {
            flows: self.flows.max.count().div_ceil(usize::from(SHARDS)),
            head_bytes: self.heads.budget_mebibytes.mebibytes() / usize::from(SHARDS),
            timeouts: Timeouts {
                half_open: self.flows.half_open_seconds.seconds(),
                tcp: self.flows.tcp_seconds.seconds(),
                datagram: self.flows.datagram_seconds.seconds(),
                closed: self.flows.closed_seconds.seconds(),
            },
            lasting: self.detectors.long_lived_session.schedule(),
        }
    }

    /// The caps of IP reassembly.
    pub fn fragment_limits(&self) -> FragmentLimits {
        FragmentLimits {
            datagrams: self.fragments.max_datagrams.count(),
            bytes: self.fragments.budget_mebibytes.mebibytes(),
            age: self.fragments.timeout_seconds.seconds(),
            ..FragmentLimits::default()
        }
    }

    /// The caps of the ordered stage.
    pub fn correlation_limits(&self) -> correlate::Limits {
        correlate::Limits {
            findings: self.findings.max.count(),
            remembered: self.findings.remembered.count(),
            flows: self.findings.sessions.count(),
            names: self.findings.names.count(),
            destinations: self.rhythms.destinations.count(),
            pairs: self.rhythms.pairs.count(),
            relays: RelayLimits {
                legs: self.relays.legs.count(),
                nonces: self.relays.nonces.count(),
                joins: self.relays.joins.count(),
                relays: self.detectors.multi_hop.relays.count(),
            },
            fan_outs: FanOutLimits {
                remembered: self.findings.remembered.count(),
                targets: self.detectors.fan_out.targets.count(),
                relays: self.detectors.fan_out.relays.count(),
                window: self.detectors.fan_out.window_seconds.seconds(),
            },
            speaks: Speaks {
                relay: self.detectors.relay.enabled,
                multi_hop: self.detectors.multi_hop.enabled,
                fan_out: self.detectors.fan_out.enabled,
                beacon: self.detectors.beacon.enabled,
                reverse_shell: self.detectors.reverse_shell.enabled,
            },
        }
    }

    /// How often findings are told while a capture goes on.
    pub fn pace(&self) -> Pace {
        Pace {
            update: self.findings.update_seconds.seconds(),
            close: self.findings.close_seconds.seconds(),
        }
    }

    /// How many findings are told while a capture goes on.
    pub fn rate(&self) -> Rate {
        Rate::new(self.findings.per_minute.count())
    }

    /// The memory for findings that wait for the end of a replay.
    pub fn waiting_bytes(&self) -> usize {
        self.findings.waiting_mebibytes.mebibytes()
    }

    /// What is known of hosts, and whether a run `learns` of them.
    pub fn host_watch(&self, learns: bool) -> Watch {
        let warm_up = self.baseline.warm_up_seconds.seconds();
        let baseline = match &self.known {
            Some(known) => new_relay::Baseline::Profile(known.clone()),
            None => new_relay::Baseline::Run(warm_up),
        };
        let before = match &self.went {
            Some(went) => Before::Learned(went.clone()),
            None => Before::Run(warm_up),
        };
        let speaks = self.detectors.new_relay.enabled;
        let inside = self.networks.inside.iter();
        Watch {
            baseline: speaks.then_some(baseline),
            payloads: self.payloads.clone(),
            before,
            learns,
            inside: inside.map(Prefix::addresses).collect(),
            limits: self.profile_limits(),
            remembered: self.findings.remembered.count(),
        }
    }

    /// Whether payload sizes are counted though nobody learns.
    pub fn measures(&self) -> bool {
        self.payloads.is_some()
    }

    fn profile_limits(&self) -> learner::Limits {
        learner::Limits {
            hosts: self.baseline.hosts.count(),
            relays: self.findings.max.count(),
        }
    }

    /// What detectors are told.
    pub fn tuning(&self) -> Tuning {
        let Detectors {
            socks_proxy,
            http_connect_proxy,
            http_forward_proxy,
            websocket_tunnel,
            ssh_tunnel,
            reverse_shell,
            bind_shell,
            relay: _,
            multi_hop: _,
            fan_out: _,
            new_relay: _,
            beacon: _,
            long_lived_session: _,
            payload_anomaly: _,
        } = &self.detectors;
        Tuning {
            socks_proxy: socks_proxy.enabled,
            http_connect_proxy: http_connect_proxy.enabled,
            http_forward_proxy: http_forward_proxy.enabled,
            websocket_tunnel: websocket_tunnel.enabled,
            ssh_tunnel: ssh_tunnel.enabled,
            reverse_shell: reverse_shell.enabled,
            bind_shell: bind_shell.enabled,
        }
    }

    /// What is known of hosts, and what they may do.
    pub fn policy(&self) -> Policy {
        let (groups, approvals) = (self.groups.clone(), self.approvals.clone());
        Policy::new(self.networks.clone(), groups, approvals)
    }

    /// What is watched in a run; or the profile that is loaded, here and in the run.
    fn profiles_bound(&self) -> usize {
        let copies = 1 + usize::from(self.baseline.profile.is_some());
        let least = copies * Learner::memory_bound(self.profile_limits(), Detail::Least);
        let went = self.went.iter().len() * 2 * self.baseline.hosts.count() * Went::HOST_BYTES;
        least + went + self.payloads_bound()
    }

    /// The payload sizes of the profile, here and in the run, those of an hour, and those of the flows that are measured.
    fn payloads_bound(&self) -> usize {
        let Some(known) = &self.payloads else {
            return 0;
        };
        let learned = (known.len() + known.roles()) * Host::CALLS;
        learned * 2 * Call::BYTES
            + Payloads::most_windows(known) * Payloads::WINDOW_BYTES
            + Shard::measured_bound(self.shard_limits())
    }

    /// What a run that learns needs for that, an upper bound in bytes.
    pub fn learning_bound(&self) -> usize {
        let measured = Shard::measured_bound(self.shard_limits());
        Learner::memory_bound(self.profile_limits(), Detail::All) + measured
    }

    /// What memory may be used for, each with an upper bound in bytes. The bound holds for any input.
    pub fn memory_bounds(&self) -> [(&'static str, usize); 9] {
        let shard = self.shard_limits();
        let heads = shard.head_bytes * usize::from(SHARDS);
        let (rings, workers) = (self.pipeline.rings.count(), self.pipeline.workers.count());
        let (workers, batches) = match rings {
            ..=1 => (workers, memory_bound(workers)),
            _ => (rings, rings::memory_bound(rings)),
        };
        // With workers, events stand on both sides of the ordered stage's door.
        let events = Shard::events_bound(shard) * (1 + workers.min(1));
        [
            ("flows", Shard::memory_bound(shard).saturating_sub(heads)),
            ("stream heads", heads),
            ("fragments", self.fragment_limits().bytes),
            (
                "findings and correlation",
                Ordered::memory_bound(self.correlation_limits()),
            ),
            ("findings that wait", self.waiting_bytes()),
            ("profiles", self.profiles_bound()),
            ("events", events),
            ("recent packets", self.packets_bound()),
            ("batches", batches),
        ]
    }
}

impl LongLivedSession {
    fn schedule(&self) -> Schedule {
        let ages = self.minutes.iter().map(|minutes| minutes.seconds() * 60);
        if self.enabled {
            Schedule::new(ages)
        } else {
            Schedule::NEVER
        }
    }
}
