"""Imports and models of 1.x, as they are written since 2.0.0."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from moves import MODULES, NAMES, RENAMED_NAMES

if TYPE_CHECKING:
    from collections.abc import Container

IMPORT = re.compile(r"(?m)^([ \t]*)from ([\w.]+) import (\([^)]*\)|[^\n#]+?)(?=[ \t]*(?:#|$))")
PLAIN_IMPORT = re.compile(r"(?m)^([ \t]*)import ([\w.]+)(?=$|[ \t]+(?:as\b|#))")


def moved(name: str, package: str) -> str:
    """Return where a module of 1.x is now; `app` may be called otherwise."""
    own = re.sub(rf"^{re.escape(package)}(?=\.|$)", "app", name)
    return MODULES.get(own, name)


def rename_imports(text: str, package: str, kept: Container[str] = ()) -> str:
    """Return the code with imports from where things are now, except for names that were kept."""
    text = rename_names(text, package)
    text = IMPORT.sub(lambda found: rename_from(found, package, kept), text)
    return PLAIN_IMPORT.sub(lambda found: rename_plain(found, package), text)


def rename_names(text: str, package: str) -> str:
    """Return the code with names that are imported from the service under their new ones."""
    for found in IMPORT.finditer(text):
        own = re.sub(rf"^{re.escape(package)}(?=\.|$)", "app", found[2])
        imported = set(re.findall(r"\w+", found[3]))
        for name, new in RENAMED_NAMES.get(own, {}).items():
            if name in imported:
                text = re.sub(rf"\b{name}\b", new, text)
    return text


def rename_plain(found: re.Match[str], package: str) -> str:
    indent, module = found.groups()
    return f"{indent}import {moved(module, package)}"


def rename_from(found: re.Match[str], package: str, kept: Container[str]) -> str:
    """Return one statement, or several where its names have moved to several modules."""
    indent, module, names = found.groups()
    own = re.sub(rf"^{re.escape(package)}(?=\.|$)", "app", module)
    modules: dict[str, list[str]] = {}
    for item in re.split(r"[,\n]", re.sub(r"#[^\n]*", "", names).strip("() \t\n")):
        if not item.strip():
            continue
        name = item.split()[0]
        new = NAMES.get(f"{own}.{name}") if name not in kept else None
        target = new or MODULES.get(own) or module
        submodule = MODULES.get(f"{own}.{name}")
        if submodule:
            # `from app import errors`
            target, _, last = submodule.rpartition(".")
            item = item if " as " in item or last == name else f"{last} as {name}"
        modules.setdefault(target, []).append(" ".join(item.split()))
    if set(modules) <= {module}:
        return found[0]
    comments = [f"{indent}{comment.strip()}" for comment in re.findall(r"#[^\n]*", names)]
    lines = [
        f"{indent}from {name} import {', '.join(sorted(set(items)))}"
        for name, items in modules.items()
    ]
    return "\n".join([*comments, *lines])


def import_models_one_a_line(text: str) -> str:
    """Return `models/__init__.py` without `__all__`, which each import replaces."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return text
    lines = text.splitlines()
    for node in reversed(tree.body):
        start, end = node.lineno - 1, node.end_lineno or 0
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [(alias.name, alias.asname or alias.name) for alias in node.names]
            notes = re.findall(r"#.*", "\n".join(lines[start:end]))
            lines[start:end] = [
                *notes,
                *(f"from {node.module} import {name} as {other}" for name, other in names),
            ]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            while start and not lines[start - 1].strip():
                start -= 1
            lines[start:end] = []
    return "".join(f"{line}\n" for line in lines)
