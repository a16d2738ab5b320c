#!/usr/bin/env python3
"""Stretches the silences of a capture: stretch.py IN OUT FACTOR [LEAST-SECONDS]

Every pause between two packets that is longer than LEAST-SECONDS (0.5) becomes FACTOR times as long. Nothing else is
changed. It reads and writes classic pcap with microseconds, little-endian, as tcpdump and mergecap write it.
"""
import struct
import sys


def main():
    source, destination, factor = sys.argv[1], sys.argv[2], float(sys.argv[3])
    least = float(sys.argv[4]) if len(sys.argv) > 4 else 0.5
    data = open(source, "rb").read()
    if data[:4] != b"\xd4\xc3\xb2\xa1":
        sys.exit("not a little-endian pcap with microseconds")
    out = bytearray(data[:24])
    at, before, added = 24, None, 0.0
    while at < len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        now = seconds + micros / 1e6
        if before is not None and now - before > least:
            added += (now - before) * (factor - 1)
        before = now
        whole = round((now + added) * 1e6)
        out += struct.pack("<II", whole // 10**6, whole % 10**6) + data[at + 8 : at + 16 + kept]
        at += 16 + kept
    open(destination, "wb").write(out)


main()
