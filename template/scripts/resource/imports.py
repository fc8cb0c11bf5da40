"""Imports of generated modules: those of the names that their code uses."""

import ast

# Modules by the names that generated code may use. Templates can import others themselves.
MODULES = {
    "Annotated": "typing",
    "Any": "typing",
    "APIRouter": "fastapi",
    "AsyncClient": "httpx",
    "BigInteger": "sqlalchemy",
    "Boolean": "sqlalchemy",
    "ClientAs": "kit.testing",
    "ConflictError": "kit.errors",
    "Database": "kit.db",
    "Date": "sqlalchemy",
    "Decimal": "decimal",
    "Depends": "fastapi",
    "ExactDecimal": "kit.models",
    "Field": "pydantic",
    "Filters": "kit.filters",
    "FiniteFloat": "kit.schemas",
    "Float": "sqlalchemy",
    "ForeignKey": "sqlalchemy",
    "Idempotency": "kit.idempotency",
    "IdempotencyKeys": "kit.models",
    "IfMatch": "kit.versions",
    "Index": "sqlalchemy",
    "Input": "kit.schemas",
    "Int32": "kit.schemas",
    "Int64": "kit.schemas",
    "Integer": "sqlalchemy",
    "JSONValue": "kit.schemas",
    "Line": "kit.schemas",
    "LinePart": "kit.schemas",
    "MISSING": "pydantic",
    "Mapped": "sqlalchemy.orm",
    "NotFoundError": "kit.errors",
    "Output": "kit.schemas",
    "Owned": "kit.models",
    "OwnedRows": "kit.auth.owners",
    "Page": "kit.pagination",
    "PageQuery": "kit.pagination",
    "Query": "fastapi",
    "Request": "fastapi",
    "Response": "fastapi",
    "RowFactory": "kit.testing.factories",
    "Rows": "kit.testing",
    "SoftDeleted": "kit.models",
    "StrEnum": "enum",
    "String": "sqlalchemy",
    "Subset": "kit.db",
    "TextEnum": "kit.models",
    "Timestamped": "kit.models",
    "UTC": "datetime",
    "UTCDateTime": "kit.models",
    "UTCTime": "kit.schemas",
    "UUID": "uuid",
    "UUIDKey": "kit.models",
    "UniqueConstraint": "sqlalchemy",
    "Uuid": "sqlalchemy",
    "Versioned": "kit.models",
    "add_row": "kit.testing.factories",
    "assert_problem": "kit.testing",
    "date": "datetime",
    "datetime": "datetime",
    "delete_version": "kit.versions",
    "etag_responses": "kit.versions",
    "idempotent": "kit.idempotency",
    "literal": "sqlalchemy",
    "location_of": "kit.responses",
    "mapped_column": "sqlalchemy.orm",
    "owned_rows": "kit.auth.owners",
    "problem_responses": "kit.errors",
    "read_page": "kit.pagination",
    "references": "kit.db",
    "select_columns": "kit.db",
    "set_etag": "kit.versions",
    "set_page_etag": "kit.versions",
    "text": "sqlalchemy",
    "timedelta": "datetime",
    "unique": "kit.db",
    "unreferenced": "kit.db",
    "update_version": "kit.versions",
    "uuid4": "uuid",
}
# Imports in another form.
RENAMED = {
    "pytest": "import pytest",
    "source": "from {package}.db import database as source",
}


def add_imports(code: str, package: str, own: dict[str, str]) -> str:
    """Return a module with the imports of names that it uses and neither imports nor defines.

    `own` are modules by names of the project, such as those of models.
    """
    tree = ast.parse(code)
    modules = {**MODULES, **own}
    lines = []
    for name in sorted(used_names(tree) - defined_names(tree)):
        if name in RENAMED:
            lines.append(RENAMED[name].format(package=package))
        elif name in modules:
            lines.append(f"from {modules[name]} import {name}")
    return insert_after_docstring(code, tree, lines)


def used_names(tree: ast.AST) -> set[str]:
    """Return the names that code reads, without those that a function defines for itself."""
    names: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        inner = used_names(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner -= local_names(node)
            inner |= used_names(node.args)
        names |= inner
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Load):
        names.add(tree.id)
    return names


def local_names(function: ast.AST) -> set[str]:
    """Return the parameters and variables of a function."""
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def defined_names(tree: ast.Module) -> set[str]:
    """Return the names that a module imports, and those of its functions, classes and constants."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def insert_after_docstring(code: str, tree: ast.Module, imports: list[str]) -> str:
    """Return the code with import lines below the docstring of the module."""
    if not imports:
        return code
    lines = code.splitlines()
    end = 0
    if ast.get_docstring(tree) is not None:
        end = tree.body[0].end_lineno or 0
    return "\n".join([*lines[:end], "", *imports, "", *lines[end:], ""])
