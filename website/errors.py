"""What can be wrong with the pages, told to whoever writes them."""


class BuildError(Exception):
    """The site cannot be built; the message says why, in words for the author of a page."""
