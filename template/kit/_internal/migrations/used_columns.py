"""Prints the columns that the models in the current folder use, as JSON by table.

base_models.py runs this file in a copy of the base branch, whose kit may be older: so it imports
only Alembic, SQLAlchemy, and what kit has had since 2.0.
"""

import io
import json
import sys
from contextlib import suppress
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Column, MetaData, event
from sqlalchemy.orm import Mapper, configure_mappers

from kit import migrations

# The key of Column.info that kit.models.unused() sets.
UNUSED = "unused"


def load_metadata(section: str) -> MetaData:
    """Return the tables that migrations/env.py passes to kit, without reading the settings."""
    loaded: list[MetaData] = []

    def keep(target_metadata: MetaData, settings_class: Any, **_: object) -> None:  # noqa: ANN401
        with suppress(AttributeError, CommandError):
            migrations.add_own_tables(target_metadata, settings_class)
        loaded.append(target_metadata)

    migrations.run = keep
    config = Config("alembic.ini", ini_section=section, output_buffer=io.StringIO())
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, scripts, as_sql=True):
        scripts.run_env()
    return loaded[0]


def used_columns(metadata: MetaData, mappers: list[Mapper[Any]]) -> dict[str, list[str]]:
    """Return the columns of each table that a model maps; of other tables, all columns."""
    mapped: dict[str, set[str]] = {}
    for mapper in mappers:
        for table in mapper.tables:
            mapped.setdefault(getattr(table, "fullname", ""), set())
        for column in mapper.columns:
            if isinstance(column, Column):
                mapped.setdefault(getattr(column.table, "fullname", ""), set()).add(column.name)
    used = {}
    for table in metadata.tables.values():
        names = mapped.get(table.fullname, set(table.columns.keys()))
        used[table.fullname] = [
            column.name
            for column in table.columns
            if column.name in names and not column.info.get(UNUSED)
        ]
    return used


def main() -> None:
    mappers: list[Mapper[Any]] = []

    def keep_mapper(mapper: Mapper[Any], _class: type) -> None:
        mappers.append(mapper)

    event.listen(Mapper, "after_mapper_constructed", keep_mapper)
    metadata = load_metadata(sys.argv[1])
    configure_mappers()
    print(json.dumps(used_columns(metadata, mappers)))  # noqa: T201


if __name__ == "__main__":
    main()
