"""SSH clients that are not OpenSSH: asyncssh and paramiko.

usage: ssh.py asyncssh_local KEY ADDRESS LISTEN TARGET TARGETPORT CIPHER [MAC]
       ssh.py asyncssh_socks KEY ADDRESS LISTEN CIPHER [MAC]
       ssh.py asyncssh_remote KEY ADDRESS LISTEN TARGET TARGETPORT CIPHER [MAC]
       ssh.py asyncssh_run KEY ADDRESS CIPHER [MAC]
       ssh.py asyncssh_called KEY PORT HOSTKEY
       ssh.py paramiko_local KEY ADDRESS LISTEN TARGET TARGETPORT
       ssh.py paramiko_run KEY ADDRESS
"""
import asyncio
import socket
import sys
import threading
import time


def session(key, address, algorithms):
    import asyncssh

    ciphers, *macs = algorithms
    options = dict(username="root", client_keys=[key], known_hosts=None, encryption_algs=[ciphers], config=None)
    if macs:
        options["mac_algs"] = macs
    host, _, port = address.partition(":")
    return asyncssh.connect(host, port=int(port or 22), **options)


def asyncssh_local(key, address, listen, target, port, *algorithms):
    async def run():
        async with session(key, address, algorithms) as conn:
            await conn.forward_local_port("127.0.0.1", int(listen), target, int(port))
            await conn.wait_closed()

    asyncio.run(run())


def asyncssh_socks(key, address, listen, *algorithms):
    async def run():
        async with session(key, address, algorithms) as conn:
            await conn.forward_socks("127.0.0.1", int(listen))
            await conn.wait_closed()

    asyncio.run(run())


def asyncssh_remote(key, address, listen, target, port, *algorithms):
    async def run():
        async with session(key, address, algorithms) as conn:
            await conn.forward_remote_port("127.0.0.1", int(listen), target, int(port))
            await conn.wait_closed()

    asyncio.run(run())


def asyncssh_run(key, address, *algorithms):
    """Commands one after the other, two at once, a file up and down."""
    import os

    async def run():
        async with session(key, address, algorithms) as conn:
            await conn.run("id; uname -a")
            await asyncio.gather(conn.run("ls -la /etc"), conn.run("sleep 0.3; df"))
            process = await conn.create_process("cat")
            for _ in range(8):
                process.stdin.write(os.urandom(30).hex() + "\n")
                await process.stdout.readline()
            process.stdin.write_eof()
            await process.wait()
            async with conn.start_sftp_client() as sftp:
                await sftp.listdir("/etc")
                await sftp.get("/etc/services", "/dev/null")

    asyncio.run(run())


def asyncssh_called(key, port, hostkey):
    """Waits to be called, and then is the client: the side that opens is the server."""
    import asyncssh

    async def run():
        done = asyncio.Event()

        async def use(conn):
            for command in ("id", "uname -a", "ls /etc"):
                await conn.run(command)
                await asyncio.sleep(0.3)
            done.set()

        await asyncssh.listen_reverse("", int(port), acceptor=use, username="root", client_keys=[key], known_hosts=None, config=None)
        await done.wait()
        await asyncio.sleep(0.5)

    asyncio.run(run())


def asyncssh_calls(address, port, hostkey, authorized):
    """Calls out, and is the server there."""
    import asyncssh

    async def shell(process):
        import subprocess

        out = subprocess.run(process.command, shell=True, capture_output=True, text=True).stdout
        process.stdout.write(out)
        process.exit(0)

    async def run():
        async with asyncssh.connect_reverse(address, int(port), server_host_keys=[hostkey], authorized_client_keys=authorized, process_factory=shell) as conn:
            await conn.wait_closed()

    asyncio.run(run())


def paramiko_session(key, address):
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(address, username="root", key_filename=key, allow_agent=False, look_for_keys=False)
    return client


def paramiko_local(key, address, listen, target, port):
    transport = paramiko_session(key, address).get_transport()
    server = socket.create_server(("127.0.0.1", int(listen)))

    def pump(read, write, close):
        while data := read(16384):
            write(data)
        close()

    while True:
        s, peer = server.accept()
        channel = transport.open_channel("direct-tcpip", (target, int(port)), peer)
        threading.Thread(target=pump, args=(s.recv, channel.sendall, channel.shutdown_write), daemon=True).start()
        threading.Thread(target=pump, args=(channel.recv, s.sendall, s.close), daemon=True).start()


def paramiko_run(key, address):
    client = paramiko_session(key, address)
    for command in ("id", "uname -a", "ls -la /etc", "df"):
        client.exec_command(command)[1].read()
    sftp = client.open_sftp()
    sftp.listdir("/etc")
    sftp.open("/etc/services").read()
    shell = client.invoke_shell()
    for line in ("id", "ls", "uname -a"):
        for letter in line + "\r":
            shell.send(letter)
            time.sleep(0.1)
        time.sleep(0.4)
    client.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
