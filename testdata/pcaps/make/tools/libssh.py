"""SSH by libssh, called where it stands, and by libssh2, through ssh2-python.

usage: libssh.py local KEY ADDRESS LISTEN TARGET TARGETPORT CIPHER [MAC]
       libssh.py remote KEY ADDRESS LISTEN TARGET TARGETPORT CIPHER [MAC]
       libssh.py run KEY ADDRESS CIPHER [MAC]
       libssh.py serve PORT HOSTKEY                    lets everybody in who has a key
       libssh.py local2 KEY ADDRESS LISTEN TARGET TARGETPORT CIPHER [MAC]
       libssh.py run2 KEY ADDRESS CIPHER [MAC]
"""
import ctypes
import socket
import subprocess
import sys
import time

LIB = None
# libssh.h: ssh_options_e, ssh_bind_options_e, ssh_requests_e and what belongs to them.
HOST, USER, CIPHERS, MACS = 0, 4, (15, 16), (29, 30)
BIND_PORT, BIND_HOSTKEY = 2, 3
AUTH, OPEN, CHANNEL, SERVICE = 1, 2, 3, 4
PUBLICKEY, DIRECT, EXEC, STATE_NONE = 4, 2, 2, 0


def lib():
    global LIB
    if LIB is None:
        LIB = ctypes.CDLL("libssh.so.4")
        for name in ("ssh_new", "ssh_channel_new", "ssh_channel_accept_forward", "ssh_bind_new", "ssh_message_get",
                     "ssh_message_channel_request_open_reply_accept"):
            getattr(LIB, name).restype = ctypes.c_void_p
        for name in ("ssh_message_channel_request_command", "ssh_message_channel_request_open_destination", "ssh_get_error"):
            getattr(LIB, name).restype = ctypes.c_char_p
    return LIB


def check(code, session=None):
    if code != 0:
        raise SystemExit(lib().ssh_get_error(session) if session else "libssh: %d" % code)


def session(key, address, algorithms):
    ssh = ctypes.c_void_p(lib().ssh_new())
    cipher, *macs = algorithms
    options = [(HOST, address), (USER, "root")] + [(n, cipher) for n in CIPHERS] + [(n, mac) for mac in macs for n in MACS]
    for option, value in options:
        check(lib().ssh_options_set(ssh, option, value.encode()), ssh)
    check(lib().ssh_connect(ssh), ssh)
    secret = ctypes.c_void_p()
    check(lib().ssh_pki_import_privkey_file(key.encode(), None, None, None, ctypes.byref(secret)))
    check(lib().ssh_userauth_publickey(ssh, None, secret), ssh)
    return ssh


class Pair:
    """A channel and a socket that carry the same."""

    def __init__(self, channel, s):
        s.setblocking(False)
        self.channel, self.socket, self.is_open = channel, s, [True, True]

    def pump(self):
        buffer = ctypes.create_string_buffer(16384)
        if self.is_open[0]:
            try:
                data = self.socket.recv(16384)
                if data:
                    lib().ssh_channel_write(self.channel, data, len(data))
                else:
                    self.is_open[0] = False
                    lib().ssh_channel_send_eof(self.channel)
            except BlockingIOError:
                pass
        count = lib().ssh_channel_read_nonblocking(self.channel, buffer, len(buffer), 0)
        if count > 0:
            self.socket.setblocking(True)
            self.socket.sendall(buffer.raw[:count])
            self.socket.setblocking(False)
        elif self.is_open[1] and lib().ssh_channel_is_eof(self.channel):
            self.is_open[1] = False
            self.socket.close()
            self.is_open[0] = False
            lib().ssh_channel_close(self.channel)
        return any(self.is_open)


def local(key, address, listen, target, port, *algorithms):
    ssh = session(key, address, algorithms)
    server = socket.create_server(("127.0.0.1", int(listen)))
    server.setblocking(False)
    pairs = []
    while True:
        try:
            s, peer = server.accept()
            channel = ctypes.c_void_p(lib().ssh_channel_new(ssh))
            check(lib().ssh_channel_open_forward(channel, target.encode(), int(port), peer[0].encode(), peer[1]), ssh)
            pairs.append(Pair(channel, s))
        except BlockingIOError:
            time.sleep(0.002)
        pairs = [pair for pair in pairs if pair.pump()]


def remote(key, address, listen, target, port, *algorithms):
    ssh = session(key, address, algorithms)
    check(lib().ssh_channel_listen_forward(ssh, b"127.0.0.1", int(listen), None), ssh)
    pairs = []
    while True:
        channel = lib().ssh_channel_accept_forward(ssh, 0 if pairs else 20, None)
        if channel:
            pairs.append(Pair(ctypes.c_void_p(channel), socket.create_connection((target, int(port)))))
        time.sleep(0.002)
        pairs = [pair for pair in pairs if pair.pump()]


def run(key, address, *algorithms):
    ssh = session(key, address, algorithms)
    buffer = ctypes.create_string_buffer(16384)
    for command in (b"id; uname -a", b"ls -la /etc", b"cat", b"head -c 30000 /dev/zero"):
        channel = ctypes.c_void_p(lib().ssh_channel_new(ssh))
        check(lib().ssh_channel_open_session(channel), ssh)
        check(lib().ssh_channel_request_exec(channel, command), ssh)
        for n in range(8 if command == b"cat" else 0):
            line = b"%0*d\n" % (n * 9 + 3, n)
            lib().ssh_channel_write(channel, line, len(line))
            lib().ssh_channel_read(channel, buffer, len(buffer), 0)
        lib().ssh_channel_send_eof(channel)
        while lib().ssh_channel_read(channel, buffer, len(buffer), 0) > 0:
            pass
        lib().ssh_channel_close(channel)
        time.sleep(0.1)
    lib().ssh_disconnect(ssh)


def serve(port, hostkey):
    bind = ctypes.c_void_p(lib().ssh_bind_new())
    check(lib().ssh_bind_options_set(bind, BIND_PORT, port.encode()))
    check(lib().ssh_bind_options_set(bind, BIND_HOSTKEY, hostkey.encode()))
    check(lib().ssh_bind_listen(bind))
    while True:
        ssh = ctypes.c_void_p(lib().ssh_new())
        check(lib().ssh_bind_accept(bind, ssh))
        if lib().ssh_handle_key_exchange(ssh) == 0:
            attend(ssh)


def attend(ssh):
    lib().ssh_set_blocking(ssh, 0)
    pairs, channels = [], []
    while lib().ssh_is_connected(ssh):
        message = lib().ssh_message_get(ssh)
        if message:
            answer(ctypes.c_void_p(message), pairs, channels)
        else:
            time.sleep(0.002)
        pairs = [pair for pair in pairs if pair.pump()]


def answer(message, pairs, channels):
    kind, what = lib().ssh_message_type(message), lib().ssh_message_subtype(message)
    if kind == AUTH and what == PUBLICKEY:
        if lib().ssh_message_auth_publickey_state(message) == STATE_NONE:
            lib().ssh_message_auth_reply_pk_ok_simple(message)
        else:
            lib().ssh_message_auth_reply_success(message, 0)
    elif kind == OPEN:
        target = lib().ssh_message_channel_request_open_destination(message) if what == DIRECT else None
        port = lib().ssh_message_channel_request_open_destination_port(message) if target else 0
        channel = ctypes.c_void_p(lib().ssh_message_channel_request_open_reply_accept(message))
        if target:
            pairs.append(Pair(channel, socket.create_connection((target.decode(), port))))
        channels.append(channel)
    elif kind == CHANNEL and what == EXEC:
        command = lib().ssh_message_channel_request_command(message)
        lib().ssh_message_channel_request_reply_success(message)
        out, channel = subprocess.run(command, shell=True, capture_output=True, stdin=subprocess.DEVNULL).stdout, channels[-1]
        lib().ssh_channel_write(channel, out, len(out))
        lib().ssh_channel_request_send_exit_status(channel, 0)
        lib().ssh_channel_send_eof(channel)
        lib().ssh_channel_close(channel)
    elif kind == SERVICE:
        lib().ssh_message_service_reply_success(message)
    else:
        if kind == AUTH:
            lib().ssh_message_auth_set_methods(message, PUBLICKEY)
        lib().ssh_message_reply_default(message)
    lib().ssh_message_free(message)


def session2(key, address, algorithms):
    import ssh2.session
    from ssh2.session import LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC, LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC

    ssh = ssh2.session.Session()
    cipher, *macs = algorithms
    for method in (LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC):
        ssh.method_pref(method, cipher)
    for mac in macs:
        for method in (LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC):
            ssh.method_pref(method, mac)
    ssh.handshake(socket.create_connection((address, 22)))
    ssh.userauth_publickey_fromfile("root", key)
    return ssh


def local2(key, address, listen, target, port, *algorithms):
    ssh = session2(key, address, algorithms)
    server = socket.create_server(("127.0.0.1", int(listen)))
    while True:
        s, peer = server.accept()
        ssh.set_blocking(True)
        channel = ssh.direct_tcpip_ex(target, int(port), peer[0], peer[1])
        ssh.set_blocking(False)
        s.settimeout(0.002)
        while not channel.eof():
            try:
                data = s.recv(16384)
                if not data:
                    break
                while data:
                    count = channel.write(data)[1]
                    data = data[max(count, 0):]
            except TimeoutError:
                pass
            count, data = channel.read(16384)
            if count > 0:
                s.sendall(data)
        s.close()
        ssh.set_blocking(True)
        channel.close()


def run2(key, address, *algorithms):
    ssh = session2(key, address, algorithms)
    for command in ("id; uname -a", "ls -la /etc", "head -c 30000 /dev/zero"):
        channel = ssh.open_session()
        channel.execute(command)
        while channel.read(16384)[0] > 0:
            pass
        channel.close()
        time.sleep(0.1)
    ssh.disconnect()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
