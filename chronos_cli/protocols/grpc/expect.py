"""The `expect:` block of a call: what must come back for the dispatch to have succeeded."""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from chronos_cli.problems import Flaw
from chronos_cli.protocols.jsonpath import difference, path_flaws

_STATUSES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
    "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE "
    "UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split()
# The client itself reports these when nobody has answered: they can never prove success.
_AMBIGUOUS = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"})


class GrpcExpect(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What status and reply must be for the dispatch to have succeeded."""

    status: Annotated[
        str | list[str],
        Meta(description="A gRPC status name such as OK or ALREADY_EXISTS, or more"),
    ] = "OK"
    reply: Annotated[
        dict[str, Any],
        Meta(
            description="JSONPath and the value there, in the reply; of a stream, in one reply",
            examples=[{"$.status": "SERVING"}],
        ),
    ] = {}

    @property
    def names(self) -> list[str]:
        """The expected statuses."""
        return [self.status] if isinstance(self.status, str) else self.status

    def unmet(self, reply: Any) -> str | None:
        """Return the first expectation that a reply does not meet, in words.

        The reply is JSON data with every field in it, those that have their default too.
        """
        return difference(self.reply, reply)

    def flaws(self) -> Iterator[Flaw]:
        """Yield what does not exist or cannot be read, proves nothing, or is never looked at."""
        path = ("expect", "status")
        for name in self.names:
            if name not in _STATUSES:
                yield Flaw(path, f"'{name[:40]}' is not a gRPC status", ", ".join(_STATUSES))
            elif name in _AMBIGUOUS:
                message = f"{name} cannot be expected: it is also what an absent server looks like"
                yield Flaw(path, message)
        if not self.names:
            yield Flaw(path, "no status is expected, so none could succeed")
        yield from path_flaws(self.reply, "expect", "reply")
        if self.reply and self.names and "OK" not in self.names:
            message = "a reply is expected, but not the status OK, which alone brings one"
            yield Flaw(("expect", "reply"), message, "add OK to expect.status, or remove 'reply'")
