"""The parser of what a NATS server sends, with bounds on its time and its memory."""

import asyncio
import time

from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_CONTROL_LINE
from nats.protocol.parser import Parser as LibraryParser

# Seconds for which one connection may parse, and then leaves the time to others.
_TURN, _REST = 0.002, 0.004
# Bytes that are parsed between two looks at the clock: three hundred pings.
_PIECE = 2048
# Bytes of a line. INFO names all servers of a cluster; all others are below 4 KiB.
_LONGEST_LINE = 128 * 1024
# Bytes of a message. No server can be told to take more than 64 MiB.
_LARGEST_MESSAGE = 64 * 1024 * 1024 + _LONGEST_LINE
# Bytes of a message's headers. They are read by Python's parser of mail.
_LARGEST_HEADERS = 64 * 1024


class Parser(LibraryParser):
    """Parses piece by piece; a server that floods us has a share of the time.

    The library parses all that has arrived in one go. It waits for the end of a line, and for a
    message, of any size.
    """

    async def parse(self, data: bytes = b"") -> None:
        """Parse what has arrived; ProtocolError ends the connection."""
        end = time.monotonic() + _TURN
        for start in range(0, len(data), _PIECE):
            await super().parse(data[start : start + _PIECE])
            self._check()
            if time.monotonic() > end:
                await asyncio.sleep(_REST)
                end = time.monotonic() + _TURN

    def _check(self) -> None:
        is_line = self.state == AWAITING_CONTROL_LINE
        too_long = is_line and len(self.buf) > _LONGEST_LINE
        too_large = self.needed > _LARGEST_MESSAGE or self.header_needed > _LARGEST_HEADERS
        if too_long or too_large:
            raise ProtocolError
