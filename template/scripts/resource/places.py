"""Where a resource is in this project: the paths of its files, and the lines in the hubs."""

import ast
from pathlib import Path

from scripts.project import CREATE_APP, PACKAGE, package_folder
from scripts.resource.hubs import Addition, Hub
from scripts.resource.model import Resource
from scripts.resource.source import parse
from kit.project import PROJECT_DIR

__all__ = ["FACTORIES", "hubs_of", "path_of"]

FACTORIES = "tests/factories.py"
# How many imports of create_app() are followed.
STEPS = 5


def path_of(name: str) -> Path:
    """Return the path of a rendered file; the package may be in src/."""
    folder = PACKAGE.replace(".", "/")
    if name.startswith(f"{folder}/"):
        return package_folder() / name.removeprefix(f"{folder}/")
    return PROJECT_DIR / name


def hubs_of(resource: Resource, factory: str) -> list[Hub]:
    """Return the files to which a resource adds statements."""
    return [models_hub(resource), app_hub(resource), factories_hub(factory)]


def models_hub(resource: Resource) -> Hub:
    path = path_of(f"{PACKAGE.replace('.', '/')}/models/__init__.py")
    prefix = f"{PACKAGE}.models."
    if has_relative_imports(path):
        prefix = "."
    names = {resource.singular: resource.model}
    if resource.is_idempotent:
        names["idempotency_key"] = "IdempotencyKey"
    additions = []
    for module, name in names.items():
        additions.append(Addition(f"from {prefix}{module} import {name} as {name}"))
    return Hub(path, tuple(additions))


def has_relative_imports(path: Path) -> bool:
    """Return whether a file imports its neighbours as `from .user import User`."""
    for node in read_tree(path).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            return True
    return False


def app_hub(resource: Resource) -> Hub:
    path, function = find_create_app()
    router = f"{resource.plural}_router"
    module = f"{PACKAGE}.{resource.folder}.routes"
    statement = f"app.include_router({router})"
    additions = [Addition(f"from {module} import router as {router}")]
    if resource.is_guarded:
        additions.append(Addition("from kit.auth import require_for"))
        guard = f'dependencies=[require_for("{resource.plural}")]'
        statement = f"app.include_router({router}, {guard})"
    additions.append(Addition(statement, function))
    return Hub(path, tuple(additions))


def find_create_app() -> tuple[Path, str]:
    """Return the file and the name of create_app(), also if a module imports it from another."""
    module, _, name = CREATE_APP.partition(":")
    path = path_of_module(module)
    for _step in range(STEPS):
        source = find_import(read_tree(path), name)
        if source is None or source.level or not (source.module or "").startswith(f"{PACKAGE}."):
            break
        path = path_of_module(source.module or "")
        for alias in source.names:
            if (alias.asname or alias.name) == name:
                name = alias.name
    return path, name


def find_import(tree: ast.Module, name: str) -> ast.ImportFrom | None:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return node
    return None


def path_of_module(module: str) -> Path:
    path = path_of(module.replace(".", "/"))
    if path.is_dir():
        return path / "__init__.py"
    return path.with_name(f"{path.name}.py")


def read_tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file; an empty one if it cannot be read."""
    try:
        return parse(path.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def factories_hub(factory: str) -> Hub:
    """Return the hub of factories, from the module with one factory."""
    additions = []
    for node in ast.parse(factory).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                single = ast.ImportFrom(module=node.module, names=[alias], level=node.level)
                additions.append(Addition(ast.unparse(single)))
        elif isinstance(node, ast.ClassDef):
            additions.append(Addition(ast.get_source_segment(factory, node) or ""))
    return Hub(PROJECT_DIR / FACTORIES, tuple(additions))
