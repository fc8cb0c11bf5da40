"""The tables that the project has, by the mappers of its models."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pkgutil import resolve_name
from typing import Any

from sqlalchemy import MetaData, Table, Uuid
from sqlalchemy.orm import DeclarativeBase

from scripts.project import BASE, load_metadata
from scripts.resource.fields import Target
from scripts.resource.model import Parent, Reference, camel_case
from scripts.resource.naming import snake_case
from scripts.resource.plurals import pluralize
from scripts.resource.record import Record
from scripts.resource.refusal import RefusedError
import kit.models

__all__ = ["Schema", "load_schema"]


@dataclass(frozen=True)
class Schema:
    """The tables, the models by table, and the records of generated resources by table."""

    base: type[DeclarativeBase]
    metadata: MetaData
    models: dict[str, type[Any]]
    records: dict[str, Record]
    # The table of the resource that is generated.
    own: str = ""

    def of_resource(self, table: str) -> "Schema":
        """Return the schema for generating a resource, which may have been generated before."""
        return replace(self, own=table)

    def attributes(self) -> frozenset[str]:
        """Return the attributes of Base, which no column may hide."""
        return frozenset(dir(self.base))

    def columns_referring_to(self, table: str) -> list[str]:
        """Return the columns of other tables that refer to a table: "products.category_id"."""
        columns = set()
        for other in self.metadata.tables.values():
            for key in other.foreign_keys:
                if other.name != table and target_table(key.target_fullname) == table:
                    columns.add(f"{other.name}.{key.parent.name}")
        return sorted(columns)

    def reference(self, target: Target) -> Reference:
        """Return an existing resource that a field refers to; raise RefusedError for others."""
        table = target.table or self.table_of(target.field)
        use = f"{target.field} refers to {table}"
        if table == self.own or self.refers_to_own(table):
            raise RefusedError(
                f"{use}, a circular reference: generate it without, and add it by hand"
            )
        model = self.model(table, use)
        return Reference(
            table=table,
            model=model.__name__,
            singular=self.singular(table),
            on_delete=target.on_delete,
            is_owned=has_mixin(model, "Owned"),
            is_soft_deleted=has_mixin(model, "SoftDeleted"),
        )

    def refers_to_own(self, table: str) -> bool:
        """Return whether a table refers to the resource that is generated."""
        columns = self.columns_referring_to(self.own)
        return any(column.startswith(f"{table}.") for column in columns)

    def table_of(self, name: str) -> str:
        """Return the table of the model with the name of a field, or the plural of the name."""
        for table, model in self.models.items():
            if model.__name__ == camel_case(name):
                return table
        return pluralize(name)

    def parent(self, table: str) -> Parent:
        """Return an existing resource to nest another in; raise RefusedError for others."""
        model = self.model(table, f"parent={table}")
        chain: tuple[Parent, ...] = ()
        singular = self.singular(table)
        path = f"/{table}"
        record = self.records.get(table)
        outer = record.arguments.get("parent") if record else None
        if outer:
            grandparent = self.parent(outer)
            chain = (*grandparent.chain, grandparent)
            path = grandparent.path_of_child(table)
        return Parent(
            table=table,
            model=model.__name__,
            singular=singular,
            plural=table,
            path=path,
            is_owned=has_mixin(model, "Owned"),
            is_soft_deleted=has_mixin(model, "SoftDeleted"),
            chain=chain,
        )

    def singular(self, table: str) -> str:
        """Return what messages call a row of a table."""
        record = self.records.get(table)
        if record is not None:
            return record.singular
        return snake_case(self.models[table].__name__)

    def model(self, table: str, use: str) -> type[Any]:
        """Return the model of a table whose primary key is a UUID named id."""
        model = self.models.get(table)
        if model is None:
            tables = ", ".join(sorted(self.models)) or "none"
            raise RefusedError(
                f"{use}, but no model has this table: generate it first; tables: {tables}"
            )
        key = list(model.__table__.primary_key.columns)
        if [column.key for column in key] != ["id"] or not isinstance(key[0].type, Uuid):
            raise RefusedError(f"{use}, but only a primary key `id` with a UUID can be referred to")
        return model


def target_table(fullname: str) -> str:
    """Return the table of "schema.table.column"."""
    return fullname.rpartition(".")[0].rpartition(".")[2]


def has_mixin(model: type, name: str) -> bool:
    """Return whether a model has a mixin of kit.models."""
    mixin = getattr(kit.models, name, ())
    return issubclass(model, mixin)


def mapped_tables(base: type[DeclarativeBase]) -> Iterator[tuple[str, type[Any]]]:
    """Yield the name of each table with its model; of several, with the most general."""
    for mapper in base.registry.mappers:
        table = mapper.local_table
        if mapper.inherits is None and isinstance(table, Table):
            yield table.name, mapper.class_


def load_schema(records: Iterable[Record]) -> Schema:
    """Import the models; raise RefusedError with the reason if that fails."""
    try:
        metadata = load_metadata()
        base: type[DeclarativeBase] = resolve_name(BASE)
    except Exception as error:  # noqa: BLE001
        # Models can raise anything.
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise RefusedError(f"{BASE} cannot be imported: {reason}") from None
    tables = dict(sorted(mapped_tables(base)))
    return Schema(base, metadata, tables, {record.plural: record for record in records})
