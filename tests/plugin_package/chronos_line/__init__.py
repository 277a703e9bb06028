"""Lines over TCP: one JSON object a line, which the far side answers with `ok` or a reason."""

import asyncio
import json
from base64 import b64encode
from typing import Annotated

from msgspec import Meta

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Plugin, Preview, Receipt
from chronos_cli.errors import RejectedError, UnreachableError
from chronos_cli.jobs.model import Settings, Target


class Line(Target, kw_only=True, frozen=True):
    """The target block `line`."""

    host: Annotated[str, Meta(description="Name or address")]
    port: Annotated[int, Meta(ge=1, le=65535, description="TCP port")]
    token: Annotated[str | None, Meta(description="What the far side knows us by")] = None

    def describe(self) -> str:
        return f"{self.host}:{self.port}"


class LineSettings(Settings, kw_only=True, frozen=True):
    """`dispatcher.line` in chronos.yaml."""

    max_answer: Annotated[int, Meta(ge=16, description="Bytes of an answer")] = 1000


class LineDispatcher:
    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings

    async def send(self, delivery: Delivery[Line]) -> Receipt:
        target, limit = delivery.target, self._settings.max_answer
        body = b64encode(delivery.body).decode()
        line = json.dumps({"headers": headers(delivery), "body": body})
        try:
            reader, writer = await asyncio.open_connection(target.host, target.port, limit=limit)
            try:
                writer.write(line.encode() + b"\n")
                answer = await reader.readuntil(b"\n")
            finally:  # also when the time is over, which is a cancellation
                writer.close()
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            name = type(error).__name__
            raise UnreachableError(f"{target.describe()}: {name}: {error}", code=name) from error
        said = answer.decode(errors="replace").strip()
        if said != "ok":
            raise RejectedError(f"{target.describe()} said: {said}", code="REFUSED")
        return Receipt(code="ok")

    async def preview(self, delivery: Delivery[Line]) -> Preview:
        shown = list(headers(delivery).items())
        return Preview(delivery.target.describe(), shown, delivery.body.decode(errors="replace"))

    async def close(self) -> None:
        pass  # no connection outlives its message


def headers(delivery: Delivery[Line]) -> dict[str, str]:
    token = delivery.target.token
    more = {"Token": token} if token else {}
    return {**delivery.metadata, "Content-Type": delivery.content_type, **more}


plugin = Plugin(
    key="line", protocol="line", target=Line, settings=LineSettings, dispatcher=LineDispatcher
)
