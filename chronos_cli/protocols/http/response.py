"""A response, read up to a limit and judged."""

import asyncio
import re
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.http.expect import HttpExpect
from chronos_cli.redact import excerpt
from chronos_cli.units import format_duration

# Of a response's body no more is read; the report says that it was cut.
MAX_BODY = 64 * 1024
_LONGEST_REASON = 200

# Those that are met with, less the codecs of Python that a hostile far side could make slow.
_CHARSET = (
    r"""charset=["']?(utf-?8|utf-?16|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-r|shift_jis|"""
    r"""euc-jp|euc-kr|gb2312|gbk|gb18030|big5)["']?\s*(?:;|$)"""
)

_RETRY_AFTER_STATUSES = frozenset({429, 503})
# "Not now": the same request may well succeed later (RFC 9110, 15.5.9; RFC 8470; RFC 6585).
_NOT_NOW = frozenset({408, 425, 429})


class Answer(Struct, frozen=True):
    """A response with at most MAX_BODY bytes of its body; header names in lower case."""

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    is_whole: bool

    def header(self, name: str) -> str | None:
        """Return the first header of a name, given in lower case."""
        return next((value for other, value in self.headers if other == name), None)

    @property
    def text(self) -> str:
        """The body as text, in the charset that its content type names, else in UTF-8."""
        kind = self.header("content-type") or ""
        found = re.search(_CHARSET, kind, re.IGNORECASE) if "charset" in kind.lower() else None
        try:
            text = self.body.decode(found[1] if found else "utf-8", errors="replace")
        except LookupError:  # iso-8859-12 is none
            text = self.body.decode(errors="replace")
        # A character that was cut is none.
        return (text if self.is_whole else text.rstrip("\ufffd")).lstrip("\ufeff")


class _Gunzip:
    """Decodes gzip up to a limit: a few kilobytes can stand for gigabytes.

    A body may be of several members, one behind the other (RFC 1952, 2.2).
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._has_begun = False

    @property
    def is_cut(self) -> bool:
        """Whether a member has begun and not ended."""
        return self._has_begun and not self._member.eof

    def decode(self, chunk: bytes, room: int) -> bytes:
        """Return at most `room` bytes; what is beyond is lost. Raises zlib.error."""
        decoded = b""
        while chunk and len(decoded) < room:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            self._has_begun = True
            decoded += self._member.decompress(chunk, room - len(decoded))
            chunk = self._member.unused_data
        return decoded


class AnswerReader:
    """Reads a response, by the pieces in which it comes."""

    def __init__(
        self, status: int, reason: str, version: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        self._status = status
        self._reason = reason
        self._version = version
        self._headers = [(name.decode("latin-1"), _header_text(value)) for name, value in headers]
        packing = next((value for name, value in self._headers if name == "content-encoding"), "")
        self._decoder = _Gunzip() if packing.lower() in {"gzip", "x-gzip"} else None
        self._body = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Take a piece of the body; return whether more is wanted.

        Raises UnreachableError when its compression is broken.
        """
        room = MAX_BODY + 1 - len(self._body)
        try:
            self._body += self._decoder.decode(chunk, room) if self._decoder else chunk[:room]
        except zlib.error as error:
            raise UnreachableError(f"the response's gzip is broken: {error}") from error
        return len(self._body) <= MAX_BODY

    def answer(self) -> Answer:
        """Return the response; UnreachableError when its compression has no end."""
        is_whole = len(self._body) <= MAX_BODY
        if self._decoder is not None and self._decoder.is_cut and is_whole:
            raise UnreachableError("the response's gzip is broken: it ends too early")
        return Answer(
            status=self._status,
            reason=excerpt(self._reason, _LONGEST_REASON),
            version=self._version,
            headers=self._headers,
            body=bytes(self._body[:MAX_BODY]),
            is_whole=is_whole,
        )


def _header_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def unmet_expectation(expect: HttpExpect, answer: Answer) -> str | None:
    """Return which expectation beside the status an answer does not meet, in words."""
    if expect.body is None:
        return expect.unmet(answer.headers, answer.text)
    # A search that takes its time must hold nobody else up.
    return await asyncio.to_thread(expect.unmet, answer.headers, answer.text)


def judged(
    expect: HttpExpect,
    answer: Answer,
    unmet: str | None,
    details: dict[str, Any],
    mask: Callable[[str], str],
) -> Receipt:
    """Return the receipt of an expected response; raise what any other one means.

    `unmet` is the expectation beside the status that it does not meet. `details` go into the
    receipt; `mask` takes secrets out of what came back, before it is cut.
    """
    status = answer.status
    body = mask(answer.text)
    receipt: dict[str, Any] = {"status": status, "body": body, **details}
    if not answer.is_whole:
        receipt["body_truncated"] = True
    message = f"{status} {answer.reason}".strip()
    if expect.has_status(status):
        if unmet is None:
            return Receipt(code=str(status), data=receipt)
        message += f", but {mask(unmet)}"
        if not answer.is_whole:
            message += f" (of the body {MAX_BODY // 1024} KiB are read)"
        message += _excerpt(answer, mask)
        raise RejectedError(message, code=str(status), receipt=receipt, kind="expectation")
    if expect.is_particular:
        message += f", expected {expect.status_words()}"
    if 300 <= status < 400 and (location := answer.header("location")):
        message += f"; redirect to {excerpt(mask(location), 200)} not followed"
    raise _unexpected(answer, message + _excerpt(answer, mask), receipt)


def is_not_now(status: int) -> bool:
    """Whether a status means that the same request may succeed later."""
    return status in _NOT_NOW or 500 <= status < 600


def _unexpected(answer: Answer, message: str, receipt: dict[str, Any]) -> DispatchError:
    status = answer.status
    if is_not_now(status):
        after = None
        if status in _RETRY_AFTER_STATUSES:
            after = retry_after(answer.header("retry-after"), datetime.now(UTC))
        if after is not None:
            message += f"; it asks us to wait {format_duration(after)} (Retry-After)"
        return UnreachableError(message, code=str(status), retry_after=after, receipt=receipt)
    return RejectedError(message, code=str(status), receipt=receipt, kind="expectation")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3), or None."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _excerpt(answer: Answer, mask: Callable[[str], str]) -> str:
    """Return the beginning of a body for a message; of a page, what a browser would show."""
    text = answer.text
    if text.lstrip()[:1] == "<" and "html" in (answer.header("content-type") or text[:200]).lower():
        from chronos_cli.protocols.http.page import shown  # only for pages

        text = shown(text)
    words = excerpt(mask(text), 160)
    return f": {words}" if words else ""
