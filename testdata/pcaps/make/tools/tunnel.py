"""User-space QinQ and GRE, for kernels that have neither.

usage: tunnel.py qinq DEVICE INNER-DEVICE     (a TAP that speaks through two tags)
       tunnel.py gre LOCAL REMOTE INNER-DEVICE (a TUN carried in IP protocol 47)

Makes INNER-DEVICE and copies packets both ways until it is ended.
"""
import contextlib
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 1, 2, 0x1000
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TAGS = bytes.fromhex("88a80064" "81000014")  # service tag 100, customer tag 20


def device(name, kind):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | IFF_NO_PI))
    return fd


def pump(fd, sock, out, back):
    while True:
        for ready in select.select([fd, sock], [], [])[0]:
            if ready == fd:
                out(os.read(fd, 65536))
            else:
                inner = back()
                if inner:
                    with contextlib.suppress(OSError):  # the device is not up yet
                        os.write(fd, inner)


def qinq(outer, inner):
    fd = device(inner, IFF_TAP)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((outer, 0))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)

    def back():
        frame, aux, _, where = s.recvmsg(65536, 256)
        if where[2] == PACKET_OUTGOING:
            return None
        # The kernel takes the outer tag off the frame and tells it apart.
        for level, kind, data in aux:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("<IIIHHHH", data[:20])
                if status & 0x10:
                    frame = frame[:12] + struct.pack(">HH", tpid if status & 0x40 else 0x8100, tci) + frame[12:]
        if frame[12:20] == TAGS:
            return frame[:12] + frame[20:]
        return None

    pump(fd, s, lambda f: s.send(f[:12] + TAGS + f[12:]), back)


def gre(local, remote, inner):
    fd = device(inner, IFF_TUN)
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
    s.bind((local, 0))

    def back():
        packet, where = s.recvfrom(65536)
        packet = packet[(packet[0] & 15) * 4 :]
        return packet[4:] if where[0] == remote and packet[:4] == b"\0\0\x08\0" else None

    pump(fd, s, lambda p: s.sendto(b"\0\0\x08\0" + p, (remote, 0)), back)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
