"""Prints the tables that migrations/env.py knows: `python -m kit._internal.testing.schema`."""

import io

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from kit.project import PROJECT_DIR


def load_target_metadata() -> MetaData:
    """Return the metadata of migrations/env.py, without connecting to a database."""
    loaded: list[MetaData] = []

    def keep_metadata(_heads: object, context: MigrationContext) -> tuple[()]:
        loaded.append(context.opts["target_metadata"])
        return ()

    config = Config(PROJECT_DIR / "alembic.ini", output_buffer=io.StringIO())
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, scripts, fn=keep_metadata, as_sql=True):
        scripts.run_env()
    return loaded[0]


def main() -> None:
    print(*load_target_metadata().tables, sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
