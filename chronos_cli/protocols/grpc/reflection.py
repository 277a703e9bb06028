"""Server reflection: the messages, which v1 and v1alpha share, and an asynchronous client."""

from functools import cache
from typing import TYPE_CHECKING, Any

from chronos_cli.errors import UnreachableError

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.message import Message

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
METHOD = "ServerReflectionInfo"

_PACKAGE = "chronos.reflection"
# Message → fields: name, number, type (a message of this table when it begins with a capital),
# repeated or not. The wire knows no package, so these stand for both versions of the protocol.
_MESSAGES: dict[str, list[tuple[str, int, str, bool]]] = {
    "Request": [
        ("host", 1, "string", False),
        ("file_by_filename", 3, "string", False),
        ("file_containing_symbol", 4, "string", False),
        ("list_services", 7, "string", False),
    ],
    "Response": [
        ("valid_host", 1, "string", False),
        ("original_request", 2, "Request", False),
        ("file_descriptor_response", 4, "Files", False),
        ("list_services_response", 6, "Services", False),
        ("error_response", 7, "Error", False),
    ],
    "Files": [("file_descriptor_proto", 1, "bytes", True)],
    "Services": [("service", 1, "Service", True)],
    "Service": [("name", 1, "string", False)],
    "Error": [("error_code", 1, "int32", False), ("error_message", 2, "string", False)],
}


@cache
def message_type(name: str) -> "type[Message]":
    """Return the class of a reflection message: Request or Response."""
    from google.protobuf.message_factory import GetMessageClass

    return GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> Any:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

    file = FileDescriptorProto(name="chronos/reflection.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            field = declared.field.add(name=name, number=number)
            field.label = (
                FieldDescriptorProto.LABEL_REPEATED
                if repeated
                else FieldDescriptorProto.LABEL_OPTIONAL
            )
            if kind in _MESSAGES:
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
            else:
                field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    pool = DescriptorPool()
    pool.Add(file)
    return pool


class ReflectionClient:
    """Asks one version of a server's reflection; raises gRPC's own errors."""

    def __init__(
        self, channel: "grpc.aio.Channel", service: str, address: str, **options: Any
    ) -> None:
        # The method takes a stream of questions. Called with a single one, everything leaves in
        # one go: a second write could meet a call that the server has already ended, which
        # grpc.aio turns into an INTERNAL of its own and so hides the server's status.
        self._call: Any = channel.unary_stream(f"/{service}/{METHOD}")
        self._address = address
        self._options = options

    async def services(self) -> list[str]:
        """Return the full names of all services."""
        answer = await self._ask(list_services="*")
        return sorted(service.name for service in answer.list_services_response.service)

    async def files(self, **question: str) -> "list[FileDescriptorProto] | None":
        """Return the files that declare a symbol, or have a name; None if there are none."""
        from google.protobuf.descriptor_pb2 import FileDescriptorProto

        answer = await self._ask(**question)
        if answer.HasField("error_response"):
            return None
        found = answer.file_descriptor_response.file_descriptor_proto
        return [FileDescriptorProto.FromString(raw) for raw in found]

    async def _ask(self, **question: str) -> Any:
        import grpc

        request: Any = message_type("Request")(**question)
        call = self._call(request.SerializeToString(), **self._options)
        try:
            raw = await call.read()
        finally:
            call.cancel()
        if raw is grpc.aio.EOF:
            message = f"the server's reflection ended without an answer ({self._address})"
            raise UnreachableError(message, code="REFLECTION")
        return message_type("Response").FromString(raw)
