"""Regular expressions of job files over text from far sides, held to a time.

A hostile text may drive an innocent expression into years of backtracking. `re` would stop the
whole process for as long, so every search of foreign text is made here.
"""

# Seconds that one search may take.
LIMIT = 0.25


def mistake(expression: str) -> str | None:
    """Return why an expression cannot be read, or None when it can."""
    import regex

    try:
        regex.compile(expression)
    except regex.error as error:
        return f"not a regular expression: {error}"
    return None


def is_found(expression: str, text: str) -> bool:
    """Whether an expression is found somewhere in a text.

    Call it in a thread, never on the event loop; it leaves Python's lock to others meanwhile.
    Raises TimeoutError after `LIMIT` seconds.
    """
    import regex  # unlike `re`, its search can be held to a time

    return regex.search(expression, text, timeout=LIMIT, concurrent=True) is not None
