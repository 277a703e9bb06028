"""The text of an HTML page, for a message: most errors of proxies come as one."""

from html import unescape

# No message shows more, in characters.
_ENOUGH = 2000
# What is between these and their ends is not shown.
_HIDDEN = ("script", "style", "title")


def shown(page: str) -> str:
    """Return what a browser would show of a page, less its layout.

    It looks at each character once, whatever a far side sends.
    """
    lowered = page.lower()
    pieces: list[str] = []
    at = length = 0
    while length < _ENOUGH:
        start = page.find("<", at)
        piece = page[at : start if start >= 0 else len(page)][:_ENOUGH]
        pieces.append(piece)
        length += len(piece)
        if start < 0:
            break
        at = _behind(lowered, start)
        if at <= 0:
            break
    return unescape(" ".join(pieces))


def _behind(page: str, start: int) -> int:
    """Return where what a tag opens there, or the tag itself, has ended; 0 when it has no end."""
    if page.startswith("<!--", start):
        start = page.find("-->", start)
    for name in _HIDDEN:
        if page.startswith(f"<{name}", start):
            start = page.find(f"</{name}", start)
            break
    return page.find(">", start) + 1 if start >= 0 else 0
