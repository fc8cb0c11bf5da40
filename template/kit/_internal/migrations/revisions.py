"""Checks that Python can import a revision that autogenerate has written."""

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
    """Raise CommandError for a revision that cannot be imported or uses unknown names."""
    try:
        module = import_file(path)
        problem = ", ".join(sorted(set(find_problems(Path(path), module))))
    except Exception as error:  # noqa: BLE001
        problem = f"{type(error).__name__}: {error}"
    if problem:
        raise CommandError(f"{path} cannot run: {problem}; correct or delete it before migrating")


def add_check(script: ScriptDirectory) -> None:
    """Make Alembic check the revision that it writes, after the hooks of alembic.ini."""
    script.hooks = [*script.hooks, {"_hook_name": HOOK, "type": HOOK}]


def import_file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    usual = sys.dont_write_bytecode
    # Python would not notice a correction of the file within the same second.
    sys.dont_write_bytecode = True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = usual
    return module


def find_problems(path: Path, module: ModuleType) -> Iterator[str]:
    """Yield undefined names, missing attributes of modules, and imports of the service's code."""
    text = path.read_text("utf-8")
    yield from undefined_names(text, path, module)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.alias) and is_own_submodule(node.name):
            package = node.name.partition(".")[0]
            yield f"it imports {package}, which may change: copy the type into the revision"
        if isinstance(node, ast.Attribute):
            owner = resolve(node.value, module)
            if isinstance(owner, ModuleType) and not hasattr(owner, node.attr):
                yield f"{owner.__name__} has no {node.attr}"


def undefined_names(text: str, path: Path, module: ModuleType) -> Iterator[str]:
    for scope in symtable.symtable(text, str(path), "exec").get_children():
        for symbol in scope.get_symbols():
            name = symbol.get_name()
            if symbol.is_global() and not hasattr(module, name) and not hasattr(builtins, name):
                yield f"{name} is not defined"


def is_own_submodule(name: str) -> bool:
    return "." in name and is_own_module(name)


def resolve(node: ast.expr, module: ModuleType) -> object:
    """Return the value of a name, or of an attribute of a module; None for other expressions."""
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, module)
        if isinstance(owner, ModuleType):
            return getattr(owner, node.attr, None)
    return None
