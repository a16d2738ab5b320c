"""Services that take in and send out, and are no relays; and their clients.

usage: apps.py app PORT {mariadb|redis|postgres|api} HOST [CERT KEY]   an application server before a database or API
       apps.py api PORT [CERT KEY]                                     JSON for JSON
       apps.py stock PORT CERT KEY                                     rows of a stock, as JSON
       apps.py shop PORT STOCK-ADDRESS CERT KEY                        shows them, and asks in a connection of its own each time
       apps.py visit ADDRESS PORT REQUESTS [tls]                       one keep-alive connection, with pauses
       apps.py mail ADDRESS                                            three mails by SMTP
       apps.py beat_server PORT
       apps.py beat ADDRESS PORT SIZE PERIOD COUNT                     one connection, a message each PERIOD
       apps.py chat PORT
       apps.py chat_client ADDRESS PORT NAME [SEED]
       apps.py redis_publish ADDRESS COUNT
       apps.py queue PORT COUNT CERT KEY                               messages in TLS to who calls, now and then
       apps.py sink PORT CERT KEY                                      takes what is posted
       apps.py worker QUEUE-ADDRESS SINK-ADDRESS                       posts each message, in a connection of its own
       apps.py poll COUNT ADDRESS...                                   the same request to each address, every second
"""
import http.client
import http.server
import json
import os
import random
import smtplib
import socket
import socketserver
import ssl
import sys
import threading
import time

THINGS = [f"thing number {n} of the catalogue, in stock, {n * 7 % 90} pieces" for n in range(200)]


def serve_http(port, answer, cert=None, key=None):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            body = answer(int(self.path.rpartition("/")[2]), self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

    server = http.server.ThreadingHTTPServer(("", int(port)), Handler)
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def app(port, kind, host, cert=None, key=None):
    ask, lock = {"mariadb": mariadb, "redis": redis, "postgres": postgres, "api": api_client}[kind](host, cert), threading.Lock()

    def answer(n, _):
        with lock:
            rows = ask(n)
        return ("<html><table>" + "".join(f"<tr><td>{row}</td></tr>" for row in rows) + "</table></html>").encode()

    serve_http(port, answer, cert, key)


def mariadb(host, _):
    import pymysql

    db = pymysql.connect(host=host, user="shop", password="", autocommit=True)
    with db.cursor() as c:
        c.execute("create database if not exists shop")
        c.execute("use shop")
        c.execute("create table if not exists things (id int primary key, name varchar(200))")
        c.executemany("insert ignore into things values (%s, %s)", list(enumerate(THINGS)))
    return lambda n: rows_of(db, n)


def postgres(host, _):
    import psycopg2

    db = psycopg2.connect(host=host, user="postgres", dbname="postgres", sslmode="disable")
    db.autocommit = True
    with db.cursor() as c:
        c.execute("create table if not exists things (id int primary key, name text)")
        c.execute("insert into things values " + ",".join(c.mogrify("(%s,%s)", row).decode() for row in enumerate(THINGS)))
    return lambda n: rows_of(db, n)


def rows_of(db, n):
    with db.cursor() as c:
        c.execute("select name from things where id between %s and %s", (n, n + n % 12))
        return [row[0] for row in c.fetchall()]


def redis(host, _):
    import redis as client

    db = client.Redis(host)
    for n, name in enumerate(THINGS):
        db.set(f"thing:{n}", name)
    return lambda n: [(db.get(f"thing:{m}") or b"?").decode() for m in range(n, n + n % 4 + 1)]


def api_client(host, cert):
    c = http.client.HTTPSConnection(host, 8443, context=ssl._create_unverified_context()) if cert else http.client.HTTPConnection(host, 8000)

    def ask(n):
        c.request("POST", f"/v1/things/{n}", json.dumps({"from": n, "count": n % 12 + 1, "fields": ["name", "stock"]}))
        return json.loads(c.getresponse().read())["things"]

    return ask


def api(port, cert=None, key=None):
    def answer(n, body):
        want = json.loads(body)
        return json.dumps({"things": [{"id": m, "name": THINGS[m % 200], "price": m * 3 % 70} for m in range(n, n + want["count"])]}).encode()

    serve_http(port, answer, cert, key)


def stock(port, cert, key):
    rows = [{"id": n, "name": os.urandom(4 + n % 23).hex(), "pieces": n * 7919 % 9999, "price": n / 7} for n in range(90)]
    serve_http(port, lambda n, _: json.dumps({"rows": rows[:n]}).encode(), cert, key)


def shop(port, host, cert, key):
    def answer(n, _):
        c = http.client.HTTPSConnection(host, 8443, context=ssl._create_unverified_context())
        c.request("GET", f"/v1/rows/{n}")
        rows = json.loads(c.getresponse().read())["rows"]
        c.close()
        cells = (f"<tr><td class=name>{row['name']}</td><td>{row['pieces']}</td><td>{row['price']:.2f}</td></tr>" for row in rows)
        return ("<html><title>stock</title><table>" + "".join(cells) + "</table>").encode()

    serve_http(port, answer, cert, key)


def visit(address, port, requests, tls=""):
    dice = random.Random(3)
    c = http.client.HTTPSConnection(address, int(port), context=ssl._create_unverified_context()) if tls else http.client.HTTPConnection(address, int(port))
    for _ in range(int(requests)):
        c.request("GET", f"/things/{dice.randrange(180)}", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept": "text/html", "Cookie": "session=" + os.urandom(16).hex()})
        c.getresponse().read()
        time.sleep(dice.lognormvariate(-1.7, 0.7))
    c.close()


def mail(address):
    for n in (1, 20, 3):
        with smtplib.SMTP(address, 25, local_hostname="cli.example.test") as s:
            s.sendmail("alice@example.test", ["bob@web.example.test"], f"Subject: letter {n}\r\n\r\n" + (os.urandom(30).hex() + "\r\n") * n)
        time.sleep(0.7)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def beat_server(port):
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            while self.request.recv(1000):
                self.request.sendall(os.urandom(16))

    Server(("", int(port)), Handler).serve_forever()


def beat(address, port, size, period, count):
    with socket.create_connection((address, int(port))) as s:
        start = time.monotonic()
        for n in range(int(count)):
            s.sendall(os.urandom(int(size)))
            s.recv(1000)
            time.sleep(max(0, start + (n + 1) * float(period) - time.monotonic()))


def chat(port):
    """What one says, all the others get, with the name before it."""
    room = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            name = self.rfile.readline().strip()
            room.append(self.wfile)
            for line in self.rfile:
                for other in list(room):
                    if other is not self.wfile:
                        other.write(b"<" + name + b"> " + line)
            room.remove(self.wfile)

    Server(("", int(port)), Handler).serve_forever()


def chat_client(address, port, name, seed="1"):
    dice = random.Random(int(seed))
    with socket.create_connection((address, int(port))) as s:
        threading.Thread(target=lambda: [None for _ in s.makefile("rb")], daemon=True).start()
        s.sendall(name.encode() + b"\n")
        time.sleep(0.5)
        for _ in range(9):
            time.sleep(dice.uniform(0.3, 1.5))
            s.sendall(b" ".join(dice.choice((b"yes", b"perhaps", b"the third relay", b"I do not think so", b"look at it tomorrow")) for _ in range(dice.randrange(1, 9))) + b"\n")
        time.sleep(1)


def redis_publish(address, count):
    import redis as client

    db, dice = client.Redis(address), random.Random(4)
    for _ in range(int(count)):
        db.publish("news", os.urandom(dice.randrange(10, 70)).hex())
        time.sleep(dice.uniform(0.1, 0.5))


def queue(port, count, cert, key):
    dice, context = random.Random(8), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    raw, _ = socket.create_server(("", int(port))).accept()
    with context.wrap_socket(raw, server_side=True) as s:
        for _ in range(int(count)):
            time.sleep(dice.uniform(0.6, 1.5))
            s.sendall(os.urandom(dice.randrange(20, 600)))
            s.recv(4096)


def sink(port, cert, key):
    serve_http(port, lambda n, body: b'{"accepted":true}', cert, key)


def worker(queue_address, sink_address):
    context = ssl._create_unverified_context()
    with context.wrap_socket(socket.create_connection((queue_address, 8443))) as s:
        while message := s.recv(4096):
            c = http.client.HTTPSConnection(sink_address, 8443, context=context)
            c.request("POST", "/messages/1", message, {"Content-Type": "application/octet-stream"})
            c.getresponse().read()
            c.close()
            s.sendall(b"done")


def poll(count, *addresses):
    for n in range(int(count)):
        start = time.monotonic()
        for address in addresses:
            with socket.create_connection((address, 80), timeout=3) as s:
                s.sendall(b"GET /300 HTTP/1.1\r\nHost: status.example.test\r\nUser-Agent: poller/2.1\r\nConnection: close\r\n\r\n")
                while s.recv(4096):
                    pass
        time.sleep(max(0, start + 1 - time.monotonic()))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
