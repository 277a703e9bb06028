"""Many POSTs with aiohttp: http_many URL COUNT CONCURRENCY."""

import aiohttp

from tests.benchmarks.bare.workers import at_once, main


async def script(url: str, count: str, concurrency: str) -> None:
    connector = aiohttp.TCPConnector(limit=int(concurrency))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send(number: int) -> None:
            async with session.post(url, json={"report": "daily", "number": number}) as answer:
                answer.raise_for_status()
                await answer.read()

        await at_once(int(count), int(concurrency), send)


main(script)
