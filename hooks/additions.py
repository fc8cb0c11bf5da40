"""Insert lines that were added to a file of 1.x into the file of 2.0.0."""

from __future__ import annotations

import re
import textwrap
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from files import join_lines, without_blank
from modules import parse_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REQUIREMENT = re.compile(r'\s+"[^"]+",')
# The lists of dependencies in pyproject.toml, by the lines that open them.
LISTS = {"dependencies = [": "dependencies", "dev = [": "dev"}
# Blank, or indented as a statement in a class or a function.
INDENTED = re.compile(r"    |$")


class Addition(NamedTuple):
    """Lines that were added, and the lines of the old file before them."""

    lines: list[str]
    before: list[str]

    @classmethod
    def of(cls, name: str, old: Sequence[str], start: int, end: int, lines: list[str]) -> Addition:
        """Return the addition; raise NoPlaceError where lines were changed or removed."""
        if start == end:
            return slide(lines, list(old[:start]))
        if name == "Makefile" and is_phony(old[:end]):
            return cls([f".PHONY: {' '.join(targets(lines) - targets(old[start:end]))}"], [])
        added = [line for line in lines if line not in old[start:end]]
        if name == "pyproject.toml" and added and len(lines) >= end - start:
            return cls(added, list(old[:start]))
        raise NoPlaceError

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n")


class NoPlaceError(Exception):
    """No place in the new file is known for an edit."""


def is_settled(name: str, old: Sequence[str], start: int, end: int, lines: Sequence[str]) -> bool:
    """Return whether there is nothing to do: no new target in `.PHONY`, or blank lines only."""
    if name == "Makefile" and start < end and is_phony(old[:end]):
        return not targets(lines) - targets(old[start:end])
    return not without_blank([*old[start:end], *lines])


def targets(lines: Sequence[str]) -> set[str]:
    return {*" ".join(lines).split()} - {"\\"}


def slide(lines: list[str], before: list[str]) -> Addition:
    """Return the same addition moved up as far as it fits, to the start of a block."""
    while before and before[-1] == lines[-1] and lines[0].strip() and lines[0][0] != "@":
        lines, before = [before[-1], *lines[:-1]], before[:-1]
    return Addition(lines, before)


def is_phony(before: Sequence[str]) -> bool:
    """Return whether the last line belongs to a `.PHONY` list."""
    for line in reversed(before):
        if line.startswith(".PHONY:"):
            return True
        if not line.startswith("\t") or line.startswith("\t@"):
            return False
    return False


def check_code(text: str) -> None:
    """Raise NoPlaceError unless the text is complete statements."""
    if parse_tree(text) is None:
        raise NoPlaceError


def check_block(addition: Addition, opening: str) -> None:
    """Raise NoPlaceError unless the lines are statements of the block that starts with `opening`."""
    opened = ""
    for line in addition.before:
        if re.match(r"(class|def|async def|@)", line):
            opened = line
    if not opened.startswith(opening):
        raise NoPlaceError
    code = without_blank(addition.lines)
    if not code or not re.match(r" {4}\S", code[0]) or not all(map(INDENTED.match, addition.lines)):
        raise NoPlaceError
    check_code(textwrap.dedent("\n".join(addition.lines)))


def add_to_application(addition: Addition, new: str) -> str:
    """Add routers, middleware and mounts before create_app() returns."""
    check_block(addition, "def create_app(")
    text = join_lines(without_blank(addition.lines))
    if not re.search(r"(?m)^    return app$", new) or "return" in text.split():
        raise NoPlaceError
    return re.sub(r"(?m)^(?=    return app$)", lambda _: text, new, count=1)


def add_setting(addition: Addition, new: str) -> str:
    """Add fields at the end of class Settings, the last block of its file."""
    check_block(addition, "class Settings(")
    return f"{new.rstrip()}\n{addition.text}\n"


def add_fixture(addition: Addition, new: str) -> str:
    """Add fixtures and functions at the end."""
    if not re.match(r"(@|def |async def |class |[A-Z_]+ =|#)", addition.text):
        raise NoPlaceError
    check_code(addition.text)
    return f"{new.rstrip()}\n\n\n{addition.text}\n"


def add_target(addition: Addition, new: str) -> str:
    """Add targets at the end of the Makefile."""
    if not re.match(r"(\.PHONY|[\w.-]+ ?:|#|[A-Z_]+ [:?+]?=)", addition.text):
        raise NoPlaceError
    return f"{new}\n{addition.text}\n"


def add_requirement(addition: Addition, new: str) -> str:
    """Add dependencies to their list, and tables at the end."""
    heading = addition.text.partition("\n")[0]
    if heading.startswith("[tool.") and heading not in new.splitlines():
        return f"{new}\n{addition.text}\n"
    if not all(map(REQUIREMENT.fullmatch, addition.lines)):
        raise NoPlaceError
    opening = find_open_list(addition.before)
    pattern = rf"(?m)^{LISTS[opening]} = \[\n?(?P<items>[^\[\]\n]*(\[[^\]\n]*\][^\[\]\n]*)*)"
    opened = re.search(pattern, new)
    if not opened:
        raise NoPlaceError
    lines = [opening]
    items = opened["items"].strip()
    if items:
        lines.append(f"    {items.rstrip(',')},")
    text = "\n".join([*lines, *addition.lines])
    if not new[opened.end() :].startswith("\n"):
        text += "\n"
    return new[: opened.start()] + text + new[opened.end() :]


def find_open_list(lines: Sequence[str]) -> str:
    """Return the line that opens the unfinished list of dependencies."""
    for number in reversed(range(len(lines))):
        opening = lines[number]
        if not opening.endswith("["):
            continue
        if opening not in LISTS or "]" in lines[number:]:
            break
        return opening
    raise NoPlaceError


def add_section(addition: Addition, new: str) -> str:
    """Add sections at the end of the README."""
    if not addition.text.startswith("## "):
        raise NoPlaceError
    return f"{new}\n{addition.text}\n"


ADDERS: dict[str, Callable[[Addition, str], str]] = {
    "Makefile": add_target,
    "README.md": add_section,
    "main.py": add_to_application,
    "settings.py": add_setting,
    "pyproject.toml": add_requirement,
    "tests/conftest.py": add_fixture,
}


def find_adder(name: str) -> Callable[[Addition, str], str] | None:
    """Return the function that adds lines to a file; None if there is no such function.

    Files of the package are looked up by their last name.
    """
    if name in ADDERS:
        return ADDERS[name]
    path = PurePosixPath(name)
    if path.name in {"main.py", "settings.py"} and path.parts[0] not in {"tests", "kit"}:
        return ADDERS[path.name]
    return None
