"""Text in datagrams that is no shell's: `serve ADDRESS` answers each with the same words, `talk ADDRESS` says all of it."""
import select
import socket
import sys
import time

# Port: what is said there in turn, and what is answered.
TALKS = {
    8125: ([b"page.views:1|c\n", b"load.time:320|ms\n", b"users.online:7|g\n"], b""),
    2003: ([b"servers.vm.load 0.5 1767225600\n", b"servers.vm.free 812 1767225600\n"], b""),
    8089: ([b"cpu,host=vm usage=0.5\n", b"cpu,host=vm usage=0.6\n"], b""),
    514: ([b"<34>Jan  1 00:00:00 victim sh: root@victim:/# id", b"<34>Jan  1 00:00:01 victim id: uid=0(root) gid=0(root)"], b""),
    5140: ([b"sh[7]: root@victim:/# id\n", b"uid=0(root) gid=0(root)\n"], b""),
    12201: ([b'{"version":"1.1","host":"victim","short_message":"root@victim:/# id"}'], b""),
    5060: ([b"REGISTER sip:example.test SIP/2.0\r\nCSeq: 1 REGISTER\r\n\r\n"], b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n"),
    1900: ([b'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\n\r\n'], b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"),
    11211: ([b"stats\r\n", b"get ls\r\n"], b"END\r\n"),
    7777: ([b"ping\n", b"date\n", b"uptime\n"], b"pong 12\n"),
    7778: ([b"ls\n", b"id\n", b"pwd\n"], b"unknown request\n"),
    7779: ([b"# a comment\n", b"$ 12.50\n"], b"ok\n"),
}


def serve(address):
    sockets = {}
    for port, (_, answer) in TALKS.items():
        waiting = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        waiting.bind((address, port))
        sockets[waiting] = answer
    while True:
        for ready in select.select(list(sockets), [], [])[0]:
            _, caller = ready.recvfrom(2048)
            if sockets[ready]:
                ready.sendto(sockets[ready], caller)


def talk(address):
    for port, (said, _) in TALKS.items():
        calling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for datagram in said:
            calling.sendto(datagram, (address, port))
            time.sleep(0.2)


{"serve": serve, "talk": talk}[sys.argv[1]](sys.argv[2])
