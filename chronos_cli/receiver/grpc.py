"""A gRPC receiver on grpc.aio: takes `JobService/Execute`, and describes itself by reflection."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_cli.protocols.grpc.mapping import parsed
from chronos_cli.protocols.grpc.protoc import compile_files
from chronos_cli.protocols.grpc.reflection import METHOD, SERVICES, message_type
from chronos_cli.protocols.grpc.rendering import as_data, message_class
from chronos_cli.protocols.grpc.schema import Schema, well_known

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

SERVICE = "chronos.v1.JobService"
_PROTO = Path(__file__).parent / "job_service.proto"
_NOT_FOUND = 5


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """A call as it came in: its path, its metadata in order, the request as JSON data."""

    method: str
    metadata: list[tuple[str, str | bytes]]
    request: dict[str, Any]


OnCall = Callable[[ReceivedCall], Awaitable[None]]


class GrpcReceiver:
    """Listens on an address until it is closed; `on_call` is told of each call, then it is OK."""

    def __init__(self, on_call: OnCall) -> None:
        self._on_call = on_call
        self._server: grpc.aio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port, which the system chooses when `port` is 0.

        Raises OSError when the address cannot be had.
        """
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        import grpc

        # Two receivers must not share a port, each getting half of the calls.
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers(_handlers(self._on_call))
        shown = f"[{host}]" if ":" in host else host
        try:
            bound = self._server.add_insecure_port(f"{shown}:{port}")
        except RuntimeError as error:
            raise OSError(f"cannot listen on {shown}:{port}") from error
        if bound == 0:
            raise OSError(f"cannot listen on {shown}:{port}")
        await self._server.start()
        return bound

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            await self._server.stop(None)


def _handlers(on_call: OnCall) -> "tuple[grpc.GenericRpcHandler, ...]":
    import grpc

    files = compile_files([str(_PROTO)], [str(_PROTO.parent)])
    execute: Any = grpc.unary_unary_rpc_method_handler(
        partial(_execute, Schema(files, _PROTO.name), on_call)
    )
    handlers = [grpc.method_handlers_generic_handler(SERVICE, {"Execute": execute})]
    reflect: Any = grpc.stream_stream_rpc_method_handler(partial(_reflect, files))
    handlers += [grpc.method_handlers_generic_handler(name, {METHOD: reflect}) for name in SERVICES]
    return tuple(handlers)


async def _execute(
    schema: Schema, on_call: OnCall, raw: bytes, context: "grpc.aio.ServicerContext[Any, Any]"
) -> bytes:
    import grpc
    from google.protobuf.message import DecodeError

    method = schema.method(SERVICE, "Execute")
    try:
        request = as_data(message_class(method.request).FromString(raw), method.pool)
    except DecodeError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"not an ExecuteRequest: {error}")
    metadata = [(str(key), value) for key, value in context.invocation_metadata() or ()]
    await on_call(ReceivedCall(method.path, metadata, request))
    reply = {"accepted": True, "execution_id": request.get("execution_id", "")}
    return parsed(method.reply, reply, method.pool).SerializeToString()


async def _reflect(
    files: "list[FileDescriptorProto]",
    questions: AsyncIterator[bytes],
    context: "grpc.aio.ServicerContext[Any, Any]",  # noqa: ARG001 - the library hands it over
) -> AsyncIterator[bytes]:
    async for raw in questions:
        question: Any = message_type("Request").FromString(raw)
        answer: Any = message_type("Response")(valid_host=question.host, original_request=question)
        found: FileDescriptorProto | None = None
        if question.file_by_filename:
            found = _by_name(files, question.file_by_filename)
        elif question.file_containing_symbol:
            found = _by_symbol(files, question.file_containing_symbol)
        else:
            for name in (SERVICE, *SERVICES):
                answer.list_services_response.service.add(name=name)
            yield answer.SerializeToString()
            continue
        if found is None:
            answer.error_response.error_code = _NOT_FOUND
            answer.error_response.error_message = "not found"
        else:
            answer.file_descriptor_response.file_descriptor_proto.append(found.SerializeToString())
        yield answer.SerializeToString()


def _by_name(files: "list[FileDescriptorProto]", name: str) -> "FileDescriptorProto | None":
    return next((file for file in files if file.name == name), None) or well_known(name)


def _by_symbol(files: "list[FileDescriptorProto]", symbol: str) -> "FileDescriptorProto | None":
    for file in files:
        names = [one.name for one in file.service] + [one.name for one in file.message_type]
        methods = [f"{one.name}.{method.name}" for one in file.service for method in one.method]
        if symbol in {f"{file.package}.{name}" for name in names + methods}:
            return file
    return None
