"""JetStream's interface, as far as it is used here, over one link."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.cluster.link import Link, NoAnswerError
from chronos_cli.errors import StateError

# How long an answer is waited for that may be asked for again, and how long until then, in seconds.
_PATIENCE, _PAUSE = (1.0, 1.0, 3.0), 0.05
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
# Codes of JetStream's errors.
NO_MESSAGE, NO_STREAM, NO_CONSUMER = 10037, 10059, 10014
_WRONG_SEQUENCE = frozenset((10071, 10164))
STORE_FAILED, WRONG_STREAM = 10077, 10060
# Nobody leads the servers for the moment.
_NO_MAJORITY = 10008
_PER_SUBJECT = "maximum messages per subject"


class RefusedError(StateError):
    """JetStream said no: `code` is as of HTTP, `number` JetStream's own."""

    def __init__(self, code: int, number: int, text: str) -> None:
        super().__init__(f"JetStream: {text} ({number})")
        self.code, self.number, self.text = code, number, text

    @property
    def is_wrong_sequence(self) -> bool:
        """Whether the subject's last message is another one than was expected."""
        return self.number in _WRONG_SEQUENCE

    @property
    def is_taken(self) -> bool:
        """Whether the subject has a message already.

        By the words too: the number alone also stands for a full stream.
        """
        return self.is_wrong_sequence or (self.number == STORE_FAILED and _PER_SUBJECT in self.text)


class Stored(Struct, frozen=True):
    """A message that the stream has taken; `duplicate` when it had it before."""

    seq: int
    duplicate: bool = False


class StoredMessage(Struct, frozen=True):
    """A message of a stream, and when it was stored, by the clock of its leader then."""

    subject: str
    seq: int
    time: datetime
    data: bytes
    headers: dict[str, str]


class Api:
    """Requests to JetStream; each raises NoAnswerError, NoRightError or RefusedError."""

    def __init__(self, link: Link) -> None:
        self.link = link
        # When a majority of the servers last stored something for us, monotonic.
        self.last_stored = time.monotonic()

    async def call(self, subject: str, body: Any = None, limit: float = 5.0) -> dict[str, Any]:
        """Send a request of JetStream's own interface; return the answer."""
        data = b"" if body is None else msgspec.json.encode(body)
        reply = await self.link.request(f"$JS.API.{subject}", data, limit=limit)
        return _answer(reply.data)

    async def store(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None = None, limit: float = 5
    ) -> Stored:
        """Publish into the stream of a subject; return when it is stored."""
        reply = await self.link.request(subject, body, encoded(headers or {}), limit)
        answer = _answer(reply.data)
        self.last_stored = time.monotonic()
        return Stored(answer.get("seq", 0), bool(answer.get("duplicate")))

    async def last(self, stream: str, subject: str) -> StoredMessage | None:
        """Return the last message of a subject, as the stream's leader has it."""
        return await self._get(stream, {"last_by_subj": subject})

    async def at(self, stream: str, seq: int) -> StoredMessage | None:
        """Return a message by its number."""
        return await self._get(stream, {"seq": seq})

    async def each(self, stream: str, subject: str, seq: int = 1) -> AsyncIterator[StoredMessage]:
        """Yield every message of a subject, which may have wildcards, from a number on."""
        while found := await self._get(stream, {"seq": seq, "next_by_subj": subject}):
            yield found
            seq = found.seq + 1

    async def _get(self, stream: str, wanted: dict[str, Any]) -> StoredMessage | None:
        try:
            answer = await self._asked(f"STREAM.MSG.GET.{stream}", wanted)
        except RefusedError as error:
            if error.number == NO_MESSAGE:
                return None
            raise
        return _message(answer["message"])

    async def _asked(self, subject: str, body: Any) -> dict[str, Any]:
        """Ask what may be asked twice; while a stream has no leader, a question is not answered."""
        for limit in _PATIENCE[:-1]:
            with suppress(NoAnswerError):
                return await self.call(subject, body, limit)
            await asyncio.sleep(_PAUSE)
        return await self.call(subject, body, _PATIENCE[-1])


def encoded(headers: Mapping[str, str]) -> bytes:
    """Return headers as they go out (ADR-4 of NATS); nothing in them may break the line."""
    if not headers:
        return b""
    lines = [f"{name}: {' '.join(value.splitlines())}" for name, value in headers.items()]
    return "\r\n".join(["NATS/1.0", *lines, "", ""]).encode()


def _answer(data: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise NoAnswerError(f"an answer that cannot be read: {data[:80]!r}") from error
    if found := answer.get("error"):
        if found.get("err_code") == _NO_MAJORITY:
            raise NoAnswerError(f"JetStream: {found.get('description')} ({_NO_MAJORITY})")
        raise RefusedError(
            found.get("code", 0), found.get("err_code", 0), str(found.get("description", ""))
        )
    return answer


def _message(found: dict[str, Any]) -> StoredMessage:
    lines = base64.b64decode(found.get("hdrs") or "").decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return StoredMessage(
        found["subject"],
        found["seq"],
        moment_of(found["time"]),
        base64.b64decode(found.get("data") or ""),
        {name: value.strip() for name, _, value in pairs},
    )


def moment_of(text: str) -> datetime:
    """Read a server's time, which may have nine decimals and an offset; return it in UTC."""
    head, _, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if digits else ""
    whole = f"{head}.{digits[:6].ljust(6, '0')}{zone}" if digits else text
    return datetime.fromisoformat(whole).astimezone(UTC)
