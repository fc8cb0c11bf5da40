"""The project's table of users: whether accounts can refer to it."""

from sqlalchemy import MetaData, Table, UniqueConstraint

from kit._internal.auth.accounts.columns import KEY
from kit._internal.auth.interface import UnsuitableModelsError


class NoUsersError(UnsuitableModelsError):
    """The project has no table of users, or it lacks a column."""


def full_name(metadata: MetaData, name: str) -> str:
    """Return the name of a table in MetaData.tables: with the schema of the metadata, if any."""
    if metadata.schema is None or "." in name:
        return name
    return f"{metadata.schema}.{name}"


def users_table(metadata: MetaData, name: str) -> Table:
    """Return the project's table of users; raise NoUsersError if it is missing or unsuitable."""
    table = metadata.tables.get(full_name(metadata, name))
    if table is None:
        raise NoUsersError(
            f"auth=accounts needs a model of users: no model has the table {name};"
            " set auth_users_table in the settings to the name of yours"
        )
    for column in (KEY, "email", "is_active"):
        if column not in table.columns:
            raise NoUsersError(f"auth=accounts needs the column {column} in the table {name}")
    if [column.name for column in table.primary_key] != [KEY]:
        raise NoUsersError(f"auth=accounts needs {KEY} as the primary key of the table {name}")
    if not is_unique(table, "email"):
        raise NoUsersError(
            f"auth=accounts needs unique e-mail addresses: add unique=True to the column email of"
            f" the table {name}, and write a revision"
        )
    return table


def is_unique(table: Table, name: str) -> bool:
    """Return whether a constraint or an index, also of lower(), makes a column unique."""
    column = table.columns[name]
    if column.unique:
        return True
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint) and [*constraint.columns] == [column]:
            return True
    for index in table.indexes:
        expressions = [str(expression) for expression in index.expressions]
        if index.unique and len(expressions) == 1 and name in expressions[0]:
            return True
    return False
