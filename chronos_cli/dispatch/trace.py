"""Trace context (W3C Trace Context, level 1): one trace an execution, one parent ID an attempt."""

import os
import re
from collections.abc import Mapping

from msgspec import Struct, structs

TRACE_HEADERS = ("traceparent", "tracestate")

# Compiled when first used, as all patterns: every start would pay for it.
_TRACEPARENT = r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
# Sampled, and random (level 2); the other flags have no meaning that could be passed on.
_KNOWN_FLAGS = 0x03
_VENDOR = r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_TRACESTATE = rf"[ \t]*{_VENDOR}[ \t]*(,[ \t]*({_VENDOR}[ \t]*)?){{0,31}}"
_LONGEST_STATE = 512


class Trace(Struct, frozen=True):
    """Where in a trace something belongs: below the span that `span_id` names, if it is known.

    All attempts of an execution share all of it but that.
    """

    trace_id: str
    flags: str = "01"
    state: str | None = None
    span_id: str | None = None

    @classmethod
    def start(cls) -> "Trace":
        """Begin a trace of our own."""
        return cls(_random_hex(16))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Trace":
        """Continue the trace in TRACEPARENT and TRACESTATE when it is valid, else begin one."""
        parent = environment.get("TRACEPARENT")
        match = re.fullmatch(_TRACEPARENT, parent) if parent else None
        if match is None or not _is_valid(match):
            return cls.start()
        state = environment.get("TRACESTATE", "")
        is_valid = len(state) <= _LONGEST_STATE and re.fullmatch(_TRACESTATE, state)
        flags = f"{int(match[4], 16) & _KNOWN_FLAGS:02x}"
        return cls(match[2], flags, state if is_valid else None, match[3])

    def attempt(self) -> "Trace":
        """Return the context of one attempt, which has a span of its own."""
        return structs.replace(self, span_id=_random_hex(8))

    def headers(self) -> dict[str, str]:
        """Return the headers that tell the far side of this context, whose span is known."""
        headers = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{self.flags}"}
        if self.state is not None:
            headers["tracestate"] = self.state
        return headers


def collects_traces(environment: Mapping[str, str]) -> bool:
    """Whether the environment names somebody who collects traces (OpenTelemetry's variables)."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "").strip() not in {"", "otlp"}:
        return False
    return bool(
        environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    )


def _random_hex(count: int) -> str:
    return os.urandom(count).hex()


def _is_valid(match: re.Match[str]) -> bool:
    version, trace_id, parent_id = match[1], match[2], match[3]
    if version == "ff" or (version == "00" and match[5]):
        return False
    return trace_id != "0" * 32 and parent_id != "0" * 16
