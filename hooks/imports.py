"""Rewrite imports of 1.x for 2.0.0."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from files import join_lines
from locations import MODULES, NAMES, RENAMED_ATTRIBUTES, RENAMED_NAMES
from modules import parse_tree

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

IMPORT = re.compile(r"(?m)^([ \t]*)from ([\w.]+) import (\([^)]*\)|[^\n#]+?)(?=[ \t]*(?:#|$))")
PLAIN_IMPORT = re.compile(r"(?m)^([ \t]*)import ([\w.]+)(?=$|[ \t]+(?:as\b|#))")
COMMENT = re.compile(r"#[^\n]*")

OWN_DATABASE = re.compile(r"(?m)^[ \t]*(?:from [\w.]+ )?import [^\n]*\bdatabase\b")
DATABASE_ATTRIBUTE = re.compile(
    rf"(?<![\w.])((?:[\w.]+\.state\.)?database)\.({'|'.join(RENAMED_ATTRIBUTES)})\b"
)


class ImportRenamer(NamedTuple):
    """Rewrites the imports of a service to the modules and names of 2.0.0."""

    package: str
    # Names that the service still defines in its own modules.
    kept: Container[str] = ()

    def rename(self, text: str) -> str:
        """Return the code with the new imports."""
        text = self._rename_names(text)
        if "Database" not in self.kept:
            text = self._rename_attributes(text)
        text = IMPORT.sub(self._rename_from, text)
        return PLAIN_IMPORT.sub(self._rename_plain, text)

    def _in_app(self, module: str) -> str:
        """Return the name that a module has in a service with the package `app`."""
        return re.sub(rf"^{re.escape(self.package)}(?=\.|$)", "app", module)

    def _rename_names(self, text: str) -> str:
        """Return the code with new names for what it imports from the service."""
        for statement in IMPORT.finditer(text):
            names = re.findall(r"\w+", statement[3])
            for name, new in RENAMED_NAMES.get(self._in_app(statement[2]), {}).items():
                if name in names:
                    text = re.sub(rf"\b{name}\b", new, text)
        return text

    def _rename_attributes(self, text: str) -> str:
        """Return the code with the new attributes of Database, unless `database` is a module in it."""
        if OWN_DATABASE.search(text):
            return text
        return DATABASE_ATTRIBUTE.sub(
            lambda match: f"{match[1]}.{RENAMED_ATTRIBUTES[match[2]]}", text
        )

    def _rename_plain(self, statement: re.Match[str]) -> str:
        indent, module = statement.groups()
        return f"{indent}import {MODULES.get(self._in_app(module), module)}"

    def _rename_from(self, statement: re.Match[str]) -> str:
        """Return one statement, or several if its names are in several modules now."""
        indent, module, names = statement.groups()
        modules: dict[str, list[str]] = {}
        for item in split_names(names):
            target, new_item = self._locate(module, item)
            modules.setdefault(target, []).append(new_item)
        if set(modules) <= {module}:
            return statement[0]
        lines = []
        for comment in COMMENT.findall(names):
            lines.append(indent + comment.strip())
        for target, items in modules.items():
            lines.append(f"{indent}from {target} import {', '.join(sorted(set(items)))}")
        return "\n".join(lines)

    def _locate(self, module: str, item: str) -> tuple[str, str]:
        """Return the module and the name of 2.0.0 for an import of 1.x."""
        name = item.split()[0]
        old_module = self._in_app(module)
        submodule = MODULES.get(f"{old_module}.{name}")
        if submodule:
            # `from app import errors`
            target, _, last = submodule.rpartition(".")
            if " as " not in item and last != name:
                return target, f"{last} as {name}"
            return target, item
        old_name = f"{old_module}.{name}"
        if old_name in NAMES and name not in self.kept:
            return NAMES[old_name], item
        return MODULES.get(old_module, module), item


def split_names(names: str) -> Iterator[str]:
    """Yield what a statement imports: `name`, or `name as other`."""
    for item in re.split(r"[,\n]", COMMENT.sub("", names).strip("() \t\n")):
        if item.strip():
            yield " ".join(item.split())


def import_models_one_a_line(text: str) -> str:
    """Return `models/__init__.py` with an import for each model, and without `__all__`."""
    tree = parse_tree(text)
    if tree is None:
        return text
    lines = text.splitlines()
    for node in reversed(tree.body):
        start, end = node.lineno - 1, node.end_lineno or 0
        if isinstance(node, ast.ImportFrom) and not node.level:
            lines[start:end] = split_import(node, lines[start:end])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            while start and not lines[start - 1].strip():
                start -= 1
            del lines[start:end]
    return join_lines(lines)


def split_import(node: ast.ImportFrom, lines: list[str]) -> list[str]:
    """Return the comments of a statement, and a statement for each name that it imports."""
    statements = re.findall(r"#.*", "\n".join(lines))
    for alias in node.names:
        name = alias.asname or alias.name
        statements.append(f"from {node.module} import {alias.name} as {name}")
    return statements
