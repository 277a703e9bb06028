"""The mark of a text that is rendered for each attempt."""


class Template(str):
    """A text with `{{ … }}` in it that the job's author wrote.

    Only text that stands in the file becomes a template; what `${…}` brought in never does.
    """

    __slots__ = ()
