"""A TCP proxy that cuts a connection as soon as a certain text has gone through to the server."""

import contextlib
import socket
import threading


class CuttingProxy:
    """Cuts the first `cuts` connections that carry `trigger`; the others it lets through."""

    def __init__(self, port: int, trigger: bytes, cuts: int) -> None:
        self._target = ("127.0.0.1", port)
        self._trigger = trigger
        self._cuts = cuts
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(self._target)
                for source, sink, watched in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pump, args=(source, sink, watched), daemon=True
                    ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, watched: bool) -> None:
        seen = b""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                seen += data if watched else b""
                if watched and self._cuts and self._trigger in seen:
                    self._cuts -= 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
