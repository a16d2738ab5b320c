#!/usr/bin/env python3
"""Keeps a way open: keeps_open.py serve | stun SERVER COUNT | sip SERVER COUNT

A server answers STUN Binding at 3478 (RFC 8489) and SIP OPTIONS at 5060 (RFC 3261). A client asks it so often, a second
and a half apart, from one port.
"""
import os
import select
import socket
import struct
import sys
import time

PORTS = {"stun": 3478, "sip": 5060}
COOKIE = 0x2112A442


def main():
    if sys.argv[1] == "serve":
        serve()
    else:
        ask(sys.argv[1], sys.argv[2], int(sys.argv[3]))


def serve():
    sockets = {bound(port): kind for kind, port in PORTS.items()}
    while True:
        for ready in select.select(list(sockets), [], [])[0]:
            asked, client = ready.recvfrom(2048)
            ready.sendto(sip_answer(asked) if sockets[ready] == "sip" else stun_answer(asked, client), client)


def ask(kind, server, count):
    own = bound(40000 if kind == "stun" else PORTS["sip"])
    for number in range(count):
        own.sendto(sip_request(number) if kind == "sip" else stun_request(), (server, PORTS[kind]))
        own.recvfrom(2048)
        time.sleep(1.5)


def bound(port):
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("", port))
    return own


def stun_request():
    return struct.pack(">HHI", 0x0001, 0, COOKIE) + os.urandom(12)


def stun_answer(asked, client):
    address = int.from_bytes(socket.inet_aton(client[0]), "big") ^ COOKIE
    mapped = struct.pack(">HHBBHI", 0x0020, 8, 0, 1, client[1] ^ COOKIE >> 16, address)
    return struct.pack(">HHI", 0x0101, len(mapped), COOKIE) + asked[8:20] + mapped


def sip_request(number):
    return (
        "OPTIONS sip:registrar.example.test SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 10.9.1.10:5060;rport;branch=z9hG4bK{number:08x}\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:phone@example.test>;tag=17\r\n"
        "To: <sip:registrar.example.test>\r\n"
        "Call-ID: 4711@10.9.1.10\r\n"
        f"CSeq: {number + 1} OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def sip_answer(asked):
    copied = [line for line in asked.split(b"\r\n") if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
    return b"\r\n".join([b"SIP/2.0 200 OK", *copied, b"Content-Length: 0", b"", b""])


main()
