//! What must hold for any bytes at all.
//!
//! The fuzz targets in `fuzz/` look for bytes for which it does not; `tests/fuzz_corpus.rs` runs the same checks on the
//! bytes that they kept. Each check says how it reads its input, and panics where something does not hold.

mod contract;
mod datagram;
mod decode;
mod files;
mod head;

use hopscope::proto::{http, proxy_protocol, socks4, socks5, ssh, tls};

/// Looks whether everything holds for these bytes.
pub(crate) type Check = fn(&[u8]);

/// Each check by the name of its fuzz target.
pub(crate) const CHECKS: [(&str, Check); 12] = [
    ("source", files::source),
    ("decode", decode::check),
    ("head", head::check),
    ("socks5", |bytes| contract::check(socks5::parse, bytes)),
    ("socks4", |bytes| contract::check(socks4::parse, bytes)),
    ("socks_udp", datagram::socks_udp),
    ("http", |bytes| contract::check(http::parse, bytes)),
    ("proxy_protocol", |bytes| {
        contract::check(proxy_protocol::parse, bytes);
    }),
    ("tls", |bytes| contract::check(tls::parse, bytes)),
    ("ssh", |bytes| contract::check(ssh::parse, bytes)),
    ("dns", datagram::dns),
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
