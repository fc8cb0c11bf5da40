"""The error for arguments that `make resource` does not accept."""

__all__ = ["RefusedError"]


class RefusedError(ValueError):
    """An argument is not accepted; the message is one line, with what to change."""
