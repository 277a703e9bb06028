"""Finding a method: which service is meant, and what its messages look like."""

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.grpc.reflection import SERVICES, ReflectionClient
from chronos_cli.protocols.grpc.target import Grpc

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

_SHOWN = 10
# Files that one method may need; a server that describes more does not stop.
_MOST_FILES = 5_000


class Method(Struct, frozen=True):
    """A method that may be called: unary, or with a stream of replies.

    `pool` has the types that are known; those that the server does not know either are `unknown`.
    `reflection` is the version of reflection that described it, None when files did.
    """

    path: str
    request: Any
    reply: Any
    is_streaming: bool
    pool: "DescriptorPool"
    reflection: str | None = None
    unknown: set[str] = field(default_factory=set)


class Schema:
    """The services that a set of files declares."""

    def __init__(self, files: "Iterable[FileDescriptorProto]", source: str) -> None:
        self._files = {file.name: file for file in files}
        self._source = source

    @property
    def services(self) -> list[str]:
        """The full names of all services."""
        return sorted(
            f"{file.package}.{service.name}".lstrip(".")
            for file in self._files.values()
            for service in file.service
        )

    def method(self, service: str, name: str, reflection: str | None = None) -> Method:
        """Return a method of a service by its full name; RejectedError says what is wrong."""
        pool = self._pool()
        try:
            owner: Any = pool.FindServiceByName(service)
        except KeyError as error:
            raise _no_service(service, self.services, self._source) from error
        method = owner.methods_by_name.get(name)
        if method is None:
            known = ", ".join(sorted(owner.methods_by_name)) or "none"
            message = f"service {service} has no method '{name}'; it has {known}"
            raise RejectedError(message, code="UNIMPLEMENTED")
        if method.client_streaming:
            kind = "bidirectional-streaming" if method.server_streaming else "client-streaming"
            message = f"{service}/{name} is {kind}: chronos sends one message and calls unary and "
            raise RejectedError(f"{message}server-streaming methods only", code="STREAMING")
        return Method(
            path=f"/{service}/{name}",
            request=method.input_type,
            reply=method.output_type,
            is_streaming=method.server_streaming,
            pool=pool,
            reflection=reflection,
        )

    def _pool(self) -> "DescriptorPool":
        from google.protobuf.descriptor_pool import DescriptorPool

        pool = DescriptorPool()
        add_files(pool, self._files, self._source)
        return pool


def add_files(
    pool: "DescriptorPool", files: "Mapping[str, FileDescriptorProto]", source: str
) -> None:
    """Add files to a pool, each behind what it imports; raises RejectedError.

    What the pool has already, and the files that every client has built in, may be imported too.
    """
    added: set[str] = set()

    def add(name: str, wanted_by: str) -> None:
        if name in added or has_file(pool, name):
            return
        added.add(name)
        file = files.get(name) or well_known(name)
        if file is None:
            message = f"{source} is incomplete: '{name}', imported by '{wanted_by}', is missing"
            raise RejectedError(message, code="SCHEMA")
        for dependency in file.dependency:
            add(dependency, name)
        try:
            pool.Add(file)
        except TypeError as error:
            message = f"{source} is inconsistent in '{name}': {error}"
            raise RejectedError(message, code="SCHEMA") from error

    for name in files:
        add(name, "")


def has_file(pool: "DescriptorPool", name: str) -> bool:
    """Whether a pool has a file of that name."""
    try:
        pool.FindFileByName(name)
    except KeyError:
        return False
    return True


def well_known(name: str) -> "FileDescriptorProto | None":
    """Return a file of `google/protobuf/`, which every client has built in."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    match = re.fullmatch(r"google/protobuf/(\w+)\.proto", name)
    if match is None:
        return None
    try:
        module = importlib.import_module(f"google.protobuf.{match[1]}_pb2")
    except ModuleNotFoundError:
        return None
    file = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


def full_name(service: str, known: Sequence[str], source: str) -> str:
    """Return the one known service that a name means: by its full name, or by the end of it."""
    if service in known:
        return service
    candidates = [name for name in known if name.endswith(f".{service}")]
    if len(candidates) > 1:
        message = f"'{service}' is ambiguous: write one of {', '.join(candidates)}"
        raise RejectedError(message, code="AMBIGUOUS")
    if not candidates:
        raise _no_service(service, known, source)
    return candidates[0]


def from_files(target: Grpc) -> Method:
    """Find the method in the target's own proto files or protoset; raises RejectedError."""
    from chronos_cli.protocols.grpc.protoc import compile_files, read_set

    if target.proto is not None:
        files = compile_files(target.proto.files, target.proto.import_paths)
        source = ", ".join(Path(name).name for name in target.proto.files)
    else:
        assert target.protoset is not None
        files = read_set(target.protoset)
        source = f"the protoset {Path(target.protoset).name}"
    schema = Schema(files, source)
    service, method = target.service_and_method
    return schema.method(full_name(service, schema.services, source), method)


async def from_reflection(
    channel: "grpc.aio.Channel", target: Grpc, options: dict[str, Any]
) -> Method:
    """Ask the server for the method; raises gRPC's own errors, and RejectedError."""
    import grpc

    failures: list[grpc.aio.AioRpcError] = []
    for service in SERVICES:
        try:
            return await _asked(channel, service, target, options)
        except grpc.aio.AioRpcError as error:
            # A proxy in front may let only one of the two versions through.
            if error.code() not in {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE}:
                raise
            failures.append(error)
    absent = [one for one in failures if one.code() is grpc.StatusCode.UNIMPLEMENTED]
    if len(absent) < len(failures):
        raise next(one for one in failures if one not in absent)
    message = f"the server has no reflection; name 'proto' files or a 'protoset' ({target.address})"
    raise RejectedError(message, code="UNIMPLEMENTED") from failures[0]


async def _asked(
    channel: "grpc.aio.Channel", version: str, target: Grpc, options: dict[str, Any]
) -> Method:
    source = "the server's reflection"
    wanted, method = target.service_and_method
    server = ReflectionClient(channel, version, target.address, **options)
    known = await server.services()
    try:
        service = full_name(wanted, known, f"the server at {target.address}")
    except RejectedError as error:
        # A server may keep a service off its list and still describe it.
        if error.code == "AMBIGUOUS" or "." not in wanted:
            raise
        service = wanted
    found = await server.files(file_containing_symbol=service)
    if found is None:
        if service not in known:
            raise _no_service(wanted, known, f"the server at {target.address}")
        message = f"{source} is incomplete: it lists {service} and does not describe it"
        raise RejectedError(message, code="SCHEMA")
    files = await with_imports(server, found)
    return Schema(files.values(), source).method(service, method, version)


async def with_imports(
    server: ReflectionClient,
    found: "Sequence[FileDescriptorProto]",
    pool: "DescriptorPool | None" = None,
) -> "dict[str, FileDescriptorProto]":
    """Return files with all that they import and a pool does not have; raises as the server does.

    Raises RejectedError where the server does not know a file, or never ends.
    """
    files = {file.name: file for file in found}
    waiting = list(found)
    while waiting:
        file = waiting.pop()
        for name in file.dependency:
            if (
                name in files
                or (pool is not None and has_file(pool, name))
                or well_known(name) is not None
            ):
                continue
            more = await server.files(file_by_filename=name) or []
            if name not in {one.name for one in more} or len(files) > _MOST_FILES:
                message = f"the server's reflection is incomplete: it lacks '{name}', imported by "
                hint = "name 'proto' files or a 'protoset' instead"
                raise RejectedError(f"{message}'{file.name}'; {hint}", code="SCHEMA")
            waiting += [one for one in more if one.name not in files]
            files.update({one.name: one for one in more})
    return files


def _no_service(service: str, known: Sequence[str], source: str) -> RejectedError:
    shown = ", ".join(known[:_SHOWN]) or "none"
    if len(known) > _SHOWN:
        shown += f" and {len(known) - _SHOWN} more"
    return RejectedError(
        f"{source} has no service '{service}'; it has {shown}", code="UNIMPLEMENTED"
    )
