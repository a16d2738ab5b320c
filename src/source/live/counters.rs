//! What the kernel counts for an interface.

use pcap::{Active, Capture};

/// The counters, and how far they were when they were read last.
pub(super) struct Counters(of_the_system::Counters);

/// What was counted since it was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    /// Frames that passed the filter, also those that were dropped.
    pub(super) passed: u64,
    /// Frames for which there was no room.
    pub(super) dropped: u64,
    /// How often there was none, where the system says.
    pub(super) freezes: u64,
}

impl Counters {
    pub(super) fn new(interface: &str) -> Self {
        Self(of_the_system::Counters::new(interface))
    }

    /// What was counted behind the filter; nothing where the system does not say.
    pub(super) fn take(&mut self, handle: &mut Capture<Active>) -> Option<Counted> {
        self.0.take(handle)
    }

    /// Frames that the interface or its driver dropped.
    pub(super) fn take_errors(&mut self, handle: &mut Capture<Active>) -> u64 {
        self.0.take_errors(handle)
    }
}

/// libpcap asks Linux for the same, and forgets how often a ring was full.
#[cfg(target_os = "linux")]
mod of_the_system {
    use std::fs;
    use std::os::fd::AsFd;
    use std::path::{Path, PathBuf};

    use pcap::{Active, Capture};

    use super::Counted;
    use crate::source::live::fanout;

    pub(in crate::source::live) struct Counters {
        statistics: PathBuf,
        errors: u64,
    }

    impl Counters {
        pub(super) fn new(interface: &str) -> Self {
            let statistics = Path::new("/sys/class/net")
                .join(interface)
                .join("statistics");
            let mut counters = Self {
                statistics,
                errors: 0,
            };
            counters.errors = counters.errors_so_far();
            counters
        }

        pub(super) fn take(&mut self, handle: &mut Capture<Active>) -> Option<Counted> {
            let counted = fanout::Counted::take(handle.as_fd()).ok()?;
            Some(Counted {
                passed: counted.passed.into(),
                dropped: counted.dropped.into(),
                freezes: counted.freezes.into(),
            })
        }

        pub(super) fn take_errors(&mut self, _: &mut Capture<Active>) -> u64 {
            let errors = self.errors_so_far();
            let before = std::mem::replace(&mut self.errors, errors);
            errors.saturating_sub(before)
        }

        fn errors_so_far(&self) -> u64 {
            let read = |name: &&str| fs::read_to_string(self.statistics.join(name)).ok();
            let numbers = ERRORS.iter().filter_map(read);
            numbers
                .filter_map(|text| text.trim().parse::<u64>().ok())
                .sum()
        }
    }

    const ERRORS: [&str; 2] = ["rx_missed_errors", "rx_fifo_errors"];
}

#[cfg(not(target_os = "linux"))]
mod of_the_system {
    use pcap::{Active, Capture, Stat};

    use super::Counted;

    pub(in crate::source::live) struct Counters {
        /// They wrap around.
        counted: [u32; 3],
    }

    impl Counters {
        pub(super) fn new(_: &str) -> Self {
            Self { counted: [0; 3] }
        }

        pub(super) fn take(&mut self, handle: &mut Capture<Active>) -> Option<Counted> {
            let Stat {
                received, dropped, ..
            } = handle.stats().ok()?;
            let [passed_before, dropped_before, _] = self.counted;
            [self.counted[0], self.counted[1]] = [received, dropped];
            Some(Counted {
                passed: received.wrapping_sub(passed_before).into(),
                dropped: dropped.wrapping_sub(dropped_before).into(),
                freezes: 0,
            })
        }

        pub(super) fn take_errors(&mut self, handle: &mut Capture<Active>) -> u64 {
            let Ok(Stat { if_dropped, .. }) = handle.stats() else {
                return 0;
            };
            let [.., before] = self.counted;
            self.counted[2] = if_dropped;
            if_dropped.wrapping_sub(before).into()
        }
    }
}
