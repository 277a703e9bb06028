"""`.proto` files compiled inside this process, and descriptor sets read from a file."""

import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chronos_cli.errors import RejectedError, UnreadableFileError
from chronos_cli.files import read_bytes

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

# The compiler writes its errors to file descriptor 2, which is bent aside meanwhile.
_ONE_AT_A_TIME = threading.Lock()
_STDERR = 2
# Bytes of a file of descriptors, and of a .proto file.
_LARGEST_SET, _LARGEST_PROTO = 64 * 1024 * 1024, 4 * 1024 * 1024


def compile_files(files: Sequence[str], import_paths: Sequence[str]) -> "list[FileDescriptorProto]":
    """Compile files with all that they import; RejectedError names each mistake's place."""
    import grpc_tools
    from grpc_tools import _protoc_compiler as compiler

    _check(files)
    folders = [str(Path(folder)) for folder in import_paths]
    for name in files:
        if not any(Path(name).is_relative_to(folder) for folder in folders):
            folders.append(str(Path(name).parent))
    # The well-known types (google/protobuf/*.proto) come with the compiler.
    folders.append(str(Path(grpc_tools.__file__).parent / "_proto"))
    with tempfile.TemporaryDirectory(prefix="chronos-") as scratch:
        result = Path(scratch) / "set"
        errors = Path(scratch) / "errors"
        arguments = ["protoc", *(f"-I{folder}" for folder in folders), "--include_imports"]
        arguments += [f"--descriptor_set_out={result}", *files]
        with _ONE_AT_A_TIME, errors.open("wb") as sink:
            code = _with_stderr(sink.fileno(), compiler.run_main, arguments)
        if code != 0:
            output = errors.read_text(errors="replace")
            raise RejectedError(_mistakes(output), code="PROTO")
        return read_set(str(result))


def read_set(path: str) -> "list[FileDescriptorProto]":
    """Read a file of descriptors; RejectedError when it cannot be read."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.message import DecodeError

    try:
        return list(FileDescriptorSet.FromString(read_bytes(path, _LARGEST_SET)).file)
    except UnreadableFileError as error:
        message = f"cannot read the protoset {path}: {error}"
        raise RejectedError(message, code="PROTO") from error
    except DecodeError as error:
        hint = "it must be the output of protoc --descriptor_set_out --include_imports"
        raise RejectedError(f"{path} is not a protoset: {hint}", code="PROTO") from error


def _check(files: Sequence[str]) -> None:
    """Refuse what is no file, or too large: the compiler would wait for it, or read for ever."""
    for name in files:
        try:
            read_bytes(name, _LARGEST_PROTO)
        except UnreadableFileError as error:
            message = f"the proto files do not compile: {name}: {error}"
            raise RejectedError(message, code="PROTO") from error


def _with_stderr(sink: int, main: "_Compiler", arguments: Sequence[str]) -> int:
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    try:
        os.dup2(sink, _STDERR)
        return main([argument.encode() for argument in arguments])
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def _mistakes(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if "warning:" not in line.lower()]
    lines = [line for line in lines if line]
    shown = "; ".join(lines[:10]) or output.strip() or "the compiler did not say why"
    return f"the proto files do not compile: {shown}"


if TYPE_CHECKING:
    from collections.abc import Callable

    _Compiler = Callable[[list[bytes]], int]
