"""The key `cloudevents`: whether a message goes out as a CloudEvent 1.0, and as which."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw

Mode = Literal["binary", "structured"]

# What the core sets itself; `data` and `data_base64` are the JSON format's own members.
_OWN_ATTRIBUTES = frozenset(
    "specversion id source type subject time datacontenttype dataschema data data_base64 "
    "traceparent tracestate".split()
)
_NAME = r"[a-z0-9]{1,20}"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
# RFC 3986: a scheme or no colon before the first slash, and no character that needs escaping.
_URI_LETTER = r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})"
_URI_REFERENCE = rf"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:)){_URI_LETTER}*(?:#{_URI_LETTER}*)?"

Text = Annotated[str, Meta(extra={"templates": True})]
# CloudEvents has these three; its numbers are whole and have 32 bits. The rest is text.
Value = bool | Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | Text


class CloudEvents(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The message as a CloudEvent."""

    mode: Annotated[
        Mode | None,
        Meta(
            description="binary: attributes as headers; structured: all in a JSON body. "
            "Default: binary, over NATS structured"
        ),
    ] = None
    type: Annotated[
        Text | None,
        Meta(description="Default: dev.chronos.job.fired.v1, of a notice dev.chronos.job.ended.v1"),
    ] = None
    source: Annotated[
        Text | None, Meta(description="URI reference. Default: /chronos/jobs/ and the job ID")
    ] = None
    extensions: Annotated[
        dict[str, Value],
        Meta(
            description="Further attributes; names of a-z and 0-9, such as partitionkey. Whole "
            "numbers, true and false keep their types where the protocol has them"
        ),
    ] = {}

    def flaws(self) -> Iterator[Flaw]:
        """Yield what CloudEvents does not allow, where it is no template."""
        for name, text in (("type", self.type), ("source", self.source)):
            if text is not None and not isinstance(text, Template):
                yield from _text_flaws((name,), text)
                if not text:
                    yield Flaw((name,), "must not be empty")
        source = self.source
        is_given = source is not None and not isinstance(source, Template)
        if source is not None and is_given and not re.fullmatch(_URI_REFERENCE, source):
            hint = "for example /billing/jobs or https://example.com/jobs"
            yield Flaw(("source",), f"'{source[:60]}' is not a URI reference", hint)
        for name, value in self.extensions.items():
            yield from _extension_flaws(name, value)


def event_settings(value: Mode | CloudEvents) -> CloudEvents:
    """Return the settings that a job's key stands for."""
    return value if isinstance(value, CloudEvents) else CloudEvents(mode=value)


def header_flaws(names: Iterable[str], mode: Mode, prefix: str) -> Iterator[Flaw]:
    """Yield which of a job's own headers would make another event, or none, of the message.

    `prefix` is that of the headers with the attributes, in any case of letters.
    """
    for name in names:
        is_type = name.lower() == "content-type" and mode == "structured"
        if is_type or name.lower().startswith(prefix.lower()):
            message = f"header '{name[:40]}' belongs to the CloudEvent"
            yield Flaw(("headers", name), message, "remove it, or 'cloudevents'")


def _extension_flaws(name: str, value: Value) -> Iterator[Flaw]:
    path = ("extensions", name)
    if not re.fullmatch(_NAME, name):
        hint = "1 to 20 of a-z and 0-9"
        yield Flaw(path, f"'{name[:40]}' is not the name of an attribute", hint)
    elif name in _OWN_ATTRIBUTES:
        yield Flaw(path, f"attribute '{name}' is set by chronos", "remove it")
    if isinstance(value, str) and not isinstance(value, Template):
        yield from _text_flaws(path, value)


def _text_flaws(path: tuple[str, ...], text: str) -> Iterator[Flaw]:
    if re.search(_CONTROL, text):
        yield Flaw(path, "has a line break or another character that CloudEvents forbids")
