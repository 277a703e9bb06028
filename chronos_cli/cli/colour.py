"""Colours of a terminal, without Rich: for lines."""

# The names are Rich's; the codes are those of ECMA-48 and of every terminal.
_CODES = {
    "bold": "1",
    "dim": "2",
    "bold red": "1;31",
    "red": "31",
    "green": "32",
    "magenta": "35",
    "bright_blue": "94",
}


def painted(text: str, style: str) -> str:
    """Return a text that is printable already in a style."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if text else text
