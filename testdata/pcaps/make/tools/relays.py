"""Relays of our own making, as a person in a hurry writes them.

usage: relays.py exit ADDRESS PORT              takes a target in a handshake of its own, then relays
       relays.py entry PORT RELAY PORT TARGET PORT   the client's end of that, on loopback
       relays.py hub AGENT-PORT PORT                 joins who comes to PORT with an agent that waits
       relays.py agent HUB AGENT-PORT TARGET PORT    the other end of that: dials out, waits, then dials the target
       relays.py slow ADDRESS PORT TARGET PORT  holds every piece back 50 to 200 ms and cuts it anew
"""
import os
import queue
import random
import socket
import socketserver
import sys
import threading
import time


def serve(address, port, handle):
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            handle(self.request)

    Server((address, int(port)), Handler).serve_forever()


def connect(address, port):
    s = socket.create_connection((address, int(port)), timeout=10)
    s.settimeout(None)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def both_ways(a, b, pump):
    other = threading.Thread(target=pump, args=(b, a), daemon=True)
    other.start()
    pump(a, b)
    other.join()


def plainly(source, sink):
    try:
        while data := source.recv(16384):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def exactly(s, n):
    return s.recv(n, socket.MSG_WAITALL)


# The handshake: 16 random bytes, then length and target, both masked with the
# bytes before; the answer is 8 random bytes and the same 8 reversed.


def mask(data, key):
    return bytes(b ^ key[i % 16] for i, b in enumerate(data))


def exit(address, port):
    def handle(client):
        key = exactly(client, 16)
        length = mask(exactly(client, 1), key)[0]
        host, _, port = mask(exactly(client, length), key).decode().rpartition(":")
        target = connect(host, port)
        half = os.urandom(8)
        client.sendall(half + half[::-1])
        both_ways(client, target, plainly)

    serve(address, port, handle)


def entry(port, relay, relayport, target, targetport):
    def handle(client):
        out = connect(relay, relayport)
        key, name = os.urandom(16), f"{target}:{targetport}".encode()
        out.sendall(key + mask(bytes([len(name)]), key) + mask(name, key))
        answer = exactly(out, 16)
        assert answer[:8] == answer[:7:-1]
        both_ways(client, out, plainly)

    serve("127.0.0.1", port, handle)


def hub(agentport, port):
    waiting = queue.Queue()

    def take_agent(agent):
        done = threading.Event()
        waiting.put((agent, done))
        done.wait()

    def take_client(client):
        agent, done = waiting.get()
        both_ways(client, agent, plainly)
        done.set()

    threading.Thread(target=serve, args=("", agentport, take_agent), daemon=True).start()
    serve("", port, take_client)


def agent(hub, agentport, target, targetport):
    while True:
        up = connect(hub, agentport)
        first = up.recv(16384)
        down = connect(target, targetport)
        down.sendall(first)
        both_ways(up, down, plainly)
        up.close()
        down.close()


def slowly(source, sink):
    """Pieces of 200 to 900 bytes, in order, each no sooner than its delay."""
    dice, pieces = random.Random(7), queue.Queue()

    def send():
        while (piece := pieces.get()) is not None:
            due, data = piece
            time.sleep(max(0, due - time.monotonic()))
            while data:
                n = dice.randrange(200, 900)
                sink.sendall(data[:n])
                data = data[n:]
                time.sleep(0.001)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        while data := source.recv(16384):
            pieces.put((time.monotonic() + dice.uniform(0.05, 0.2), data))
    except OSError:
        pass
    pieces.put(None)
    sender.join()
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def slow(address, port, target, targetport):
    def handle(client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        both_ways(client, connect(target, targetport), slowly)

    serve(address, port, handle)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
