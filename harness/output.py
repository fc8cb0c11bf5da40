"""What commands and servers print, line by line."""


def lines_with(output: str, text: str) -> list[str]:
    """Return the lines of an output that contain a text."""
    return [line for line in output.splitlines() if text in line]


def messages_of(output: str) -> list[str]:
    """Return the lines of an output that are not those of make."""
    return [line for line in output.splitlines() if line and not line.startswith("make")]
