#!/usr/bin/env python3
"""Writes first inputs for the fuzz targets, taken from the captures in testdata/pcaps and from samples in tests.

usage: seeds.py DIRECTORY        (one directory below it for each target)
"""

import gzip
import hashlib
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).parent.parent
CAPTURES = ROOT / "testdata" / "pcaps"
TLS_SAMPLES = ROOT / "src" / "proto" / "tls" / "samples.rs"
SEPARATOR = b"\xff|||"
LONGEST_STREAM = 6000
LARGEST_CAPTURE = 16000
FRAMES_OF_A_SEED = 6

OPEN, CLOSED, CUT = 0, 1, 2


def main():
    out = pathlib.Path(sys.argv[1])
    for path in sorted(CAPTURES.rglob("*.pcap")):
        capture = path.read_bytes()
        if len(capture) <= LARGEST_CAPTURE:
            write(out, "replay", capture)
        frames = list(frames_of(capture))
        for form in (pcap, pcapng, gzip_of_pcap, zstd_of_pcap):
            write(out, "source", form(frames[:FRAMES_OF_A_SEED]))
        for start in range(0, min(len(frames), 4 * FRAMES_OF_A_SEED), FRAMES_OF_A_SEED):
            parts = (struct.pack(">HHB", 1, 0, 1) + f for f in frames[start : start + FRAMES_OF_A_SEED])
            write(out, "decode", SEPARATOR.join(parts))
        streams_and_datagrams(out, frames)
    hellos = dict(re.findall(r'const (\w+): &str = "([\s\\0-9a-f]+)"', TLS_SAMPLES.read_text()))
    for asks in (text for name, text in hellos.items() if name.endswith("_CLIENT")):
        for answers in (text for name, text in hellos.items() if name.endswith("_SERVER")):
            both_ways(out, "tls", *(bytes.fromhex(text.replace("\\", "")) for text in (asks, answers)))
    both_ways(out, "smux", b"\1\3\0\0\0\0\0\0\1\0\0\0\3\0\0\0\1\2\5\0\3\0\0\0", b"\1\2\1\0\3\0\0\0")
    both_ways(out, "yamux", b"\0\1\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\3abc", b"\0\1\0\2\0\0\0\1\0\0\0\0")
    for writes in [
        [(0, 900, 0, 0), (900, 900, 100, 0), (3000, 50, 0, 0), (850, 200, 0, 1)],
        [(64 * n, 32, n % 3, 0) for n in range(12)],
        [(16000, 1000, 0, 0), (0, 96, 1364, 0), (1460, 96, 1364, 0), (0, 1460, 0, 0)],
    ]:
        write(out, "head", struct.pack(">H", 900) + b"".join(struct.pack(">HHHB", *w) for w in writes))


def streams_and_datagrams(out, frames):
    streams, clients = {}, {}
    for frame in frames:
        transport, ends, sequence, payload = segment_of(frame)
        if not payload:
            continue
        if transport == 17:
            services = {53: "dns", 3478: "stun", 5060: "sip"}
            write(out, services.get(ends[0][1]) or services.get(ends[1][1]) or "socks_udp", payload)
            continue
        key = tuple(sorted(ends))
        clients.setdefault(key, ends[0])
        streams.setdefault(key, {}).setdefault(ends[0], {}).setdefault(sequence, payload)
    for key, sides in streams.items():
        client, server = clients[key], [end for end in key if end != clients[key]][0]
        exchange(out, joined(sides.get(client)), joined(sides.get(server)))


def exchange(out, client, server):
    """Puts both streams where the protocols in them are wanted, cut off at the start of what is inside them."""
    marks = {
        "tls": (b"\x16\x03\x01", b"\x16\x03\x03"),
        "ssh": (b"SSH-", b"SSH-"),
        "http": (b"GET ", b"HTTP/1"),
        "proxy_protocol": (b"PROXY ", b""),
        "http2": (b"PRI * HTTP/2", b"\0\0"),
    }
    first = {5: "socks5", 4: "socks4", 13: "proxy_protocol"}.get(client[0] if client else 0, "http")
    both_ways(out, first, client, server)
    for target, (asks, answers) in marks.items():
        if asks in client:
            server_at = max(server.find(answers), 0)
            both_ways(out, target, client[client.find(asks) :], server[server_at:])
    if b"uid=0" in client or b"uid=0" in server:
        both_ways(out, "shell", client, server)
        both_ways(out, "shell", server, client)
    if b"\r\nUpgrade: websocket\r\n" in client:
        both_ways(out, "websocket", *(stream.partition(b"\r\n\r\n")[2] for stream in (client, server)))


def both_ways(out, target, client, server):
    streams = client[:LONGEST_STREAM] + SEPARATOR + server[:LONGEST_STREAM]
    for ends in [(OPEN, OPEN), (CLOSED, CLOSED), (CUT, OPEN), (OPEN, CUT)]:
        numbers = [number for stream in (client, server) for number in (len(stream) // 3, 0xFFFF, 0)]
        if ends == (CUT, OPEN):
            numbers[1], numbers[2] = len(client) // 2, 7
        if ends == (OPEN, CUT):
            numbers[4], numbers[5] = len(server) // 2, 7
        write(out, target, struct.pack(">B6H", ends[0] | ends[1] << 4, *(min(n, 0xFFFF) for n in numbers)) + streams)


def joined(parts):
    """The bytes of one side in the order of their sequence numbers, what came again left out."""
    stream, start = b"", None
    for sequence, payload in sorted((parts or {}).items()):
        start = sequence if start is None else start
        if sequence - start == len(stream):
            stream += payload
    return stream


def frames_of(capture):
    order = "<" if capture[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(capture):
        length = struct.unpack(order + "I", capture[at + 8 : at + 12])[0]
        yield capture[at + 16 : at + 16 + length]
        at += 16 + length


def pcap(frames):
    record = lambda n, frame: struct.pack("<IIII", n, 0, len(frame), len(frame) + n) + frame
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return header + b"".join(record(n, frame) for n, frame in enumerate(frames))


def pcapng(frames):
    """A section of two interfaces, one with a resolution of its own, and packets in all three kinds of block."""

    def block(kind, body):
        body += bytes(-len(body) % 4)
        length = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + length + body + length

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 0)) + block(1, struct.pack("<HHIHHBxxxI", 1, 0, 0, 9, 1, 9, 0))
    for n, frame in enumerate(frames):
        length = len(frame)
        out += [
            block(6, struct.pack("<IIIII", n % 2, n, 0, length, length) + frame),
            block(3, struct.pack("<I", length) + frame),
            block(2, struct.pack("<HHIIII", n % 2, 0, n, 0, length, length) + frame),
        ][n % 3]
    return out + block(5, bytes(12))


def gzip_of_pcap(frames):
    return gzip.compress(pcap(frames), mtime=0)


def zstd_of_pcap(frames):
    """One frame of one raw block."""
    content = pcap(frames)
    return b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", len(content) << 3 | 1)[:3] + content


def segment_of(frame):
    """Transport, both ends, sequence number and payload of TCP or UDP in IP in Ethernet; else nothing."""
    nothing = (0, ((b"", 0), (b"", 0)), 0, b"")
    kind, ip = frame[12:14], frame[14:]
    if kind == b"\x08\x00":
        ip = ip[: struct.unpack(">H", ip[2:4])[0]]
        transport, addresses, upper = ip[9], (ip[12:16], ip[16:20]), ip[(ip[0] & 15) * 4 :]
    elif kind == b"\x86\xdd":
        transport, addresses, upper = ip[6], (ip[8:24], ip[24:40]), ip[40:]
    else:
        return nothing
    if transport not in (6, 17) or len(upper) < 20 and transport == 6:
        return nothing
    ports = struct.unpack(">HH", upper[:4])
    ends = tuple(zip(addresses, ports))
    if transport == 17:
        return transport, ends, 0, upper[8:]
    return transport, ends, struct.unpack(">I", upper[4:8])[0], upper[(upper[12] >> 4) * 4 :]


def write(out, target, content):
    directory = out / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha1(content).hexdigest()).write_bytes(content)


main()
