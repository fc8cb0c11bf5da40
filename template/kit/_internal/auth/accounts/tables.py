"""The tables of accounts, which are part of the project's metadata and its revisions.

They refer to the project's table of users. A service that has tables of these names sets
auth_tables_prefix.
"""

from dataclasses import dataclass

from sqlalchemy import JSON, Column, ForeignKey, Integer, MetaData, String, Table

from kit._internal.auth.accounts.columns import (
    HASH_LENGTH,
    created_at,
    moment,
    random_key,
    user_key,
)
from kit._internal.auth.accounts.passkey_tables import passkey_challenges, passkeys
from kit._internal.auth.accounts.users_table import full_name, users_table
from kit._internal.auth.interface import ADDED_BY, UnsuitableModelsError
from kit.models import UTCDateTime

NAMES = (
    "credentials",
    "sessions",
    "email_tokens",
    "recovery_codes",
    "passkeys",
    "passkey_challenges",
    "api_keys",
    "roles",
    "user_roles",
    "sign_in_limits",
)


class TableTakenError(UnsuitableModelsError):
    """A model of the project has the name of a table of accounts."""


@dataclass(frozen=True)
class AccountTables:
    """The tables of accounts, and the project's table of users."""

    users: Table
    # One row for each user who can sign in with a password.
    credentials: Table
    sessions: Table
    # Tokens in links of mails, which are used once.
    email_tokens: Table
    recovery_codes: Table
    passkeys: Table
    # Of requests to register a passkey or to sign in with one, which are used once.
    passkey_challenges: Table
    api_keys: Table
    roles: Table
    user_roles: Table
    # Attempts to sign in, by account and by address.
    sign_in_limits: Table


def add_tables(metadata: MetaData, users: str, prefix: str = "") -> AccountTables:
    """Add the tables of accounts to the metadata of the project; return them.

    `users` is the name of the project's table of users, with its schema if it has one; the names of
    the tables begin with `prefix`. Called again, returns the same tables. Raises NoUsersError
    without such a table, and TableTakenError if a name is in use.
    """
    known: AccountTables | None = metadata.info.get(AccountTables)
    if known is not None:
        return known
    table = users_table(metadata, users)
    refuse_taken_names(metadata, prefix)
    role_table = roles(metadata, prefix)
    tables = AccountTables(
        users=table,
        credentials=credentials(metadata, prefix, table),
        sessions=sessions(metadata, prefix, table),
        email_tokens=email_tokens(metadata, prefix, table),
        recovery_codes=recovery_codes(metadata, prefix, table),
        passkeys=passkeys(metadata, prefix, table),
        passkey_challenges=passkey_challenges(metadata, prefix, table),
        api_keys=api_keys(metadata, prefix, table),
        roles=role_table,
        user_roles=user_roles(metadata, prefix, table, role_table),
        sign_in_limits=sign_in_limits(metadata, prefix),
    )
    for name in NAMES:
        getattr(tables, name).info[ADDED_BY] = "auth=accounts"
    metadata.info[AccountTables] = tables
    return tables


def refuse_taken_names(metadata: MetaData, prefix: str) -> None:
    """Raise TableTakenError if a model of the project has the name of a table of accounts."""
    names = [full_name(metadata, f"{prefix}{name}") for name in NAMES]
    taken = [name for name in names if name in metadata.tables]
    if taken:
        raise TableTakenError(
            f"auth=accounts has tables of its own named {', '.join(taken)}; set auth_tables_prefix"
            ' in the settings, such as "auth_"'
        )


def credentials(metadata: MetaData, prefix: str, users: Table) -> Table:
    return Table(
        f"{prefix}credentials",
        metadata,
        user_key(users, primary_key=True),
        # By argon2id, with its parameters. Null: the user has to set a password by mail.
        Column("password_hash", String(255)),
        moment("password_changed_at", nullable=True),
        # The secret of the second factor (TOTP), and the last accepted step of its clock.
        Column("totp_secret", String(64)),
        Column("totp_step", Integer),
        # A secret whose first code is still missing.
        Column("new_totp_secret", String(64)),
    )


def sessions(metadata: MetaData, prefix: str, users: Table) -> Table:
    return Table(
        f"{prefix}sessions",
        metadata,
        random_key(),
        # SHA-256 of the token: who reads the table cannot sign in with it.
        Column("token_hash", String(HASH_LENGTH), nullable=False, unique=True),
        user_key(users),
        created_at(),
        moment("last_seen_at"),
        moment("expires_at"),
        # The User-Agent of the client, shortened.
        Column("device", String(200), nullable=False),
        # When the user last entered the password, or used a passkey.
        moment("authenticated_at"),
    )


def email_tokens(metadata: MetaData, prefix: str, users: Table) -> Table:
    return Table(
        f"{prefix}email_tokens",
        metadata,
        Column("token_hash", String(HASH_LENGTH), primary_key=True),
        # Such as password_reset; see tokens.py.
        Column("purpose", String(20), nullable=False),
        Column("email", String(254), nullable=False, index=True),
        # Null: the user does not exist yet.
        user_key(users, nullable=True),
        # What the user entered to sign up, such as the name, or the roles of an invitation.
        Column("details", JSON, nullable=False),
        created_at(),
        moment("expires_at"),
    )


def recovery_codes(metadata: MetaData, prefix: str, users: Table) -> Table:
    return Table(
        f"{prefix}recovery_codes",
        metadata,
        Column("code_hash", String(HASH_LENGTH), primary_key=True),
        user_key(users),
    )


def api_keys(metadata: MetaData, prefix: str, users: Table) -> Table:
    return Table(
        f"{prefix}api_keys",
        metadata,
        random_key(),
        # The readable start of the key, by which people recognize it.
        Column("prefix", String(20), nullable=False, unique=True),
        Column("secret_hash", String(HASH_LENGTH), nullable=False),
        user_key(users),
        Column("name", String(100), nullable=False),
        Column("permissions", JSON, nullable=False),
        created_at(),
        moment("expires_at", nullable=True),
        moment("last_used_at", nullable=True),
    )


def roles(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}roles",
        metadata,
        Column("name", String(50), primary_key=True),
        # A list of texts such as users:read; "*" stands for all permissions.
        Column("permissions", JSON, nullable=False),
    )


def user_roles(metadata: MetaData, prefix: str, users: Table, roles: Table) -> Table:
    return Table(
        f"{prefix}user_roles",
        metadata,
        user_key(users, primary_key=True),
        Column(
            "role",
            String(50),
            ForeignKey(roles.columns["name"], ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
    )


def sign_in_limits(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}sign_in_limits",
        metadata,
        # A hash of the account or of the address, which are not stored.
        Column("key", String(HASH_LENGTH), primary_key=True),
        Column("count", Integer, nullable=False),
        Column("window_started_at", UTCDateTime, nullable=False, index=True),
    )
