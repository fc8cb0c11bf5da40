"""Helpers of scripts with several commands: run one, confirm, start another program."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

# The exit status of shells for a process that Ctrl-C stopped.
INTERRUPTED = 130


def main(*commands: Callable[[], None]) -> None:
    """Run the command named by the first argument of the process."""
    by_name = {command.__name__: command for command in commands}
    if len(sys.argv) != 2 or sys.argv[1] not in by_name:  # noqa: PLR2004
        raise SystemExit(f"command required: {', '.join(by_name)}")
    try:
        by_name[sys.argv[1]]()
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def confirm(name: str, question: str) -> None:
    """Return if the user types the name or `confirm=` has it; otherwise exit with a message."""
    answer = os.environ.get("confirm")
    if not answer:
        try:
            answer = input(f"{question} Type {name} to continue: ")
        except EOFError:
            answer = ""
        except KeyboardInterrupt:
            print("\nnothing was deleted", file=sys.stderr)
            sys.exit(INTERRUPTED)
    if answer != name:
        raise SystemExit(f"nothing was deleted: the name to confirm is {name}")


def execute(command: list[str], environment: Mapping[str, str] | None = None) -> NoReturn:
    """Replace this process by another program."""
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, **(environment or {})})
