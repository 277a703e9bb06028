"""What a template is: the text of one, and what is said of one that is wrong."""

# Of times: what templates may ask for.
TIME_ATTRIBUTES = frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond"})
TIME_METHODS = frozenset({"isoformat", "timestamp", "weekday", "isoweekday"})


class Template(str):
    """A text with `{{ … }}` in it that the job's author wrote.

    Only text that stands in the file becomes a template; what `${…}` brought in never does.
    """

    __slots__ = ()


class TemplateFailure(ValueError):  # noqa: N818 - not an error of the program
    """A template cannot be read or rendered; `offset` is where in its text, as far as known."""

    def __init__(self, message: str, offset: int = 0, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint
