"""Which models accounts fit to, and what they say to others."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    column,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column
from sqlalchemy.types import TypeEngine

from kit._internal.auth.accounts.tables import (
    NAMES,
    TableTakenError,
    add_tables,
)
from kit._internal.auth.accounts.users import default_new_user, find_model, missing_columns
from kit._internal.auth.accounts.users_table import NoUsersError
from kit._internal.auth.interface import ADDED_BY

Columns = list[Any]


def columns(*, key: TypeEngine[Any] | None = None, unique: bool = True) -> Columns:
    """Return the columns that accounts need; the key is a UUID by default."""
    return [
        Column("id", key or Uuid(), primary_key=True),
        Column("email", String, unique=unique, nullable=False),
        Column("is_active", Boolean, nullable=False),
    ]


def add_to(items: Columns, *, schema: str | None = None) -> MetaData:
    """Return metadata with these columns as the table of users, and the tables of accounts."""
    metadata = MetaData(schema=schema)
    Table("users", metadata, *items)
    add_tables(metadata, "users")
    return metadata


def targets(key: Column[Any]) -> Columns:
    """Return the columns to which a column refers."""
    return [reference.column for reference in key.foreign_keys]


def test_tables_are_added_once() -> None:
    metadata = MetaData()
    Table("users", metadata, *columns())
    assert add_tables(metadata, "users") is add_tables(metadata, "users")
    assert metadata.tables.keys() == {"users", *NAMES}


def test_tables_say_which_answer_has_added_them() -> None:
    tables = add_to(columns()).tables
    assert {name for name in tables if ADDED_BY in tables[name].info} == {*NAMES}


@pytest.mark.parametrize("key", [Uuid(), Integer(), BigInteger(), String(20)])
def test_users_have_keys_of_any_type(key: TypeEngine[Any]) -> None:
    tables = add_to(columns(key=key)).tables
    kind = type(tables["users"].columns["id"].type)
    for name in {*NAMES} - {"roles", "sign_in_limits"}:
        assert type(tables[name].columns["user_id"].type) is kind


def test_own_tables_keep_their_names() -> None:
    metadata = MetaData()
    Table("users", metadata, *columns())
    Table("sessions", metadata, Column("id", Integer, primary_key=True))
    Table("roles", metadata, Column("id", Integer, primary_key=True))
    with pytest.raises(TableTakenError, match=r"sessions, roles; set auth_tables_prefix"):
        add_tables(metadata, "users")
    tables = add_tables(metadata, "users", "auth_")
    assert tables.sessions.name == "auth_sessions"
    assert targets(tables.user_roles.columns["role"]) == [tables.roles.columns["name"]]


def test_tables_are_in_the_schema_of_the_metadata() -> None:
    tables = add_to(columns(), schema="crm").tables
    assert tables.keys() == {"crm.users", *(f"crm.{name}" for name in NAMES)}
    key = tables["crm.sessions"].columns["user_id"]
    assert targets(key) == [tables["crm.users"].columns["id"]]


def test_users_may_be_in_another_schema() -> None:
    metadata = MetaData()
    Table("users", metadata, *columns(), schema="crm")
    assert add_tables(metadata, "crm.users").sessions.schema is None


def test_service_without_users_is_told() -> None:
    with pytest.raises(NoUsersError, match=r"no model has the table users; set auth_users_table"):
        add_tables(MetaData(), "users")


@pytest.mark.parametrize("name", ["id", "email", "is_active"])
def test_users_have_the_columns_that_accounts_need(name: str) -> None:
    items = [item for item in columns() if item.name != name]
    with pytest.raises(NoUsersError, match=f"needs the column {name} in the table users"):
        add_to([*items, Column("tenant_id", Integer, primary_key=True)])


def test_id_is_the_whole_key() -> None:
    with pytest.raises(NoUsersError, match="needs id as the primary key of the table users"):
        add_to([*columns(), Column("tenant_id", Integer, primary_key=True)])


@pytest.mark.parametrize(
    "unique",
    [
        lambda: UniqueConstraint("email"),
        lambda: Index("ix", "email", unique=True),
        lambda: Index("ix", func.lower(column("email")), unique=True),
    ],
)
def test_addresses_are_unique_by_a_constraint_or_an_index(unique: Callable[[], Any]) -> None:
    assert "sessions" in add_to([*columns(unique=False), unique()]).tables


@pytest.mark.parametrize(
    "not_unique",
    [
        lambda: Column("tenant_id", Integer),
        lambda: UniqueConstraint("email", "is_active"),
        lambda: Index("ix", "email"),
        lambda: Index("ix", "email", "is_active", unique=True),
    ],
)
def test_two_users_may_not_share_an_address(not_unique: Callable[[], Any]) -> None:
    with pytest.raises(NoUsersError, match="needs unique e-mail addresses"):
        add_to([*columns(unique=False), not_unique()])


def test_model_of_another_database_is_not_taken_by_chance() -> None:
    class Base(DeclarativeBase):
        pass

    class OtherBase(DeclarativeBase):
        pass

    class Member(Base):
        __tablename__ = "members_of_two"
        id: Mapped[int] = mapped_column(primary_key=True)

    class OldMember(OtherBase):
        __tablename__ = "members_of_two"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(NoUsersError, match=r"OldMember; set auth_users_model in the settings"):
        find_model("members_of_two")
    name = f"{Member.__module__}.{Member.__qualname__}"
    assert find_model("members_of_two", name) is Member
    with pytest.raises(NoUsersError, match=r"and the name app\.models\.Member"):
        find_model("members_of_two", "app.models.Member")
    assert OldMember.metadata is not Member.metadata


def test_subclasses_in_the_same_table_do_not_count() -> None:
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "people_of_one_table"
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]

    class Manager(Person):
        __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012

    assert find_model("people_of_one_table") is Person
    assert Manager.__table__ is Person.__table__


def test_model_in_a_schema_is_found() -> None:
    class Base(DeclarativeBase):
        metadata = MetaData(schema="crm")

    class Customer(Base):
        __tablename__ = "customers_in_schema"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert find_model("customers_in_schema") is Customer
    assert find_model("crm.customers_in_schema") is Customer


class RenamedBase(DeclarativeBase):
    pass


class Reader(RenamedBase):
    """A model whose attributes differ from its columns, with an expression and a needed column."""

    __tablename__ = "readers_of_models"
    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column("email", unique=True)
    full_name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    note: Mapped[str | None]
    shout: Mapped[str] = column_property(func.upper(address))


def test_new_user_has_the_address_whatever_its_attribute_is_called() -> None:
    user = default_new_user(Reader)("ada@example.com", "Ada")
    assert isinstance(user, Reader)
    assert user.address == "ada@example.com"


def test_columns_without_a_value_are_named() -> None:
    assert missing_columns(Reader) == ["full_name"]
