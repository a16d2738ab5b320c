//! Segments made up for tests.

use super::{Address, Endpoint, Label, Segment, TcpHeader, Transport};

/// A datagram from one `address:port` to another.
pub(crate) fn udp<'a>(from: &str, to: &str, payload: &'a [u8]) -> Segment<'a> {
    Segment {
        source: endpoint(from),
        destination: endpoint(to),
        transport: Transport::UDP,
        tcp: None,
        icmp: None,
        payload,
        payload_bytes: payload.len() as u32,
        copy_digest: 0,
        copy_telling: false,
        label: Label::default(),
        fragmented: false,
    }
}

/// A segment of TCP with these flags and sequence number.
pub(crate) fn tcp<'a>(
    from: &str,
    to: &str,
    flags: u8,
    sequence: u32,
    payload: &'a [u8],
) -> Segment<'a> {
    Segment {
        transport: Transport::TCP,
        tcp: Some(TcpHeader {
            sequence,
            acknowledgement: 0,
            flags,
            window: 512,
        }),
        ..udp(from, to, payload)
    }
}

/// `10.0.0.1:1080`
pub(crate) fn endpoint(text: &str) -> Endpoint {
    let socket: std::net::SocketAddr = text.parse().unwrap();
    Endpoint {
        address: Address::from(socket.ip()),
        port: socket.port(),
    }
}
