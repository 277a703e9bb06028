"""Lines over TCP: one JSON object a line, which the far side answers with `ok` or a reason."""

import asyncio
import json
from base64 import b64encode
from contextlib import closing
from typing import Annotated, Any

from msgspec import Meta

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Plugin, Preview, Receipt
from chronos_cli.dispatch.steps import Steps
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
        await exchange(self._settings, delivery, {"body": b64encode(delivery.body).decode()})
        return Receipt(code="ok")

    async def preview(self, delivery: Delivery[Line]) -> Preview:
        shown = list(headers(delivery).items())
        return Preview(delivery.target.describe(), shown, delivery.body.decode(errors="replace"))

    async def close(self) -> None:
        pass  # no connection outlives its message


async def check(settings: LineSettings, delivery: Delivery[Line], steps: Steps) -> None:
    with steps.step("answer"):  # to a line that the far side does not keep
        await exchange(settings, delivery, {"check": True})


async def exchange(settings: LineSettings, delivery: Delivery[Line], line: dict[str, Any]) -> None:
    target, limit = delivery.target, settings.max_answer
    text = json.dumps({"headers": headers(delivery), **line})
    try:
        reader, writer = await asyncio.open_connection(target.host, target.port, limit=limit)
        with closing(writer):  # also when the time is over, which is a cancellation
            writer.write(text.encode() + b"\n")
            answer = await reader.readuntil(b"\n")
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise UnreachableError(f"{target.describe()}: {error!r}") from error
    said = answer.decode(errors="replace").strip()
    if said != "ok":
        raise RejectedError(f"{target.describe()} said: {said}", code="REFUSED")


def headers(delivery: Delivery[Line]) -> dict[str, str]:
    more = {"Token": token} if (token := delivery.target.token) else {}
    return {**delivery.metadata, "Content-Type": delivery.content_type, **more}


plugin = Plugin(
    key="line",
    protocol="line",
    target=Line,
    settings=LineSettings,
    dispatcher=LineDispatcher,
    check=check,
)
