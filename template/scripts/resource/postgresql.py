"""What PostgreSQL supports."""

# The prefix of SQLAlchemy's arguments: postgresql_where.
NAME = "postgresql"
# Of tables that the database itself has.
RESERVED_PREFIX = "pg_"
HAS_ARRAYS = True
# Digits of a decimal: https://www.postgresql.org/docs/current/datatype-numeric.html
MAX_PRECISION = 1000
# Types of columns, and the modules that they are imported from.
ARRAY_MODULE = "sqlalchemy.dialects.postgresql"
JSON_TYPE = "JSONB"
JSON_MODULE = "sqlalchemy.dialects.postgresql"
