"""Lines that were added to a file of 1.x, put where they belong in the file of 2.0.0."""

from __future__ import annotations

import ast
import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODELS = re.compile(r"from ([\w.]+) import (.+)")
REQUIREMENT = re.compile(r'\s+"[^"]+",')
LISTS = {"dependencies = [": "dependencies", "dev = [": "dev"}


class Addition(NamedTuple):
    """Lines that were added, and the lines of the old file before them."""

    lines: list[str]
    before: list[str]


class NoPlaceError(Exception):
    """An edit that belongs nowhere in the new file, as far as this can tell."""


def carry_additions(name: str, old: str, mine: str, new: str) -> tuple[str, bool]:
    """Return the new file with what was added to the old one, and whether that is all of it."""
    place = PLACERS.get(name)
    if place is None:
        return new, False
    is_all = True
    for addition in additions(name, old.splitlines(), mine.splitlines()):
        try:
            if addition is None:
                raise NoPlaceError
            changed = place(addition, new)
        except NoPlaceError:
            is_all = False
        else:
            new = import_names(addition, old, changed) if name.endswith(".py") else changed
    return new, is_all


def additions(name: str, old: list[str], mine: list[str]) -> Iterator[Addition | None]:
    """Yield the blocks of added lines; None where lines were changed or removed."""
    blocks = difflib.SequenceMatcher(None, old, mine, autojunk=False).get_opcodes()
    for kind, start, end, first, last in blocks:
        lines = mine[first:last]
        if kind == "equal":
            continue
        if kind == "insert":
            yield slide(lines, old[:start])
        elif name == "Makefile" and is_phony(old[:end]):
            words = sorted({*" ".join(lines).split()} - {*" ".join(old[start:end]).split(), "\\"})
            if words:
                yield Addition([f".PHONY: {' '.join(words)}"], old[:start])
        elif name != "app/models/__init__.py" or not is_list_of_names(old[start:end], lines):
            yield None


def import_names(addition: Addition, old: str, new: str) -> str:
    """Import what the added lines use, as the old file did."""
    used = set(re.findall(r"\w+", "\n".join(addition.lines))) - set(imported(new))
    lines = [line for name, line in imported(old).items() if name in used]
    return add_import(Addition(lines, []), new) if lines else new


def imported(text: str) -> dict[str, str]:
    """Return the names that a module imports, each with its own statement."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                item = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
                source = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
                found[alias.asname or alias.name] = f"{source}import {item}"
    return found


def slide(lines: list[str], before: list[str]) -> Addition:
    """Return the same addition as far up as it fits, so that it begins where a block begins."""
    while before and before[-1] == lines[-1] and lines[0].strip() and lines[0][0] != "@":
        lines, before = [before[-1], *lines[:-1]], before[:-1]
    return Addition(lines, before)


def is_phony(before: list[str]) -> bool:
    """Return whether the last line belongs to the list of .PHONY."""
    for line in reversed(before):
        if line.startswith(".PHONY:"):
            return True
        if not line.startswith("\t") or line.startswith("\t@"):
            return False
    return False


def is_list_of_names(old: list[str], mine: list[str]) -> bool:
    """Return whether the lines are those of `__all__`, which every import replaces now."""
    return all(re.fullmatch(r'(__all__ = \[.*|    "\w+",|\])', line) for line in [*old, *mine])


def is_import(lines: list[str]) -> bool:
    return all(re.match(r"(from|import) |$", line) for line in lines)


def add_import(addition: Addition, new: str) -> str:
    """Add imports before the first one there is; `make format` puts them in order."""
    text = "".join(f"{line}\n" for line in addition.lines if line)
    return re.sub(r"(?m)^(?=from |import )", lambda _: text, new, count=1)


def add_model(addition: Addition, new: str) -> str:
    lines = []
    for line in filter(None, addition.lines):
        found = MODELS.fullmatch(line)
        if is_list_of_names([], [line]):
            continue
        if not found:
            raise NoPlaceError
        lines += [f"from {found[1]} import {item} as {item}" for item in found[2].split(", ")]
    return new + "".join(f"{line}\n" for line in lines)


def add_to_application(addition: Addition, new: str) -> str:
    """Add routers, middleware and mounts before create_app() returns."""
    if is_import(addition.lines):
        return add_import(addition, new)
    if not all(re.match(r"    (app\.|#|    |\))|$", line) for line in addition.lines):
        raise NoPlaceError
    text = "".join(f"{line}\n" for line in addition.lines)
    return re.sub(r"(?m)^(?=    return app$)", lambda _: text, new, count=1)


def add_setting(addition: Addition, new: str) -> str:
    """Add fields at the end of class Settings, which is the last thing in its file."""
    if is_import(addition.lines):
        return add_import(addition, new)
    if not all(re.match(r"    |$", line) for line in addition.lines):
        raise NoPlaceError
    if not any(line.startswith("class Settings(") for line in addition.before):
        raise NoPlaceError
    return new + "".join(f"{line}\n" for line in addition.lines).rstrip("\n") + "\n"


def add_fixture(addition: Addition, new: str) -> str:
    """Add fixtures and functions at the end."""
    if is_import(addition.lines):
        return add_import(addition, new)
    code = "\n".join(addition.lines).strip("\n")
    if not re.match(r"(@|def |async def |class |[A-Z_]+ =|#)", code):
        raise NoPlaceError
    return f"{new}\n\n{code}\n"


def add_target(addition: Addition, new: str) -> str:
    """Add targets at the end of the Makefile."""
    text = "\n".join(addition.lines).strip("\n")
    if not re.match(r"(\.PHONY|[\w.-]+ ?:|#|[A-Z_]+ [:?+]?=)", text):
        raise NoPlaceError
    return f"{new}\n{text}\n"


def add_requirement(addition: Addition, new: str) -> str:
    """Add dependencies to their list, and tables at the end."""
    text = "\n".join(addition.lines).strip("\n")
    if text.startswith("[tool."):
        return f"{new}\n{text}\n"
    if not all(REQUIREMENT.fullmatch(line) for line in addition.lines):
        raise NoPlaceError
    opened = next((line for line in reversed(addition.before) if line.endswith("[")), "")
    if opened not in LISTS:
        raise NoPlaceError
    items = "\n".join(addition.lines)
    pattern = rf"(?m)^{LISTS[opened]} = \[\n?(?P<first>[^\[\]\n]*)"
    found = re.search(pattern, new)
    if not found:
        raise NoPlaceError
    first = f"    {found['first'].strip()},\n" if found["first"].strip() else ""
    ending = "\n" if first else ""
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
    "app/main.py": add_to_application,
    "app/models/__init__.py": add_model,
    "app/settings.py": add_setting,
    "pyproject.toml": add_requirement,
    "tests/conftest.py": add_fixture,
}
