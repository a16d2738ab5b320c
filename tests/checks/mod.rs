//! What must hold for any bytes at all.
//!
//! The fuzz targets in `fuzz/` look for bytes for which it does not; `tests/fuzz_corpus.rs` runs the same checks on the
//! bytes that they kept. Each check says how it reads its input, and panics where something does not hold.

mod contract;
mod dark;
mod datagram;
mod decode;
mod files;
mod head;
mod sessions;

use hopscope::proto::{
    http, http2, middle, proxy_protocol, shell, smux, socks4, socks5, websocket, yamux,
};

/// Looks whether everything holds for these bytes.
pub(crate) type Check = fn(&[u8]);

/// Each check by the name of its fuzz target.
pub(crate) const CHECKS: [(&str, Check); 20] = [
    ("source", files::source),
    ("decode", decode::check),
    ("head", head::check),
    ("socks5", |bytes| contract::check(socks5::parse, bytes)),
    ("socks4", |bytes| contract::check(socks4::parse, bytes)),
    ("http", |bytes| {
        contract::check(http::parse, bytes);
        contract::check(http::parse_exchange, bytes);
    }),
    ("http2", |bytes| contract::check(http2::parse, bytes)),
    ("websocket", |bytes| {
        contract::check(websocket::parse, bytes);
        contract::check(websocket::pick_up, bytes);
    }),
    ("proxy_protocol", |bytes| {
        contract::check(proxy_protocol::parse, bytes);
    }),
    ("tls", |bytes| {
        contract::check(sessions::tls, bytes);
        contract::check(middle::tls, bytes);
    }),
    ("ssh", |bytes| {
        contract::check(sessions::ssh, bytes);
        contract::check(middle::ssh, bytes);
    }),
    ("ssh_sizes", dark::check),
    ("smux", |bytes| contract::check(smux::parse, bytes)),
    ("yamux", |bytes| contract::check(yamux::parse, bytes)),
    ("shell", |bytes| {
        contract::check(shell::parse, bytes);
        contract::check(shell::pick_up, bytes);
        contract::check(shell::stage::parse, bytes);
    }),
    ("socks_udp", datagram::socks_udp),
    ("dns", datagram::dns),
    ("sip", datagram::sip),
    ("stun", datagram::stun),
    ("replay", files::replay),
];

/// What parts an input where its parts may have any length.
const SEPARATOR: &[u8] = b"\xff|||";

/// The parts of an input, and what is behind the last separator.
fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let whole = rest.take()?;
        let found = whole
            .windows(SEPARATOR.len())
            .position(|window| window == SEPARATOR);
        let Some(end) = found else {
            return Some(whole);
        };
        rest = whole.get(end + SEPARATOR.len()..);
        whole.get(..end)
    })
}
