"""Names that fields and resources cannot have, with the reason."""

import builtins
import keyword

from scripts.resource.database import RESERVED_PREFIX
from scripts.resource.imports import MODULES
from scripts.resource.model import camel_case

__all__ = ["PYTHON", "reason_against_field", "reason_against_resource", "reason_against_table"]

# Words that SQL reserves: those of PostgreSQL 18 (pg_get_keywords() with the categories R and T),
# and those that SQLite does not accept as a name. A test compares them with the databases.
SQL_WORDS = """
add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between
binary both case cast check collate collation column commit concurrently constraint create cross
current_catalog current_date current_role current_schema current_time current_timestamp
current_user default deferrable delete desc distinct do drop else end escape except exists false
fetch for foreign freeze from full grant group having ilike if in index initially inner insert
intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not
nothing notnull null offset on only or order outer overlaps placing primary raise references
returning right select session_user set similar some symmetric system_user table tablesample then
to trailing transaction true union unique update user using values variadic verbose when where
window with
"""
SQL = frozenset(SQL_WORDS.split())
# Attributes of pydantic's BaseModel that begin neither with an underscore nor with `model_`.
PYDANTIC_WORDS = """
construct copy dict from_orm json parse_file parse_obj parse_raw schema schema_json
update_forward_refs validate
"""
PYDANTIC = frozenset(PYDANTIC_WORDS.split())
SQLALCHEMY = frozenset(("metadata", "registry", "type_annotation_map"))
MIXINS = frozenset(("id", "created_at", "updated_at", "owner", "version", "deleted_at"))
# Parameters of lists that are not filters of fields.
PAGE = frozenset(("limit", "cursor", "created_after", "created_before"))
# A field would hide them in the classes whose annotations and decorators use them.
ANNOTATIONS_WORDS = """
bool bytes classmethod date datetime dict float int list mapped_column object property
relationship set staticmethod str text tuple type validates
"""
ANNOTATIONS = frozenset(ANNOTATIONS_WORDS.split())
# ProductCreate is the schema of new products, so it cannot be the type of a field `create`.
SCHEMAS = frozenset(("create", "page", "query", "read", "rows", "update"))
# The first parts of paths that kit serves: a resource would hide them, or they would hide it.
PATHS = frozenset(("auth", "docs", "health", "redoc"))
PYTHON = frozenset((*map(str.lower, keyword.kwlist), "case", "match", "type"))
# The first parameters of functions that take the fields as keywords.
FIRST_PARAMETERS = frozenset(("cls", "self"))

# Names of resources whose classes or functions, such as update_version(), would have the name of
# another that their code uses.
CLASSES = frozenset(
    (
        "base",
        "idempotency_key",
        "once",
        "read_session",
        "row",
        "service_database",
        "text",
        "version",
        "write_session",
    )
)


def reason_against_field(name: str) -> str:
    """Return why no field can have this name, or an empty string."""
    reasons = {
        "a keyword of Python": PYTHON,
        "what Python calls the first parameter of a method": FIRST_PARAMETERS,
        "a column that models have already": MIXINS,
        "a parameter of every list": PAGE,
        "a name that annotations of the class use": ANNOTATIONS,
        "an attribute of Pydantic's models": PYDANTIC,
        "an attribute of SQLAlchemy's models": SQLALCHEMY,
        "a schema that every resource has": SCHEMAS,
        "a reserved word of SQL": SQL,
    }
    for reason, names in reasons.items():
        if name in names:
            return reason
    if name.startswith("model_"):
        return "reserved by Pydantic, as all names with model_"
    return ""


def reason_against_resource(name: str) -> str:
    """Return why no resource can have this name, or an empty string."""
    if name in PYTHON:
        return "a keyword of Python"
    if hasattr(builtins, camel_case(name)):
        return "a class that Python has, such as Exception"
    # Schemas do not import the model.
    if name in CLASSES or MODULES.get(camel_case(name), "kit.schemas") != "kit.schemas":
        return "the name of a class or function that the generated code imports"
    return ""


def reason_against_table(name: str) -> str:
    """Return why no table can have this name, or an empty string."""
    if name in SQL:
        return "a reserved word of SQL"
    if name.startswith(RESERVED_PREFIX):
        return "reserved by the database"
    if name in PATHS:
        return "a path of every service"
    return ""
