"""Imports and models of 1.x, as they are written since 2.0.0."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from moves import MODULES, NAMES

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
    text = IMPORT.sub(lambda found: rename_from(found, package, kept), text)
    return PLAIN_IMPORT.sub(lambda found: rename_plain(found, package), text)


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
        f"{indent}from {name} import {', '.join(sorted(items))}" for name, items in modules.items()
    ]
    return "\n".join([*comments, *lines])


def import_models_one_a_line(text: str) -> str:
    """Return `models/__init__.py` without `__all__`, which each import replaces."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
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


def has_key(base: str) -> bool:
    """Return whether the base of all models brings `id`."""
    try:
        nodes = ast.walk(ast.parse(base))
    except SyntaxError:
        return False
    classes = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == "Base"]
    return any("id" in names_of(node) for node in classes)


def names_of(node: ast.ClassDef) -> set[str]:
    """Return what the body of a class defines."""
    names = set()
    for statement in node.body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def add_keys(text: str, package: str) -> str:
    """Return the code whose models name UUIDKey, as Base brings no `id` any more."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    modules = {f"{package}.models", f"{package}.models.base"}
    bases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module in modules or (node.level and node.module in {"base", "models"}))
        for alias in node.names
        if alias.name == "Base"
    }
    lines = text.splitlines(keepends=True)
    changed = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or "id" in names_of(node):
            continue
        own = [base for base in node.bases if isinstance(base, ast.Name)]
        if not any(base.id in bases for base in own) or any(b.id == "UUIDKey" for b in own):
            continue
        first = node.bases[0]
        line = lines[first.lineno - 1].encode()
        lines[first.lineno - 1] = (
            line[: first.col_offset] + b"UUIDKey, " + line[first.col_offset :]
        ).decode()
        changed = True
    return import_key("".join(lines)) if changed else text


def import_key(text: str) -> str:
    """Import UUIDKey from kit.models, beside what is imported from there."""
    if re.search(r"(?m)^from kit\.models import [^\n(]*\bUUIDKey\b", text):
        return text
    changed, count = re.subn(
        r"(?m)^(from kit\.models import )(?=\w)([^\n#]*?)(?=\s*(#|$))",
        r"\g<1>\g<2>, UUIDKey",
        text,
        count=1,
    )
    if count:
        return changed
    return re.sub(r"(?m)^(?=from |import )", "from kit.models import UUIDKey\n", text, count=1)


def drop_keys(text: str) -> str:
    """Return a model of 2.0 for a Base that has a key of its own."""
    text = re.sub(r"(?m)^(class \w+\()UUIDKey, ", r"\1", text)
    return re.sub(r", UUIDKey$|UUIDKey, ", "", text, flags=re.MULTILINE)
