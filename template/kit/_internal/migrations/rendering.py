"""Renders types in a revision: by public names, with the imports that they need.

A revision must not depend on the service's code, so a TypeDecorator of the service is rendered as
the type that it stores.

This module uses undocumented parts of Alembic and SQLAlchemy, which have no public equivalent:
`_repr_type` renders a type as Alembic does, and `_variant_mapping` has the types of with_variant(),
in an `sqlalchemy.util.immutabledict`. Checked with Alembic 1.20 and SQLAlchemy 2.1; tests of
autogenerate fail when they change.
"""

import re
import sys
from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Dialect, TextClause
from sqlalchemy.schema import DefaultClause
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import immutabledict

from kit.project import is_own_module

Type = TypeEngine[Any]

# A colon that SQLAlchemy would read as the start of a parameter's name.
PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w+(?!:))")


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401
    """Return the source of a type or a default; False to let Alembic render it."""
    if kind == "server_default":
        return render_default(item, context)
    if kind != "type" or context.dialect is None:
        return False
    if item._variant_mapping or isinstance(item, TypeDecorator):  # noqa: SLF001
        rendered = stored_type(item, context.dialect)
    else:
        rendered = public_type(item)
    if rendered is not item:
        return _repr_type(rendered, context)
    if is_of_sqlalchemy(item):
        return False
    module = public_module(type(item))
    context.imports.add(f"import {module}")
    return f"{module}.{item!r}"


def render_default(default: object, context: AutogenContext) -> str | Literal[False]:
    """Return a text that starts or ends with a quote, which Alembic would strip.

    Also a literal in text(): Alembic would double its percent signs and unescape its colons.
    """
    if not isinstance(default, DefaultClause):
        return False
    text = default.arg
    if isinstance(text, str) and (text.startswith("'") or text.endswith("'")):
        return repr(text)
    if isinstance(text, TextClause) and text.text.startswith("'") and text.text.endswith("'"):
        return f"{context.opts['sqlalchemy_module_prefix']}text({text.text!r})"
    return False


def render_conditions_once(ctx: MigrationContext) -> None:
    """Make Alembic write conditions, such as those of a CHECK, as SQLAlchemy has to read them.

    It doubles percent signs for the driver, which SQLAlchemy does again, and removes the backslash
    before a colon, after which SQLAlchemy reads a parameter.
    """
    render = ctx.impl.render_ddl_sql_expr

    def render_once(*arguments: Any, is_index: bool = False, **options: Any) -> str:  # noqa: ANN401
        text = render(*arguments, is_index=is_index, **options)
        if ctx.dialect.paramstyle in {"format", "pyformat"}:
            text = text.replace("%%", "%")
        if is_index:
            # A literal_column(), which has no parameters.
            return text
        return escape_colons(text)

    ctx.impl.render_ddl_sql_expr = render_once  # type: ignore[method-assign]


def escape_colons(text: str) -> str:
    """Return SQL in which SQLAlchemy finds no parameters."""
    return PARAMETER.sub(r"\\:", text)


def is_of_sqlalchemy(item: Type) -> bool:
    return type(item).__module__.partition(".")[0] == "sqlalchemy"


def stored_type(item: Type, dialect: Dialect) -> Type:
    """Return the type that this database stores for a variant or a type of the service."""
    variant = item._variant_mapping.get(dialect.name)  # noqa: SLF001
    if variant is not None:
        return variant
    if isinstance(item, TypeDecorator) and not is_of_sqlalchemy(item):
        return item.load_dialect_impl(dialect)
    if item._variant_mapping:  # noqa: SLF001
        item = item.adapt(type(item))
        item._variant_mapping = immutabledict()  # noqa: SLF001
    return item


def public_type(item: Type) -> Type:
    """Return the public SQLAlchemy type that a driver or the service extends."""
    if not is_of_sqlalchemy(item) and not is_own_module(type(item).__module__):
        return item
    for parent in type(item).__mro__:
        if issubclass(parent, TypeEngine) and is_public(parent):
            if parent is type(item):
                return item
            return item.adapt(parent)
    return item


def is_public(kind: type[Type]) -> bool:
    """Return whether `sqlalchemy` or a module such as `sqlalchemy.dialects.sqlite` exports it."""
    names = ["sqlalchemy"]
    if kind.__module__.startswith("sqlalchemy.dialects."):
        names.append(".".join(kind.__module__.split(".")[:3]))
    return any(exports(name, kind) for name in names)


def exports(module_name: str, kind: type) -> bool:
    return getattr(sys.modules[module_name], kind.__name__, None) is kind


def public_module(kind: type) -> str:
    """Return the name of the shortest module that exports a class."""
    parts = kind.__module__.split(".")
    for length in range(1, len(parts)):
        name = ".".join(parts[:length])
        if exports(name, kind):
            return name
    return kind.__module__
