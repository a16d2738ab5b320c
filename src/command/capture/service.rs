//! What the manager of a service is told: that the capture has begun, and that it goes on; sd_notify(3).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixDatagram;

use crate::time::{Span, Timestamp};

/// A service manager that wants to know, such as systemd.
pub(super) struct Manager {
    socket: UnixDatagram,
    /// How often it is told that the capture goes on, if it watches.
    every: Option<Span>,
    told: Timestamp,
}

impl Manager {
    /// The one that the environment names, if it does.
    ///
    /// # Errors
    ///
    /// If it cannot be reached.
    pub(super) fn of_environment() -> io::Result<Option<Self>> {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else {
            return Ok(None);
        };
        let socket = UnixDatagram::unbound()?;
        connect(&socket, &name)?;
        socket.set_nonblocking(true)?;
        let watches = env::var("WATCHDOG_USEC").ok();
        let micros = watches.and_then(|micros| micros.parse::<i64>().ok());
        Ok(Some(Self {
            socket,
            every: micros.map(|micros| Span::from_micros(micros / PARTS)),
            told: Timestamp::MIN,
        }))
    }

    /// Tells that frames are looked at from now on.
    pub(super) fn ready(&self) {
        self.tell("READY=1");
    }

    /// Takes that every worker goes on, and tells it now and then.
    pub(super) fn alive(&mut self, now: Timestamp) {
        // The clock may be set back.
        let is_due = |every: Span| (now - self.told).nanos().abs() >= every.nanos();
        if self.every.is_some_and(is_due) {
            self.told = now;
            self.tell("WATCHDOG=1");
        }
    }

    /// A manager that does not listen loses nothing but this.
    fn tell(&self, what: &str) {
        let _ = self.socket.send(what.as_bytes());
    }
}

/// A name that begins with `@` is in the abstract namespace of Linux.
#[cfg(target_os = "linux")]
fn connect(socket: &UnixDatagram, name: &OsStr) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr;

    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?),
        None => socket.connect(name),
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(socket: &UnixDatagram, name: &OsStr) -> io::Result<()> {
    socket.connect(name)
}

/// So many times it is told while the manager waits for it once.
const PARTS: i64 = 4;
