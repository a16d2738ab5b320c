//! Reading an SSH session behind its key exchange: by sizes, directions and order alone.
//!
//! The lengths of what is encrypted follow from what is said ([`message`]) and from the
//! algorithms that both sides agreed on in the clear ([`Framing`]). Nothing is kept but counters and the last few sizes,
//! and nothing is compared with any other session.

mod auth;
mod channels;
mod cycles;
mod header;
mod opening;
mod requests;
mod sealed;
mod stream;
#[cfg(test)]
mod tests;

use arrayvec::ArrayVec;

use crate::facts::ssh::{Authentication, SshConduct, SshCounts, SshGreeting, Wrapping};
use crate::proto::Side;
use crate::proto::ssh::Ssh;
use crate::proto::ssh::framing::Framing;
use crate::proto::ssh::kexinit::{BothWays, Kexinit};
use crate::proto::ssh::message;
use crate::time::Timestamp;
use auth::Auth;
use channels::Channels;
pub use cycles::Life;
pub use requests::Request;
use sealed::{Found, Suspicion, Verdict};
pub use stream::NewPayload;
use stream::{Seen, Stream, Wrote};

/// One SSH session that goes dark.
#[derive(Debug)]
pub struct Reader {
    greeting: SshGreeting,
    counts: SshCounts,
    /// What of the counts says how the session is used, when that was last asked.
    last: [bool; TELLING],
    /// The counts when evidence was given last.
    told: Option<SshCounts>,
    /// The side of the flow that acts as the SSH client.
    client: Side,
    /// Both sides put an empty `SSH_MSG_IGNORE` before what they write.
    ignores: bool,
    /// What the session stands in.
    wrapping: Option<Wrapping>,
    streams: [Stream; 2],
    stage: Stage,
}

/// What one side wrote at once: one packet, or several that cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Write {
    /// The side that wrote it, as the SSH session sees it.
    by: Side,
    bytes: u32,
    time: Timestamp,
}

#[derive(Debug)]
enum Stage {
    /// The keys are being exchanged, in the clear.
    Clear {
        agreed: Agreed,
        /// What they agreed on where the side that was called acts as the client.
        if_swapped: Agreed,
    },
    /// The client proves who it is.
    Auth(Auth),
    /// Channels may be opened.
    Open(Box<Channels>),
    /// Sizes tell nothing: what is said is compressed, or framed in a way that is not known.
    Dark,
    /// There may be SSH inside TLS.
    Suspected(Box<Suspicion>),
    /// It was taken for SSH, and is none.
    Foreign,
}

/// What two offers come to.
#[derive(Clone, Copy, Debug)]
enum Agreed {
    /// Packets are framed so.
    On(BothWays<Framing>),
    /// The offers were not seen.
    Unseen,
    /// What is said is compressed, or framed in a way that is not known.
    Unread,
}

impl Reader {
    /// A session from its first bytes on.
    pub fn beginning() -> Self {
        Self::clear([Stream::beginning(), Stream::beginning()])
    }

    /// A session of which `ssh` was read in the clear, up to these offsets of the opener's and the called side's bytes.
    pub fn behind(ssh: &Ssh, ends: (usize, usize)) -> Self {
        let mut reader = Self::clear([Stream::clear(ends.0), Stream::clear(ends.1)]);
        reader.learn(ssh);
        reader
    }

    fn clear(streams: [Stream; 2]) -> Self {
        Self {
            greeting: SshGreeting::default(),
            counts: SshCounts::default(),
            last: [false; TELLING],
            told: None,
            client: Side::Client,
            ignores: false,
            wrapping: None,
            streams,
            stage: Stage::Clear {
                agreed: Agreed::Unseen,
                if_swapped: Agreed::Unseen,
            },
        }
    }

    /// What may be a session inside TLS, whose records add so many bytes and are encrypted from these offsets on.
    pub fn suspecting(ends: (usize, usize), added: u32) -> Self {
        let (client, server) = (Stream::sealed(ends.0, added), Stream::sealed(ends.1, added));
        Self {
            stage: Stage::Suspected(Box::default()),
            ..Self::clear([client, server])
        }
    }

    /// Takes what both sides said in the clear, with the side that was called as the server.
    pub fn learn(&mut self, ssh: &Ssh) {
        let (client, server) = (ssh.client_offer.as_ref(), ssh.server_offer.as_ref());
        let on = Agreed::of(client, server);
        let otherwise = Agreed::of(server, client);
        self.greeting = greeting_of(ssh);
        if self.counts.swapped {
            std::mem::swap(&mut self.greeting.client, &mut self.greeting.server);
        }
        let Stage::Clear { agreed, if_swapped } = &mut self.stage else {
            return;
        };
        (*agreed, *if_swapped) = match self.client {
            Side::Client => (on, otherwise),
            Side::Server => (otherwise, on),
        };
        self.agree();
    }

    /// A session that is picked up in its middle and called at a port of SSH. Nothing of its algorithms is known.
    pub fn midstream() -> Self {
        let framing = BothWays {
            to_server: Framing::CHACHA,
            to_client: Framing::CHACHA,
        };
        Self {
            greeting: SshGreeting::default(),
            counts: SshCounts {
                midstream: true,
                ..SshCounts::default()
            },
            last: [false; TELLING],
            told: None,
            client: Side::Client,
            ignores: false,
            wrapping: None,
            streams: [Stream::dark(), Stream::dark()],
            stage: Stage::Open(Box::new(Channels::midstream(framing))),
        }
    }

    /// Takes a payload with bytes that are new.
    pub fn take(&mut self, payload: &NewPayload<'_>) {
        let from = payload.piece.from;
        if let Some(write) = self.stream(from.other()).pause() {
            self.wrote(from.other(), write);
        }
        let mut step = 0;
        while let Some(seen) = self.stream(from).next(payload, &mut step) {
            match seen {
                Seen::FirstMessage => self.meet_client(from),
                Seen::NewKeys => self.take_keys(from),
                Seen::Wrote(write) => self.wrote(from, write),
                Seen::Gap => self.miss(),
                Seen::Nothing => {}
            }
        }
    }

    /// Takes what is still open: the flow is over, or asked about.
    pub fn flush(&mut self) {
        for side in [Side::Client, Side::Server] {
            if let Some(write) = self.stream(side).pause() {
                self.wrote(side, write);
            }
        }
        if let Stage::Open(channels) = &mut self.stage {
            channels.conclude(&mut self.counts);
        }
    }

    /// What is known now, where it says more of how the session is used than when it was last asked.
    pub fn news(&mut self) -> Option<SshConduct> {
        let tells = tells(&self.counts);
        if tells == self.last {
            return None;
        }
        self.last = tells;
        Some(self.conduct())
    }

    /// The connections that were asked for and opened since this was last asked, with the sides of the flow; none as long
    /// as nothing says that connections are forwarded.
    pub fn requests(&mut self) -> impl Iterator<Item = Request> {
        let client = self.client;
        let forwards = self.counts.forwards();
        let confirmed = match &mut self.stage {
            Stage::Open(channels) if forwards => channels.requests(),
            _ => ArrayVec::new(),
        };
        confirmed.into_iter().map(move |request| Request {
            by: match request.by {
                Side::Client => client,
                Side::Server => client.other(),
            },
            ..request
        })
    }

    /// The connections that were over since this was last asked, with the sides of the flow; none as long as nothing says
    /// that connections are forwarded.
    pub fn lives(&mut self) -> impl Iterator<Item = Life> {
        let (client, forwards) = (self.client, self.counts.forwards());
        let lives = match &mut self.stage {
            Stage::Open(channels) => Some(channels.lives()),
            _ => None,
        };
        let lives = lives.into_iter().flatten().filter(move |_| forwards);
        lives.map(move |life| Life {
            by: match life.by {
                Side::Client => client,
                Side::Server => client.other(),
            },
            ..life
        })
    }

    /// What is known now, where evidence was given of less.
    pub fn rest(&self) -> Option<SshConduct> {
        let is_more = self.told.is_some_and(|told| told != self.counts);
        is_more.then(|| self.conduct())
    }

    /// What is known now.
    pub fn conduct(&self) -> SshConduct {
        SshConduct {
            greeting: self.greeting.clone(),
            counts: self.counts,
            told: self.told,
        }
    }

    /// Notes that evidence was given of what is known now.
    pub fn told(&mut self) {
        self.told = Some(self.counts);
    }

    /// Whether it was taken for a session and turned out to be none.
    pub fn is_foreign(&self) -> bool {
        matches!(self.stage, Stage::Foreign)
    }

    /// The client speaks first behind the offers (RFC 4253, section 8; RFC 4419, section 3).
    fn meet_client(&mut self, from: Side) {
        let Stage::Clear { agreed, if_swapped } = &mut self.stage else {
            return;
        };
        if from != self.client {
            *agreed = *if_swapped;
            self.client = from;
            self.counts.swapped = true;
            std::mem::swap(&mut self.greeting.client, &mut self.greeting.server);
        }
        self.agree();
    }

    fn agree(&mut self) {
        let pads = |software: &Option<String>| {
            let software = software.as_deref();
            software.is_some_and(|name| name.starts_with("SSH-2.0-dropbear"))
        };
        let greeting = &self.greeting;
        let (client_pads, server_pads) = (pads(&greeting.client), pads(&greeting.server));
        if let Stage::Clear {
            agreed: Agreed::On(framing),
            ..
        } = &mut self.stage
        {
            let roomy =
                |framing: Framing, is_roomy| if is_roomy { framing.roomy() } else { framing };
            framing.to_server = roomy(framing.to_server, client_pads);
            framing.to_client = roomy(framing.to_client, server_pads);
            let (framing, client) = (*framing, self.client);
            self.stream(client).frame(framing.to_server);
            self.stream(client.other()).frame(framing.to_client);
        }
    }

    fn take_keys(&mut self, from: Side) {
        let Stage::Clear { agreed, .. } = &self.stage else {
            return;
        };
        if from == self.client {
            self.stage = match *agreed {
                Agreed::On(framing) => Stage::Auth(Auth::new(Some(framing))),
                Agreed::Unseen => Stage::Auth(Auth::new(None)),
                Agreed::Unread => Stage::Dark,
            };
        }
    }

    fn wrote(&mut self, from: Side, wrote: Wrote) {
        let time = wrote.time;
        let Some(bytes) = self.content(from, wrote.bytes) else {
            return;
        };
        let by = if from == self.client {
            Side::Client
        } else {
            Side::Server
        };
        let write = Write { by, bytes, time };
        if self.is_padding(by, bytes) {
            return;
        }
        match &mut self.stage {
            Stage::Clear { .. } | Stage::Dark | Stage::Foreign => {}
            Stage::Suspected(suspicion) => match suspicion.take(from, bytes) {
                Verdict::Open => {}
                Verdict::Foreign => self.stage = Stage::Foreign,
                Verdict::Ssh(found) => self.recognise(found, time),
            },
            Stage::Auth(_) => {
                let server = self.client.other();
                if by == Side::Client && self.stream(server).is_clear() {
                    self.stream(server).go_dark();
                }
                self.authenticate(write);
            }
            Stage::Open(channels) => {
                count(&mut self.counts, write);
                if !channels.take(write, &mut self.counts) {
                    self.stage = Stage::Foreign;
                }
            }
        }
    }

    /// What a side wrote, without what it stands in.
    fn content(&self, from: Side, bytes: u32) -> Option<u32> {
        match self.wrapping {
            Some(wrapping) => sealed::content(wrapping, from, bytes),
            None => Some(bytes),
        }
    }

    /// Goes on with a session inside TLS, in which a client has asked to prove who it is and may do so.
    fn recognise(&mut self, found: Found, time: Timestamp) {
        let framing = BothWays {
            to_server: found.framing,
            to_client: found.framing,
        };
        self.client = found.client;
        self.ignores = found.ignores;
        self.wrapping = Some(found.wrapping);
        let service = found.framing.packet(message::SERVICE);
        let mut auth = Auth::guessed(framing);
        let said = [
            (Side::Client, Some(service)),
            (Side::Server, Some(service)),
            (Side::Client, found.asked),
        ];
        for (by, bytes) in said {
            let write = bytes.map(|bytes| Write { by, bytes, time });
            write.map(|write| auth.take(write, &mut self.counts));
        }
        self.stage = Stage::Auth(auth);
    }

    /// AsyncSSH puts an empty `SSH_MSG_IGNORE` before what it writes.
    fn is_padding(&self, by: Side, bytes: u32) -> bool {
        self.ignores(by)
            && self
                .stage
                .framing(by)
                .is_some_and(|framing| framing.packet(message::NUMBERED) == bytes)
    }

    fn ignores(&self, by: Side) -> bool {
        let software = match by {
            Side::Client => &self.greeting.client,
            Side::Server => &self.greeting.server,
        };
        let is_async = |name: &String| name.contains("AsyncSSH");
        self.ignores || software.as_ref().is_some_and(is_async)
    }

    fn authenticate(&mut self, write: Write) {
        let Stage::Auth(auth) = &mut self.stage else {
            return;
        };
        let accepted = auth.take(write, &mut self.counts);
        let (Some(accepted), Some(framing)) = (accepted, auth.framing()) else {
            return;
        };
        self.counts.authentication = Authentication::Accepted;
        self.counts.wrapping = self.wrapping;
        self.counts.swapped |= self.wrapping.is_some() && self.client == Side::Server;
        let mut channels = Channels::new(framing, write.time);
        if accepted == auth::Accepted::Before {
            count(&mut self.counts, write);
            channels.take(write, &mut self.counts);
        }
        self.stage = Stage::Open(Box::new(channels));
    }

    fn miss(&mut self) {
        match &mut self.stage {
            Stage::Open(channels) => channels.miss(),
            Stage::Suspected(_) => self.stage = Stage::Foreign,
            Stage::Clear { .. } | Stage::Auth(_) | Stage::Dark | Stage::Foreign => {}
        }
    }

    fn stream(&mut self, side: Side) -> &mut Stream {
        let [client, server] = &mut self.streams;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// An upper bound of the bytes of memory that one needs.
    pub const MOST_BYTES: usize = size_of::<Self>() + size_of::<Channels>() + 4 * 256;
}

impl Stage {
    /// How a side frames its packets, once channels may be opened.
    fn framing(&self, by: Side) -> Option<Framing> {
        match self {
            Self::Open(channels) => Some(channels.framing(by)),
            Self::Clear { .. }
            | Self::Auth(_)
            | Self::Dark
            | Self::Suspected(_)
            | Self::Foreign => None,
        }
    }
}

impl Agreed {
    fn of(client: Option<&Kexinit>, server: Option<&Kexinit>) -> Self {
        let (Some(client), Some(server)) = (client, server) else {
            return Self::Unseen;
        };
        let offers = client.negotiate(server);
        let plain = offers.filter(|offers| {
            let methods = offers.compression;
            methods.to_server == "none" && methods.to_client == "none"
        });
        let framing = plain.as_ref().and_then(Framing::negotiated);
        framing.map_or(Self::Unread, Self::On)
    }
}

fn count(counts: &mut SshCounts, write: Write) {
    let bytes = match write.by {
        Side::Client => &mut counts.client_bytes,
        Side::Server => &mut counts.server_bytes,
    };
    *bytes = bytes.saturating_add(write.bytes.into());
}

/// What of the counts says how the session is used.
fn tells(counts: &SshCounts) -> [bool; TELLING] {
    [
        counts.wrapping.is_some(),
        counts.swapped,
        counts.direct > 0,
        counts.direct_sizes > 1,
        counts.jump,
        counts.listens > 0,
        counts.reverse > 0,
        counts.tun,
        counts.nested,
    ]
}

fn greeting_of(ssh: &Ssh) -> SshGreeting {
    let offers = ssh.negotiated();
    let cipher = offers.map(|offers| match offers.mac.to_server {
        Some(mac) => format!("{} {mac}", offers.cipher.to_server),
        None => offers.cipher.to_server.to_owned(),
    });
    SshGreeting {
        client: ssh.client_banner.clone(),
        server: ssh.server_banner.clone(),
        cipher,
        hassh: ssh.hassh(),
    }
}

const TELLING: usize = 9;
