"""Creates users and gives them roles, and deletes expired rows: `make user-create` and others.

The password is entered twice without echo, or is one line of standard input if that is no terminal.
"""

import argparse
import asyncio
import getpass
import sys
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from scripts.commands import INTERRUPTED
from scripts.project import create_app, load_metadata, load_settings
from kit._internal.auth.accounts.cleaning import clean
from kit._internal.auth.accounts.permissions import ALL
from kit._internal.auth.accounts.tables import AccountTables, add_tables
from kit._internal.auth.accounts.users import key_of
from kit._internal.auth.interface import UnsuitableModelsError
from kit._internal.database import dialect
from kit.db import Database
from kit.errors import ProblemError
from kit.schemas import Email, Name

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from kit._internal.auth.accounts.accounts import Accounts
    from kit._internal.auth.accounts.authenticator import AccountsAuthenticator
    from kit._internal.auth.accounts.settings import Settings
    from kit.application import Service

# The role that is created, with all permissions, when it is first used here.
ADMIN = "admin"


def parse(kind: Any, text: str, what: str) -> str:  # noqa: ANN401
    """Return a valid e-mail address or name, or exit with the reason."""
    try:
        value: str = TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SystemExit(f"{what} {text!r} is not valid: {reason}") from None
    return value


def read_password() -> str:
    """Return the password from the terminal, or from the first line of standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise SystemExit("the passwords differ: nothing was created")
    else:
        try:
            password = sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise SystemExit("the password is not valid UTF-8") from None
    if not password:
        raise SystemExit("password required: enter it, or pass it as a line of standard input")
    return password


def accounts_of(app: "Service") -> "Accounts":
    """Return the accounts of a service, which need not run."""
    accounts = cast("AccountsAuthenticator", app.authenticator).accounts
    accounts.own_new_user = app.new_user
    return accounts


class Users:
    """Adds and promotes users of a service."""

    def __init__(self, app: "Service", accounts: "Accounts", database: Database) -> None:
        self.app = app
        self.accounts = accounts
        self.database = database

    async def create(self, email: str, name: str, role: str) -> str:
        """Add a user with a password and a role, if any; return what was done."""
        if await self.accounts.lookup.by_email(self.database, email) is not None:
            raise SystemExit(exists(email))
        async with self.database.write_sessions.begin() as session:
            # Fails before the password is entered.
            await self.prepare(session, role)
        password_hash = await self.read_hash(email, name)
        async with self.database.write_sessions.begin() as session:
            user = self.accounts.new_user(email, name)
            session.add(user)
            try:
                await session.flush()
            except IntegrityError as error:
                reason = dialect.ERRORS.describe(error)
                raise SystemExit(f"the database refuses the user: {reason}") from None
            user_id = key_of(self.accounts.model, self.accounts.tables.users, user)
            await self.accounts.credentials.store_password(session, user_id, password_hash)
            if not role:
                return f"created {email}, who has no role"
            await self.accounts.roles.grant(session, user_id, role)
        return f"created {email}, who has the role {role}"

    async def promote(self, email: str, role: str) -> str:
        """Give a user another role, end the sessions of the user, and return what was done."""
        account = await self.accounts.lookup.by_email(self.database, email)
        if account is None:
            raise SystemExit(f"no user has the e-mail address {email}: make user-create")
        roles = self.accounts.roles
        async with self.database.write_sessions.begin() as session:
            await self.prepare(session, role)
            if role in await roles.names_of(session, account.user_id):
                return f"nothing to do: {email} has the role {role}"
            await roles.grant(session, account.user_id, role)
            await self.accounts.sessions.end_all(session, account.user_id)
        return f"{email} has the role {role} from the next sign-in on"

    async def prepare(self, session: "AsyncSession", role: str) -> None:
        """Add the role of administrators if it is missing; exit if another one is."""
        roles = await self.accounts.roles.lock(session)
        if not role or role in roles:
            return
        if role != ADMIN:
            known = ", ".join(sorted({*roles, ADMIN}))
            raise SystemExit(f"no role has the name {role}; roles: {known}")
        await self.accounts.roles.store(session, ADMIN, [ALL])

    async def read_hash(self, email: str, name: str) -> str:
        """Return the hash of a password that is read; exit if it is too easy to guess."""
        password = read_password()
        try:
            self.accounts.check_password(password, email, name)
        except ProblemError as error:
            raise SystemExit(error.detail) from None
        async with self.accounts.hasher.serve():
            return await self.accounts.hasher.hash(password)


def exists(email: str) -> str:
    return f"a user has the e-mail address {email}: make user-promote email={email} role=..."


async def change_users(arguments: argparse.Namespace) -> str:
    """Create or promote a user; return what was done."""
    email = parse(Email, arguments.email, "the e-mail address")
    app = create_app()
    accounts = accounts_of(app)
    async with app.sources[0].open(app.state.settings) as database:
        users = Users(app, accounts, database)
        if arguments.command == "promote":
            return await users.promote(email, arguments.role)
        name = parse(Name, arguments.name or email.partition("@")[0], "the name")
        return await users.create(email, name, arguments.role)


async def clean_tables() -> str:
    """Delete expired rows; return how many. Needs no settings but those of the database."""
    settings = cast("Settings", load_settings())
    tables: AccountTables = add_tables(load_metadata(), settings.auth_users_table)
    async with Database.from_settings(load_settings()) as database:
        counts = await clean(database, tables, settings)
    deleted = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"deleted: {deleted}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts.accounts", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("create", "promote"):
        command = commands.add_parser(name)
        command.add_argument("--email", required=True)
        command.add_argument("--role", default="")
        if name == "create":
            command.add_argument("--name", default="")
    commands.add_parser("clean")
    return parser.parse_args()


def main() -> None:
    """Run a command and print what was done; exit with a line about an error."""
    arguments = parse_arguments()
    try:
        if arguments.command == "clean":
            print(asyncio.run(clean_tables()))
        else:
            print(asyncio.run(change_users(arguments)))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except UnsuitableModelsError as error:
        raise SystemExit(str(error)) from None
    except StatementError as error:
        raise SystemExit(explain(error)) from None


def explain(error: StatementError) -> str:
    """Return what is wrong with the database, and what to do."""
    reason = dialect.ERRORS.describe(error)
    if isinstance(error, DBAPIError) and dialect.is_outdated(error):
        return f"the database is not migrated, make db-migrate: {reason}"
    if isinstance(error, DBAPIError) and dialect.is_unavailable(error):
        return f"the database does not answer, make db-start starts the local one: {reason}"
    return dialect.ERRORS.describe_statement(error)


if __name__ == "__main__":
    main()
