//! Findings to a syslog daemon, here or elsewhere. A message that cannot be sent at once is lost and counted: the sensor
//! waits for nobody.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;

use super::operator::tell;
use crate::finding::{Finding, Severity};
use crate::sink::syslog::Sender;
use crate::time::Timestamp;

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// To a daemon on this machine, such as at `/dev/log`.
    Here(PathBuf),
    /// By UDP (RFC 5426).
    Elsewhere(SocketAddr),
}

/// `/dev/log` or `192.0.2.9:514`.
impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Here(text.into()));
        }
        let address = text.parse().map_err(
            |_| "name a socket such as /dev/log, or an address and a port such as 192.0.2.9:514",
        )?;
        Ok(Self::Elsewhere(address))
    }
}

/// A connection to a syslog daemon.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: Socket,
    sender: Sender,
    from: Severity,
    sent: u32,
    lost: u64,
    is_failing: bool,
}

#[derive(Debug)]
enum Socket {
    Here(UnixDatagram, PathBuf),
    Elsewhere(UdpSocket),
}

impl Syslog {
    /// Connects with a daemon, for findings at or above a severity.
    ///
    /// # Errors
    ///
    /// If the operating system does not let it.
    pub(super) fn open(
        destination: &Destination,
        from: Severity,
        sender: Sender,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open(destination)?,
            sender,
            from,
            sent: 0,
            lost: 0,
            is_failing: false,
        })
    }

    /// Sends a finding. Tells once if that fails, and once when it works again.
    pub(super) fn send(&mut self, finding: &Finding, now: Timestamp) {
        if finding.severity < self.from {
            return;
        }
        // RFC 5424, section 7.3.1: from 1 to 2147483647, and again from 1.
        self.sent = self.sent % MOST_NUMBERS + 1;
        let message = self.sender.message(finding, self.sent, now);
        let sent = self.socket.send(message.as_bytes());
        self.lost += u64::from(sent.is_err());
        match (&sent, self.is_failing) {
            (Err(error), false) => {
                tell(format_args!(
                    "syslog cannot be reached: {error}; messages to it are lost"
                ));
            }
            (Ok(()), true) => tell(format_args!(
                "syslog can be reached again; {} messages to it were lost so far",
                self.lost
            )),
            _ => {}
        }
        self.is_failing = sent.is_err();
    }

    /// How many messages were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

impl Socket {
    fn open(destination: &Destination) -> io::Result<Self> {
        match destination {
            Destination::Here(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.connect(path)?;
                Ok(Self::Here(socket, path.clone()))
            }
            Destination::Elsewhere(address) => {
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.set_nonblocking(true)?;
                socket.connect(address)?;
                Ok(Self::Elsewhere(socket))
            }
        }
    }

    /// Sends a datagram. A daemon may have begun anew, and UDP tells of the one before, so it is tried twice.
    fn send(&self, message: &[u8]) -> io::Result<()> {
        let sent = match self {
            Self::Here(socket, path) => socket
                .send(message)
                .or_else(|_| socket.connect(path).and_then(|()| socket.send(message))),
            Self::Elsewhere(socket) => socket.send(message).or_else(|_| socket.send(message)),
        };
        sent.map(drop)
    }
}

const MOST_NUMBERS: u32 = 2_147_483_647;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Certainty;
    use crate::evidence::samples::evidence;
    use crate::finding::lifecycle::Findings;
    use crate::source::samples::Scratch;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_parts(150, 0);

    fn finding() -> Finding {
        let mut findings = Findings::new(1, 1);
        findings.add(&evidence(1, Certainty::Proven), NOW);
        findings.finish().remove(0)
    }

    fn open(destination: &str, from: Severity) -> Syslog {
        let sender = Sender::new("sensor1", 77, Sender::EXAMPLE);
        Syslog::open(&destination.parse().unwrap(), from, sender).unwrap()
    }

    #[test]
    fn findings_arrive_by_udp() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        daemon
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let address = daemon.local_addr().unwrap().to_string();
        let mut unasked = open(&address, Severity::High);
        unasked.send(&finding(), NOW);
        let mut syslog = open(&address, Severity::Medium);
        for number in 1..=2 {
            syslog.send(&finding(), NOW);
            let mut bytes = [0; 4_096];
            let length = daemon.recv(&mut bytes).unwrap();
            let expected = syslog.sender.message(&finding(), number, NOW);
            assert_eq!(std::str::from_utf8(&bytes[..length]).unwrap(), expected);
        }
        assert_eq!(syslog.lost(), 0);
    }

    #[test]
    fn a_daemon_that_begins_anew_is_found_again() {
        let scratch = Scratch::new("syslog");
        let path = scratch.file("log", b"");
        let listen = || {
            std::fs::remove_file(&path).unwrap();
            UnixDatagram::bind(&path).unwrap()
        };
        let first = listen();
        let mut syslog = open(path.to_str().unwrap(), Severity::Info);
        syslog.send(&finding(), NOW);
        assert!(first.recv(&mut [0; 4_096]).unwrap() > 100);
        drop(first);
        syslog.send(&finding(), NOW);
        assert_eq!((syslog.lost(), syslog.is_failing), (1, true));
        let second = listen();
        syslog.send(&finding(), NOW);
        assert!(second.recv(&mut [0; 4_096]).unwrap() > 100);
        assert_eq!((syslog.lost(), syslog.is_failing), (1, false));
    }

    #[test]
    fn a_destination_is_a_socket_or_an_address() {
        let cases = [
            ("/dev/log", Some(Destination::Here("/dev/log".into()))),
            (
                "192.0.2.9:514",
                Some(Destination::Elsewhere(([192, 0, 2, 9], 514).into())),
            ),
            (
                "[::1]:514",
                Some(Destination::Elsewhere((Ipv6Addr::LOCALHOST, 514).into())),
            ),
            ("loghost:514", None),
            ("192.0.2.9", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
