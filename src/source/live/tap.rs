//! One network interface: the handle of libpcap, and the frames that were taken from it.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::{fs, io};

use pcap::{Active, Capture, Device, Packet, PacketHeader, Precision};

use super::Listen;
use super::counters::{Counted, Counters};
use crate::source::account::InterfaceAccount;
use crate::source::error::SourceError;
use crate::source::{Frame, LinkType};
use crate::time::Timestamp;

/// An interface that is listened to.
///
/// Frames are copied out of the kernel's buffer a few at a time, so that it is free again before they are looked at.
pub(super) struct Tap {
    name: String,
    is_loopback: bool,
    handle: Capture<Active>,
    link: LinkType,
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// How many of the records were handed out.
    handed_out: usize,
    counters: Counters,
    /// Frames of an earlier time are passed over.
    from: Timestamp,
    /// How many were, since this was last counted.
    passed_over: u64,
    /// Whether the last attempt to read failed.
    is_out: bool,
    /// Whether it was down when it was last looked at.
    is_down: bool,
}

/// Where a frame lies among the bytes that were taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) time: Timestamp,
    start: usize,
    end: usize,
    wire_bytes: u32,
}

/// How reading went.
pub(super) enum Reading {
    /// As it should; perhaps there is nothing.
    Well,
    /// It fails, as it did before.
    StillOut,
    /// It fails since now: why.
    Out(String),
    /// It works again.
    Back,
}

impl Tap {
    /// Listens to an interface.
    pub(super) fn open(name: &str, listen: &Listen) -> Result<Self, SourceError> {
        let handle = open(name, listen).map_err(|error| refusal(name, &error))?;
        let mut handle = handle
            .setnonblock()
            .map_err(|error| refusal(name, &error))?;
        if let Some(filter) = &listen.filter {
            handle
                .filter(filter, true)
                .map_err(|error| SourceError::Filter {
                    name: name.to_owned(),
                    filter: filter.clone(),
                    cause: said(&error),
                })?;
        }
        let is_loopback = is_loopback(name);
        if is_loopback {
            leave_out_copies(&handle);
        }
        Ok(Self {
            name: name.to_owned(),
            is_loopback,
            link: link_of(&handle),
            handle,
            bytes: Vec::new(),
            records: Vec::new(),
            handed_out: 0,
            counters: Counters::new(name),
            from: Timestamp::MIN,
            passed_over: 0,
            is_out: false,
            is_down: false,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether all that goes out of it comes in again.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The frame whose turn it is.
    pub(super) fn next(&self) -> Option<&Record> {
        self.records.get(self.handed_out)
    }

    /// Hands that frame out.
    pub(super) fn step(&mut self) {
        self.handed_out += 1;
    }

    pub(super) fn frame(&self, record: &Record) -> Frame<'_> {
        Frame {
            time: record.time,
            link: self.link,
            bytes: self.bytes.get(record.start..record.end).unwrap_or_default(),
            wire_bytes: record.wire_bytes,
        }
    }

    /// Takes what the kernel has, up to a few, if every frame was handed out.
    pub(super) fn refill(&mut self) -> Reading {
        if self.next().is_some() {
            return Reading::Well;
        }
        let Self {
            handle,
            bytes,
            records,
            from,
            passed_over,
            ..
        } = self;
        bytes.clear();
        records.clear();
        self.handed_out = 0;
        let taken = handle.dispatch(Some(AT_MOST), |packet| {
            if time_of(packet.header) < *from {
                *passed_over += 1;
            } else {
                keep(&packet, bytes, records);
            }
        });
        let was_out = std::mem::replace(&mut self.is_out, taken.is_err());
        match (taken, was_out) {
            (Ok(_), false) => Reading::Well,
            (Ok(_), true) => Reading::Back,
            (Err(_), true) => Reading::StillOut,
            (Err(error), false) => Reading::Out(said(&error)),
        }
    }

    /// Whether the last attempt to read failed.
    pub(super) fn is_out(&self) -> bool {
        self.is_out
    }

    /// Whether the interface is there, up or down.
    pub(super) fn is_there(&self) -> bool {
        self.name == ALL || self.folder().exists()
    }

    /// Looks whether the interface is up, as libpcap says nothing when it goes down.
    pub(super) fn look(&mut self) -> Reading {
        let carrier = fs::read_to_string(self.folder().join("carrier"));
        let is_down = match carrier {
            Ok(carrier) => carrier.starts_with('0'),
            // A carrier is read of an interface that is up. What is no interface has none.
            Err(error) => error.kind() == io::ErrorKind::InvalidInput,
        };
        match (std::mem::replace(&mut self.is_down, is_down), is_down) {
            (false, true) => Reading::Out("it is down".to_owned()),
            (true, false) => Reading::Back,
            _ => Reading::Well,
        }
    }

    /// Where Linux tells of it. libpcap would open a socket to ask, which a sensor that gave up its rights may not.
    fn folder(&self) -> PathBuf {
        folder_of(&self.name)
    }

    /// Passes over the frames of an earlier time.
    pub(super) fn begin(&mut self, from: Timestamp) {
        self.from = from;
    }

    /// Adds what the kernel counted since this was last asked.
    pub(super) fn count(&mut self, account: &mut InterfaceAccount) {
        let Some(Counted {
            passed,
            dropped,
            freezes,
        }) = self.counters.take(&mut self.handle)
        else {
            return;
        };
        // Whatever was taken out of the ring was counted before.
        let begun_before = std::mem::take(&mut self.passed_over);
        account.passed = (account.passed + passed).saturating_sub(begun_before);
        account.dropped += dropped;
        account.freezes += freezes;
    }

    /// Adds what the interface dropped since this was last asked.
    pub(super) fn count_errors(&mut self, account: &mut InterfaceAccount) {
        account.dropped_before += self.counters.take_errors(&mut self.handle);
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

fn open(name: &str, listen: &Listen) -> Result<Capture<Active>, pcap::Error> {
    // There libpcap refuses to be promiscuous.
    let promiscuous = listen.promiscuous && name != ALL;
    Capture::from_device(name)?
        .precision(Precision::Nano)
        .promisc(promiscuous)
        .snaplen(listen.snaplen)
        .buffer_size(listen.buffer_bytes)
        .timeout(super::PATIENCE_MILLIS)
        .open()
}

fn is_loopback(name: &str) -> bool {
    let kind = fs::read_to_string(folder_of(name).join("type"));
    kind.is_ok_and(|kind| kind.trim() == LOOPBACK)
}

fn folder_of(name: &str) -> PathBuf {
    Path::new("/sys/class/net").join(name)
}

/// An old kernel cannot, and counts them as unread.
#[cfg(target_os = "linux")]
fn leave_out_copies(handle: &Capture<Active>) {
    let _ = super::fanout::leave_out_outgoing(handle.as_fd());
}

#[cfg(not(target_os = "linux"))]
fn leave_out_copies(_: &Capture<Active>) {}

fn keep(packet: &Packet<'_>, bytes: &mut Vec<u8>, records: &mut Vec<Record>) {
    let start = bytes.len();
    bytes.extend_from_slice(packet.data);
    records.push(Record {
        time: time_of(packet.header),
        start,
        end: bytes.len(),
        wire_bytes: packet.header.len,
    });
}

/// The handle was told to count nanoseconds where libpcap names microseconds.
fn time_of(header: &PacketHeader) -> Timestamp {
    let nanos = u32::try_from(header.ts.tv_usec).unwrap_or_default();
    Timestamp::from_parts(header.ts.tv_sec, nanos)
}

/// libpcap's number of a link type is that of the file format, but for raw IP, of which both are decoded.
fn link_of(handle: &Capture<Active>) -> LinkType {
    LinkType(u16::try_from(handle.get_datalink().0).unwrap_or(u16::MAX))
}

fn refusal(name: &str, error: &pcap::Error) -> SourceError {
    let (name, cause, there) = (name.to_owned(), said(error), interfaces());
    let is_forbidden = ["ermission", "not permitted"]
        .iter()
        .any(|word| cause.contains(word));
    if !there.is_empty() && !there.contains(&name) {
        let there = there.join(", ");
        SourceError::NoInterface { name, there }
    } else if is_forbidden {
        SourceError::NotPermitted { name }
    } else {
        SourceError::Interface { name, cause }
    }
}

/// What libpcap can listen to, without what is no network.
fn interfaces() -> Vec<String> {
    let there = Device::list().unwrap_or_default();
    let names = there.into_iter().map(|device| device.name);
    let is_network = |name: &String| !NO_NETWORKS.iter().any(|other| name.starts_with(other));
    names.filter(is_network).collect()
}

/// What libpcap says, without the name of the crate before it.
fn said(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(said) => said.clone(),
        other => other.to_string(),
    }
}

const NO_NETWORKS: [&str; 5] = ["bluetooth", "dbus-", "nflog", "nfqueue", "usbmon"];

/// What stands for all interfaces together.
const ALL: &str = "any";

/// `ARPHRD_LOOPBACK` of `linux/if_arp.h`.
const LOOPBACK: &str = "772";

/// How many frames are taken at once.
const AT_MOST: usize = 256;
