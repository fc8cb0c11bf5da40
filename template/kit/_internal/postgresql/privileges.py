"""Missing privileges, and other reasons why a reachable server cannot be used."""

from __future__ import annotations

import re

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from kit._internal.error_texts import Obstacle
from kit._internal.postgresql.errors import ERRORS

INSUFFICIENT_PRIVILEGE = "42501"
# English messages; a message in another language is quoted.
DENIED = re.compile(
    r"(?P<what>permission denied for|must be owner of)"
    r' (?P<kind>materialized view|foreign table|\w+) "?(?P<name>[^"]+)"?$'
)
RELATIONS = {"table", "relation", "view", "materialized view", "foreign table"}
ROW_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
# Privileges of other kinds than relations; the rest need USAGE.
OTHER_PRIVILEGES = {
    "database": "CONNECT",
    "function": "EXECUTE",
    "procedure": "EXECUTE",
    "tablespace": "CREATE",
}
SQL_ASCII = Obstacle(
    "the encoding of the database is SQL_ASCII",
    "create it with ENCODING 'UTF8' TEMPLATE template0",
)
STATE_QUERY = text("""
    SELECT current_user, current_schema() IS NOT NULL AS has_schema,
        current_setting('server_encoding') AS encoding, (
            SELECT min(nspname) FROM pg_namespace
            WHERE NOT has_schema_privilege(oid, 'USAGE') AND nspname = ANY (
                string_to_array(translate(current_setting('search_path'), '" ', ''), ',')
            )
        ) AS schema
""")


def explain_denial(error: DBAPIError, role: str | None) -> Obstacle | None:
    """Return the missing privilege and how to grant it; None for any other error."""
    if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
        return None
    message = ERRORS.describe(error).partition(" (SQLSTATE")[0]
    obstacle = explain_message(message, error.statement or "", role)
    if obstacle is None:
        return Obstacle(message, "ask an administrator to do it or to grant the privilege")
    return obstacle


def explain_message(message: str, statement: str, role: str | None) -> Obstacle | None:
    """Return the privilege in the server's message and how to grant it; None if it has none."""
    denied = DENIED.search(message)
    if denied is None:
        return None
    kind, name, grantee = denied["kind"], quote(denied["name"]), quote(role or "CURRENT_ROLE")
    if denied["what"] == "must be owner of":
        return Obstacle(
            f"no ownership of {kind} {name}", f"ALTER {kind.upper()} {name} OWNER TO {grantee}"
        )
    privileges = ", ".join(needed_privileges(kind, statement))
    target = name
    if kind not in RELATIONS:
        target = f"{kind} {name}"
    grant = f"GRANT {privileges} ON {target.replace(kind, kind.upper(), 1)} TO {grantee}"
    return Obstacle(f"no {privileges} on {target}", grant)


def needed_privileges(kind: str, statement: str) -> list[str]:
    """Return the privileges that this statement needs on an object of this kind."""
    if kind in RELATIONS:
        return needed_on_relation(statement)
    if kind in {"schema", "database"} and is_definition(statement):
        return ["CREATE"]
    return [OTHER_PRIVILEGES.get(kind, "USAGE")]


def needed_on_relation(statement: str) -> list[str]:
    words = set(re.findall(r"[A-Z]+", statement.upper()))
    if is_definition(statement):
        if "TRIGGER" in words:
            return ["TRIGGER"]
        return ["REFERENCES"]
    if words & {"WHERE", "RETURNING"}:
        words.add("SELECT")
    return [privilege for privilege in ROW_PRIVILEGES if privilege in words] or ["SELECT"]


def is_definition(statement: str) -> bool:
    return statement.lstrip().upper().startswith(("CREATE", "ALTER"))


def find_obstacle(connection: Connection) -> Obstacle | None:
    """Return why the role sees no tables, although statements succeed; None if it does."""
    state = connection.execute(STATE_QUERY).one()
    if state.encoding == "SQL_ASCII":
        return SQL_ASCII
    if state.has_schema or state.schema is None:
        return None
    schema, role = quote(state.schema), quote(state.current_user)
    return Obstacle(
        f"no USAGE on schema {schema}", f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
    )


def quote(name: str) -> str:
    """Return a name as an SQL identifier."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*|CURRENT_ROLE", name):
        return name
    return '"' + name.replace('"', '""') + '"'
