"""A collector of traces, by OTLP over HTTP: reads the protobuf that arrives (OTLP 1.x)."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from tests.servers.web import Reply, Seen, Web, serving


@dataclass
class Span:
    """A span as it arrived; the IDs in hex, as in `traceparent`."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    attributes: dict[str, Any]
    is_error: bool
    message: str
    resource: dict[str, Any]


@dataclass
class Collector:
    """A collector that is running."""

    web: Web

    @property
    def url(self) -> str:
        return self.web.url

    @property
    def spans(self) -> list[Span]:
        """What has arrived, the first to begin first."""
        found = [span for request in self.web.seen for span in _spans(request)]
        return sorted(found, key=lambda span: span.began)


@contextmanager
def collecting() -> Iterator[Collector]:
    def answer(seen: Seen) -> Reply:
        return Reply(headers={"Content-Type": "application/x-protobuf"}, body=b"")

    with serving(answer) as web:
        yield Collector(web)


def _spans(request: Seen) -> Iterator[Span]:
    assert (request.method, request.path) == ("POST", "/v1/traces")
    assert request.headers["content-type"] == "application/x-protobuf"
    zipped = request.headers.get("content-encoding") == "gzip"
    read = ExportTraceServiceRequest.FromString(
        gzip.decompress(request.body) if zipped else request.body
    )
    for of_resource in read.resource_spans:
        for of_scope in of_resource.scope_spans:
            assert of_scope.scope.name == "chronos"
            for span in of_scope.spans:
                yield _span(span, _values(of_resource.resource.attributes))


def _span(span: ProtoSpan, resource: dict[str, Any]) -> Span:
    return Span(
        name=span.name,
        kind=ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        attributes=_values(span.attributes),
        is_error=span.status.code == 2,
        message=span.status.message,
        resource=resource,
    )


def _values(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "") for pair in pairs}
