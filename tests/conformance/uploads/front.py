"""A TLS front of our server that lets one upload of a part fail.

    python3 front.py PORT UPSTREAM_PORT CERTIFICATE KEY FAULT

SDKs speak https to the host that the server names. The second PUT that passes is broken off after
some of its bytes, as a lost connection would (FAULT is `cut`), or answered with 503 and not passed
on (`busy`).
"""

import asyncio
import itertools
import re
import ssl
import sys

port, upstream, certificate, key, fault = sys.argv[1:]
puts = itertools.count(1)
PIECE = 256 * 1024


async def refuse(source, data, client):
    """Reads a request to its end and answers that the server is busy."""
    while b"\r\n\r\n" not in data:
        data += await source.read(PIECE)
    head, body = data.split(b"\r\n\r\n", 1)
    left = int(re.search(rb"content-length: *(\d+)", head, re.I)[1]) - len(body)
    while left > 0:
        left -= len(await source.read(min(left, PIECE)))
    client.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")


async def pass_on(source, target, client=None):
    """Passes on what comes; `client` is who sends, where one of its requests may fail."""
    try:
        while data := await source.read(PIECE):
            if client and data.startswith(b"PUT ") and next(puts) == 2:
                if fault == "cut":
                    target.write(data + await source.read(100))
                    client.transport.abort()
                    break
                await refuse(source, data, client)
                continue
            target.write(data)
            await target.drain()
    except OSError:
        pass
    target.close()


async def serve(source, client):
    answers, server = await asyncio.open_connection("127.0.0.1", int(upstream))
    await asyncio.gather(pass_on(source, server, client), pass_on(answers, client))


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with await asyncio.start_server(serve, "127.0.0.1", int(port), ssl=context) as server:
        print("ready", flush=True)
        await server.serve_forever()


asyncio.run(main())
