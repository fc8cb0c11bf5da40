"""Why a page cannot be followed any further."""


class BrokenPageError(AssertionError):
    """The blocks after this one cannot be judged: a command ended in another way, or a file does not fit."""
