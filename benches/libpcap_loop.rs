//! The floor to measure against: libpcap's `pcap_next_ex` over a capture, counting frames and bytes and nothing else.
//!
//! `cargo bench --bench libpcap_loop -- CAPTURE`; `benches/compare.py` runs it beside hopscope.

fn main() {
    let Some(path) = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"))
    else {
        println!("usage: cargo bench --bench libpcap_loop -- CAPTURE");
        return;
    };
    let mut capture = match pcap::Capture::from_file(&path) {
        Ok(capture) => capture,
        Err(error) => return println!("{path}: {error}"),
    };
    let (mut frames, mut bytes) = (0u64, 0u64);
    while let Ok(packet) = capture.next_packet() {
        frames += 1;
        bytes += u64::from(packet.header.caplen);
    }
    println!("{frames} frames, {bytes} bytes");
}
