"""CloudEvents 1.0.2: the attributes of one attempt's event, and the JSON form of all of it."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from chronos_cli.dispatch.templates import Context, render
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.cloudevents import CloudEvents, Mode, event_settings
from chronos_cli.jobs.model import Target
from chronos_cli.problems import format_path

STRUCTURED_TYPE = "application/cloudevents+json; charset=utf-8"
FIRED, ENDED = "dev.chronos.job.fired.v1", "dev.chronos.job.ended.v1"

_JSON_TYPE = re.compile(r"(application|text)/json|[^;]+\+json")
_TEXT_TYPE = re.compile(rf"text/.*|application/xml|{_JSON_TYPE.pattern}")
_CHARSET = re.compile(r';\s*charset="?([^";\s]*)')
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
_PLAIN_LETTERS = frozenset(map(chr, range(0x21, 0x7F))) - {'"', "%"}


@dataclass(frozen=True, slots=True)
class Event:
    """One attempt's message as a CloudEvent.

    `attributes` have the names of the specification, in its order. `data` is the payload as it
    is encoded without an envelope.
    """

    mode: Mode
    attributes: dict[str, str]
    data: bytes

    @property
    def is_structured(self) -> bool:
        """Whether the message's body holds the attributes too."""
        return self.mode == "structured"

    def headers(self, prefix: str) -> dict[str, str]:
        """Return the attributes as headers; `datacontenttype` is the message's content type.

        A structured event has none: its attributes are in the body.
        """
        if self.is_structured:
            return {}
        return {
            prefix + name: value
            for name, value in self.attributes.items()
            if name != "datacontenttype"
        }

    def body(self) -> bytes:
        """Return the event in the JSON format, the data as JSON, text or base64."""
        attributes = json.dumps(self.attributes, ensure_ascii=False, separators=(",", ":"))
        return f"{attributes[:-1]},{self._data_member()}}}".encode()

    def text(self) -> str | None:
        """Return the data when its content type says that it is text, in UTF-8."""
        content_type = self.attributes["datacontenttype"].lower()
        is_text = _TEXT_TYPE.fullmatch(_media_type(content_type))
        charset = _CHARSET.search(content_type)
        if not is_text or (charset and charset[1] not in _UTF_8):
            return None
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None

    def _data_member(self) -> str:
        if _JSON_TYPE.fullmatch(_media_type(self.attributes["datacontenttype"])):
            # As it was encoded: decoded and encoded again, numbers and order might change.
            if (text := _as_json(self.data)) is not None:
                return f'"data":{text}'
        elif (text := self.text()) is not None:
            return f'"data":{json.dumps(text, ensure_ascii=False)}'
        return f'"data_base64":"{b64encode(self.data).decode()}"'


def percent_encoded(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with their values as the HTTP binding writes them (3.1.3.2)."""
    return {name: "".join(map(_encoded_letter, value)) for name, value in headers.items()}


def event_of(
    context: Context, target: Target, trace: Mapping[str, str], data: bytes, content_type: str
) -> Event | None:
    """Return the event of one attempt, or None when the job sends plain messages.

    `target` is rendered, `data` the payload as it is encoded. Raises RejectedError when a
    template fails, or brings in what CloudEvents does not allow.
    """
    execution = context.execution
    wanted = event_settings(execution.job.spec.cloudevents)
    if wanted is None:
        return None
    settings: CloudEvents = render(wanted, context)
    for flaw in settings.flaws():
        where = format_path(("cloudevents", *flaw.path))
        raise RejectedError(f"after rendering: {where}: {flaw.message}", code="TEMPLATE")
    job = execution.job
    attributes = {
        "specversion": "1.0",
        "id": execution.id,
        "source": settings.source or f"/chronos/jobs/{job.id}",
        "type": settings.type or (FIRED if execution.outcome is None else ENDED),
        "subject": job.id,
        "time": execution.scheduled_time.isoformat(),
        "datacontenttype": content_type,
        **trace,
        **settings.extensions,
    }
    if (key := target.partition_key(job.id)) is not None:
        attributes["partitionkey"] = key
    return Event(settings.mode or target.event_mode, attributes, data)


def _encoded_letter(letter: str) -> str:
    if letter in _PLAIN_LETTERS:
        return letter
    return "".join(f"%{byte:02X}" for byte in letter.encode())


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _as_json(data: bytes) -> str | None:
    """Return data as JSON text in UTF-8, or None when it is none."""
    try:
        text = data.decode()
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
