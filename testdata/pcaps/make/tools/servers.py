"""Servers (and the odd client) of things that are not proxies.

usage: servers.py {echo|sink|form|page|nats|lookalike} ADDRESS PORT
       servers.py {nats_client|lookalike_client} ADDRESS PORT
"""
import http.server
import json
import socket
import socketserver
import struct
import sys
import time


def serve(address, port, handle):
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            handle(self.request)

    Server((address, int(port)), Handler).serve_forever()


def connect(address, port):
    s = socket.create_connection((address, int(port)), timeout=5)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def echo(address, port):
    def handle(s):
        while data := s.recv(1000):
            s.sendall(data)

    serve(address, port, handle)


def sink(address, port):
    def handle(s):
        while s.recv(1000):
            pass

    serve(address, port, handle)


def form(address, port):
    """Reads a POST whole and thanks for it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"ok\n")

    http.server.ThreadingHTTPServer((address, int(port)), Handler).serve_forever()


def page(address, port):
    """A page for any request, CONNECT too, as web applications behind Apache do."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = b"<html><title>home</title>welcome</html>\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_CONNECT = do_GET

    http.server.ThreadingHTTPServer((address, int(port)), Handler).serve_forever()


def nats(address, port):
    """The first lines of the NATS client protocol."""

    def handle(s):
        s.sendall(b"INFO " + json.dumps({"server_name": "bus", "version": "2.9.0", "max_payload": 1048576}).encode() + b"\r\n")
        for line in s.makefile("rb"):
            if line.startswith(b"CONNECT"):
                s.sendall(b"+OK\r\n")
            elif line.startswith(b"PING"):
                s.sendall(b"PONG\r\n")
            elif line.startswith(b"SUB"):
                s.sendall(b"+OK\r\nMSG news 1 5\r\nhello\r\n")

    serve(address, port, handle)


def nats_client(address, port):
    s = connect(address, port)
    s.recv(1000)
    s.sendall(b'CONNECT {"verbose":true,"pedantic":false,"name":"cli","lang":"python"}\r\n')
    s.recv(1000)
    s.sendall(b"PING\r\n")
    s.recv(1000)
    s.sendall(b"SUB news 1\r\n")
    time.sleep(0.2)
    s.recv(1000)
    # Clients may also send the first two lines at once.
    t = connect(address, port)
    t.recv(1000)
    t.sendall(b"CONNECT {}\r\nPING\r\n")
    time.sleep(0.2)
    t.recv(1000)
    s.close()
    t.close()


# The lookalike: messages are type (1 byte), length (2 bytes, little endian) and
# body, so a type 5 message with a one-byte body begins 05 01 00 and an empty
# answer of the same type is 05 00 00.


def message(kind, body=b""):
    return struct.pack("<BH", kind, len(body)) + body


def lookalike(address, port):
    def handle(s):
        try:
            while True:
                kind, length = struct.unpack("<BH", exactly(s, 3))
                body = exactly(s, length)
                if body == b"\x2a":  # empty answer
                    s.sendall(message(kind))
                elif body == b"\x2b":  # an empty answer and a fuller one behind it
                    s.sendall(message(kind) + message(6, b"state: ready"))
                elif body == b"\x2c":  # a long answer
                    s.sendall(message(kind, bytes(256 + i % 7 & 255 for i in range(256))))
                else:
                    s.sendall(message(kind, body))
        except EOFError:
            pass

    serve(address, port, handle)


def lookalike_client(address, port):
    for kind in (5, 4):
        for code in (b"\x2a", b"\x2b", b"\x2c"):
            s = connect(address, port)
            for _ in range(2):
                s.sendall(message(kind, code))
                s.recv(2000)
                s.sendall(message(kind, b"\x01"))
                s.recv(2000)
            s.close()
    # Header and body in two segments: the first is exactly 05 01 00.
    s = connect(address, port)
    for code in (b"\x2a", b"\x2b"):
        s.sendall(message(5, code)[:3])
        time.sleep(0.1)
        s.sendall(code)
        s.recv(2000)
    s.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
