"""HTTP/2 in the clear for what curl cannot do: CONNECT, with a protocol or without, and who grants it.

usage: http2.py {tls|http} PROXY PORT HOST:PORT    CONNECT on the second stream, TLS or HTTP/1 through it
       http2.py websocket SERVER PORT              extended CONNECT (RFC 8441)
       http2.py serve ADDRESS PORT                 grants extended CONNECT and echoes; pages for the rest
"""
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings


class Client:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # This h2 wants a path in every request; CONNECT has none.
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False))
        self.events = []
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, stream, *headers, end=False):
        self.h2.send_headers(stream, headers, end_stream=end)
        self.flush()
        return self.wait(stream, h2.events.ResponseReceived, h2.events.StreamReset)

    def wait(self, stream, *kinds):
        while True:
            while self.events:
                event = self.events.pop(0)
                if isinstance(event, kinds) and getattr(event, "stream_id", None) == stream:
                    return event
            data = self.socket.recv(65536)
            if not data:
                return None
            self.events = self.h2.receive_data(data)
            self.flush()

    def send(self, stream, data):
        self.h2.send_data(stream, data)
        self.flush()

    def receive(self, stream):
        event = self.wait(stream, h2.events.DataReceived, h2.events.StreamEnded, h2.events.StreamReset)
        if not isinstance(event, h2.events.DataReceived):
            return b""
        self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        self.flush()
        return event.data


def status(event):
    return dict(event.headers).get(":status") if isinstance(event, h2.events.ResponseReceived) else "none"


def tunnel(mode, proxy, port, target):
    client = Client(proxy, port)
    host = target.rpartition(":")[0]
    page = [(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", "/")]
    print("GET", status(client.ask(1, *page, end=True)))
    answer = status(client.ask(3, (":method", "CONNECT"), (":authority", target)))
    print("CONNECT", answer)
    if not answer.startswith("2"):
        return
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    print(through_tls(client, 3, host, request) if mode == "tls" else plain(client, 3, request))


def plain(client, stream, request):
    client.send(stream, request)
    return client.receive(stream)


def through_tls(client, stream, host, request):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)

    def until_done(step):
        while True:
            try:
                result = step()
                if outgoing.pending:
                    client.send(stream, outgoing.read())
                return result
            except ssl.SSLWantReadError:
                if outgoing.pending:
                    client.send(stream, outgoing.read())
                incoming.write(client.receive(stream))

    until_done(tls.do_handshake)
    until_done(lambda: tls.write(request))
    return until_done(lambda: tls.read(4096))


def websocket(server, port):
    client = Client(server, port)
    answer = client.ask(
        1, (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
        (":authority", "web.example.test"), ("sec-websocket-version", "13"))
    print("CONNECT", status(answer))
    client.send(1, b"\x81\x85\x01\x02\x03\x04" + bytes(b ^ m for b, m in zip(b"hello", b"\x01\x02\x03\x04\x01")))
    print(client.receive(1))


def serve(address, port):
    listener = socket.create_server((address, int(port)))
    while True:
        peer, _ = listener.accept()
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_inbound_headers=False)
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        connection.update_settings({h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
        peer.sendall(connection.data_to_send())
        while data := peer.recv(65536):
            for event in connection.receive_data(data):
                respond(connection, event)
            peer.sendall(connection.data_to_send())


def respond(connection, event):
    if isinstance(event, h2.events.RequestReceived):
        open_ = (":protocol", "websocket") in event.headers
        page = dict(event.headers).get(":method") != "CONNECT"
        connection.send_headers(event.stream_id, [(":status", "200" if open_ or page else "405")], end_stream=not open_)
    elif isinstance(event, h2.events.DataReceived):
        connection.send_data(event.stream_id, b"\x81\x05hello")


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    if mode in ("tls", "http"):
        tunnel(mode, *arguments)
    else:
        {"websocket": websocket, "serve": serve}[mode](*arguments)
