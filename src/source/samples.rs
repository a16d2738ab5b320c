//! Captures made in memory, for tests.

use std::path::{Path, PathBuf};

use super::fields::ByteOrder;

/// A pcap file that grows record by record.
pub(crate) struct PcapFile {
    pub(crate) bytes: Vec<u8>,
    order: ByteOrder,
    long_headers: bool,
}

impl PcapFile {
    pub(crate) fn new(magic: u32, order: ByteOrder, network: u32) -> Self {
        let mut file = Self {
            bytes: Vec::new(),
            order,
            long_headers: magic == 0xa1b2_cd34,
        };
        file.push_u32s(&[magic]);
        file.push_u16s(&[2, 4]);
        file.push_u32s(&[0, 0, 65_535, network]);
        file
    }

    /// Little-endian, microseconds, Ethernet.
    pub(crate) fn usual() -> Self {
        Self::new(0xa1b2_c3d4, ByteOrder::Little, 1)
    }

    pub(crate) fn snaplen(mut self, snaplen: u32) -> Self {
        let bytes = in_order(self.order, snaplen.to_be_bytes());
        self.bytes[16..20].copy_from_slice(&bytes);
        self
    }

    pub(crate) fn record(
        mut self,
        seconds: u32,
        ticks: u32,
        frame: &[u8],
        wire_bytes: u32,
    ) -> Self {
        self.push_u32s(&[seconds, ticks, frame.len() as u32, wire_bytes]);
        if self.long_headers {
            self.push_u32s(&[3, 0x0800_0000]);
        }
        self.bytes.extend(frame);
        self
    }

    pub(crate) fn push_u32s(&mut self, numbers: &[u32]) {
        for number in numbers {
            self.bytes
                .extend(in_order(self.order, number.to_be_bytes()));
        }
    }

    fn push_u16s(&mut self, numbers: &[u16]) {
        for number in numbers {
            self.bytes
                .extend(in_order(self.order, number.to_be_bytes()));
        }
    }
}

/// A pcapng file that grows block by block.
pub(crate) struct PcapngFile {
    pub(crate) bytes: Vec<u8>,
    order: ByteOrder,
}

impl PcapngFile {
    /// A file with one section header.
    pub(crate) fn new(order: ByteOrder) -> Self {
        let bytes = Vec::new();
        Self { bytes, order }.section(order)
    }

    pub(crate) fn section(mut self, order: ByteOrder) -> Self {
        self.order = order;
        let magic = self.u32(0x1a2b_3c4d);
        let version = [self.u16(1), self.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[&magic[..], &version, &[0xff; 8]].concat())
    }

    pub(crate) fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = [&self.u16(link)[..], &[0, 0], &self.u32(snaplen)].concat();
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend(padded(value));
        }
        self.block(1, &body)
    }

    pub(crate) fn enhanced(
        self,
        interface: u32,
        ticks: u64,
        frame: &[u8],
        wire_bytes: u32,
    ) -> Self {
        let interface = self.u32(interface);
        let rest = self.timed(ticks, frame, wire_bytes);
        self.block(6, &[&interface[..], &rest].concat())
    }

    pub(crate) fn obsolete(
        self,
        interface: u16,
        ticks: u64,
        frame: &[u8],
        wire_bytes: u32,
    ) -> Self {
        let interface = [self.u16(interface), self.u16(9)].concat();
        let rest = self.timed(ticks, frame, wire_bytes);
        self.block(2, &[interface, rest].concat())
    }

    pub(crate) fn simple(self, frame: &[u8], wire_bytes: u32) -> Self {
        let wire_bytes = self.u32(wire_bytes);
        self.block(3, &[&wire_bytes[..], frame].concat())
    }

    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let body = padded(body);
        let length = self.u32(body.len() as u32 + 12);
        let kind = self.u32(kind);
        self.bytes
            .extend([&kind[..], &length, &body, &length].concat());
        self
    }

    fn timed(&self, ticks: u64, frame: &[u8], wire_bytes: u32) -> Vec<u8> {
        let numbers = [
            (ticks >> 32) as u32,
            ticks as u32,
            frame.len() as u32,
            wire_bytes,
        ];
        let numbers = numbers.map(|number| self.u32(number)).concat();
        [&numbers, frame].concat()
    }

    fn u16(&self, number: u16) -> [u8; 2] {
        in_order(self.order, number.to_be_bytes())
    }

    fn u32(&self, number: u32) -> [u8; 4] {
        in_order(self.order, number.to_be_bytes())
    }
}

/// A directory that is gone with the test that made it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// An empty directory; `test` names the test, so that no two share one.
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hopscope-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the directories on the way to it.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn in_order<const N: usize>(order: ByteOrder, mut bytes: [u8; N]) -> [u8; N] {
    if order == ByteOrder::Little {
        bytes.reverse();
    }
    bytes
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
