"""A response, read up to a limit and judged."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.dispatcher import Receipt
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.http_expect import Expect

if TYPE_CHECKING:
    import httpx

# Of a response's body no more is read; the report says that it was cut.
MAX_BODY = 64 * 1024

_RETRY_AFTER_STATUSES = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with at most MAX_BODY bytes of its body."""

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    is_whole: bool

    def header(self, name: str) -> str | None:
        """Return the first header of a name, given in lower case."""
        return next((value for other, value in self.headers if other.lower() == name), None)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


async def read(response: "httpx.Response") -> Answer:
    """Read a response; UnreachableError when its compression is broken.

    Decoding is bounded too: a few kilobytes of gzip can stand for gigabytes.
    """
    is_gzip = response.headers.get("content-encoding", "").lower() in {"gzip", "x-gzip"}
    decoder = zlib.decompressobj(wbits=31) if is_gzip else None
    body = b""
    async for chunk in response.aiter_raw():
        room = MAX_BODY + 1 - len(body)
        try:
            body += decoder.decompress(chunk, room) if decoder else chunk[:room]
        except zlib.error as error:
            raise UnreachableError(f"the response's gzip is broken: {error}") from error
        if len(body) > MAX_BODY:
            break
    return Answer(
        status=response.status_code,
        reason=response.reason_phrase,
        version=response.http_version,
        headers=response.headers.multi_items(),
        body=body[:MAX_BODY],
        is_whole=len(body) <= MAX_BODY,
    )


def judged(
    expect: Expect, answer: Answer, details: dict[str, Any], mask: Callable[[str], str]
) -> Receipt:
    """Return the receipt of an expected response; raise what any other one means.

    `details` go into the receipt; `mask` takes secrets out of what came back, before it is cut.
    """
    status = answer.status
    body = mask(answer.text)
    receipt: dict[str, Any] = {"status": status, "body": body, **details}
    if not answer.is_whole:
        receipt["body_truncated"] = True
    message = f"{status} {answer.reason}".strip()
    if expect.has_status(status):
        unmet = expect.unmet(answer.headers, answer.text)
        if unmet is None:
            return Receipt(code=str(status), data=receipt)
        message += f", but {mask(unmet)}"
        if not answer.is_whole:
            message += f" (of the body {MAX_BODY // 1024} KiB are read)"
        message += _excerpt(body)
        raise RejectedError(message, code=str(status), receipt=receipt, kind="expectation")
    if 300 <= status < 400 and (location := answer.header("location")):
        message += f"; redirect to {mask(location)[:200]} not followed"
    raise _unexpected(answer, message + _excerpt(body), receipt)


def _unexpected(answer: Answer, message: str, receipt: dict[str, Any]) -> DispatchError:
    status = answer.status
    if status == 429 or status >= 500:
        after = None
        if status in _RETRY_AFTER_STATUSES:
            after = retry_after(answer.header("retry-after"), datetime.now(UTC))
        return UnreachableError(message, code=str(status), retry_after=after, receipt=receipt)
    return RejectedError(message, code=str(status), receipt=receipt, kind="expectation")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3), or None."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _excerpt(body: str) -> str:
    words = " ".join(body[:400].split())[:160]
    return f": {words}" if words else ""
