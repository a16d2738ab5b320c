"""Talks inside TLS that are no SSH.

usage: sealed.py mail PORT                              a mailbox that speaks SMTP, IMAP and POP in the clear, by the port
       sealed.py mail_clients ADDRESS SMTP IMAP POP     Python's clients, in TLS
       sealed.py blocks_server CERTIFICATE KEY PORT     answers with what blocks asks for
       sealed.py blocks ADDRESS PORT                    writes as long as those of SSH, but for one of them
"""
import imaplib
import poplib
import smtplib
import socket
import ssl
import sys
import threading
import time

LETTER = "From: a@example.test\r\nTo: b@example.test\r\nSubject: %d\r\n\r\n" + "A line of text.\r\n" * 12


def mail(port):
    answer = {"2525": smtp, "2143": imap, "2110": pop}[port]
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        while True:
            s, _ = listener.accept()
            threading.Thread(target=answer, args=(s.makefile("rwb", 0),), daemon=True).start()


def say(f, *lines):
    f.write("".join(line + "\r\n" for line in lines).encode())


def smtp(f):
    say(f, "220 relay.example.test ESMTP")
    body = False
    for line in f:
        word = line.strip().upper().decode(errors="replace")
        if body:
            body = word != "."
            if not body:
                say(f, "250 2.0.0 Ok: queued")
        elif word.startswith("EHLO"):
            say(f, "250-relay.example.test", "250-SIZE 10240000", "250-ENHANCEDSTATUSCODES", "250 8BITMIME")
        elif word == "DATA":
            body = True
            say(f, "354 End data with <CR><LF>.<CR><LF>")
        elif word == "QUIT":
            return say(f, "221 2.0.0 Bye")
        else:
            say(f, "250 2.1.0 Ok")


def imap(f):
    say(f, "* OK [CAPABILITY IMAP4rev1] ready")
    for line in f:
        tag, word, *rest = line.decode(errors="replace").split()
        word = word.upper()
        if word == "CAPABILITY":
            say(f, "* CAPABILITY IMAP4rev1 IDLE")
        elif word in ("SELECT", "EXAMINE"):
            say(f, "* 6 EXISTS", "* 0 RECENT", "* FLAGS (\\Seen \\Deleted)", "* OK [UIDVALIDITY 1] ok")
        elif word == "SEARCH":
            say(f, "* SEARCH 1 2 3 4 5 6")
        elif word == "FETCH":
            letter = LETTER % int(rest[0])
            say(f, "* %s FETCH (RFC822 {%d}" % (rest[0], len(letter)), letter + ")")
        say(f, tag + " OK done")
        if word == "LOGOUT":
            return


def pop(f):
    say(f, "+OK ready")
    for line in f:
        word, *rest = line.decode(errors="replace").split()
        if word.upper() == "RETR":
            say(f, "+OK", *(LETTER % int(rest[0])).splitlines(), ".")
        elif word.upper() == "STAT":
            say(f, "+OK 6 1800")
        else:
            say(f, "+OK")
        if word.upper() == "QUIT":
            return


def context():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def mail_clients(address, smtp_port, imap_port, pop_port):
    with smtplib.SMTP_SSL(address, int(smtp_port), context=context()) as client:
        for n in range(6):
            client.sendmail("a@example.test", ["b@example.test"], LETTER % n)
    with imaplib.IMAP4_SSL(address, int(imap_port), ssl_context=context()) as client:
        client.login("user", "word")
        client.select()
        for n in client.search(None, "ALL")[1][0].split():
            client.fetch(n, "(RFC822)")
            time.sleep(0.1)
    client = poplib.POP3_SSL(address, int(pop_port), context=context())
    client.user("user"), client.pass_("word")
    for n in range(client.stat()[0]):
        client.retr(n + 1)
    client.quit()


# OpenSSH's writes: a line each, an offer each, a key, its answer, sixteen bytes, a service and its acceptance, a user, the
# methods, a signature, success.
SSH = [("+", 41), ("-", 41), ("-", 1088), ("+", 1560), ("+", 1208), ("-", 1564), ("+", 16), ("+", 44), ("-", 44),
       ("+", 60), ("-", 76), ("+", 308), ("-", 28)]
# What is otherwise: keys are not taken, the acceptance is too long, the key is no whole block, the offer is none, and nobody
# is accepted.
OTHERWISE = [(6, 17), (8, 45), (4, 1209), (3, 1563), (12, 30), (1, 5)]


def variants():
    for place, bytes_ in OTHERWISE:
        yield [(way, bytes_ if n == place else size) for n, (way, size) in enumerate(SSH)]


def exactly(s, count):
    while count:
        count -= len(s.recv(count))


def blocks_server(certificate, key, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("", int(port))) as listener:
        for talk in variants():
            s, _ = listener.accept()
            take_part(context.wrap_socket(s, server_side=True), talk, "-")


def blocks(address, port):
    for talk in variants():
        with socket.create_connection((address, int(port))) as s:
            take_part(context().wrap_socket(s), talk, "+")


def take_part(s, talk, own):
    for way, size in talk * 2:
        if way == own:
            time.sleep(0.01)
            s.sendall(bytes(size))
        else:
            exactly(s, size)
    s.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
