"""Applies the changes that a page shows to a file."""

import re

from tools.pages.errors import BrokenPageError

HEADER = re.compile(r"\A--- .*\n\+\+\+ .*\n")
SEPARATOR = re.compile(r"(?m)^@@.*\n")


def patch(text: str, diff: str) -> str:
    """Return the text with the changes; raise BrokenPageError unless each fits exactly once.

    `@@` begins the next change. The lines around the changed ones locate it.
    """
    for change in SEPARATOR.split(HEADER.sub("", diff)):
        if change.strip():
            text = apply_change(text, change)
    return text


def apply_change(text: str, change: str) -> str:
    old, new = lines_without(change, "+"), lines_without(change, "-")
    count = f"\n{text}".count(f"\n{old}")
    if old == new or count != 1:
        raise BrokenPageError(f"fits {count} times, not once:\n{change}\nin:\n{text}")
    return f"\n{text}".replace(f"\n{old}", f"\n{new}", 1).removeprefix("\n")


def lines_without(change: str, mark: str) -> str:
    """Return the lines of a change that do not begin with a mark, without their marks."""
    lines = ""
    for line in change.splitlines():
        if not line.startswith(mark):
            lines += f"{line[1:]}\n"
    return lines
