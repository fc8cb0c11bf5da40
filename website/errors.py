"""Errors of the site, with messages for the authors of pages."""


class BuildError(Exception):
    """The site cannot be built; the message says why."""
