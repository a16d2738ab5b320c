//! A network of its own: a namespace with pairs of interfaces, gone with the test that made it.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use hopscope::source::{Captures, Inputs};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A namespace. What is sent into `hs0` comes out of `hs1`, and what is sent into `hs2` out of `hs3`.
pub(crate) struct Network {
    name: String,
    /// Whether the kernel may not add packets of its own.
    pub(crate) is_silent: bool,
}

impl Network {
    /// A network, or nothing where this machine cannot make one, which is told.
    pub(crate) fn make(test: &str) -> Option<Self> {
        let name = format!("hopscope-{}-{test}", std::process::id());
        if !ip(&["netns", "add", &name]) {
            println!("SKIPPED: {test} needs root and iproute2");
            return None;
        }
        let mut network = Self {
            name,
            is_silent: false,
        };
        network.is_silent = network.sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
        for (one, other) in [("hs0", "hs1"), ("hs2", "hs3")] {
            network.ip(&["link", "add", one, "type", "veth", "peer", "name", other]);
            for end in [one, other] {
                network.ip(&["link", "set", end, "mtu", "9000", "up"]);
            }
        }
        Some(network)
    }

    /// Runs `ip` in it.
    pub(crate) fn ip(&self, arguments: &[&str]) {
        let inside = [&["-n", &self.name], arguments].concat();
        assert!(ip(&inside), "ip {}", inside.join(" "));
    }

    /// A command that runs in it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .stdin(Stdio::null());
        command
    }

    fn sh(&self, script: &str) -> bool {
        let mut command = self.command("sh");
        command.args(["-c", script]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Sends the frames of a capture in their order, each into the interface that `choose` names.
    pub(crate) fn send(&self, capture: &Path, choose: fn(&[u8]) -> &'static str) -> u64 {
        let mut captures = Captures::open(Inputs::collect(&[capture.into()]).unwrap()).unwrap();
        self.inside(move || {
            let open = |name: &str| pcap::Capture::from_device(name).unwrap().open().unwrap();
            let mut ends = ["hs0", "hs2"].map(|name| (name, open(name)));
            let mut sent = 0;
            while let Some(frame) = captures.next_frame().unwrap() {
                let name = choose(frame.bytes);
                let (_, end) = ends.iter_mut().find(|(end, _)| *end == name).unwrap();
                end.sendpacket(frame.bytes).unwrap();
                sent += 1;
            }
            sent
        })
    }

    /// Does something in it.
    pub(crate) fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(PathBuf::from("/run/netns").join(&self.name)).unwrap();
        // A thread of its own, because it cannot come back out of the namespace.
        let worker = thread::spawn(move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).unwrap();
            work()
        });
        worker.join().unwrap()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    let mut command = Command::new("ip");
    command.args(arguments).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
