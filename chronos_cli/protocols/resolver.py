"""Names to addresses, in a way that can be called off."""

import asyncio
import socket
import threading


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host in the order to try them; raises OSError.

    asyncio's own way asks in a pool whose threads are waited for at exit, up to half a minute
    when no name server answers. A daemon thread is left to itself.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def ask() -> None:
        found: list[str] = []
        error: Exception | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except UnicodeError:
            error = socket.gaierror(socket.EAI_NONAME, "not a host name")
        except OSError as failure:
            error = failure
        try:
            loop.call_soon_threadsafe(settle, found, error)
        except RuntimeError:
            return  # the loop has ended: nobody asks any more

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    return await answer
