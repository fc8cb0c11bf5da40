"""Checks a revision that autogenerate has just written: Python has to understand it."""

import ast
import builtins
import importlib.util
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from alembic.script import ScriptDirectory, write_hooks
from alembic.util import CommandError

from kit.project import is_own_module

HOOK = "check_names"


@write_hooks.register(HOOK)
def check_names(path: str, _options: object) -> None:
    """Raise CommandError for a revision that cannot be imported, or uses unknown names."""
    try:
        module = load(path)
        problem = ", ".join(sorted(set(missing_names(Path(path), module))))
    except Exception as error:  # noqa: BLE001
        problem = f"{type(error).__name__}: {error}"
    if problem:
        raise CommandError(f"{path} cannot run: {problem}; correct or delete it before migrating")


def add_check(script: ScriptDirectory) -> None:
    """Have Alembic check what it writes, after the hooks of alembic.ini."""
    script.hooks = [*script.hooks, {"_hook_name": HOOK, "type": HOOK}]


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    is_written = sys.dont_write_bytecode
    # It may be corrected within the same second, which Python would not notice.
    sys.dont_write_bytecode = True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = is_written
    return module


def missing_names(path: Path, module: ModuleType) -> Iterator[str]:
    """Yield names that nothing defines, attributes that modules lack, and imports of the code."""
    text = path.read_text("utf-8")
    for scope in symtable.symtable(text, str(path), "exec").get_children():
        for symbol in scope.get_symbols():
            name = symbol.get_name()
            if symbol.is_global() and not hasattr(module, name) and not hasattr(builtins, name):
                yield f"{name} is not defined"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.alias) and is_own_submodule(node.name):
            package = node.name.partition(".")[0]
            yield f"it imports {package}, which will change: copy the type into the revision"
        if isinstance(node, ast.Attribute):
            owner = resolve(node.value, module)
            if isinstance(owner, ModuleType) and not hasattr(owner, node.attr):
                yield f"{owner.__name__} has no {node.attr}"


def is_own_submodule(name: str) -> bool:
    return "." in name and is_own_module(name)


def resolve(node: ast.expr, module: ModuleType) -> object:
    """Return the module that an expression names, if it does."""
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, module)
        return getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
    return None
