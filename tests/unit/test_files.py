"""Whatever a name leads to, reading it ends at once, and within its bound."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chronos_cli import files
from chronos_cli.errors import FileTooLargeError, UnreadableFileError
from chronos_cli.files import check_readable, read_bytes, read_text


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def circle(path: Path) -> None:
    path.symlink_to(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (fifo, "it is a FIFO, not a file"),
        (folder, "it is a directory"),
        (dangling, "No such file or directory"),
        (circle, "Too many levels of symbolic links"),
        (device, "it is a device, not a file"),
        (unix_socket, "No such device|it is a socket"),
    ],
)
def test_what_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], told: str
) -> None:
    path = tmp_path / "named"
    make(path)
    for read in (read_bytes, read_text):
        with pytest.raises(UnreadableFileError, match=told):
            read(str(path), 10)
    with pytest.raises(UnreadableFileError, match=told):
        check_readable(str(path), pipes=True)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(UnreadableFileError):
        read_bytes(name, 10)
    with pytest.raises(UnreadableFileError):
        check_readable(name)


def test_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (3 * 2**20))
    assert len(read_bytes(str(path), 3 * 2**20)) == 3 * 2**20
    with pytest.raises(FileTooLargeError, match="larger than 2 MiB"):
        read_bytes(str(path), 2 * 2**20)
    # A file that says it is empty, and is not.
    assert b"Name:" in read_bytes("/proc/self/status", 2**20)


def test_text_is_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("ä".encode())
    assert read_text(str(path), 10) == "ä"
    path.write_bytes(b"\xff")
    with pytest.raises(UnreadableFileError, match="not UTF-8"):
        read_text(str(path), 10)


def write_and_close(descriptor: int, data: bytes) -> None:
    os.write(descriptor, data)
    os.close(descriptor)


def test_a_pipe_of_the_shell_is_read_where_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    name = f"/dev/fd/{reading}"
    try:
        with pytest.raises(UnreadableFileError, match="FIFO"):
            read_bytes(name, 100)
        check_readable(name, pipes=True)
        writer = threading.Thread(target=write_and_close, args=(writing, b"a job"))
        writer.start()
        assert read_bytes(name, 100, pipes=True) == b"a job"
        writer.join()
    finally:
        os.close(reading)
    # One that nobody ends, and one that ends never.
    reading, writing = os.pipe()
    monkeypatch.setattr(files, "PIPE_TIMEOUT", 0.05)
    with pytest.raises(UnreadableFileError, match="did not end"):
        read_bytes(f"/dev/fd/{reading}", 100, pipes=True)
    os.write(writing, b"x" * 101)
    with pytest.raises(FileTooLargeError):
        read_bytes(f"/dev/fd/{reading}", 100, pipes=True)
    os.close(reading)
    os.close(writing)
