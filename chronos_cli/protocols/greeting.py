"""What a port speaks, by the first bytes that come from it."""

# The beginnings of what servers say first, or answer to what they do not understand: four bytes.
_BEGINNINGS = {
    b"HTTP": "HTTP",
    b"INFO": "NATS",
    b"AMQP": "AMQP",
    b"SSH-": "SSH",
    b"220 ": "SMTP or FTP",
    b"-ERR": "NATS or Redis",
}
# Records of TLS: an alert, a handshake; then the version (RFC 8446, 5.1).
_TLS = (b"\x15\x03", b"\x16\x03")
# The head of a frame of HTTP/2: its length, its type, of which these may come first, its flags, and
# the stream, which is none (RFC 9113, 4.1). Fewer bytes may be a length of Kafka's.
_FRAME_HEAD, _FRAME_TYPE, _FIRST_FRAMES, _NO_STREAM = 9, 3, (4, 7), bytes(4)


def speaks(first: bytes) -> str | None:
    """Return the protocol that a server's first bytes belong to; None when nobody knows it."""
    if first.startswith(_TLS):
        return "TLS"
    for beginning, name in _BEGINNINGS.items():
        if first.startswith(beginning):
            return name
    is_frame = len(first) >= _FRAME_HEAD and first[_FRAME_TYPE] in _FIRST_FRAMES
    is_frame = is_frame and first[0] == 0 and first[5:_FRAME_HEAD] == _NO_STREAM
    return "HTTP/2 without TLS, as gRPC does" if is_frame else None


def mixed_up(first: bytes, wanted: str) -> str | None:
    """Return what to say of a port that speaks something else than the protocol wanted."""
    found = speaks(first)
    return f"the port speaks {found}, not {wanted}" if found else None
