"""Keys of models: until 2.0.0 the base of all models brought `id`; since then a model names UUIDKey."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from modules import parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PRIMARY_KEY = re.compile(r"primary_key=True|PrimaryKeyConstraint\(")


class Keys(NamedTuple):
    """Finds how models get their primary key: from the base of 1.x, or from mixins."""

    package: str
    # 1.8 adds no `id` where a model has a key of its own; older releases always add it.
    only_missing: bool
    mixins: frozenset[str]

    def add(self, text: str) -> str:
        """Return the code with UUIDKey in its models: Base no longer has `id`."""
        bases = set(self._bases(text))
        lines = text.splitlines(keepends=True)
        changed = False
        for node in find_classes(text):
            if self._needs_key(node, bases, text):
                first = node.bases[0]
                line = lines[first.lineno - 1].encode()
                start, end = line[: first.col_offset], line[first.col_offset :]
                lines[first.lineno - 1] = (start + b"UUIDKey, " + end).decode()
                changed = True
        if not changed:
            return text
        return import_key("".join(lines))

    def _bases(self, text: str) -> Iterator[str]:
        """Yield the names under which a module imports the base of all models."""
        modules = {f"{self.package}.models", f"{self.package}.models.base", "base", "models"}
        for node in ast.walk(parse_tree(text) or ast.Module([], [])):
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                for alias in node.names:
                    if alias.name == "Base":
                        yield alias.asname or alias.name

    def _needs_key(self, node: ast.ClassDef, bases: set[str], text: str) -> bool:
        names = {base.id for base in node.bases if isinstance(base, ast.Name)}
        if not names & bases or "UUIDKey" in names or "id" in attributes_of(node):
            return False
        if not self.only_missing:
            return True
        return not has_primary_key(node, text) and not names & self.mixins


def find_classes(text: str) -> Iterator[ast.ClassDef]:
    """Yield the classes of a module; none if the text is not Python."""
    for node in ast.walk(parse_tree(text) or ast.Module([], [])):
        if isinstance(node, ast.ClassDef):
            yield node


def find_base(text: str) -> ast.ClassDef | None:
    for node in find_classes(text):
        if node.name == "Base":
            return node
    return None


def has_primary_key(node: ast.ClassDef, text: str) -> bool:
    return PRIMARY_KEY.search(ast.get_source_segment(text, node) or "") is not None


def brings_key(text: str) -> bool:
    """Return whether the base of all models adds `id`: as a column or, in 1.8, to its tables."""
    base = find_base(text)
    return base is not None and ("id" in attributes_of(base) or adds_missing_key(text))


def adds_missing_key(text: str) -> bool:
    """Return whether this is the base of 1.8, which adds `id` to tables without a primary key."""
    base = find_base(text)
    if base is None:
        return False
    for node in base.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__table_cls__":
            return True
    return False


def find_mixins(texts: Iterable[str]) -> frozenset[str]:
    """Return the classes with a primary key that models derive from."""
    mixins = set()
    for text in filter(PRIMARY_KEY.search, texts):
        for node in find_classes(text):
            if has_primary_key(node, text):
                mixins.add(node.name)
    return frozenset(mixins)


def attributes_of(node: ast.ClassDef) -> set[str]:
    """Return the names that the body of a class assigns or annotates."""
    names = set()
    for statement in node.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
            targets = [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                names.add(target.id)
    return names


def import_key(text: str) -> str:
    """Add UUIDKey to the imports from kit.models."""
    if re.search(r"(?m)^from kit\.models import [^\n(]*\bUUIDKey\b", text):
        return text
    pattern = r"(?m)^(from kit\.models import )(?=\w)([^\n#]*?)(?=\s*(#|$))"
    changed, count = re.subn(pattern, r"\g<1>\g<2>, UUIDKey", text, count=1)
    if count:
        return changed
    return re.sub(r"(?m)^(?=from |import )", "from kit.models import UUIDKey\n", text, count=1)


def drop_keys(text: str) -> str:
    """Return a model of 2.0 for a Base that has a key of its own."""
    text = re.sub(r"(?m)^(class \w+\()UUIDKey, ", r"\1", text)
    return re.sub(r", UUIDKey$|UUIDKey, ", "", text, flags=re.MULTILINE)
