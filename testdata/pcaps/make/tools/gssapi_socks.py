"""SOCKS5 with GSSAPI (method 1, RFC 1961) by real Kerberos tickets, both ends:
Debian's dante is built without it and curl 7.88 gives up once method 1 is chosen.

usage: gssapi_socks.py server ADDRESS PORT          (the key comes from KRB5_KTNAME)
       gssapi_socks.py client ADDRESS PORT SERVICE HOST HOST-PORT
"""
import select
import socket
import socketserver
import sys

import gssapi


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def token(s):
    head = exactly(s, 4)
    assert head[0] == 1, head
    return head[1], exactly(s, int.from_bytes(head[2:4], "big"))


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        s = self.request
        methods = exactly(s, exactly(s, 2)[1])
        if 1 not in methods:
            s.sendall(b"\x05\xff")
            return
        s.sendall(b"\x05\x01")
        context = gssapi.SecurityContext(usage="accept")
        while not context.complete:
            _, data = token(s)
            answer = context.step(data) or b""
            s.sendall(b"\x01\x01" + len(answer).to_bytes(2, "big") + answer)
        _, data = token(s)
        level = context.unwrap(data).message
        answer = context.wrap(level, False).message
        s.sendall(b"\x01\x02" + len(answer).to_bytes(2, "big") + answer)
        assert level == b"\0", "only without protection"
        _, command, _, kind = exactly(s, 4)
        host = socket.inet_ntoa(exactly(s, 4)) if kind == 1 else exactly(s, exactly(s, 1)[0]).decode()
        other = socket.create_connection((host, int.from_bytes(exactly(s, 2), "big")), timeout=5)
        s.sendall(b"\x05\0\0\x01" + socket.inet_aton(other.getsockname()[0]) + other.getsockname()[1].to_bytes(2, "big"))
        while True:
            for ready in select.select([s, other], [], [])[0]:
                data = ready.recv(4096)
                if not data:
                    return
                (other if ready is s else s).sendall(data)


def server(address, port):
    socketserver.ThreadingTCPServer((address, int(port)), Handler).serve_forever()


def client(address, port, service, host, hostport):
    s = socket.create_connection((address, int(port)), timeout=5)
    s.sendall(b"\x05\x02\x00\x01")
    assert exactly(s, 2) == b"\x05\x01"
    name = gssapi.Name(service, gssapi.NameType.hostbased_service)
    context = gssapi.SecurityContext(name=name, usage="initiate")
    data = context.step()
    while data:
        s.sendall(b"\x01\x01" + len(data).to_bytes(2, "big") + data)
        data = None if context.complete else context.step(token(s)[1])
    data = context.wrap(b"\0", False).message  # protection level: none
    s.sendall(b"\x01\x02" + len(data).to_bytes(2, "big") + data)
    token(s)
    s.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + int(hostport).to_bytes(2, "big"))
    assert exactly(s, 10)[1] == 0
    s.sendall(b"GET / HTTP/1.0\r\nHost: " + host.encode() + b"\r\n\r\n")
    while s.recv(4096):
        pass


{"server": server, "client": client}[sys.argv[1]](*sys.argv[2:])
