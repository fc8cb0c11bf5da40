"""How autogenerate writes types into a revision: as public names, with the imports they need.

A revision must not change with the code, so a type of the service, a TypeDecorator, is written as
the type that it stores. Alembic documents no way to write a type but its own; `_repr_type` is that,
and `_variant_mapping` is where SQLAlchemy keeps what with_variant() was given. Checked with Alembic
1.20 and SQLAlchemy 2.1; the tests fail when they change.
"""

import sys
from types import ModuleType
from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from sqlalchemy import Dialect
from sqlalchemy.schema import DefaultClause
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import immutabledict

from kit.project import is_own_module

Type = TypeEngine[Any]


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401
    """Return how a type or a default is written; False where Alembic writes it well itself."""
    if kind == "server_default":
        return render_default(item)
    if kind != "type" or context.dialect is None:
        return False
    if item._variant_mapping or isinstance(item, TypeDecorator):  # noqa: SLF001
        stored = stored_type(item, context.dialect)
    else:
        stored = public_type(item)
    if stored is not item:
        return _repr_type(stored, context)
    if is_sqlalchemys(item):
        return False
    module = public_module(type(item))
    context.imports.add(f"import {module}")
    return f"{module}.{item!r}"


def render_default(default: object) -> str | Literal[False]:
    """Return a text that begins or ends with a quote, which Alembic would leave out."""
    text = default.arg if isinstance(default, DefaultClause) else None
    if isinstance(text, str) and (text.startswith("'") or text.endswith("'")):
        return repr(text)
    return False


def is_sqlalchemys(item: Type) -> bool:
    return type(item).__module__.partition(".")[0] == "sqlalchemy"


def stored_type(item: Type, dialect: Dialect) -> Type:
    """Return the type that this database stores: of a variant, or of a type of the service."""
    variant = item._variant_mapping.get(dialect.name)  # noqa: SLF001
    if variant is not None:
        return variant
    if isinstance(item, TypeDecorator) and not is_sqlalchemys(item):
        return item.load_dialect_impl(dialect)
    if item._variant_mapping:  # noqa: SLF001
        item = item.adapt(type(item))
        item._variant_mapping = immutabledict()  # noqa: SLF001
    return item


def public_type(item: Type) -> Type:
    """Return the public type of SQLAlchemy's in place of a driver's, or of one that extends it."""
    if not is_sqlalchemys(item) and not is_own_module(type(item).__module__):
        return item
    parents = [parent for parent in type(item).__mro__ if issubclass(parent, TypeEngine)]
    for parent in parents:
        modules = ["sqlalchemy"]
        if parent.__module__.startswith("sqlalchemy.dialects."):
            modules.append(".".join(parent.__module__.split(".")[:3]))
        if any(getattr(sys.modules[name], parent.__name__, None) is parent for name in modules):
            return item if parent is type(item) else item.adapt(parent)
    return item


def public_module(kind: type) -> str:
    """Return the shortest module from which a class can be taken by its name."""
    parts = kind.__module__.split(".")
    names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    modules: list[ModuleType] = [sys.modules[name] for name in names]
    for name, module in zip(names, modules, strict=True):
        if getattr(module, kind.__name__, None) is kind:
            return name
    return kind.__module__
