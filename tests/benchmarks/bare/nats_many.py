"""Many messages into JetStream with nats-py: nats_many URL SUBJECT COUNT CONCURRENCY."""

from nats.aio.client import Client

from tests.benchmarks.bare.workers import at_once, main


async def script(url: str, subject: str, count: str, concurrency: str) -> None:
    client = Client()
    await client.connect(url, allow_reconnect=False)
    stream = client.jetstream()

    async def send(number: int) -> None:
        body = b'{"report": "daily", "number": %d}' % number
        await stream.publish(subject, body, headers={"Nats-Msg-Id": str(number)})

    await at_once(int(count), int(concurrency), send)
    await client.close()


main(script)
