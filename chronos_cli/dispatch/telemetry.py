"""Spans for whoever collects traces: one an execution and one an attempt, by OpenTelemetry's SDK.

Imported only where the environment asks for it. The SDK reads its own variables: endpoint,
headers, compression, certificates, sampler, resource, limits. What fails in it is one warning, and
fails nothing else.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from msgspec import structs
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator

from chronos_cli import __version__
from chronos_cli.clock import Clock
from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.dispatch.registry import Registry
from chronos_cli.dispatch.spans import MessageSpan
from chronos_cli.dispatch.trace import Trace
from chronos_cli.jobs.model import Target
from chronos_cli.redact import Redactor, excerpt

T = TypeVar("T")

# How long the last spans may take at the end, in seconds.
_LAST_SPANS = 1.0
_LONGEST_REASON = 300
# The conventions that names of spans and attributes follow.
_SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_EPOCH = datetime.fromtimestamp(0, UTC)
_KINDS = {
    "client": api.SpanKind.CLIENT,
    "internal": api.SpanKind.INTERNAL,
    "producer": api.SpanKind.PRODUCER,
}
_SAMPLED, _RANDOM = 0x01, 0x02


class Telemetry:
    """Passes spans on to the collector that the environment names, beside what goes on.

    `warn` is called at most once, in the event loop that `__init__` is called in.
    """

    def __init__(self, clock: Clock, redactor: Redactor, warn: Callable[[str], None]) -> None:
        self._clock = clock
        self._registry = Registry()
        self._redactor = redactor
        self._warnings = _Warnings(asyncio.get_running_loop(), warn)
        self._ids = _GivenIds()
        # No handler at exit: it would wait for a collector that does not answer.
        self._provider = TracerProvider(
            resource=_resource(), shutdown_on_exit=False, id_generator=self._ids
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("chronos", __version__, _SCHEMA)

    def begin(self, execution: Execution) -> "ExecutionSpan":
        """Begin the span of an execution."""
        return ExecutionSpan(self, execution, self._clock)

    async def close(self) -> None:
        """Pass on what is left, for a second at most."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A daemon, as all threads of the SDK: the process does not wait for it.
        threading.Thread(target=shut_down, daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), _LAST_SPANS)
        except TimeoutError:
            self._warnings.tell(
                f"the collector did not take the last spans within {_LAST_SPANS:g} s"
            )

    def start(
        self,
        shown: MessageSpan,
        parent: Trace,
        span_id: str | None,
        began: datetime,
    ) -> api.Span:
        """Start a span below that of `parent`, if this has one."""
        assert span_id is not None
        self._ids.trace_id, self._ids.span_id = int(parent.trace_id, 16), int(span_id, 16)
        try:
            return self._tracer.start_span(
                self._masked(shown.name),
                context=_context(parent),
                kind=_KINDS[shown.kind],
                attributes={key: self._masked(one) for key, one in shown.attributes.items()},
                start_time=_nanoseconds(began),
            )
        except Exception as error:  # noqa: BLE001 - what a sampler does must stop no dispatch
            self._warnings.tell(f"{type(error).__name__}: {error}")
            return api.INVALID_SPAN

    def message_span(
        self, key: str, target: Target, code: str | None, receipt: Mapping[str, Any]
    ) -> MessageSpan:
        """Return what a protocol tells of an attempt; one that fails in it tells nothing."""
        found = None
        with suppress(foreign.PluginError, ImportError):
            if tell := self._registry.kind(key).span:
                found = foreign.call(lambda: tell(target, code, receipt))
        return found if isinstance(found, MessageSpan) else MessageSpan(name="send")

    def end(
        self, span: api.Span, status: Status, code: str | None, message: str, ended: datetime
    ) -> None:
        """End a span with what came of it."""
        span.set_attribute("chronos.status", status.value)
        if status.is_failure:
            span.set_attribute("error.type", self._masked(code or status.value))
            span.set_status(api.StatusCode.ERROR, self._masked(message))
        span.end(_nanoseconds(ended))

    def _masked(self, value: T) -> T | str:
        """Return a value without secrets; a text as one that UTF-8 can hold."""
        if not isinstance(value, str):
            return value
        return self._redactor.text(value).encode(errors="replace").decode()


class ExecutionSpan:
    """The span of an execution under way. `execution` is the same, within that span."""

    def __init__(self, telemetry: Telemetry, execution: Execution, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        trace = execution.trace.attempt()
        name = f"{'execute' if execution.outcome is None else 'notify'} {execution.job.id}"
        shown = MessageSpan(name=name, kind="internal", attributes=_of_execution(execution))
        self._span = telemetry.start(shown, execution.trace, trace.span_id, clock.now())
        sampled = self._span.get_span_context().trace_flags & _SAMPLED
        flags = int(trace.flags, 16) & _RANDOM | sampled
        trace = structs.replace(trace, flags=f"{flags:02x}")
        self.execution = structs.replace(execution, trace=trace)

    def attempted(
        self,
        attempt: Attempt,
        began: datetime,
        trace: Trace,
        target: Target,
        receipt: Mapping[str, Any],
    ) -> None:
        """Take in an attempt that has ended; `trace` is the context that was sent with it."""
        shown = self._telemetry.message_span(self.execution.job.key, target, attempt.code, receipt)
        own = {**_of_execution(self.execution), "chronos.attempt": attempt.number}
        shown = structs.replace(shown, attributes={**own, **shown.attributes})
        span = self._telemetry.start(shown, self.execution.trace, trace.span_id, began)
        ended = began + timedelta(milliseconds=attempt.duration_ms)
        self._telemetry.end(span, attempt.status, attempt.code, attempt.message, ended)

    def end(self, outcome: Outcome) -> None:
        """Take in how the execution ended."""
        self._span.set_attribute("chronos.attempts", len(outcome.attempts))
        self._telemetry.end(
            self._span, outcome.status, outcome.code, outcome.message, self._clock.now()
        )


class _GivenIds(IdGenerator):
    """Gives the span that starts next the IDs that were sent to the far side."""

    trace_id = span_id = 0

    def generate_span_id(self) -> int:
        return self.span_id

    def generate_trace_id(self) -> int:
        return self.trace_id


class _Warnings(logging.Handler):
    """Takes what the SDK logs, from whatever thread, and tells of the first alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._loop = loop
        self._warn = warn
        self._has_told = False
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.tell, record.getMessage())

    def tell(self, reason: str) -> None:
        if not self._has_told:
            self._has_told = True
            self._warn(f"OpenTelemetry: {excerpt(reason, _LONGEST_REASON)}")


def _resource() -> Resource:
    """Return what the environment says of the service; its name is ours if it gives none."""
    own = {"service.version": __version__}
    if "service.name" not in OTELResourceDetector().detect().attributes:
        own["service.name"] = "chronos"
    return Resource.create(own)


def _context(parent: Trace) -> Context:
    if parent.span_id is None:
        return Context()
    context = api.SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=api.TraceFlags(int(parent.flags, 16)),
        trace_state=api.TraceState.from_header([parent.state or ""]),
    )
    return api.set_span_in_context(api.NonRecordingSpan(context), Context())


def _of_execution(execution: Execution) -> dict[str, str]:
    job = execution.job
    return {
        "chronos.job.id": job.id,
        "chronos.execution.id": execution.id,
        "chronos.scheduled_time": execution.scheduled_time.isoformat(),
        "chronos.protocol": job.protocol,
        **{f"chronos.tag.{name}": value for name, value in job.spec.tags.items()},
    }


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
