"""What goes through relays: random bytes over TCP and UDP, and typing.

usage: traffic.py raw_server PORT
       traffic.py raw_client ADDRESS PORT ROUNDS [LONGEST-PAUSE]
       traffic.py udp_server PORT
       traffic.py udp_client ADDRESS PORT ROUNDS
       traffic.py dns_query SERVER NAME
       traffic.py typed LINES COMMAND...
"""
import os
import random
import socket
import socketserver
import sys
import time

DICE = random.Random(int(os.environ.get("SEED", "5")))  # the rhythm is the same in every run, the bytes are not


class V6Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


def raw_server(port):
    """Random bytes for random bytes: the first byte of a message says how many."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := take(self.request):
                self.request.sendall(os.urandom(20 + data[-1] * 9))

    try:
        server = V6Server(("::", int(port)), Handler)
    except OSError:
        V6Server.address_family = socket.AF_INET
        server = V6Server(("", int(port)), Handler)
    server.serve_forever()


def take(s, quiet=0.04):
    """One message: what comes until nothing came for a while."""
    s.settimeout(None)
    data = s.recv(65536)
    s.settimeout(quiet)
    try:
        while more := s.recv(65536):
            data += more
    except TimeoutError:
        pass
    s.settimeout(None)
    return data


def raw_client(address, port, rounds, longest="0.1"):
    with socket.create_connection((address, int(port)), timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(int(rounds)):
            s.sendall(os.urandom(DICE.choice((40, 90, 200, 450, 1300))))
            assert take(s, 0.3)
            time.sleep(DICE.uniform(0.01, float(longest)))


def udp_server(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", int(port)))
    while True:
        data, peer = s.recvfrom(2000)
        s.sendto(os.urandom(40 + data[-1] * 4), peer)


def udp_client(address, port, rounds):
    """The first datagram is 1200 bytes, as QUIC's."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, int(port)))
    s.settimeout(5)
    for i in range(int(rounds)):
        s.send(os.urandom(1200 if i == 0 else DICE.choice((30, 60, 200, 700))))
        s.recv(2000)
        time.sleep(DICE.uniform(0.01, 0.1))


def dns_query(server, name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.sendto(os.urandom(2) + bytes.fromhex("01000001000000000000") + labels + b"\0\0\1\0\1", (server, 53))
    s.recv(2000)


def typed(lines, *command):
    """Runs COMMAND on a terminal and types LINES (separated by |) as a person would."""
    import pexpect

    child = pexpect.spawn(command[0], list(command[1:]), timeout=20, echo=False)
    child.delaybeforesend = None
    time.sleep(1.2)
    for line in lines.split("|"):
        for letter in line:
            child.send(letter)
            drain(child, DICE.lognormvariate(-2.0, 0.45))
        child.send("\r")
        drain(child, DICE.uniform(0.5, 1.4))
    child.close(force=True)


def drain(child, seconds):
    import pexpect

    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            child.read_nonblocking(4096, timeout=left)
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            return


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
