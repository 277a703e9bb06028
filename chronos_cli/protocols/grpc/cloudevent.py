"""CloudEvents over gRPC: the event in its protobuf format is the request itself."""

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.cloudevents import Event
from chronos_cli.errors import RejectedError
from chronos_cli.protocols.grpc.mapping import parsed
from chronos_cli.protocols.grpc.schema import Method

if TYPE_CHECKING:
    from google.protobuf.message import Message

CLOUD_EVENT = "io.cloudevents.v1.CloudEvent"
# The required attributes are fields; all others are in a map.
_FIELDS = {"id": "id", "source": "source", "specversion": "spec_version", "type": "type"}


def event_message(method: Method, event: Event) -> "Message":
    """Return an event as the request of a method that takes one; RejectedError if it does not.

    Both modes are the same here: gRPC has no headers that the format would use.
    """
    if method.request.full_name != CLOUD_EVENT:
        message = (
            f"{method.path.lstrip('/')} takes a {method.request.full_name}; with 'cloudevents' "
            f"it must take an {CLOUD_EVENT}"
        )
        raise RejectedError(message, code="CLOUDEVENTS")
    data: dict[str, Any] = {field: event.attribute(name) for name, field in _FIELDS.items()}
    data["attributes"] = {
        name: {"ce_timestamp" if name == "time" else _member(value): value}
        for name, value in event.attributes.items()
        if name not in _FIELDS
    }
    if (text := event.text()) is not None:
        data["text_data"] = text
    else:
        data["binary_data"] = b64encode(event.data).decode()
    return parsed(method.request, data, method.pool)


def _member(value: str | int | bool) -> str:
    """Return the member of CloudEventAttributeValue that a value goes in."""
    if isinstance(value, bool):
        return "ce_boolean"
    return "ce_integer" if isinstance(value, int) else "ce_string"
