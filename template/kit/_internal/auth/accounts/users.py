"""The project's users: which model they have, and how a new one is created."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Table
from sqlalchemy.orm import ColumnProperty, DeclarativeBase, DeclarativeBaseNoMeta, Mapper

from kit._internal.auth.accounts.columns import KEY
from kit._internal.auth.accounts.users_table import NoUsersError, full_name

Model = type[DeclarativeBase]
# Returns the row of a user who signs up: `new_user(email, name)`.
NewUser = Callable[[str, str], Any]


def all_mappers(base: type) -> Iterator[Mapper[Any]]:
    """Yield the mappers of all models, some of them more than once."""
    subclasses: list[type] = base.__subclasses__()
    for subclass in subclasses:
        registry = getattr(subclass, "registry", None)
        if registry is not None:
            yield from registry.mappers
        yield from all_mappers(subclass)


def find_model(table: str, name: str | None = None) -> Model:
    """Return the model with this table; raise NoUsersError if there is none, or several.

    `name` is the module and the class of the model, if there are several. Subclasses that share
    the table of a model (single-table inheritance) do not count.
    """
    models: dict[str, Model] = {}
    for base in (DeclarativeBase, DeclarativeBaseNoMeta):
        for mapper in all_mappers(base):
            model = mapper.class_
            if mapper.inherits is None and has_table(mapper, table):
                models[f"{model.__module__}.{model.__qualname__}"] = model
    if name is not None:
        models = {key: models[key] for key in models if key == name}
    if not models:
        wanted = f"no model has the table {table}"
        if name is not None:
            wanted += f" and the name {name}"
        raise NoUsersError(f"auth=accounts needs a model of users, but {wanted}")
    if len(models) > 1:
        raise NoUsersError(
            f"these models have a table {table}: {', '.join(sorted(models))}; set auth_users_model"
            " in the settings to that of the users who sign in"
        )
    return models.popitem()[1]


def has_table(mapper: Mapper[Any], name: str) -> bool:
    """Return whether the model has this table, a view or a query not being one."""
    table = mapper.local_table
    return isinstance(table, Table) and table.key == full_name(table.metadata, name)


def attribute_of(model: Model, column: str) -> str | None:
    """Return the attribute of the model with this column, None without one."""
    for attribute in column_attributes(model):
        if attribute.columns[0].name == column:
            return attribute.key
    return None


def column_attributes(model: Model) -> list[ColumnProperty[Any]]:
    """Return the attributes of the model that are columns; expressions are none."""
    attributes = model.__mapper__.column_attrs
    return [attribute for attribute in attributes if isinstance(attribute.columns[0], Column)]


def default_new_user(model: Model) -> NewUser:
    """Return a function that creates a user with an e-mail address, and a name if it has one."""
    email_attribute = attribute_of(model, "email") or "email"
    name_attribute = attribute_of(model, "name")

    def create(email: str, name: str) -> object:
        values = {email_attribute: email}
        if name_attribute is not None:
            values[name_attribute] = name
        return model(**values)

    return create


def parse_user_id(users: Table, text: str) -> Any:  # noqa: ANN401
    """Return the id of a user from a path, with the type of the table's key.

    None if it cannot be one: not a number, or larger than the database stores.
    """
    column_type = users.columns[KEY].type
    if "\0" in text:
        return None
    try:
        value = column_type.python_type(text)
    except ValueError:
        return None
    if isinstance(value, int):
        bits = 31
        if isinstance(column_type, BigInteger):
            bits = 63
        if not 0 <= value < 2**bits:
            return None
    return value


def key_of(model: Model, users: Table, user: object) -> object:
    """Return the key of a user's row, whatever the attribute of the model is named."""
    attribute = model.__mapper__.get_property_by_column(users.columns[KEY])
    key: object = getattr(user, attribute.key)
    return key


def missing_columns(model: Model) -> list[str]:
    """Return the attributes that default_new_user() leaves without a value."""
    missing = []
    for attribute in column_attributes(model):
        column = attribute.columns[0]
        if column.name in {"email", "name"} or not isinstance(column, Column):
            continue
        has_default = column.default is not None or column.server_default is not None
        if not column.nullable and not has_default and not column.primary_key:
            missing.append(attribute.key)
    return missing


def describe_missing_columns(model: Model, setting: str) -> list[str]:
    """Return lines that say what to write if users who sign up lack a column; none otherwise.

    `setting` is the line that closes the sign-up.
    """
    missing = missing_columns(model)
    if not missing:
        return []
    values = ["email=email"]
    if "name" in model.__mapper__.column_attrs:
        values.append("name=name")
    values += [f"{column}=..." for column in missing]
    name = model.__name__
    return [
        f"users who sign up would have no {', '.join(missing)}; write the row in create_app():",
        f"  Service(..., new_user=lambda email, name: {name}({', '.join(values)}))",
        f"or give the columns of {name} a default, or close the sign-up: {setting}",
    ]
