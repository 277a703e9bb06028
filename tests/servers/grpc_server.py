"""A real gRPC server with bad manners, run as a process of its own.

It is built on grpcio's own server, with grpcio-reflection for reflection. `/test.Seen/List` tells
what came in, as JSON. The first line on stdout is the port.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import _async as reflection
from grpc_reflection.v1alpha import reflection_pb2
from grpc_tools import protoc

HERE = Path(__file__).parent
PROTOS = [
    str(HERE / f"{name}.proto") for name in ("behaviour", "twin", "events", "boxes", "hidden")
]
GOOD = "Bearer the-right-token"
VERSIONS = {
    "v1": "grpc.reflection.v1.ServerReflection",
    "v1alpha": "grpc.reflection.v1alpha.ServerReflection",
}


def descriptors(path: Path) -> DescriptorPool:
    well_known = str(Path(protoc.__file__).parent / "_proto")
    flags = [f"-I{HERE}", f"-I{well_known}", "--include_imports", f"--descriptor_set_out={path}"]
    assert protoc.main(["protoc", *flags, *PROTOS]) == 0
    pool = DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file:
        pool.Add(file)
    health_file = descriptor_pb2.FileDescriptorProto()
    health_pb2.DESCRIPTOR.CopyToProto(health_file)
    pool.Add(health_file)
    return pool


class Behaviour:
    def __init__(self, pool: DescriptorPool) -> None:
        self.pool = pool
        self.seen: list[dict[str, Any]] = []
        self.taken = self.type("test.v1.Taken")

    def type(self, name: str) -> Any:
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def note(self, method: str, request: Any, context: Any) -> None:
        metadata = [
            [k, v.hex() if isinstance(v, bytes) else v] for k, v in context.invocation_metadata()
        ]
        data = json_format.MessageToDict(
            request, preserving_proto_field_name=True, descriptor_pool=self.pool
        )
        call = {"remaining": context.time_remaining(), "peer": context.peer()}
        self.seen.append({"method": method, "metadata": metadata, "request": data, **call})

    async def take(self, request: Any, context: Any) -> Any:
        self.note("Take", request, context)
        return self.taken(accepted=True, number=2**40)

    async def free(self, request: Any, context: Any) -> Any:
        sent = dict(context.invocation_metadata()).get("authorization", GOOD)
        if sent != GOOD:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        self.note("Free", request, context)
        return self.taken(accepted=True)

    async def event(self, request: Any, context: Any) -> Any:
        self.note("Event", request, context)
        return self.taken(accepted=True)

    async def status(self, order: Any, context: Any) -> Any:
        self.note("Status", order, context)
        trailers: list[tuple[str, Any]] = []
        if order.pushback:
            trailers.append(("grpc-retry-pushback-ms", order.pushback))
        if order.details:
            trailers.append(("grpc-status-details-bin", bytes.fromhex(order.details)))
        code = next(code for code in grpc.StatusCode if code.value[0] == order.code)
        await context.abort(code, order.message, tuple(trailers))

    async def flaky(self, request: Any, context: Any) -> Any:
        self.note("Flaky", request, context)
        if sum(one["method"] == "Flaky" for one in self.seen) == 1:
            pushback = (("grpc-retry-pushback-ms", "300"),)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet", pushback)
        return self.taken(accepted=True)

    async def large(self, order: Any, context: Any) -> Any:
        self.note("Large", order, context)
        return self.taken(blob=b"x" * order.size)

    async def silent(self, request: Any, context: Any) -> Any:
        self.note("Silent", request, context)
        await asyncio.sleep(3600)

    async def broken(self, request: Any, context: Any) -> bytes:
        self.note("Broken", request, context)
        return b"\x0a\xff\xff"

    async def count(self, order: Any, context: Any) -> Any:
        self.note("Count", order, context)
        for number in range(order.size):
            yield self.taken(number=number)
        if order.code:
            await context.abort(grpc.StatusCode.DATA_LOSS, order.message)

    async def echo(self, box: Any, context: Any) -> Any:
        self.seen.append({"method": "Echo"})
        return box

    async def echo_each(self, box: Any, context: Any) -> Any:
        for one in box.inner:
            yield one

    async def seen_so_far(self, raw: bytes, context: Any) -> bytes:
        return json.dumps(self.seen).encode()

    def handlers(self) -> list[Any]:
        def unary(method: Any, name: str, *, raw: bool = False) -> Any:
            return grpc.unary_unary_rpc_method_handler(
                method,
                self.type(name).FromString,
                None if raw else (lambda message: message.SerializeToString()),
            )

        everything, order = "test.v1.Everything", "test.v1.Order"
        methods = {
            "Take": unary(self.take, everything),
            "Free": unary(self.free, "google.protobuf.Struct"),
            "Status": unary(self.status, order),
            "Flaky": unary(self.flaky, everything),
            "Large": unary(self.large, order),
            "Silent": unary(self.silent, everything),
            "Broken": unary(self.broken, everything, raw=True),
            "Count": grpc.unary_stream_rpc_method_handler(
                self.count, self.type(order).FromString, lambda one: one.SerializeToString()
            ),
        }
        events = {"Take": unary(self.event, "io.cloudevents.v1.CloudEvent")}
        boxes = {
            "Echo": unary(self.echo, "test.v1.Box"),
            "EchoEach": grpc.unary_stream_rpc_method_handler(
                self.echo_each,
                self.type("test.v1.Box").FromString,
                lambda one: one.SerializeToString(),
            ),
        }
        listing: Any = {"List": grpc.unary_unary_rpc_method_handler(self.seen_so_far, None, None)}
        return [
            grpc.method_handlers_generic_handler("test.v1.Behaviour", methods),
            grpc.method_handlers_generic_handler("test.v1.Events", events),
            grpc.method_handlers_generic_handler("test.v1.Boxes", boxes),
            grpc.method_handlers_generic_handler("test.Seen", listing),
        ]


class Reflection(reflection.ReflectionServicer):  # type: ignore[misc]  # it has no types
    lacking = ""

    async def ServerReflectionInfo(self, questions: Any, context: Any) -> Any:  # noqa: N802
        async for answer in super().ServerReflectionInfo(questions, context):
            if self.lacking:
                self._drop(answer)
            yield answer

    def _drop(self, answer: Any) -> None:
        if answer.original_request.file_by_filename == self.lacking:
            answer.error_response.error_code = 5
            return
        files = answer.file_descriptor_response.file_descriptor_proto
        parse = descriptor_pb2.FileDescriptorProto.FromString
        kept = [raw for raw in files if parse(raw).name != self.lacking]
        if len(kept) != len(files):
            del files[:]
            files.extend(kept)


class Health(health.aio.HealthServicer):  # type: ignore[misc]  # it has no types
    """Asks who calls, as servers do that look at each call."""

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        if dict(context.invocation_metadata()).get("authorization", GOOD) != GOOD:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        return await super().Check(request, context)


async def unavailable(questions: Any, context: Any) -> Any:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "no upstream")
    yield b""


def reflections(mode: str, pool: DescriptorPool) -> list[Any]:
    names = [
        "test.v1.Behaviour",
        "test.v1.Boxes",
        "test.v1.Twin",
        "test.v2.Twin",
        "grpc.health.v1.Health",
    ]
    servicer = Reflection(names, pool=pool)
    servicer.lacking = "common.proto" if mode == "incomplete" else ""
    honest = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    broken: Any = grpc.stream_stream_rpc_method_handler(unavailable, None, None)
    by_mode = {
        "none": {},
        "v1": {"v1": honest},
        "v1alpha": {"v1alpha": honest},
        "proxied": {"v1": broken, "v1alpha": honest},
        "incomplete": {"v1": honest},
    }
    return [
        grpc.method_handlers_generic_handler(VERSIONS[version], {"ServerReflectionInfo": handler})
        for version, handler in by_mode[mode].items()
    ]


def credentials(options: argparse.Namespace) -> Any:
    pair = (Path(options.key).read_bytes(), Path(options.certificate).read_bytes())
    client_ca = Path(options.client_ca).read_bytes() if options.client_ca else None
    return grpc.ssl_server_credentials([pair], client_ca, client_ca is not None)


async def serve(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pool = descriptors(Path(options.protoset or f"{folder}/set"))
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 * 2**20)])
    handlers = [*Behaviour(pool).handlers(), *reflections(options.reflection, pool)]
    server.add_generic_rpc_handlers(tuple(handlers))
    healthy = Health()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    address = options.unix or f"127.0.0.1:{options.port}"
    if options.certificate:
        port = server.add_secure_port(address, credentials(options))
    else:
        port = server.add_insecure_port(address)
    await server.start()
    await healthy.set("", health_pb2.HealthCheckResponse.SERVING)
    await healthy.set("down", health_pb2.HealthCheckResponse.NOT_SERVING)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--reflection", default="v1")
    parser.add_argument("--port", type=int, default=0)
    for name in ("--unix", "--protoset", "--certificate", "--key", "--client-ca"):
        parser.add_argument(name)
    asyncio.run(serve(parser.parse_args()))
