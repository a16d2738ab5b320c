"""Random bytes over QUIC (aioquic): some for some, a stream each.

usage: quic.py server PORT CERT KEY
       quic.py client ADDRESS PORT STREAMS
"""
import asyncio
import os
import random
import ssl
import sys

from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration


async def answer(reader, writer):
    data = await reader.read()
    writer.write(os.urandom(100 + data[-1] * 9))
    writer.write_eof()


async def server(port, cert, key):
    settings = QuicConfiguration(is_client=False, alpn_protocols=["lab"])
    settings.load_cert_chain(cert, key)
    tasks = set()

    def handle(reader, writer):
        task = asyncio.ensure_future(answer(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    await serve("0.0.0.0", int(port), configuration=settings, stream_handler=handle)
    await asyncio.Event().wait()


async def client(address, port, streams):
    dice = random.Random(2)
    settings = QuicConfiguration(alpn_protocols=["lab"], server_name="web.example.test", verify_mode=ssl.CERT_NONE)
    async with connect(address, int(port), configuration=settings) as session:
        for _ in range(int(streams)):
            reader, writer = await session.create_stream()
            writer.write(os.urandom(dice.choice((40, 300, 900))))
            writer.write_eof()
            assert await reader.read()
            await asyncio.sleep(dice.uniform(0.05, 0.4))


asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
