"""Ends of WebSockets (RFC 6455): those of tunnels, of web applications, and some that only pretend.

usage: websocket.py pipe URL                        (standard input and output in binary messages)
       websocket.py listen ADDRESS PORT URL         (each TCP connection in a WebSocket of its own)
       websocket.py pretend {wrong|none} ADDRESS PORT TARGET PORT
       websocket.py pretend_pipe ADDRESS PORT       (a client that does not look at the server's proof)
       websocket.py chat ADDRESS PORT               (and the other applications below)
       websocket.py rfb ADDRESS PORT                (a remote screen, over TCP)
       websocket.py {chat,upload,echo,rfb,idle}_client URL
"""
import asyncio
import base64
import json
import os
import random
import socket
import sys
import threading

import websockets

FRAME = 2**20
PLAIN = dict(compression=None, max_size=FRAME)


async def both(*ways):
    done, rest = await asyncio.wait(map(asyncio.ensure_future, ways), return_when=asyncio.FIRST_COMPLETED)
    for way in rest:
        way.cancel()


async def to_messages(read, ws):
    while data := await read(16384):
        await ws.send(data)


async def from_messages(ws, write):
    async for message in ws:
        await write(message if isinstance(message, bytes) else message.encode())


# --- tunnels ---------------------------------------------------------------------

async def carry(url, reader, writer):
    async def write(data):
        writer.write(data)
        await writer.drain()

    async with websockets.connect(url, **PLAIN) as ws:
        await both(to_messages(reader.read, ws), from_messages(ws, write))
    writer.close()


async def pipe(url):
    loop = asyncio.get_running_loop()

    async def write(data):
        await loop.run_in_executor(None, os.write, 1, data)

    async def read(size):
        return await loop.run_in_executor(None, os.read, 0, size)

    async with websockets.connect(url, **PLAIN) as ws:
        await both(to_messages(read, ws), from_messages(ws, write))
    os._exit(0)  # a thread may still wait for input


async def listen(address, port, url):
    server = await asyncio.start_server(lambda r, w: carry(url, r, w), address, int(port))
    await server.serve_forever()


# --- what only pretends -----------------------------------------------------------

def head(s):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += s.recv(1)
    return data


def copy(source, target):
    try:
        while data := source.recv(16384):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def pretend(proof, address, port, target, target_port):
    """Says 101 with a proof of its own, or none, and relays bytes without any frames."""
    server = socket.create_server((address, int(port)), reuse_port=True)
    while True:
        s, _ = server.accept()
        head(s)
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        if proof == "wrong":
            lines.append("Sec-WebSocket-Accept: " + base64.b64encode(os.urandom(16)).decode())
        s.sendall("\r\n".join([*lines, "", ""]).encode())
        t = socket.create_connection((target, int(target_port)))
        for ends in ((s, t), (t, s)):
            threading.Thread(target=copy, args=ends, daemon=True).start()


def pretend_pipe(address, port):
    s = socket.create_connection((address, int(port)))
    key = base64.b64encode(os.urandom(16)).decode()
    s.sendall((f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
    head(s)

    def upward():
        while data := os.read(0, 16384):
            s.sendall(data)
        s.shutdown(socket.SHUT_WR)

    threading.Thread(target=upward, daemon=True).start()
    while data := s.recv(16384):
        os.write(1, data)
    os._exit(0)


# --- web applications -------------------------------------------------------------

async def application(ws, path):
    if path == "/idle":
        await ws.wait_closed()
    async for message in ws:
        if path == "/upload":
            message = json.dumps(dict(stored=len(message)))
        elif path == "/chat":
            message = json.dumps(dict(echo=json.loads(message), online=random.randrange(9)))
        await ws.send(message)


async def chat(address, port):
    plain = websockets.serve(application, address, int(port), ping_interval=0.5, **PLAIN)
    deflated = websockets.serve(application, address, int(port) + 1)
    async with plain, deflated:
        await asyncio.Future()


async def chat_client(url):
    async with websockets.connect(url, origin="http://" + url.split("/")[2]) as ws:
        for word in ("hello", "is anybody there?", "SSH-2.0-no, only words", "bye"):
            await ws.send(json.dumps(dict(type="message", room="lobby", text=word)))
            await ws.recv()


async def upload_client(url):
    async with websockets.connect(url, **PLAIN) as ws:
        for size in (300, 3000, 30000):
            await ws.send(os.urandom(size))
            await ws.recv()


echo_client = upload_client


async def idle_client(url):
    async with websockets.connect(url, ping_interval=0.3, **PLAIN) as ws:
        await asyncio.sleep(4)
        await ws.close()


def rfb(address, port):
    """RFC 6143: version, security, a screen of 64 by 64, then what changed on it whenever asked."""
    server = socket.create_server((address, int(port)))
    while True:
        s, _ = server.accept()
        s.sendall(b"RFB 003.008\n")
        s.recv(12)
        s.sendall(b"\x01\x01")
        s.recv(1)
        s.sendall(bytes(4))
        s.recv(1)
        s.sendall(bytes.fromhex("00400040 2018000100ff00ff00ff100800000000 00000006") + b"screen")
        while s.recv(10):
            s.sendall(bytes.fromhex("00000001 0000000000400040 00000000") + os.urandom(64 * 64 * 4))


async def rfb_client(url):
    async with websockets.connect(url, subprotocols=["binary"], origin="http://relay.example.test", **PLAIN) as ws:
        reader = from_messages(ws, lambda _: asyncio.sleep(0))
        listener = asyncio.ensure_future(reader)
        for message in (b"RFB 003.008\n", b"\x01", b"\x01", *[bytes.fromhex("03000000000000400040")] * 4):
            await asyncio.sleep(0.2)
            await ws.send(message)
        await asyncio.sleep(0.2)
        listener.cancel()


if __name__ == "__main__":
    run = globals()[sys.argv[1]](*sys.argv[2:])
    if asyncio.iscoroutine(run):
        asyncio.run(run)
