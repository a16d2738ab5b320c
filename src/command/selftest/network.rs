//! A network of its own: a namespace that this process enters, with a pair of interfaces, gone with it.

use std::io;
use std::process::{Command, Stdio};

/// The network. What is sent into one end comes out of the other.
pub(super) struct Network {
    sends: pcap::Capture<pcap::Active>,
}

impl Network {
    /// Enters a namespace and makes the pair there. As no other user than root, one in which this user may.
    pub(super) fn make() -> Result<Self, String> {
        enter()?;
        ip(&[
            "link", "add", SENDS, "type", "veth", "peer", "name", LISTENS,
        ])?;
        for end in [SENDS, LISTENS] {
            ip(&["link", "set", end, "mtu", "9000", "up"])?;
        }
        let device = pcap::Capture::from_device(SENDS).and_then(|device| device.open());
        let sends = device.map_err(|error| error.to_string())?;
        Ok(Self { sends })
    }

    /// The end to listen to.
    pub(super) fn listens(&self) -> &'static str {
        LISTENS
    }

    /// Sends the frames of a recorded session in their order. Says how many.
    pub(super) fn send(&mut self, capture: &[u8]) -> io::Result<usize> {
        let frames = frames(capture);
        for frame in &frames {
            self.sends.sendpacket(*frame).map_err(io::Error::other)?;
        }
        Ok(frames.len())
    }
}

#[cfg(target_os = "linux")]
fn enter() -> Result<(), String> {
    use nix::sched::{CloneFlags, unshare};
    use nix::unistd::{Gid, Uid};
    let (user, group) = (Uid::effective(), Gid::effective());
    let refusal = |error: nix::Error| format!("{error}: {ADVICE}");
    if user.is_root() {
        return unshare(CloneFlags::CLONE_NEWNET).map_err(refusal);
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(refusal)?;
    // user_namespaces(7): who maps his own group may not change groups.
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ] {
        let path = std::path::Path::new("/proc/self").join(file);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
const ADVICE: &str = "run it as root, or let users make namespaces (sysctl kernel.unprivileged_userns_clone=1, \
     kernel.apparmor_restrict_unprivileged_userns=0)";

#[cfg(not(target_os = "linux"))]
fn enter() -> Result<(), String> {
    Err("there are namespaces on Linux only".to_owned())
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("ip");
    command.args(arguments).stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| format!("ip cannot be run ({error}): install iproute2"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), said.trim()))
}

/// The frames of a pcap in the byte order of the test data, which is little-endian.
fn frames(capture: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    let mut rest = capture.get(FILE_HEADER..).unwrap_or_default();
    while let Some((header, behind)) = rest.split_first_chunk::<RECORD_HEADER>() {
        let [.., a, b, c, d, _, _, _, _] = *header;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some((frame, behind)) = behind.split_at_checked(length) else {
            break;
        };
        frames.push(frame);
        rest = behind;
    }
    frames
}

const SENDS: &str = "hopscope-send";
const LISTENS: &str = "hopscope-see";
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_session_is_cut_into_frames() {
        let record = |bytes: &[u8]| {
            let length = (bytes.len() as u32).to_le_bytes();
            [&[0; 8][..], &length, &[9; 4], bytes].concat()
        };
        let capture = [vec![0; FILE_HEADER], record(b"one"), record(b"three")].concat();
        assert_eq!(frames(&capture), [&b"one"[..], b"three"]);
        assert_eq!(frames(&capture[..capture.len() - 1]), [b"one"]);
        assert!(frames(&capture[..20]).is_empty());
    }
}
