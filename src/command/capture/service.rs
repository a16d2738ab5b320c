//! What the manager of a service is told: that the capture has begun, and that it goes on; sd_notify(3).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::process;
use std::time::Duration;

use super::interval::Interval;

/// A service manager that wants to know, such as systemd.
pub(super) struct Manager {
    socket: UnixDatagram,
    /// How often it is told that the capture goes on, if it watches.
    watch: Option<Interval>,
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
        let [waits, watched] = ["WATCHDOG_USEC", "WATCHDOG_PID"].map(|name| env::var(name).ok());
        let waits = waited(waits.as_deref(), watched.as_deref(), process::id());
        Ok(Some(Self {
            socket,
            watch: waits.map(|waits| Interval::new(waits / PARTS)),
        }))
    }

    /// Tells that frames are looked at from now on.
    pub(super) fn ready(&self) {
        self.tell("READY=1");
    }

    /// Takes that every worker goes on, and tells it now and then.
    pub(super) fn alive(&mut self) {
        if let Some(watch) = self.watch.as_mut().filter(|watch| watch.is_over()) {
            watch.begin();
            self.tell("WATCHDOG=1");
        }
    }

    /// A manager that does not listen loses nothing but this.
    fn tell(&self, what: &str) {
        let _ = self.socket.send(what.as_bytes());
    }
}

/// How long the manager waits for a sign of life of this process, if it waits for one; sd_watchdog_enabled(3).
fn waited(micros: Option<&str>, watched: Option<&str>, process: u32) -> Option<Duration> {
    let is_watched = watched.is_none_or(|watched| watched.parse() == Ok(process));
    let micros = micros?.parse().ok().filter(|micros| *micros > 0)?;
    is_watched.then(|| Duration::from_micros(micros))
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
const PARTS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_is_watched_tells_that_it_goes_on() {
        let minute = Some(Duration::from_secs(60));
        let cases = [
            (Some("60000000"), None, minute),
            (Some("60000000"), Some("77"), minute),
            (Some("60000000"), Some("78"), None),
            (Some("60000000"), Some("me"), None),
            (Some("soon"), None, None),
            (Some("0"), None, None),
            (None, Some("77"), None),
        ];
        for (micros, watched, expected) in cases {
            let found = waited(micros, watched, 77);
            assert_eq!(found, expected, "{micros:?} {watched:?}");
        }
    }

    #[test]
    fn a_sign_of_life_is_given_when_the_interval_is_over() {
        for (length, expected) in [(Duration::ZERO, 3), (Duration::MAX, 1)] {
            let (socket, manager) = UnixDatagram::pair().unwrap();
            manager.set_nonblocking(true).unwrap();
            let watch = Some(Interval::new(length));
            let mut sensor = Manager { socket, watch };
            (0..3).for_each(|_| sensor.alive());
            let mut bytes = [0; 64];
            let told = std::iter::from_fn(|| manager.recv(&mut bytes).ok());
            assert_eq!(told.count(), expected, "{length:?}");
        }
    }
}
