"""One message to NATS, by hand: nats_one.py URL SUBJECT."""

import asyncio
import sys

from nats.aio.client import Client


async def main(url: str, subject: str) -> None:
    client = Client()
    await client.connect(url, allow_reconnect=False)
    await client.publish(subject, b"one")
    await client.flush()
    await client.close()


asyncio.run(main(*sys.argv[1:]))
