"""Keys of models: until 2.0.0 the base of all models brought `id`; since then a model names UUIDKey."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PRIMARY_KEY = re.compile(r"primary_key=True|PrimaryKeyConstraint\(")


class Keys(NamedTuple):
    """How models get their key: by the base of 1.x, or from classes that they derive from."""

    package: str
    # 1.8 adds no `id` where a model has a key of its own; older releases add it all the same.
    only_missing: bool
    mixins: frozenset[str]

    def add(self, text: str) -> str:
        """Return the code whose models name UUIDKey, as Base brings no `id` any more."""
        tree = parse(text)
        bases = set(self._bases(tree))
        lines = text.splitlines(keepends=True)
        changed = False
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and self._needs_key(node, bases, text):
                first = node.bases[0]
                line = lines[first.lineno - 1].encode()
                start, end = line[: first.col_offset], line[first.col_offset :]
                lines[first.lineno - 1] = (start + b"UUIDKey, " + end).decode()
                changed = True
        return import_key("".join(lines)) if changed else text

    def _bases(self, tree: ast.Module) -> Iterator[str]:
        """Yield the names by which a module knows the base of all models."""
        modules = {f"{self.package}.models", f"{self.package}.models.base", "base", "models"}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                for alias in node.names:
                    if alias.name == "Base":
                        yield alias.asname or alias.name

    def _needs_key(self, node: ast.ClassDef, bases: set[str], text: str) -> bool:
        names = {base.id for base in node.bases if isinstance(base, ast.Name)}
        if not names & bases or names & {"UUIDKey"} or "id" in names_of(node):
            return False
        has_own = PRIMARY_KEY.search(ast.get_source_segment(text, node) or "")
        return not (self.only_missing and (has_own or names & self.mixins))


def parse(text: str) -> ast.Module:
    """Return the tree of a module, an empty one where the text is no Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def find_base(text: str) -> ast.ClassDef | None:
    nodes = ast.walk(parse(text))
    classes = (node for node in nodes if isinstance(node, ast.ClassDef) and node.name == "Base")
    return next(classes, None)


def brings_key(text: str) -> bool:
    """Return whether the base of all models brings `id`, as a column or, in 1.8, to its tables."""
    base = find_base(text)
    return base is not None and ("id" in names_of(base) or adds_missing(text))


def adds_missing(text: str) -> bool:
    base = find_base(text)
    functions = (node for node in base.body if isinstance(node, ast.FunctionDef)) if base else ()
    return any(node.name == "__table_cls__" for node in functions)


def find_mixins(texts: Iterable[str]) -> frozenset[str]:
    """Return the classes that have a primary key, for others to derive from."""
    return frozenset(
        node.name
        for text in texts
        if PRIMARY_KEY.search(text)
        for node in ast.walk(parse(text))
        if isinstance(node, ast.ClassDef)
        and PRIMARY_KEY.search(ast.get_source_segment(text, node) or "")
    )


def names_of(node: ast.ClassDef) -> set[str]:
    """Return what the body of a class defines."""
    names = set()
    for statement in node.body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def import_key(text: str) -> str:
    """Import UUIDKey from kit.models, beside what is imported from there."""
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
