"""The commands of a script, and what they share: confirming, and starting other programs."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn


def main(*commands: Callable[[], None]) -> None:
    """Run the command named by the first argument of the process."""
    by_name = {command.__name__: command for command in commands}
    if len(sys.argv) != 2 or sys.argv[1] not in by_name:  # noqa: PLR2004
        raise SystemExit(f"say which: {', '.join(by_name)}")
    by_name[sys.argv[1]]()


def confirm(name: str) -> None:
    """Go on only when the name has been typed, or given as `confirm=`; else end with one line."""
    answer = os.environ.get("confirm")
    if not answer:
        try:
            answer = input(f"This deletes everything in {name}. Type its name to go on: ")
        except EOFError:
            answer = ""
    if answer != name:
        raise SystemExit(f"nothing was deleted: the name to confirm is {name}")


def execute(command: list[str], environment: Mapping[str, str] | None = None) -> NoReturn:
    """Replace this process by another program."""
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, **(environment or {})})
