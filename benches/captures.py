#!/usr/bin/env python3
"""Make the captures that the benchmarks read.

    captures.py mixed DIR OUT [BYTES]      all Ethernet pcap files below DIR, again and again a day apart, up to BYTES (1e9)
    captures.py flows OUT [FLOWS]          FLOWS (1e6) small TCP conversations: handshake, request, answer, close (8 frames)
    captures.py crowd OUT [FLOWS]          the same, all at once: each has been opened before the first one says more
"""
import pathlib, struct, sys

HEADER = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1)
DAY = 86400


def records(path):
    """Yields (seconds, microseconds, original length, bytes) of a whole classic Ethernet pcap file; nothing of any other."""
    data = path.read_bytes()
    order = {b'\xd4\xc3\xb2\xa1': '<', b'\xa1\xb2\xc3\xd4': '>'}.get(data[:4])
    if order is None or len(data) < 24 or struct.unpack_from(order + 'I', data, 20)[0] & 0xffff != 1:
        return
    at = 24
    while at + 16 <= len(data):
        seconds, micros, caught, sent = struct.unpack_from(order + 'IIII', data, at)
        frame = data[at + 16:at + 16 + caught]
        if caught > 262144 or len(frame) < caught or micros >= 1000000:
            return
        yield seconds, micros, max(sent, caught), frame
        at += 16 + caught


def mixed(folder, out, limit):
    """Each capture starts a second behind the end of the one before it, so that time never runs back."""
    captures = [list(records(p)) for p in sorted(pathlib.Path(folder).rglob('*')) if p.is_file()]
    captures = [c for c in captures if c]
    written, clock = 0, 1_700_000_000
    with open(out, 'wb') as f:
        f.write(HEADER)
        while written < limit:
            for capture in captures:
                first = capture[0][0]
                for seconds, micros, sent, frame in capture:
                    at = clock + min(max(seconds - first, 0), DAY)
                    f.write(struct.pack('<IIII', at, micros, len(frame), sent) + frame)
                    written += 16 + len(frame)
                clock = at + 1
                if written >= limit:
                    break


def flows(out, count, window=4096):
    """`window` conversations overlap in time."""
    ethernet = bytes.fromhex('020000000001020000000002') + b'\x08\x00'
    request = b'GET /index.html HTTP/1.1\r\nHost: web.example.test\r\nUser-Agent: bench\r\n\r\n'
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n' + b'x' * 200
    # flags, from the client, sequence number, acknowledgement, payload
    talk = [(0x02, True, 0, 0, b''), (0x12, False, 0, 1, b''), (0x10, True, 1, 1, b''), (0x18, True, 1, 1, request),
            (0x18, False, 1, 1 + len(request), answer), (0x11, True, 1 + len(request), 1 + len(answer), b''),
            (0x11, False, 1 + len(answer), 2 + len(request), b''), (0x10, True, 2 + len(request), 2 + len(answer), b'')]
    shapes = []
    for flags, up, seq, ack, payload in talk:
        ip = struct.pack('>BBHHHBBH', 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0)
        behind = struct.pack('>BBHHH', 0x50, flags, 64240, 0, 0) + payload
        shapes.append((up, ethernet + ip, seq, ack if flags & 0x10 else None, behind, 54 + len(payload)))
    with open(out, 'wb') as f:
        f.write(HEADER)
        for base in range(0, count, window):
            for step, (up, before, seq, ack, behind, length) in enumerate(shapes):
                chunk = []
                for n in range(base, min(base + window, count)):
                    client, server = struct.pack('>I', 0x0a000000 + n // 50000), b'\xc0\x00\x02' + bytes([n % 250])
                    ports = (10240 + n % 50000, 80)
                    ends = (client, server) if up else (server, client)
                    # Initial sequence numbers are spread as by chance, another for each side of each conversation.
                    own, other = (2 * n + (not up)) * 0x9e3779b1, (2 * n + up) * 0x9e3779b1
                    numbers = (own + seq & 0xffffffff, 0 if ack is None else other + ack & 0xffffffff)
                    wire = struct.pack('>HHII', *(ports if up else ports[::-1]), *numbers)
                    micros = base * 10 + step * 1000 + (n - base) % 1000
                    chunk.append(struct.pack('<IIII', 1_700_000_000 + micros // 1000000, micros % 1000000, length, length))
                    chunk.append(before + ends[0] + ends[1] + wire + behind)
                f.write(b''.join(chunk))


if __name__ == '__main__':
    if len(sys.argv) >= 4 and sys.argv[1] == 'mixed':
        mixed(sys.argv[2], sys.argv[3], int(float(sys.argv[4])) if len(sys.argv) > 4 else 1_000_000_000)
    elif len(sys.argv) >= 3 and sys.argv[1] == 'flows':
        flows(sys.argv[2], int(float(sys.argv[3])) if len(sys.argv) > 3 else 1_000_000)
    elif len(sys.argv) >= 3 and sys.argv[1] == 'crowd':
        count = int(float(sys.argv[3])) if len(sys.argv) > 3 else 1_000_000
        flows(sys.argv[2], count, count)
    else:
        sys.exit(__doc__)
