"""Lines that were added to a file of 1.x, put where they belong in the file of 2.0.0."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REQUIREMENT = re.compile(r'\s+"[^"]+",')
LISTS = {"dependencies = [": "dependencies", "dev = [": "dev"}


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


class NoPlaceError(Exception):
    """An edit that belongs nowhere in the new file, as far as this can tell."""


def is_settled(name: str, old: Sequence[str], start: int, end: int, lines: Sequence[str]) -> bool:
    """Return whether nothing is to be done: `.PHONY` names no target more, or lines are blank."""
    if name == "Makefile" and start < end and is_phony(old[:end]):
        return not targets(lines) - targets(old[start:end])
    return not any(line.strip() for line in [*old[start:end], *lines])


def targets(lines: Sequence[str]) -> set[str]:
    return {*" ".join(lines).split()} - {"\\"}


def slide(lines: list[str], before: list[str]) -> Addition:
    """Return the same addition as far up as it fits, so that it begins where a block begins."""
    while before and before[-1] == lines[-1] and lines[0].strip() and lines[0][0] != "@":
        lines, before = [before[-1], *lines[:-1]], before[:-1]
    return Addition(lines, before)


def is_phony(before: Sequence[str]) -> bool:
    """Return whether the last line belongs to the list of .PHONY."""
    for line in reversed(before):
        if line.startswith(".PHONY:"):
            return True
        if not line.startswith("\t") or line.startswith("\t@"):
            return False
    return False


def check_code(text: str) -> None:
    """Raise NoPlaceError where these are no whole statements."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        raise NoPlaceError from None


def check_block(addition: Addition, opening: str) -> None:
    """Raise NoPlaceError unless these are statements of the block that a line has opened."""
    opened = [line for line in addition.before if re.match(r"(class|def|async def|@)", line)]
    code = textwrap.dedent("\n".join(addition.lines))
    first = next(filter(str.strip, addition.lines), "")
    if not opened or not opened[-1].startswith(opening) or not re.match(r" {4}\S", first):
        raise NoPlaceError
    if not all(re.match(r"    |$", line) for line in addition.lines):
        raise NoPlaceError
    check_code(code)


def add_to_application(addition: Addition, new: str) -> str:
    """Add routers, middleware and mounts before create_app() returns."""
    check_block(addition, "def create_app(")
    text = "".join(f"{line}\n" for line in addition.lines if line.strip())
    if not re.search(r"(?m)^    return app$", new) or "return" in text.split():
        raise NoPlaceError
    return re.sub(r"(?m)^(?=    return app$)", lambda _: text, new, count=1)


def add_setting(addition: Addition, new: str) -> str:
    """Add fields at the end of class Settings, which is the last thing in its file."""
    check_block(addition, "class Settings(")
    text = "\n".join(addition.lines).strip("\n")
    return f"{new.rstrip()}\n{text}\n"


def add_fixture(addition: Addition, new: str) -> str:
    """Add fixtures and functions at the end."""
    code = "\n".join(addition.lines).strip("\n")
    if not re.match(r"(@|def |async def |class |[A-Z_]+ =|#)", code):
        raise NoPlaceError
    check_code(code)
    return f"{new.rstrip()}\n\n\n{code}\n"


def add_target(addition: Addition, new: str) -> str:
    """Add targets at the end of the Makefile."""
    text = "\n".join(addition.lines).strip("\n")
    if not re.match(r"(\.PHONY|[\w.-]+ ?:|#|[A-Z_]+ [:?+]?=)", text):
        raise NoPlaceError
    return f"{new}\n{text}\n"


def add_requirement(addition: Addition, new: str) -> str:
    """Add dependencies to their list, and tables at the end."""
    text = "\n".join(addition.lines).strip("\n")
    if text.startswith("[tool.") and text.splitlines()[0] not in new.splitlines():
        return f"{new}\n{text}\n"
    if not all(REQUIREMENT.fullmatch(line) for line in addition.lines):
        raise NoPlaceError
    opened = next((line for line in reversed(addition.before) if line.endswith("[")), "")
    if opened not in LISTS or "]" in addition.before[addition.before.index(opened) :]:
        raise NoPlaceError
    items = "\n".join(addition.lines)
    pattern = rf"(?m)^{LISTS[opened]} = \[\n?(?P<first>[^\[\]\n]*(\[[^\]\n]*\][^\[\]\n]*)*)"
    found = re.search(pattern, new)
    if not found:
        raise NoPlaceError
    first = f"    {found['first'].strip().rstrip(',')},\n" if found["first"].strip() else ""
    ending = "" if new[found.end() :].startswith("\n") else "\n"
    return f"{new[: found.start()]}{opened}\n{first}{items}{ending}{new[found.end() :]}"


def add_section(addition: Addition, new: str) -> str:
    """Add sections at the end of the README."""
    text = "\n".join(addition.lines).strip("\n")
    if not text.startswith("## "):
        raise NoPlaceError
    return f"{new}\n{text}\n"


PLACERS: dict[str, Callable[[Addition, str], str]] = {
    "Makefile": add_target,
    "README.md": add_section,
    "main.py": add_to_application,
    "settings.py": add_setting,
    "pyproject.toml": add_requirement,
    "tests/conftest.py": add_fixture,
}


def find_placer(name: str) -> Callable[[Addition, str], str] | None:
    """Return what puts additions to a file in their place; of the package, by the last name."""
    if name in PLACERS:
        return PLACERS[name]
    path = PurePosixPath(name)
    in_package = path.name in {"main.py", "settings.py"} and path.parts[0] not in {"tests", "kit"}
    return PLACERS[path.name] if in_package else None
