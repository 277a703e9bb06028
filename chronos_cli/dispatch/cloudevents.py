"""CloudEvents 1.0.2: the attributes of one attempt's event, and the JSON form of all of it.

The specification's own package encodes them; it is imported by jobs that send events, and by no
others.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chronos_cli.dispatch.templates import Context, render
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.cloudevents import CloudEvents, Mode
from chronos_cli.jobs.model import Target
from chronos_cli.problems import format_path

if TYPE_CHECKING:
    from cloudevents.core.v1.event import CloudEvent

STRUCTURED_TYPE = "application/cloudevents+json; charset=utf-8"
FIRED, ENDED = "dev.chronos.job.fired.v1", "dev.chronos.job.ended.v1"

_JSON_TYPE = r"(application|text)/json|[^;]+\+json"
_TEXT_TYPE = rf"text/.*|application/xml|{_JSON_TYPE}"
_CHARSET = r';\s*charset="?([^";\s]*)'
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})


class Event(Struct, frozen=True):
    """One attempt's message as a CloudEvent.

    `attributes` have the names of the specification, in its order. `data` is the payload as it
    is encoded without an envelope.
    """

    mode: Mode
    attributes: dict[str, str | int | bool]
    data: bytes

    @property
    def is_structured(self) -> bool:
        """Whether the message's body holds the attributes too."""
        return self.mode == "structured"

    def attribute(self, name: str) -> str:
        """Return an attribute in the canonical form of text (CloudEvents 1.0.2, type system)."""
        value = self.attributes[name]
        return str(value).lower() if isinstance(value, bool) else str(value)

    def as_text(self) -> "CloudEvent":
        """Return the event as the package knows it, without data and all attributes as text."""
        return self._described({name: self.attribute(name) for name in self.attributes}, None)

    def _described(self, attributes: Mapping[str, Any], data: bytes | None) -> "CloudEvent":
        from cloudevents.core.v1.event import CloudEvent

        time = datetime.fromisoformat(self.attribute("time"))
        return CloudEvent({**attributes, "time": time}, data)

    def body(self) -> bytes:
        """Return the event in the JSON format, the data as JSON, text or base64."""
        from cloudevents.core.formats.json import JSONFormat

        data = self._data_text()
        if data is None:
            return JSONFormat().write(self._described(self.attributes, self.data))
        # The package knows fewer content types of JSON, and no null. As it was encoded: decoded
        # and encoded again, numbers and order might change.
        head = JSONFormat().write(self._described(self.attributes, None)).decode()
        return f'{head[:-1]}, "data": {data}}}'.encode()

    def text(self) -> str | None:
        """Return the data when its content type says that it is text, in UTF-8."""
        content_type = self.attribute("datacontenttype").lower()
        is_text = re.fullmatch(_TEXT_TYPE, _media_type(content_type))
        charset = re.search(_CHARSET, content_type)
        if not is_text or (charset and charset[1] not in _UTF_8):
            return None
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None

    def _data_text(self) -> str | None:
        """Return the data as JSON writes it, where it is JSON or a text; None for mere bytes."""
        if re.fullmatch(_JSON_TYPE, _media_type(self.attribute("datacontenttype"))):
            return _as_json(self.data)
        text = self.text()
        return None if text is None else json.dumps(text, ensure_ascii=False)


def event_of(
    context: Context, target: Target, trace: Mapping[str, str], data: bytes, content_type: str
) -> Event | None:
    """Return the event of one attempt, or None when the job sends plain messages.

    `target` is rendered, `data` the payload as it is encoded. Raises RejectedError when a
    template fails, or brings in what CloudEvents does not allow.
    """
    execution = context.execution
    job = execution.job
    if job.event is None:
        return None
    settings: CloudEvents = render(job.event, context)
    for flaw in settings.flaws():
        where = format_path(("cloudevents", *flaw.path))
        raise RejectedError(f"after rendering: {where}: {flaw.message}", code="TEMPLATE")
    attributes: dict[str, str | int | bool] = {
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
    assert settings.mode is not None  # filled in when the job was loaded
    return Event(settings.mode, attributes, data)


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
