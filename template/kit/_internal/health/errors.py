"""Why the service is not ready."""


class NotReadyError(Exception):
    """Why the service cannot serve, in one line for clients.

    `advice` adds the command to run, for developers and for the log.
    """

    def __init__(self, reason: str, command: str | None = None) -> None:
        super().__init__(reason)
        self.advice = reason
        if command is not None:
            self.advice = f"{reason} Run: {command}"
