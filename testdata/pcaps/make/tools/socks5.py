"""Small SOCKS5 clients for what curl cannot do: BIND, UDP ASSOCIATE, no waiting.

usage: socks5.py {bind|udp|glued|greet} PROXY PORT ...
"""
import socket
import sys
import time


def address(host, port):
    try:
        return b"\x01" + socket.inet_aton(host) + port.to_bytes(2, "big")
    except OSError:
        return b"\x03" + bytes([len(host)]) + host.encode() + port.to_bytes(2, "big")


def connect(proxy, port):
    s = socket.create_connection((proxy, int(port)), timeout=5)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def bind(proxy, port, peer, portfile):
    """BIND for PEER; writes the bound port to PORTFILE, reads what PEER sends."""
    s = connect(proxy, port)
    s.sendall(b"\x05\x01\x00")
    assert s.recv(2) == b"\x05\x00"
    s.sendall(b"\x05\x02\x00" + address(peer, 0))
    first = s.recv(10)
    assert first[1] == 0, first
    with open(portfile, "w") as f:
        f.write(str(int.from_bytes(first[8:10], "big")))
    assert s.recv(10)[1] == 0
    print(s.recv(100))
    s.sendall(b"226 got it\r\n")
    s.close()


def udp(proxy, port, server, serverport):
    """A DNS query through UDP ASSOCIATE, by PySocks."""
    import socks

    s = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
    s.set_proxy(socks.SOCKS5, proxy, int(port))
    s.settimeout(5)
    query = bytes.fromhex("abcd01000001000000000000") + b"\x03web\x07example\x04test\x00\x00\x01\x00\x01"
    for _ in range(2):
        s.sendto(query, (server, int(serverport)))
        print(s.recvfrom(2000))
    s.close()


def glued(proxy, port, host, hostport, early):
    """Greeting and request in one segment; with EARLY=1 the HTTP request too."""
    get = b"GET / HTTP/1.1\r\nHost: web.example.test\r\nConnection: close\r\n\r\n"
    s = connect(proxy, port)
    s.sendall(b"\x05\x01\x00" + b"\x05\x01\x00" + address(host, int(hostport)) + (get if early == "1" else b""))
    got = b""
    try:
        while len(got) < 12:
            more = s.recv(1000)
            if not more:
                break
            got += more
        if early != "1":
            s.sendall(get)
        while more := s.recv(1000):
            got += more
    finally:
        print(got)
    assert b"hello" in got


def greet(proxy, port, data):
    """Send DATA (hex) and wait a little for whatever comes."""
    s = connect(proxy, port)
    s.sendall(bytes.fromhex(data))
    s.settimeout(1)
    try:
        while more := s.recv(1000):
            print(more)
    except (TimeoutError, ConnectionError) as e:
        print(e)
    time.sleep(0.1)
    s.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
